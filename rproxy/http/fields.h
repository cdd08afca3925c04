/*
 * Header fields as slices, in the order they came.  Names and values point
 * into the message's bytes or into the exchange's arena.  Pure.
 */
#ifndef RPROXY_HTTP_FIELDS_H
#define RPROXY_HTTP_FIELDS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/slice.h"

/* Fields that some code asks for; everything else is FIELD_OTHER. */
enum field_id {
	FIELD_OTHER = 0,
	FIELD_HOST,
	FIELD_CONNECTION,
	FIELD_CONTENT_LENGTH,
	FIELD_TRANSFER_ENCODING,
	FIELD_TE,
	FIELD_TRAILER,
	FIELD_UPGRADE,
	FIELD_KEEP_ALIVE,
	FIELD_PROXY_CONNECTION,
	FIELD_EXPECT,
	FIELD_VIA,
	FIELD_DATE,
	FIELD_SERVER,
	FIELD_LOCATION,
	FIELD_CONTENT_LOCATION,
	FIELD_SET_COOKIE,
	FIELD_COOKIE,
	FIELD_REFERER,
	FIELD_USER_AGENT,
	FIELD_ACCEPT,
	FIELD_FORWARDED,
	FIELD_MAX_FORWARDS,
	FIELD_URI,
	FIELD_LINK,
	FIELD_REFRESH,
	FIELD_DESTINATION,
	FIELD_COUNT
};

struct field {
	struct slice name;
	struct slice value; /* trimmed */
	enum field_id id;
	bool drop; /* removed: not written, not found */
};

/* All zero is a valid, empty list. */
struct fields {
	struct field *v; /* owned, kept for the next message */
	unsigned n;
	unsigned cap;
	uint32_t seen; /* bit 1 << id: one has been added, maybe dropped */
};

/* A set of ids for fields_drop_all(). */
#define FIELD_BIT(id) (UINT32_C(1) << (id))

enum field_id field_id_of(struct slice name);
/* False when memory is short. */
bool fields_add(struct fields *f, struct slice name, struct slice value);
/* The first that is not dropped; NULL when there is none. */
struct field *fields_first(const struct fields *f, enum field_id id);
struct field *fields_next(const struct fields *f, const struct field *after);
unsigned fields_count(const struct fields *f, enum field_id id);
/* By name, case-insensitive. */
struct field *fields_find(const struct fields *f, struct slice name);
void fields_drop(struct fields *f, enum field_id id);
/* ids: FIELD_BITs, not that of FIELD_OTHER. */
void fields_drop_all(struct fields *f, uint32_t ids);
void fields_drop_name(struct fields *f, struct slice name);
/* Empty, storage kept. */
void fields_reset(struct fields *f);
void fields_fini(struct fields *f);

#endif
