/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Who shares a descriptor with us and means ill: the kernel allows 500 ways from a descriptor
 * through a group to another group, and he takes all that are left. */

#ifndef CAL_TESTS_UNIT_WAYS_H
#define CAL_TESTS_UNIT_WAYS_H

#include "spdk/stdinc.h"

#define WAYS_MAX 600

struct ways {
	int inner;
	int outer[WAYS_MAX];
	int count;
};

static int
ways_add(int group, int fd)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };

	return epoll_ctl(group, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

/** Use up what is left. Returns how many that were. */
static int
ways_take(struct ways *ways, int fd)
{
	ways->inner = epoll_create1(EPOLL_CLOEXEC);
	ways->count = 0;
	if (ways_add(ways->inner, fd) != 0) {
		return -1;
	}
	while (ways->count < WAYS_MAX) {
		ways->outer[ways->count] = epoll_create1(EPOLL_CLOEXEC);
		if (ways_add(ways->outer[ways->count++], ways->inner) != 0) {
			return ways->count - 1;
		}
	}
	return -1;
}

static void
ways_give_back(struct ways *ways)
{
	while (ways->count > 0) {
		close(ways->outer[--ways->count]);
	}
	close(ways->inner);
}

#endif
