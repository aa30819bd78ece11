#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
#
# `make install` into a folder, then a program of somebody else's: compiled with nothing but what
# pkg-config says (also with --static), started, stopped by itself, without LD_LIBRARY_PATH. The same
# from the build tree's own calandria.pc.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export CALANDRIA_RUN_ROOT=$tmp/run
mkdir "$CALANDRIA_RUN_ROOT"

make -s -C "$root" B="$(realpath --relative-to="$root" "$CAL_BUILD")" ${CAL_SAN:+SAN=$CAL_SAN} \
    install DESTDIR="$tmp/dest" PREFIX=/opt/cal >/dev/null
for file in bin/calandria bin/calctl libexec/calandria/cal-rpcd libexec/calandria/cal-confd \
            lib/libcalandria.a lib/pkgconfig/calandria.pc include/spdk/thread.h; do
    [ -e "$tmp/dest/opt/cal/$file" ] || { echo "not installed: $file"; exit 1; }
done

cat >"$tmp/app.c" <<'C'
#include "spdk/stdinc.h"
#include "spdk/event.h"
#include "spdk/thread.h"

static int
once(void *arg)
{
	printf("poller on %s\n", spdk_thread_get_name(spdk_get_thread()));
	spdk_poller_unregister((struct spdk_poller **)arg);
	spdk_app_stop(0);
	return SPDK_POLLER_BUSY;
}

static void
start(void *arg)
{
	*(struct spdk_poller **)arg = SPDK_POLLER_REGISTER(once, arg, 1000);
}

int
main(void)
{
	static struct spdk_poller *poller;
	struct spdk_app_opts opts;
	int rc;

	spdk_app_opts_init(&opts, sizeof(opts));
	opts.name = "app";
	opts.reactor_mask = "0x2";
	opts.mem_size = 64;
	opts.rpc_addr = NULL;
	rc = spdk_app_start(&opts, start, &poller);
	spdk_app_fini();
	return rc;
}
C
san=()
[ -z "${CAL_SAN:-}" ] || san=(-fsanitize=address,undefined)
for pc in "$tmp/dest/opt/cal/lib/pkgconfig:$tmp/dest" "$CAL_BUILD/lib/pkgconfig:" ; do
    for static in "" --static; do
        # shellcheck disable=SC2046
        flags=$(PKG_CONFIG_PATH=${pc%%:*} PKG_CONFIG_SYSROOT_DIR=${pc##*:} pkg-config $static --cflags --libs calandria)
        # shellcheck disable=SC2086
        gcc -D_GNU_SOURCE "${san[@]}" "$tmp/app.c" -o "$tmp/app" $flags -pthread
        out=$(env -u LD_LIBRARY_PATH "$tmp/app" 2>&1) || { echo "app failed: $out"; exit 1; }
        grep -q "poller on app_thread" <<<"$out" || { echo "unexpected: $out"; exit 1; }
    done
done
echo "installed, compiled and run: $(wc -c <"$tmp/app") bytes"
