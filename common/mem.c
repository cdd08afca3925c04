/*
 * The allocator's wrapper.  Runs in every process.
 *
 * Two ways to ask, since running out of memory means two things: at start
 * there is nothing to save and the operator should hear of it; in a running
 * child one connection is refused and the others go on.
 */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/log.h"
#include "common/mem.h"

void *
mem_try(size_t len_bytes)
{
	return calloc(1, len_bytes > 0 ? len_bytes : 1);
}

void *
mem_try_unzeroed(size_t len_bytes)
{
	return malloc(len_bytes > 0 ? len_bytes : 1);
}

void *
mem_need(size_t len_bytes)
{
	void *p = mem_try(len_bytes);

	if (p == NULL)
		fatal("out of memory: %zu bytes wanted", len_bytes);
	return p;
}

char *
mem_need_strndup(const char *s, size_t len_bytes)
{
	char *p = mem_need(len_bytes + 1);

	if (len_bytes > 0)
		memcpy(p, s, len_bytes);
	return p;
}

char *
mem_need_strdup(const char *s)
{
	return mem_need_strndup(s, strlen(s));
}

void *
mem_need_grow(void *old, size_t old_bytes, size_t new_bytes)
{
	char *p;

	CHECK(new_bytes >= old_bytes);
	p = realloc(old, new_bytes > 0 ? new_bytes : 1);
	if (p == NULL)
		fatal("out of memory: %zu bytes wanted", new_bytes);
	memset(p + old_bytes, 0, new_bytes - old_bytes);
	return p;
}

void
mem_free(void *p)
{
	free(p);
}

void
mem_wipe(void *p, size_t len_bytes)
{
	if (len_bytes > 0)
		explicit_bzero(p, len_bytes);
}

void
mem_trim(void)
{
	(void)malloc_trim(0);
}

bool
mem_crowd_has_gone(struct mem_crowd *c, unsigned n)
{
	if (n > c->peak)
		c->peak = n;
	return c->peak >= MEM_CROWD_MIN && n <= c->peak / 4;
}

void
mem_give_back(struct mem_crowd *c, unsigned n)
{
	c->peak = n;
	mem_trim();
}
