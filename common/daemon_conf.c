/*
 * Values of tlsd.ini and rproxy.ini: workers, user, admin, addresses, log
 * files.  Runs at start-up, in the master and in each child.
 */
#include "common/daemon_conf.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/child.h"
#include "common/mem.h"
#include "common/number.h"
#include "common/privdrop.h"

#define MAX_WORKERS CHILD_MAX_PEERS /* the signer has a channel to each */

const char *const daemon_conf_log_words[] = { "stderr", "syslog", NULL };
const char *const daemon_conf_level_words[] = { "error", "warning", "info",
	"debug", NULL };

static unsigned
count_cpus(void)
{
	cpu_set_t set;
	int n = 0;

	CPU_ZERO(&set);
	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		n = CPU_COUNT(&set);
	if (n < 1)
		return 1;
	return n > MAX_WORKERS ? MAX_WORKERS : (unsigned)n;
}

void
daemon_conf_take_workers(const struct schema_value *v)
{
	unsigned *field = v->field;
	uint64_t n = 0;

	if (strcmp(v->text, "auto") == 0)
		*field = count_cpus();
	else if (number_parse(slice_of(v->text), &n) && n >= 1 &&
		 n <= MAX_WORKERS)
		*field = (unsigned)n;
	else
		schema_fault(v,
		    "\"%s\" is not allowed, write auto or a number from 1 to "
		    "%d",
		    v->text, MAX_WORKERS);
}

static void
store_text(const struct schema_value *v, char *text)
{
	char **field = v->field;

	mem_free(*field);
	*field = text;
}

void
daemon_conf_release_text(void *field)
{
	mem_free(*(char **)field);
	*(char **)field = NULL;
}

void
daemon_conf_take_user(const struct schema_value *v)
{
	uid_t uid = 0;
	gid_t gid = 0;

	store_text(v, mem_need_strdup(v->text));
	if (privdrop_lookup(v->text, &uid, &gid)) {
		if (uid == 0)
			schema_fault(v,
			    "%s is root, name a user without rights", v->text);
		return;
	}
	if (geteuid() == 0)
		schema_fault(v,
		    "there is no user \"%s\", make it or name "
		    "another",
		    v->text);
	else
		conf_warning(v->f, v->entry->place,
		    "%s.user: there is no user \"%s\"", v->entry->section,
		    v->text);
}

static bool
is_path(const char *text)
{
	return strchr(text, '/') != NULL;
}

/* Also faults of length: a Unix path has 107 bytes at most. */
static bool
parse_path(const struct schema_value *v, struct addr *out)
{
	char *path = conf_resolve(v->entry->place.file, v->text);
	bool good = addr_parse(slice_of(path), out);

	if (!good)
		schema_fault(v,
		    "%s is too long for a socket, at most 107 bytes are "
		    "allowed",
		    path);
	mem_free(path);
	return good;
}

bool
daemon_conf_address(const struct schema_value *v, struct addr *out)
{
	if (is_path(v->text))
		return parse_path(v, out);
	if (addr_parse(slice_of(v->text), out) && addr_port(out) != 0)
		return true;
	schema_fault(v,
	    "\"%s\" is not an address, write IPV4:PORT, [IPV6]:PORT or a path "
	    "with "
	    "'/'; host names are not looked up",
	    v->text);
	return false;
}

void
daemon_conf_take_admin(const struct schema_value *v)
{
	struct addr a;

	if (!daemon_conf_address(v, &a))
		return;
	if (addr_is_unix(&a)) {
		store_text(v, conf_resolve(v->entry->place.file, v->text));
		return;
	}
	if (addr_is_loopback(&a))
		store_text(v, mem_need_strdup(v->text));
	else
		schema_fault(v,
		    "%s can be reached from outside, a loopback address such "
		    "as 127.0.0.1:9180 or a path is allowed",
		    v->text);
}

char *
daemon_conf_path(const char *path)
{
	char *folder = NULL;
	char *out = NULL;
	int len = 0;

	if (path[0] == '/' || (folder = getcwd(NULL, 0)) == NULL)
		return mem_need_strdup(path);
	len = snprintf(NULL, 0, "%s/%s", folder, path);
	out = mem_need((size_t)len + 1);
	(void)snprintf(out, (size_t)len + 1, "%s/%s", folder, path);
	mem_free(folder);
	return out;
}

/* The address of one "address = ..."; false: another entry, or malformed. */
static bool
entry_address(const struct conf_entry *e, struct addr *out)
{
	char *path = NULL;
	bool good = false;

	if (e->key == NULL || strcmp(e->section, "listen") != 0 ||
	    strcmp(e->key, "address") != 0)
		return false;
	if (!is_path(e->value))
		return addr_parse(slice_of(e->value), out);
	path = conf_resolve(e->place.file, e->value);
	good = addr_parse(slice_of(path), out);
	mem_free(path);
	return good;
}

/* The line before the i-th entry that has the same address; 0: none. */
static unsigned
earlier_line(const struct conf_file *c, size_t i, const struct addr *a)
{
	struct addr other;

	for (size_t j = 0; j < i; j++)
		if (entry_address(conf_at(c, j), &other) && addr_eq(&other, a))
			return conf_at(c, j)->place.line;
	return 0;
}

void
daemon_conf_check_addresses(const struct conf_file *c, struct conf_faults *f)
{
	unsigned n = 0;

	for (size_t i = 0; i < conf_count(c); i++) {
		const struct conf_entry *e = conf_at(c, i);
		struct addr a;
		unsigned line = 0;

		if (!entry_address(e, &a))
			continue;
		line = earlier_line(c, i, &a);
		if (line != 0)
			conf_error(f, e->place,
			    "listen.address: %s is given twice, the first is "
			    "in line %u",
			    e->value, line);
		if (++n == CHILD_MAX_LISTEN + 1)
			conf_error(f, e->place,
			    "listen.address: too many, %d in all are allowed",
			    CHILD_MAX_LISTEN);
	}
}

void
daemon_conf_check_folder(const struct bundle *b, struct conf_place at,
    const char *key, const char *path, struct conf_faults *f)
{
	const char *slash = path == NULL ? NULL : strrchr(path, '/');
	char *folder = NULL;
	struct stat st;

	if (slash == NULL || bundle_is_fixed(b))
		return;
	folder = mem_need_strndup(path, (size_t)(slash - path) + 1);
	if (stat(folder, &st) < 0)
		conf_error(f, at, "%s: the folder %s: %s", key, folder,
		    strerror(errno));
	mem_free(folder);
}
