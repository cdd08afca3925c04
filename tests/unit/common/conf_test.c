#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/check.h"
#include "common/conf.h"
#include "common/mem.h"
#include "tests/unit/ini_files.h"

#define TEN "0123456789"
#define FIFTY TEN TEN TEN TEN TEN

struct row {
	const char *what;
	const char *text;
	size_t len; /* 0: strlen */
	const char *entries;
	const char *faults[4];
};

/* "3 route(portal)#2 prefix=/irj", one line for each entry. */
static void
dump(const struct conf_file *c, char *out, size_t room)
{
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < conf_count(c); i++) {
		const struct conf_entry *e = conf_at(c, i);

		len += (size_t)snprintf(out + len, room - len, "%u %s(%s)#%u",
		    e->place.line, e->section, e->name, e->section_no);
		if (e->key != NULL)
			len += (size_t)snprintf(
			    out + len, room - len, " %s=%s", e->key, e->value);
		len += (size_t)snprintf(out + len, room - len, "\n");
	}
}

static void
run(const struct row *rows, size_t n)
{
	char got[4096];

	for (size_t i = 0; i < n; i++) {
		const struct row *r = &rows[i];
		struct ini_files t;
		struct conf_file *c = NULL;

		ini_files_make(&t);
		c = conf_read(t.bundle,
		    ini_files_write_bytes(&t, "a.ini", r->text,
			r->len != 0 ? r->len : strlen(r->text)),
		    t.faults);
		dump(c, got, sizeof(got));
		if (strcmp(got, r->entries) != 0)
			fail_msg("%s: wanted:\n%sgot:\n%s", r->what, r->entries,
			    got);
		ini_files_expect(&t, r->what, r->faults);
		conf_file_free(c);
		ini_files_remove(&t);
	}
}

static void
gives_every_entry_with_its_line(void **state)
{
	static const struct row rows[] = {
		{ .what = "sections, names, repeated keys",
		    .text = "\n; comment\n[site]\nnames = a\nnames=b\n\n"
			    "[route portal]\n# other comment\nprefix = /irj\n",
		    .entries = "3 site()#1\n4 site()#1 names=a\n"
			       "5 site()#1 names=b\n7 route(portal)#2\n"
			       "9 route(portal)#2 prefix=/irj\n" },
		{ .what = "a section with nothing in it",
		    .text = "[tls]\n[http]\n",
		    .entries = "1 tls()#1\n2 http()#2\n" },
		{ .what = "the same header twice has two numbers",
		    .text = "[pool a]\n[pool a]\nx = 1\n",
		    .entries = "1 pool(a)#1\n2 pool(a)#2\n"
			       "3 pool(a)#2 x=1\n" },
		{ .what = "no newline at the end",
		    .text = "[a]\nk = v",
		    .entries = "1 a()#1\n2 a()#1 k=v\n" },
		{ .what = "CRLF",
		    .text = "[a]\r\nk = v\r\n\r\n[b]\r\n",
		    .entries = "1 a()#1\n2 a()#1 k=v\n4 b()#2\n" },
		{ .what = "byte order mark",
		    .text = "\xef\xbb\xbf[a]\nk = v\n",
		    .entries = "1 a()#1\n2 a()#1 k=v\n" },
		{ .what = "blanks and tabs around everything",
		    .text = "  [ a \t b ]  \n\tk\t=\tv \n",
		    .entries = "1 a(b)#1\n2 a(b)#1 k=v\n" },
		{ .what = "an indented line continues nothing",
		    .text = "[a]\nk = v\n   l = w\n",
		    .entries = "1 a()#1\n2 a()#1 k=v\n3 a()#1 l=w\n" },
		{ .what = "a colon instead of an equals sign",
		    .text = "[a]\nk: v\nl = x: y = z\n",
		    .entries = "1 a()#1\n2 a()#1 k=v\n3 a()#1 l=x: y = z\n" },
		{ .what = "an empty value stays an entry",
		    .text = "[a]\nk =\n",
		    .entries = "1 a()#1\n2 a()#1 k=\n" },
		{ .what = "a key above all sections",
		    .text = "k = v\n",
		    .entries = "1 ()#0 k=v\n" },
		{ .what = "an empty file", .text = "\n", .entries = "" },
	};

	(void)state;
	run(rows, ARRAY_LEN(rows));
}

static void
takes_comments_behind_a_blank_and_an_escaped_semicolon(void **state)
{
	static const struct row rows[] = {
		{ .what = "comment after a value",
		    .text = "[a] ; x\nk = v ; comment\nl = w\t; comment\n",
		    .entries = "1 a()#1\n2 a()#1 k=v\n3 a()#1 l=w\n" },
		{ .what = "a semicolon without a blank is text",
		    .text = "[a]\nk = max-age=1;x; y\nl = ;v\n",
		    .entries = "1 a()#1\n2 a()#1 k=max-age=1;x; y\n"
			       "3 a()#1 l=\n" },
		{ .what = "an escaped one is text",
		    .text = "[a]\nk = x \\; y ; comment\nl = \\;\n",
		    .entries = "1 a()#1\n2 a()#1 k=x ; y\n3 a()#1 l=;\n" },
		{ .what = "one backslash is taken, and only there",
		    .text = "[a]\nk = a\\b \\\\; c\n",
		    .entries = "1 a()#1\n2 a()#1 k=a\\b \\; c\n" },
		{ .what = "a hash behind a value is text",
		    .text = "[a]\nk = v # w\n",
		    .entries = "1 a()#1\n2 a()#1 k=v # w\n" },
	};

	(void)state;
	run(rows, ARRAY_LEN(rows));
}

static void
refuses_what_would_be_cut(void **state)
{
	static const char at_limit[] =
	    "[a]\nk = " FIFTY FIFTY FIFTY TEN TEN TEN TEN "01234\nl = w\n";
	static const char above[] =
	    "[a]\nk = " FIFTY FIFTY FIFTY TEN TEN TEN TEN "012345\nl = w\n";
	static const struct row rows[] = {
		{ .what = "199 bytes are read whole",
		    .text = at_limit,
		    .entries =
			"1 a()#1\n2 a()#1 k=" FIFTY FIFTY FIFTY TEN TEN TEN TEN
			"01234\n3 a()#1 l=w\n" },
		{ .what = "200 bytes are refused, the next line is read",
		    .text = above,
		    .entries = "1 a()#1\n3 a()#1 l=w\n",
		    .faults = { "error: a.ini:2: line of 200 bytes, at most "
				"199 are allowed" } },
		{ .what = "a long comment is nobody's trouble",
		    .text = "; " FIFTY FIFTY FIFTY FIFTY FIFTY "\n[a]\n",
		    .entries = "2 a()#1\n" },
		{ .what = "a section header of 49 bytes",
		    .text = "[route 0" TEN TEN TEN TEN "12]\nk = v\n",
		    .entries = "1 route(0" TEN TEN TEN TEN "12)#1\n"
			       "2 route(0" TEN TEN TEN TEN "12)#1 k=v\n" },
		{ .what = "a section header of 50 bytes",
		    .text = "[route 0" TEN TEN TEN TEN "123]\nk = v\n",
		    .entries = "1 route(0" TEN TEN TEN TEN "123)#1\n"
			       "2 route(0" TEN TEN TEN TEN "123)#1 k=v\n",
		    .faults = { "error: a.ini:1: section header of 50 bytes, "
				"at most 49 are allowed" } },
	};

	(void)state;
	run(rows, ARRAY_LEN(rows));
}

static void
names_the_line_of_each_fault(void **state)
{
	static const char nul[] = "[a]\nk = v\0w\nl = x\n";
	static const struct row rows[] = {
		{ .what = "NUL byte",
		    .text = nul,
		    .len = sizeof(nul) - 1,
		    .entries = "1 a()#1\n3 a()#1 l=x\n",
		    .faults = { "error: a.ini:2: control character" } },
		{ .what = "carriage return inside a line",
		    .text = "[a]\nk = v\rl = w\n",
		    .entries = "1 a()#1\n",
		    .faults = { "error: a.ini:2: control character" } },
		{ .what = "neither section nor pair, several times",
		    .text = "[a]\nfoo\nk = v\nbar baz\n= w\n",
		    .entries = "1 a()#1\n3 a()#1 k=v\n",
		    .faults = { "error: a.ini:2: neither a [section]",
			"error: a.ini:4: neither a [section]",
			"error: a.ini:5: neither a [section]" } },
		{ .what = "the last line, without newline",
		    .text = "[a]\nfoo",
		    .entries = "1 a()#1\n",
		    .faults = { "error: a.ini:2: neither a [section]" } },
		{ .what = "header without end",
		    .text = "[a\nk = v\n",
		    .entries = "2 ()#0 k=v\n",
		    .faults = { "error: a.ini:1: section header without "
				"']'" } },
		{ .what = "header without name, header with a tail",
		    .text = "[]\n[a] k = v\n",
		    .entries = "1 ()#1\n2 a()#2\n",
		    .faults = { "error: a.ini:1: malformed section header",
			"error: a.ini:2: malformed section header" } },
	};

	(void)state;
	run(rows, ARRAY_LEN(rows));
}

static void
says_why_a_file_cannot_be_read(void **state)
{
	static const char *const want[] = {
		"error: nothing.ini: cannot be read: No such file", NULL
	};
	struct ini_files t;
	struct conf_file *c = NULL;

	(void)state;
	ini_files_make(&t);
	c = conf_read(t.bundle, ini_files_path(&t, "nothing.ini"), t.faults);
	assert_int_equal(conf_count(c), 0);
	ini_files_expect(&t, "missing", want);
	assert_int_equal(conf_n_errors(t.faults), 1);
	assert_int_equal(conf_n_warnings(t.faults), 0);
	conf_file_free(c);
	ini_files_remove(&t);
}

static void
counts_errors_and_warnings_apart(void **state)
{
	struct conf_faults *f = conf_faults_new();

	(void)state;
	conf_warning(f, (struct conf_place){ "a.ini", 7 }, "w %d", 1);
	conf_error(f, (struct conf_place){ "a.ini", 0 }, "e %s", "2");
	conf_error(f, (struct conf_place){ NULL, 0 }, "alone");
	assert_int_equal(conf_n_errors(f), 2);
	assert_int_equal(conf_n_warnings(f), 1);
	assert_string_equal(conf_fault_text(f, 0), "warning: a.ini:7: w 1");
	assert_string_equal(conf_fault_text(f, 1), "error: a.ini: e 2");
	assert_string_equal(conf_fault_text(f, 2), "error: alone");
	assert_null(conf_fault_text(f, 3));
	assert_false(conf_fault_is_error(f, 0));
	assert_true(conf_fault_is_error(f, 1));
	assert_int_equal(conf_first_error(f), 1);
	conf_faults_free(f);
}

static void
has_no_first_error_among_warnings(void **state)
{
	struct conf_faults *f = conf_faults_new();

	(void)state;
	assert_null(conf_fault_text(f, conf_first_error(f)));
	conf_warning(f, (struct conf_place){ "a.ini", 7 }, "w");
	assert_null(conf_fault_text(f, conf_first_error(f)));
	conf_faults_free(f);
}

static void
takes_paths_from_the_folder_of_the_file(void **state)
{
	static const struct {
		const char *from, *path, *want;
	} rows[] = {
		{ "/etc/tlsd/tlsd.ini", "sites/*.ini",
		    "/etc/tlsd/sites/*.ini" },
		{ "/etc/tlsd/tlsd.ini", "../x", "/etc/tlsd/../x" },
		{ "/etc/tlsd/tlsd.ini", "/abs", "/abs" },
		{ "/tlsd.ini", "x", "/x" },
		{ "tlsd.ini", "x", "x" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *got = conf_resolve(rows[i].from, rows[i].path);

		assert_string_equal(got, rows[i].want);
		mem_free(got);
	}
}

static void
keeps_places_without_entries(void **state)
{
	struct ini_files t;
	struct conf_file *c = NULL;
	struct conf_place at;
	char path[128];

	(void)state;
	ini_files_make(&t);
	(void)snprintf(path, sizeof(path), "%s",
	    ini_files_write(&t, "a.ini", "[site]\nnames = a\n"));
	c = conf_read(t.bundle, path, t.faults);
	at = conf_place_of(c, "site", "names");
	conf_file_forget_entries(c);
	assert_int_equal(conf_count(c), 0);
	assert_string_equal(at.file, path);
	assert_int_equal(at.line, 2);
	conf_file_free(c);
	ini_files_remove(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_every_entry_with_its_line),
		cmocka_unit_test(
		    takes_comments_behind_a_blank_and_an_escaped_semicolon),
		cmocka_unit_test(refuses_what_would_be_cut),
		cmocka_unit_test(names_the_line_of_each_fault),
		cmocka_unit_test(says_why_a_file_cannot_be_read),
		cmocka_unit_test(counts_errors_and_warnings_apart),
		cmocka_unit_test(has_no_first_error_among_warnings),
		cmocka_unit_test(takes_paths_from_the_folder_of_the_file),
		cmocka_unit_test(keeps_places_without_entries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
