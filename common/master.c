/*
 * The command line of a daemon's master.  Runs in the master, before there
 * is anything else: faults go to standard error, all of them.
 */
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/master.h"

#define EXIT_USAGE 2

struct options {
	const char *config;
	const char *explain; /* URL */
	bool check;
	bool version;
	bool takes_over;
};

static bool
parse_options(struct options *o, int argc, char **argv)
{
	static const struct option words[] = {
		{ "takeover", no_argument, NULL, 'T' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:e:tV", words, NULL)) != -1) {
		switch (c) {
		case 'T':
			o->takes_over = true;
			break;
		case 'c':
			o->config = optarg;
			break;
		case 'e':
			o->explain = optarg;
			break;
		case 't':
			o->check = true;
			break;
		case 'V':
			o->version = true;
			break;
		default:
			return false;
		}
	}
	return optind == argc;
}

/*
 * Not realpath(): a reload follows a link anew, and what the file names is
 * relative to where the operator says it is.
 */
static bool
make_absolute(const char *path, char out[PATH_MAX])
{
	char cwd[PATH_MAX];
	int n;

	if (path[0] == '/')
		n = snprintf(out, PATH_MAX, "%s", path);
	else if (getcwd(cwd, sizeof(cwd)) != NULL)
		n = snprintf(out, PATH_MAX, "%s/%s", cwd, path);
	else
		return false;
	return n > 0 && n < PATH_MAX;
}

static void
print_faults(const struct conf_faults *f)
{
	const char *text;

	for (size_t i = 0; (text = conf_fault_text(f, i)) != NULL; i++)
		fprintf(stderr, "%s\n", text);
}

static int
usage(const struct daemon_desc *d)
{
	fprintf(stderr, "usage: %s [-c FILE] [-t] [-V] [--takeover]%s\n",
	    d->name, d->explain != NULL ? " [-e URL]" : "");
	return EXIT_USAGE;
}

static int
explain(const struct daemon_desc *d, const char *path, const char *url)
{
	struct conf_faults *f = conf_faults_new();
	int status = d->explain(path, url, f);

	for (size_t i = 0; i < conf_n_errors(f) + conf_n_warnings(f); i++)
		if (conf_fault_is_error(f, i))
			fprintf(stderr, "%s\n", conf_fault_text(f, i));
	conf_faults_free(f);
	return status;
}

int
master_main(const struct daemon_desc *d, int argc, char **argv)
{
	struct options o = { .config = d->default_config };
	char path[PATH_MAX];
	struct conf_faults *f;
	struct plan plan;
	bool good;
	int status;

	if (!parse_options(&o, argc, argv) ||
	    (o.explain != NULL && d->explain == NULL))
		return usage(d);
	if (o.version) {
		printf("%s %s\n", d->name, VERSION);
		return 0;
	}
	if (!make_absolute(o.config, path))
		fatal("%s: the path is too long", o.config);
	if (o.explain != NULL)
		return explain(d, path, o.explain);
	f = conf_faults_new();
	good = supervisor_read_plan(d, path, &plan, f);
	print_faults(f);
	conf_faults_free(f);
	if (good && o.check)
		printf("%s: configuration is good\n", o.config);
	status = good ? 0 : 1;
	if (good && !o.check)
		status = supervisor_run(d, path, &plan, o.takes_over);
	plan_fini(&plan);
	return status;
}
