/*
 * play_run.c - one run of a script: a bed that begins at the right moment, every line, and the end
 *
 * The guest's initial sequence number is simply chosen; the gateway's follows from the moment at which the
 * run begins.  When the script has ended the far ends go away, two hours pass, and nothing may be left.
 */
#include "test/bed/play.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static bool
is_expectation(const struct script_line *l)
{
	return l->verb >= WANT_SEGMENT && l->verb <= WANT_ANYTHING;
}

static bool
play(struct play *r)
{
	const struct script *s = r->s;

	for (size_t i = 0; i < s->nline; i++) {
		r->line = &s->line[i];
		bool batch = i && s->line[i - 1].verb == DO_SEND_MORE;
		if (!is_expectation(r->line) && !batch) {
			bed_until(r->bed, r->start + r->line->from);
			play_note_sockets(r);
		}
		if (!play_line(r))
			return false;
		if (r->bed->complaint[0])
			return play_fail(r, "but %s", r->bed->complaint);
	}

	char text[512];
	struct bed_frame *left = play_next_frame(r, bed_now(r->bed));
	if (left)
		snprintf(r->why, sizeof(r->why), "at the end: expected nothing more, got %s",
			 play_frame_text(r, left, text, sizeof(text)));
	free(left);
	return !left;
}

/* Every far end goes, two hours pass: no flow and no byte of memory may be left (rows T18, T26). */
static bool
wind_down(struct play *r)
{
	struct sluice *gw = r->bed->gw;

	for (int fd, n = 0; (fd = vhost_find(r->bed->vhost, HOST_TCP, n)) >= 0; n++) {
		vhost_settle(r->bed->vhost, fd, ETIMEDOUT);
		vhost_reset(r->bed->vhost, fd);
	}
	bed_until(r->bed, bed_now(r->bed) + 7200 * USEC_PER_SEC);
	if (r->bed->complaint[0])
		snprintf(r->why, sizeof(r->why), "while winding down: %s", r->bed->complaint);
	else if (gw->flows.kind[FLOW_TCP].open || gw->flows.kind[FLOW_UDP].open || gw->pool.used)
		snprintf(
		    r->why, sizeof(r->why),
		    "after two idle hours: expected nothing left, got %u TCP flows, %u UDP flows, %llu bytes",
		    gw->flows.kind[FLOW_TCP].open, gw->flows.kind[FLOW_UDP].open,
		    (unsigned long long)gw->pool.used);
	return !r->why[0];
}

/* When, in the script, the gateway chooses the initial sequence number of its first flow. */
static usec_t
iss_moment(const struct script *s, bool *inbound)
{
	*inbound = false;
	for (size_t i = 0; i < s->nline; i++) {
		const struct script_line *l = &s->line[i];

		*inbound = l->verb == CLIENT_CONNECTS || l->verb == CLIENT_OPENS;
		bool accepted = l->verb == GUEST_OPENS || (l->verb == HOST_SETTLES && l->n.k == 0);
		if (l->flow == 0 && (*inbound || accepted))
			return l->from;
	}
	return 0;
}

static void
configure(const struct script *s, struct bed_conf *c, const struct sluice_publish *publish)
{
	bed_conf_init(c);
	c->lim.mtu = s->mtu;
	c->lim.csum = c->lim.tso = s->tso;
	c->gateway.mtu = s->mtu;
	c->gateway.publish = publish;
	c->gateway.npublish = 1;
	c->gateway.max_ring = s->ring;
	if (s->max_tcp)
		c->gateway.max_tcp = s->max_tcp;
}

static bool
run_once(struct play *r, uint32_t guest_isn, uint32_t gw_isn)
{
	static const struct sluice_publish publish = {
	    .host_first = PLAY_PUBLISHED, .host_last = PLAY_PUBLISHED, .guest_first = PLAY_REMOTE_PORT};
	struct bed_conf conf;
	bool inbound;
	usec_t moment = iss_moment(r->s, &inbound);

	configure(r->s, &conf, &publish);
	r->M = r->s->mtu - (r->fam == FAMILY_V4 ? 40 : 60);
	r->bed = bed_new(&conf);
	play_set_flows(r, guest_isn);
	struct play_flow first = r->flow[0];
	if (inbound)
		play_set_inbound(r, &r->flow[0]);
	conf.start = bed_start_for_iss(&conf, &r->flow[0].tuple, moment, gw_isn);
	r->flow[0] = first;
	bed_free(r->bed);

	r->bed = bed_new(&conf);
	r->start = conf.start;
	vhost_default(r->bed->vhost, VHOST_ACCEPT_LATER);
	play_settle(r);
	bed_drop(r->bed);

	bool ok = play(r) && wind_down(r);
	if (!bed_free(r->bed) && ok)
		snprintf(r->why, sizeof(r->why), "at the end: host sockets are left open");
	for (unsigned i = 0; i < SCRIPT_FLOWS; i++) {
		free(r->flow[i].guest.byte);
		free(r->flow[i].guest.said);
		free(r->flow[i].host.byte);
		free(r->flow[i].host.said);
	}
	return !r->why[0];
}

bool
play_script(const struct script *s, enum family fam, uint32_t guest_isn, uint32_t gw_isn, char *why,
	    size_t size)
{
	struct play *r = calloc(1, sizeof(*r));

	if (!r)
		abort();
	r->s = s;
	r->fam = fam;
	bool ok = run_once(r, guest_isn, gw_isn);
	snprintf(why, size, "%s", r->why);
	free(r);
	return ok;
}
