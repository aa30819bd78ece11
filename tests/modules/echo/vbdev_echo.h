/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* A block module as somebody outside writes one for SPDK: nothing but public headers, spdk/ only.
 *
 *   vbdev_echo.c      devices on one base each: delays, inverted data, counters, examination
 *   echo_slice.c      devices that are slices of a base (spdk_bdev_part)
 *   vbdev_echo_rpc.c  the RPC methods of both
 *
 * It is compiled and run against both libraries (tests/integration/modules.py). */

#ifndef VBDEV_ECHO_H
#define VBDEV_ECHO_H

#include "spdk/stdinc.h"

#include "spdk/bdev_module.h"
#include "spdk/json.h"
#include "spdk/queue.h"
#include "spdk/uuid.h"

#define ECHO_MAX_TAGS   8
#define ECHO_MAX_SLICES 16

enum echo_mode {
	ECHO_PLAIN,
	ECHO_INVERT, /* on the base every bit is the other way round */
};

struct echo_delay {
	uint32_t read_us;
	uint32_t write_us;
};

struct echo_params {
	char *name;
	char *base_bdev;
	struct spdk_uuid uuid;
	enum echo_mode mode;
	struct echo_delay delay;
	size_t num_tags;
	char *tags[ECHO_MAX_TAGS];
};

struct echo_counts {
	uint64_t reads;
	uint64_t writes;
	uint64_t others;
	uint64_t waits; /* for a spdk_bdev_io of the base */
};

/* What was asked for; the device itself exists while its base does. */
struct echo {
	struct echo_params params;
	bool there;
	struct echo_counts counts; /* of channels that are gone */
	TAILQ_ENTRY(echo) link;
};
TAILQ_HEAD(echo_list, echo);

struct echo_options {
	uint8_t priority;
	uint16_t poll_us;
	int32_t bias;
	bool loud;
};

extern struct echo_list g_echoes;
extern struct echo_options g_echo_options;
extern struct spdk_bdev_module echo_module;

const char *echo_mode_name(enum echo_mode mode);
/* Takes the strings of `params` over if it returns 0. */
int echo_create(struct echo_params *params);
int echo_delete(const char *name, spdk_bdev_unregister_cb cb, void *arg);
void echo_params_free(struct echo_params *params);
void echo_write_params(const struct echo_params *params, struct spdk_json_write_ctx *w);

struct echo_slice_params {
	char *name;
	uint64_t offset_blocks;
	uint64_t num_blocks;
	struct spdk_uuid uuid;
};
int echo_slices_create(const char *base, const struct echo_slice_params *slices, size_t count);
int echo_slices_delete(const char *base);
void echo_slices_fini(void);

#endif
