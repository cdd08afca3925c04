/*
 * Paths as a servlet container reads them.  Pure; used by rproxy's workers.
 * RFC 3986 sections 3.3 and 5.2.4, Servlet 6.0 section 3.5.
 *
 * The normalised path decides which route a request takes and is then
 * forgotten: the server gets the client's bytes.  So the one question here is
 * whether the server could read those bytes as another path than we did.
 * Whoever makes us ask it is refused: "/x/..;/admin" was a way past many a
 * gateway that took "..;" for a name.
 *
 * Segment by segment, where a path is not plain: decode, take the parameters
 * off, then let "." and ".." do their work on what has been written so far.
 */
#include "rproxy/http/path.h"

struct writer {
	char *out; /* in the arena, as long as the path */
	size_t n;  /* "/a/b": segments with the slash in front of each */
	bool keep_slash;
	bool ends_in_slash;
	bool after_empty; /* the segment before this one was empty */
	bool after_semicolon;
};

struct segment {
	struct slice name; /* decoded, without parameters */
	bool has_params;
	bool has_encoded_dot;
	bool has_encoded_slash;
};

static int
hex_digit(char c)
{
	c = ascii_lower(c);
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* The byte behind "%", or -1. */
static int
decode_escape(struct slice s, size_t at)
{
	int high, low;

	if (s.len - at < 3)
		return -1;
	high = hex_digit(s.p[at + 1]);
	low = hex_digit(s.p[at + 2]);
	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

static bool
is_dots(struct slice s)
{
	return slice_eq(s, SLICE(".")) || slice_eq(s, SLICE(".."));
}

/* "..;x" where the ';' was written "%3B": some decode before they cut. */
static bool
is_dots_with_params(struct slice s)
{
	size_t n = slice_find(s, ';');

	return n < s.len && is_dots(slice_first(s, n));
}

/* For a server that takes an encoded slash for a separator. */
static bool
hides_dots(struct slice s)
{
	while (s.len > 0) {
		size_t slash = slice_find_slice(s, SLICE("%2F"));
		size_t back = slice_find_slice(s, SLICE("%5C"));
		size_t n = slash < back ? slash : back;
		struct slice part = slice_first(s, n);

		if (is_dots(part) || is_dots_with_params(part))
			return true;
		s = slice_from(s, n + 3);
	}
	return false;
}

/*
 * UTF-8 that says with two to four bytes what one byte or fewer could have
 * said: "%C0%AE" was a dot to old decoders.
 */
static bool
has_overlong(struct slice s)
{
	for (size_t i = 0; i + 1 < s.len; i++) {
		unsigned char a = (unsigned char)s.p[i];
		unsigned char b = (unsigned char)s.p[i + 1];

		if ((a & 0xfe) == 0xc0 && (b & 0xc0) == 0x80)
			return true;
		if (a == 0xe0 && (b & 0xe0) == 0x80)
			return true;
		if (a == 0xf0 && (b & 0xf0) == 0x80)
			return true;
	}
	return false;
}

static bool
is_ambiguous(const struct segment *g)
{
	if (is_dots(g->name) && (g->has_params || g->has_encoded_dot))
		return true;
	if (is_dots_with_params(g->name) || has_overlong(g->name))
		return true;
	return g->has_encoded_slash && hides_dots(g->name);
}

/* Writes what one character of a segment stands for; *n bytes at out. */
static enum reason
put_char(struct writer *w, struct segment *g, char *out, size_t *n, int c,
    bool encoded)
{
	if (c < 0)
		return REASON_BAD_TARGET;
	if (c < 0x20 || c == 0x7f || (c == '\\' && !encoded))
		return REASON_AMBIGUOUS_PATH;
	if (encoded && (c == '/' || c == '\\')) {
		if (!w->keep_slash)
			return REASON_AMBIGUOUS_PATH;
		g->has_encoded_slash = true;
		out[(*n)++] = '%';
		out[(*n)++] = c == '/' ? '2' : '5';
		out[(*n)++] = c == '/' ? 'F' : 'C';
		return REASON_OK;
	}
	if (encoded && c == '.')
		g->has_encoded_dot = true;
	out[(*n)++] = (char)c;
	return REASON_OK;
}

/* Behind what is written, leaving room for the slash. */
static enum reason
read_segment(struct writer *w, struct slice s, struct segment *g)
{
	char *out = w->out + w->n + 1;
	size_t n = 0, name_len = 0;

	*g = (struct segment){ 0 };
	for (size_t i = 0; i < s.len; i++) {
		bool encoded = s.p[i] == '%';
		int c = encoded ? decode_escape(s, i) : s.p[i];
		enum reason why = put_char(w, g, out, &n, c, encoded);

		if (why != REASON_OK)
			return why;
		if (encoded)
			i += 2;
		if (c == ';' && !encoded)
			g->has_params = true;
		if (c == ';')
			w->after_semicolon = true;
		if (!g->has_params)
			name_len = n;
	}
	g->name = (struct slice){ out, name_len };
	return is_ambiguous(g) ? REASON_AMBIGUOUS_PATH : REASON_OK;
}

/*
 * ".." behind an empty segment takes that one away to some ("/a//../b" is
 * "/a/b" by RFC 3986) and the one before it to those who fold slashes.  Behind
 * a ';' it is part of the parameters to those for whom these reach up to the
 * end of the path: "/nwa;x/../irj" is "/nwa" to them.
 */
static enum reason
climb(struct writer *w)
{
	if (w->n == 0 || w->after_empty || w->after_semicolon)
		return REASON_AMBIGUOUS_PATH;
	do
		w->n--;
	while (w->out[w->n] != '/');
	return REASON_OK;
}

static enum reason
add_segment(struct writer *w, struct slice s)
{
	struct segment g;
	enum reason why = read_segment(w, s, &g);

	if (why != REASON_OK)
		return why;
	w->ends_in_slash = g.name.len == 0 || is_dots(g.name);
	if (slice_eq(g.name, SLICE("..")))
		return climb(w);
	w->after_empty = g.name.len == 0;
	if (w->ends_in_slash)
		return REASON_OK;
	w->out[w->n] = '/';
	w->n += 1 + g.name.len;
	return REASON_OK;
}

/*
 * Most paths have nothing that anybody could read in two ways: no escape, no
 * parameter, no segment that is empty or begins with a dot, visible ASCII.
 */
static bool
is_plain(struct slice path)
{
	char before = '\0';

	for (size_t i = 0; i < path.len; i++) {
		char c = path.p[i];

		if (c <= ' ' || c > '~' || c == '%' || c == ';' || c == '\\')
			return false;
		if (before == '/' && (c == '/' || c == '.'))
			return false;
		before = c;
	}
	return true;
}

enum reason
path_normalise(
    struct slice path, bool encoded_slash, struct arena *a, struct slice *out)
{
	struct writer w = { .keep_slash = encoded_slash };
	struct slice segment;

	if (path.len == 0 || path.p[0] != '/')
		return REASON_BAD_TARGET;
	if (is_plain(path)) {
		*out = path;
		return REASON_OK;
	}
	w.out = arena_alloc(a, path.len);
	if (w.out == NULL)
		return REASON_NO_MEMORY;
	path = slice_from(path, 1);
	while (slice_split(&path, '/', &segment)) {
		enum reason why = add_segment(&w, segment);

		if (why != REASON_OK)
			return why;
	}
	if (w.ends_in_slash)
		w.out[w.n++] = '/';
	*out = (struct slice){ w.out, w.n };
	return REASON_OK;
}
