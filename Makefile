# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
#
# make [-j]         the libraries, the primary, the services and calctl, into build/
# make CC=clang     the same with clang
# make check        build and run every test; `make check-unit T=thread/poller` runs one alone
# make help         every target

V       ?= 0
PREFIX  ?= /usr/local
DESTDIR ?=
CC      := $(if $(filter default,$(origin CC)),gcc,$(CC))
AR      := $(if $(filter default,$(origin AR)),ar,$(AR))
SAN     ?=
# Each sanitizer has objects of its own, so that switching rebuilds nothing.
B       ?= build$(if $(SAN),-$(SAN))
Q       := $(if $(filter 1,$(V)),,@)
say      = $(if $(filter 1,$(V)),,@printf '  %-7s %s\n' $(1) $(patsubst $(B)/%,%,$(2)))

VERSION := $(shell sed -n 's/^\#define CAL_VERSION_STRING[[:space:]]*"\(.*\)"/\1/p' core/include/calandria/version.h)
ARCH    := $(shell $(CC) -print-multiarch 2>/dev/null)

.DEFAULT_GOAL := all

# --- flags ---------------------------------------------------------------------------------------
WARN     := -Wall -Wextra -Werror -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
            -Wno-unused-parameter -Wno-missing-field-initializers
# rte_config.h and the machine flag are what DPDK's own pkg-config file asks for. DPDK is a
# system library: its headers do not answer to our warnings.
DPDK_CFLAGS := -include rte_config.h -march=corei7 -isystem /usr/include/dpdk -isystem /usr/include/$(ARCH)/dpdk
CPPFLAGS_ALL = -D_GNU_SOURCE -I. -Icore/include $(DPDK_CFLAGS) $(CPPFLAGS)
OPT      ?= -O2
# No two scalar stores made one of a vector: what is stored here is often read again at once, in its
# parts, and a read is served from a store that is still under way only if the two match.
CFLAGS_ALL  = -std=gnu11 $(OPT) -g -fno-strict-aliasing -fno-omit-frame-pointer -momit-leaf-frame-pointer -fPIC -fno-semantic-interposition -fno-tree-slp-vectorize -pthread $(WARN) $(SANFLAGS) $(CFLAGS)
LDFLAGS_ALL = -pthread -Wl,-z,relro,-z,now $(SANFLAGS) $(LDFLAGS)
SANFLAGS-asan := -fsanitize=address,undefined -fno-sanitize-recover=undefined -DCAL_ASAN
# (gcc warns that it cannot follow fences: a sequence lock has nothing for it to follow.)
SANFLAGS-tsan := -fsanitize=thread $(if $(findstring clang,$(CC)),,-Wno-tsan)
# No sanitizer: what `make helgrind` runs under valgrind.
SANFLAGS-helgrind := -include tests/unit/helgrind.h -DCAL_HELGRIND
# For clang's libFuzzer (make fuzz): what is covered is counted, too; limits are small enough for short
# inputs to reach them.
SANFLAGS-fuzz := $(SANFLAGS-asan) -fsanitize=fuzzer-no-link -DCAL_FUZZ_LIMITS
SANFLAGS := $(SANFLAGS-$(SAN))

# DPDK is linked statically: only so can a secondary's EAL be kept off the shared heap (--wrap), and
# a program linked with us runs wherever it is copied. Its drivers register by constructor, hence
# --whole-archive.
DPDK_EAL := -l:librte_eal.a -l:librte_kvargs.a -l:librte_telemetry.a -l:librte_ring.a
DPDK_PRIMARY_LIBS := -Wl,--whole-archive $(DPDK_EAL) -l:librte_mempool.a -l:librte_mempool_ring.a \
                     -l:librte_pci.a -l:librte_bus_pci.a -Wl,--no-whole-archive
DPDK_CLIENT_LIBS  := -Wl,--whole-archive $(DPDK_EAL) -Wl,--no-whole-archive
SYS_LIBS     := -lbsd -lnuma -luuid -ldl -lm -lpthread
# EAL looks for cores with 5,000 system calls; core/env/env_eal_cpus.c does it with a few.
EAL_WRAP     := -Wl,--wrap=eal_cpu_detected -Wl,--wrap=eal_cpu_socket_id -Wl,-u,__wrap_eal_cpu_detected
# A primary's EAL gets the TSC's rate from core/env/env_time.c; its own measurement sleeps for 100 ms.
PRIMARY_WRAP := $(EAL_WRAP) -Wl,--wrap=get_tsc_freq_arch
PRIMARY_LIBS := $(PRIMARY_WRAP) -Wl,--whole-archive $(B)/lib/libcalandria.a -Wl,--no-whole-archive $(DPDK_PRIMARY_LIBS) -luring $(SYS_LIBS)
# A secondary's EAL must not allocate its service cores from the primary's heap.
CLIENT_WRAP  := -Wl,--wrap=rte_service_init -Wl,--wrap=rte_service_start_with_defaults -Wl,--wrap=rte_service_finalize \
                -Wl,-u,__wrap_rte_service_init $(EAL_WRAP)
CLIENT_LIBS  := $(CLIENT_WRAP) $(B)/lib/libcalandria-client.a $(B)/lib/libcalandria.a $(DPDK_CLIENT_LIBS) -lmsgpackc -ljson-c $(SYS_LIBS)

# A probe: the kernel's side compiled to BPF, and the skeleton that carries it into the monitor.
BPF_CFLAGS := -target bpf -g -O2 -Wall -Werror -I/usr/include/$(ARCH) -Iservices/probes
$(B)/obj/services/probes/%.bpf.o: services/probes/%.bpf.c services/probes/%.h
	@mkdir -p $(@D)
	$(call say,BPF,$<)
	$(Q)clang $(BPF_CFLAGS) -c $< -o $@
$(B)/gen/%.skel.h: $(B)/obj/services/probes/%.bpf.o
	@mkdir -p $(@D)
	$(call say,GEN,$@)
	$(Q){ echo '/* NOLINTBEGIN: of a generator */' && bpftool gen skeleton $< name $* && \
	    echo '/* NOLINTEND */'; } > $@ || { rm -f $@; exit 1; }
$(B)/obj/services/mond/trace.o: $(B)/gen/poller.skel.h
$(B)/obj/services/mond/trace.o: CPPFLAGS += -isystem $(B)/gen

# --- what is built -------------------------------------------------------------------------------
MAINS       := core/app/main.c
CORE_SRCS   := $(filter-out $(MAINS),$(wildcard core/*/*.c ipc/gate/*.c ipc/link/*.c ipc/codec/*.c ipc/stats/*.c drivers/*/*.c))
CLIENT_SRCS := $(wildcard ipc/client/*.c)
HANDOVER_SRCS := $(wildcard services/handover/*.c)
RPCD_SRCS   := $(wildcard services/rpcd/*.c) $(HANDOVER_SRCS)
CONFD_SRCS  := $(wildcard services/confd/*.c)
MOND_SRCS   := $(wildcard services/mond/*.c) $(HANDOVER_SRCS)
# Every service has all of it: a table each.
SANDBOX_SRCS := $(wildcard services/sandbox/*.c)
SANDBOX_LIBS := -lseccomp -lcap-ng
CTL_SRCS    := $(wildcard ctl/*.c)

objs = $(patsubst %.c,$(B)/obj/%.o,$(1))

BINS := $(if $(wildcard $(MAINS)),$(B)/bin/calandria) $(if $(RPCD_SRCS),$(B)/bin/cal-rpcd) \
        $(if $(CONFD_SRCS),$(B)/bin/cal-confd) $(if $(MOND_SRCS),$(B)/bin/cal-mond) $(if $(CTL_SRCS),$(B)/bin/calctl)
LIBS := $(B)/lib/libcalandria.a $(B)/lib/libcalandria-client.a

.DELETE_ON_ERROR:
.PHONY: all
all: $(LIBS) $(BINS)

include tests/tests.mk
include scripts/install.mk

$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -c $< -o $@

# Where an application looks for the services; the environment says otherwise at run time.
$(B)/obj/core/app/service_spawn.o: CPPFLAGS_ALL += -DLIBEXECDIR='"$(PREFIX)/libexec/calandria"'

$(B)/lib/libcalandria.a: $(call objs,$(CORE_SRCS))
$(B)/lib/libcalandria-client.a: $(call objs,$(CLIENT_SRCS))
$(B)/lib/%.a:
	@mkdir -p $(@D)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $(filter %.o,$^)

$(B)/bin/calandria: $(call objs,$(MAINS)) $(B)/lib/libcalandria.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) $(filter %.o,$^) $(PRIMARY_LIBS) -o $@

$(B)/bin/cal-rpcd:  $(call objs,$(RPCD_SRCS) $(SANDBOX_SRCS))  $(LIBS)
$(B)/bin/cal-confd: $(call objs,$(CONFD_SRCS) $(SANDBOX_SRCS)) $(LIBS)
$(B)/bin/cal-mond:  $(call objs,$(MOND_SRCS) $(SANDBOX_SRCS))  $(LIBS)
$(B)/bin/calctl:    $(call objs,$(CTL_SRCS))   $(LIBS)
$(B)/bin/cal-rpcd: XLIBS := -luv $(SANDBOX_LIBS)
$(B)/bin/cal-confd: XLIBS := -luv $(SANDBOX_LIBS)
$(B)/bin/cal-mond: XLIBS := $(SANDBOX_LIBS) -lbpf -lelf -lz -luv
$(B)/bin/cal-rpcd $(B)/bin/cal-confd $(B)/bin/cal-mond $(B)/bin/calctl:
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) $(filter %.o,$^) $(CLIENT_LIBS) $(XLIBS) -o $@

.PHONY: clean help
#: make                       the libraries, the primary, the services and calctl, into build/
#: make clean                 remove everything that was built
clean:
	rm -rf build build-*

help:
	@sed -n 's/^#: //p' Makefile tests/tests.mk scripts/install.mk

.SECONDARY: $(B)/obj/services/probes/poller.bpf.o $(B)/gen/poller.skel.h
-include $(patsubst %.o,%.d,$(call objs,$(CORE_SRCS) $(CLIENT_SRCS) $(MAINS) $(RPCD_SRCS) $(CONFD_SRCS) $(MOND_SRCS) $(SANDBOX_SRCS) $(CTL_SRCS)))
