#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/check.h"
#include "common/mem.h"
#include "common/schema.h"
#include "common/suggest.h"
#include "tests/unit/ini_files.h"

/* A schema of the test's own, with one key of each kind. */
struct fruit {
	char *name;
	struct conf_place at;
	unsigned count;
};

struct basket {
	char *label;
	char *path;
	char *log;
	bool open;
	uint64_t wait_ms;
	uint64_t big_bytes;
	unsigned small_bytes;
	enum {
		RED,
		GREEN
	} colour;
	struct string_list tags;
	struct string_list files;
	unsigned taken;
	bool has_extra;
	char *extra;
	struct fruit *fruit;
	size_t n_fruit;
};

static void
take_once(const struct schema_value *v)
{
	if (strcmp(v->text, "bad") == 0)
		schema_fault(v, "\"bad\" is refused");
	else
		++*(unsigned *)v->field;
}

static const char *const colours[] = { "red", "green", NULL };
static const char *const log_words[] = { "stderr", NULL };

static const struct schema_key basket_keys[] = {
	{ .name = "label",
	    .kind = SCHEMA_TEXT,
	    .is_required = true,
	    SCHEMA_FIELD(struct basket, label) },
	{ .name = "path",
	    .kind = SCHEMA_PATH,
	    SCHEMA_FIELD(struct basket, path) },
	{ .name = "log",
	    .kind = SCHEMA_PATH,
	    .words = log_words,
	    .fallback = "stderr",
	    SCHEMA_FIELD(struct basket, log) },
	{ .name = "open",
	    .kind = SCHEMA_BOOL,
	    .fallback = "yes",
	    SCHEMA_FIELD(struct basket, open) },
	{ .name = "wait",
	    .kind = SCHEMA_DURATION,
	    .fallback = "2s",
	    SCHEMA_FIELD(struct basket, wait_ms) },
	{ .name = "big",
	    .kind = SCHEMA_SIZE,
	    .fallback = "0",
	    SCHEMA_FIELD(struct basket, big_bytes) },
	{ .name = "small",
	    .kind = SCHEMA_SIZE,
	    .fallback = "1k",
	    .min = 16,
	    .max = 4096,
	    SCHEMA_FIELD(struct basket, small_bytes) },
	{ .name = "colour",
	    .kind = SCHEMA_WORD,
	    .fallback = "green",
	    .words = colours,
	    SCHEMA_FIELD(struct basket, colour) },
	{ .name = "tag",
	    .kind = SCHEMA_TEXT_LIST,
	    SCHEMA_FIELD(struct basket, tags) },
	{ .name = "file",
	    .kind = SCHEMA_PATH_LIST,
	    SCHEMA_FIELD(struct basket, files) },
	{ .name = "taken",
	    .kind = SCHEMA_CUSTOM,
	    .is_list = true,
	    SCHEMA_FIELD(struct basket, taken),
	    .take = take_once },
};

static const struct schema_key extra_keys[] = {
	{ .name = "extra",
	    .kind = SCHEMA_TEXT,
	    SCHEMA_FIELD(struct basket, extra) },
};

static const struct schema_key fruit_keys[] = {
	{ .name = "count",
	    .kind = SCHEMA_COUNT,
	    .fallback = "1",
	    .min = 1,
	    .max = 9,
	    SCHEMA_FIELD(struct fruit, count) },
};

static const struct schema_section sections[] = {
	{ .name = "basket",
	    .keys = basket_keys,
	    .n_keys = ARRAY_LEN(basket_keys),
	    .is_required = true,
	    .object = 0,
	    .name_field = SCHEMA_NONE,
	    .place_field = SCHEMA_NONE,
	    .present_field = SCHEMA_NONE },
	{ .name = "extra",
	    .keys = extra_keys,
	    .n_keys = ARRAY_LEN(extra_keys),
	    .object = 0,
	    .name_field = SCHEMA_NONE,
	    .place_field = SCHEMA_NONE,
	    .present_field = offsetof(struct basket, has_extra) },
	{ .name = "fruit",
	    .keys = fruit_keys,
	    .n_keys = ARRAY_LEN(fruit_keys),
	    .object = offsetof(struct basket, fruit),
	    .count = offsetof(struct basket, n_fruit),
	    .item_bytes = sizeof(struct fruit),
	    .name_field = offsetof(struct fruit, name),
	    .place_field = offsetof(struct fruit, at),
	    .present_field = SCHEMA_NONE },
};

static const struct schema schema = { "a basket file", sections,
	ARRAY_LEN(sections) };

struct run {
	struct ini_files t;
	struct conf_file *c;
	struct basket b;
};

static void
start(struct run *r, const char *text)
{
	memset(&r->b, 0, sizeof(r->b));
	ini_files_make(&r->t);
	r->c = conf_read(
	    r->t.bundle, ini_files_write(&r->t, "b.ini", text), r->t.faults);
	schema_apply(&schema, r->c, &r->b, r->t.faults);
}

static void
stop(struct run *r)
{
	schema_release(&schema, &r->b);
	conf_file_free(r->c);
	ini_files_remove(&r->t);
}

static void
fills_a_struct_by_kind(void **state)
{
	static const char text[] =
	    "[basket]\nlabel = a b\npath = x/y\nlog = z.log\nopen = off\n"
	    "wait = 500ms\nbig = 5g\nsmall = 2k\ncolour = red\ntag = one\n"
	    "tag = two\nfile = f\ntaken = x\ntaken = y\n"
	    "[fruit apple]\ncount = 7\n[extra]\nextra = e\n[fruit pear]\n";
	struct run r;
	char short_text[64];

	(void)state;
	start(&r, text);
	assert_null(conf_fault_text(r.t.faults, 0));
	assert_string_equal(r.b.label, "a b");
	ini_files_shorten(&r.t, r.b.path, short_text);
	assert_string_equal(short_text, "x/y");
	ini_files_shorten(&r.t, r.b.log, short_text);
	assert_string_equal(short_text, "z.log");
	assert_false(r.b.open);
	assert_int_equal(r.b.wait_ms, 500);
	assert_int_equal(r.b.big_bytes, (uint64_t)5 << 30);
	assert_int_equal(r.b.small_bytes, 2048);
	assert_int_equal(r.b.colour, RED);
	assert_int_equal(r.b.tags.n, 2);
	assert_string_equal(r.b.tags.v[1], "two");
	assert_int_equal(r.b.tags.at[1].line, 11);
	assert_int_equal(r.b.files.v[0][0], '/');
	assert_int_equal(r.b.taken, 2);
	assert_true(r.b.has_extra);
	assert_string_equal(r.b.extra, "e");
	assert_int_equal(r.b.n_fruit, 2);
	assert_string_equal(r.b.fruit[0].name, "apple");
	assert_int_equal(r.b.fruit[0].count, 7);
	assert_int_equal(r.b.fruit[0].at.line, 15);
	assert_string_equal(r.b.fruit[1].name, "pear");
	assert_int_equal(r.b.fruit[1].count, 1);
	stop(&r);
}

static void
uses_fallbacks_where_nothing_is_said(void **state)
{
	struct run r;

	(void)state;
	start(&r, "[basket]\nlabel = x\n");
	assert_null(conf_fault_text(r.t.faults, 0));
	assert_null(r.b.path);
	assert_string_equal(r.b.log, "stderr");
	assert_true(r.b.open);
	assert_int_equal(r.b.wait_ms, 2000);
	assert_int_equal(r.b.small_bytes, 1024);
	assert_int_equal(r.b.colour, GREEN);
	assert_false(r.b.has_extra);
	assert_int_equal(r.b.n_fruit, 0);
	stop(&r);
}

static void
names_every_fault_and_what_is_allowed(void **state)
{
	static const struct {
		const char *text;
		const char *faults[8];
	} rows[] = {
		{ "[basket]\nlable = x\n",
		    { "error: b.ini:2: basket.lable: unknown key, did you mean "
		      "\"label\"?",
			"error: b.ini:1: basket.label: missing" } },
		{ "[basket]\nlabel = x\nweight = 2\n",
		    { "error: b.ini:3: basket.weight: unknown key, allowed "
		      "are: label, path, log, open, wait, big, small, colour, "
		      "tag, file, taken" } },
		{ "[basket]\nlabel = x\nextra = 2\ncount = 1\n",
		    { "error: b.ini:3: basket.extra: unknown key, it belongs "
		      "in [extra]",
			"error: b.ini:4: basket.count: unknown key, it "
			"belongs in [fruit NAME]" } },
		{ "[baskt]\nlabel = x\n",
		    { "error: b.ini:1: [baskt]: unknown section, did you mean "
		      "[basket]?",
			"error: b.ini: no [basket] section" } },
		{ "[basket]\nlabel = x\n[vegetable]\nfoo = 1\n",
		    { "error: b.ini:3: [vegetable]: unknown section, a basket "
		      "file may have: [basket], [extra], [fruit NAME]" } },
		{ "label = x\n[basket]\nlabel = x\n",
		    { "error: b.ini:1: label: outside of any section, write "
		      "[basket] above it" } },
		{ "[basket]\nlabel = x\nopen = yes\nlabel = y\n",
		    { "error: b.ini:4: basket.label: given twice, the first "
		      "is in line 2" } },
		{ "[basket]\nlabel = x\n[extra]\nextra = 1\n[extra]\n"
		  "extra = 2\nfoo = 3\n",
		    { "error: b.ini:5: [extra]: given twice, the first is in "
		      "line 3",
			"error: b.ini:7: extra.foo: unknown key" } },
		{ "[basket]\nlabel = x\n[fruit a]\n[fruit b]\n[fruit a]\n",
		    { "error: b.ini:5: [fruit]: given twice, the first is in "
		      "line 3" } },
		{ "[basket]\nlabel = x\n[fruit]\n[fruit a/b]\n[extra x]\n",
		    { "error: b.ini:3: [fruit]: needs a name",
			"error: b.ini:4: [fruit]: needs a name",
			"error: b.ini:5: [extra]: takes no name" } },
		{ "[basket]\nlabel =\n",
		    { "error: b.ini:2: basket.label: has no value" } },
		{ "[basket]\nlabel = x\nopen = maybe\ncolour = blue\n",
		    { "error: b.ini:3: basket.open: \"maybe\" is not allowed, "
		      "write yes or no",
			"error: b.ini:4: basket.colour: \"blue\" is not "
			"allowed, write one of: red, green" } },
		{ "[basket]\nlabel = x\nwait = 10\n",
		    { "error: b.ini:3: basket.wait: \"10\" is not a duration, "
		      "write a number and ms, s, m, h or d" } },
		{ "[basket]\nlabel = x\nwait = 0s\n[fruit a]\ncount = 10\n"
		  "[fruit b]\ncount = one\n",
		    { "error: b.ini:3: basket.wait: 0s is out of range, 1ms "
		      "to 24d are allowed",
			"error: b.ini:5: fruit.count: \"10\" is not allowed, "
			"write a number from 1 to 9",
			"error: b.ini:7: fruit.count: \"one\"" } },
		{ "[basket]\nlabel = x\nwait = 25d\n",
		    { "error: b.ini:3: basket.wait: 25d is out of range" } },
		{ "[basket]\nlabel = x\nsmall = 15\nbig = 1kb\n",
		    { "error: b.ini:3: basket.small: 15 is out of range, 16 "
		      "to 4096 bytes are allowed",
			"error: b.ini:4: basket.big: \"1kb\" is not a size, "
			"write bytes or a number and k, m or g" } },
		{ "[basket]\nlabel = x\nsmall = 5k\ntaken = bad\n",
		    { "error: b.ini:3: basket.small: 5k is out of range",
			"error: b.ini:4: basket.taken: \"bad\" is refused" } },
		{ "", { "error: b.ini: no [basket] section" } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct run r;

		start(&r, rows[i].text);
		ini_files_expect(&r.t, rows[i].text, rows[i].faults);
		stop(&r);
	}
}

static void
knows_how_far_words_are_apart(void **state)
{
	static const struct {
		const char *a, *b;
		size_t want;
	} rows[] = {
		{ "", "", 0 },
		{ "a", "", 1 },
		{ "names", "names", 0 },
		{ "nmaes", "names", 1 }, /* neighbours swapped */
		{ "name", "names", 1 },
		{ "namess", "names", 1 },
		{ "nomes", "names", 1 },
		{ "timeuot", "timeout", 1 },
		{ "kitten", "sitting", 3 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(
		    suggest_distance(rows[i].a, rows[i].b), rows[i].want);
		assert_int_equal(
		    suggest_distance(rows[i].b, rows[i].a), rows[i].want);
	}
}

static void
suggests_the_nearest_word_and_nothing_far_off(void **state)
{
	struct suggest near = { .wanted = "keepalive_timout" };
	struct suggest far = { .wanted = "xy" };

	(void)state;
	suggest_offer(&near, "header_timeout");
	assert_null(near.best);
	suggest_offer(&near, "keepalive_timeouts");
	suggest_offer(&near, "keepalive_timeout");
	assert_string_equal(near.best, "keepalive_timeout");
	suggest_offer(&far, "to");
	assert_null(far.best);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fills_a_struct_by_kind),
		cmocka_unit_test(uses_fallbacks_where_nothing_is_said),
		cmocka_unit_test(names_every_fault_and_what_is_allowed),
		cmocka_unit_test(knows_how_far_words_are_apart),
		cmocka_unit_test(suggests_the_nearest_word_and_nothing_far_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
