/*
 * Fuzz target for both headers of an egress connection:
 * make build/fuzz/egress_wire_fuzz, then build/fuzz/egress_wire_fuzz NEW
 * tests/fuzz/corpus/egress_wire -max_total_time=60 (NEW: a folder for what it
 * finds).
 *
 * Beyond memory errors it holds that a prefix decides nothing that the whole
 * does not, that EGRESS_WIRE_MAX bytes always decide, and that what was decoded
 * can be encoded and is the same again.
 */
#include <stdint.h>

#include "common/check.h"
#include "common/egress_wire.h"
#include "tests/fuzz/prefixes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
try_target(struct slice in)
{
	struct egress_target t, again;
	char out[EGRESS_WIRE_MAX];
	const char *reason;
	size_t used, n;

	if (egress_wire_decode_target(in, &t, &used, &reason) != PROXY_V2_DONE)
		return;
	CHECK(used <= in.len);
	n = egress_wire_encode_target(&t, out);
	CHECK(n > 0);
	CHECK(egress_wire_decode_target((struct slice){ out, n }, &again, &used,
		  &reason) == PROXY_V2_DONE);
	CHECK(slice_eq(t.site, again.site) && slice_eq(t.pool, again.pool) &&
	      slice_eq(t.server, again.server));
}

static void
try_outcome(struct slice in)
{
	struct egress_outcome o, again;
	char out[EGRESS_WIRE_MAX];
	const char *reason;
	size_t used, n;

	if (egress_wire_decode_outcome(in, &o, &used, &reason) != PROXY_V2_DONE)
		return;
	CHECK(used <= in.len);
	n = egress_wire_encode_outcome(&o, out);
	CHECK(n > 0);
	CHECK(egress_wire_decode_outcome((struct slice){ out, n }, &again,
		  &used, &reason) == PROXY_V2_DONE);
	CHECK(o.code == again.code && slice_eq(o.text, again.text));
}

static enum proxy_v2_verdict
decode_target(struct slice in)
{
	struct egress_target t;
	const char *reason;
	size_t used;

	return egress_wire_decode_target(in, &t, &used, &reason);
}

static void
check_prefixes(struct slice in)
{
	enum proxy_v2_verdict v = decode_target(in);

	CHECK(prefixes_verdict(in, decode_target) == v);
	CHECK(v != PROXY_V2_MORE || in.len < EGRESS_WIRE_MAX);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct slice in = { (const char *)data, len };

	try_target(in);
	try_outcome(in);
	check_prefixes(in);
	return 0;
}
