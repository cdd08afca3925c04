/*
 * Fuzz target for the PROXY v2 decoder and encoder:
 * make build/fuzz/proxy_v2_fuzz, then build/fuzz/proxy_v2_fuzz NEW
 * tests/fuzz/corpus/proxy_v2 -max_total_time=60 (NEW: a folder for what it
 * finds).
 *
 * Beyond memory errors it holds that a prefix decides nothing that the whole
 * does not, and that what was decoded survives encoding and decoding.
 */
#include <stdint.h>
#include <string.h>

#include "common/check.h"
#include "common/proxy_v2.h"
#include "tests/fuzz/prefixes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static enum proxy_v2_verdict
decode(struct slice in)
{
	struct proxy_v2 pp;
	const char *reason;
	size_t used;

	return proxy_v2_decode(in, &pp, &used, &reason);
}

static void
check_round_trip(const struct proxy_v2 *pp)
{
	static char first[PROXY_V2_MAX];
	static char second[PROXY_V2_MAX];
	struct proxy_v2 again;
	const char *reason;
	size_t used;
	size_t len = proxy_v2_encode(pp, first, sizeof(first));

	CHECK(len > 0);
	CHECK(proxy_v2_decode((struct slice){ first, len }, &again, &used,
		  &reason) == PROXY_V2_DONE);
	CHECK(used == len);
	CHECK(proxy_v2_encode(&again, second, sizeof(second)) == len);
	CHECK(memcmp(first, second, len) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct slice in = { (const char *)data, len };
	struct proxy_v2 pp;
	enum proxy_v2_verdict v;
	const char *reason = NULL;
	size_t used;

	v = proxy_v2_decode(in, &pp, &used, &reason);
	CHECK((v == PROXY_V2_BAD) == (reason != NULL));
	if (len < 512)
		CHECK(prefixes_verdict(in, decode) == v);
	if (v != PROXY_V2_DONE)
		return 0;
	CHECK(used <= len);
	check_round_trip(&pp);
	return 0;
}
