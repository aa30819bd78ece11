/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "services/mond/sdt.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#define NOTE_OWNER "stapsdt"
#define NOTE_TYPE  3

/* Uprobes take offsets in the file, notes have addresses: the segment that holds one says the
 * other. */
static uint64_t
file_offset(Elf *elf, uint64_t address)
{
	size_t count, i;
	GElf_Phdr phdr;

	if (elf_getphdrnum(elf, &count) != 0) {
		return 0;
	}
	for (i = 0; i < count; i++) {
		if (gelf_getphdr(elf, (int)i, &phdr) != NULL && phdr.p_type == PT_LOAD &&
		    address >= phdr.p_vaddr && address < phdr.p_vaddr + phdr.p_filesz) {
			return address - phdr.p_vaddr + phdr.p_offset;
		}
	}
	return 0;
}

/* The string at *at, which must end before `end`; *at moves behind it. NULL if it does not end. */
static const char *
take_string(const char **at, const char *end)
{
	const char *str = *at, *zero = memchr(str, '\0', (size_t)(end - str));

	if (zero == NULL) {
		return NULL;
	}
	*at = zero + 1;
	return str;
}

static bool
parse_note(Elf *elf, const char *desc, size_t len, uint64_t base_moved, const char *provider,
           const char *name, struct sdt_site *site)
{
	const char *at = desc + 24, *end = desc + len, *found_provider, *found_name;
	uint64_t addr[3]; /* probe, base, semaphore */

	if (len < 24) {
		return false;
	}
	memcpy(addr, desc, sizeof(addr));
	found_provider = take_string(&at, end);
	found_name = found_provider != NULL ? take_string(&at, end) : NULL;
	if (found_name == NULL || strcmp(found_provider, provider) != 0 ||
	    strcmp(found_name, name) != 0) {
		return false;
	}
	if (base_moved != 0 && addr[1] != 0) {
		/* The file was prelinked after the note was written. */
		addr[0] += base_moved - addr[1];
		addr[2] += addr[2] != 0 ? base_moved - addr[1] : 0;
	}
	site->offset = file_offset(elf, addr[0]);
	site->semaphore = addr[2] != 0 ? file_offset(elf, addr[2]) : 0;
	return site->offset != 0;
}

static int
scan_notes(Elf *elf, Elf_Data *data, uint64_t base_moved, const char *provider, const char *name,
           struct sdt_site *sites, size_t max, size_t found)
{
	size_t at = 0, next, name_at, desc_at;
	GElf_Nhdr nhdr;

	while ((next = gelf_getnote(data, at, &nhdr, &name_at, &desc_at)) > 0) {
		const char *bytes = data->d_buf;

		if (nhdr.n_type == NOTE_TYPE && nhdr.n_namesz == sizeof(NOTE_OWNER) &&
		    memcmp(bytes + name_at, NOTE_OWNER, sizeof(NOTE_OWNER)) == 0 && found < max &&
		    parse_note(elf, bytes + desc_at, nhdr.n_descsz, base_moved, provider, name,
		               &sites[found])) {
			found++;
		}
		at = next;
	}
	return (int)found;
}

int
sdt_find(const char *path, const char *provider, const char *name, struct sdt_site *sites,
         size_t max)
{
	uint64_t base_moved = 0;
	Elf_Scn *section = NULL;
	size_t names;
	int fd, found = 0;
	Elf *elf;

	if (elf_version(EV_CURRENT) == EV_NONE) {
		return -ENOEXEC;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return -errno;
	}
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (elf == NULL || elf_kind(elf) != ELF_K_ELF || elf_getshdrstrndx(elf, &names) != 0) {
		found = -ENOEXEC;
		goto out;
	}
	while ((section = elf_nextscn(elf, section)) != NULL) {
		GElf_Shdr shdr;
		const char *title;

		if (gelf_getshdr(section, &shdr) == NULL) {
			continue;
		}
		title = elf_strptr(elf, names, shdr.sh_name);
		if (title != NULL && strcmp(title, ".stapsdt.base") == 0) {
			base_moved = shdr.sh_addr;
		}
	}
	section = NULL;
	while ((section = elf_nextscn(elf, section)) != NULL) {
		GElf_Shdr shdr;
		Elf_Data *data;

		if (gelf_getshdr(section, &shdr) == NULL || shdr.sh_type != SHT_NOTE) {
			continue;
		}
		data = elf_getdata(section, NULL);
		if (data != NULL) {
			found = scan_notes(elf, data, base_moved, provider, name, sites, max,
			                   (size_t)found);
		}
	}
	if (found == 0) {
		found = -ENOENT;
	}
out:
	if (elf != NULL) {
		elf_end(elf);
	}
	close(fd);
	return found;
}
