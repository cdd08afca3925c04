/*
 * Ini files as lists of entries.  Runs at start-up and on reload, in the
 * master from disk and in each child from the bundle.  The only user of inih.
 *
 * inih asks for lines (next_line) and calls back with key and value
 * (on_ini_pair).  The reader under it does what inih cannot: it counts the
 * lines, keeps section headers even when nothing follows them, and refuses
 * what inih would cut in silence: long lines, long section names, anything
 * behind a NUL byte.  It hands out lines without leading blanks, so an
 * indented "key = value" is an entry of its own and never the continuation of
 * the line above.
 *
 * A semicolon after a blank starts a comment; "\;" stands for a semicolon
 * that does not.
 */
#include "common/conf.h"

#include <ini.h>
#include <string.h>

#include "common/check.h"
#include "common/mem.h"
#include "common/slice.h"

#define MAX_SECTION 49 /* bytes inih keeps of the text in brackets */

struct conf_file {
	char *path;           /* owned; every place of the file points here */
	struct conf_entry *v; /* owned, and so are the strings in it */
	size_t n;
};

/* The file while inih walks through it. */
struct source {
	struct conf_file *c;
	struct conf_faults *f;
	struct slice rest; /* what has not been handed out */
	unsigned line;     /* number of the line handed out last */
	bool is_waiting;   /* inih owes us a pair for that line */
	char *section;     /* owned; of the last header */
	char *name;        /* owned */
	unsigned section_no;
};

static struct conf_place
here(const struct source *s)
{
	return (struct conf_place){ s->c->path, s->line };
}

static void
add_entry(struct source *s, char *key, char *value)
{
	struct conf_file *c = s->c;

	c->v = mem_need_grow(
	    c->v, c->n * sizeof(*c->v), (c->n + 1) * sizeof(*c->v));
	c->v[c->n++] = (struct conf_entry){
		.place = here(s),
		.section = mem_need_strdup(s->section),
		.name = mem_need_strdup(s->name),
		.section_no = s->section_no,
		.key = key,
		.value = value,
	};
}

static bool
is_blank_or_comment(struct slice line)
{
	return line.len == 0 || line.p[0] == ';' || line.p[0] == '#';
}

static void
start_section(struct source *s, struct slice text)
{
	size_t blank = 0;

	while (
	    blank < text.len && text.p[blank] != ' ' && text.p[blank] != '\t')
		blank++;
	mem_free(s->section);
	mem_free(s->name);
	s->section = slice_dup(slice_first(text, blank));
	s->name = slice_dup(slice_trim(slice_from(text, blank)));
	s->section_no++;
	add_entry(s, NULL, NULL);
}

/* "[route portal] ; comment".  False: not fit for inih. */
static bool
take_header(struct source *s, struct slice line)
{
	size_t end = slice_find(line, ']');
	struct slice text = slice_trim(
	    slice_first(slice_from(line, 1), end == 0 ? 0 : end - 1));
	struct slice after = slice_trim(slice_from(line, end + 1));

	if (end == line.len) {
		conf_error(
		    s->f, here(s), "section header without ']', write [NAME]");
		return false;
	}
	start_section(s, text);
	if (text.len == 0 || !is_blank_or_comment(after)) {
		conf_error(s->f, here(s),
		    "malformed section header, write [NAME] alone on its line");
		return false;
	}
	if (end - 1 > MAX_SECTION) {
		conf_error(s->f, here(s),
		    "section header of %zu bytes, at most %d are allowed",
		    end - 1, MAX_SECTION);
		return false;
	}
	return true;
}

/* What no line may hold: control characters other than tab. */
static bool
has_control(struct slice line)
{
	for (size_t i = 0; i < line.len; i++) {
		unsigned char b = (unsigned char)line.p[i];

		if ((b < 0x20 && b != '\t') || b == 0x7f)
			return true;
	}
	return false;
}

/* False: a fault, or nothing for inih to see. */
static bool
take_line(struct source *s, struct slice line, size_t room)
{
	if (has_control(line)) {
		conf_error(s->f, here(s),
		    "control character in the line, only text is allowed");
		return false;
	}
	if (is_blank_or_comment(line))
		return false;
	if (line.p[0] == '[' && !take_header(s, line))
		return false;
	if (line.len > room) {
		conf_error(s->f, here(s),
		    "line of %zu bytes, at most %zu are allowed", line.len,
		    room);
		return false;
	}
	if (line.p[0] == '[')
		return true;
	s->is_waiting = true;
	return true;
}

static void
settle_line(struct source *s)
{
	if (s->is_waiting)
		conf_error(
		    s->f, here(s), "neither a [section] nor \"key = value\"");
	s->is_waiting = false;
}

/* The next line, without its end and the blanks around it. */
static bool
split_line(struct source *s, struct slice *line)
{
	size_t end = slice_find(s->rest, '\n');

	if (s->rest.len == 0)
		return false;
	*line = slice_first(s->rest, end);
	s->rest = slice_from(s->rest, end + 1);
	s->line++;
	if (s->line == 1 && slice_starts_with(*line, SLICE("\xef\xbb\xbf")))
		*line = slice_from(*line, 3);
	if (line->len > 0 && line->p[line->len - 1] == '\r')
		line->len--;
	*line = slice_trim(*line);
	return true;
}

/* ini_reader: a line into out, NULL at the end. */
static char *
next_line(char *out, int out_bytes, void *stream)
{
	struct source *s = stream;
	size_t room = (size_t)out_bytes - 1;
	struct slice line;

	settle_line(s);
	while (split_line(s, &line)) {
		if (!take_line(s, line, room))
			continue;
		memcpy(out, line.p, line.len);
		out[line.len] = '\0';
		return out;
	}
	return NULL;
}

/* "\;" is a semicolon that starts no comment. */
static char *
unescape(const char *value)
{
	char *copy = mem_need_strdup(value);
	char *to = copy;

	for (const char *p = value; *p != '\0'; p++) {
		if (p[0] == '\\' && p[1] == ';')
			continue;
		*to++ = *p;
	}
	*to = '\0';
	return copy;
}

static int
on_ini_pair(void *user, const char *section, const char *key, const char *value)
{
	struct source *s = user;

	(void)section; /* cut by inih; ours is whole */
	if (key[0] == '\0')
		return 0;
	s->is_waiting = false;
	add_entry(s, mem_need_strdup(key), unescape(value));
	return 1;
}

struct conf_file *
conf_read(struct bundle *b, const char *path, struct conf_faults *f)
{
	struct conf_file *c = mem_need(sizeof(*c));
	struct source s = { .c = c, .f = f };
	const char *error = NULL;

	c->path = mem_need_strdup(path);
	if (!bundle_read(b, path, &s.rest, &error)) {
		conf_error(f, here(&s), "cannot be read: %s", error);
		return c;
	}
	s.section = mem_need_strdup("");
	s.name = mem_need_strdup("");
	/* its result is the first bad line only; next_line() notes them all */
	(void)ini_parse_stream(next_line, &s, on_ini_pair, &s);
	settle_line(&s);
	mem_free(s.section);
	mem_free(s.name);
	return c;
}

void
conf_file_forget_entries(struct conf_file *c)
{
	for (size_t i = 0; i < c->n; i++) {
		mem_free((char *)c->v[i].section);
		mem_free((char *)c->v[i].name);
		mem_free((char *)c->v[i].key);
		mem_free((char *)c->v[i].value);
	}
	mem_free(c->v);
	c->v = NULL;
	c->n = 0;
}

void
conf_file_free(struct conf_file *c)
{
	if (c == NULL)
		return;
	conf_file_forget_entries(c);
	mem_free(c->path);
	mem_free(c);
}

const char *
conf_path(const struct conf_file *c)
{
	return c->path;
}

size_t
conf_count(const struct conf_file *c)
{
	return c->n;
}

const struct conf_entry *
conf_at(const struct conf_file *c, size_t i)
{
	CHECK(i < c->n);
	return &c->v[i];
}

struct conf_place
conf_place_of(const struct conf_file *c, const char *section, const char *key)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct conf_entry *e = &c->v[i];

		if (e->key != NULL && strcmp(e->section, section) == 0 &&
		    strcmp(e->key, key) == 0)
			return e->place;
	}
	return (struct conf_place){ c->path, 0 };
}

char *
conf_resolve(const char *from, const char *path)
{
	const char *slash = strrchr(from, '/');
	size_t folder = slash == NULL ? 0 : (size_t)(slash - from) + 1;
	char *out = NULL;

	if (path[0] == '/' || folder == 0)
		return mem_need_strdup(path);
	out = mem_need(folder + strlen(path) + 1);
	memcpy(out, from, folder);
	strcpy(out + folder, path);
	return out;
}
