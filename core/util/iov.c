/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* I/O vectors: walking several side by side, copying between them and plain buffers. */

#include "spdk/util.h"

/* Skip empty elements. False at the end. */
static bool
ioviter_settle(struct spdk_single_ioviter *it)
{
	while (it->iov_len == 0) {
		if (it->idx + 1 >= it->iovcnt) {
			return false;
		}
		it->idx++;
		it->iov_base = it->iov[it->idx].iov_base;
		it->iov_len = it->iov[it->idx].iov_len;
	}
	return true;
}

size_t
spdk_ioviter_firstv(struct spdk_ioviter *iter, uint32_t count, struct iovec **iov, size_t *iovcnt,
                    void **out)
{
	struct spdk_single_ioviter *it = (struct spdk_single_ioviter *)&iter->iters_compat[0];
	uint32_t i;

	iter->count = count;
	for (i = 0; i < count; i++) {
		it[i].iov = iov[i];
		it[i].iovcnt = iovcnt[i];
		it[i].idx = 0;
		it[i].iov_base = iovcnt[i] > 0 ? iov[i][0].iov_base : NULL;
		it[i].iov_len = iovcnt[i] > 0 ? iov[i][0].iov_len : 0;
	}
	return spdk_ioviter_nextv(iter, out);
}

size_t
spdk_ioviter_nextv(struct spdk_ioviter *iter, void **out)
{
	struct spdk_single_ioviter *it = (struct spdk_single_ioviter *)&iter->iters_compat[0];
	size_t len = SIZE_MAX;
	uint32_t i;

	for (i = 0; i < iter->count; i++) {
		if (!ioviter_settle(&it[i])) {
			return 0;
		}
		len = spdk_min(len, it[i].iov_len);
	}
	for (i = 0; i < iter->count; i++) {
		out[i] = it[i].iov_base;
		it[i].iov_base += len;
		it[i].iov_len -= len;
	}
	return len;
}

size_t
spdk_ioviter_first(struct spdk_ioviter *iter, struct iovec *siov, size_t siovcnt,
                   struct iovec *diov, size_t diovcnt, void **src, void **dst)
{
	struct iovec *iovs[2] = { siov, diov };
	size_t counts[2] = { siovcnt, diovcnt };
	void *out[2] = { NULL, NULL };
	size_t len;

	len = spdk_ioviter_firstv(iter, 2, iovs, counts, out);
	if (len > 0) {
		*src = out[0];
		*dst = out[1];
	}
	return len;
}

size_t
spdk_ioviter_next(struct spdk_ioviter *iter, void **src, void **dst)
{
	void *out[2] = { NULL, NULL };
	size_t len;

	len = spdk_ioviter_nextv(iter, out);
	if (len > 0) {
		*src = out[0];
		*dst = out[1];
	}
	return len;
}

void
spdk_iov_memset(struct iovec *iovs, int iovcnt, int c)
{
	int i;

	for (i = 0; i < iovcnt; i++) {
		memset(iovs[i].iov_base, c, iovs[i].iov_len);
	}
}

static size_t
iov_transfer(struct iovec *siov, size_t siovcnt, struct iovec *diov, size_t diovcnt,
             void *(*copy)(void *dst, const void *src, size_t n))
{
	struct spdk_ioviter iter;
	size_t len, total = 0;
	void *src, *dst;

	for (len = spdk_ioviter_first(&iter, siov, siovcnt, diov, diovcnt, &src, &dst); len > 0;
	     len = spdk_ioviter_next(&iter, &src, &dst)) {
		assert(src != NULL && dst != NULL);
		copy(dst, src, len);
		total += len;
	}
	return total;
}

size_t
spdk_iovcpy(struct iovec *siov, size_t siovcnt, struct iovec *diov, size_t diovcnt)
{
	return iov_transfer(siov, siovcnt, diov, diovcnt, memcpy);
}

size_t
spdk_iovmove(struct iovec *siov, size_t siovcnt, struct iovec *diov, size_t diovcnt)
{
	return iov_transfer(siov, siovcnt, diov, diovcnt, memmove);
}

void
spdk_iov_xfer_init(struct spdk_iov_xfer *ix, struct iovec *iovs, int iovcnt)
{
	ix->iovs = iovs;
	ix->iovcnt = iovcnt;
	ix->cur_iov_idx = 0;
	ix->cur_iov_offset = 0;
}

static size_t
iov_xfer(struct spdk_iov_xfer *ix, void *to, const void *from, size_t buf_len)
{
	size_t done = 0, len;
	struct iovec *iov;
	uint8_t *place;

	while (done < buf_len && ix->cur_iov_idx < ix->iovcnt) {
		iov = &ix->iovs[ix->cur_iov_idx];
		len = spdk_min(buf_len - done, iov->iov_len - ix->cur_iov_offset);
		place = (uint8_t *)iov->iov_base + ix->cur_iov_offset;
		if (len > 0 && to != NULL) {
			memcpy((uint8_t *)to + done, place, len);
		} else if (len > 0) {
			memcpy(place, (const uint8_t *)from + done, len);
		}
		done += len;
		ix->cur_iov_offset += len;
		if (ix->cur_iov_offset == iov->iov_len) {
			ix->cur_iov_idx++;
			ix->cur_iov_offset = 0;
		}
	}
	return done;
}

size_t
spdk_iov_xfer_from_buf(struct spdk_iov_xfer *ix, const void *buf, size_t buf_len)
{
	return iov_xfer(ix, NULL, buf, buf_len);
}

size_t
spdk_iov_xfer_to_buf(struct spdk_iov_xfer *ix, const void *buf, size_t buf_len)
{
	/* The buffer is the caller's; const only because SPDK's signature says so. */
	return iov_xfer(ix, (void *)(uintptr_t)buf, NULL, buf_len);
}

void
spdk_copy_iovs_to_buf(void *buf, size_t buf_len, struct iovec *iovs, int iovcnt)
{
	struct spdk_iov_xfer ix;

	spdk_iov_xfer_init(&ix, iovs, iovcnt);
	spdk_iov_xfer_to_buf(&ix, buf, buf_len);
}

void
spdk_copy_buf_to_iovs(struct iovec *iovs, int iovcnt, void *buf, size_t buf_len)
{
	struct spdk_iov_xfer ix;

	spdk_iov_xfer_init(&ix, iovs, iovcnt);
	spdk_iov_xfer_from_buf(&ix, buf, buf_len);
}
