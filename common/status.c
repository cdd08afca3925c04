/*
 * What the master says about itself.  Pure; runs in the master.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "common/check.h"
#include "common/mem.h"
#include "common/status.h"

/*
 * No ceiling but that of the configuration: about 140 bytes for a child, and
 * less than 600 for a site or a server, which takes more than that already.
 */
#define STATUS_MAX SIZE_MAX

/* One answer as it grows. */
struct page {
	struct buf text;
	bool is_short; /* of memory: something is missing, nothing is said */
};

static void
put_slice(struct page *out, struct slice s)
{
	if (!buf_append(&out->text, s.p, s.len, STATUS_MAX))
		out->is_short = true;
}

static void __attribute__((format(printf, 2, 3)))
put(struct page *out, const char *fmt, ...)
{
	char text[256];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	CHECK(n >= 0 && (size_t)n < sizeof(text));
	put_slice(out, (struct slice){ text, (size_t)n });
}

/* Terminated, and the caller's; NULL: memory is short. */
static char *
take_text(struct page *out)
{
	size_t len_bytes = buf_len(&out->text);
	char *text = out->is_short ? NULL : mem_try(len_bytes + 1);

	if (text != NULL)
		memcpy(text, buf_slice(&out->text).p, len_bytes);
	buf_release(&out->text);
	return text;
}

/* RFC 8259 section 7; what is not ASCII is taken for Latin-1. */
static void
put_string(struct page *out, const char *s)
{
	put(out, "\"");
	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			put(out, "\\%c", c);
		else if (c >= 0x20 && c < 0x7f)
			put(out, "%c", c);
		else
			put(out, "\\u%04x", c);
	}
	put(out, "\"");
}

static void
put_process(struct page *out, const struct status *s,
    const struct generation *g, const struct process *p)
{
	uint64_t age_ms = p->pid > 0 ? s->now_ms - p->started_ms : 0;

	put(out,
	    "{\"generation\":%u,\"role\":\"%s\",\"index\":%u,\"pid\":%d,"
	    "\"state\":\"%s\",\"age_ms\":%" PRIu64 ",\"restarts\":%u}",
	    generation_number(g), p->role, p->index, p->pid,
	    process_state_name(p->state), age_ms, p->restarts);
}

static void
put_children(struct page *out, const struct status *s)
{
	bool first = true;

	put(out, "\"children\":[");
	for (unsigned n = 0; n < s->n_all; n++) {
		const struct generation *g = s->all[n];

		for (unsigned i = 0; i < generation_n_process(g); i++) {
			put(out, "%s", first ? "" : ",");
			put_process(out, s, g, generation_process(g, i));
			first = false;
		}
	}
	put(out, "]");
}

static void
put_json(struct page *out, const struct status *s)
{
	put(out, "{\"daemon\":\"%s\",\"version\":\"%s\",\"pid\":%d,", s->daemon,
	    s->version, s->pid);
	put(out, "\"generation\":%u,\"complete\":%s,",
	    s->active != NULL ? generation_number(s->active) : 0,
	    s->is_complete ? "true" : "false");
	put_children(out, s);
	put(out,
	    ",\"last_reload\":{\"result\":\"%s\",\"error\":", s->reload_result);
	put_string(out, s->reload_error);
	put(out, "}}\n");
}

/* metrics ----------------------------------------------------------------- */

static void
put_family(struct page *out, const struct status *s, const char *name,
    const char *kind, const char *help)
{
	put(out, "# HELP %s_%s %s\n# TYPE %s_%s %s\n", s->daemon, name, help,
	    s->daemon, name, kind);
}

/* A label's value: '"', '\\' and line ends are escaped. */
static void
put_label(struct page *out, const char *value)
{
	for (; *value != '\0'; value++) {
		if (*value == '"' || *value == '\\')
			put(out, "\\%c", *value);
		else if (*value == '\n')
			put(out, "\\n");
		else
			put(out, "%c", *value);
	}
}

static void
put_counts(struct page *out, const struct status *s)
{
	const struct master_counts *c = s->counts;

	put_family(out, s, "reloads_total", "counter", "Reloads by result.");
	put(out, "%s_reloads_total{result=\"ok\"} %" PRIu64 "\n", s->daemon,
	    c->reloads_ok);
	put(out, "%s_reloads_total{result=\"failed\"} %" PRIu64 "\n", s->daemon,
	    c->reloads_failed);
	put_family(out, s, "child_restarts_total", "counter",
	    "Children that ended unasked and were started again.");
	for (unsigned i = 0; i < PLAN_MAX_ROLES; i++)
		if (c->restarts[i].role != NULL)
			put(out,
			    "%s_child_restarts_total{role=\"%s\"} %" PRIu64
			    "\n",
			    s->daemon, c->restarts[i].role, c->restarts[i].n);
}

static void
put_expiry(struct page *out, const struct status *s, const struct plan *p,
    enum plan_expiry_kind kind)
{
	static const struct {
		const char *name;
		const char *help;
	} family[] = {
		[PLAN_CERTIFICATE] = { "certificate_expiry_seconds",
		    "When the site's certificate expires, in seconds since "
		    "1970." },
		[PLAN_CRL] = { "crl_expiry_seconds",
		    "When the site's first list of revoked certificates "
		    "expires, in seconds since 1970." },
	};
	bool has_begun = false;

	for (unsigned i = 0; i < p->n_expiry; i++) {
		if (p->expiry[i].kind != kind)
			continue;
		if (!has_begun)
			put_family(out, s, family[kind].name, "gauge",
			    family[kind].help);
		has_begun = true;
		put(out, "%s_%s{site=\"", s->daemon, family[kind].name);
		put_label(out, p->expiry[i].name);
		put(out, "\"} %" PRId64 "\n", p->expiry[i].at_s);
	}
}

static void
put_servers(struct page *out, const struct status *s, const struct plan *p)
{
	if (p->n_server == 0)
		return;
	put_family(out, s, "server_up", "gauge",
	    "Whether the server answers its probes.");
	for (unsigned i = 0; i < p->n_server; i++) {
		const struct plan_server *one = &p->server[i];

		put(out, "%s_server_up{site=\"", s->daemon);
		put_label(out, one->site);
		put(out, "\",pool=\"");
		put_label(out, one->pool);
		put(out, "\",server=\"");
		put_label(out, one->address);
		put(out, "\"} %d\n", state_page_is_up(s->state, one->key));
	}
}

/* What the children count, then what only the master knows. */
static void
put_metrics(struct page *out, const struct status *s)
{
	char *counted = metrics_text(s->metrics);

	if (counted == NULL) {
		out->is_short = true;
		return;
	}
	put_slice(out, slice_of(counted));
	mem_free(counted);
	put_counts(out, s);
	if (s->active != NULL) {
		put_family(out, s, "generation", "gauge",
		    "Number of the generation that serves.");
		put(out, "%s_generation %u\n", s->daemon,
		    generation_number(s->active));
		put_expiry(
		    out, s, generation_plan(s->active), PLAN_CERTIFICATE);
		put_expiry(out, s, generation_plan(s->active), PLAN_CRL);
		put_servers(out, s, generation_plan(s->active));
	}
}

void
status_answer(
    const struct status *s, struct slice path, struct admin_answer *out)
{
	struct page page = { .is_short = false };

	out->status = 200;
	out->type = "text/plain";
	if (slice_eq(path, SLICE("/metrics"))) {
		out->type = "text/plain; version=0.0.4";
		put_metrics(&page, s);
	} else if (slice_eq(path, SLICE("/status"))) {
		out->type = "application/json";
		put_json(&page, s);
	} else if (slice_eq(path, SLICE("/healthz"))) {
		out->status = s->is_complete ? 200 : 503;
		put(&page, "%s", s->is_complete ? "ok\n" : "not complete\n");
	} else {
		out->status = 404;
		put(&page, "/metrics /healthz /status\n");
	}
	out->body = take_text(&page);
}
