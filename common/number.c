/*
 * Numbers as text, both ways.  Pure; used by every process.
 *
 * strtoull() is not for the network: it skips blanks, takes signs and "0x",
 * and a length that two parsers read differently is a smuggled request.
 */
#include "common/check.h"
#include "common/number.h"

/* 0 to 15, or 16 for what is no digit in any base */
static unsigned
digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	c = ascii_lower(c);
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a') + 10;
	return 16;
}

static bool
parse_in_base(struct slice s, unsigned base, uint64_t *value)
{
	uint64_t v = 0;

	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned d = digit_of(s.p[i]);

		if (d >= base || v > (UINT64_MAX - d) / base)
			return false;
		v = v * base + d;
	}
	*value = v;
	return true;
}

bool
number_parse(struct slice s, uint64_t *value)
{
	return parse_in_base(s, 10, value);
}

bool
number_parse_hex(struct slice s, uint64_t *value)
{
	return parse_in_base(s, 16, value);
}

struct unit {
	struct slice name;
	uint64_t factor;
};

#define UNIT(literal, n)                                                       \
	{                                                                      \
		{ (literal), sizeof(literal) - 1 }, (n)                        \
	}

static const struct unit durations[] = {
	UNIT("ms", 1),
	UNIT("s", 1000),
	UNIT("m", 60 * 1000),
	UNIT("h", 60 * 60 * 1000),
	UNIT("d", 24 * 60 * 60 * 1000),
	UNIT("y", UINT64_C(365) * 24 * 60 * 60 * 1000),
};

static const struct unit sizes[] = {
	UNIT("", 1),
	UNIT("k", 1024),
	UNIT("m", 1024 * 1024),
	UNIT("g", 1024 * 1024 * 1024),
};

static bool
parse_with_unit(
    struct slice s, const struct unit *units, size_t n_units, uint64_t *value)
{
	size_t digits = 0;
	uint64_t v;

	while (digits < s.len && digit_of(s.p[digits]) < 10)
		digits++;
	if (!number_parse(slice_first(s, digits), &v))
		return false;
	for (size_t i = 0; i < n_units; i++) {
		if (!slice_eq(slice_from(s, digits), units[i].name))
			continue;
		if (v > UINT64_MAX / units[i].factor)
			return false;
		*value = v * units[i].factor;
		return true;
	}
	return false;
}

bool
number_parse_duration(struct slice s, uint64_t *value_ms)
{
	if (slice_eq(s, SLICE("0"))) {
		*value_ms = 0;
		return true;
	}
	return parse_with_unit(s, durations, ARRAY_LEN(durations), value_ms);
}

bool
number_parse_size(struct slice s, uint64_t *value_bytes)
{
	return parse_with_unit(s, sizes, ARRAY_LEN(sizes), value_bytes);
}

size_t
number_format(char *out, uint64_t value)
{
	size_t n = 1;

	for (uint64_t rest = value / 10; rest > 0; rest /= 10)
		n++;
	for (size_t i = n; i-- > 0; value /= 10)
		out[i] = (char)('0' + value % 10);
	return n;
}

void
number_format_hex(char *out, const void *in, size_t len_bytes)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char *b = in;

	for (size_t i = 0; i < len_bytes; i++) {
		*out++ = hex[b[i] >> 4];
		*out++ = hex[b[i] & 15];
	}
}

size_t
number_base64_len(size_t in_bytes)
{
	return (in_bytes + 2) / 3 * 4;
}

size_t
number_format_base64(char *out, const void *in, size_t len_bytes)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *b = in;
	char *start = out;

	for (size_t i = 0; i < len_bytes; i += 3) {
		size_t n = len_bytes - i < 3 ? len_bytes - i : 3;
		unsigned v = (unsigned)b[i] << 16;

		v |= n > 1 ? (unsigned)b[i + 1] << 8 : 0;
		v |= n > 2 ? (unsigned)b[i + 2] : 0;
		*out++ = digits[v >> 18];
		*out++ = digits[v >> 12 & 63];
		*out++ = n > 1 ? digits[v >> 6 & 63] : '=';
		*out++ = n > 2 ? digits[v & 63] : '=';
	}
	return (size_t)(out - start);
}
