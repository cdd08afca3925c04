/*
 * Reader of the tables in tests/corpus/h1 (the columns: README.md there).
 * For tests alone: what it cannot read ends the test program.
 */
#ifndef TESTS_UNIT_RPROXY_HTTP_CORPUS_H
#define TESTS_UNIT_RPROXY_HTTP_CORPUS_H

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/number.h"
#include "common/slice.h"

struct corpus_case {
	struct slice expect;
	struct slice context;
	struct slice name;
	struct slice bytes;
	struct slice content;
};

typedef void corpus_fn(const struct corpus_case *c);

static inline char
corpus_escape(const char **p)
{
	char c = *(*p)++;
	uint64_t v;

	switch (c) {
	case 'r':
		return '\r';
	case 'n':
		return '\n';
	case 't':
		return '\t';
	case '0':
		return '\0';
	case '\\':
		return '\\';
	case 'x':
		if (number_parse_hex((struct slice){ *p, 2 }, &v)) {
			*p += 2;
			return (char)v;
		}
		break;
	default:
		break;
	}
	errx(1, "corpus: bad escape at: \\%s", *p - 1);
}

/* In place: what it stands for is never longer. */
static inline struct slice
corpus_unescape(char *s)
{
	const char *from = s;
	size_t n = 0;

	while (*from != '\0') {
		char c = *from++;

		s[n++] = c == '\\' ? corpus_escape(&from) : c;
	}
	return (struct slice){ s, n };
}

static inline void
corpus_line(char *line, corpus_fn *fn)
{
	struct corpus_case c = { 0 };
	char *column[5] = { NULL };

	for (size_t i = 0; i < 5; i++)
		column[i] = strsep(&line, "\t");
	if (column[3] == NULL || line != NULL)
		errx(1, "corpus: not four or five columns: %s", column[0]);
	c.expect = slice_of(column[0]);
	c.context = slice_of(column[1]);
	c.name = slice_of(column[2]);
	c.bytes = corpus_unescape(column[3]);
	if (column[4] != NULL)
		c.content = corpus_unescape(column[4]);
	fn(&c);
}

/* Calls fn for each case; returns how many there were. */
static inline unsigned
corpus_each(const char *path, corpus_fn *fn)
{
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t cap = 0;
	unsigned n = 0;

	if (f == NULL)
		err(1, "%s (run from the top folder)", path);
	while (getline(&line, &cap, f) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#' || line[0] == '\0')
			continue;
		corpus_line(line, fn);
		n++;
	}
	free(line);
	fclose(f);
	return n;
}

#endif
