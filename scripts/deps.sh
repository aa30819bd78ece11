#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
#
# Installs the Debian packages that Calandria needs, by purpose:
#   deps.sh [build] [test] [lint] [fuzz] [deb] [--dry-run]      without a purpose: all of them
# Says what it installs; does nothing, and asks no network, when all is there.
set -euo pipefail

# What compiles and links the libraries, the primary, the services and calctl.
build=(
    gcc make libc6-dev
    libdpdk-dev libbsd-dev libnuma-dev    # EAL, rings; linked statically, with what EAL needs
    libmsgpack-dev                        # MessagePack in the services
    libjson-c-dev libuv1-dev              # JSON and the event loop in the services
    liburing-dev                          # drivers/uring
    uuid-dev                              # spdk/uuid.h
    libbpf-dev libelf-dev zlib1g-dev      # services/mond
    libseccomp-dev libcap-ng-dev          # services/sandbox: filters of system calls, capabilities
    clang bpftool                         # BPF objects and their skeletons
    procps util-linux kmod python3        # scripts/setup.sh and scripts/demo.sh
)
# What runs the tests.
test=(
    libcunit1-dev valgrind g++ pkg-config
    spin                                  # the protocol models of tests/model
    systemd systemd-container             # the units are tried under a systemd of their own
)
# What `make lint`, `make asan CC=clang` and the like call.
lint=(clang-format clang-tidy cppcheck libclang-rt-14-dev)
# What `make deb` builds packages with and checks them by; help2man makes the manual pages.
deb=(debhelper dpkg-dev fakeroot lintian help2man)
# What `make fuzz` builds the targets with: clang, with its libFuzzer and sanitizers.
fuzz=(clang libclang-rt-14-dev)

dry=0
purposes=()
for arg in "$@"; do
    case "$arg" in
    build|test|lint|fuzz|deb) purposes+=("$arg") ;;
    --dry-run) dry=1 ;;
    *) echo "deps.sh: unknown argument '$arg' (build, test, lint, fuzz, deb, --dry-run)" >&2; exit 2 ;;
    esac
done
[ ${#purposes[@]} -gt 0 ] || purposes=(build test lint fuzz deb)

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    echo "deps.sh: this is not a Debian system: install the counterparts of the packages listed in $0" >&2
    exit 1
fi

missing=()
for purpose in "${purposes[@]}"; do
    declare -n list=$purpose
    for package in "${list[@]}"; do
        status=$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null || true)
        [ "${status:0:2}" = ii ] || missing+=("$package")
    done
done

if [ ${#missing[@]} -eq 0 ]; then
    echo "deps: every package for ${purposes[*]} is installed"
    exit 0
fi
echo "deps: installing ${missing[*]}"
[ $dry -eq 0 ] || exit 0
if [ "$(id -u)" -ne 0 ]; then
    echo "deps.sh: installing packages needs root: run 'sudo make deps'" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install() { apt-get install -y --no-install-recommends "${missing[@]}" >"$log" 2>&1; }
# The lists of a fresh machine are empty or old: fetch them only if a package cannot be had without.
if ! install; then
    apt-get update >>"$log" 2>&1 && install || {
        tail -n 20 "$log" >&2
        echo "deps.sh: apt-get could not install them (its last lines are above)" >&2
        exit 1
    }
fi
echo "deps: installed ${#missing[@]} packages"
