#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
"""scripts/setup.sh shown a machine that it may break: a tree of files in the place of /sys and /proc.

What is proved: a device that is mounted, swap, or held by another device is never unbound; a free one
is, and is given back by reset; hugepages are raised by what is missing and reset takes back only that;
bad arguments are refused with exit 2. Writes to bind files stay in them, so they can be read.
"""
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SETUP = os.path.join(ROOT, "scripts", "setup.sh")


class Machine:
    def __init__(self, root):
        self.root = root
        self.sys = os.path.join(root, "sys")
        self.proc = os.path.join(root, "proc")
        self.put("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "100")
        self.put("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "60")
        self.put("proc/mounts", "hugetlbfs /dev/hugepages hugetlbfs rw,pagesize=2M 0 0\nbpf /sys/fs/bpf bpf rw 0 0\n")
        self.put("proc/self/mountinfo", "")
        self.put("proc/swaps", "Filename Type Size Used Priority\n")
        for driver in ("nvme", "uio_pci_generic", "vfio-pci"):
            self.put(f"sys/bus/pci/drivers/{driver}/unbind", "")
        self.put("sys/bus/pci/drivers_probe", "")
        os.makedirs(os.path.join(self.sys, "block"), exist_ok=True)

    def put(self, path, text):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)

    def get(self, path):
        with open(os.path.join(self.root, path), encoding="utf-8") as file:
            return file.read()

    def nvme(self, bdf, name, number, partition=None):
        base = f"sys/bus/pci/devices/{bdf}"
        self.put(f"{base}/class", "0x010802\n")
        self.put(f"{base}/driver_override", "")
        os.symlink(os.path.join(self.sys, "bus/pci/drivers/nvme"), os.path.join(self.root, base, "driver"))
        disk = f"{base}/nvme/{name[:-2]}/{name}"
        self.put(f"{disk}/dev", number + "\n")
        os.makedirs(os.path.join(self.root, disk, "holders"))
        if partition:
            self.put(f"{disk}/{name}p1/dev", partition + "\n")
            os.makedirs(os.path.join(self.root, disk, f"{name}p1", "holders"))
        return disk

    def run(self, *args):
        env = dict(os.environ, CAL_SYSFS=self.sys, CAL_PROCFS=self.proc,
                   CAL_SETUP_NOTES=os.path.join(self.root, "notes"),
                   CAL_LIMITS_FILE=os.path.join(self.root, "limits.conf"))
        done = subprocess.run([SETUP, *args], capture_output=True, text=True, env=env)
        return done.returncode, done.stdout + done.stderr


def check(what, ok, detail=""):
    print(("ok      " if ok else "WRONG   ") + what, detail if not ok else "")
    if not ok:
        sys.exit(1)


def main():
    if os.geteuid() != 0:
        print("needs root")
        sys.exit(77)
    root = tempfile.mkdtemp(prefix="cal-setup-")
    try:
        pc = Machine(root)
        pc.nvme("0000:01:00.0", "nvme0n1", "259:0", partition="259:1")
        pc.nvme("0000:02:00.0", "nvme1n1", "259:2")
        swap = pc.nvme("0000:03:00.0", "nvme2n1", "259:3")
        held = pc.nvme("0000:04:00.0", "nvme3n1", "259:4")
        # The first has a mounted partition, the third is swap, the fourth is part of an array.
        pc.put("proc/self/mountinfo", "22 1 259:1 / / rw - ext4 /dev/root rw\n")
        pc.put("proc/swaps", "Filename Type Size Used Priority\n/dev/nvme2n1 partition 1 0 -2\n")
        os.makedirs(os.path.join(root, held, "holders", "md0"))
        assert swap

        rc, out = pc.run("config", "-s", "100")
        check("config succeeds", rc == 0, out)
        check("enough hugepages: none added", pc.get("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages") == "100")
        check("mounted device refused", "nvme 0000:01:00.0: left with the kernel, nvme0n1p1 is mounted" in out, out)
        check("swap device refused", "nvme 0000:03:00.0: left with the kernel, nvme2n1 is swap" in out, out)
        check("held device refused", "nvme 0000:04:00.0: left with the kernel, nvme3n1 is held by md0" in out, out)
        check("free device bound", "nvme 0000:02:00.0: nvme → uio_pci_generic" in out, out)
        unbound = pc.get("sys/bus/pci/drivers/nvme/unbind").split()
        check("only the free one was unbound", unbound == ["0000:02:00.0"], unbound)
        check("it was probed", pc.get("sys/bus/pci/drivers_probe").split() == ["0000:02:00.0"])

        # As the kernel would have it after the bind.
        link = os.path.join(root, "sys/bus/pci/devices/0000:02:00.0/driver")
        os.unlink(link)
        os.symlink(os.path.join(pc.sys, "bus/pci/drivers/uio_pci_generic"), link)
        rc, out = pc.run("config", "-s", "100")
        check("a second config changes nothing", rc == 0 and "bound to uio_pci_generic already" in out, out)
        rc, out = pc.run("reset")
        check("reset gives it back", rc == 0 and "nvme 0000:02:00.0: back to nvme" in out, out)
        check("reset unbinds ours", pc.get("sys/bus/pci/drivers/uio_pci_generic/unbind").split() == ["0000:02:00.0"])
        rc, out = pc.run("reset")
        check("a second reset has nothing to do", rc == 0 and "nothing to undo" in out, out)

        rc, out = pc.run("config", "-s", "200", "--no-pci")
        nr = pc.get("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages").strip()
        check("hugepages: what is missing is asked for", nr == "140", nr)
        check("a kernel that gives too few is reported", rc == 1 and "could give only 120 of 200 MB" in out, out)
        pc.put("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "150")  # somebody else took 10
        rc, out = pc.run("reset")
        nr = pc.get("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages").strip()
        check("reset takes back ours only", rc == 0 and nr == "110", nr)

        os.makedirs(os.path.join(pc.sys, "kernel/iommu_groups/0"))
        os.unlink(link)
        os.symlink(os.path.join(pc.sys, "bus/pci/drivers/nvme"), link)
        rc, out = pc.run("config", "-s", "10", "--pci-allowed", "0000:02:00.0")
        check("with an IOMMU it is vfio-pci", "nvme 0000:02:00.0: nvme → vfio-pci" in out, out)
        pc.run("reset")

        pc.put("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "0")
        pc.put("proc/mounts", "")
        rc, out = pc.run("status")
        check("status says what is missing", rc == 1 and out.count("not mounted") == 2 and "setup.sh config" in out, out)
        for bad in (["conf"], ["config", "--mem", "much"], ["config", "--driver", "igb"], ["config", "--what"], []):
            rc, out = pc.run(*bad)
            check(f"refused: {bad}", rc == 2 and out, out)
    finally:
        shutil.rmtree(root)


main()
