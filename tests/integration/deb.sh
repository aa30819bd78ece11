#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
#
# The Debian packages: built (from this build's objects, in `make deb-check` from nothing), clean for
# lintian, installed over a picture of this machine's root (an overlay), run from there, upgraded while
# an instance runs, removed, purged. Fails:
#   - without succeed() in calandria.postinst: services of the old version go on after an upgrade;
#   - with a `calctl stop` in calandria.postinst: the primary is another one;
#   - without the rm in calandria.postrm: purge leaves what is not a conffile.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)

inside() {
    trap 'echo "line $LINENO failed"' ERR; set -E
    fail() { echo "$1"; exit 1; }
    debs=$1 up=$2
    mount -t proc proc /proc
    mount -t tmpfs -o mode=755 tmpfs /run
    mount -t tmpfs tmpfs /tmp
    export LC_ALL=C DEBIAN_FRONTEND=noninteractive
    dpkg -i "$debs"/calandria_*.deb "$debs"/libcalandria-dev_*.deb >/tmp/out 2>&1 || fail "dpkg -i: $(cat /tmp/out)"

    for binary in /usr/bin/calandria /usr/bin/calctl /usr/libexec/calandria/cal-{rpcd,confd,mond}; do
        ! ldd "$binary" | grep "not found" || fail "$binary lacks libraries"
        "$binary" --version | grep -q . || fail "$binary --version"
    done
    for page in "8 calandria" "8 calandria-setup" "1 calctl"; do
        # shellcheck disable=SC2086
        set -- $page
        zcat "/usr/share/man/man$1/$2.$1.gz" | grep -q "^.SH" || fail "no manual page $2($1)"
    done
    # What the manual says is what --help says.
    for option in $(calandria --help | grep -o -- '--[a-z-]*' | sort -u); do
        zcat /usr/share/man/man8/calandria.8.gz | sed 's/\\-/-/g' | grep -q -- "$option" ||
            fail "calandria(8) does not have $option"
    done
    echo '#include "calandria/ipc/client/client.h"
          int main(void) { struct cal_client_opts o; cal_client_opts_init(&o, sizeof(o)); return 0; }' >/tmp/client.c
    # shellcheck disable=SC2046
    gcc -D_GNU_SOURCE /tmp/client.c -o /tmp/client $(pkg-config --static --cflags --libs calandria-client) &&
        /tmp/client || fail "a client of libcalandria-dev does not link or run"

    calandria -i 162 -m "$(printf '%#x' $((1 << ($(nproc) - 1))))" -s 64 --no-pci -r /run/rpc.sock >/tmp/log 2>&1 &
    primary=$!
    calctl -i 162 status --wait running --timeout 20 >/dev/null || fail "it does not run: $(cat /tmp/log)"
    echo '{"jsonrpc":"2.0","id":1,"method":"spdk_get_version"}' >/tmp/request
    python3 - <<'PY' || fail "no answer on the JSON-RPC socket"
import json, socket
with socket.socket(socket.AF_UNIX) as s:
    s.connect("/run/rpc.sock")
    s.sendall(open("/tmp/request", "rb").read())
    assert "version" in json.loads(s.recv(65536))["result"]
PY
    pids() { calctl -i 162 --json service list | grep -o '"pid":[1-9][0-9]*' | tr '\n' ' '; }
    [ "$(readlink "/proc/$(pgrep -f ^cal-rpcd)/exe")" = /usr/libexec/calandria/cal-rpcd ] ||
        fail "services are not the installed ones: $(pgrep -af cal-)"

    # An upgrade: other services, the same primary.
    before=$(pids)
    dpkg -i "$debs"/calandria_*.deb >/tmp/out 2>&1 || fail "upgrade: $(cat /tmp/out)"
    for pid in $before; do
        case " $(pids) " in *" $pid "*) fail "an upgrade leaves the old services: $before, $(pids)" ;; esac
    done
    kill -0 "$primary" && calctl -i 162 status | grep -q "running" || fail "an upgrade ends the primary"
    [ "$(calctl -i 162 --json status | grep -o '"pid":[0-9]*' | head -1)" = "\"pid\":$primary" ] ||
        fail "the primary is another one"
    calctl -i 162 stop >/dev/null
    wait "$primary" || fail "calandria ended with $?"

    touch /etc/calandria/0.conf
    mkdir -p /var/lib/calandria && touch /var/lib/calandria/config.0.json
    dpkg -r calandria libcalandria-dev >/tmp/out 2>&1 || fail "dpkg -r: $(cat /tmp/out)"
    [ -e /etc/calandria/0.conf ] && [ -e /var/lib/calandria/config.0.json ] || fail "removing takes the configuration"
    dpkg -P calandria libcalandria-dev >/tmp/out 2>&1 || fail "dpkg -P: $(cat /tmp/out)"
    left=$(find "$up" ! -type c ! -path "*/var/lib/dpkg/*" ! -path "*/var/log/*" \
        \( -iname '*calandria*' -o -name 'cal-*' -o -path '*/include/spdk*' \) -print)
    [ -z "$left" ] || fail "a purge leaves: $left"
    ! grep -q '^Package: .*calandria' /var/lib/dpkg/status || fail "dpkg still knows of it"
    echo "built, installed, run, upgraded under way, removed and purged"
}

if [ "${1:-}" = inside ]; then
    inside "$2" "$3"
    exit
fi
[ "$(id -u)" -eq 0 ] || { echo "only root can install packages into a root of its own"; exit 77; }
[ -z "${CAL_SAN:-}" ] || { echo "packages have no sanitizers"; exit 77; }
if "$root/scripts/deps.sh" build deb --dry-run | grep -q installing; then
    echo "$("$root/scripts/deps.sh" build deb --dry-run): run scripts/deps.sh deb"
    exit 77
fi
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
if [ -n "${CAL_DEB_BUILT:-}" ]; then
    mkdir "$tmp/deb"
    cp "$CAL_DEB_BUILT"/*.deb "$tmp/deb"
else
    # (lintian may leave files of its own in $TMPDIR.)
    TMPDIR=$tmp make -s -C "$root" deb DEB="$tmp/deb" DEB_OBJECTS="$(realpath "$CAL_BUILD")" >"$tmp/log" 2>&1 ||
        { tail -n 40 "$tmp/log"; exit 1; }
fi
mkdir "$tmp/top" "$tmp/root"
cp "$0" "$tmp/inside.sh"
# Mounts and processes are gone when it ends, whatever happens.
unshare --mount --pid --fork --kill-child bash -eu -c '
    tmp=$1
    mount -t tmpfs tmpfs "$tmp/top"
    mkdir "$tmp/top/up" "$tmp/top/work"
    mount -t overlay overlay -o "lowerdir=/,upperdir=$tmp/top/up,workdir=$tmp/top/work" "$tmp/root"
    mount --rbind /dev "$tmp/root/dev"
    mount --rbind /sys "$tmp/root/sys"
    mkdir -p "$tmp/root/mnt/debs" "$tmp/root/mnt/up"
    mount --bind "$tmp" "$tmp/root/mnt/debs"
    mount --bind "$tmp/top/up" "$tmp/root/mnt/up"
    exec chroot "$tmp/root" bash /mnt/debs/inside.sh inside /mnt/debs/deb /mnt/up' sh "$tmp"
