/*
 * Error pages out of files.  Runs at start-up.
 *
 * A page is sent when something is wrong, maybe when descriptors or servers
 * have run out: so it is in memory, and a worker has no need to open a file.
 */
#include "rproxy/config_pages.h"

static void
read_page(struct error_page_conf *page, struct bundle *b, struct conf_faults *f)
{
	const char *error = NULL;

	if (!bundle_read(b, page->path, &page->contents, &error))
		conf_error(
		    f, page->at, "http.error_page: %s: %s", page->path, error);
	else if (page->contents.len > CONFIG_PAGE_MAX)
		conf_error(f, page->at,
		    "http.error_page: %s has %zu bytes, %u are allowed",
		    page->path, page->contents.len, CONFIG_PAGE_MAX);
}

void
config_pages_read(
    struct site_list *sites, struct bundle *b, struct conf_faults *f)
{
	for (size_t i = 0; i < sites->n; i++) {
		struct error_page_list *l = &sites->v[i]->http.error_page;

		for (size_t k = 0; k < l->n; k++)
			read_page(&l->v[k], b, f);
	}
}
