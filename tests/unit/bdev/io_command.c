/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Requests beyond read and write: what is refused, what the module gets to see of each, and looking
 * at what is under way. */

#include "spdk/bdev_zone.h"
#include "tests/unit/bdev/fake_bdev.h"

#define BIT(type) (1u << SPDK_BDEV_IO_TYPE_##type)
#define ALL                                                                                     \
	(BIT(COMPARE) | BIT(COMPARE_AND_WRITE) | BIT(COPY) | BIT(ZCOPY) | BIT(SEEK_HOLE) |      \
	 BIT(SEEK_DATA) | BIT(GET_ZONE_INFO) | BIT(ZONE_MANAGEMENT) | BIT(ZONE_APPEND) |        \
	 BIT(NVME_ADMIN) | BIT(NVME_IO) | BIT(NVME_IO_MD) | BIT(NVME_IOV_MD) | BIT(NVME_NSSR) | \
	 BIT(WRITE_UNCORRECTABLE))

static struct setup g_s;
static struct spdk_bdev_desc *g_ro;
static uint8_t g_buf[8 * BLOCK], g_other[8 * BLOCK];
static struct iovec g_iov[2] = { { g_buf, BLOCK }, { g_other, BLOCK } };
static const struct spdk_nvme_cmd g_cmd = { .opc = 0x12, .cdw10 = 99 };

static void
begin(uint32_t types)
{
	struct fake_dev *dev;

	bdev_up();
	dev = fake_dev_alloc("A");
	dev->more_types = types;
	g_s = setup_with(dev);
	g_ro = user_open("A", false, NULL);
}

static void
end(void)
{
	spdk_bdev_close(g_ro);
	setup_end(&g_s);
}

/* The one request that the module has; it is ended, and its user hears of it. */
static struct spdk_bdev_io
seen(struct user_io *user, enum spdk_bdev_io_type type)
{
	struct spdk_bdev_io copy = { 0 };

	CHECK_EQ(g_s.dev->num_pending, 1);
	if (g_s.dev->num_pending == 1) {
		copy = *g_s.dev->pending[0];
		CHECK_EQ(copy.type, type);
		fake_end(g_s.dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	}
	poll_all();
	CHECK(user->done && user->success);
	*user = (struct user_io){ 0 };
	return copy;
}

static void
compare(void)
{
	struct user_io user = { 0 };
	struct spdk_bdev_io io;

	begin(ALL);
	CHECK_EQ(spdk_bdev_compare_blocks(g_ro, g_s.ch, g_buf, 5, 2, user_ended, &user), 0);
	io = seen(&user, SPDK_BDEV_IO_TYPE_COMPARE);
	CHECK(io.u.bdev.offset_blocks == 5 && io.u.bdev.num_blocks == 2 &&
	      io.u.bdev.iovs[0].iov_base == g_buf && io.u.bdev.iovcnt == 1);
	CHECK_EQ(spdk_bdev_comparev_blocks(g_ro, g_s.ch, g_iov, 2, 6, 2, user_ended, &user), 0);
	io = seen(&user, SPDK_BDEV_IO_TYPE_COMPARE);
	CHECK(io.u.bdev.iovs == g_iov && io.u.bdev.iovcnt == 2);
	CHECK_EQ(spdk_bdev_comparev_blocks(g_ro, g_s.ch, g_iov, 2, BLOCKS, 2, user_ended, &user),
	         -EINVAL);
	/* The device keeps no metadata apart. */
	CHECK_EQ(spdk_bdev_compare_blocks_with_md(g_ro, g_s.ch, g_buf, g_other, 0, 1, user_ended,
	                                          &user),
	         -EINVAL);
	CHECK_EQ(spdk_bdev_comparev_blocks_with_md(g_ro, g_s.ch, g_iov, 2, g_other, 0, 1,
	                                           user_ended, &user),
	         -EINVAL);
	CHECK_EQ(spdk_bdev_comparev_and_writev_blocks(g_s.desc, g_s.ch, g_iov, 1, g_iov + 1, 1, 9,
	                                              1, user_ended, &user),
	         0);
	io = seen(&user, SPDK_BDEV_IO_TYPE_COMPARE_AND_WRITE);
	CHECK(io.u.bdev.iovs == g_iov && io.u.bdev.fused_iovs == g_iov + 1 &&
	      io.u.bdev.fused_iovcnt == 1 && io.u.bdev.offset_blocks == 9);
	CHECK_EQ(spdk_bdev_comparev_and_writev_blocks(g_ro, g_s.ch, g_iov, 1, g_iov + 1, 1, 9, 1,
	                                              user_ended, &user),
	         -EBADF);
	/* More than the device does in one step. */
	CHECK_EQ(spdk_bdev_comparev_and_writev_blocks(g_s.desc, g_s.ch, g_iov, 2, g_iov, 2, 9, 2,
	                                              user_ended, &user),
	         -EINVAL);
	end();
}

static void
copy_and_mark(void)
{
	struct user_io user = { 0 };
	struct spdk_bdev_io io;

	begin(ALL);
	CHECK_EQ(spdk_bdev_copy_blocks(g_s.desc, g_s.ch, 100, 200, 8, user_ended, &user), 0);
	io = seen(&user, SPDK_BDEV_IO_TYPE_COPY);
	CHECK(io.u.bdev.offset_blocks == 100 && io.u.bdev.copy.src_offset_blocks == 200 &&
	      io.u.bdev.num_blocks == 8);
	CHECK_EQ(spdk_bdev_copy_blocks(g_s.desc, g_s.ch, 0, BLOCKS, 8, user_ended, &user), -EINVAL);
	CHECK_EQ(spdk_bdev_copy_blocks(g_s.desc, g_s.ch, BLOCKS, 0, 8, user_ended, &user), -EINVAL);
	CHECK_EQ(spdk_bdev_copy_blocks(g_ro, g_s.ch, 100, 200, 8, user_ended, &user), -EBADF);
	CHECK_EQ(spdk_bdev_write_uncorrectable_blocks(g_s.desc, g_s.ch, 3, 4, user_ended, &user),
	         0);
	io = seen(&user, SPDK_BDEV_IO_TYPE_WRITE_UNCORRECTABLE);
	CHECK(io.u.bdev.offset_blocks == 3 && io.u.bdev.num_blocks == 4);
	CHECK_EQ(spdk_bdev_write_uncorrectable_blocks(g_ro, g_s.ch, 3, 4, user_ended, &user),
	         -EBADF);
	end();
}

static uint64_t g_offset;

static void
sought(struct spdk_bdev_io *io, bool success, void *arg)
{
	CHECK(success);
	g_offset = spdk_bdev_io_get_seek_offset(io);
	spdk_bdev_free_io(io);
}

static void
seek(void)
{
	begin(BIT(SEEK_DATA));
	CHECK_EQ(spdk_bdev_seek_data(g_ro, g_s.ch, 10, sought, NULL), 0);
	CHECK_EQ(g_s.dev->num_pending, 1);
	g_s.dev->pending[0]->u.bdev.seek.offset = 77;
	fake_end(g_s.dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	poll_all();
	CHECK_EQ(g_offset, 77);
	/* It knows no holes: it has none. */
	CHECK_EQ(spdk_bdev_seek_hole(g_ro, g_s.ch, 10, sought, NULL), 0);
	CHECK_EQ(g_offset, 77);
	poll_all();
	CHECK_EQ(g_offset, UINT64_MAX);
	CHECK_EQ(spdk_bdev_seek_hole(g_ro, g_s.ch, BLOCKS, sought, NULL), -EINVAL);
	end();
	begin(0);
	CHECK_EQ(spdk_bdev_seek_data(g_ro, g_s.ch, 10, sought, NULL), 0);
	poll_all();
	CHECK_EQ(g_offset, 10);
	end();
}

static void
zero_copy(void)
{
	struct user_io user = { .keep = true };
	struct spdk_bdev_io *io;

	begin(ALL);
	CHECK_EQ(spdk_bdev_zcopy_start(g_ro, g_s.ch, NULL, 0, 1, 1, true, user_ended, &user),
	         -EBADF);
	CHECK_EQ(spdk_bdev_zcopy_start(g_s.desc, g_s.ch, NULL, 0, 4, 2, true, user_ended, &user),
	         0);
	CHECK_EQ(g_s.dev->num_pending, 1);
	io = g_s.dev->pending[0];
	CHECK(io->u.bdev.zcopy.start && io->u.bdev.zcopy.populate && !io->u.bdev.zcopy.commit);
	fake_end(g_s.dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	poll_all();
	CHECK(user.done && user.io == io);
	user = (struct user_io){ 0 };
	CHECK_EQ(spdk_bdev_zcopy_end(io, true, user_ended, &user), 0);
	CHECK_EQ(g_s.dev->num_pending, 1);
	CHECK(!io->u.bdev.zcopy.start && io->u.bdev.zcopy.commit);
	CHECK_EQ(spdk_bdev_zcopy_end(io, true, user_ended, &user), -EINVAL);
	fake_end(g_s.dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	poll_all();
	CHECK(user.done && user.success);
	end();
}

static void
zones(void)
{
	struct spdk_bdev_zone_info info[2];
	struct user_io user = { 0 };
	struct spdk_bdev_io io;

	begin(ALL);
	CHECK_EQ(spdk_bdev_get_zone_info(g_ro, g_s.ch, 64, 2, info, user_ended, &user), 0);
	io = seen(&user, SPDK_BDEV_IO_TYPE_GET_ZONE_INFO);
	CHECK(io.u.zone_mgmt.zone_id == 64 && io.u.zone_mgmt.num_zones == 2 &&
	      io.u.zone_mgmt.buf == info);
	CHECK_EQ(spdk_bdev_zone_management(g_s.desc, g_s.ch, 64, SPDK_BDEV_ZONE_FINISH, user_ended,
	                                   &user),
	         0);
	io = seen(&user, SPDK_BDEV_IO_TYPE_ZONE_MANAGEMENT);
	CHECK(io.u.zone_mgmt.zone_id == 64 && io.u.zone_mgmt.zone_action == SPDK_BDEV_ZONE_FINISH);
	CHECK_EQ(spdk_bdev_zone_append(g_s.desc, g_s.ch, g_buf, 64, 1, user_ended, &user), 0);
	io = seen(&user, SPDK_BDEV_IO_TYPE_ZONE_APPEND);
	CHECK(spdk_bdev_io_get_append_location(&io) == 64 && io.u.bdev.num_blocks == 1);
	CHECK_EQ(spdk_bdev_zone_appendv(g_s.desc, g_s.ch, g_iov, 2, 64, 2, user_ended, &user), 0);
	io = seen(&user, SPDK_BDEV_IO_TYPE_ZONE_APPEND);
	CHECK(io.u.bdev.iovs == g_iov);
	CHECK_EQ(spdk_bdev_zone_append(g_ro, g_s.ch, g_buf, 64, 1, user_ended, &user), -EBADF);
	CHECK_EQ(spdk_bdev_zone_appendv(g_ro, g_s.ch, g_iov, 2, 64, 2, user_ended, &user), -EBADF);
	CHECK_EQ(spdk_bdev_zone_appendv(g_s.desc, g_s.ch, NULL, 0, 64, 2, user_ended, &user),
	         -EINVAL);
	end();
}

static void
nvme(void)
{
	struct user_io user = { 0 };
	struct spdk_bdev_io io;

	begin(ALL);
	CHECK_EQ(spdk_bdev_nvme_admin_passthru(g_s.desc, g_s.ch, &g_cmd, g_buf, 512, user_ended,
	                                       &user),
	         0);
	io = seen(&user, SPDK_BDEV_IO_TYPE_NVME_ADMIN);
	CHECK(io.u.nvme_passthru.cmd.cdw10 == 99 && io.u.nvme_passthru.buf == g_buf &&
	      io.u.nvme_passthru.nbytes == 512);
	CHECK_EQ(
		spdk_bdev_nvme_io_passthru(g_s.desc, g_s.ch, &g_cmd, g_buf, 512, user_ended, &user),
		0);
	seen(&user, SPDK_BDEV_IO_TYPE_NVME_IO);
	CHECK_EQ(spdk_bdev_nvme_io_passthru_md(g_s.desc, g_s.ch, &g_cmd, g_buf, 512, g_other, 8,
	                                       user_ended, &user),
	         0);
	io = seen(&user, SPDK_BDEV_IO_TYPE_NVME_IO_MD);
	CHECK(io.u.nvme_passthru.md_buf == g_other && io.u.nvme_passthru.md_len == 8);
	CHECK_EQ(spdk_bdev_nvme_iov_passthru_md(g_s.desc, g_s.ch, &g_cmd, g_iov, 2, 1024, NULL, 0,
	                                        user_ended, &user),
	         0);
	io = seen(&user, SPDK_BDEV_IO_TYPE_NVME_IOV_MD);
	CHECK(io.u.nvme_passthru.iovs == g_iov && io.u.nvme_passthru.iovcnt == 2);
	CHECK_EQ(spdk_bdev_nvme_admin_passthru(g_ro, g_s.ch, &g_cmd, g_buf, 512, user_ended, &user),
	         -EBADF);
	CHECK_EQ(spdk_bdev_nvme_nssr(g_s.desc, g_s.ch, user_ended, &user), 0);
	seen(&user, SPDK_BDEV_IO_TYPE_NVME_NSSR);
	end();
}

static void
not_supported(void)
{
	struct user_io user = { 0 };

	begin(0);
	CHECK_EQ(spdk_bdev_compare_blocks(g_ro, g_s.ch, g_buf, 0, 1, user_ended, &user), -ENOTSUP);
	CHECK_EQ(spdk_bdev_comparev_and_writev_blocks(g_s.desc, g_s.ch, g_iov, 1, g_iov, 1, 0, 1,
	                                              user_ended, &user),
	         -ENOTSUP);
	CHECK_EQ(spdk_bdev_copy_blocks(g_s.desc, g_s.ch, 0, 8, 1, user_ended, &user), -ENOTSUP);
	CHECK_EQ(spdk_bdev_zcopy_start(g_s.desc, g_s.ch, NULL, 0, 0, 1, true, user_ended, &user),
	         -ENOTSUP);
	CHECK_EQ(spdk_bdev_zone_management(g_s.desc, g_s.ch, 0, SPDK_BDEV_ZONE_OPEN, user_ended,
	                                   &user),
	         -ENOTSUP);
	CHECK_EQ(spdk_bdev_zone_append(g_s.desc, g_s.ch, g_buf, 0, 1, user_ended, &user), -ENOTSUP);
	CHECK_EQ(spdk_bdev_nvme_nssr(g_s.desc, g_s.ch, user_ended, &user), -ENOTSUP);
	CHECK_EQ(spdk_bdev_nvme_admin_passthru(g_s.desc, g_s.ch, &g_cmd, g_buf, 1, user_ended,
	                                       &user),
	         -ENOTSUP);
	CHECK_EQ(spdk_bdev_get_memory_domain_types(&g_s.dev->bdev, NULL, 0), 0);
	CHECK_EQ(spdk_bdev_get_memory_domains(&g_s.dev->bdev, NULL, 0), 0);
	CHECK_EQ(spdk_bdev_get_memory_domain_types(NULL, NULL, 0), -EINVAL);
	CHECK(!user.done);
	end();
}

static unsigned g_visits;
static int g_walk_rc = 1;
static uint64_t g_qd;

static int
visit(void *ctx, struct spdk_bdev_io *io)
{
	CHECK(spdk_bdev_io_get_thread(io) == spdk_get_thread());
	return ++g_visits == *(unsigned *)ctx ? -EINTR : 0;
}

static void
walked(void *ctx, int rc)
{
	g_walk_rc = rc;
}

static void
depth(struct spdk_bdev *bdev, uint64_t qd, void *arg, int rc)
{
	CHECK_EQ(rc, 0);
	g_qd = qd;
}

static void
look_at_all(void)
{
	struct user_io user[4] = { 0 };
	struct spdk_bdev_desc *desc;
	struct spdk_io_channel *ch;
	unsigned stop = 0;
	int i;

	begin(0);
	on(1);
	desc = user_open("A", true, NULL);
	ch = spdk_bdev_get_io_channel(desc);
	CHECK_EQ(spdk_bdev_read_blocks(desc, ch, g_buf, 0, 1, user_ended, &user[3]), 0);
	on(0);
	for (i = 0; i < 3; i++) {
		CHECK_EQ(spdk_bdev_read_blocks(g_s.desc, g_s.ch, g_buf, 0, 1, user_ended, &user[i]),
		         0);
	}
	g_visits = 0;
	spdk_bdev_for_each_bdev_io(&g_s.dev->bdev, &stop, visit, walked);
	spdk_bdev_get_current_qd(&g_s.dev->bdev, depth, NULL);
	poll_all();
	CHECK(g_visits == 4 && g_walk_rc == 0);
	CHECK_EQ(g_qd, 4);
	stop = 1;
	g_visits = 0;
	spdk_bdev_for_each_bdev_io(&g_s.dev->bdev, &stop, visit, walked);
	poll_all();
	CHECK(g_visits == 1 && g_walk_rc == -EINTR);
	while (g_s.dev->num_pending > 0) {
		fake_end(g_s.dev, 0, SPDK_BDEV_IO_STATUS_SUCCESS);
	}
	poll_all();
	on(1);
	spdk_put_io_channel(ch);
	spdk_bdev_close(desc);
	on(0);
	poll_all();
	end();
}

static const struct test_case cases[] = {
	TEST(compare), TEST(copy_and_mark), TEST(seek),          TEST(zero_copy),
	TEST(zones),   TEST(nvme),          TEST(not_supported), TEST(look_at_all),
};
TEST_MAIN("bdev/io_command", cases)
