/*
 * SipHash-2-4, from the paper's section 2.  Pure.  For tokens that a stranger
 * sees and must not be able to make or to guess from.
 */
#include "common/siphash.h"

struct state {
	uint64_t v[4];
};

static uint64_t
rotate(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

static void
round_once(struct state *s)
{
	uint64_t *v = s->v;

	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

/* Little-endian, as many bytes as there are of the next eight. */
static uint64_t
word_at(struct slice in, size_t at)
{
	uint64_t w = 0;

	for (size_t i = 0; i < 8 && at + i < in.len; i++)
		w |= (uint64_t)(unsigned char)in.p[at + i] << (8 * i);
	return w;
}

static void
take_word(struct state *s, uint64_t w)
{
	s->v[3] ^= w;
	round_once(s);
	round_once(s);
	s->v[0] ^= w;
}

uint64_t
siphash(const struct siphash_key *key, struct slice in)
{
	struct state s = { { key->k[0] ^ UINT64_C(0x736f6d6570736575),
	    key->k[1] ^ UINT64_C(0x646f72616e646f6d),
	    key->k[0] ^ UINT64_C(0x6c7967656e657261),
	    key->k[1] ^ UINT64_C(0x7465646279746573) } };
	size_t whole = in.len / 8 * 8;

	for (size_t at = 0; at < whole; at += 8)
		take_word(&s, word_at(in, at));
	take_word(&s, word_at(in, whole) | (uint64_t)(in.len & 255) << 56);
	s.v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		round_once(&s);
	return s.v[0] ^ s.v[1] ^ s.v[2] ^ s.v[3];
}

struct siphash_key
siphash_key_of(struct slice text)
{
	const struct siphash_key first = { { 0, 1 } }, second = { { 0, 2 } };

	return (struct siphash_key){ { siphash(&first, text),
	    siphash(&second, text) } };
}
