/*
 * The site files: which they are, and each as a struct site_conf.  Runs at
 * start-up and on reload: in the master, where patterns are looked up on
 * disk and the files go into the bundle; then in each child, where the same
 * patterns are held against the paths in the bundle.  Both find the same
 * files in the same order, since the order is that of the bytes of the paths
 * and not of the locale.
 */
#include "common/site_conf.h"

#include <fnmatch.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/schema.h"
#include "common/site_check.h"
#include "common/site_schema.h"
#include "common/site_value.h"

/* Our name in Via when none is given: the host's, if HTTP can carry it. */
static char *
default_via_name(void)
{
	char host[HOST_NAME_MAX + 1] = "";

	if (gethostname(host, sizeof(host) - 1) == 0 &&
	    site_value_is_token(slice_of(host)))
		return mem_need_strdup(host);
	return mem_need_strdup("gateway");
}

/* "*.example.com" is no host, so the name above it stands for it. */
static char *
host_of(const char *name)
{
	size_t room_bytes = strlen(name) + sizeof("[]");
	char *host = mem_need(room_bytes);
	bool is_ipv6 = strchr(name, ':') != NULL;

	(void)snprintf(host, room_bytes, "%s%s%s", is_ipv6 ? "[" : "",
	    strncmp(name, "*.", 2) == 0 ? name + 2 : name, is_ipv6 ? "]" : "");
	return host;
}

static struct site_conf *
site_read(struct bundle *b, const char *path, struct conf_faults *f)
{
	struct site_conf *site = mem_need(sizeof(*site));

	site->file = mem_need_strdup(path);
	site->source = conf_read(b, path, f);
	schema_apply(&site_schema, site->source, site, f);
	site->name = mem_need_strdup(site->names.n > 0 ? site->names.v[0] : "");
	site->host = host_of(site->name);
	if (site->http.via_name == NULL)
		site->http.via_name = default_via_name();
	site_check_one(site, f);
	return site;
}

static void
site_free(struct site_conf *site)
{
	schema_release(&site_schema, site);
	conf_file_free(site->source);
	mem_free(site->access_points);
	mem_free(site->file);
	mem_free(site->name);
	mem_free(site->host);
	mem_free(site);
}

static bool
is_pattern(const char *text)
{
	return strpbrk(text, "*?[") != NULL;
}

static int
compare_paths(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
match_disk(struct string_list *out, const char *pattern, struct conf_place at)
{
	glob_t found;

	if (glob(pattern, GLOB_NOSORT, NULL, &found) != 0)
		return;
	for (size_t i = 0; i < found.gl_pathc; i++)
		string_list_add(out, mem_need_strdup(found.gl_pathv[i]), at);
	globfree(&found);
}

static void
match_bundle(struct string_list *out, const struct bundle *b,
    const char *pattern, struct conf_place at)
{
	for (size_t i = 0; i < bundle_count(b); i++) {
		const char *path = bundle_path(b, i);

		if (fnmatch(pattern, path, FNM_PATHNAME | FNM_PERIOD) == 0)
			string_list_add(out, mem_need_strdup(path), at);
	}
}

/* The files that one line of "sites" names, in order. */
static void
match(struct string_list *out, const struct bundle *b, const char *pattern,
    struct conf_place at)
{
	if (!is_pattern(pattern)) {
		string_list_add(out, mem_need_strdup(pattern), at);
		return;
	}
	if (bundle_is_fixed(b))
		match_bundle(out, b, pattern, at);
	else
		match_disk(out, pattern, at);
	if (out->n > 0)
		qsort(out->v, out->n, sizeof(*out->v), compare_paths);
}

/* Among the first n. */
static bool
has_file(const struct site_list *l, size_t n, const char *path)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(l->v[i]->file, path) == 0)
			return true;
	return false;
}

static void
add_site(struct site_list *out, struct bundle *b, const char *path,
    struct conf_place at, struct conf_faults *f)
{
	struct slice ignored;
	const char *error = NULL;

	if (!bundle_read(b, path, &ignored, &error)) {
		conf_error(f, at, "sites: %s cannot be read: %s", path, error);
		return;
	}
	out->v = mem_need_grow(out->v, out->n * sizeof(struct site_conf *),
	    (out->n + 1) * sizeof(struct site_conf *));
	out->v[out->n++] = site_read(b, path, f);
}

void
site_list_read(struct site_list *out, struct bundle *b,
    const struct string_list *patterns, struct conf_faults *f)
{
	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < patterns->n; i++) {
		struct string_list files = { 0 };
		struct conf_place at = patterns->at[i];
		size_t n_before = out->n; /* no pattern names a file twice */

		match(&files, b, patterns->v[i], at);
		if (files.n == 0)
			conf_error(
			    f, at, "sites: no file matches %s", patterns->v[i]);
		for (size_t j = 0; j < files.n; j++)
			if (!has_file(out, n_before, files.v[j]))
				add_site(out, b, files.v[j], at, f);
		string_list_release(&files);
	}
	site_check_all(out, f);
}

void
site_list_forget_entries(struct site_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		conf_file_forget_entries(l->v[i]->source);
}

void
site_list_free(struct site_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		site_free(l->v[i]);
	mem_free(l->v);
	memset(l, 0, sizeof(*l));
}
