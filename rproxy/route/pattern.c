/*
 * Regular expressions; the only file that knows PCRE2.  Pure.  Compiled at
 * start-up, used in rproxy's worker.
 *
 * An expression comes from the operator, its subject from a stranger: "(a+)+$"
 * would let one request keep a worker busy for minutes.  The interpreter
 * counts its steps, its depth and its memory, and gives up at limits that a
 * sane expression never sees.  Not compiled to machine code (JIT): that wants
 * memory that is writable and executable, which a worker has no business with.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "rproxy/route/pattern.h"

#include <pcre2.h>
#include <stdio.h>

#include "common/mem.h"

#define MATCH_STEPS 100000 /* some milliseconds */
#define MATCH_DEPTH 1000
#define MATCH_HEAP_KIB 1024

struct pattern {
	pcre2_code *code;           /* owned, as is what follows */
	pcre2_match_data *data;     /* one match at a time */
	pcre2_match_context *limit; /* its bounds */
	unsigned n_groups;
};

static bool
set_up(struct pattern *p)
{
	uint32_t n = 0;

	p->data = pcre2_match_data_create(PATTERN_GROUPS, NULL);
	p->limit = pcre2_match_context_create(NULL);
	if (p->data == NULL || p->limit == NULL)
		return false;
	(void)pcre2_set_match_limit(p->limit, MATCH_STEPS);
	(void)pcre2_set_depth_limit(p->limit, MATCH_DEPTH);
	(void)pcre2_set_heap_limit(p->limit, MATCH_HEAP_KIB);
	(void)pcre2_pattern_info(p->code, PCRE2_INFO_CAPTURECOUNT, &n);
	p->n_groups = n;
	return true;
}

struct pattern *
pattern_new(const char *text, char *error, size_t room_bytes)
{
	struct pattern *p = mem_need(sizeof(*p));
	char why[128] = "";
	PCRE2_SIZE at = 0;
	int code = 0;

	p->code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED,
	    PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_UTF | PCRE2_NEVER_BACKSLASH_C,
	    &code, &at, NULL);
	if (p->code != NULL && set_up(p))
		return p;
	if (p->code == NULL)
		(void)pcre2_get_error_message(
		    code, (PCRE2_UCHAR *)why, sizeof(why));
	(void)snprintf(error, room_bytes, "%s, at character %zu",
	    p->code == NULL ? why : "memory is short", (size_t)at + 1);
	pattern_free(p);
	return NULL;
}

void
pattern_free(struct pattern *p)
{
	if (p == NULL)
		return;
	pcre2_match_context_free(p->limit);
	pcre2_match_data_free(p->data);
	pcre2_code_free(p->code);
	mem_free(p);
}

unsigned
pattern_n_groups(const struct pattern *p)
{
	return p->n_groups;
}

enum pattern_verdict
pattern_match(const struct pattern *p, struct slice subject,
    struct slice groups[PATTERN_GROUPS])
{
	const PCRE2_SIZE *at;
	int n = pcre2_match(p->code, (PCRE2_SPTR)subject.p, subject.len, 0, 0,
	    p->data, p->limit);

	if (n == PCRE2_ERROR_NOMATCH)
		return PATTERN_NO;
	if (n < 0)
		return PATTERN_LIMIT;
	if (n == 0) /* more groups than have room: all that have are set */
		n = PATTERN_GROUPS;
	at = pcre2_get_ovector_pointer(p->data);
	for (int i = 0; i < PATTERN_GROUPS; i++) {
		groups[i] = SLICE_NONE;
		if (i < n && at[2 * i] != PCRE2_UNSET &&
		    at[2 * i] <= at[2 * i + 1])
			groups[i] = slice_first(slice_from(subject, at[2 * i]),
			    at[2 * i + 1] - at[2 * i]);
	}
	return PATTERN_YES;
}
