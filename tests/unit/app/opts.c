/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

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
}

/* A program compiled against an older header has fewer fields, and memory of others behind them. */
static void
a_shorter_structure_is_understood(void)
{
	size_t size = offsetof(struct spdk_app_opts, disable_signal_handlers);
	struct spdk_app_opts user, out;
	unsigned char *raw = (unsigned char *)&user;
	size_t i;

	memset(&user, 0xa5, sizeof(user));
	spdk_app_opts_init(&user, size);
	for (i = size; i < sizeof(user); i++) {
		CHECK_EQ(raw[i], 0xa5);
	}
	CHECK_EQ(user.opts_size, size);
	user.name = "old";
	user.mem_size = 64;
	CHECK_EQ(take(&out, &user), 0);
	CHECK_EQ(out.mem_size, 64);
	CHECK_EQ(out.interrupt_mode, false);
	CHECK(out.lcore_map == NULL);
	CHECK(out.json_data == NULL);
	CHECK_EQ(out.opts_size, sizeof(out));
}

/* One compiled against a newer header has more: what we do not know is not looked at. */
static void
a_longer_structure_is_understood(void)
{
	struct {
		struct spdk_app_opts opts;
		char more[64];
	} user;
	struct spdk_app_opts out;

	spdk_app_opts_init(&user.opts, sizeof(user));
	CHECK_EQ(user.more[63], 0);
	CHECK_EQ(user.opts.opts_size, sizeof(user));
	user.opts.name = "new";
	CHECK_EQ(take(&out, &user.opts), 0);
	CHECK_STR(out.name, "new");
}

static void
sizes_that_cannot_be_are_refused(void)
{
	struct spdk_app_opts user = good(), out;

	CHECK_EQ(take(&out, NULL), -EINVAL);
	user.opts_size = 0;
	CHECK_EQ(take(&out, &user), -EINVAL);
	CHECK(strstr(g_err, "opts_size") != NULL);
	user.opts_size = 40;
	CHECK_EQ(take(&out, &user), -EINVAL);
}

#define REFUSED(change_, word_)                            \
	do {                                               \
		struct spdk_app_opts user_ = good(), out_; \
		struct spdk_app_opts *u = &user_;          \
		change_;                                   \
		CHECK(take(&out_, u) < 0);                 \
		CHECK(strstr(g_err, word_) != NULL);       \
	} while (0)

static void
contradictions_are_refused(void)
{
	static char data[] = "{}", long_path[200];
	struct spdk_pci_addr addr = {};

	memset(long_path, 'x', sizeof(long_path) - 1);
	REFUSED(u->name = NULL, "name");
	REFUSED(u->name = "", "name");
	REFUSED(u->shm_id = -2, "negative");
	REFUSED(u->rpc_addr = long_path, "shorter");
	REFUSED((u->json_config_file = "f", u->json_data = data, u->json_data_size = 2), "both");
	REFUSED(u->json_data = data, "json_data_size");
	REFUSED((u->delay_subsystem_init = true, u->rpc_addr = NULL), "--wait-for-rpc");
	REFUSED((u->num_pci_addr = 1, u->pci_allowed = &addr, u->pci_blocked = &addr), "PCI");
	REFUSED(u->tpoint_group_mask = "bdev", "not available");
	REFUSED(u->mem_size = 0, "memory");
	REFUSED((u->reactor_mask = "0x1", u->lcore_map = "0@0"), "lcore map");
}

static const struct test_case cases[] = {
	TEST(defaults_are_completed),           TEST(a_shorter_structure_is_understood),
	TEST(a_longer_structure_is_understood), TEST(sizes_that_cannot_be_are_refused),
	TEST(contradictions_are_refused),
};
TEST_MAIN("opts", cases)
