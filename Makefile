# tlsd and rproxy: build, test, demo, install.
#
#	make			build/tlsd and build/rproxy
#	make check		everything that must hold; installs what is missing
#	make demo		a running gateway before a demo portal
#	make SAN=asan		a sanitized variant in build/asan (also: tsan)
#
#	make V=1		shows the commands
#
# Every .c file below common, tlsd and rproxy is part of the program, every
# tests/unit/X_test.c a test of X.c, X_TOPIC_test.c of one topic of it.

SHELL = /bin/bash
.DELETE_ON_ERROR:

VERSION := 0.1.0

SAN ?=
B := build$(if $(SAN),/$(SAN))
O := $(B)/obj

CC ?= gcc
ifeq ($(origin CC),default)
CC := gcc
endif
WARN := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes \
	-Wmissing-prototypes -Wpointer-arith -Wwrite-strings -Wvla \
	-Wformat=2 -Wimplicit-fallthrough
# gcc knows the comments that say "falls through", in uthash too; clang not
ifneq ($(findstring clang,$(CC)),)
WARN += -Wno-implicit-fallthrough
endif
ifneq ($(CI)$(WERROR),)
WARN += -Werror
endif
HARDEN := -fPIE -fstack-protector-strong -fstack-clash-protection \
	-fcf-protection
ifeq ($(SAN),)
HARDEN += -D_FORTIFY_SOURCE=2
OPT := -O3 -g
# the daemons are optimised across files, the tests are not (it takes time)
ifeq ($(findstring clang,$(CC)),)
OPT += -flto=auto -ffat-lto-objects
LTO := -flto=auto
NO_LTO := -fno-lto
endif
else
OPT := -O1 -g -fno-omit-frame-pointer
endif
SANFLAGS_asan := -fsanitize=address,undefined -fno-sanitize-recover=undefined
SANFLAGS_tsan := -fsanitize=thread
SANFLAGS := $(SANFLAGS_$(SAN))
ifneq ($(SAN),)
ifeq ($(SANFLAGS),)
$(error SAN=$(SAN): asan or tsan)
endif
endif

CPPFLAGS += -I. -D_GNU_SOURCE -DVERSION='"$(VERSION)"'
CFLAGS += -std=c17 $(OPT) $(WARN) $(HARDEN) $(SANFLAGS)
LDFLAGS += -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(SANFLAGS)

UV_LIBS := -luv
INIH_LIBS := -linih
SECCOMP_LIBS := -lseccomp
SSL_LIBS := -lssl -lcrypto
PCRE2_LIBS := -lpcre2-8

# llhttp: Debian 12 carries its C source with node-llhttp, Debian 13 has
# libllhttp-dev.
LLHTTP_SRC := $(wildcard /usr/share/llhttp/llhttp.c /usr/share/llhttp/http.c \
	/usr/share/llhttp/api.c)
ifneq ($(LLHTTP_SRC),)
LLHTTP_OBJ := $(patsubst /usr/share/llhttp/%.c,$(O)/llhttp/%.o,$(LLHTTP_SRC))
LLHTTP_INC := -isystem /usr/share/include/llhttp
LLHTTP_LIBS :=
else
LLHTTP_OBJ :=
LLHTTP_INC :=
LLHTTP_LIBS := -lllhttp
endif

# not those that begin with a dot, which are an editor's
sources = $(sort $(shell find $(1) -name '[!.]*.c' ! -name main.c))
SRC_COMMON := $(call sources,common)
SRC_TLSD := $(call sources,tlsd)
SRC_RPROXY := $(call sources,rproxy)
OBJ_COMMON := $(SRC_COMMON:%.c=$(O)/%.o)
OBJ_TLSD := $(SRC_TLSD:%.c=$(O)/%.o)
OBJ_RPROXY := $(SRC_RPROXY:%.c=$(O)/%.o)

unit_tests = $(patsubst tests/unit/%_test.c,%, \
	$(sort $(shell find tests/unit/$(1) -name '[!.]*_test.c')))
UNIT_COMMON := $(call unit_tests,common)
UNIT_TLSD := $(call unit_tests,tlsd)
UNIT_RPROXY := $(call unit_tests,rproxy)
UNIT := $(UNIT_COMMON) $(UNIT_TLSD) $(UNIT_RPROXY)
UNIT_BIN := $(UNIT:%=$(B)/unit/%_test)

ifeq ($(V),)
say = @printf '  %-4s %s\n' $(1) $@;
endif

.PHONY: all
all: $(B)/tlsd $(B)/rproxy

$(B)/tlsd: $(O)/tlsd/main.o $(O)/libtlsd.a $(O)/libcommon.a
	$(call say,LINK) $(CC) $(LDFLAGS) $(LTO) -o $@ $^ $(UV_LIBS) \
	    $(INIH_LIBS) $(SECCOMP_LIBS) $(SSL_LIBS)

$(B)/rproxy: $(O)/rproxy/main.o $(O)/librproxy.a $(O)/libcommon.a
	$(call say,LINK) $(CC) $(LDFLAGS) $(LTO) -o $@ $^ $(UV_LIBS) \
	    $(INIH_LIBS) $(SECCOMP_LIBS) $(LLHTTP_LIBS) $(PCRE2_LIBS)

$(O)/libcommon.a $(O)/libcommon.list: $(OBJ_COMMON)
$(O)/libtlsd.a $(O)/libtlsd.list: $(OBJ_TLSD)
$(O)/librproxy.a $(O)/librproxy.list: $(OBJ_RPROXY) $(LLHTTP_OBJ)
$(O)/%.a: $(O)/%.list
	$(call say,AR) rm -f $@ && ar rcs $@ $(filter %.o,$^)
# changes when a source has gone, too
$(O)/%.list: FORCE
	@cmp -s $@ - <<<'$^' || cat >$@ <<<'$^'
.PHONY: FORCE
FORCE:

$(O)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call say,CC) $(CC) $(CPPFLAGS) $(LLHTTP_INC) $(CFLAGS) -MMD -MP -c -o $@ $<

$(O)/llhttp/%.o: /usr/share/llhttp/%.c
	@mkdir -p $(@D)
	$(call say,CC) $(CC) $(LLHTTP_INC) -DLLHTTP_STRICT_MODE=1 -std=c17 $(OPT) $(HARDEN) \
	    $(SANFLAGS) -c -o $@ $<

# for tests/lint/manual_keys.py
$(B)/tools/dump_keys: $(O)/tests/tools/dump_keys.o $(O)/libtlsd.a \
    $(O)/librproxy.a $(O)/libcommon.a
	@mkdir -p $(@D)
	$(call say,LINK) $(CC) $(LDFLAGS) $(NO_LTO) -o $@ $^ $(UV_LIBS) $(INIH_LIBS) $(PCRE2_LIBS)

# for tests/tools/load.py
$(B)/tools/loadgen: $(O)/tests/tools/loadgen.o $(O)/tests/tools/load_client.o
	@mkdir -p $(@D)
	$(call say,LINK) $(CC) $(LDFLAGS) $(NO_LTO) -o $@ $^ $(SSL_LIBS)

# unit tests ----------------------------------------------------------------

$(UNIT_COMMON:%=$(B)/unit/%_test): $(B)/unit/%_test: $(O)/tests/unit/%_test.o \
    $(O)/libcommon.a
	@mkdir -p $(@D)
	$(call say,LINK) $(CC) $(LDFLAGS) $(NO_LTO) -o $@ $^ -lcmocka $(UV_LIBS) $(INIH_LIBS) \
	    $(SECCOMP_LIBS)
$(UNIT_TLSD:%=$(B)/unit/%_test): $(B)/unit/%_test: $(O)/tests/unit/%_test.o \
    $(O)/libtlsd.a $(O)/libcommon.a
	@mkdir -p $(@D)
	$(call say,LINK) $(CC) $(LDFLAGS) $(NO_LTO) -o $@ $^ -lcmocka $(UV_LIBS) $(INIH_LIBS) \
	    $(SECCOMP_LIBS) $(SSL_LIBS)
$(UNIT_RPROXY:%=$(B)/unit/%_test): $(B)/unit/%_test: $(O)/tests/unit/%_test.o \
    $(O)/librproxy.a $(O)/libcommon.a
	@mkdir -p $(@D)
	$(call say,LINK) $(CC) $(LDFLAGS) $(NO_LTO) -o $@ $^ -lcmocka $(UV_LIBS) $(INIH_LIBS) \
	    $(SECCOMP_LIBS) $(LLHTTP_LIBS) $(PCRE2_LIBS)

# tests/unit/short_memory.h
$(B)/unit/common/status_test $(B)/unit/rproxy/front/acceptor_test \
$(B)/unit/tlsd/worker/client_conn_test: LDFLAGS += \
	-Wl,--wrap=mem_try,--wrap=mem_try_unzeroed

# checks --------------------------------------------------------------------
# tests/run builds, counts, and prints the closing line.

# tests put literals where configuration keeps strings of its own
$(O)/tests/%.o: CFLAGS += -Wno-write-strings

.PHONY: unit-programs
unit-programs: $(UNIT_BIN)
.PHONY: unit-list
unit-list:
	@echo $(UNIT)

.PHONY: lint unit system
lint unit system:
	@B=$(B) tests/run $@

# the grades of testssl.sh; part of check
.PHONY: check-tls
check-tls:
	@B=$(B) tests/run testssl

.PHONY: check
check:
	@tests/tools/deps test || { echo "0 passed, 1 failed"; exit 1; }
	@B=$(B) tests/run

.PHONY: deps deps-demo deps-tomcat deps-test
deps:
	@tests/tools/deps build
deps-demo deps-tomcat deps-test:
	@tests/tools/deps $(@:deps-%=%)

# BACKEND=tomcat, HTTPS=port, HTTP=port
BACKEND ?= python
.PHONY: demo
demo: $(if $(filter tomcat,$(BACKEND)),deps-tomcat,deps-demo)
	@$(MAKE) --no-print-directory all
	@BUILD=$(B) exec /usr/bin/python3 -B tests/tools/demo.py $(BACKEND)

# fuzzing (clang): make build/fuzz/h1_fuzz; build/fuzz/h1_fuzz NEW \
#	tests/fuzz/corpus/h1 -max_total_time=60 (NEW: a folder for what it finds)

FUZZ_H1 := $(filter rproxy/http/%,$(SRC_RPROXY)) $(addprefix common/, \
	check.c mem.c slice.c buf.c arena.c number.c addr.c log.c \
	log_files.c clock.c) $(LLHTTP_SRC)
$(B)/fuzz/h1_fuzz: tests/fuzz/h1_fuzz.c $(FUZZ_H1) Makefile
	@mkdir -p $(@D)
	clang $(CPPFLAGS) $(LLHTTP_INC) -DLLHTTP_STRICT_MODE=1 -std=c17 -O1 -g \
	    -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
	    -o $@ tests/fuzz/h1_fuzz.c $(FUZZ_H1) $(LLHTTP_LIBS)

FUZZ_PROXY_V2 := $(addprefix common/, proxy_v2.c crc32c.c check.c slice.c addr.c \
	number.c mem.c log.c log_files.c clock.c)
$(B)/fuzz/proxy_v2_fuzz: tests/fuzz/proxy_v2_fuzz.c $(FUZZ_PROXY_V2) Makefile
	@mkdir -p $(@D)
	clang $(CPPFLAGS) -std=c17 -O1 -g \
	    -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
	    -o $@ tests/fuzz/proxy_v2_fuzz.c $(FUZZ_PROXY_V2)

FUZZ_EGRESS_WIRE := common/egress_wire.c $(FUZZ_PROXY_V2)
$(B)/fuzz/egress_wire_fuzz: tests/fuzz/egress_wire_fuzz.c $(FUZZ_EGRESS_WIRE) \
    Makefile
	@mkdir -p $(@D)
	clang $(CPPFLAGS) -std=c17 -O1 -g \
	    -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
	    -o $@ tests/fuzz/egress_wire_fuzz.c $(FUZZ_EGRESS_WIRE)

include tests/bench/bench.mk

# install -------------------------------------------------------------------
#
#	make install DESTDIR=... PREFIX=/usr SYSCONFDIR=/etc
#
# No configuration is written or overwritten: the samples are documentation.
# "make uninstall" removes what is listed here, and nothing that was added.

PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
DOC := $(PREFIX)/share/doc/tlsd-rproxy
INSTALLED := \
	755:$(B)/tlsd:$(PREFIX)/sbin/tlsd \
	755:$(B)/rproxy:$(PREFIX)/sbin/rproxy \
	$(foreach m,tlsd/tlsd.8 rproxy/rproxy.8, \
	    644:$(m):$(PREFIX)/share/man/man8/$(notdir $(m))) \
	$(foreach m,tlsd/tlsd.ini.5 rproxy/rproxy.ini.5 common/site.ini.5, \
	    644:$(m):$(PREFIX)/share/man/man5/$(notdir $(m))) \
	$(foreach f,README.md LICENSE,644:$(f):$(DOC)/$(f)) \
	$(foreach f,tlsd.ini rproxy.ini sites/portal.ini \
	    sites/tomcat.ini sites/reports.ini, \
	    644:conf/$(f):$(DOC)/examples/$(f)) \
	$(foreach f,tlsd.service tlsd.socket tlsd-egress.socket \
	    rproxy.service rproxy.socket rproxy-tlsd.socket, \
	    644:conf/systemd/$(f):$(PREFIX)/lib/systemd/system/$(f)) \
	$(foreach f,tlsd rproxy, \
	    644:conf/sysusers.d/$(f).conf:$(PREFIX)/lib/sysusers.d/$(f).conf \
	    644:conf/tmpfiles.d/$(f).conf:$(PREFIX)/lib/tmpfiles.d/$(f).conf) \
	644:conf/logrotate.d/rproxy:$(SYSCONFDIR)/logrotate.d/rproxy

.PHONY: install uninstall
install: all
	@set -e; IFS=:; for entry in $(INSTALLED:%='%'); do \
		read -r mode from to <<<"$$entry"; \
		install -D -m "$$mode" "$$from" "$(DESTDIR)$$to"; \
	done
	@sed -i -e 's,/usr/sbin/,$(PREFIX)/sbin/,' \
	    -e 's,/etc/\(tlsd\|rproxy\)/,$(SYSCONFDIR)/\1/,' \
	    $(DESTDIR)$(PREFIX)/lib/systemd/system/{tlsd,rproxy}.service \
	    $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/tlsd.conf

uninstall:
	@set -e; IFS=:; for entry in $(INSTALLED:%='%'); do \
		read -r mode from to <<<"$$entry"; \
		rm -f "$(DESTDIR)$$to"; \
	done
	@rm -rf "$(DESTDIR)$(DOC)"

.PHONY: clean
clean:
	rm -rf build

-include $(shell find $(O) -name '*.d' 2>/dev/null)
