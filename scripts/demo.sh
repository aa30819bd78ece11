#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
#
# The whole path on one screen: a primary with a malloc bdev and a file through io_uring, verified
# random I/O on both, and SIGKILL for its control processes in the middle of it. Exits 0 only if no
# I/O failed, no byte was wrong and every service came back. Leaves nothing behind.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
bin=${CAL_BUILD:-$root/build}/bin
secs=${DEMO_SECONDS:-10}
work=$(mktemp -d /var/tmp/calandria-demo.XXXXXX)
export CAL_SETUP_NOTES=$work/setup.notes
socket=$work/rpc.sock
id=7
primary=

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\e[1m' plain=$'\e[0m'; else bold='' plain=''; fi
step() { printf '%s%s%s\n' "$bold" "$*" "$plain"; }
fail() { printf 'demo: %s\n' "$*" >&2; exit 1; }
ctl()  { "$bin/calctl" -i $id "$@"; }
now_ms() { echo $(( $(date +%s%N) / 1000000 )); }

finish() {
    local rc=$?
    trap - EXIT INT TERM
    if [ -n "$primary" ] && kill -0 "$primary" 2>/dev/null; then
        kill -TERM "$primary" 2>/dev/null || true
        for _ in $(seq 50); do kill -0 "$primary" 2>/dev/null || break; sleep 0.1; done
        kill -KILL "$primary" 2>/dev/null || true
    fi
    [ $rc -eq 0 ] || [ ! -s "$work/primary.log" ] || { echo "--- the primary said:"; tail -n 20 "$work/primary.log"; }
    if [ -e "$CAL_SETUP_NOTES" ]; then "$root/scripts/setup.sh" reset >/dev/null || rc=1; fi
    rm -rf "$work"
    exit $rc
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

[ "$(id -u)" -eq 0 ] || fail "hugepages and BPF need root: run it with sudo"
[ -x "$bin/calandria" ] || fail "no $bin/calandria: run make first"
# The reactor gets a core of its own, the services what is left: the last core, unless there is but one.
cpus=$(nproc --all)
mask=$(printf '0x%x' $((1 << (cpus - 1))))

step "1. set-up (scripts/setup.sh config; undone at the end)"
"$root/scripts/setup.sh" config -s 512 --no-pci >"$work/setup" || fail "$(tail -n 1 "$work/setup")"
sed 's/^/   /' "$work/setup"

truncate -s 256M "$work/disk.img"
cat >"$work/demo.json" <<JSON
{ "subsystems": [ { "subsystem": "bdev", "config": [
  { "method": "bdev_malloc_create", "params": { "name": "Malloc0", "num_blocks": 16384, "block_size": 4096 } },
  { "method": "bdev_uring_create", "params": { "name": "File0", "filename": "$work/disk.img", "block_size": 4096 } }
] } ] }
JSON

step "2. calandria -i $id -m $mask -s 256 -c demo.json"
started=$(now_ms)
"$bin/calandria" -i $id -m "$mask" -s 256 -u -r "$socket" -c "$work/demo.json" >"$work/primary.log" 2>&1 &
primary=$!
ctl status --wait running --timeout 20 >/dev/null || fail "the primary did not reach 'running'"
printf '   running after %d ms, bdevs: %s\n' $(( $(now_ms) - started )) \
    "$(ctl --json bdevs | python3 -c 'import json,sys; print(", ".join("%s (%s)" % (b["name"], b["product_name"]) for b in json.load(sys.stdin)))')"

step "3. verified random I/O for $secs s on both, and kill -9 for the control processes under it"
ctl --json perf File0 -w randrw -q 32 -o 4096 -t "$secs" --verify >"$work/file.json" 2>"$work/file.err" &
file_job=$!
ctl --json perf Malloc0 -w randrw -q 8 -o 4096 -t "$secs" --verify >"$work/malloc.json" 2>"$work/malloc.err" &
malloc_job=$!
sleep 1
# Each is killed twice; how long it is away is measured by calls on the socket (rpcd) and by the state
# file (confd).
python3 - "$bin/calctl" $id "$socket" <<'PY' || fail "a control process did not come back"
import json, os, signal, socket, subprocess, sys, time

calctl, instance, path = sys.argv[1:]

def service(name):
    out = subprocess.run([calctl, "-i", instance, "--json", "service", "list"], capture_output=True, check=True).stdout
    return next(s for s in json.loads(out) if s["name"] == name)

def answers():
    try:
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(1)
            s.connect(path)
            s.sendall(b'{"jsonrpc":"2.0","id":1,"method":"spdk_get_version"}')
            return b'"result"' in s.recv(65536)
    except OSError:
        return False

for name in ("rpcd", "confd") * 2:
    old = service(name)["pid"]
    begin = time.monotonic()
    os.kill(old, signal.SIGKILL)
    while True:
        if name != "rpcd" or answers():
            took = time.monotonic() - begin
            now = service(name)
            if now["pid"] not in (0, old) and now["state"] == "running":
                break
        if time.monotonic() - begin > 3:
            sys.exit(1)
        time.sleep(0.002)
    print("   kill -9 cal-%-5s  pid %-7d → pid %-7d %s again after %4.0f ms" %
          (name, old, now["pid"], "answers" if name == "rpcd" else "runs   ", took * 1000), flush=True)
    time.sleep(0.5)
PY
for what in reactors threads pollers; do ctl $what >"$work/$what"; done
rc=0
wait $file_job || rc=1
wait $malloc_job || rc=1
[ $rc -eq 0 ] || { cat "$work/file.err" "$work/malloc.err" >&2; }
for f in file malloc; do
    [ -s "$work/$f.json" ] || fail "no result of the $f job"
    python3 - "$work/$f.json" <<'PY' || rc=1
import json, sys
r = json.load(open(sys.argv[1]))
print("   %-8s %9d I/Os, %d errors; %9d blocks checked, %d wrong; p99 %.0f µs; longest gap between completions %.1f ms" % (
    r["bdev"], r["ios"], r["errors"], r["verify"]["checked"], r["verify"]["mismatches"],
    r["latency_us"]["p99"], r["longest_gap_us"] / 1000))
sys.exit(0 if r["ios"] > 0 and r["verify"]["checked"] > 0 and not r["errors"] and not r["verify"]["mismatches"] else 1)
PY
done
[ $rc -eq 0 ] || fail "I/O was lost or wrong"

step "4. calctl service restart all"
ctl service restart all | sed 's/^/   /'

step "5. calctl reactors, threads, pollers (as of the middle of it)"
for what in reactors threads pollers; do sed 's/^/   /' "$work/$what"; done

step "6. calctl stop"
services=$(ctl --json service list | python3 -c 'import json,sys; print(*(s["pid"] for s in json.load(sys.stdin) if s["pid"]))')
ctl stop | sed 's/^/   /'
wait $primary && primary= || fail "the primary ended with status $?"
left=$(ls -d /run/calandria/$id "$socket" 2>/dev/null || true)
for pid in $services; do ! kill -0 "$pid" 2>/dev/null || left="$left process $pid"; done
[ -z "$left" ] || fail "left behind: $left"
step "4 kills, 0 I/O errors, 0 wrong bytes, nothing left behind."
