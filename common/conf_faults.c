/*
 * Everything that is wrong with a configuration, as finished lines of text.
 * Runs wherever a configuration is read: in the master, in "-t" and in each
 * child.  The texts are made when a fault is found, so they outlive the files
 * and entries they speak of.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/check.h"
#include "common/conf.h"
#include "common/mem.h"

struct fault {
	char *text; /* owned */
	bool is_error;
};

struct conf_faults {
	struct fault *v; /* owned */
	size_t n;
	size_t n_errors;
};

struct conf_faults *
conf_faults_new(void)
{
	return mem_need(sizeof(struct conf_faults));
}

void
conf_faults_free(struct conf_faults *f)
{
	if (f == NULL)
		return;
	for (size_t i = 0; i < f->n; i++)
		mem_free(f->v[i].text);
	mem_free(f->v);
	mem_free(f);
}

static size_t
format_place(char *out, size_t room, struct conf_place at)
{
	int len = 0;

	if (at.file == NULL)
		return 0;
	if (at.line == 0)
		len = snprintf(out, room, "%s: ", at.file);
	else
		len = snprintf(out, room, "%s:%u: ", at.file, at.line);
	CHECK(len >= 0);
	return (size_t)len;
}

__attribute__((format(printf, 4, 0))) static void
add(struct conf_faults *f, bool is_error, struct conf_place at, const char *fmt,
    va_list args)
{
	const char *kind = is_error ? "error: " : "warning: ";
	size_t kind_len = strlen(kind);
	size_t at_len = format_place(NULL, 0, at);
	va_list again;
	int text_len = 0;
	size_t len = 0;
	char *text = NULL;

	va_copy(again, args);
	text_len = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	CHECK(text_len >= 0);
	len = kind_len + at_len + (size_t)text_len + 1;
	text = mem_need(len);
	memcpy(text, kind, kind_len);
	(void)format_place(text + kind_len, len - kind_len, at);
	(void)vsnprintf(
	    text + kind_len + at_len, (size_t)text_len + 1, fmt, args);
	f->v = mem_need_grow(
	    f->v, f->n * sizeof(*f->v), (f->n + 1) * sizeof(*f->v));
	f->v[f->n++] = (struct fault){ text, is_error };
	f->n_errors += is_error;
}

void
conf_error(struct conf_faults *f, struct conf_place at, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add(f, true, at, fmt, args);
	va_end(args);
}

void
conf_warning(struct conf_faults *f, struct conf_place at, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add(f, false, at, fmt, args);
	va_end(args);
}

size_t
conf_n_errors(const struct conf_faults *f)
{
	return f->n_errors;
}

size_t
conf_n_warnings(const struct conf_faults *f)
{
	return f->n - f->n_errors;
}

const char *
conf_fault_text(const struct conf_faults *f, size_t i)
{
	return i < f->n ? f->v[i].text : NULL;
}

bool
conf_fault_is_error(const struct conf_faults *f, size_t i)
{
	return i < f->n && f->v[i].is_error;
}

size_t
conf_first_error(const struct conf_faults *f)
{
	size_t i = 0;

	while (i < f->n && !f->v[i].is_error)
		i++;
	return i;
}
