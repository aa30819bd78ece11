#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
#
# Prepares a machine for a primary, and gives back what it took.
#
#   setup.sh status                     what is there and what is missing (exit 1 if anything is)
#   setup.sh config [options]           make it so
#       -s, --mem MB                    free 2 MB hugepages to have, in MB        (default 1024)
#       --driver vfio-pci|uio_pci_generic   for NVMe devices   (default: VFIO where there is an IOMMU)
#       --pci-allowed BDF               only this device; repeatable
#       --pci-blocked BDF               every other device; repeatable
#       --no-pci                        leave PCI devices alone
#       --user NAME                     let NAME lock memory and open many files (limits.d)
#   setup.sh reset                      undo exactly what config changed
#
# What it changes is said, one line each, and noted in a file so that reset can undo it. A device with
# a mounted file system, in use as swap or by another device (md, dm), or holding the root file system
# is never touched.
set -euo pipefail

# Roots are variables so that the tests can show this script a machine that it may break.
sys=${CAL_SYSFS:-/sys}
proc=${CAL_PROCFS:-/proc}
notes=${CAL_SETUP_NOTES:-/run/calandria-setup}
huge_dir=${CAL_HUGE_DIR:-/dev/hugepages}
bpf_dir=${CAL_BPF_DIR:-/sys/fs/bpf}
limits_file=${CAL_LIMITS_FILE:-/etc/security/limits.d/50-calandria.conf}
pool=$sys/kernel/mm/hugepages/hugepages-2048kB

say()  { printf '%s\n' "$*"; }
fail() { printf 'setup.sh: %s\n' "$*" >&2; exit 1; }
usage() { sed -n '7,19s/^# \{0,3\}//p' "$0"; }

need_root() {
    [ "$(id -u)" -eq 0 ] || fail "'$1' changes the machine and needs root: run it with sudo"
}

# --- notes: lines "what arguments…", the newest last ------------------------------------------------
note() { printf '%s\n' "$*" >>"$notes"; }

# --- hugepages --------------------------------------------------------------------------------------
mounted_at() { # file system type, mount point
    awk -v type="$1" -v dir="$2" '$3 == type && $2 == dir {found = 1} END {exit !found}' "$proc/mounts"
}
mount_of() { awk -v type="$1" '$3 == type {print $2; exit}' "$proc/mounts"; }
# A hugetlbfs of another page size is of no use to a pool of 2 MB pages.
hugetlbfs_mount() {
    awk '$3 == "hugetlbfs" && ($4 !~ /pagesize=/ || $4 ~ /pagesize=2M/) {print $2; exit}' "$proc/mounts"
}

hugepages_added=0
config_hugepages() {
    local want=$(( ($1 + 1) / 2 )) total free now
    [ -r "$pool/nr_hugepages" ] || fail "this kernel has no 2 MB hugepages ($pool is missing)"
    total=$(<"$pool/nr_hugepages")
    free=$(<"$pool/free_hugepages")
    if [ "$free" -ge "$want" ]; then
        say "hugepages: $((free * 2)) MB of 2 MB pages are free already"
        return
    fi
    # Memory that is free in small pieces only gives few hugepages: have the kernel tidy up first.
    [ -w "$proc/sys/vm/compact_memory" ] && echo 1 >"$proc/sys/vm/compact_memory" 2>/dev/null || true
    echo $((total + want - free)) >"$pool/nr_hugepages"
    now=$(<"$pool/nr_hugepages")
    if [ "$now" -gt "$total" ]; then
        note "hugepages $total $now"
        hugepages_added=1
    fi
    free=$(<"$pool/free_hugepages")
    say "hugepages: $((total * 2)) → $((now * 2)) MB of 2 MB pages, $((free * 2)) MB free"
    [ "$free" -ge "$want" ] ||
        fail "the kernel could give only $((free * 2)) of $((want * 2)) MB as hugepages: free memory, or reserve them at boot with hugepages=N"
}

# In a virtual machine the host gives memory only when it is first touched: that would cost the first
# primary half a second a gigabyte and more. Have it touched here, once.
touch_hugepages() {
    local dir file mb
    dir=$(hugetlbfs_mount)
    mb=$(( $(<"$pool/free_hugepages") * 2 ))
    [ "$sys" = /sys ] && [ -n "$dir" ] && [ "$mb" -gt 0 ] && command -v fallocate >/dev/null || return 0
    file=$dir/calandria-setup.$$
    fallocate -l "${mb}M" "$file" 2>/dev/null || true
    rm -f "$file"
}

config_mount() { # type, directory, options
    local there
    if [ "$1" = hugetlbfs ]; then there=$(hugetlbfs_mount); else there=$(mount_of "$1"); fi
    if [ -n "$there" ]; then
        say "$1: mounted at $there already"
        return
    fi
    if [ ! -d "$2" ]; then
        mkdir -p "$2" || fail "cannot create $2 to mount $1 on"
        note "mkdir $2"
    fi
    mount -t "$1" ${3:+-o "$3"} "$1" "$2" || fail "cannot mount $1 on $2"
    note "mount $2"
    say "$1: mounted at $2"
}

# --- limits -----------------------------------------------------------------------------------------
config_limits() {
    [ -n "$1" ] || return 0
    id "$1" >/dev/null 2>&1 || fail "no user '$1' on this machine"
    if [ -e "$limits_file" ] && grep -q "^$1 .*memlock" "$limits_file"; then
        say "limits: $limits_file lets $1 lock memory already"
        return
    fi
    [ -e "$limits_file" ] || note "limits $limits_file"
    printf '%s - memlock unlimited\n%s - nofile 65536\n' "$1" "$1" >>"$limits_file"
    say "limits: $1 may lock memory and open 65536 files (from its next login, $limits_file)"
}

# --- PCI NVMe devices -------------------------------------------------------------------------------
nvme_devices() {
    local dev
    for dev in "$sys"/bus/pci/devices/*; do
        [ -r "$dev/class" ] && [ "$(<"$dev/class")" = 0x010802 ] && basename "$dev"
    done
    return 0
}

driver_of() {
    [ -e "$sys/bus/pci/devices/$1/driver" ] && basename "$(readlink -f "$sys/bus/pci/devices/$1/driver")" || true
}

# Prints why the device must not be touched, nothing if it may be. The kernel's own records are asked,
# for each namespace and partition of it: mounts (by device number, so that no alias hides one), swap,
# holders (md, dm, LVM), and open exclusively by somebody.
in_use_by() {
    local block name number
    for block in $(find -L "$sys/bus/pci/devices/$1/nvme" -maxdepth 3 -name 'nvme*n*' 2>/dev/null | sort -u); do
        # With the kernel's multipath the controller has a path (nvme0c0n1), the disk is its head (nvme0n1).
        name=$(basename "$block")
        [[ $name =~ ^(nvme[0-9]+)c[0-9]+(n[0-9]+)$ ]] && block=$sys/block/${BASH_REMATCH[1]}${BASH_REMATCH[2]}
        for name in "$block" "$block"/nvme*p*; do
            [ -r "$name/dev" ] || continue
            number=$(<"$name/dev")
            if awk -v n="$number" '$3 == n {found = 1} END {exit !found}' "$proc/self/mountinfo"; then
                echo "$(basename "$name") is mounted"
                return
            fi
            if awk -v d="/dev/$(basename "$name")" '$1 == d {found = 1} END {exit !found}' "$proc/swaps" 2>/dev/null; then
                echo "$(basename "$name") is swap"
                return
            fi
            if [ -n "$(ls -A "$name/holders" 2>/dev/null)" ]; then
                echo "$(basename "$name") is held by $(ls "$name/holders" | head -n 1)"
                return
            fi
        done
    done
}

has_iommu() { [ -n "$(ls -A "$sys/kernel/iommu_groups" 2>/dev/null)" ]; }

load_driver() {
    [ -d "$sys/bus/pci/drivers/$1" ] && return 0
    command -v modprobe >/dev/null && modprobe "$1" 2>/dev/null
    [ -d "$sys/bus/pci/drivers/$1" ]
}

choose_driver() { # the wish, or ""
    local try
    if [ -n "$1" ]; then
        load_driver "$1" || fail "the kernel driver $1 cannot be loaded (is its module installed?)"
        echo "$1"
        return
    fi
    for try in $(has_iommu && echo vfio-pci) uio_pci_generic; do
        load_driver "$try" && echo "$try" && return
    done
    fail "neither vfio-pci (needs an IOMMU) nor uio_pci_generic can be loaded: install the kernel's modules or use --no-pci"
}

bind_device() { # BDF, driver ("" for none)
    local dev=$sys/bus/pci/devices/$1 now
    now=$(driver_of "$1")
    [ "$now" = "$2" ] && return 0
    [ -z "$now" ] || echo "$1" >"$sys/bus/pci/drivers/$now/unbind"
    if [ -n "$2" ]; then
        echo "$2" >"$dev/driver_override"
        echo "$1" >"$sys/bus/pci/drivers_probe"
        # The override goes again, so that the device is free for whatever comes next.
        echo >"$dev/driver_override"
    fi
}

config_pci() { # wish, allowed…, "--", blocked…
    local wish=$1 dev why driver="" old found=0
    for dev in $(nvme_devices); do
        found=1
        if [ ${#allowed[@]} -gt 0 ] && [[ " ${allowed[*]} " != *" $dev "* ]]; then
            say "nvme $dev: not among --pci-allowed, left alone"
            continue
        fi
        if [[ " ${blocked[*]-} " == *" $dev "* ]]; then
            say "nvme $dev: blocked, left alone"
            continue
        fi
        why=$(in_use_by "$dev")
        if [ -n "$why" ]; then
            say "nvme $dev: left with the kernel, $why"
            continue
        fi
        old=$(driver_of "$dev")
        [ -n "$driver" ] || driver=$(choose_driver "$wish") || exit 1
        if [ "$old" = "$driver" ]; then
            say "nvme $dev: bound to $driver already"
            continue
        fi
        note "pci $dev ${old:--}"
        bind_device "$dev" "$driver"
        say "nvme $dev: ${old:-no driver} → $driver"
    done
    [ $found -eq 1 ] || say "nvme: this machine has no PCI NVMe device"
}

# --- commands ---------------------------------------------------------------------------------------
cmd_status() {
    local missing=0 total free at dev why
    if [ -r "$pool/nr_hugepages" ]; then
        total=$(<"$pool/nr_hugepages")
        free=$(<"$pool/free_hugepages")
        say "hugepages   $((total * 2)) MB of 2 MB pages, $((free * 2)) MB free"
        [ "$free" -gt 0 ] || missing=1
    else
        say "hugepages   this kernel has none of 2 MB"
        missing=1
    fi
    at=$(hugetlbfs_mount); say "hugetlbfs   ${at:-not mounted}"; [ -n "$at" ] || missing=1
    at=$(mount_of bpf);    say "bpffs       ${at:-not mounted}"; [ -n "$at" ] || missing=1
    say "limits      memlock $(ulimit -l) KB, open files $(ulimit -n) (soft), $(ulimit -Hn) (hard)"
    for dev in $(nvme_devices); do
        why=$(in_use_by "$dev")
        say "nvme        $dev driver $(driver_of "$dev" | grep . || echo none)${why:+, in use: $why}"
    done
    if [ $missing -eq 1 ]; then
        say "Something is missing: 'scripts/setup.sh config' as root sets it up, 'reset' undoes it."
        return 1
    fi
}

cmd_config() {
    local mem=1024 wish="" pci=1 user=""
    allowed=() blocked=()
    while [ $# -gt 0 ]; do
        case "$1" in
        -s|--mem)      mem=${2:?}; shift ;;
        --driver)      wish=${2:?}; shift ;;
        --pci-allowed) allowed+=("${2:?}"); shift ;;
        --pci-blocked) blocked+=("${2:?}"); shift ;;
        --no-pci)      pci=0 ;;
        --user)        user=${2:?}; shift ;;
        *) printf "setup.sh: unknown option '%s' (setup.sh --help)\n" "$1" >&2; exit 2 ;;
        esac
        shift
    done
    [[ $mem =~ ^[0-9]+$ ]] && [ "$mem" -gt 0 ] || { echo "setup.sh: --mem takes a number of MB, not '$mem'" >&2; exit 2; }
    case "$wish" in ""|vfio-pci|uio_pci_generic) ;; *)
        echo "setup.sh: --driver is vfio-pci or uio_pci_generic, not '$wish'" >&2; exit 2 ;; esac
    need_root config
    config_hugepages "$mem"
    config_mount hugetlbfs "$huge_dir" pagesize=2M,mode=0700
    [ $hugepages_added -eq 0 ] || touch_hugepages
    config_mount bpf "$bpf_dir" ""
    config_limits "$user"
    [ $pci -eq 0 ] || config_pci "$wish"
}

cmd_reset() {
    local what a b now
    need_root reset
    if [ ! -e "$notes" ]; then
        say "nothing to undo: config has changed nothing since the last reset"
        return
    fi
    # The newest change is undone first.
    tac "$notes" >"$notes.work"
    while read -r what a b; do
        case "$what" in
        pci)
            [ "$b" != - ] || b=""
            if [ -e "$sys/bus/pci/devices/$a" ]; then
                [ -z "$b" ] || load_driver "$b" || true
                bind_device "$a" "$b"
                say "nvme $a: back to ${b:-no driver}"
            else
                say "nvme $a: is gone"
            fi ;;
        mount)
            if umount "$a" 2>/dev/null; then say "unmounted $a"; else
                say "$a is still in use and stays mounted"; fi ;;
        mkdir) rmdir "$a" 2>/dev/null || true ;;
        limits) rm -f "$a"; say "removed $a" ;;
        hugepages)
            # Give back what was added, and not what somebody else has reserved since.
            now=$(<"$pool/nr_hugepages")
            now=$((now - (b - a)))
            [ $now -ge 0 ] || now=0
            echo "$now" >"$pool/nr_hugepages"
            say "hugepages: back to $(( $(<"$pool/nr_hugepages") * 2 )) MB" ;;
        esac
    done <"$notes.work"
    rm -f "$notes" "$notes.work"
}

case "${1:-}" in
status) shift; cmd_status "$@" ;;
config) shift; cmd_config "$@" ;;
reset)  shift; cmd_reset "$@" ;;
-h|--help|help) usage ;;
"") usage; exit 2 ;;
*) printf "setup.sh: unknown command '%s' (status, config, reset)\n" "$1" >&2; exit 2 ;;
esac
