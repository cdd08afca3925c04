/*
 * Header field lists: names known, order kept, dropping, growing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "common/check.h"
#include "rproxy/http/fields.h"

static const struct {
	const char *name;
	enum field_id id;
} known[] = {
	{ "Host", FIELD_HOST },
	{ "Connection", FIELD_CONNECTION },
	{ "Content-Length", FIELD_CONTENT_LENGTH },
	{ "Transfer-Encoding", FIELD_TRANSFER_ENCODING },
	{ "TE", FIELD_TE },
	{ "Trailer", FIELD_TRAILER },
	{ "Upgrade", FIELD_UPGRADE },
	{ "Keep-Alive", FIELD_KEEP_ALIVE },
	{ "Proxy-Connection", FIELD_PROXY_CONNECTION },
	{ "Expect", FIELD_EXPECT },
	{ "Via", FIELD_VIA },
	{ "Date", FIELD_DATE },
	{ "Server", FIELD_SERVER },
	{ "Location", FIELD_LOCATION },
	{ "Content-Location", FIELD_CONTENT_LOCATION },
	{ "Set-Cookie", FIELD_SET_COOKIE },
	{ "Cookie", FIELD_COOKIE },
	{ "Referer", FIELD_REFERER },
	{ "User-Agent", FIELD_USER_AGENT },
	{ "Accept", FIELD_ACCEPT },
	{ "Forwarded", FIELD_FORWARDED },
	{ "Max-Forwards", FIELD_MAX_FORWARDS },
	{ "URI", FIELD_URI },
	{ "Link", FIELD_LINK },
	{ "Refresh", FIELD_REFRESH },
	{ "Destination", FIELD_DESTINATION },
};

static void
knows_every_name_in_any_case(void **state)
{
	bool seen[FIELD_COUNT] = { [FIELD_OTHER] = true };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		char name[32];
		size_t len = strlen(known[i].name);

		memcpy(name, known[i].name, len);
		assert_int_equal(
		    field_id_of((struct slice){ name, len }), known[i].id);
		for (size_t k = 0; k < len; k++) {
			name[k] = (char)(name[k] >= 'a' && name[k] <= 'z'
					     ? name[k] - 32
					     : ascii_lower(name[k]));
		}
		assert_int_equal(
		    field_id_of((struct slice){ name, len }), known[i].id);
		seen[known[i].id] = true;
	}
	for (unsigned i = 0; i < FIELD_COUNT; i++)
		assert_true(seen[i]);
}

static void
takes_nothing_else_for_a_known_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		char name[32];
		size_t len = strlen(known[i].name);

		/* each byte changed, one missing, one more */
		for (size_t k = 0; k < len; k++) {
			memcpy(name, known[i].name, len);
			name[k] = name[k] == '-' ? '_' : '-';
			assert_int_equal(
			    field_id_of((struct slice){ name, len }),
			    FIELD_OTHER);
		}
		memcpy(name, known[i].name, len);
		name[len] = 's';
		assert_int_equal(
		    field_id_of((struct slice){ name, len - 1 }), FIELD_OTHER);
		assert_int_equal(
		    field_id_of((struct slice){ name, len + 1 }), FIELD_OTHER);
	}
	assert_int_equal(field_id_of(SLICE("")), FIELD_OTHER);
	assert_int_equal(field_id_of(SLICE("X-Other")), FIELD_OTHER);
	assert_int_equal(field_id_of(SLICE("\xc8ost")), FIELD_OTHER);
}

static void
fill(struct fields *f)
{
	assert_true(fields_add(f, SLICE("Set-Cookie"), SLICE("a=1")));
	assert_true(fields_add(f, SLICE("X-One"), SLICE("x")));
	assert_true(fields_add(f, SLICE("set-cookie"), SLICE("b=2")));
	assert_true(fields_add(f, SLICE("x-one"), SLICE("y")));
	assert_true(fields_add(f, SLICE("SET-COOKIE"), SLICE("c=3")));
}

static void
finds_fields_of_one_name_in_their_order(void **state)
{
	struct fields f = { 0 };
	struct field *a;

	(void)state;
	assert_null(fields_first(&f, FIELD_SET_COOKIE));
	fill(&f);
	assert_int_equal(fields_count(&f, FIELD_SET_COOKIE), 3);
	a = fields_first(&f, FIELD_SET_COOKIE);
	assert_true(slice_eq(a->value, SLICE("a=1")));
	a = fields_next(&f, a);
	assert_true(slice_eq(a->value, SLICE("b=2")));
	a = fields_next(&f, a);
	assert_true(slice_eq(a->value, SLICE("c=3")));
	assert_null(fields_next(&f, a));
	assert_null(fields_first(&f, FIELD_VIA));
	assert_true(
	    slice_eq(fields_find(&f, SLICE("X-ONE"))->value, SLICE("x")));
	assert_null(fields_find(&f, SLICE("X-Two")));
	fields_fini(&f);
}

static void
does_not_find_what_was_dropped(void **state)
{
	struct fields f = { 0 };

	(void)state;
	fill(&f);
	fields_first(&f, FIELD_SET_COOKIE)->drop = true;
	assert_int_equal(fields_count(&f, FIELD_SET_COOKIE), 2);
	assert_true(
	    slice_eq(fields_first(&f, FIELD_SET_COOKIE)->value, SLICE("b=2")));
	fields_drop(&f, FIELD_SET_COOKIE);
	assert_null(fields_first(&f, FIELD_SET_COOKIE));
	assert_int_equal(fields_count(&f, FIELD_SET_COOKIE), 0);
	assert_null(fields_find(&f, SLICE("Set-Cookie")));
	assert_non_null(fields_find(&f, SLICE("X-One")));
	fields_drop_name(&f, SLICE("x-ONE"));
	assert_null(fields_find(&f, SLICE("X-One")));
	assert_int_equal(f.n, 5);
	fields_fini(&f);
}

static void
grows_and_keeps_its_storage(void **state)
{
	struct fields f = { 0 };
	const struct field *v;
	char names[1000][8];

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		int n = snprintf(names[i], sizeof(names[i]), "n%u", i);

		assert_true(fields_add(
		    &f, (struct slice){ names[i], (size_t)n }, SLICE("v")));
	}
	assert_int_equal(f.n, 1000);
	assert_true(slice_eq(f.v[0].name, SLICE("n0")));
	assert_true(slice_eq(f.v[999].name, SLICE("n999")));
	v = f.v;
	fields_reset(&f);
	assert_int_equal(f.n, 0);
	assert_null(fields_find(&f, SLICE("n0")));
	fill(&f);
	assert_ptr_equal(f.v, v);
	fields_fini(&f);
	assert_null(f.v);
	fields_fini(&f);
}

static void
forgets_drops_when_used_again(void **state)
{
	struct fields f = { 0 };

	(void)state;
	fill(&f);
	fields_drop(&f, FIELD_SET_COOKIE);
	fields_reset(&f);
	fill(&f);
	assert_int_equal(fields_count(&f, FIELD_SET_COOKIE), 3);
	fields_fini(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_every_name_in_any_case),
		cmocka_unit_test(takes_nothing_else_for_a_known_name),
		cmocka_unit_test(finds_fields_of_one_name_in_their_order),
		cmocka_unit_test(does_not_find_what_was_dropped),
		cmocka_unit_test(grows_and_keeps_its_storage),
		cmocka_unit_test(forgets_drops_when_used_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
