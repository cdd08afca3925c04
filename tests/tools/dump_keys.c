/*
 * Every key that the daemons accept, a line for each:
 *
 *	FILE SECTION KEY required | optional | default TEXT
 *
 * For tests/lint/manual_keys.py, which holds it against the manuals.
 */
#include <stdio.h>

#include "common/schema.h"
#include "common/site_schema.h"
#include "rproxy/config_schema.h"
#include "tlsd/config_schema.h"

static void
dump_key(const char *file, const char *section, const struct schema_key *key)
{
	printf("%s %s %s ", file, section, key->name);
	if (key->is_required)
		printf("required\n");
	else if (key->fallback != NULL)
		printf("default %s\n", key->fallback);
	else
		printf("optional\n");
}

static void
dump(const char *file, const struct schema *s)
{
	for (size_t i = 0; i < s->n_sections; i++)
		for (size_t j = 0; j < s->sections[i].n_keys; j++)
			dump_key(
			    file, s->sections[i].name, &s->sections[i].keys[j]);
}

int
main(void)
{
	dump("tlsd", &tlsd_schema);
	dump("rproxy", &rproxy_schema);
	dump("site", &site_schema);
	return 0;
}
