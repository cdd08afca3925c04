/*
 * Ini files as a list of entries with file and line, and the collection of
 * everything that is wrong with them.  The only user of inih.  Runs at
 * start-up and on reload.
 *
 * inih as packaged cuts long lines and section names silently and gives no
 * line numbers; the reader below it counts the lines itself and refuses what
 * would be cut.
 */
#ifndef COMMON_CONF_H
#define COMMON_CONF_H

#include <stdbool.h>
#include <stddef.h>

#include "common/bundle.h"

/* Where something was written: "sites/portal.ini", 12. */
struct conf_place {
	const char *file; /* borrowed from the conf */
	unsigned line;
};

/* Owned by whoever holds the list; at[i] is where v[i] was written. */
struct string_list {
	char **v;
	struct conf_place *at;
	size_t n;
};

struct conf_entry {
	struct conf_place place;
	const char *section; /* "route" of "[route portal]" */
	const char *name;    /* "portal", "" when there is none */
	unsigned section_no; /* counts the headers of one file: two sections
			      * of the same name have two numbers */
	const char *key;     /* NULL: the entry stands for the header itself */
	const char *value;
};

/* Faults found, in order.  Errors stop a start, warnings do not. */
struct conf_faults;

struct conf_faults *conf_faults_new(void);
void conf_faults_free(struct conf_faults *f);
/* "file:line: section.key: what" (file alone, or nothing, where unknown). */
void conf_error(struct conf_faults *f, struct conf_place at, const char *fmt,
    ...) __attribute__((format(printf, 3, 4)));
void conf_warning(struct conf_faults *f, struct conf_place at, const char *fmt,
    ...) __attribute__((format(printf, 3, 4)));
size_t conf_n_errors(const struct conf_faults *f);
size_t conf_n_warnings(const struct conf_faults *f);
/* The i-th fault as text, "error: " or "warning: " in front; NULL past end. */
const char *conf_fault_text(const struct conf_faults *f, size_t i);
bool conf_fault_is_error(const struct conf_faults *f, size_t i);
/* Number of the first fault that is an error; past the end: none is. */
size_t conf_first_error(const struct conf_faults *f);

/* One ini file, read through the bundle. */
struct conf_file;

/*
 * Never NULL: a file that cannot be read or parsed leaves its faults behind
 * and whatever entries were good.  Owned by the caller.
 */
struct conf_file *
conf_read(struct bundle *b, const char *path, struct conf_faults *f);
void conf_file_free(struct conf_file *c);
/*
 * The configuration has been read and found good: drops the entries.  Places
 * stay valid as long as the file.
 */
void conf_file_forget_entries(struct conf_file *c);
/* As given to conf_read(); valid as long as the file. */
const char *conf_path(const struct conf_file *c);
size_t conf_count(const struct conf_file *c);
const struct conf_entry *conf_at(const struct conf_file *c, size_t i);
/* Where "key" is first given in a "[section]"; line 0 when it is not. */
struct conf_place
conf_place_of(const struct conf_file *c, const char *section, const char *key);

/*
 * path as written in file "from": absolute stays, relative is taken from
 * the folder of that file.  Caller frees.
 */
char *conf_resolve(const char *from, const char *path);

#endif
