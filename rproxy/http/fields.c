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

_Static_assert(FIELD_COUNT <= 32, "one bit for each id in struct fields");

#define NAME(literal)                                                          \
	{                                                                      \
		(literal), sizeof(literal) - 1                                 \
	}

/* As most senders spell them, which is the quickest to compare. */
/* clang-format off */
static const struct slice names[FIELD_COUNT] = {
	[FIELD_OTHER] = NAME(""),
	[FIELD_TE] = NAME("TE"),
	[FIELD_VIA] = NAME("Via"),
	[FIELD_URI] = NAME("URI"),
	[FIELD_DATE] = NAME("Date"),
	[FIELD_HOST] = NAME("Host"),
	[FIELD_LINK] = NAME("Link"),
	[FIELD_ACCEPT] = NAME("Accept"),
	[FIELD_COOKIE] = NAME("Cookie"),
	[FIELD_EXPECT] = NAME("Expect"),
	[FIELD_SERVER] = NAME("Server"),
	[FIELD_REFRESH] = NAME("Refresh"),
	[FIELD_REFERER] = NAME("Referer"),
	[FIELD_TRAILER] = NAME("Trailer"),
	[FIELD_UPGRADE] = NAME("Upgrade"),
	[FIELD_LOCATION] = NAME("Location"),
	[FIELD_FORWARDED] = NAME("Forwarded"),
	[FIELD_CONNECTION] = NAME("Connection"),
	[FIELD_KEEP_ALIVE] = NAME("Keep-Alive"),
	[FIELD_SET_COOKIE] = NAME("Set-Cookie"),
	[FIELD_USER_AGENT] = NAME("User-Agent"),
	[FIELD_DESTINATION] = NAME("Destination"),
	[FIELD_MAX_FORWARDS] = NAME("Max-Forwards"),
	[FIELD_CONTENT_LENGTH] = NAME("Content-Length"),
	[FIELD_CONTENT_LOCATION] = NAME("Content-Location"),
	[FIELD_PROXY_CONNECTION] = NAME("Proxy-Connection"),
	[FIELD_TRANSFER_ENCODING] = NAME("Transfer-Encoding"),
};
/* clang-format on */

/*
 * Length, first and last letter tell the known names apart, so that one
 * comparison decides.  The factors were searched for: no two names share a
 * slot, and the compiler warns of an entry that is given twice.
 */
#define SLOTS 64
#define SLOT(len, first, last)                                                 \
	(((len)*25 + (unsigned char)(first)*4 + (unsigned char)(last)) % SLOTS)

static const uint8_t by_slot[SLOTS] = {
	[SLOT(2, 't', 'e')] = FIELD_TE,
	[SLOT(3, 'v', 'a')] = FIELD_VIA,
	[SLOT(3, 'u', 'i')] = FIELD_URI,
	[SLOT(4, 'd', 'e')] = FIELD_DATE,
	[SLOT(4, 'h', 't')] = FIELD_HOST,
	[SLOT(4, 'l', 'k')] = FIELD_LINK,
	[SLOT(6, 'a', 't')] = FIELD_ACCEPT,
	[SLOT(6, 'c', 'e')] = FIELD_COOKIE,
	[SLOT(6, 'e', 't')] = FIELD_EXPECT,
	[SLOT(6, 's', 'r')] = FIELD_SERVER,
	[SLOT(7, 'r', 'h')] = FIELD_REFRESH,
	[SLOT(7, 'r', 'r')] = FIELD_REFERER,
	[SLOT(7, 't', 'r')] = FIELD_TRAILER,
	[SLOT(7, 'u', 'e')] = FIELD_UPGRADE,
	[SLOT(8, 'l', 'n')] = FIELD_LOCATION,
	[SLOT(9, 'f', 'd')] = FIELD_FORWARDED,
	[SLOT(10, 'c', 'n')] = FIELD_CONNECTION,
	[SLOT(10, 'k', 'e')] = FIELD_KEEP_ALIVE,
	[SLOT(10, 's', 'e')] = FIELD_SET_COOKIE,
	[SLOT(10, 'u', 't')] = FIELD_USER_AGENT,
	[SLOT(11, 'd', 'n')] = FIELD_DESTINATION,
	[SLOT(12, 'm', 's')] = FIELD_MAX_FORWARDS,
	[SLOT(14, 'c', 'h')] = FIELD_CONTENT_LENGTH,
	[SLOT(16, 'c', 'n')] = FIELD_CONTENT_LOCATION,
	[SLOT(16, 'p', 'n')] = FIELD_PROXY_CONNECTION,
	[SLOT(17, 't', 'g')] = FIELD_TRANSFER_ENCODING,
};

enum field_id
field_id_of(struct slice name)
{
	enum field_id id;

	if (name.len == 0)
		return FIELD_OTHER;
	id = by_slot[SLOT(name.len, ascii_lower(name.p[0]),
	    ascii_lower(name.p[name.len - 1]))];
	if (id != FIELD_OTHER &&
	    (slice_eq(name, names[id]) || slice_eq_nocase(name, names[id])))
		return id;
	return FIELD_OTHER;
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
	enum field_id id = field_id_of(name);

	if (f->n == f->cap && !grow(f))
		return false;
	f->v[f->n++] = (struct field){ .name = name, .value = value, .id = id };
	f->seen |= FIELD_BIT(id);
	return true;
}

/* Most of what is asked for is in no message: one look says so. */
static bool
may_have(const struct fields *f, uint32_t ids)
{
	return (f->seen & ids) != 0;
}

static struct field *
first_from(const struct fields *f, unsigned i, enum field_id id)
{
	if (!may_have(f, FIELD_BIT(id)))
		return NULL;
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
fields_drop_all(struct fields *f, uint32_t ids)
{
	if (!may_have(f, ids))
		return;
	for (unsigned i = 0; i < f->n; i++)
		if ((FIELD_BIT(f->v[i].id) & ids) != 0)
			f->v[i].drop = true;
}

void
fields_drop(struct fields *f, enum field_id id)
{
	fields_drop_all(f, FIELD_BIT(id));
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
	f->seen = 0;
}

void
fields_fini(struct fields *f)
{
	mem_free(f->v);
	*f = (struct fields){ 0 };
}
