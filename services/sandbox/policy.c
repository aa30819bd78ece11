/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What each service keeps, as tables. Each line beyond the common ones has its reason here and in
 * services/README.md. */

#include "services/sandbox/sandbox.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/perf_event.h>
#include <linux/prctl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define ANY(name)             \
	{                     \
		name, 0, 0, 0 \
	}
/* Arguments of type int: what is in the upper half of the register is of no matter. */
#define INT_IS(name, arg, value)              \
	{                                     \
		name, arg, 0xffffffffu, value \
	}
#define BITS_ARE(name, arg, mask, value) \
	{                                \
		name, arg, mask, value   \
	}
#define END                   \
	{                     \
		NULL, 0, 0, 0 \
	}

/* glibc's O_TMPFILE has the bit of O_DIRECTORY in it. */
#define TMPFILE  (O_TMPFILE & ~O_DIRECTORY)
#define OPENING  ((unsigned)(O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND | TMPFILE))
#define CREATING ((unsigned)(OPENING | O_EXCL))

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZER
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZER
#endif
#endif

const struct sandbox_call sandbox_common[] = {
	/* Memory, never executable. */
	BITS_ARE("mmap", 2, PROT_EXEC, 0),
	BITS_ARE("mprotect", 2, PROT_EXEC, 0),
	ANY("munmap"),
	ANY("mremap"),
	ANY("madvise"),
	ANY("brk"),
	/* Descriptors that are open. */
	ANY("read"),
	ANY("pread64"),
	ANY("write"),
	ANY("writev"),
	ANY("pwrite64"),
	ANY("close"),
	ANY("close_range"),
	ANY("lseek"),
	ANY("fstat"),
	INT_IS("fcntl", 1, F_GETFD),
	INT_IS("fcntl", 1, F_SETFD),
	INT_IS("fcntl", 1, F_GETFL),
	INT_IS("fcntl", 1, F_SETFL),
	INT_IS("fcntl", 1, F_DUPFD_CLOEXEC),
	INT_IS("fcntl", 1, F_OFD_GETLK),
	INT_IS("fcntl", 1, F_OFD_SETLK),
	ANY("flock"),
	INT_IS("ioctl", 1, FIONBIO),
	INT_IS("ioctl", 1, FIOCLEX),
	INT_IS("ioctl", 1, FIONREAD),
	INT_IS("ioctl", 1, TCGETS),
	/* Sockets that are open, and descriptors that come over them. */
	ANY("sendto"),
	ANY("sendmsg"),
	ANY("recvfrom"),
	ANY("recvmsg"),
	ANY("shutdown"),
	ANY("getsockopt"),
	ANY("setsockopt"),
	ANY("getsockname"),
	ANY("getpeername"),
	/* Waiting, and time. */
	ANY("poll"),
	ANY("ppoll"),
	ANY("epoll_create1"),
	ANY("epoll_ctl"),
	ANY("epoll_wait"),
	ANY("epoll_pwait"),
	ANY("epoll_pwait2"),
	ANY("eventfd2"),
	ANY("pipe2"),
	ANY("timerfd_create"),
	ANY("timerfd_settime"),
	ANY("nanosleep"),
	ANY("clock_nanosleep"),
	ANY("clock_gettime"),
	ANY("clock_getres"),
	ANY("gettimeofday"),
	ANY("time"),
	ANY("futex"),
	ANY("restart_syscall"),
	/* Files by name: to be read. What may be written is each service's own. */
	BITS_ARE("openat", 2, OPENING, 0),
	BITS_ARE("open", 1, OPENING, 0),
	ANY("newfstatat"),
	ANY("fstatat64"),
	ANY("stat"),
	ANY("lstat"),
	ANY("access"),
	ANY("faccessat"),
	ANY("getdents64"),
	/* The process itself, and its threads. Signals to itself are in sandbox_enter(). */
	ANY("rt_sigaction"),
	ANY("rt_sigprocmask"),
	ANY("rt_sigreturn"),
	ANY("getpid"),
	ANY("gettid"),
	ANY("getuid"),
	ANY("geteuid"),
	ANY("getgid"),
	ANY("getegid"),
	ANY("getrandom"),
	ANY("sysinfo"),
	ANY("sched_yield"),
	ANY("sched_getaffinity"),
	INT_IS("prctl", 0, 0x53564d41 /* PR_SET_VMA: names of malloc's arenas */),
	/* A thread of EAL may still be at its first instructions. */
	ANY("set_robust_list"),
	ANY("rseq"),
	ANY("exit"),
	ANY("exit_group"),
#ifdef SANITIZER
	/* Leaks are looked for by a thread that stops the others. */
	ANY("clone"),
	ANY("wait4"),
	ANY("ptrace"),
	ANY("getdents"), /* its list of the others; without it leaks go unseen */
	ANY("prctl"),
	ANY("sigaltstack"),
	ANY("readlink"),
	ANY("readlinkat"),
	ANY("tgkill"),
	ANY("personality"),
	ANY("getppid"),
	ANY("set_tid_address"),
	ANY("prlimit64"),
	ANY("process_vm_readv"),
#endif
	END,
};

const char *const sandbox_deadly[] = {
	"execve",
	"execveat",
	"fork",
	"vfork",
	"process_vm_readv",
	"process_vm_writev",
	"ptrace",
	"pidfd_getfd",
	"process_madvise",
	"kcmp",
	/* Other mounts, names, roots. */
	"mount",
	"umount2",
	"mount_setattr",
	"move_mount",
	"open_tree",
	"fsopen",
	"fsconfig",
	"fsmount",
	"fspick",
	"pivot_root",
	"chroot",
	"setns",
	"unshare",
	"open_by_handle_at",
	"name_to_handle_at",
	"quotactl",
	"swapon",
	"swapoff",
	"acct",
	"sethostname",
	"setdomainname",
	"mknod",
	"mknodat",
	/* Other identities. */
	"setuid",
	"setgid",
	"setreuid",
	"setregid",
	"setresuid",
	"setresgid",
	"setfsuid",
	"setfsgid",
	"setgroups",
	"capset",
	"keyctl",
	"add_key",
	"request_key",
	/* The kernel and the machine. */
	"init_module",
	"finit_module",
	"delete_module",
	"kexec_load",
	"kexec_file_load",
	"reboot",
	"bpf",
	"perf_event_open",
	"userfaultfd",
	"io_uring_enter",
	"io_uring_register",
	"lookup_dcookie",
	"modify_ldt",
	"iopl",
	"ioperm",
	"settimeofday",
	"clock_settime",
	"clock_adjtime",
	"adjtimex",
	"syslog",
	NULL,
};

static const int no_capabilities[] = { -1 };

/* --- cal-rpcd ----------------------------------------------------------------------------------
 */

static const struct sandbox_call rpcd_calls[] = {
	ANY("accept4"),
	ANY("listen"), /* once it is ready */
	/* Its end removes socket and lock. */
	ANY("unlink"),
	ANY("unlinkat"),
	ANY("pidfd_open"), /* the primary's death, a predecessor's */
	END,
};

const struct sandbox_policy sandbox_rpcd = {
	.name = "cal-rpcd",
	.capabilities = no_capabilities,
	.calls = rpcd_calls,
};

/* --- cal-confd ---------------------------------------------------------------------------------
 */

static const struct sandbox_call confd_calls[] = {
	/* The state file: a new one beside it, synced, renamed; one that is set aside. */
	BITS_ARE("openat", 2, CREATING, O_WRONLY | O_CREAT | O_EXCL),
	BITS_ARE("open", 1, CREATING, O_WRONLY | O_CREAT | O_EXCL),
	ANY("fsync"),
	ANY("fdatasync"),
	ANY("rename"),
	ANY("renameat"),
	ANY("link"),
	ANY("linkat"),
	ANY("unlink"),
	ANY("unlinkat"),
	END,
};

const struct sandbox_policy sandbox_confd = {
	.name = "cal-confd",
	.capabilities = no_capabilities,
	.calls = confd_calls,
};

/* --- cal-mond ----------------------------------------------------------------------------------
 */

/* CAP_BPF and CAP_PERFMON are not enough for a uprobe: EACCES, measured with Linux 6.18. This one
 * has those two in it. */
static const int mond_capabilities[] = { CAP_SYS_ADMIN, -1 };

static const struct sandbox_call mond_calls[] = {
	ANY("accept4"),
	ANY("listen"),
	ANY("pidfd_open"),
	/* A trace: maps, program and links, pinned in the instance's folder of the BPF file system.
	 */
	ANY("bpf"),
	ANY("perf_event_open"),
	INT_IS("ioctl", 1, PERF_EVENT_IOC_ENABLE),
	INT_IS("ioctl", 1, PERF_EVENT_IOC_DISABLE),
	INT_IS("ioctl", 1, PERF_EVENT_IOC_SET_BPF),
	ANY("statfs"),
	ANY("uname"),
	ANY("faccessat2"),
	ANY("mkdir"),
	ANY("mkdirat"),
	ANY("rmdir"),
	ANY("unlink"),
	ANY("unlinkat"),
	END,
};

const struct sandbox_policy sandbox_mond = {
	.name = "cal-mond",
	.capabilities = mond_capabilities,
	.calls = mond_calls,
};
