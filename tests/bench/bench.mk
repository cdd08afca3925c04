# The benchmark (tests/bench/README.md says how to read it).
#
#	make bench
#	make bench SUT=nginx,ours WORKLOAD=W1 ROUNDS=3 SECONDS=2
#	make bench MODE=syscalls SUT=nginx,ours WORKLOAD=W1
#	make bench-flood

BENCH := $(B)/bench
BENCH_LOAD := chunked load_response load_plan load_stats load_pace load_conn \
	tlsload
BENCH_ORIGIN := chunked origin
BENCH_OBJ := $(O)/tests/bench

$(BENCH)/tlsload: $(BENCH_LOAD:%=$(BENCH_OBJ)/%.o)
	@mkdir -p $(@D)
	$(call say,LINK) $(CC) $(LDFLAGS) -o $@ $^ $(SSL_LIBS)
$(BENCH)/origin: $(BENCH_ORIGIN:%=$(BENCH_OBJ)/%.o)
	@mkdir -p $(@D)
	$(call say,LINK) $(CC) $(LDFLAGS) -o $@ $^
$(BENCH)/callgrind_shim.so: tests/bench/callgrind_shim.c
	@mkdir -p $(@D)
	$(call say,LINK) $(CC) $(CPPFLAGS) $(CFLAGS) -fPIC -shared -o $@ $<

.PHONY: deps-bench bench bench-flood bench-programs
bench-programs: $(BENCH)/tlsload $(BENCH)/origin \
    $(BENCH)/callgrind_shim.so

MODE ?= time
deps-bench:
	@tests/tools/deps bench
# bash has a SECONDS of its own, so only the command line's is meant
bench: deps-bench
	@$(MAKE) --no-print-directory all bench-programs
	@$(if $(filter 0,$(shell id -u)),,sudo) /usr/bin/python3 -B \
	    tests/bench/run.py --build $(B) --mode $(MODE) \
	    $(if $(SUT),--sut $(SUT)) \
	    $(if $(WORKLOAD),--workload $(WORKLOAD)) \
	    $(if $(ROUNDS),--rounds $(ROUNDS)) \
	    $(if $(filter command,$(origin SECONDS)),--seconds $(SECONDS)) \
	    $(BENCH_FLAGS)
bench-flood: deps-bench
	@$(MAKE) --no-print-directory all bench-programs
	@$(if $(filter 0,$(shell id -u)),,sudo) /usr/bin/python3 -B \
	    tests/bench/flood.py --build $(B) $(if $(SUT),--sut $(SUT)) \
	    $(if $(ROUNDS),--rounds $(ROUNDS)) $(BENCH_FLAGS)
