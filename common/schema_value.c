/*
 * Values of an ini file by kind: text, path, yes or no, duration, size,
 * number, word, lists of text.  Runs at start-up.  Each fault says what is
 * allowed.
 */
#include "common/schema_value.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/check.h"
#include "common/mem.h"
#include "common/number.h"
#include "common/slice.h"

#define DAY_MS ((uint64_t)24 * 60 * 60 * 1000)

void
string_list_add(struct string_list *l, char *text, struct conf_place at)
{
	l->v = mem_need_grow(
	    l->v, l->n * sizeof(*l->v), (l->n + 1) * sizeof(*l->v));
	l->at = mem_need_grow(
	    l->at, l->n * sizeof(*l->at), (l->n + 1) * sizeof(*l->at));
	l->v[l->n] = text;
	l->at[l->n] = at;
	l->n++;
}

void
string_list_release(struct string_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		mem_free(l->v[i]);
	mem_free(l->v);
	mem_free(l->at);
	memset(l, 0, sizeof(*l));
}

/* Into a field of the key's width: unsigned, or uint64_t. */
static void
store_number(const struct schema_value *v, uint64_t n)
{
	unsigned narrow = (unsigned)n;

	if (v->key->width == sizeof(n)) {
		memcpy(v->field, &n, sizeof(n));
		return;
	}
	CHECK(v->key->width == sizeof(narrow) && narrow == n);
	memcpy(v->field, &narrow, sizeof(narrow));
}

static void
store_text(const struct schema_value *v, char *text)
{
	char **field = v->field;

	CHECK(v->key->width == sizeof(*field));
	mem_free(*field);
	*field = text;
}

static char *
resolve(const struct schema_value *v)
{
	const char *const *words = v->key->words;

	for (size_t i = 0; words != NULL && words[i] != NULL; i++)
		if (strcmp(v->text, words[i]) == 0)
			return mem_need_strdup(v->text);
	return conf_resolve(v->entry->place.file, v->text);
}

static void
take_bool(const struct schema_value *v)
{
	static const struct {
		const char *word;
		bool value;
	} words[] = {
		{ "yes", true },
		{ "no", false },
		{ "on", true },
		{ "off", false },
		{ "true", true },
		{ "false", false },
	};
	bool *field = v->field;

	CHECK(v->key->width == sizeof(*field));
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcmp(v->text, words[i].word) == 0) {
			*field = words[i].value;
			return;
		}
	}
	schema_fault(v, "\"%s\" is not allowed, write yes or no", v->text);
}

static void
take_duration(const struct schema_value *v)
{
	uint64_t ms = 0;

	if (!number_parse_duration(slice_of(v->text), &ms))
		schema_fault(v,
		    "\"%s\" is not a duration, write a number and ms, s, m, h "
		    "or d, such as 10s",
		    v->text);
	else if (ms == 0 || ms > SCHEMA_MAX_DAYS * DAY_MS)
		schema_fault(v, "%s is out of range, 1ms to %dd are allowed",
		    v->text, SCHEMA_MAX_DAYS);
	else
		store_number(v, ms);
}

static void
take_size(const struct schema_value *v)
{
	const struct schema_key *key = v->key;
	uint64_t bytes = 0;

	if (!number_parse_size(slice_of(v->text), &bytes))
		schema_fault(v,
		    "\"%s\" is not a size, write bytes or a number and k, m "
		    "or g, such as 64k",
		    v->text);
	else if (bytes < key->min || (key->max != 0 && bytes > key->max))
		schema_fault(v,
		    "%s is out of range, %" PRIu64 " to %" PRIu64
		    " bytes are allowed",
		    v->text, key->min, key->max);
	else
		store_number(v, bytes);
}

static void
take_count(const struct schema_value *v)
{
	const struct schema_key *key = v->key;
	uint64_t n = 0;

	if (number_parse(slice_of(v->text), &n) && n >= key->min &&
	    n <= key->max)
		store_number(v, n);
	else
		schema_fault(v,
		    "\"%s\" is not allowed, write a number from %" PRIu64
		    " to %" PRIu64,
		    v->text, key->min, key->max);
}

/* "none, optional, required" */
static void
join_words(char *out, size_t room, const char *const *words)
{
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; words[i] != NULL && len < room; i++)
		len += (size_t)snprintf(out + len, room - len, "%s%s",
		    i == 0 ? "" : ", ", words[i]);
}

static void
take_word(const struct schema_value *v)
{
	char allowed[256];

	for (unsigned i = 0; v->key->words[i] != NULL; i++) {
		if (strcmp(v->text, v->key->words[i]) == 0) {
			store_number(v, i);
			return;
		}
	}
	join_words(allowed, sizeof(allowed), v->key->words);
	schema_fault(
	    v, "\"%s\" is not allowed, write one of: %s", v->text, allowed);
}

void
schema_value_take(const struct schema_value *v)
{
	switch (v->key->kind) {
	case SCHEMA_TEXT:
		store_text(v, mem_need_strdup(v->text));
		break;
	case SCHEMA_PATH:
		store_text(v, resolve(v));
		break;
	case SCHEMA_BOOL:
		take_bool(v);
		break;
	case SCHEMA_DURATION:
		take_duration(v);
		break;
	case SCHEMA_SIZE:
		take_size(v);
		break;
	case SCHEMA_COUNT:
		take_count(v);
		break;
	case SCHEMA_WORD:
		take_word(v);
		break;
	case SCHEMA_TEXT_LIST:
		string_list_add(
		    v->field, mem_need_strdup(v->text), v->entry->place);
		break;
	case SCHEMA_PATH_LIST:
		string_list_add(v->field, resolve(v), v->entry->place);
		break;
	case SCHEMA_CUSTOM:
		v->key->take(v);
		break;
	case SCHEMA_REFERENCE:
		break;
	}
}

void
schema_value_release(const struct schema_key *key, void *field)
{
	switch (key->kind) {
	case SCHEMA_TEXT:
	case SCHEMA_PATH:
		mem_free(*(char **)field);
		*(char **)field = NULL;
		break;
	case SCHEMA_TEXT_LIST:
	case SCHEMA_PATH_LIST:
		string_list_release(field);
		break;
	case SCHEMA_CUSTOM:
		if (key->release != NULL)
			key->release(field);
		break;
	case SCHEMA_BOOL:
	case SCHEMA_DURATION:
	case SCHEMA_SIZE:
	case SCHEMA_COUNT:
	case SCHEMA_WORD:
	case SCHEMA_REFERENCE:
		break;
	}
}
