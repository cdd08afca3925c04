/*
 * The walk over one ini file along its schema.  Runs at start-up and on
 * reload, in the master and in each child.
 *
 *	fallbacks -> for each section: header, its pairs, what it lacks
 *	          -> sections that the file lacks
 *
 * Nothing stops the walk: an operator sees all faults at once.  Keys of an
 * unknown section are passed over, its header is the fault.
 */
#include "common/schema.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/check.h"
#include "common/mem.h"
#include "common/schema_value.h"
#include "common/suggest.h"

struct walk {
	const struct schema *schema;
	const struct conf_file *file; /* borrowed */
	void *root;
	struct conf_faults *f;
	/* the section that is being read */
	const struct schema_section *section; /* NULL: unknown */
	const struct conf_entry *header;
	void *object; /* NULL: given before, only its keys are checked */
};

static void *
at_offset(void *base, size_t offset)
{
	return (char *)base + offset;
}

void
schema_fault(const struct schema_value *v, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	conf_error(v->f, v->entry->place, "%s.%s: %s", v->entry->section,
	    v->entry->key, text);
}

/* An array's pointer, whatever it points to. */
static void *
get_array(const void *place)
{
	void *array = NULL;

	memcpy(&array, place, sizeof(array));
	return array;
}

static void
set_array(void *place, void *array)
{
	memcpy(place, &array, sizeof(array));
}

static const struct schema_section *
find_section(const struct schema *s, const char *name)
{
	for (size_t i = 0; i < s->n_sections; i++)
		if (strcmp(s->sections[i].name, name) == 0)
			return &s->sections[i];
	return NULL;
}

static const struct schema_key *
find_key(const struct schema_section *section, const char *name)
{
	for (size_t i = 0; i < section->n_keys; i++)
		if (strcmp(section->keys[i].name, name) == 0)
			return &section->keys[i];
	return NULL;
}

static bool
is_array(const struct schema_section *section)
{
	return section->item_bytes != 0;
}

/* "a", "a, b"; what does not fit is left out. */
static void
append(char *out, size_t room, const char *word)
{
	size_t len = strlen(out);

	(void)snprintf(
	    out + len, room - len, "%s%s", len == 0 ? "" : ", ", word);
}

static void
set_fallbacks(struct walk *w, const struct schema_section *section,
    const struct conf_entry *header, void *object)
{
	for (size_t i = 0; i < section->n_keys; i++) {
		const struct schema_key *key = &section->keys[i];
		struct conf_entry entry = *header;

		if (key->fallback == NULL)
			continue;
		entry.section = section->name;
		entry.key = key->name;
		schema_value_take(&(struct schema_value){
		    .entry = &entry,
		    .key = key,
		    .text = key->fallback,
		    .field = at_offset(object, key->offset),
		    .f = w->f,
		});
	}
}

/* An element at the end of the section's array, with its fallbacks. */
static void *
add_item(struct walk *w, const struct schema_section *section,
    const struct conf_entry *header)
{
	void **array = at_offset(w->root, section->object);
	size_t *n = at_offset(w->root, section->count);
	void *item = NULL;

	*array = mem_need_grow(
	    *array, *n * section->item_bytes, (*n + 1) * section->item_bytes);
	item = at_offset(*array, *n * section->item_bytes);
	(*n)++;
	if (section->name_field != SCHEMA_NONE)
		*(char **)at_offset(item, section->name_field) =
		    mem_need_strdup(header->name);
	set_fallbacks(w, section, header, item);
	return item;
}

static void
unknown_section(struct walk *w, const struct conf_entry *header)
{
	struct suggest near = { .wanted = header->section };
	char allowed[256] = "";
	char one[64];

	for (size_t i = 0; i < w->schema->n_sections; i++) {
		const struct schema_section *section = &w->schema->sections[i];

		suggest_offer(&near, section->name);
		(void)snprintf(one, sizeof(one), "[%s%s]", section->name,
		    is_array(section) ? " NAME" : "");
		append(allowed, sizeof(allowed), one);
	}
	if (near.best != NULL)
		conf_error(w->f, header->place,
		    "[%s]: unknown section, did you mean [%s]?",
		    header->section, near.best);
	else
		conf_error(w->f, header->place,
		    "[%s]: unknown section, %s may have: %s", header->section,
		    w->schema->what, allowed);
}

static bool
is_good_name(const char *name)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	return name[0] != '\0' && name[strspn(name, good)] == '\0';
}

static void
check_name(struct walk *w, const struct conf_entry *header)
{
	bool is_named = is_array(w->section);

	if (is_named && !is_good_name(header->name))
		conf_error(w->f, header->place,
		    "[%s]: needs a name of letters, digits, '.', '_' and '-', "
		    "write [%s NAME]",
		    header->section, header->section);
	else if (!is_named && header->name[0] != '\0')
		conf_error(w->f, header->place,
		    "[%s]: takes no name, write [%s]", header->section,
		    header->section);
}

/* The same header in an earlier line; NULL: none. */
static const struct conf_entry *
earlier_header(const struct walk *w, const struct conf_entry *header)
{
	bool by_name = is_array(w->section);

	for (size_t i = 0; i < conf_count(w->file); i++) {
		const struct conf_entry *e = conf_at(w->file, i);

		if (e == header)
			break;
		if (e->key == NULL &&
		    strcmp(e->section, header->section) == 0 &&
		    (!by_name || strcmp(e->name, header->name) == 0))
			return e;
	}
	return NULL;
}

static void
start_section(struct walk *w, const struct conf_entry *header)
{
	const struct schema_section *section =
	    find_section(w->schema, header->section);
	const struct conf_entry *earlier = NULL;

	w->section = section;
	w->header = header;
	w->object = NULL;
	if (section == NULL) {
		unknown_section(w, header);
		return;
	}
	check_name(w, header);
	earlier = earlier_header(w, header);
	if (earlier != NULL)
		conf_error(w->f, header->place,
		    "[%s]: given twice, the first is in line %u",
		    header->section, earlier->place.line);
	if (is_array(section))
		w->object = add_item(w, section, header);
	else if (earlier == NULL)
		w->object = at_offset(w->root, section->object);
	if (w->object == NULL)
		return;
	if (section->place_field != SCHEMA_NONE)
		*(struct conf_place *)at_offset(
		    w->object, section->place_field) = header->place;
	if (section->present_field != SCHEMA_NONE)
		*(bool *)at_offset(w->object, section->present_field) = true;
}

static void
unknown_key(struct walk *w, const struct conf_entry *e)
{
	struct suggest near = { .wanted = e->key };
	char allowed[400] = "";

	for (size_t i = 0; i < w->section->n_keys; i++) {
		const struct schema_key *key = &w->section->keys[i];

		suggest_offer(&near, key->name);
		append(allowed, sizeof(allowed), key->name);
	}
	if (near.best != NULL) {
		conf_error(w->f, e->place,
		    "%s.%s: unknown key, did you mean \"%s\"?", e->section,
		    e->key, near.best);
		return;
	}
	for (size_t i = 0; i < w->schema->n_sections; i++) {
		const struct schema_section *other = &w->schema->sections[i];

		if (find_key(other, e->key) == NULL)
			continue;
		conf_error(w->f, e->place,
		    "%s.%s: unknown key, it belongs in [%s%s]", e->section,
		    e->key, other->name, is_array(other) ? " NAME" : "");
		return;
	}
	conf_error(w->f, e->place, "%s.%s: unknown key, allowed are: %s",
	    e->section, e->key, allowed);
}

/* The same key in an earlier line of the same section; NULL: none. */
static const struct conf_entry *
earlier_pair(const struct walk *w, const struct conf_entry *pair)
{
	for (size_t i = 0; i < conf_count(w->file); i++) {
		const struct conf_entry *e = conf_at(w->file, i);

		if (e == pair)
			break;
		if (e->section_no == pair->section_no && e->key != NULL &&
		    strcmp(e->key, pair->key) == 0)
			return e;
	}
	return NULL;
}

static bool
may_repeat(const struct schema_key *key)
{
	return key->is_list || key->kind == SCHEMA_TEXT_LIST ||
	       key->kind == SCHEMA_PATH_LIST;
}

static void
take_pair(struct walk *w, const struct conf_entry *e)
{
	struct schema_value v = { .entry = e, .text = e->value, .f = w->f };
	const struct conf_entry *earlier = NULL;

	if (e->section[0] == '\0') {
		conf_error(w->f, e->place,
		    "%s: outside of any section, write [%s] above it", e->key,
		    w->schema->sections[0].name);
		return;
	}
	if (w->section == NULL)
		return;
	v.key = find_key(w->section, e->key);
	if (v.key == NULL) {
		unknown_key(w, e);
		return;
	}
	earlier = may_repeat(v.key) ? NULL : earlier_pair(w, e);
	if (earlier != NULL)
		schema_fault(&v, "given twice, the first is in line %u",
		    earlier->place.line);
	else if (e->value[0] == '\0')
		schema_fault(&v, "has no value");
	else if (w->object != NULL) {
		v.field = at_offset(w->object, v.key->offset);
		schema_value_take(&v);
	}
}

static bool
has_key(const struct walk *w, const char *name)
{
	for (size_t i = 0; i < conf_count(w->file); i++) {
		const struct conf_entry *e = conf_at(w->file, i);

		if (e->section_no == w->header->section_no && e->key != NULL &&
		    strcmp(e->key, name) == 0)
			return true;
	}
	return false;
}

static void
finish_section(struct walk *w)
{
	if (w->section == NULL || w->object == NULL)
		return;
	for (size_t i = 0; i < w->section->n_keys; i++) {
		const struct schema_key *key = &w->section->keys[i];

		if (key->is_required && !has_key(w, key->name))
			conf_error(w->f, w->header->place,
			    "%s.%s: missing, it must be given",
			    w->section->name, key->name);
	}
}

static bool
has_section(const struct walk *w, const char *name)
{
	for (size_t i = 0; i < conf_count(w->file); i++)
		if (strcmp(conf_at(w->file, i)->section, name) == 0)
			return true;
	return false;
}

static void
start_walk(struct walk *w, struct conf_place top)
{
	struct conf_entry nowhere = { .place = top };

	for (size_t i = 0; i < w->schema->n_sections; i++) {
		const struct schema_section *section = &w->schema->sections[i];

		if (!is_array(section))
			set_fallbacks(w, section, &nowhere,
			    at_offset(w->root, section->object));
	}
}

void
schema_apply(const struct schema *s, const struct conf_file *c, void *root,
    struct conf_faults *f)
{
	struct walk w = { .schema = s, .file = c, .root = root, .f = f };
	struct conf_place top = { conf_path(c), 0 };

	start_walk(&w, top);
	for (size_t i = 0; i < conf_count(c); i++) {
		const struct conf_entry *e = conf_at(c, i);

		if (e->key != NULL) {
			take_pair(&w, e);
			continue;
		}
		finish_section(&w);
		start_section(&w, e);
	}
	finish_section(&w);
	for (size_t i = 0; i < s->n_sections; i++) {
		const struct schema_section *section = &s->sections[i];

		if (section->is_required && !has_section(&w, section->name))
			conf_error(f, top, "no [%s%s] section", section->name,
			    is_array(section) ? " NAME" : "");
	}
}

static void
release_object(const struct schema_section *section, void *object)
{
	for (size_t i = 0; i < section->n_keys; i++)
		schema_value_release(&section->keys[i],
		    at_offset(object, section->keys[i].offset));
	if (section->name_field != SCHEMA_NONE)
		mem_free(*(char **)at_offset(object, section->name_field));
}

static void
release_array(const struct schema_section *section, void *root)
{
	void *place = at_offset(root, section->object);
	size_t *n = at_offset(root, section->count);
	void *array = get_array(place);

	for (size_t i = 0; i < *n; i++)
		release_object(
		    section, at_offset(array, i * section->item_bytes));
	mem_free(array);
	set_array(place, NULL);
	*n = 0;
}

void
schema_release(const struct schema *s, void *root)
{
	for (size_t i = 0; i < s->n_sections; i++) {
		const struct schema_section *section = &s->sections[i];

		if (is_array(section))
			release_array(section, root);
		else
			release_object(
			    section, at_offset(root, section->object));
	}
}
