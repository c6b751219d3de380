/*
 * world.c - the world's life: steps of time, turns of the gateway, and the end of everything
 *
 * The gateway is driven as its own loop drives it: by what sluice_prepare() asks for and nothing else.  So a wake-up
 * that is lost there is lost here, too.
 */
#include <stdarg.h>
#include <stdlib.h>

#include "test/sim/inside.h"

#define TURNS_MAX 20000u /* of one step: no burst takes so many */
#define PATIENCE (6 * 3600 * USEC_PER_SEC)
#define HOURS (4 * 3600 * USEC_PER_SEC) /* keep-alive: 2 h and 9 probes */

/* --- what others see ------------------------------------------------------------------------------------------ */

struct bed *
sim_bed(struct sim *s)
{
	return s->bed;
}

usec_t
sim_now(const struct sim *s)
{
	return bed_now(s->bed);
}

struct sim_result *
sim_result(struct sim *s)
{
	return &s->res;
}

bool
sim_is_wrong(const struct sim *s)
{
	return s->res.complaint[0];
}

bool
sim_has(const struct sim *s, unsigned what)
{
	return s->res.has & what;
}

void
sim_complain(struct sim *s, const char *fmt, ...)
{
	va_list ap;

	if (sim_is_wrong(s))
		return;
	va_start(ap, fmt);
	vsnprintf(s->res.complaint, sizeof(s->res.complaint), fmt, ap);
	va_end(ap);
	sim_say(s, "WRONG  %s", s->res.complaint);
}

void
sim_say(struct sim *s, const char *fmt, ...)
{
	va_list ap;

	if (!s->set.trace)
		return;
	fprintf(s->set.trace, "%14.6f  ", s->bed ? (double)(sim_now(s) - s->begun) / 1e6 : 0);
	va_start(ap, fmt);
	vfprintf(s->set.trace, fmt, ap);
	va_end(ap);
	fputc('\n', s->set.trace);
}

void
world_digest(struct sim *s, const void *p, size_t n)
{
	const uint8_t *b = p;
	uint64_t word;

	if (s->tls)
		return; /* digest_clear() */
	for (; n >= 8; b += 8, n -= 8) {
		memcpy(&word, b, 8);
		s->res.digest = (s->res.digest ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		s->res.digest ^= s->res.digest >> 29;
	}
	for (; n > 0; b++, n--)
		s->res.digest = (s->res.digest ^ *b) * UINT64_C(0x100000001b3);
}

static void
mix_in(struct sim *s, uint64_t n)
{
	s->res.digest = luck_mix(s->res.digest ^ n);
}

/* Of a world with TLS: all that does not follow from how long a sealed byte's record is. */
static void
digest_clear(struct sim *s)
{
	for (unsigned i = 0; i < s->ntalk; i++) {
		const struct talk *t = s->talk[i];

		mix_in(s, t->sum[UP]);
		mix_in(s, t->sum[DOWN]);
		mix_in(s, (uint64_t)t->pub.complete << 1 | t->pub.broken);
	}
	mix_in(s, s->res.bytes_up);
	mix_in(s, s->res.bytes_down);
	mix_in(s, s->events_sum);
	mix_in(s, s->bed->gw->count[GW_TCP_OPENED]);
	mix_in(s, s->bed->gw->count[GW_TLS_OPENED]);
	mix_in(s, s->bed->gw->count[GW_TLS_BAD_SERVER]);
	mix_in(s, s->bed->gw->count[GW_POLICY_REFUSED]);
}

/* --- frames ------------------------------------------------------------------------------------------------------ */

static void
gateway_said(struct sim *s, struct bed_frame *f)
{
	const struct strict *is = &f->is;
	struct talk *t = NULL;

	s->res.frames_out++;
	world_digest(s, &f->at, sizeof(f->at));
	world_digest(s, f->bytes, f->len);
	if (f->wrong) {
		sim_complain(s, "the gateway sent a bad frame: %s", f->wrong);
		free(f);
		return;
	}
	if (is->kind == STRICT_TCP) {
		t = talk_of(s, &is->ip.src, is->tcp.sport, is->tcp.dport);
		if (t)
			look_sent(s, t, f);
		else if (!(is->tcp.flags & TCP_RST) && !s->strangers)
			sim_complain(s, "the gateway speaks on a connection that nobody began");
	}
	wire_down(s, f, t);
}

void
sim_frame(struct sim *s, const void *frame, size_t len)
{
	s->strangers = true;
	wire_up(s, wire_new(frame, len, NULL));
}

/* What has arrived; how much that is. */
static unsigned
deliver(struct sim *s)
{
	struct parcel *p;
	unsigned n = 0;

	for (; (p = wire_take(s, UP)); n++) {
		if (!p->spoiled)
			guest_came(s, p);
		bed_push_offload(s->bed, p->bytes, p->len, &p->off);
		s->res.frames_in++;
		free(p);
	}
	for (; (p = wire_take(s, DOWN)); n++) {
		guest_hear(s, p->frame, p->talk);
		free(p->frame);
		free(p);
	}
	return n;
}

/* --- turns -------------------------------------------------------------------------------------------------------- */

/* One turn, if the gateway's own loop would make one. */
static bool
turn(struct sim *s)
{
	struct sluice *gw = s->bed->gw;
	struct host *h = vhost_host(s->bed->vhost);
	struct pollfd fds[SLUICE_POLLFDS];
	int ms, n = sluice_prepare(gw, fds, &ms);

	if (h->ops->poll(h, fds, n, 0) <= 0 && ms != 0)
		return false;
	sluice_dispatch(gw, fds, n);
	s->res.turns++;
	for (struct bed_frame *f; (f = bed_pop(s->bed));)
		gateway_said(s, f);
	return true;
}

static bool
host_moves(struct sim *s)
{
	bool did;

	host_find(s);
	did = host_act(s);
	for (struct talk *t = s->live; t; t = t->next)
		did |= talk_host_act(s, t);
	return did;
}

static void
rest(struct sim *s)
{
	unsigned turns = 0, caused = 0;

	for (;; turns++) {
		bool turned = turn(s), moved = host_moves(s);

		caused += moved;
		if (!turned && !moved)
			break;
		if (turns > TURNS_MAX) {
			sim_complain(s, "the gateway never rests");
			return;
		}
		if (sim_is_wrong(s))
			return;
	}
	look_pace(s, turns, caused);
}

static void
bury(struct sim *s)
{
	for (struct talk **at = &s->live, *t; (t = *at);) {
		talk_check_over(s, t);
		if (t->pub.over) {
			*at = t->next;
			sim_say(s, "over   %u", t->pub.number);
		} else {
			at = &t->next;
		}
	}
}

usec_t
sim_next(struct sim *s)
{
	usec_t at = bed_deadline(s->bed), now = sim_now(s);

	/* Where the link has no room what is due waits for it. */
	if (at <= now)
		at = TIME_NEVER;
	at = time_min(at, time_min(wire_next(s), plan_next(s)));
	return time_min(at, time_min(guest_next(s), host_next(s)));
}

bool
sim_step(struct sim *s, usec_t until)
{
	if (sim_is_wrong(s) || sim_now(s) > until)
		return false;

	usec_t next = time_min(sim_next(s), until);
	if (next > sim_now(s))
		vhost_set_time(s->bed->vhost, next);
	bool last = next >= until && sim_next(s) > until;
	wire_stall(s);
	/* A reload is in force before frames that come at the same moment are looked at. */
	plan_act(s);
	unsigned caused = deliver(s);
	guest_act(s);
	if (sim_is_wrong(s))
		return false;
	look_pace(s, 0, 1 + caused);
	rest(s);
	if (sim_is_wrong(s))
		return false;
	look_turn(s);
	if (luck_in(&s->kick_luck, 1, 16) && !sim_is_wrong(s))
		look_kick(s);
	bury(s);
	if (s->set.turn)
		s->set.turn(s, s->set.ctx);
	return !sim_is_wrong(s) && !last;
}

void
sim_until(struct sim *s, usec_t until)
{
	while (sim_step(s, until))
		;
}

/* --- life ---------------------------------------------------------------------------------------------------------- */

static void
on_event(void *ctx, const struct sluice_event *e)
{
	struct sim *s = ctx;

	s->events_open += e->kind == SLUICE_EVENT_FLOW_OPENED;
	s->events_closed += e->kind == SLUICE_EVENT_FLOW_CLOSED;
	s->res.rejudged += e->kind == SLUICE_EVENT_FLOW_CLOSED && e->reason == SLUICE_REASON_RELOAD;
	s->events_sum += luck_mix((uint64_t)e->kind << 8 | (uint64_t)e->reason);
	sim_say(s, "event  %d %s %s %s", e->kind, e->text ? e->text : "", e->guest ? e->guest : "",
		e->remote ? e->remote : "");
}

struct sim *
sim_new(const struct sim_setting *set)
{
	struct sim *s = calloc(1, sizeof(*s));

	if (!s)
		abort();
	s->set = *set;
	s->last_talk = &s->talks;
	s->next_fd = 1000;
	s->luck.state = luck_mix(set->seed);
	s->guest_luck.state = luck_mix(set->seed + 1);
	s->host_luck.state = luck_mix(set->seed + 2);
	s->kick_luck.state = luck_mix(set->seed + 3);
	s->more_luck.state = luck_mix(set->seed + 4);
	s->names_luck.state = luck_mix(set->seed + 6);
	s->lease_luck.state = luck_mix(set->seed + 7);
	plan_setting(s);
	s->conf.gateway.event = on_event;
	s->conf.gateway.hook_ctx = s;
	if (set->configure)
		set->configure(&s->conf, set->ctx);
	s->bed = bed_new(&s->conf);
	vhost_number_once(s->bed->vhost);
	if (s->tls)
		tls_world_work(s);
	/* A timeout that has doubled stays so until a round trip is measured (RFC 6298 5.7), up to a minute: on so bad a
	 * wire 120 s may pass between two that get through. */
	s->bed->gw->tcp_conf.user_timeout = 100000 * USEC_PER_SEC;
	s->begun = sim_now(s);
	for (size_t i = 0; i < set->nfault; i++)
		vhost_fail(s->bed->vhost, set->fault[i].op, set->fault[i].nth, set->fault[i].error);
	wire_init(s);
	memlink_lend(s->bed->mem, s->shared, s->span);
	lease_begin(s);
	if (lease_is_held(s))
		guest_greet(s);
	plan_make(s);
	return s;
}

void
sim_free(struct sim *s, struct sim_result *res)
{
	if (s->bed->gw->count[GW_POLICY_REFUSED] > s->res.refused_by_policy)
		s->res.refused_by_policy = s->bed->gw->count[GW_POLICY_REFUSED];
	s->res.time = sim_now(s) - s->begun;
	s->res.tls_resumed = s->bed->gw->count[GW_TLS_RESUMED];
	if (s->tls)
		digest_clear(s);
	wire_free(s);
	plan_free(s);
	guest_free(s);
	host_free(s);
	for (unsigned i = 0; i < s->ntalk; i++) {
		free(s->talk[i]->script);
		tls_talk_free(s->talk[i]);
		free(s->talk[i]->named);
		free(s->talk[i]);
	}
	free(s->talk);
	if (!bed_free(s->bed)) {
		s->bed = NULL;
		sim_complain(s, "host sockets are open after the gateway has gone");
	}
	tls_world_free(s);
	if (res)
		*res = s->res;
	free(s);
}

/* Is there anything that will end by itself, and must? */
static bool
is_waiting(const struct sim *s)
{
	for (const struct talk *t = s->live; t; t = t->next)
		if (!t->disturbed)
			return true;
	for (const struct question *q = s->questions; q; q = q->next)
		if (!q->answered && q->again_at != TIME_NEVER)
			return true;
	return false;
}

/* The dials nobody answers are told so. */
static void
end_dials(struct sim *s)
{
	for (struct talk *t = s->live; t; t = t->next)
		if (t->host == HOST_DIALLED && t->settle_at == TIME_NEVER) {
			t->pub.conf.answer_error = 110; /* ETIMEDOUT */
			t->settle_at = sim_now(s);
		}
}

bool
sim_is_plain(const struct sim *s)
{
	return !(s->res.has & (SIM_LOSS | SIM_DISORDER | SIM_SPOIL | SIM_STALLS));
}

/* Where nothing was lost on the way every datagram has arrived. */
static void
judge_dgrams(struct sim *s)
{
	const struct sluice *gw = s->bed->gw;

	if (s->set.lenient || sim_has(s, SIM_CROWD) || s->was_reloaded)
		return;
	/* Sockets of the host have room for what comes at once. */
	if (gw->count[GW_UDP_LOST] || gw->count[GW_UDP_FULL] || gw->count[GW_UDP_EVICTED])
		sim_complain(s, "datagrams found no way: %llu, no place: %llu, one more had to go: %llu",
			     (unsigned long long)gw->count[GW_UDP_LOST],
			     (unsigned long long)gw->count[GW_UDP_FULL],
			     (unsigned long long)gw->count[GW_UDP_EVICTED]);
	for (const struct dgram *d = s->dgrams; d; d = d->next) {
		/* In whatever order pieces come, and if some come twice: of all of them there is a datagram. */
		if (d->cut.n > 1 && d->allowed && d->came > 0 && d->up == 0)
			sim_complain(s, "all pieces of datagram %u came, and none of it to the host", d->id);
		if (d->up != (d->allowed ? d->came : 0) && (d->cut.n <= 1 || sim_is_plain(s)))
			sim_complain(s, "datagram %u came %u times, and %u times to the host", d->id, d->came,
				     d->up);
		if (d->inward && d->echoed && d->down != 1 && sim_is_plain(s))
			sim_complain(s, "a client's datagram %u came %u times to the guest", d->id, d->down);
	}
	if (rules_decide(&s->policy, IP_PROTO_ICMP, 0) != PLAIN_ALLOW)
		return;
	for (const struct ping *p = s->pings; p; p = p->next)
		if (p->up != p->came && (p->cut.n <= 1 || sim_is_plain(s)))
			sim_complain(s, "echo request %u came %u times, and %u times to the host", p->seq,
				     p->came, p->up);
}

void
sim_finish(struct sim *s)
{
	lease_finish(s);
	usec_t until = sim_now(s) + PATIENCE;

	while (is_waiting(s) && sim_now(s) < until && sim_step(s, until))
		;
	if (sim_is_wrong(s))
		return;
	for (const struct talk *t = s->live; t; t = t->next)
		if (!t->disturbed)
			sim_complain(s,
				     "conversation %u does not come to its end: up %llu of %llu, down %llu "
				     "of %llu, guest %d, host %d",
				     t->pub.number, (unsigned long long)t->pub.up,
				     (unsigned long long)t->pub.conf.up, (unsigned long long)t->pub.down,
				     (unsigned long long)t->pub.conf.down, t->tcp.state, t->host);
	sim_say(s, "both ends look whether the other is still there");
	s->quiet = true;
	until = sim_now(s) + HOURS;
	while (s->live && sim_now(s) < until) {
		end_dials(s);
		if (!sim_step(s, until))
			break;
	}
	if (s->live && !sim_is_wrong(s))
		sim_complain(s, "after hours conversation %u is still there: guest %d, host %d",
			     s->live->pub.number, s->live->tcp.state, s->live->host);
	sim_until(s, sim_now(s) + 600 * USEC_PER_SEC);
	if (sim_is_wrong(s))
		return;
	look_empty(s);
	judge_dgrams(s);
}

void
sim_run(const struct sim_setting *set, struct sim_result *res)
{
	struct sim *s = sim_new(set);

	while (plan_next(s) != TIME_NEVER && !sim_is_wrong(s) && sim_now(s) < s->stop_at &&
	       sim_step(s, s->stop_at))
		;
	if (s->stop_at == TIME_NEVER)
		sim_finish(s);
	else
		s->res.stops++;
	sim_free(s, res);
}
