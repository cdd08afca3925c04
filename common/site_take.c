/*
 * From lines to lists: the take() and release() of [http] and [pool] keys.
 * Runs at start-up and on reload.
 */
#include "common/site_take.h"

#include <string.h>

#include "common/check.h"
#include "common/mem.h"
#include "common/number.h"
#include "common/site_conf.h"
#include "common/site_rule_value.h"
#include "common/site_value.h"

/* each in the order of its enum */
const char *const site_cookie_secure_words[] = { "auto", "on", "off", NULL };
const char *const site_cookie_samesite_words[] = { "keep", "lax", "strict",
	"none", NULL };
const char *const site_sticky_words[] = { "auto", "none", "cookie", "app",
	NULL };

#define HSTS_MAX_MS ((uint64_t)10 * 366 * 24 * 3600 * 1000)

void
site_take_hsts(const struct schema_value *v)
{
	unsigned *seconds = v->field;
	uint64_t ms = 0;

	if (!number_parse_duration(slice_of(v->text), &ms) ||
	    ms > HSTS_MAX_MS || (ms > 0 && ms < 1000))
		schema_fault(v,
		    "\"%s\" is not allowed, write 0 or a time such as 180d or "
		    "1y",
		    v->text);
	else
		*seconds = (unsigned)(ms / 1000);
}

void
site_take_trust_from(const struct schema_value *v)
{
	struct cidr_list *l = v->field;
	struct cidr net;

	if (!cidr_parse(slice_of(v->text), &net)) {
		schema_fault(v,
		    "\"%s\" is not a network, write ADDRESS or ADDRESS/LENGTH "
		    "with no bits behind the length",
		    v->text);
		return;
	}
	l->v = mem_need_grow(
	    l->v, l->n * sizeof(*l->v), (l->n + 1) * sizeof(*l->v));
	l->v[l->n++] = net;
}

void
site_release_trust_from(void *field)
{
	struct cidr_list *l = field;

	mem_free(l->v);
	memset(l, 0, sizeof(*l));
}

static void
add_string(const struct schema_value *v)
{
	string_list_add(v->field, mem_need_strdup(v->text), v->entry->place);
}

void
site_take_header_pattern(const struct schema_value *v)
{
	const char *error = NULL;

	if (!site_rule_header_pattern(slice_of(v->text), &error))
		schema_fault(v, "\"%s\": %s", v->text, error);
	else
		add_string(v);
}

void
site_take_path(const struct schema_value *v)
{
	const char *error = NULL;

	if (!site_value_prefix(slice_of(v->text), &error))
		schema_fault(v, "\"%s\": %s", v->text, error);
	else
		add_string(v);
}

void
site_release_strings(void *field)
{
	string_list_release(field);
}

void
site_take_cookie_domain(const struct schema_value *v)
{
	struct cookie_domain_list *l = v->field;
	struct cookie_domain_conf d = { .at = v->entry->place };
	const char *error = NULL;

	if (!site_rule_cookie_domain(slice_of(v->text), &d, &error)) {
		schema_fault(v, "\"%s\": %s", v->text, error);
		return;
	}
	l->v = mem_need_grow(
	    l->v, l->n * sizeof(*l->v), (l->n + 1) * sizeof(*l->v));
	l->v[l->n++] = d;
}

void
site_release_cookie_domains(void *field)
{
	struct cookie_domain_list *l = field;

	for (size_t i = 0; i < l->n; i++) {
		mem_free(l->v[i].from);
		mem_free(l->v[i].to);
	}
	mem_free(l->v);
	memset(l, 0, sizeof(*l));
}

static void
take_rule(const struct schema_value *v, bool may_redirect)
{
	struct rule_list *l = v->field;
	struct rule_conf rule = { .at = v->entry->place };
	const char *error = NULL;

	if (!site_rule_value(slice_of(v->text), may_redirect, &rule, &error)) {
		schema_fault(v, "\"%s\": %s", v->text, error);
		return;
	}
	l->v = mem_need_grow(
	    l->v, l->n * sizeof(*l->v), (l->n + 1) * sizeof(*l->v));
	l->v[l->n++] = rule;
}

void
site_take_redirect(const struct schema_value *v)
{
	take_rule(v, true);
}

void
site_take_rewrite(const struct schema_value *v)
{
	take_rule(v, false);
}

/* What rproxy compiled is rproxy's to free, before this. */
void
site_release_rules(void *field)
{
	struct rule_list *l = field;

	for (size_t i = 0; i < l->n; i++) {
		CHECK(l->v[i].pattern == NULL);
		mem_free(l->v[i].from);
		mem_free(l->v[i].to);
	}
	mem_free(l->v);
	memset(l, 0, sizeof(*l));
}

/* A switch that has a third position. */
void
site_take_require_tls(const struct schema_value *v)
{
	static const struct {
		const char *word;
		enum require_tls value;
	} words[] = {
		{ "no", REQUIRE_TLS_NO },
		{ "off", REQUIRE_TLS_NO },
		{ "false", REQUIRE_TLS_NO },
		{ "yes", REQUIRE_TLS_YES },
		{ "on", REQUIRE_TLS_YES },
		{ "true", REQUIRE_TLS_YES },
		{ "redirect", REQUIRE_TLS_REDIRECT },
	};
	enum require_tls *field = v->field;

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcmp(v->text, words[i].word) == 0) {
			*field = words[i].value;
			return;
		}
	}
	schema_fault(
	    v, "\"%s\" is not allowed, write yes, no or redirect", v->text);
}

void
site_take_cookie_name(const struct schema_value *v)
{
	char **field = v->field;

	if (!site_value_is_token(slice_of(v->text))) {
		schema_fault(v, "\"%s\": not the name of a cookie", v->text);
		return;
	}
	mem_free(*field);
	*field = mem_need_strdup(v->text);
}

/* One certificate has one name: no pattern, and no port. */
void
site_take_tls_name(const struct schema_value *v)
{
	const char *error = NULL;
	char **field = v->field;

	if (v->text[0] == '*') {
		schema_fault(v,
		    "\"%s\": name one host, a certificate for a pattern "
		    "matches it",
		    v->text);
		return;
	}
	if (!site_value_name(slice_of(v->text), &error)) {
		schema_fault(v, "\"%s\": %s", v->text, error);
		return;
	}
	mem_free(*field);
	*field = mem_need_strdup(v->text);
	for (char *p = *field; *p != '\0'; p++)
		*p = ascii_lower(*p);
}

void
site_take_health(const struct schema_value *v)
{
	const char *error = NULL;
	char **field = v->field;

	if (strcmp(v->text, "app") != 0 &&
	    !site_value_url_path(slice_of(v->text), &error)) {
		schema_fault(v, "\"%s\": %s; or write app", v->text, error);
		return;
	}
	mem_free(*field);
	*field = mem_need_strdup(v->text);
}

void
site_release_text(void *field)
{
	mem_free(*(char **)field);
	*(char **)field = NULL;
}
