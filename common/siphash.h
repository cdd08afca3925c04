/*
 * SipHash-2-4: a short keyed hash (Aumasson, Bernstein 2012).  Pure.
 */
#ifndef COMMON_SIPHASH_H
#define COMMON_SIPHASH_H

#include <stdint.h>

#include "common/slice.h"

struct siphash_key {
	uint64_t k[2];
};

uint64_t siphash(const struct siphash_key *key, struct slice in);
/* A key out of any text. */
struct siphash_key siphash_key_of(struct slice text);

#endif
