/*
 * Values of a site file that are checked and stored by hand.  Runs at
 * start-up.
 */
#include "common/site_hop_take.h"

#include <string.h>

#include "common/mem.h"
#include "common/number.h"
#include "common/site_conf.h"
#include "common/site_value.h"

/*
 * Not to another HTTP: its requests would pass by every check that there is.
 * Not to TLS: that is tlsd's.
 */
static bool
may_be_upgrade(const char *text)
{
	static const char *const never[] = { "h2c", "h2", "http", "tls" };

	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		if (strcmp(text, never[i]) == 0)
			return false;
	return site_value_is_token(slice_of(text));
}

void
site_hop_take_upgrade(const struct schema_value *v)
{
	char *text = mem_need_strdup(v->text);

	for (char *p = text; *p != '\0'; p++)
		*p = ascii_lower(*p);
	if (may_be_upgrade(text)) {
		string_list_add(v->field, text, v->entry->place);
		return;
	}
	mem_free(text);
	schema_fault(v,
	    "\"%s\" is not allowed, write the name of a protocol that is "
	    "neither HTTP nor TLS, such as websocket",
	    v->text);
}

/* "503 /path/page.html"; *path points into text. */
static bool
parse_error_page(const char *text, unsigned *status, const char **path)
{
	struct slice s = slice_of(text);
	size_t blank = slice_find(s, ' ');
	struct slice rest = slice_trim(slice_from(s, blank));
	uint64_t n = 0;

	if (!number_parse(slice_first(s, blank), &n) || n < 400 || n > 599 ||
	    rest.len == 0)
		return false;
	*status = (unsigned)n;
	*path = rest.p;
	return true;
}

static bool
has_page(const struct error_page_list *l, unsigned status)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].status == status)
			return true;
	return false;
}

void
site_hop_take_error_page(const struct schema_value *v)
{
	struct error_page_list *l = v->field;
	struct error_page_conf page = { .at = v->entry->place };
	const char *path = NULL;

	if (!parse_error_page(v->text, &page.status, &path)) {
		schema_fault(v,
		    "\"%s\" is not allowed, write a status from 400 to 599 "
		    "and the path of a page",
		    v->text);
		return;
	}
	if (has_page(l, page.status)) {
		schema_fault(v,
		    "%u is given twice, one page for each status is allowed",
		    page.status);
		return;
	}
	page.path = conf_resolve(v->entry->place.file, path);
	l->v = mem_need_grow(
	    l->v, l->n * sizeof(*l->v), (l->n + 1) * sizeof(*l->v));
	l->v[l->n++] = page;
}

void
site_hop_release_error_pages(void *field)
{
	struct error_page_list *l = field;

	for (size_t i = 0; i < l->n; i++)
		mem_free(l->v[i].path);
	mem_free(l->v);
	memset(l, 0, sizeof(*l));
}
