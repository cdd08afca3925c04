/*
 * Ini files in a folder of their own, and faults as text without that folder.
 * For the unit tests of configuration.
 */
#ifndef TESTS_UNIT_INI_FILES_H
#define TESTS_UNIT_INI_FILES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/conf.h"

struct ini_files {
	char folder[32];
	char names[8][32];
	size_t n;
	struct bundle *bundle;
	struct conf_faults *faults;
};

static inline void
ini_files_make(struct ini_files *t)
{
	memset(t, 0, sizeof(*t));
	strcpy(t->folder, "/tmp/ini-test-XXXXXX");
	assert_non_null(mkdtemp(t->folder));
	t->bundle = bundle_new();
	t->faults = conf_faults_new();
}

/* The path is valid until the next call. */
static inline const char *
ini_files_path(const struct ini_files *t, const char *name)
{
	static char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", t->folder, name);
	return path;
}

static inline const char *
ini_files_write_bytes(
    struct ini_files *t, const char *name, const char *text, size_t len)
{
	const char *path = ini_files_path(t, name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
	assert_true(t->n < 8);
	(void)snprintf(t->names[t->n++], sizeof(t->names[0]), "%s", name);
	return path;
}

static inline const char *
ini_files_write(struct ini_files *t, const char *name, const char *text)
{
	return ini_files_write_bytes(t, name, text, strlen(text));
}

static inline void
ini_files_remove(struct ini_files *t)
{
	for (size_t i = 0; i < t->n; i++)
		(void)unlink(ini_files_path(t, t->names[i]));
	assert_int_equal(rmdir(t->folder), 0);
	conf_faults_free(t->faults);
	bundle_free(t->bundle);
}

/* Takes the folder's name out of text, wherever it is. */
static inline void
ini_files_shorten(const struct ini_files *t, const char *text, char *out)
{
	size_t len = strlen(t->folder);

	while (*text != '\0') {
		if (strncmp(text, t->folder, len) == 0 && text[len] == '/')
			text += len + 1;
		else
			*out++ = *text++;
	}
	*out = '\0';
}

/*
 * The faults are these and no more, in this order; NULL ends the list.  Each
 * is what the fault begins with.
 */
static inline void
ini_files_expect(
    const struct ini_files *t, const char *what, const char *const *want)
{
	char text[2048];
	size_t i = 0;

	for (; want[i] != NULL; i++) {
		const char *got = conf_fault_text(t->faults, i);

		if (got == NULL)
			fail_msg("%s: missing: %s", what, want[i]);
		ini_files_shorten(t, got, text);
		if (strncmp(text, want[i], strlen(want[i])) != 0)
			fail_msg(
			    "%s: wanted: %s\ngot: %s", what, want[i], text);
	}
	if (conf_fault_text(t->faults, i) != NULL)
		fail_msg(
		    "%s: too many: %s", what, conf_fault_text(t->faults, i));
}

#endif
