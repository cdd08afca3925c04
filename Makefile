# tlsd and rproxy: build, test, demo, install.
#
#	make			build/tlsd and build/rproxy
#	make check		everything that must hold; installs what is missing
#	make demo		a running gateway before a demo portal
#	make SAN=asan		a sanitized variant in build/asan (also: tsan)
#
# Sources are listed, not globbed: a file that is not here is not built.

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

COMMON := check log_limit mem slice buf arena number siphash addr proxy_v1 crc32c proxy_v2 egress_wire resolve \
	peer_user bundle conf \
	conf_faults schema schema_value suggest daemon_conf \
	site_value site_rule_value site_take site_http_schema site_hop_take \
	site_schema site_check site_conf site_names log metrics clock watch watched_files \
	deadline burst listen privdrop sandbox socket_rules child \
	child_wire fd_pass plan log_files listeners process channels generation \
	signals ready admin_request admin status state_page takeover \
	expiry supervisor supervisor_reload supervisor_admin master stream reach
TLSD := config config_schema ticket_keys tls_policy passphrase staple_check cert_pool cert_file cert_spki key_decoder key_file cert_check cert_expiry check_files protocol metrics_table \
	master/master master/check \
	worker/worker worker/acceptor worker/client_conn worker/client_relay worker/client_state worker/relay \
	worker/backend worker/handshake_failure worker/unique_id \
	worker/handshake_report worker/address_limit worker/intro worker/handshakes worker/staples \
	signer/signer signer/serve signer/sign signer/point signer/keyring \
	worker/signer_client worker/signer_key worker/signer_provider \
	worker/tls_files worker/tls_context worker/tls_io worker/tls_bio worker/alert worker/sni \
	worker/tickets worker/peer_cert worker/announce worker/lock_up \
	worker/egress worker/egress_server worker/egress_tls worker/egress_conn \
	worker/egress_connect worker/egress_outcome
RPROXY := config config_schema config_site config_lint config_pages \
	metrics_table master http/reason http/field_values http/fields \
	http/accept http/message http/framing http/h1_line http/h1_read http/h1_write \
	http/target http/path http/path_prefix \
	route/prefix route/pattern route/rules rewrite/claims rewrite/client_cert rewrite/cookies \
	rewrite/forwarded rewrite/hop_by_hop rewrite/profile \
	rewrite/response_rules rewrite/stated rewrite/url_fields rewrite/via \
	worker prober lock_up exchange exchange_request exchange_response exchange_answer \
	request_redirect request_destination request_fields explain response_fields \
	exchange_log exchange_wait request_rules request_tls request_path \
	request_upgrade request_options tunnel body_relay access_line access_log \
	error_page proxy_status front/acceptor front/client_conn front/h1_front \
	front/identity upstream/balance upstream/egress upstream/health upstream/idle upstream/pool \
	upstream/reuse upstream/sticky upstream/server_conn upstream/server_connect

SRC_COMMON := $(COMMON:%=common/%.c)
SRC_TLSD := $(TLSD:%=tlsd/%.c)
SRC_RPROXY := $(RPROXY:%=rproxy/%.c)
OBJ_COMMON := $(SRC_COMMON:%.c=$(O)/%.o)
OBJ_TLSD := $(SRC_TLSD:%.c=$(O)/%.o)
OBJ_RPROXY := $(SRC_RPROXY:%.c=$(O)/%.o)

# tests/unit/X_test.c tests X.c
UNIT_COMMON := common/proxy_v1 common/log_limit common/watched_files \
	common/log common/listen common/sandbox common/privdrop \
	common/child_wire common/admin_request common/ready common/supervisor \
	common/plan common/fd_pass common/state_page common/takeover \
	common/expiry common/status \
	common/slice common/buf common/arena common/number common/addr \
	common/proxy_v2 common/egress_wire common/bundle common/clock common/metrics \
	common/watch common/stream common/deadline common/mem common/site_names common/siphash common/site_rule_value \
	common/conf common/schema common/site_conf common/site_hop_take
UNIT_TLSD := tlsd/cert_pool tlsd/cert_spki tlsd/key_decoder tlsd/tls_policy tlsd/staple_check tlsd/worker/staples \
	tlsd/worker/address_limit tlsd/worker/handshakes tlsd/worker/intro \
	tlsd/worker/worker tlsd/config tlsd/ticket_keys tlsd/protocol tlsd/metrics_table tlsd/worker/relay \
	tlsd/worker/backend tlsd/worker/handshake_failure \
	tlsd/worker/unique_id \
	tlsd/signer/signer tlsd/worker/tls_io tlsd/worker/announce \
	tlsd/worker/sni tlsd/worker/peer_cert tlsd/worker/tls_context \
	tlsd/worker/egress_server tlsd/worker/egress_tls
UNIT_RPROXY := rproxy/request_tls rproxy/http/path_prefix rproxy/config rproxy/http/reason rproxy/http/field_values \
	rproxy/http/fields rproxy/http/message rproxy/http/framing \
	rproxy/http/h1_read rproxy/http/h1_write rproxy/http/target \
	rproxy/http/path \
	rproxy/route/prefix rproxy/rewrite/claims rproxy/rewrite/client_cert rproxy/rewrite/stated \
	rproxy/rewrite/cookies rproxy/rewrite/forwarded \
	rproxy/rewrite/hop_by_hop rproxy/rewrite/response_rules \
	rproxy/rewrite/via rproxy/route/pattern rproxy/route/rules rproxy/rewrite/url_fields rproxy/metrics_table rproxy/access_line rproxy/access_log \
	rproxy/request_rules rproxy/request_fields rproxy/request_destination rproxy/request_redirect \
	rproxy/request_path rproxy/request_upgrade rproxy/request_options \
	rproxy/tunnel rproxy/proxy_status rproxy/http/accept rproxy/body_relay \
	rproxy/error_page rproxy/front/identity rproxy/upstream/balance rproxy/upstream/health \
	rproxy/upstream/reuse rproxy/upstream/sticky rproxy/upstream/egress rproxy/lock_up
UNIT := $(UNIT_COMMON) $(UNIT_TLSD) $(UNIT_RPROXY)
UNIT_BIN := $(UNIT:%=$(B)/unit/%_test)

.PHONY: all
all: $(B)/tlsd $(B)/rproxy

$(B)/tlsd: $(O)/tlsd/main.o $(O)/libtlsd.a $(O)/libcommon.a
	$(CC) $(LDFLAGS) $(LTO) -o $@ $^ $(UV_LIBS) $(INIH_LIBS) $(SECCOMP_LIBS) \
	    $(SSL_LIBS)

$(B)/rproxy: $(O)/rproxy/main.o $(O)/librproxy.a $(O)/libcommon.a
	$(CC) $(LDFLAGS) $(LTO) -o $@ $^ $(UV_LIBS) $(INIH_LIBS) $(SECCOMP_LIBS) \
	    $(LLHTTP_LIBS) $(PCRE2_LIBS)

$(O)/libcommon.a: $(OBJ_COMMON)
$(O)/libtlsd.a: $(OBJ_TLSD)
$(O)/librproxy.a: $(OBJ_RPROXY) $(LLHTTP_OBJ)
$(O)/%.a:
	rm -f $@ && ar rcs $@ $^

$(O)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(LLHTTP_INC) $(CFLAGS) -MMD -MP -c -o $@ $<

$(O)/llhttp/%.o: /usr/share/llhttp/%.c
	@mkdir -p $(@D)
	$(CC) $(LLHTTP_INC) -DLLHTTP_STRICT_MODE=1 -std=c17 $(OPT) $(HARDEN) \
	    $(SANFLAGS) -c -o $@ $<

# for tests/lint/manual_keys.py
$(B)/tools/dump_keys: $(O)/tests/tools/dump_keys.o $(O)/libtlsd.a \
    $(O)/librproxy.a $(O)/libcommon.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) $(NO_LTO) -o $@ $^ $(UV_LIBS) $(INIH_LIBS) $(PCRE2_LIBS)

# for tests/system/test_rotation.py
$(B)/tools/loadgen: $(O)/tests/tools/loadgen.o
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) $(NO_LTO) -o $@ $^ $(SSL_LIBS)

# unit tests ----------------------------------------------------------------

$(UNIT_COMMON:%=$(B)/unit/%_test): $(B)/unit/%_test: $(O)/tests/unit/%_test.o \
    $(O)/libcommon.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) $(NO_LTO) -o $@ $^ -lcmocka $(UV_LIBS) $(INIH_LIBS) \
	    $(SECCOMP_LIBS)
$(UNIT_TLSD:%=$(B)/unit/%_test): $(B)/unit/%_test: $(O)/tests/unit/%_test.o \
    $(O)/libtlsd.a $(O)/libcommon.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) $(NO_LTO) -o $@ $^ -lcmocka $(UV_LIBS) $(INIH_LIBS) \
	    $(SECCOMP_LIBS) $(SSL_LIBS)
$(UNIT_RPROXY:%=$(B)/unit/%_test): $(B)/unit/%_test: $(O)/tests/unit/%_test.o \
    $(O)/librproxy.a $(O)/libcommon.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) $(NO_LTO) -o $@ $^ -lcmocka $(UV_LIBS) $(INIH_LIBS) \
	    $(SECCOMP_LIBS) $(LLHTTP_LIBS) $(PCRE2_LIBS)

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
