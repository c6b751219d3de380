/*
 * look.c - what the gateway says and holds, against what came to it
 *
 * Each segment is judged when it is sent, before the wire has its way with it:
 *
 *	text       is what the host wrote there, and no more than it wrote; a FIN stands where the host ended
 *	ACK        of nothing but what has come, all of it, undamaged; never of less than before
 *	window     its right edge stays or moves right; the guest's own is respected, but for a probe of one number
 *	SACK       only if both SYNs said so, and only of what has come
 *	RST        only where somebody gave a reason
 *
 * And when the gateway rests: every flow is in the heap with its deadline or has a socket that is watched, events and
 * counters agree with the tables, tables and pool are within their limits.
 */
#include "proxy/intercept_int.h"
#include "test/sim/inside.h"

#define TURNS_OWN 400u  /* a virtual second may have for its own sake, and ... */
#define TURNS_FLOW 100u /* for each flow: timers of 40 ms and more */

static uint64_t
offset_of(uint32_t number, uint32_t base, uint64_t near)
{
	return near + (uint64_t)(int64_t)(int32_t)(number - (base + (uint32_t)near));
}

/* --- what comes to the gateway -------------------------------------------------------------------------------- */

void
look_came(struct sim *s, const struct parcel *p)
{
	struct talk *t = p->talk;
	struct gateway_eye *e = &t->eye;
	const struct tcp_hdr *h = &p->tcp;
	bool syn = h->flags & TCP_SYN, fin = h->flags & TCP_FIN;

	if (h->flags & TCP_RST)
		return;
	uint64_t in_order = runs_end(&e->came, 0), from = offset_of(h->seq, t->tcp.iss, in_order);
	if ((int64_t)from < 0)
		return; /* a keep-alive's */
	e->heard |= syn;
	if (!runs_add(&e->came, from, from + p->text + (fin ? 1 : 0) + (syn ? 1 : 0)))
		sim_complain(s, "the model has no room for so many gaps");
	if (fin) {
		e->fin_came = true;
		e->fin_at = from + p->text;
	}
	if (syn && !(h->flags & TCP_ACK)) {
		e->guest_edge = 1 + h->wnd;
		return;
	}
	uint64_t ack = offset_of(h->ack, e->iss, e->guest_ack);
	uint64_t edge = ack + ((uint64_t)h->wnd << (t->tcp.scaled && !syn ? t->tcp.scale : 0));
	if (ack > e->guest_ack)
		e->guest_ack = ack;
	if (edge > e->guest_edge)
		e->guest_edge = edge;
}

/* --- what the gateway sends -------------------------------------------------------------------------------------- */

static void
complain(struct sim *s, const struct talk *t, const char *what, uint64_t about)
{
	sim_complain(s, "conversation %u: %s (%llu)", t->pub.number, what, (unsigned long long)about);
}

static void
look_syn(struct sim *s, struct talk *t, const struct tcp_hdr *h)
{
	struct gateway_eye *e = &t->eye;
	const struct guest_tcp *g = &t->tcp;
	uint32_t link = s->conf.lim.mtu - (t->pub.conf.fam == FAMILY_V4 ? 40 : 60);
	bool answer = h->flags & TCP_ACK;

	e->iss = h->seq;
	e->syn = true;
	if (e->max < 1)
		e->max = 1;
	if (answer != !t->pub.conf.published)
		complain(s, t, "a SYN of the wrong kind", h->flags);
	if (h->mss == 0 || h->mss > link)
		complain(s, t, "the MSS told is not what the link takes", h->mss);
	if (answer && ((h->has_wscale && !g->offers_scale) || (h->sack_ok && !g->offers_sack)))
		complain(s, t, "a SYN answers with an option that was not offered", h->flags);
	if (h->wscale > 14)
		complain(s, t, "a window scale of more than 14 (RFC 7323 2.3)", h->wscale);
	e->scaled = h->has_wscale && g->offers_scale;
	e->scale = h->wscale;
}

static void
look_text(struct sim *s, struct talk *t, const struct bed_frame *f)
{
	struct gateway_eye *e = &t->eye;
	const struct strict *is = &f->is;
	const struct program *p = &t->prog[DOWN];
	size_t len = is->payload.len;
	bool fin = is->tcp.flags & TCP_FIN;
	uint64_t from = offset_of(is->tcp.seq, e->iss, e->max), end = from + len + (fin ? 1 : 0);

	if (end == from)
		return;
	if (!e->syn || (int64_t)from < 1) {
		complain(s, t, "text before a SYN", from);
		return;
	}
	if (t->script)
		script_heard(s, t, from - 1, is->payload, fin);
	else if (t->sealed)
		tls_look(s, t, from - 1, is->payload, fin);
	else if (names_page(s, t, from - 1, is->payload))
		s->res.named_refused += from == 1 && len > 0 && e->max == 1;
	else if (from - 1 + len > p->wrote)
		complain(s, t, "text that the host has not written", from - 1 + len);
	else if (!talk_is(t, DOWN, is->payload.p, from - 1, len))
		complain(s, t, "other text than the host wrote, from byte", from - 1);
	if (fin && !t->script && !t->sealed && !(t->named && t->named->page) &&
	    (!p->shut || from - 1 + len != p->wrote))
		complain(s, t, "a FIN where the host has not ended", from - 1 + len);
	if (end > e->guest_edge + (end - from == 1 ? 1 : 0))
		complain(s, t, "text beyond the window the guest told", end - e->guest_edge);
	if (len > t->tcp.mss_told && (f->off.gso_size == 0 || f->off.gso_size > t->tcp.mss_told))
		complain(s, t, "a segment longer than the guest's MSS", len);
	if (from < e->max)
		s->res.retransmitted++;
	else if (from > e->max)
		complain(s, t, "numbers were left out", from);
	s->res.gso += f->off.gso_size > 0;
	if (end > e->max)
		e->max = end;
	e->fin |= fin;
}

static void
look_gaps(struct sim *s, const struct talk *t, const struct tcp_hdr *h)
{
	const struct gateway_eye *e = &t->eye;

	if (h->nsack && !t->tcp.sacks)
		complain(s, t, "selective acknowledgments that were not agreed upon", h->nsack);
	for (unsigned i = 0; i < h->nsack; i++) {
		uint64_t from = offset_of(h->sack[i].left, t->tcp.iss, e->ack),
			 until = offset_of(h->sack[i].right, t->tcp.iss, e->ack);

		if (from >= until || !runs_have(&e->came, from, until))
			complain(s, t, "a selective acknowledgment of what has not come", from);
	}
}

static void
look_ack(struct sim *s, struct talk *t, const struct tcp_hdr *h)
{
	struct gateway_eye *e = &t->eye;
	uint64_t in_order = runs_end(&e->came, 0), ack = offset_of(h->ack, t->tcp.iss, e->ack);
	uint64_t unit = UINT64_C(1) << (e->scaled && !(h->flags & TCP_SYN) ? e->scale : 0),
		 edge = ack + h->wnd * unit;

	if ((int64_t)ack < 0 || ack > in_order)
		complain(s, t, "an acknowledgment of what has not come", ack);
	else if (ack < e->ack)
		complain(s, t, "an acknowledgment of less than before", ack);
	else
		e->ack = ack;
	look_gaps(s, t, h);
	if (h->flags & TCP_RST)
		return;
	/* Room for a FIN is not needed any more once it is there. */
	if (edge + unit <= e->edge && !e->fin_came)
		complain(s, t, "the window's edge moved back", e->edge - edge);
	if (edge > e->edge)
		e->edge = edge;
}

void
look_sent(struct sim *s, struct talk *t, const struct bed_frame *f)
{
	const struct tcp_hdr *h = &f->is.tcp;
	struct gateway_eye *e = &t->eye;

	sim_say(s, "gatewy %u:%s%s%s%s seq %lld +%zu ack %lld wnd %u sack %u", t->pub.number,
		h->flags & TCP_SYN ? " SYN" : "", h->flags & TCP_FIN ? " FIN" : "",
		h->flags & TCP_RST ? " RST" : "", h->flags & TCP_ACK ? " ACK" : "",
		(long long)offset_of(h->seq, e->iss, e->max), f->is.payload.len,
		(long long)offset_of(h->ack, t->tcp.iss, e->ack), h->wnd, h->nsack);
	if (h->flags & TCP_RST) {
		if (!t->disturbed && !(e->fin && e->fin_came) && !talk_may_end(s, t) &&
		    !(sim_has(s, SIM_CROWD) && !talk_has_place(t)))
			complain(s, t, "a reset that nobody gave a reason for", h->seq);
		return;
	}
	if (h->flags & TCP_SYN) {
		/* An old SYN may bring about a second connection, which the guest refuses. */
		if (e->syn && e->iss != h->seq && t->tcp.state != GUEST_SYN_SENT)
			return;
		look_syn(s, t, h);
	}
	if (h->flags & TCP_ACK)
		look_ack(s, t, h);
	look_text(s, t, f);
}

/* --- at rest ---------------------------------------------------------------------------------------------------------- */

static void
look_flow(struct sim *s, const struct flow *f)
{
	usec_t now = sim_now(s), at = f->ops->deadline(f);
	const struct sluice *gw = s->bed->gw;

	if (f->is_ready) {
		if (gw->sink.room(gw->sink.ctx))
			sim_complain(s, "a flow (%s) is ready, there is room, and the gateway rests",
				     f->ops->name);
		return;
	}
	if (at <= now)
		sim_complain(s, "a flow (%s) is due, and the gateway rests", f->ops->name);
	else if (at != TIME_NEVER && (!f->heap_at || f->heap_key > at))
		sim_complain(s, "a flow (%s) will not be woken when it is due", f->ops->name);
	else if (at == TIME_NEVER && (f->fd < 0 || f->kind != FLOW_TCP))
		sim_complain(s, "a flow (%s) has neither a deadline nor anything that could wake it",
			     f->ops->name);
}

static void
look_tables(struct sim *s)
{
	const struct sluice *gw = s->bed->gw;
	uint64_t opened = 0, places = 0;

	for (int k = 0; k < FLOW_KINDS; k++) {
		const struct flow_kind_table *kind = &gw->flows.kind[k];
		uint32_t open = 0;

		for (uint32_t i = 0; i < kind->fresh; i++) {
			const struct flow *f = flow_at(&gw->flows, (enum flow_kind)k, i);

			if (!f->ops)
				continue;
			open++;
			opened += f->opened;
			look_flow(s, f);
		}
		places += open;
		if (open != kind->open || open > kind->max)
			sim_complain(s, "a table (%d) counts %u flows and has %u of at most %u", k,
				     kind->open, open, kind->max);
	}
	if (s->events_open - s->events_closed != opened)
		sim_complain(s, "%llu flows were opened, %llu closed, and %llu are open",
			     (unsigned long long)s->events_open, (unsigned long long)s->events_closed,
			     (unsigned long long)opened);
	if (s->events_open != gw->count[GW_TCP_OPENED] + gw->count[GW_UDP_OPENED] + gw->count[GW_PING_OPENED])
		sim_complain(s, "%llu flows were told to be opened, and %llu TCP flows counted",
			     (unsigned long long)s->events_open,
			     (unsigned long long)gw->count[GW_TCP_OPENED]);
	if (gw->pool.used > gw->pool.size || gw->files > gw->max_files ||
	    gw->files != vhost_open_count(s->bed->vhost))
		sim_complain(s, "%u descriptors are counted, %zu are open, of at most %u", gw->files,
			     vhost_open_count(s->bed->vhost), gw->max_files);
	if (gw->intercept && (gw->intercept->open > gw->intercept->max || gw->intercept->open > places ||
			      gw->intercept->handshakes > gw->intercept->open))
		sim_complain(
		    s, "%u connections are opened, %u in their handshakes, of %u flows and at most %u",
		    gw->intercept->open, gw->intercept->handshakes, (unsigned)places, gw->intercept->max);
	if (places == 0 && gw->flows.nheap)
		sim_complain(s, "no flow is open, and %u wait for their time", gw->flows.nheap);
}

/* What the policy in force forbids is not connected any more. */
static void
look_policy(struct sim *s)
{
	for (struct talk *t = s->live; t; t = t->next)
		if (t->named)
			names_look(s, t);
	for (struct talk *t = s->live; t && !s->keep_flows; t = t->next) {
		bool connected = t->host == HOST_OPEN || t->host == HOST_DIALLED;

		if (connected && !t->pub.conf.published && !vhost_closed(s->bed->vhost, t->fd) &&
		    !talk_may_reach(s, t))
			sim_complain(s, "conversation %u is forbidden, and the host is still connected",
				     t->pub.number);
	}
}

/* Where datagrams have hardly any places, the flow that has been quiet longest makes room. */
static void
look_crowd(struct sim *s)
{
	struct sluice *gw = s->bed->gw;
	struct flow_kind_table *kind = &gw->flows.kind[FLOW_UDP];
	bool evicted = gw->count[GW_UDP_EVICTED] != s->evicted;
	struct udp_seen now[UDP_SEEN] = {{.open = false}};

	s->evicted = gw->count[GW_UDP_EVICTED];
	for (uint32_t i = 0; i < kind->fresh && i < UDP_SEEN; i++) {
		const struct flow *f = flow_at(&gw->flows, FLOW_UDP, i);

		if (f->ops)
			now[i] = (struct udp_seen){true,
						   (uint64_t)f->tuple.guest.port << 16 | f->tuple.remote.port,
						   ((const struct udp_flow *)(const void *)f)->used};
	}
	for (unsigned i = 0; i < UDP_SEEN && evicted; i++) {
		const struct udp_seen *was = &s->udp_seen[i];

		if (!was->open || (now[i].open && now[i].ports == was->ports))
			continue;
		for (unsigned k = 0; k < UDP_SEEN; k++)
			if (now[k].open && s->udp_seen[k].open && now[k].ports == s->udp_seen[k].ports &&
			    now[k].used < was->used && sim_now(s) < was->used + 60 * USEC_PER_SEC)
				sim_complain(
				    s, "a flow of datagrams made room, and another was quiet for longer");
	}
	memcpy(s->udp_seen, now, sizeof(now));
}

void
look_turn(struct sim *s)
{
	if (sim_has(s, SIM_CROWD))
		look_crowd(s);
	look_tables(s);
	look_policy(s);
	if (s->bed->complaint[0])
		sim_complain(s, "%s", s->bed->complaint);
}

/* A second may have so many turns as things come from outside in it, and as timers have a right to. */
void
look_pace(struct sim *s, unsigned turns, unsigned caused)
{
	const struct flow_table *t = &s->bed->gw->flows;

	if (sim_now(s) >= s->second_at + USEC_PER_SEC) {
		s->second_at = sim_now(s);
		s->turns_second = s->caused = 0;
	}
	s->turns_second += turns;
	s->caused += caused;
	/* TLS has so many steps a turn, and a record is one. */
	uint64_t each = s->tls ? 24 : 4;
	if (s->turns_second > TURNS_OWN + each * (uint64_t)s->caused +
				  TURNS_FLOW * (uint64_t)(s->ntalk + t->kind[FLOW_UDP].open))
		sim_complain(s, "%llu turns in a second, in which %u things happened",
			     (unsigned long long)s->turns_second, s->caused);
}

/* A flow that is asked to do what it can, for no reason, does nothing: else nobody had woken it. */
void
look_kick(struct sim *s)
{
	struct sluice *gw = s->bed->gw;
	uint64_t frames = s->bed->frames, up = gw->count[GW_BYTES_TO_HOST],
		 down = gw->count[GW_BYTES_TO_GUEST];

	/* Who has work left waits for room on the link. */
	if (gw->flows.ready_first)
		return;
	for (int k = 0; k < FLOW_KINDS; k++) {
		for (uint32_t i = 0; i < gw->flows.kind[k].fresh; i++) {
			struct flow *f = flow_at(&gw->flows, (enum flow_kind)k, i);

			if (f->ops)
				flow_mark_ready(&gw->flows, f);
		}
	}
	gw_turn(gw, true, true, sim_now(s));
	s->res.kicks++;
	if (s->bed->frames != frames || gw->count[GW_BYTES_TO_HOST] != up ||
	    gw->count[GW_BYTES_TO_GUEST] != down)
		sim_complain(s,
			     "a flow had something to do, and nothing would have woken it (%llu frames, %llu "
			     "bytes up, %llu down)",
			     (unsigned long long)(s->bed->frames - frames),
			     (unsigned long long)(gw->count[GW_BYTES_TO_HOST] - up),
			     (unsigned long long)(gw->count[GW_BYTES_TO_GUEST] - down));
}

void
look_empty(struct sim *s)
{
	const struct sluice *gw = s->bed->gw;
	size_t own = gw->nlistener + (gw->spare_fd >= 0), sockets = vhost_open_count(s->bed->vhost);

	for (int k = 0; k < FLOW_KINDS; k++)
		if (gw->flows.kind[k].open)
			sim_complain(s, "after idle hours %u flows (%d) are left", gw->flows.kind[k].open, k);
	for (uint32_t i = 0; i < FRAG_SETS; i++)
		if (gw->stack.frag.set[i].used)
			sim_complain(s, "after idle hours fragments are left");
	if (gw->pool.used)
		sim_complain(s, "after idle hours %zu bytes of the pool are taken", gw->pool.used);
	if (gw->files != own || sockets != own)
		sim_complain(s, "after idle hours %zu host sockets are open, and %zu should be", sockets,
			     own);
	if (gw->flows.ready_first || gw->flows.nheap)
		sim_complain(s, "after idle hours %u flows wait for their time", gw->flows.nheap);
	if (bed_deadline(s->bed) <= sim_now(s))
		sim_complain(s, "after idle hours something is due");
	if (s->events_open != s->events_closed)
		sim_complain(s, "%llu flows were opened and %llu closed", (unsigned long long)s->events_open,
			     (unsigned long long)s->events_closed);
}
