/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include <sys/mman.h>

#include "core/app/app_opts.h"
#include "spdk/env.h"
#include "spdk/event.h"
#include "tests/unit/test.h"

static char g_err[256];

static int
take(struct spdk_app_opts *out, const struct spdk_app_opts *user)
{
	g_err[0] = '\0';
	return app_opts_take(out, user, g_err, sizeof(g_err));
}

static struct spdk_app_opts
good(void)
{
	struct spdk_app_opts opts;

	spdk_app_opts_init(&opts, sizeof(opts));
	opts.name = "test";
	return opts;
}

static void
defaults_are_completed(void)
{
	struct spdk_app_opts user = good(), out;

	CHECK_EQ(take(&out, &user), 0);
	CHECK_STR(out.rpc_addr, "/var/tmp/spdk.sock");
	CHECK_STR(out.reactor_mask, "0x1");
	CHECK_EQ(out.mem_size, APP_DEFAULT_MEM_MB);
	CHECK_EQ(out.shm_id, -1);
	CHECK_EQ(out.base_virtaddr, 0x200000000000ull);
	CHECK_EQ(out.num_entries, 32768);
	CHECK_EQ(out.print_level, SPDK_LOG_INFO);
	CHECK_EQ(out.rpc_log_level, SPDK_LOG_DISABLED);
}

/* --- opts_size -------------------------------------------------------------------------------- */

#define FIELD(name_, offset_)                                           \
	{                                                               \
#name_, offset_, offsetof(struct spdk_app_opts, name_), \
			sizeof(((struct spdk_app_opts *)NULL)->name_)   \
	}

/* NOLINTBEGIN(bugprone-sizeof-expression): pointers are meant */
/* Where each field is in SPDK v26.05's structure. */
static const struct field {
	const char *name;
	size_t spdk;
	size_t ours;
	size_t size;
} g_layout[] = {
	FIELD(name, 0),
	FIELD(json_config_file, 8),
	FIELD(json_config_ignore_errors, 16),
	FIELD(rpc_addr, 24),
	FIELD(reactor_mask, 32),
	FIELD(tpoint_group_mask, 40),
	FIELD(shm_id, 48),
	FIELD(shutdown_cb, 56),
	FIELD(enable_coredump, 64),
	FIELD(mem_channel, 68),
	FIELD(main_core, 72),
	FIELD(mem_size, 76),
	FIELD(no_pci, 80),
	FIELD(hugepage_single_segments, 81),
	FIELD(unlink_hugepage, 82),
	FIELD(no_huge, 83),
	FIELD(hugedir, 88),
	FIELD(print_level, 96),
	FIELD(num_pci_addr, 104),
	FIELD(pci_blocked, 112),
	FIELD(pci_allowed, 120),
	FIELD(iova_mode, 128),
	FIELD(delay_subsystem_init, 136),
	FIELD(num_entries, 144),
	FIELD(env_context, 152),
	FIELD(log, 160),
	FIELD(base_virtaddr, 168),
	FIELD(opts_size, 176),
	FIELD(disable_signal_handlers, 184),
	FIELD(interrupt_mode, 185),
	FIELD(enforce_numa, 186),
	FIELD(num_trace_threads, 188),
	FIELD(msg_mempool_size, 192),
	FIELD(rpc_allowlist, 200),
	FIELD(vf_token, 208),
	FIELD(lcore_map, 216),
	FIELD(rpc_log_level, 224),
	FIELD(rpc_log_file, 228),
	FIELD(json_data, 236),
	FIELD(json_data_size, 244),
	FIELD(disable_cpumask_locks, 252),
};
/* NOLINTEND(bugprone-sizeof-expression) */
#define NUM_FIELDS (sizeof(g_layout) / sizeof(g_layout[0]))

static void
layout_is_spdks(void)
{
	size_t i;

	for (i = 0; i < NUM_FIELDS; i++) {
		if (g_layout[i].spdk != g_layout[i].ours) {
			printf("\n%s is at %zu, SPDK has it at %zu\n", g_layout[i].name,
			       g_layout[i].ours, g_layout[i].spdk);
			CHECK(false);
		}
	}
	CHECK_EQ(sizeof(struct spdk_app_opts), 253);
}

/* A structure of `size` bytes with a page behind it that nobody may touch: to write or read one
 * byte too many ends the test. */
static struct spdk_app_opts *
guarded(size_t size)
{
	static unsigned char *pages;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (pages == NULL) {
		pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		             -1, 0);
		REQUIRE(pages != MAP_FAILED);
		REQUIRE(mprotect(pages + page, page, PROT_NONE) == 0);
	}
	memset(pages, 0xa5, page);
	return (struct spdk_app_opts *)(void *)(pages + page - size);
}

#define SMALLEST (offsetof(struct spdk_app_opts, opts_size) + sizeof(size_t))

/* Of every size there ever was or will be: never written past its end, and what lies behind the
 * fields that we know is zero. */
static void
init_stays_inside_every_size(void)
{
	struct spdk_app_opts whole;
	const unsigned char *raw, *all = (unsigned char *)&whole;
	size_t size, i;

	spdk_app_opts_init(&whole, sizeof(whole));
	for (size = 1; size <= sizeof(whole) + 300; size++) {
		struct spdk_app_opts *user = guarded(size);

		spdk_app_opts_init(user, size);
		raw = (unsigned char *)user;
		CHECK_EQ(raw[-1], 0xa5);
		for (i = 0; i < size; i++) {
			bool is_size = i >= SMALLEST - sizeof(size_t) && i < SMALLEST;
			unsigned char wanted = i < sizeof(whole) ? all[i] : 0;

			if (!is_size && raw[i] != wanted) {
				printf("\nsize %zu, byte %zu: %02x\n", size, i, raw[i]);
				CHECK(false);
			}
		}
		if (size >= SMALLEST) {
			CHECK_EQ(user->opts_size, size);
		}
	}
	/* No size is no structure. */
	raw = (unsigned char *)guarded(1);
	spdk_app_opts_init((struct spdk_app_opts *)(uintptr_t)raw, 0);
	CHECK_EQ(raw[0], 0xa5);
	spdk_app_opts_init(NULL, sizeof(whole));
}

#define SET(field_, value_)                                                               \
	if (offsetof(struct spdk_app_opts, field_) + sizeof(user->field_) <= user_size) { \
		user->field_ = value_;                                                    \
	}

/* NOLINTBEGIN(bugprone-sizeof-expression): pointers are meant */
static void
set_all(struct spdk_app_opts *user, size_t user_size)
{
	static int something;

	SET(name, "old")
	SET(json_config_file, "f")
	SET(json_config_ignore_errors, true)
	SET(rpc_addr, "/r")
	SET(reactor_mask, "0x2")
	SET(shm_id, 4)
	SET(shutdown_cb, (spdk_app_shutdown_cb)(uintptr_t)&something)
	SET(enable_coredump, false)
	SET(mem_channel, 2)
	SET(main_core, 1)
	SET(mem_size, 64)
	SET(no_pci, true)
	SET(hugepage_single_segments, true)
	SET(unlink_hugepage, true)
	SET(no_huge, true)
	SET(hugedir, "/h")
	SET(print_level, SPDK_LOG_ERROR)
	SET(num_pci_addr, 1)
	SET(pci_blocked, (struct spdk_pci_addr *)(void *)&something)
	SET(iova_mode, "pa")
	SET(delay_subsystem_init, true)
	SET(num_entries, 7)
	SET(env_context, &something)
	SET(log, (spdk_log_cb *)(uintptr_t)&something)
	SET(base_virtaddr, 0x1000)
	SET(disable_signal_handlers, true)
	SET(interrupt_mode, true)
	SET(enforce_numa, true)
	SET(num_trace_threads, 3)
	SET(msg_mempool_size, 5)
	SET(rpc_allowlist, (const char **)(void *)&something)
	SET(vf_token, "t")
	SET(rpc_log_level, SPDK_LOG_DEBUG)
	SET(rpc_log_file, stdin)
	SET(json_data_size, 9)
	SET(disable_cpumask_locks, true)
}
/* NOLINTEND(bugprone-sizeof-expression) */

/* A caller of each age, down to one that knows the name alone: fields that end within its size are
 * taken, and the others have our defaults, whatever stands there. */
static void
every_age_of_caller_is_understood(void)
{
	struct spdk_app_opts defaults, out, *user;
	size_t size, i;

	spdk_app_opts_init(&defaults, sizeof(defaults));
	defaults.reactor_mask = "0x1";
	defaults.mem_size = APP_DEFAULT_MEM_MB;
	for (size = sizeof(char *); size <= sizeof(defaults); size++) {
		/* Its own size can be said in any case; what else is behind it is garbage. */
		user = guarded(size > SMALLEST ? size : SMALLEST);
		spdk_app_opts_init(user, size);
		set_all(user, size);
		user->opts_size = size;
		CHECK_EQ(take(&out, user), 0);
		CHECK_EQ(out.opts_size, sizeof(out));
		for (i = 0; i < NUM_FIELDS; i++) {
			const struct field *f = &g_layout[i];
			bool known = f->ours + f->size <= size;
			const char *wanted = (char *)(known ? user : &defaults) + f->ours;
			const char *got = (char *)&out + f->ours;
			bool is_text = strcmp(f->name, "reactor_mask") == 0;

			if (strcmp(f->name, "opts_size") == 0 ||
			    (is_text ? strcmp(out.reactor_mask, known ? "0x2" : "0x1") == 0
			             : memcmp(got, wanted, f->size) == 0)) {
				continue;
			}
			printf("\nsize %zu: %s is not the %s\n", size, f->name,
			       known ? "caller's" : "default");
			CHECK(false);
		}
	}
}

/* One compiled against a newer header has more: what we do not know is not looked at. */
static void
a_longer_structure_is_understood(void)
{
	size_t size = sizeof(struct spdk_app_opts) + 100;
	struct spdk_app_opts *user = guarded(size), out, known, plain = good();

	spdk_app_opts_init(user, size);
	user->name = plain.name;
	memset((char *)user + sizeof(*user), 0xff, size - sizeof(*user));
	CHECK_EQ(take(&out, user), 0);
	CHECK_EQ(take(&known, &plain), 0);
	CHECK_EQ(memcmp(&out, &known, sizeof(out)), 0);
	/* A size that is a lie, as large as can be, is no reason to read on. */
	user = guarded(sizeof(*user));
	*user = good();
	user->opts_size = SIZE_MAX;
	CHECK_EQ(take(&out, user), 0);
}

/* --- contradictions --------------------------------------------------------------------------- */

#define REFUSED(rc_, change_, word_)                       \
	do {                                               \
		struct spdk_app_opts user_ = good(), out_; \
		struct spdk_app_opts *u = &user_;          \
		change_;                                   \
		CHECK_EQ(take(&out_, u), rc_);             \
		CHECK(strstr(g_err, word_) != NULL);       \
	} while (0)

/* The values are those that SPDK's spdk_app_start() returns for the same options. */
static void
contradictions_are_refused_with_spdks_codes(void)
{
	static char data[] = "{}", long_path[200];
	struct spdk_pci_addr addr = {};
	struct spdk_app_opts out;

	memset(long_path, 'x', sizeof(long_path) - 1);
	CHECK_EQ(take(&out, NULL), 1);
	REFUSED(1, u->opts_size = 0, "opts_size is 0");
	REFUSED(1, u->opts_size = 7, "name");
	REFUSED(1, u->name = NULL, "name");
	REFUSED(1, (u->json_config_file = "f", u->json_data = data, u->json_data_size = 2), "both");
	REFUSED(1, (u->json_config_file = "f", u->json_data = data), "both");
	REFUSED(-EINVAL, u->json_data = data, "json_data_size");
	REFUSED(1, (u->delay_subsystem_init = true, u->rpc_addr = NULL), "--wait-for-rpc");
	REFUSED(-EINVAL, u->rpc_addr = long_path, "shorter");
	REFUSED(1, (u->num_pci_addr = 1, u->pci_allowed = &addr, u->pci_blocked = &addr), "PCI");
	REFUSED(1, u->tpoint_group_mask = "bdev", "not available");
	REFUSED(1, (u->reactor_mask = "0x1", u->lcore_map = "0@0"), "lcore map");
}

static void
what_spdk_takes_is_taken(void)
{
	char path[108];
	struct spdk_app_opts user = good(), out;

	user.name = "";
	user.shm_id = -2;
	user.mem_size = -5;
	user.json_data_size = 5;
	user.interrupt_mode = true;
	user.rpc_addr = "";
	CHECK_EQ(take(&out, &user), 0);
	CHECK(out.name[0] != '\0');
	CHECK_EQ(out.shm_id, -1);
	CHECK_EQ(out.mem_size, APP_DEFAULT_MEM_MB);
	CHECK(out.rpc_addr == NULL);
	CHECK(out.interrupt_mode);
	user.mem_size = 0;
	CHECK_EQ(take(&out, &user), 0);
	CHECK_EQ(out.mem_size, APP_DEFAULT_MEM_MB);
	/* The longest path that a socket address holds. */
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	user.rpc_addr = path;
	CHECK_EQ(take(&out, &user), 0);
}

static const struct test_case cases[] = {
	TEST(defaults_are_completed),           TEST(layout_is_spdks),
	TEST(init_stays_inside_every_size),     TEST(every_age_of_caller_is_understood),
	TEST(a_longer_structure_is_understood), TEST(contradictions_are_refused_with_spdks_codes),
	TEST(what_spdk_takes_is_taken),
};
TEST_MAIN("opts", cases)
