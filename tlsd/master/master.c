/*
 * tlsd's master: one signer and the workers, each worker with a channel to
 * the signer.  Runs in the master, which is the common supervisor and this
 * description.
 */
#include "common/check.h"
#include "common/master.h"
#include "common/mem.h"
#include "tlsd/config.h"
#include "tlsd/master/check.h"
#include "tlsd/master/master.h"
#include "tlsd/metrics_table.h"
#include "tlsd/ticket_keys.h"

static void
add_staples(struct plan *p, const struct tls_conf *tls)
{
	for (size_t i = 0; i < tls->ocsp_staple.n; i++)
		plan_add_watched(p, tls->ocsp_staple.v[i]);
}

/* Last of all, where the workers look for it; the file is rproxy's to use. */
static void
add_egress(struct plan *p, const struct tlsd_config *c)
{
	struct addr a;

	CHECK(addr_parse(slice_of(c->egress), &a));
	plan_add_listen(p, &a, c->egress_from_uid, (gid_t)-1);
}

static void
fill_plan(struct plan *p, const struct tlsd_config *c)
{
	plan_add_role(
	    p, (struct plan_role){
		   .name = "signer", .count = 1, .reload_when_failing = true });
	plan_add_role(p, (struct plan_role){ .name = "worker",
			     .count = c->workers,
			     .serves = true,
			     .has_channel_to_first = true });
	for (size_t i = 0; i < c->n_listen; i++)
		for (size_t n = 0; n < c->listen[i].n_address; n++)
			plan_add_listen(
			    p, &c->listen[i].address[n], (uid_t)-1, (gid_t)-1);
	if (c->egress != NULL)
		add_egress(p, c);
	for (size_t i = 0; i < c->sites.n; i++)
		add_staples(p, &c->sites.v[i]->tls);
	p->log = mem_need_strdup(c->log);
	p->log_level = c->log_level;
	p->admin = c->admin != NULL ? mem_need_strdup(c->admin) : NULL;
	p->drain_timeout_ms = c->drain_timeout_ms;
	p->keep_ms = c->session_lifetime_ms;
}

static void
read_plan(
    const char *path, struct bundle *b, struct plan *out, struct conf_faults *f)
{
	struct tlsd_config *c = tlsd_config_read(path, b, f);

	check_files(c, out, f);
	if (conf_n_errors(f) == 0)
		fill_plan(out, c);
	tlsd_config_free(c);
}

static const struct daemon_desc *
describe(void)
{
	static struct daemon_desc d = {
		.name = "tlsd",
		.default_config = "/etc/tlsd/tlsd.ini",
		.metrics = tlsd_metrics,
		.read_plan = read_plan,
	};

	d.n_metrics = tlsd_n_metrics;
	d.state = ticket_state;
	return &d;
}

int
tlsd_master_main(int argc, char **argv)
{
	return master_main(describe(), argc, argv);
}
