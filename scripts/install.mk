# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors

#: make deps                  install every Debian package that anything here needs
#: make setup / unsetup       reserve hugepages, mount what is needed / give all of it back
.PHONY: deps setup unsetup demo install uninstall pc
deps:
	@scripts/deps.sh
setup:
	@scripts/setup.sh config
unsetup:
	@scripts/setup.sh reset

#: make demo                  everything from a bare machine to verified I/O under kill -9
# A make of its own, since the packages that this one looks for may only just have arrived.
demo:
	@scripts/deps.sh build
	@mkdir -p $(B) && echo "build: $(CC) $(OPT) into $(B)/ (its output is in $(B)/demo.log)" && \
	    $(MAKE) --no-print-directory -j$$(nproc) all >$(B)/demo.log 2>&1 || { tail -n 30 $(B)/demo.log; exit 1; }
	@CAL_BUILD=$(abspath $(B)) scripts/demo.sh

# --- pkg-config and installation -------------------------------------------------------------------
PC_VARS = -e 's|@VERSION@|$(VERSION)|' -e 's|@PRIMARY_LIBS@|$(PC_PRIMARY_LIBS)|' \
          -e 's|@CLIENT_LIBS@|$(PC_CLIENT_LIBS)|'
# One whole-archive group: pkg-config may merge flags that are repeated.
PC_PRIMARY_LIBS := $(PRIMARY_WRAP) -Wl,--whole-archive -l:libcalandria.a $(DPDK_EAL) -l:librte_mempool.a -l:librte_mempool_ring.a \
                   -l:librte_pci.a -l:librte_bus_pci.a -Wl,--no-whole-archive -luring $(SYS_LIBS)
PC_CLIENT_LIBS  := $(CLIENT_WRAP) -l:libcalandria-client.a -l:libcalandria.a -Wl,--whole-archive $(DPDK_EAL) \
                   -Wl,--no-whole-archive -lmsgpackc -ljson-c $(SYS_LIBS)

all: pc
pc: $(B)/lib/pkgconfig/calandria.pc $(B)/lib/pkgconfig/calandria-client.pc
$(B)/lib/pkgconfig/%.pc: scripts/%.pc.in core/include/calandria/version.h Makefile scripts/install.mk
	@mkdir -p $(@D)
	$(Q)sed -e 's|@LIBDIR@|$(abspath $(B)/lib)|' -e 's|@INCLUDEDIR@|$(abspath core/include)|' $(PC_VARS) $< > $@

#: make install               [DESTDIR=] [PREFIX=/usr/local] [LIBDIR=] [DOCDIR=] [EXAMPLEDIR=]
INST = install -D -m
LIBDIR ?= $(PREFIX)/lib
DOCDIR ?= $(PREFIX)/share/doc/calandria
# Where the example of an instance's options goes.
EXAMPLEDIR ?= $(DOCDIR)
MANDIR = $(PREFIX)/share/man
LIBEXEC = $(PREFIX)/libexec/calandria
# Where systemd finds them below /usr and /usr/local.
UNIT_DIR = $(PREFIX)/lib/systemd/system
UNITS   := $(patsubst scripts/systemd/%.in,%,$(wildcard scripts/systemd/*.service.in))
UNIT_VARS = -e 's|@PREFIX@|$(PREFIX)|g' -e 's|@DOCDIR@|$(DOCDIR)|g'
INSTALLED_HEADERS := ipc/client/client.h ipc/client/json.h ipc/codec/codec.h ipc/gate/gate_proto.h
# Manual pages are made of --help, so that the two cannot differ; without help2man there are none.
MANS := $(if $(shell command -v help2man),$(B)/man/calandria.8 $(B)/man/calandria-setup.8 $(B)/man/calctl.1)
$(B)/man/calandria.8: NAMED := storage runtime with SPDK's programming model and a control plane in other processes
$(B)/man/calctl.1: NAMED := look at an instance of Calandria, call it and stop it
$(B)/man/calandria-setup.8: NAMED := prepare a machine for Calandria, and give back what that took
$(B)/man/calandria.8: $(B)/bin/calandria
$(B)/man/calandria-setup.8: $(B)/sbin/calandria-setup
$(B)/man/calctl.1: $(B)/bin/calctl
$(B)/man/%:
	@mkdir -p $(@D)
	$(call say,MAN,$@)
	$(Q)help2man --locale=C.UTF-8 --no-info --section=$(subst .,,$(suffix $@)) --name="$(NAMED)" \
	    --version-string="$(VERSION)" --output=$@ $<
.PHONY: man
man: $(MANS)
# It says its name in what it prints.
$(B)/sbin/calandria-setup: scripts/setup.sh
	@mkdir -p $(@D)
	$(Q)sed -e 's|scripts/setup\.sh|calandria-setup|g' -e 's|setup\.sh|calandria-setup|g' $< > $@ && chmod 755 $@

install: all man $(B)/sbin/calandria-setup
	$(Q)for b in calandria calctl; do $(INST) 755 $(B)/bin/$$b $(DESTDIR)$(PREFIX)/bin/$$b || exit 1; done
	$(Q)for b in $(notdir $(filter $(B)/bin/cal-%,$(BINS))); do \
	    $(INST) 755 $(B)/bin/$$b $(DESTDIR)$(LIBEXEC)/$$b || exit 1; done
	$(Q)$(INST) 755 $(B)/sbin/calandria-setup $(DESTDIR)$(PREFIX)/sbin/calandria-setup
	$(Q)for l in $(LIBS); do $(INST) 644 $$l $(DESTDIR)$(LIBDIR)/$$(basename $$l) || exit 1; done
	$(Q)cd core/include && for h in */*.h; do $(INST) 644 $$h $(DESTDIR)$(PREFIX)/include/$$h || exit 1; done
	$(Q)for h in $(INSTALLED_HEADERS); do $(INST) 644 $$h $(DESTDIR)$(PREFIX)/include/calandria/$$h || exit 1; done
	$(Q)for p in calandria calandria-client; do mkdir -p $(DESTDIR)$(LIBDIR)/pkgconfig && \
	    sed -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@INCLUDEDIR@|$(PREFIX)/include|' $(PC_VARS) scripts/$$p.pc.in \
	    > $(DESTDIR)$(LIBDIR)/pkgconfig/$$p.pc || exit 1; done
	$(Q)for u in $(UNITS); do mkdir -p $(DESTDIR)$(UNIT_DIR) && sed $(UNIT_VARS) scripts/systemd/$$u.in \
	    > $(DESTDIR)$(UNIT_DIR)/$$u || exit 1; done
	$(Q)sed $(UNIT_VARS) scripts/systemd/cal-unit.in > $(DESTDIR)$(LIBEXEC)/cal-unit && chmod 755 $(DESTDIR)$(LIBEXEC)/cal-unit
	$(Q)$(INST) 644 scripts/systemd/example.conf $(DESTDIR)$(EXAMPLEDIR)/example.conf
	$(Q)for m in $(MANS); do $(INST) 644 $$m $(DESTDIR)$(MANDIR)/man$${m##*.}/$${m##*/} || exit 1; done
	$(Q)for d in LICENSE README.md; do $(INST) 644 $$d $(DESTDIR)$(DOCDIR)/$$d || exit 1; done
	@echo "installed below $(DESTDIR)$(PREFIX)"

#: make uninstall             the same places
uninstall:
	$(Q)cd $(DESTDIR)$(PREFIX) && rm -rf bin/calandria bin/calctl sbin/calandria-setup libexec/calandria \
	    include/calandria include/spdk include/spdk_internal share/man/man8/calandria.8 share/man/man8/calandria-setup.8 share/man/man1/calctl.1
	$(Q)rm -rf $(DESTDIR)$(DOCDIR) $(DESTDIR)$(EXAMPLEDIR)/example.conf $(addprefix $(DESTDIR)$(LIBDIR)/,$(notdir $(LIBS)) \
	    pkgconfig/calandria.pc pkgconfig/calandria-client.pc) $(addprefix $(DESTDIR)$(UNIT_DIR)/,$(UNITS))

# --- Debian packages -------------------------------------------------------------------------------
#: make deb                   Debian packages, of a copy of the tree, into build/deb/
#: make deb-check             build them, install, run, upgrade and purge them in a root of their own
# DEB_OBJECTS=DIR: a build of this tree to begin with. Its objects have other flags than a package's.
.PHONY: deb deb-check
DEB ?= build/deb
DEB_TREE = $(DEB)/calandria-$(VERSION)
DEB_VARS = -e 's|@VERSION@|$(VERSION)|' -e "s|@DATE@|$$(git log -1 --format=%cD 2>/dev/null || date -R)|" \
           -e "s|@BUILD@|$$(bash -c 'set -- build --dry-run; eval "$$(sed -n "/^build=(/,/^)/p" scripts/deps.sh)"; IFS=,; echo "$${build[*]}"')|"
# Of a build that is only tried nobody wants debug symbols, or small packages.
DEB_FAST = $(if $(DEB_OBJECTS),DEB_BUILD_OPTIONS=noautodbgsym DPKG_DEB_COMPRESSOR_LEVEL=1)
deb:
	@scripts/deps.sh build deb
	$(Q)rm -rf $(DEB) && mkdir -p $(DEB_TREE)
	$(Q)git ls-files -z | tar --null --no-recursion --files-from=- -cf - | tar -xf - -C $(DEB_TREE)
	$(Q)cp -r scripts/debian $(DEB_TREE)/debian && cd $(DEB_TREE)/debian && rm changelog.in
	$(Q)for f in control changelog.in; do sed $(DEB_VARS) scripts/debian/$$f > $(DEB_TREE)/debian/$${f%.in}; done
	$(if $(DEB_OBJECTS),$(Q)mkdir $(DEB_TREE)/build && cp -a $(addprefix $(DEB_OBJECTS)/,obj gen lib) $(DEB_TREE)/build && \
	    rm -f $(DEB_TREE)/build/obj/core/app/service_spawn.o)
	$(Q)cd $(DEB_TREE) && env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS $(DEB_FAST) dpkg-buildpackage -us -uc -b -j$$(nproc) \
	    >../build.log 2>&1 || { tail -n 40 ../build.log; echo "deb: see $(DEB)/build.log"; exit 1; }
	$(Q)cd $(DEB) && lintian --allow-root --fail-on error,warning --suppress-tags bad-distribution-in-changes-file *.changes
	$(Q)ls $(DEB)/*.deb
deb-check:
	@scripts/deps.sh build test deb
	@$(MAKE) --no-print-directory all
	@$(MAKE) --no-print-directory deb
	$(Q)CAL_DEB_BUILT=$(abspath $(DEB)) tests/run --build $(B) integration --only deb

# --- lint ------------------------------------------------------------------------------------------
#: make lint                  clang-format, clang-tidy, cppcheck, shell syntax, dependency directions
.PHONY: lint lint-format lint-tidy lint-cppcheck lint-deps
C_FILES := $(shell git ls-files '*.c' '*.h' 2>/dev/null)
TIDY_SRCS := $(filter-out %.bpf.c,$(filter %.c,$(C_FILES)))
lint:
	@scripts/deps.sh build test lint
	@$(MAKE) --no-print-directory all
	@$(MAKE) --no-print-directory lint-format lint-deps
	@$(MAKE) --no-print-directory lint-cppcheck
	@$(MAKE) --no-print-directory -k -j$$(nproc) lint-tidy
	@echo "lint: clean"
lint-format:
	$(Q)clang-format --dry-run -Werror $(C_FILES)
lint-deps:
	$(Q)scripts/check-deps.py
	$(Q)for s in $$(git ls-files '*.sh' .ci/run); do bash -n $$s || exit 1; done
	$(Q)python3 -m py_compile $$(git ls-files '*.py' tests/run)
lint-cppcheck:
	$(Q)cppcheck --quiet --error-exitcode=1 --enable=warning,portability,performance --inline-suppr -j$$(nproc) \
	    --suppressions-list=scripts/cppcheck.suppress --std=c11 -D__x86_64__ -D__GNUC__ '-DRB_GENERATE_INTERNAL(n,t,f,c,a)=' --include=/usr/include/$(ARCH)/sys/queue.h -I. -Icore/include \
	    $(filter-out tests/%,$(TIDY_SRCS))
# A stamp a file: what has not changed since it was clean is not read again.
TIDY_STAMPS := $(patsubst %.c,$(B)/tidy/%.ok,$(TIDY_SRCS))
lint-tidy: $(TIDY_STAMPS)
$(B)/tidy/services/mond/trace.ok: $(B)/gen/poller.skel.h
$(B)/tidy/%.ok: %.c .clang-tidy
	@mkdir -p $(@D)
	$(call say,TIDY,$<)
	$(Q)clang-tidy --quiet $< -- $(CPPFLAGS_ALL) -isystem $(B)/gen -std=gnu11 2>$@.log >$@.out || { cat $@.out; exit 1; }
	$(Q)$(CC) $(CPPFLAGS_ALL) -isystem $(B)/gen -std=gnu11 -MM -MT $@ -MF $(B)/tidy/$*.d $< && touch $@
-include $(patsubst %.ok,%.d,$(TIDY_STAMPS))
