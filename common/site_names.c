/*
 * Host names of all sites in one hash table.  Runs in the workers of both
 * daemons.  A wildcard "*.example.com" is stored as ".example.com", so that a
 * name tries its own suffixes from the longest to the shortest.
 */
#include "common/site_names.h"

#include <string.h>
/* the default (Jenkins) falls through cases without saying so */
#define HASH_FUNCTION(key, len, hash) HASH_FNV(key, len, hash)
#include <uthash.h>

#include "common/mem.h"

#define NAME_MAX_BYTES 255 /* RFC 1035 section 2.3.4 */

struct site_name {
	const char *key; /* borrowed from the site */
	const struct site_conf *site;
	UT_hash_handle hh;
};

struct site_names {
	struct site_name *by_name; /* owned, uthash head */
	const struct site_conf *fallback;
	bool has_wildcards;
};

static void
add_name(struct site_names *s, const char *name, const struct site_conf *site)
{
	struct site_name *n = mem_need(sizeof(*n));

	if (name[0] == '*') {
		name++;
		s->has_wildcards = true;
	}
	n->key = name;
	n->site = site;
	HASH_ADD_KEYPTR(hh, s->by_name, n->key, strlen(n->key), n);
}

struct site_names *
site_names_new(const struct site_list *sites)
{
	struct site_names *s = mem_need(sizeof(*s));

	for (size_t i = 0; i < sites->n; i++) {
		const struct site_conf *site = sites->v[i];

		if (site->is_default)
			s->fallback = site;
		for (size_t j = 0; j < site->names.n; j++)
			add_name(s, site->names.v[j], site);
	}
	return s;
}

void
site_names_free(struct site_names *s)
{
	struct site_name *n;
	struct site_name *next;

	if (s == NULL)
		return;
	HASH_ITER(hh, s->by_name, n, next)
	{
		HASH_DEL(s->by_name, n);
		mem_free(n);
	}
	mem_free(s);
}

static const struct site_conf *
look_up(const struct site_names *s, const char *name, size_t len)
{
	struct site_name *n;

	HASH_FIND(hh, s->by_name, name, len, n);
	return n == NULL ? NULL : n->site;
}

static const struct site_conf *
look_up_suffixes(const struct site_names *s, const char *name, size_t len)
{
	for (size_t i = 1; i < len; i++) {
		const struct site_conf *site;

		if (name[i] != '.')
			continue;
		site = look_up(s, name + i, len - i);
		if (site != NULL)
			return site;
	}
	return NULL;
}

const struct site_conf *
site_names_find(const struct site_names *s, struct slice name)
{
	char lower[NAME_MAX_BYTES];
	const struct site_conf *site;

	if (name.len > 0 && name.p[name.len - 1] == '.')
		name.len--;
	if (name.len == 0 || name.len > sizeof(lower) || name.p[0] == '.')
		return s->fallback;
	for (size_t i = 0; i < name.len; i++)
		lower[i] = ascii_lower(name.p[i]);
	site = look_up(s, lower, name.len);
	if (site == NULL && s->has_wildcards)
		site = look_up_suffixes(s, lower, name.len);
	return site != NULL ? site : s->fallback;
}
