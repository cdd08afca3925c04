/*
 * To which protocol a request may change.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/check.h"
#include "rproxy/request_upgrade.h"

#define S(literal) ((char[]){ literal })

static char *tokens[] = { S("websocket"), S("chat") };
static const struct route_conf some = { .upgrade = { .v = tokens, .n = 2 } };
static const struct route_conf none = { 0 };

static const struct {
	const struct route_conf *route;
	unsigned minor;
	enum body_kind body;
	uint64_t length;
	const char *asked; /* NULL: Connection does not say upgrade */
	enum reason why;
	const char *offered;
} cases[] = {
	{ &some, 1, BODY_NONE, 0, "websocket", REASON_OK, "websocket" },
	{ &some, 1, BODY_NONE, 0, "WebSocket", REASON_OK, "WebSocket" },
	{ &some, 1, BODY_NONE, 0, "h2c, chat, foo/1, websocket", REASON_OK,
	    "chat, websocket" },
	{ &some, 1, BODY_NONE, 0, "h2c", REASON_OK, "" },
	{ &some, 1, BODY_NONE, 0, "", REASON_OK, "" },
	{ &some, 1, BODY_NONE, 0, "websockets", REASON_OK, "" },
	{ &some, 1, BODY_NONE, 0, NULL, REASON_OK, "" },
	{ &some, 0, BODY_NONE, 0, "websocket", REASON_OK, "" },
	{ &some, 1, BODY_LENGTH, 3, "websocket", REASON_OK, "" },
	{ &some, 1, BODY_CHUNKED, 0, "websocket", REASON_OK, "" },
	{ &some, 1, BODY_LENGTH, 0, "websocket", REASON_OK, "websocket" },
	{ &none, 1, BODY_NONE, 0, "websocket", REASON_UPGRADE_REFUSED, "" },
	{ &none, 1, BODY_NONE, 0, "h2c, WEBSOCKET", REASON_UPGRADE_REFUSED,
	    "" },
	{ &none, 1, BODY_NONE, 0, "h2c", REASON_OK, "" },
	{ &none, 0, BODY_NONE, 0, "websocket", REASON_OK, "" },
};

static void
what_the_route_allows_is_offered(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct request_head r = { .minor = cases[i].minor };
		struct request_plan p = { .route = cases[i].route };
		struct arena a;

		arena_init(&a, 1024);
		p.framing.kind = cases[i].body;
		p.framing.length = cases[i].length;
		p.hop.upgrade = cases[i].asked != NULL;
		p.hop.upgrade_to = slice_of(cases[i].asked);
		if (request_upgrade_plan(&r, &p, &a) != cases[i].why ||
		    !slice_eq(p.upgrade, slice_of(cases[i].offered)))
			fail_msg("case %zu: %.*s", i, SLICE_FMT(p.upgrade));
		arena_fini(&a);
	}
}

static void
an_answer_has_nothing_that_was_not_offered(void **state)
{
	const struct slice offered = SLICE("chat, WebSocket");

	(void)state;
	assert_true(request_upgrade_is_answer(offered, SLICE("websocket")));
	assert_true(request_upgrade_is_answer(offered, SLICE("chat, ")));
	assert_true(
	    request_upgrade_is_answer(offered, SLICE("WEBSOCKET, chat")));
	assert_false(request_upgrade_is_answer(offered, SLICE("h2c")));
	assert_false(
	    request_upgrade_is_answer(offered, SLICE("websocket, h2c")));
	assert_false(request_upgrade_is_answer(offered, SLICE("")));
	assert_false(request_upgrade_is_answer(offered, SLICE(", ,")));
	assert_false(request_upgrade_is_answer(SLICE(""), SLICE("chat")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_route_allows_is_offered),
		cmocka_unit_test(an_answer_has_nothing_that_was_not_offered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
