/*
 * plan.c - what a seed makes happen
 */
#include <errno.h>
#include <stdlib.h>

#include "test/sim/inside.h"

enum deed { DO_TALK, DO_DGRAM, DO_DGRAM_IN, DO_ASK, DO_PING, DO_RELOAD, DO_ABORT, DO_NAMED };

struct action {
	struct action *next;
	usec_t at;
	enum deed deed;
	struct sim_talk_conf talk;
	enum family fam;
	unsigned n;
	size_t len;
	bool flag;
};

/* --- what there is in this world --------------------------------------------------------------------------------- */

/* Each of these so many times in 1,000 worlds. */
static const struct {
	enum sim_has what;
	unsigned often;
} kinds[] = {
    {SIM_DNS, 250},     {SIM_UDP, 300},  {SIM_PING, 150},     {SIM_PUBLISH, 300}, {SIM_RELOAD, 150},
    {SIM_POLICY, 200},  {SIM_LOSS, 400}, {SIM_DISORDER, 350}, {SIM_SPOIL, 250},   {SIM_STALLS, 200},
    {SIM_TROUBLE, 400}, {SIM_IDLE, 100}, {SIM_OFFLOAD, 400},  {SIM_STOP, 100},
};

/* The same, of what came later: it has chance of its own, so that other worlds stay what they were. */
static const struct more_kind {
	enum sim_has what;
	unsigned often; /* in 1,000 */
} more_kinds[] = {
    {SIM_TLS, 10},
    {SIM_CUT, 80},
    {SIM_CROWD, 50},
};

#define NAMES_OFTEN 40u /* in 1,000 */
#define LEASE_OFTEN 60u

static const char *const servers[] = {"192.0.2.54", "192.0.2.53"};

static void
choose_kinds(struct sim *s)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (luck_in(&s->luck, kinds[i].often, 1000))
			s->res.has |= kinds[i].what;
	for (size_t i = 0; i < sizeof(more_kinds) / sizeof(more_kinds[0]); i++)
		if (luck_in(&s->more_luck, more_kinds[i].often, 1000))
			s->res.has |= more_kinds[i].what;
	if (luck_in(&s->names_luck, NAMES_OFTEN, 1000))
		s->res.has |= SIM_NAMES;
	if (luck_in(&s->lease_luck, LEASE_OFTEN, 1000))
		s->res.has |= SIM_LEASE;
	s->res.has = (s->res.has | s->set.with) & ~s->set.without;
	/* What has no place has no name to be held to; servers of TLS have names of their own. */
	if (s->res.has & (SIM_TLS | SIM_CROWD))
		s->res.has &= ~(unsigned)SIM_NAMES;
}

static void
choose_link(struct sim *s)
{
	static const uint32_t mtu[] = {1500, 1500, 1280, 9000, 65520};
	static const size_t span[] = {0, 0, 61, 600, 13};
	struct link_limits *lim = &s->conf.lim;

	lim->mtu = mtu[luck_below(&s->luck, 5)];
	bool tso = luck_in(&s->luck, 1, 2), uso = luck_in(&s->luck, 1, 2);
	if (sim_has(s, SIM_OFFLOAD)) {
		lim->csum = true;
		lim->tso = tso;
		lim->uso = uso;
	}
	s->shared = luck_in(&s->luck, 1, 3);
	s->span = span[luck_below(&s->luck, 5)];
}

/* Hardly any room: what has a place keeps it, and others find none. */
static void
choose_crowd(struct sim *s)
{
	struct sluice_config *gw = &s->conf.gateway;
	struct luck *l = &s->more_luck;

	gw->max_tcp = 1 + (uint32_t)luck_below(l, 5);
	gw->max_udp = 1 + (uint32_t)luck_below(l, 3);
	gw->max_ping = 1 + (uint32_t)luck_below(l, 2);
	gw->max_fragmented = 1 + (uint32_t)luck_below(l, 4);
	gw->fragment_memory = 65536;
	if (luck_in(l, 1, 2))
		gw->max_files = 64;
	if (luck_in(l, 1, 2) && !sim_has(s, SIM_TLS))
		gw->memory = 2u << 20;
	gw->dns_cache = 1 + (uint32_t)luck_below(l, 3);
	if (sim_has(s, SIM_TLS) && luck_in(l, 1, 2))
		gw->intercept_max = 1;
	s->res.crowded++;
}

void
plan_setting(struct sim *s)
{
	struct sluice_config *gw = &s->conf.gateway;

	bed_conf_init(&s->conf);
	choose_kinds(s);
	s->conf.seed = luck_next(&s->luck);
	s->conf.start = USEC_PER_SEC + (usec_t)luck_size(&s->luck, 40);
	choose_link(s);
	gw->max_ring = luck_in(&s->luck, 1, 4) ? 4096 : luck_in(&s->luck, 1, 2) ? 65536 : 1u << 20;
	gw->max_batch = luck_in(&s->luck, 1, 4) ? 1 + (uint32_t)luck_below(&s->luck, 64) : 0;
	gw->memory = 16u << 20;
	gw->max_tcp = 64;
	gw->max_udp = 32;
	gw->max_ping = 8;
	gw->nameservers = servers;
	gw->nnameservers = 2;
	gw->udp_endpoint_independent = luck_in(&s->luck, 1, 4);
	s->publish[0] = (struct sluice_publish){.host_first = PUBLISHED_PORT,
						.host_last = PUBLISHED_PORT + PUBLISHED - 1,
						.guest_first = INNER_PORT};
	s->publish[1] = (struct sluice_publish){
	    .host_first = OUTSIDE_UDP, .host_last = OUTSIDE_UDP, .guest_first = INNER_UDP, .udp = true};
	gw->publish = s->publish;
	gw->npublish = sim_has(s, SIM_PUBLISH) ? 2 : 0;
	struct policy_plain p;
	rules_draw(&s->luck, &p);
	if (sim_has(s, SIM_POLICY))
		s->policy = p;
	if (sim_has(s, SIM_NAMES)) {
		s->policy.none |= luck_in(&s->names_luck, 1, 2);
		names_draw(&s->names_luck, &s->policy);
	}
	if (sim_has(s, SIM_POLICY | SIM_NAMES)) {
		rules_config(&s->policy, gw, s->rule, s->rule_text);
	}
	if (sim_has(s, SIM_TLS))
		tls_world_begin(s);
	if (sim_has(s, SIM_CROWD))
		choose_crowd(s);
}

/* --- conversations -------------------------------------------------------------------------------------------------- */

static uint64_t
amount(struct luck *l)
{
	if (luck_in(l, 1, 24))
		return luck_below(l, 300000);
	return luck_size(l, luck_in(l, 1, 4) ? 16 : 13);
}

static void
choose_end(struct luck *l, struct sim_end *e, uint64_t total)
{
	*e = (struct sim_end){.ends = luck_in(l, 1, 2) ? SIM_ENDS_FIRST : SIM_ENDS_LAST};
	if (luck_in(l, 1, 4))
		e->write_size = 1 + (uint32_t)luck_size(l, 14) + (uint32_t)(total / 64);
	if (luck_in(l, 1, 4))
		e->read_size = 1 + (uint32_t)luck_size(l, 14) + (uint32_t)(total / 64);
	if (e->write_size)
		e->write_gap = (usec_t)luck_size(l, 20);
	if (e->read_size)
		e->read_gap = (usec_t)luck_size(l, 20);
	if (luck_in(l, 1, 6)) {
		e->stall_at = luck_below(l, total + 1);
		e->stall_for = (usec_t)luck_size(l, luck_in(l, 1, 4) ? 28 : 23);
	}
	if (luck_in(l, 1, 3))
		e->buffer = 2048 + (uint32_t)luck_size(l, 17);
}

static void
choose_trouble(struct luck *l, struct sim_talk_conf *c)
{
	static const int errors[] = {ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, ECONNRESET};

	switch (luck_below(l, 8)) {
	case 0:
		c->answer = VHOST_REFUSE;
		break;
	case 1:
		c->answer = luck_in(l, 1, 2) ? VHOST_UNREACH_HOST : VHOST_UNREACH_NET;
		break;
	case 2:
		c->answer = VHOST_SILENT;
		break;
	case 3:
		c->answer = VHOST_ACCEPT_LATER;
		c->answer_error = errors[luck_below(l, 5)];
		break;
	case 4:
	case 5:
		c->guest.ends = SIM_RESETS;
		c->guest.reset_at = luck_below(l, c->up + c->down + 1);
		break;
	case 6:
		c->host.ends = SIM_RESETS;
		c->host.reset_at = luck_below(l, c->up + c->down + 1);
		break;
	default:
		c->guest_refuses = c->published;
		break;
	}
	if (c->published)
		c->answer = VHOST_ACCEPT;
}

static void
choose_talk(struct sim *s, struct sim_talk_conf *c)
{
	struct luck *l = &s->luck;

	*c = (struct sim_talk_conf){
	    .fam = luck_in(l, 1, 2) ? FAMILY_V6 : FAMILY_V4, .up = amount(l), .down = amount(l)};
	bool published = luck_in(l, 1, 2);
	c->published = sim_has(s, SIM_PUBLISH) && published;
	c->to_self = !c->published && luck_in(l, 1, 4);
	choose_end(l, &c->guest, c->up + c->down);
	choose_end(l, &c->host, c->up + c->down);
	if (c->guest.ends == SIM_ENDS_LAST)
		c->host.ends = SIM_ENDS_FIRST;
	c->host.echoes = luck_in(l, 1, 4);
	if (luck_in(l, 1, 4) && !c->published)
		c->answer = VHOST_ACCEPT_LATER;
	c->answer_after = (usec_t)luck_size(l, 22);
	bool trouble = luck_in(l, 1, 3);
	if (sim_has(s, SIM_TROUBLE) && trouble)
		choose_trouble(l, c);
}

/* One with a name, and most often a claim to be that. */
static void
choose_named(struct sim *s, struct sim_talk_conf *c)
{
	struct luck *l = &s->names_luck;

	*c = (struct sim_talk_conf){
	    .fam = luck_in(l, 1, 2) ? FAMILY_V6 : FAMILY_V4, .up = 1 + amount(l), .down = amount(l)};
	choose_end(l, &c->guest, c->up + c->down);
	choose_end(l, &c->host, c->up + c->down);
	c->guest.write_gap = 0; /* a first flight has to be whole in time */
	if (c->guest.ends == SIM_ENDS_LAST)
		c->host.ends = SIM_ENDS_FIRST;
	c->host.echoes = luck_in(l, 1, 4);
	c->name = NAMED_FIRST + (unsigned)luck_below(l, NAMED);
	c->claim = (enum sim_claim)luck_below(l, 3);
	c->claimed = luck_in(l, 1, 2)   ? c->name
		     : luck_in(l, 1, 2) ? c->name ^ 1u
					: NAMED_FIRST + (unsigned)luck_below(l, NAMED);
}

/* Small bites of what has become more would take all day. */
static void
quicken(struct sim_end *e, uint64_t total)
{
	if (e->read_size)
		e->read_size += (uint32_t)(total / 64);
	if (e->write_size)
		e->write_size += (uint32_t)(total / 64);
}

/* Another of its conversations speaks TLS. */
static void
choose_tls(struct sim *s, struct sim_talk_conf *c)
{
	struct luck *l = &s->more_luck;
	static const enum sim_server server[] = {SIM_SERVER_NOBODYS, SIM_SERVER_OTHERS};

	c->published = c->to_self = false;
	if (luck_in(l, 1, 3)) {
		c->up += luck_below(l, 200000);
		c->down += luck_below(l, 200000);
		quicken(&c->guest, c->up + c->down);
		quicken(&c->host, c->up + c->down);
	}
	c->tls = luck_in(l, 1, 5) ? SIM_SEALED : SIM_OPENED;
	if (c->tls == SIM_OPENED && luck_in(l, 1, 8))
		c->server = server[luck_below(l, 2)];
	if (c->tls == SIM_OPENED && !c->server && luck_in(l, 1, 6)) {
		c->breaks_off = true;
	} else if (c->tls == SIM_OPENED && luck_in(l, 1, 3)) {
		c->http = true;
		c->guest.echoes = c->host.echoes = false;
		c->guest.write_gap = 0; /* a head has to be whole in time */
	}
}

/* --- the list --------------------------------------------------------------------------------------------------------- */

static struct action *
add_by(struct sim *s, struct luck *l, enum deed deed, usec_t span)
{
	struct action *a = calloc(1, sizeof(*a)), **at = &s->plan;

	if (!a)
		abort();
	a->deed = deed;
	a->at = s->begun + s->late_by + (usec_t)luck_below(l, (uint64_t)span + 1);
	a->fam = luck_in(l, 1, 2) ? FAMILY_V6 : FAMILY_V4;
	a->flag = luck_in(l, 1, 4);
	a->n = (unsigned)luck_size(l, 12);
	while (*at && (*at)->at <= a->at)
		at = &(*at)->next;
	a->next = *at;
	*at = a;
	return a;
}

static struct action *
add(struct sim *s, enum deed deed, usec_t span)
{
	return add_by(s, &s->luck, deed, span);
}

static struct action *
add_more(struct sim *s, enum deed deed, usec_t span)
{
	return add_by(s, &s->more_luck, deed, span);
}

/* Up to 20,000 bytes, in at most 17 pieces; all at once in some worlds, so that the pieces of several are mixed. */
static void
make_cut(struct sim *s, usec_t span)
{
	static const enum deed deeds[] = {DO_DGRAM, DO_DGRAM, DO_PING, DO_DGRAM_IN};
	struct luck *more = &s->more_luck;
	usec_t late_by = s->late_by;
	bool at_once = luck_in(more, 1, 2);

	if (at_once)
		s->late_by += (usec_t)luck_below(more, (uint64_t)span + 1);
	for (uint64_t n = 1 + luck_below(more, at_once ? 8 : 4); n > 0; n--) {
		enum deed deed = deeds[luck_below(more, sim_has(s, SIM_PUBLISH) ? 4 : 3)];
		struct action *a = add_more(s, deed, at_once ? 0 : span);

		a->len = 1200 + luck_below(more, luck_in(more, 1, 2) ? 3000 : 18800);
		a->n %= 6;
	}
	s->late_by = late_by;
}

static void
make_small_ones(struct sim *s, usec_t span)
{
	struct luck *l = &s->luck;
	uint32_t room = s->conf.lim.mtu - 48;

	if (room > 9000)
		room = 9000;
	for (uint64_t n = sim_has(s, SIM_UDP) ? 1 + luck_below(l, 12) : 0; n > 0; n--) {
		struct action *a = add(s, DO_DGRAM, span);

		a->len = DGRAM_HEAD + luck_below(l, luck_in(l, 1, 2) ? 200 : room - DGRAM_HEAD + 1);
		a->n %= 6;
	}
	struct luck *more = &s->more_luck;
	uint64_t ins = sim_has(s, SIM_UDP) && sim_has(s, SIM_PUBLISH) ? 1 + luck_below(more, 6) : 0;
	for (; ins > 0; ins--)
		add_more(s, DO_DGRAM_IN, span)->len = luck_size(more, 11);
	if (sim_has(s, SIM_CUT))
		make_cut(s, span);
	for (uint64_t n = sim_has(s, SIM_PING) ? 1 + luck_below(l, 5) : 0; n > 0; n--)
		add(s, DO_PING, span)->len = luck_below(l, 1200);
	for (uint64_t n = sim_has(s, SIM_DNS) ? 1 + luck_below(l, 6) : 0; n > 0; n--)
		add(s, DO_ASK, span);
	for (uint64_t n = sim_has(s, SIM_RELOAD) ? 1 + luck_below(l, 3) : 0; n > 0; n--)
		add(s, DO_RELOAD, span);
}

void
plan_make(struct sim *s)
{
	struct luck *l = &s->luck;
	usec_t span = s->set.span ? s->set.span : (usec_t)luck_size(l, 25);
	unsigned flows = s->set.flows ? s->set.flows : 1 + (unsigned)luck_below(l, luck_in(l, 1, 8) ? 10 : 4);

	s->stop_at = TIME_NEVER;
	if (sim_has(s, SIM_EMPTY))
		return;
	for (unsigned i = 0; i < flows; i++) {
		struct sim_talk_conf *c = &add(s, DO_TALK, span)->talk;

		choose_talk(s, c);
		if (sim_has(s, SIM_TLS) && (i == 0 || luck_in(&s->more_luck, 1, 4)))
			choose_tls(s, c);
	}
	if (sim_has(s, SIM_TROUBLE) && luck_in(l, 1, 4))
		add(s, DO_ABORT, span + USEC_PER_SEC);
	make_small_ones(s, span);
	for (uint64_t n = sim_has(s, SIM_NAMES) ? 1 + luck_below(&s->names_luck, 5) : 0; n > 0; n--)
		choose_named(s, &add_by(s, &s->names_luck, DO_NAMED, span)->talk);
	if (sim_has(s, SIM_IDLE)) {
		s->res.idle_hours++;
		s->late_by = span + (usec_t)luck_below(l, 5 * 3600) * USEC_PER_SEC;
		choose_talk(s, &add(s, DO_TALK, span)->talk);
		make_small_ones(s, span);
	}
	usec_t stop = s->begun + (usec_t)luck_below(l, 2 * (uint64_t)span + 2);
	if (sim_has(s, SIM_STOP))
		s->stop_at = stop;
}

void
plan_free(struct sim *s)
{
	for (struct action *a; (a = s->plan);) {
		s->plan = a->next;
		free(a);
	}
}

usec_t
plan_next(const struct sim *s)
{
	/* Without an address there is nothing to be done. */
	return !s->plan ? TIME_NEVER : lease_is_held(s) ? s->plan->at : lease_next(s);
}

/* --- doing it ------------------------------------------------------------------------------------------------------------ */

static void
reload(struct sim *s, bool keep)
{
	struct sluice_config cfg = s->conf.gateway;
	char err[256] = "";

	rules_draw(&s->luck, &s->policy);
	if (sim_has(s, SIM_NAMES))
		names_draw(&s->names_luck, &s->policy);
	rules_config(&s->policy, &cfg, s->rule, s->rule_text);
	cfg.keep_flows = keep;
	s->keep_flows |= keep;
	s->was_reloaded = true;
	s->res.reloads++;
	sim_say(s, "reload profile %s, %s; %s; %s%s", cfg.profiles, s->policy.n > 0 ? s->rule_text[0] : "-",
		s->policy.n > 1 ? s->rule_text[1] : "-", s->policy.n > 2 ? s->rule_text[2] : "-",
		keep ? ", flows are kept" : "");
	if (sluice_reload(s->bed->gw, &cfg, err, sizeof(err)) < 0)
		sim_complain(s, "reload: %s", err);
	for (struct talk *t = s->live; t; t = t->next) {
		if (t->named) {
			names_reloaded(s, t);
			continue;
		}
		enum plain what = t->pub.conf.published || t->script
				      ? PLAIN_ALLOW
				      : rules_decide(&s->policy, IP_PROTO_TCP, t->pub.tuple.remote.port);

		/* One that has no host yet is judged when its SYN comes again. */
		if (what != PLAIN_ALLOW)
			t->disturbed = t->forbidden = true;
	}
}

static void
act(struct sim *s, const struct action *a)
{
	switch (a->deed) {
	case DO_TALK:
		sim_talk(s, &a->talk);
		break;
	case DO_DGRAM:
		sim_datagram(s, a->fam, (uint16_t)(5000 + a->n % 3), (uint16_t)(UDP_PORT + a->n), a->len);
		break;
	case DO_DGRAM_IN:
		sim_datagram_in(s, a->fam, a->n % 3, a->len);
		break;
	case DO_ASK:
		sim_ask(s, a->fam, a->n, a->flag);
		break;
	case DO_PING:
		sim_ping(s, a->fam, a->len);
		break;
	case DO_RELOAD:
		reload(s, a->flag);
		break;
	case DO_NAMED:
		/* Some have the address from elsewhere. */
		if (a->n % 6 == 0)
			sim_talk(s, &a->talk);
		else
			guest_ask_and_talk(s, &a->talk);
		break;
	case DO_ABORT:
		if (s->live && !s->live->script)
			sim_talk_abort(s, &s->live->pub);
		break;
	}
}

void
plan_act(struct sim *s)
{
	for (struct action *a; (a = s->plan) && a->at <= sim_now(s) && lease_is_held(s);) {
		s->plan = a->next;
		act(s, a);
		free(a);
	}
}
