/*
 * Request methods.  Pure; used by rproxy's workers.  RFC 9110 section 9,
 * RFC 5789 (PATCH).
 */
#include "common/check.h"
#include "rproxy/http/message.h"

static const struct {
	struct slice name;
	enum method id;
} methods[] = {
	{ { "GET", 3 }, METHOD_GET },
	{ { "POST", 4 }, METHOD_POST },
	{ { "HEAD", 4 }, METHOD_HEAD },
	{ { "PUT", 3 }, METHOD_PUT },
	{ { "OPTIONS", 7 }, METHOD_OPTIONS },
	{ { "DELETE", 6 }, METHOD_DELETE },
	{ { "PATCH", 5 }, METHOD_PATCH },
	{ { "TRACE", 5 }, METHOD_TRACE },
	{ { "CONNECT", 7 }, METHOD_CONNECT },
};

enum method
method_of(struct slice name)
{
	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		if (slice_eq(name, methods[i].name))
			return methods[i].id;
	return METHOD_OTHER;
}

bool
method_is_idempotent(enum method m)
{
	switch (m) {
	case METHOD_GET:
	case METHOD_HEAD:
	case METHOD_PUT:
	case METHOD_DELETE:
	case METHOD_OPTIONS:
	case METHOD_TRACE:
		return true;
	case METHOD_OTHER:
	case METHOD_POST:
	case METHOD_CONNECT:
	case METHOD_PATCH:
		return false;
	}
	return false;
}
