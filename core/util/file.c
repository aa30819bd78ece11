/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "spdk/file.h"

#define FIRST_PIECE (64ul * 1024)
#define FILE_MAX    (1024ul * 1024 * 1024)

void *
spdk_posix_file_load(FILE *file, size_t *size)
{
	size_t room = 0, used = 0, n;
	uint8_t *data = NULL, *more;

	*size = 0;
	do {
		if (used == room) {
			room = room == 0 ? FIRST_PIECE : room * 2;
			more = room <= FILE_MAX ? realloc(data, room) : NULL;
			if (more == NULL) {
				free(data);
				return NULL;
			}
			data = more;
		}
		n = fread(data + used, 1, room - used, file);
		used += n;
	} while (n > 0);
	if (ferror(file)) {
		free(data);
		return NULL;
	}
	*size = used;
	return data;
}

void *
spdk_posix_file_load_from_name(const char *file_name, size_t *size)
{
	FILE *file = fopen(file_name, "re");
	void *data = NULL;

	*size = 0;
	if (file != NULL) {
		data = spdk_posix_file_load(file, size);
		fclose(file);
	}
	return data;
}

__attribute__((format(printf, 2, 0))) static int
attribute_read(char **attribute, const char *path_format, va_list args)
{
	char path[PATH_MAX], *line = NULL;
	size_t room = 0;
	ssize_t len;
	FILE *file;
	int rc = 0;

	len = vsnprintf(path, sizeof(path), path_format, args);
	if (len < 0 || len >= (ssize_t)sizeof(path)) {
		return -ENAMETOOLONG;
	}
	file = fopen(path, "re");
	if (file == NULL) {
		return -errno;
	}
	errno = 0;
	len = getline(&line, &room, file);
	if (len < 0) {
		/* Some attributes are there and have nothing to say. */
		rc = errno != 0 ? -errno : -ENOENT;
		free(line);
	} else {
		line[strcspn(line, "\n")] = '\0';
		*attribute = line;
	}
	fclose(file);
	return rc;
}

int
spdk_read_sysfs_attribute(char **attribute, const char *path_format, ...)
{
	va_list args;
	int rc;

	va_start(args, path_format);
	rc = attribute_read(attribute, path_format, args);
	va_end(args);
	return rc;
}

int
spdk_read_sysfs_attribute_uint32(uint32_t *attribute, const char *path_format, ...)
{
	char *text = NULL, *end;
	long long value;
	va_list args;
	int rc;

	va_start(args, path_format);
	rc = attribute_read(&text, path_format, args);
	va_end(args);
	if (rc != 0 || text == NULL) {
		return rc;
	}
	errno = 0;
	value = strtoll(text, &end, 0);
	if (end == text || *end != '\0') {
		rc = -EINVAL;
	} else if (errno != 0 || value < 0 || value > UINT32_MAX) {
		rc = -ERANGE;
	} else {
		*attribute = (uint32_t)value;
	}
	free(text);
	return rc;
}
