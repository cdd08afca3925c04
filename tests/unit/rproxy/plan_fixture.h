/*
 * A site file and a request as text, judged as a worker judges them.
 */
#ifndef TESTS_PLAN_FIXTURE_H
#define TESTS_PLAN_FIXTURE_H

#include "rproxy/config.h"
#include "rproxy/http/h1_read.h"
#include "rproxy/request_rules.h"
#include "tests/unit/ini_files.h"

struct planned {
	struct ini_files t;
	struct rproxy_config *config;
	struct site_names *names;
	struct request_head head;
	struct request_plan plan;
	struct arena arena;
};

/* listen: more lines of rproxy.ini; the daemon itself has port 8080. */
static inline void
planned_site(struct planned *p, const char *site)
{
	static const char ini[] =
	    "[rproxy]\nsites = a.site\n"
	    "[listen x]\naddress = 127.0.0.1:8080\naddress = [::1]:8080\n"
	    "[listen y]\naddress = ./t.sock\nfrom = root\n";

	memset(p, 0, sizeof(*p));
	ini_files_make(&p->t);
	(void)ini_files_write(&p->t, "a.site", site);
	p->config =
	    rproxy_config_read(ini_files_write(&p->t, "rproxy.ini", ini),
		p->t.bundle, p->t.faults);
	if (conf_n_errors(p->t.faults) > 0)
		fail_msg("%s", conf_fault_text(p->t.faults, 0));
	p->names = site_names_new(&p->config->sites);
	arena_init(&p->arena, 65536);
}

/* request: everything up to the empty line; who outlives the plan. */
static inline void
planned_request(
    struct planned *p, const char *request, const struct client_facts *who)
{
	static const struct h1_limits limits = {
		.max_line_bytes = 4000,
		.max_field_bytes = 4000,
		.max_headers_bytes = 8000,
		.max_headers = 50,
	};
	struct h1_scan scan = { 0 };
	enum reason why;
	size_t used;

	fields_fini(&p->head.fields);
	memset(&p->head, 0, sizeof(p->head));
	arena_reset(&p->arena);
	if (h1_read_request(&scan, slice_of(request), &limits, &p->head, &used,
		&why) != H1_DONE)
		fail_msg("not a head: %s", request);
	request_rules_plan(&p->head, who, p->names, &p->arena, &p->plan);
}

static inline void
planned_fini(struct planned *p)
{
	fields_fini(&p->head.fields);
	arena_fini(&p->arena);
	site_names_free(p->names);
	rproxy_config_free(p->config);
	ini_files_remove(&p->t);
}

#endif
