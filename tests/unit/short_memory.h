/*
 * Memory that is short where a test likes.  The Makefile has the linker put
 * these in the place of mem.c's, for all callers but mem.c itself.
 */
#ifndef TESTS_UNIT_SHORT_MEMORY_H
#define TESTS_UNIT_SHORT_MEMORY_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/* So many more allocations succeed, the one after them fails. */
static unsigned until_short = UINT_MAX; /* UINT_MAX: none fails */

void *__real_mem_try(size_t len_bytes);
void *__wrap_mem_try(size_t len_bytes);
void *__real_mem_try_unzeroed(size_t len_bytes);
void *__wrap_mem_try_unzeroed(size_t len_bytes);

static bool
memory_is_short(void)
{
	return until_short != UINT_MAX && until_short-- == 0;
}

void *
__wrap_mem_try(size_t len_bytes)
{
	return memory_is_short() ? NULL : __real_mem_try(len_bytes);
}

void *
__wrap_mem_try_unzeroed(size_t len_bytes)
{
	return memory_is_short() ? NULL : __real_mem_try_unzeroed(len_bytes);
}

#endif
