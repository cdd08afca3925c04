/*
 * Header fields.  Pure; used by rproxy's workers: one list per head, kept
 * with the connection, so that no message allocates once the list has grown
 * to what its peers send.
 *
 * Nothing is moved when a field is dropped: pointers that fields_first() and
 * fields_next() gave stay good until the next fields_add().
 */
#include <string.h>

#include "common/mem.h"
#include "rproxy/http/fields.h"

#define FIELDS_MIN 32

/*
 * Length and first letter tell the known names apart (Referer and Refresh
 * need one more), so that one comparison decides.
 */
#define KEY(len, letter) ((size_t)(len) << 8 | (unsigned char)(letter))

struct known {
	struct slice name;
	enum field_id id;
};

#define KNOWN(literal, field_id)                                               \
	((struct known){ { (literal), sizeof(literal) - 1 }, (field_id) })

/* What the name may be, and nothing else. */
static struct known
candidate(struct slice name)
{
	switch (KEY(name.len, ascii_lower(name.p[0]))) {
	case KEY(2, 't'):
		return KNOWN("te", FIELD_TE);
	case KEY(3, 'v'):
		return KNOWN("via", FIELD_VIA);
	case KEY(3, 'u'):
		return KNOWN("uri", FIELD_URI);
	case KEY(4, 'd'):
		return KNOWN("date", FIELD_DATE);
	case KEY(4, 'h'):
		return KNOWN("host", FIELD_HOST);
	case KEY(4, 'l'):
		return KNOWN("link", FIELD_LINK);
	case KEY(6, 'a'):
		return KNOWN("accept", FIELD_ACCEPT);
	case KEY(6, 'c'):
		return KNOWN("cookie", FIELD_COOKIE);
	case KEY(6, 'e'):
		return KNOWN("expect", FIELD_EXPECT);
	case KEY(6, 's'):
		return KNOWN("server", FIELD_SERVER);
	case KEY(7, 'r'):
		return ascii_lower(name.p[4]) == 'e'
			   ? KNOWN("refresh", FIELD_REFRESH)
			   : KNOWN("referer", FIELD_REFERER);
	case KEY(7, 't'):
		return KNOWN("trailer", FIELD_TRAILER);
	case KEY(7, 'u'):
		return KNOWN("upgrade", FIELD_UPGRADE);
	case KEY(8, 'l'):
		return KNOWN("location", FIELD_LOCATION);
	case KEY(9, 'f'):
		return KNOWN("forwarded", FIELD_FORWARDED);
	case KEY(10, 'c'):
		return KNOWN("connection", FIELD_CONNECTION);
	case KEY(10, 'k'):
		return KNOWN("keep-alive", FIELD_KEEP_ALIVE);
	case KEY(10, 's'):
		return KNOWN("set-cookie", FIELD_SET_COOKIE);
	case KEY(10, 'u'):
		return KNOWN("user-agent", FIELD_USER_AGENT);
	case KEY(11, 'd'):
		return KNOWN("destination", FIELD_DESTINATION);
	case KEY(12, 'm'):
		return KNOWN("max-forwards", FIELD_MAX_FORWARDS);
	case KEY(14, 'c'):
		return KNOWN("content-length", FIELD_CONTENT_LENGTH);
	case KEY(16, 'c'):
		return KNOWN("content-location", FIELD_CONTENT_LOCATION);
	case KEY(16, 'p'):
		return KNOWN("proxy-connection", FIELD_PROXY_CONNECTION);
	case KEY(17, 't'):
		return KNOWN("transfer-encoding", FIELD_TRANSFER_ENCODING);
	default:
		return KNOWN("", FIELD_OTHER);
	}
}

enum field_id
field_id_of(struct slice name)
{
	struct known k;

	if (name.len == 0)
		return FIELD_OTHER;
	k = candidate(name);
	return slice_eq_nocase(name, k.name) ? k.id : FIELD_OTHER;
}

static bool
grow(struct fields *f)
{
	unsigned cap = f->cap == 0 ? FIELDS_MIN : 2 * f->cap;
	struct field *v = mem_try(cap * sizeof(*v));

	if (v == NULL)
		return false;
	if (f->n > 0)
		memcpy(v, f->v, f->n * sizeof(*v));
	mem_free(f->v);
	f->v = v;
	f->cap = cap;
	return true;
}

bool
fields_add(struct fields *f, struct slice name, struct slice value)
{
	if (f->n == f->cap && !grow(f))
		return false;
	f->v[f->n++] = (struct field){
		.name = name,
		.value = value,
		.id = field_id_of(name),
	};
	return true;
}

static struct field *
first_from(const struct fields *f, unsigned i, enum field_id id)
{
	for (; i < f->n; i++)
		if (f->v[i].id == id && !f->v[i].drop)
			return &f->v[i];
	return NULL;
}

struct field *
fields_first(const struct fields *f, enum field_id id)
{
	return first_from(f, 0, id);
}

struct field *
fields_next(const struct fields *f, const struct field *after)
{
	return first_from(f, (unsigned)(after - f->v) + 1, after->id);
}

unsigned
fields_count(const struct fields *f, enum field_id id)
{
	unsigned n = 0;

	for (unsigned i = 0; i < f->n; i++)
		n += f->v[i].id == id && !f->v[i].drop;
	return n;
}

struct field *
fields_find(const struct fields *f, struct slice name)
{
	for (unsigned i = 0; i < f->n; i++)
		if (!f->v[i].drop && slice_eq_nocase(f->v[i].name, name))
			return &f->v[i];
	return NULL;
}

void
fields_drop(struct fields *f, enum field_id id)
{
	for (unsigned i = 0; i < f->n; i++)
		if (f->v[i].id == id)
			f->v[i].drop = true;
}

void
fields_drop_name(struct fields *f, struct slice name)
{
	for (unsigned i = 0; i < f->n; i++)
		if (slice_eq_nocase(f->v[i].name, name))
			f->v[i].drop = true;
}

void
fields_reset(struct fields *f)
{
	f->n = 0;
}

void
fields_fini(struct fields *f)
{
	mem_free(f->v);
	*f = (struct fields){ 0 };
}
