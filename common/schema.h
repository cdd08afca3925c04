/*
 * Which sections and keys an ini file may have, as tables: section -> keys ->
 * kind of value -> where it goes.  One walk fills a struct, collects every
 * fault and knows what to suggest; the manuals are compared with the same
 * tables.  Runs at start-up and on reload.
 *
 * A struct that a schema fills is all zero at first and is emptied by
 * schema_release(); whatever a table entry stores, the table entry frees.
 */
#ifndef COMMON_SCHEMA_H
#define COMMON_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/conf.h"

enum schema_kind {
	SCHEMA_TEXT,      /* char *, any text */
	SCHEMA_PATH,      /* char *, made absolute */
	SCHEMA_BOOL,      /* bool: yes no on off true false */
	SCHEMA_DURATION,  /* uint64_t, ms; 1ms to SCHEMA_MAX_DAYS */
	SCHEMA_SIZE,      /* uint64_t or unsigned, bytes; max 0: no limit */
	SCHEMA_COUNT,     /* unsigned */
	SCHEMA_WORD,      /* an enum, one of words[] in its order */
	SCHEMA_TEXT_LIST, /* struct string_list, may be repeated */
	SCHEMA_PATH_LIST, /* the same, made absolute */
	SCHEMA_CUSTOM,    /* take() and release() know */
	SCHEMA_REFERENCE, /* names something else: the caller looks it up */
};

/* One value on its way into its object. */
struct schema_value {
	const struct conf_entry *entry;
	const struct schema_key *key;
	const char *text; /* never empty */
	void *field;      /* where offset points to */
	struct conf_faults *f;
};

struct schema_key {
	const char *name;
	enum schema_kind kind;
	bool is_required;     /* in a section that is there */
	bool is_list;         /* CUSTOM: may be repeated, each line adds one */
	const char *fallback; /* as it would be written; NULL: stays zero */
	size_t offset;        /* in the section's object */
	size_t width;         /* of the field, bytes */
	uint64_t min;         /* SIZE (bytes), COUNT */
	uint64_t max;
	/* ends with NULL.  WORD: all that is allowed; PATH: taken as they
	 * are, any other text is a path */
	const char *const *words;
	/* CUSTOM: stores text in field or adds a fault */
	void (*take)(const struct schema_value *v);
	void (*release)(void *field); /* frees what take() stored; NULL: none */
};

/* .offset and .width of a field */
#define SCHEMA_FIELD(type, field)                                              \
	.offset = offsetof(type, field), .width = sizeof(((type *)0)->field)

#define SCHEMA_NONE ((size_t)-1)
#define SCHEMA_MAX_DAYS 24 /* in ms it still fits an int, for poll(2) */

/*
 * "[name]", once in a file, filling an object inside the root; or, where
 * item_bytes is not 0, "[name NAME]", any number of times, each filling one
 * element of an array that grows.
 */
struct schema_section {
	const char *name;
	const struct schema_key *keys;
	size_t n_keys;
	bool is_required; /* at least one of them */
	size_t object;    /* offset of the object or of the array's pointer */
	size_t count;     /* offset of the array's size_t */
	size_t item_bytes;
	/* in the object; SCHEMA_NONE: not kept */
	size_t name_field;    /* char *, the NAME */
	size_t place_field;   /* struct conf_place of the header */
	size_t present_field; /* bool: the section is there */
};

struct schema {
	const char *what; /* "a site file", for messages */
	const struct schema_section *sections;
	size_t n_sections;
};

/* Fills root from c.  Fallbacks first, for absent sections too. */
void schema_apply(const struct schema *s, const struct conf_file *c, void *root,
    struct conf_faults *f);
void schema_release(const struct schema *s, void *root);

/* A fault of one value: "file:line: section.key: " and the text. */
void schema_fault(const struct schema_value *v, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Adds text, which the list then owns. */
void string_list_add(struct string_list *l, char *text, struct conf_place at);
void string_list_release(struct string_list *l);

#endif
