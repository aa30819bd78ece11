# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
#
# Tests are found by their place: tests/unit/DIR/NAME.c is one CUnit program (linked with the
# primary's library; what it defines itself, such as a fake clock, takes precedence over the
# library's), tests/integration/NAME.{py,sh} one script, tests/bench/NAME.c one benchmark.

UNIT_SRCS  := $(wildcard tests/unit/*/*.c tests/unit/*/*/*.c)
UNIT_BINS  := $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(UNIT_SRCS))
BENCH_SRCS := $(wildcard tests/bench/*.c)
BENCH_BINS := $(patsubst tests/bench/%.c,$(B)/tests/bench/%,$(BENCH_SRCS))
FUZZ_SRCS  := $(filter-out tests/fuzz/main.c,$(wildcard tests/fuzz/*.c))
FUZZ_BINS  := $(patsubst tests/fuzz/%.c,$(B)/tests/fuzz/%,$(FUZZ_SRCS))
HELPER_SRCS := $(wildcard tests/helpers/*.c)
HELPER_BINS := $(patsubst tests/helpers/%.c,$(B)/tests/helpers/%,$(HELPER_SRCS))
CHAOS_SRCS := $(wildcard tests/chaos/*.c)
CHAOS_BINS := $(patsubst tests/chaos/%.c,$(B)/tests/chaos/%,$(CHAOS_SRCS))

# cal-rpcd as another release would have it, for tests/integration/service_upgrade.py: `next` speaks one
# version of the gate's protocol more, `apart` none that we do. Only what sees the version is compiled anew.
UPGRADES     := next apart
UPGRADE_BINS := $(foreach v,$(UPGRADES),$(B)/tests/upgrade/$(v)/cal-rpcd)
ABI          := $(shell sed -n 's/^\#define CAL_ABI_VERSION \([0-9]*\)u$$/\1/p' core/include/calandria/version.h)
UPGRADE_next  := -DCAL_ABI_VERSION=$(shell expr $(ABI) + 1)u -DCAL_ABI_OLDEST=$(ABI)u -DCAL_VERSION_STRING='"9.1.0-next"'
UPGRADE_apart := -DCAL_ABI_VERSION=$(shell expr $(ABI) + 7)u -DCAL_ABI_OLDEST=$(shell expr $(ABI) + 6)u -DCAL_VERSION_STRING='"9.7.0-apart"'
UPGRADE_SRCS := $(shell grep -lE 'CAL_(ABI|VERSION)_' services/rpcd/*.c ipc/client/*.c ipc/gate/gate_packet.c)
upgrade_objs = $(patsubst %.c,$(B)/obj/upgrade/$(1)/%.o,$(UPGRADE_SRCS))
define upgrade_rule
$(B)/obj/upgrade/$(1)/%.o: %.c
	@mkdir -p $$(@D)
	$$(call say,CC,$$<)
	$$(Q)$$(CC) $$(CPPFLAGS_ALL) $$(UPGRADE_$(1)) $$(CFLAGS_ALL) -MMD -MP -c $$< -o $$@
$(B)/tests/upgrade/$(1)/cal-rpcd: $(call upgrade_objs,$(1)) $(call objs,$(filter-out $(UPGRADE_SRCS),$(RPCD_SRCS) $(SANDBOX_SRCS))) $(LIBS)
	@mkdir -p $$(@D)
	$$(call say,LD,$$@)
	$$(Q)$$(CC) $$(LDFLAGS_ALL) $$(filter %.o,$$^) $$(CLIENT_LIBS) -luv $(SANDBOX_LIBS) -o $$@
-include $(patsubst %.o,%.d,$(call upgrade_objs,$(1)))
endef
$(foreach v,$(UPGRADES),$(eval $(call upgrade_rule,$(v))))

#: make check                 build everything and run every test
#: make check-unit [T=DIR/NAME]  the unit tests, or the ones whose path contains T
#: make check-integration [T=NAME]  real processes
.PHONY: check check-unit check-integration tests
tests: $(UPGRADE_BINS) $(UNIT_BINS) $(HELPER_BINS) $(BENCH_BINS) $(FUZZ_BINS) $(CHAOS_BINS)
# A make of its own, since the packages that this one looks for may only just have arrived.
check:
	@scripts/deps.sh build test deb
	@$(MAKE) --no-print-directory -j$$(nproc) all tests
	@$(MAKE) --no-print-directory -j$$(nproc) SAN=tsan B=build-tsan $(STRESS_BIN)
	$(Q)tests/run --build $(B) unit fuzz model integration chaos stress
#: make model [T=MODEL[/RUN]]   the protocol models of tests/model, with spin
.PHONY: model
model:
	@scripts/deps.sh build test
	$(Q)tests/model/protocols.py $(T)
#: make stress [S=SECONDS]     threads under load on two OS threads, under ThreadSanitizer (30)
.PHONY: stress
STRESS_BIN := build-tsan/tests/unit/thread/stress
stress:
	@$(MAKE) --no-print-directory -j$$(nproc) SAN=tsan B=build-tsan $(STRESS_BIN)
	$(Q)$(if $(S),CAL_STRESS_S=$(S)) tests/run stress
#: make asan [T=NAME]          unit and integration under AddressSanitizer and UBSan
#: make tsan [T=NAME]          the unit tests under ThreadSanitizer
#: make valgrind [T=NAME]      the unit tests under valgrind
#: make helgrind [T=NAME]      gate, client library and links under valgrind's helgrind
.PHONY: asan tsan valgrind helgrind
valgrind:
	@scripts/deps.sh build test
	@$(MAKE) --no-print-directory -j$$(nproc) tests
	$(Q)CAL_SAN=valgrind tests/run --build $(B) $(if $(T),--only $(T)) unit \
	    --wrap "valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite --suppressions=$(CURDIR)/tests/valgrind.supp"
# What has threads of its own; a build that tells helgrind of atomics (tests/unit/helgrind.h).
HELGRIND_TESTS := ipc/gate/gate ipc/gate/control ipc/client/client ipc/link/wake
helgrind:
	@scripts/deps.sh build test
	@$(MAKE) --no-print-directory -j$$(nproc) SAN=helgrind $(addprefix build-helgrind/tests/unit/,$(HELGRIND_TESTS))
	$(Q)CAL_SAN=valgrind tests/run --build build-helgrind --only "$(or $(T),$(HELGRIND_TESTS))" unit \
	    --wrap "valgrind --tool=helgrind -q --error-exitcode=9 --suppressions=$(CURDIR)/tests/valgrind.supp"
asan:
	@scripts/deps.sh build test
	@$(MAKE) --no-print-directory -j$$(nproc) SAN=asan all tests
	$(Q)CAL_SAN=asan tests/run --build build-asan $(if $(T),--only $(T)) unit fuzz integration $(if $(T),,chaos)
tsan:
	@scripts/deps.sh build test
	@$(MAKE) --no-print-directory -j$$(nproc) SAN=tsan tests
	$(Q)tests/run --build build-tsan $(if $(T),--only $(T)) unit
check-unit: $(if $(T),$(foreach b,$(UNIT_BINS),$(if $(findstring $(T),$(b)),$(b))),$(UNIT_BINS))
	$(Q)tests/run --build $(B) unit $(if $(T),--only $(T))
check-integration: all $(UPGRADE_BINS) $(HELPER_BINS) $(addprefix $(B)/tests/bench/,bench_call bench_interrupt bench_jsonrpc bench_runtime)
	$(Q)tests/run --build $(B) integration $(if $(T),--only $(T))
#: make chaos [N=KILLS] [SEED=] [MODE=interrupt] [REACTORS=2] [SAN=asan]  random kills under verified I/O
# Needs hugepages (make setup). 10,000 kills by default; `make check` does 1000 and some.
.PHONY: chaos
chaos:
	@scripts/deps.sh build
	@$(MAKE) --no-print-directory -j$$(nproc) all $(CHAOS_BINS)
	$(Q)$(if $(SAN),CAL_SAN=$(SAN)) python3 tests/chaos/chaos.py --build $(B) -n $(or $(N),10000) $(if $(SEED),--seed $(SEED)) \
	    $(if $(MODE),--mode $(MODE)) $(if $(REACTORS),--reactors $(REACTORS))
#: make bench-runtime [SPDK_DIR=DIR]  what the runtime costs; side by side with a built SPDK tree
# BENCH_ARGS: options of tests/bench/against_spdk.py, as in BENCH_ARGS="--pairs 9 -- --window-ms 10".
.PHONY: bench-runtime
bench-runtime:
	@scripts/deps.sh build
	@$(MAKE) --no-print-directory $(B)/tests/bench/bench_runtime
	$(Q)tests/bench/against_spdk.py --build $(B) $(if $(SPDK_DIR),--spdk $(SPDK_DIR)) $(BENCH_ARGS)
#: make bench-control [SPDK_DIR=DIR]  what the control plane costs, and what I/O beside it does
# BENCH_ARGS: options of tests/bench/bench_control.py, as in BENCH_ARGS="--pairs 1 --rounds 1".
.PHONY: bench-control
bench-control:
	@scripts/deps.sh build
	@$(MAKE) --no-print-directory all $(B)/tests/bench/bench_jsonrpc $(B)/tests/helpers/stretch
	$(Q)tests/bench/bench_control.py --build $(B) $(if $(SPDK_DIR),--spdk $(SPDK_DIR)) $(BENCH_ARGS)

# A unit test may carry `/* links: client */` to be linked as a secondary is, name extra libraries in
# `/* libs: -luv */`, and folders and files of the primary that nothing refers to in `/* objs: core/rpc */`.
unit_libs = $(call fuzz_objs,$(1)) $(if $(shell grep -l 'links: client' $(1)),$(CLIENT_LIBS),$(B)/lib/libcalandria.a $(DPDK_PRIMARY_LIBS) -luring -lmsgpackc $(SYS_LIBS)) \
            $(shell sed -n 's,^/\* libs: \(.*\) \*/$$,\1,p' $(1))

$(B)/tests/unit/%: $(B)/obj/tests/unit/%.o $(LIBS)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) $< $(call unit_libs,tests/unit/$*.c) -lcunit -o $@

# A fuzz target names what it is linked with besides: folders (all of a service but its main()) and
# files of the tree in `/* objs: services/rpcd core/rpc/methods_log.c */`, libraries as a unit test.
fuzz_objs = $(call objs,$(filter-out %/main.c,$(foreach d,$(shell sed -n 's,^/\* objs: \(.*\) \*/$$,\1,p' $(1)),\
                $(if $(filter %.c,$(d)),$(d),$(wildcard $(d)/*.c)))))
$(B)/obj/tests/fuzz/main.o: CPPFLAGS_ALL += -DFUZZ_DIR='"$(CURDIR)/tests/fuzz"'
# What covers the targets themselves steers to nothing.
ifeq ($(SAN),fuzz)
$(call objs,$(FUZZ_SRCS)): SANFLAGS := $(SANFLAGS-asan) -DCAL_FUZZ_LIMITS
endif
FUZZ_MAIN := $(if $(filter fuzz,$(SAN)),,$(B)/obj/tests/fuzz/main.o)
define fuzz_rule
$(B)/tests/fuzz/$(1): $(B)/obj/tests/fuzz/$(1).o $(FUZZ_MAIN) $(call fuzz_objs,tests/fuzz/$(1).c) $(LIBS)
	@mkdir -p $$(@D)
	$$(call say,LD,$$@)
	$$(Q)$$(CC) $$(LDFLAGS_ALL) $(if $(FUZZ_MAIN),,-fsanitize=fuzzer) $$(filter %.o,$$^) $(B)/lib/libcalandria-client.a \
	    $(B)/lib/libcalandria.a $$(DPDK_PRIMARY_LIBS) -luring -lmsgpackc -ljson-c \
	    $(shell sed -n 's,^/\* libs: \(.*\) \*/$$,\1,p' tests/fuzz/$(1).c) $$(SYS_LIBS) -o $$@
endef
$(foreach t,$(patsubst tests/fuzz/%.c,%,$(FUZZ_SRCS)),$(eval $(call fuzz_rule,$(t))))

#: make check-fuzz [T=NAME]    the fuzz targets for some seconds: regressions, seeds, fixed mutations
#: make fuzz [T=NAME] [S=SECONDS]  the fuzz targets with clang's libFuzzer, 600 s each
.PHONY: check-fuzz fuzz fuzz-bins
check-fuzz: $(FUZZ_BINS)
	$(Q)tests/run --build $(B) fuzz $(if $(T),--only $(T))
fuzz-bins: $(FUZZ_BINS)
fuzz:
	@scripts/deps.sh build test fuzz
ifneq ($(T),live)
	@$(MAKE) --no-print-directory -j$$(nproc) CC="$(if $(findstring clang,$(CC)),$(CC),clang)" SAN=fuzz fuzz-bins
endif
ifeq ($(filter-out live,$(T)),)
	@$(MAKE) --no-print-directory -j$$(nproc) all
endif
	$(Q)tests/fuzz/run --build build-fuzz $(if $(T),--only $(T)) $(if $(S),--seconds $(S)) $(FUZZ_ARGS)

# Benchmarks and helpers are programs of either side: `/* links: client */` or the primary's.
prog_libs = $(if $(shell grep -l 'links: client' $(1)),$(CLIENT_LIBS),$(PRIMARY_LIBS)) \
            $(shell sed -n 's,^/\* libs: \(.*\) \*/$$,\1,p' $(1))
$(B)/tests/bench/%: $(B)/obj/tests/bench/%.o $(LIBS)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) $< $(call prog_libs,tests/bench/$*.c) -o $@
$(B)/tests/helpers/%: $(B)/obj/tests/helpers/%.o $(LIBS)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) $< $(call prog_libs,tests/helpers/$*.c) -o $@
$(B)/tests/chaos/%: $(B)/obj/tests/chaos/%.o $(LIBS)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) $< $(call prog_libs,tests/chaos/$*.c) -o $@

.SECONDARY: $(foreach v,$(UPGRADES),$(call upgrade_objs,$(v))) $(call objs,$(UNIT_SRCS) $(BENCH_SRCS) $(HELPER_SRCS) $(CHAOS_SRCS) $(FUZZ_SRCS) tests/fuzz/main.c)
-include $(patsubst %.o,%.d,$(call objs,$(UNIT_SRCS) $(BENCH_SRCS) $(HELPER_SRCS) $(CHAOS_SRCS) $(FUZZ_SRCS) tests/fuzz/main.c))
