/*
 * The only way to allocate.  Memory comes zeroed.
 *
 * mem_need() is for start-up: out of memory ends the process with a message.
 * mem_try() is for a running child: NULL, and the caller refuses the one
 * connection.  Everything is released with mem_free(), which takes NULL.
 */
#ifndef COMMON_MEM_H
#define COMMON_MEM_H

#include <stdbool.h>
#include <stddef.h>

void *mem_need(size_t len_bytes);
void *mem_try(size_t len_bytes);
/* The exception: for bytes that are written before they are read. */
void *mem_try_unzeroed(size_t len_bytes);
char *mem_need_strdup(const char *s);
char *mem_need_strndup(const char *s, size_t len_bytes);
/* Grows an array at start-up; the new tail is zeroed. */
void *mem_need_grow(void *old, size_t old_bytes, size_t new_bytes);
void mem_free(void *p);
/* Overwrites len_bytes in a way the compiler keeps. */
void mem_wipe(void *p, size_t len_bytes);

/* What a start has left free goes back to the kernel. */
void mem_trim(void);

/*
 * A crowd of connections that comes and goes.  What they had lies between
 * pieces that are still in use, so malloc keeps it: somebody has to say when
 * it is worth looking for whole pages.
 */
struct mem_crowd {
	unsigned peak; /* since memory was last given back */
};

#define MEM_CROWD_MIN 256 /* of less nobody has to be told */

/* n are there now.  True: of the most there were, three quarters have gone. */
bool mem_crowd_has_gone(struct mem_crowd *c, unsigned n);
/* To the kernel, and the count begins anew with the n that are there. */
void mem_give_back(struct mem_crowd *c, unsigned n);

#endif
