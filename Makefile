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
# ar that matches nothing special: plain objects, no LTO
WARN := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes \
	-Wmissing-prototypes -Wpointer-arith -Wwrite-strings -Wvla \
	-Wformat=2 -Wimplicit-fallthrough
ifneq ($(CI)$(WERROR),)
WARN += -Werror
endif
HARDEN := -fPIE -fstack-protector-strong -fstack-clash-protection \
	-fcf-protection
ifeq ($(SAN),)
HARDEN += -D_FORTIFY_SOURCE=2
OPT := -O2 -g
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

COMMON := check mem slice buf arena number addr proxy_v2 bundle conf \
	conf_faults schema schema_value suggest daemon_conf \
	site_value site_schema site_check site_conf site_names log metrics clock watch \
	deadline listen privdrop sandbox child \
	child_wire fd_pass plan log_files listeners process channels generation \
	signals ready admin_request admin status supervisor master stream
TLSD := config config_schema cert_file key_file cert_check check_files protocol metrics_table \
	master/master master/check \
	worker/worker worker/acceptor worker/client_conn worker/relay \
	worker/backend worker/handshake_failure \
	signer/signer signer/serve signer/sign signer/keyring \
	worker/signer_client worker/signer_key worker/signer_provider \
	worker/tls_context worker/tls_io worker/alert worker/sni \
	worker/tickets worker/peer_cert worker/announce
RPROXY := config config_schema metrics_table master http/reason http/field_values http/fields \
	http/message http/framing http/h1_line http/h1_read http/h1_write \
	http/target http/path http/path_prefix \
	route/prefix rewrite/claims rewrite/client_cert rewrite/cookies \
	rewrite/forwarded rewrite/hop_by_hop rewrite/profile \
	rewrite/response_rules rewrite/via \
	worker exchange exchange_request exchange_response exchange_answer \
	exchange_log request_rules body_relay access_line access_log \
	error_page front/acceptor front/client_conn front/h1_front \
	front/identity upstream/balance upstream/pool upstream/resolve \
	upstream/reuse upstream/server_conn

SRC_COMMON := $(COMMON:%=common/%.c)
SRC_TLSD := $(TLSD:%=tlsd/%.c)
SRC_RPROXY := $(RPROXY:%=rproxy/%.c)
OBJ_COMMON := $(SRC_COMMON:%.c=$(O)/%.o)
OBJ_TLSD := $(SRC_TLSD:%.c=$(O)/%.o)
OBJ_RPROXY := $(SRC_RPROXY:%.c=$(O)/%.o)

# tests/unit/X_test.c tests X.c
UNIT_COMMON := common/log common/listen common/sandbox common/privdrop \
	common/child_wire common/admin_request common/ready common/supervisor \
	common/plan common/fd_pass \
	common/slice common/buf common/arena common/number common/addr \
	common/proxy_v2 common/bundle common/clock common/metrics \
	common/watch common/deadline common/mem common/site_names \
	common/conf common/schema common/site_conf
UNIT_TLSD := tlsd/config tlsd/protocol tlsd/metrics_table tlsd/worker/relay \
	tlsd/worker/backend tlsd/worker/handshake_failure \
	tlsd/signer/signer tlsd/worker/tls_io tlsd/worker/announce \
	tlsd/worker/sni tlsd/worker/peer_cert
UNIT_RPROXY := rproxy/config rproxy/http/reason rproxy/http/field_values \
	rproxy/http/fields rproxy/http/message rproxy/http/framing \
	rproxy/http/h1_read rproxy/http/h1_write rproxy/http/target \
	rproxy/http/path \
	rproxy/route/prefix rproxy/rewrite/claims \
	rproxy/rewrite/cookies rproxy/rewrite/forwarded \
	rproxy/rewrite/hop_by_hop rproxy/rewrite/response_rules \
	rproxy/rewrite/via rproxy/metrics_table rproxy/access_line \
	rproxy/request_rules rproxy/body_relay \
	rproxy/error_page rproxy/front/identity rproxy/upstream/balance \
	rproxy/upstream/reuse
UNIT := $(UNIT_COMMON) $(UNIT_TLSD) $(UNIT_RPROXY)
UNIT_BIN := $(UNIT:%=$(B)/unit/%_test)

.PHONY: all
all: $(B)/tlsd $(B)/rproxy

$(B)/tlsd: $(O)/tlsd/main.o $(O)/libtlsd.a $(O)/libcommon.a
	$(CC) $(LDFLAGS) -o $@ $^ $(UV_LIBS) $(INIH_LIBS) $(SECCOMP_LIBS) \
	    $(SSL_LIBS)

$(B)/rproxy: $(O)/rproxy/main.o $(O)/librproxy.a $(O)/libcommon.a
	$(CC) $(LDFLAGS) -o $@ $^ $(UV_LIBS) $(INIH_LIBS) $(SECCOMP_LIBS) \
	    $(LLHTTP_LIBS)

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
	$(CC) $(LDFLAGS) -o $@ $^ $(UV_LIBS) $(INIH_LIBS)

# for tests/system/test_rotation.py
$(B)/tools/loadgen: $(O)/tests/tools/loadgen.o
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(SSL_LIBS)

# unit tests ----------------------------------------------------------------

$(UNIT_COMMON:%=$(B)/unit/%_test): $(B)/unit/%_test: $(O)/tests/unit/%_test.o \
    $(O)/libcommon.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(UV_LIBS) $(INIH_LIBS) \
	    $(SECCOMP_LIBS)
$(UNIT_TLSD:%=$(B)/unit/%_test): $(B)/unit/%_test: $(O)/tests/unit/%_test.o \
    $(O)/libtlsd.a $(O)/libcommon.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(UV_LIBS) $(INIH_LIBS) \
	    $(SECCOMP_LIBS) $(SSL_LIBS)
$(UNIT_RPROXY:%=$(B)/unit/%_test): $(B)/unit/%_test: $(O)/tests/unit/%_test.o \
    $(O)/librproxy.a $(O)/libcommon.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(UV_LIBS) $(INIH_LIBS) \
	    $(SECCOMP_LIBS) $(LLHTTP_LIBS)

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

include tests/bench/bench.mk

.PHONY: clean
clean:
	rm -rf build

-include $(shell find $(O) -name '*.d' 2>/dev/null)
