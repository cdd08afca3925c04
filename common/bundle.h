/*
 * The configuration's files as the master read them, carried to the children
 * in a sealed memfd: every process of a generation, and every child started
 * again later, sees the same bytes, and none of them has to open a file.
 * Holds ini files, certificates, CA files and CRLs; never a private key.
 *
 *	master: bundle_new, bundle_read..., bundle_seal -> descriptor
 *	child:  bundle_open(descriptor), bundle_find
 */
#ifndef COMMON_BUNDLE_H
#define COMMON_BUNDLE_H

#include <stdbool.h>

#include "common/slice.h"

struct bundle;

struct bundle *bundle_new(void);
void bundle_free(struct bundle *b);
/*
 * Reads the file at path (absolute) into the bundle unless it is there
 * already.  The contents stay valid as long as the bundle.  False: *error
 * is a constant or strerror() text; a file with a private key in it is
 * refused and wiped.
 */
bool bundle_read(struct bundle *b, const char *path, struct slice *contents,
    const char **error);
/* Contents of a file that is in the bundle; false when it is not. */
bool
bundle_find(const struct bundle *b, const char *path, struct slice *contents);
/* Number of files and the i-th path, in the order they were read. */
size_t bundle_count(const struct bundle *b);
const char *bundle_path(const struct bundle *b, size_t i);
/* A sealed, close-on-exec memfd with everything; -1 and errno. */
int bundle_seal(const struct bundle *b);
/* The other end; NULL when the descriptor holds no bundle.  fd is closed. */
struct bundle *bundle_open(int fd);
/* True for one from bundle_open(): what is not in it cannot be read. */
bool bundle_is_fixed(const struct bundle *b);

#endif
