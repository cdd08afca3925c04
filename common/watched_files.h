/*
 * Files that may change while a generation serves (OCSP staples): looked at
 * every two seconds, and handed to the children in a bundle.  Runs in the
 * master, since no child opens a file.
 */
#ifndef COMMON_WATCHED_FILES_H
#define COMMON_WATCHED_FILES_H

#include "common/deadline.h"

struct watched_files;

/*
 * path: n absolute ones, borrowed.  on_change runs later, each time that the
 * bundle has been made anew since one of them has changed.
 */
struct watched_files *watched_files_new(struct deadlines *wheel,
    char *const *path, unsigned n, void (*on_change)(void *ctx), void *ctx);
void watched_files_free(struct watched_files *w); /* takes NULL */
/*
 * A sealed bundle of those that can be read, for bundle_open(); stays ours,
 * valid until the next change.  -1: it could not be made.
 */
int watched_files_fd(const struct watched_files *w);

#endif
