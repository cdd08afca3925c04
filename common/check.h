/*
 * Assertions that stay compiled in, and the two macros every file needs.
 *
 * CHECK(x) is for our own bugs only: never for what a peer, the machine or
 * the operator can bring about.
 */
#ifndef COMMON_CHECK_H
#define COMMON_CHECK_H

#include <stddef.h>

#define CHECK(x) ((x) ? (void)0 : check_failed(#x, __FILE__, __LINE__))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define container_of(ptr, type, member)                                        \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* Writes the failed expression to standard error and aborts. */
_Noreturn void check_failed(const char *expr, const char *file, int line);

#endif
