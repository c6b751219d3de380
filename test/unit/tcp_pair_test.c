/*
 * tcp_pair_test.c - two connections talk to each other over a bad wire
 *
 * One end opens towards the other, as for a published port; the other holds the SYN, then accepts.  Both
 * send, read at their own pace, and close in every order.  The wire loses, repeats and reorders on a
 * seed.  What is read must be what was written; at the end both are CLOSED, nothing is due, and the pool
 * is full.
 */
#include "test/unit/tcp_kit.h"

#define WIRE_MAX 512

struct packet {
	usec_t at;
	struct tcp_hdr hdr;
	uint32_t len;
	uint8_t *bytes;
};

struct wire {
	struct packet queue[WIRE_MAX];
	int n;
};

/* What one run varies. */
struct weather {
	uint32_t isn;
	uint32_t loss, twice, late; /* in 1,000 */
	bool sack, wscale, copy;
	uint32_t gso;
	uint64_t bytes[2];
	uint32_t slow[2]; /* bytes an end reads at a time; 0: all */
	bool half_open;   /* the end that gets EOF first keeps sending */
};

struct end {
	struct tcp tcp;
	struct wire in;
	uint64_t to_write, written, read;
	uint32_t slow;
	usec_t reads_at;
	bool eof;
	uint32_t edge; /* right-most edge it announced */
	bool edge_known;
};

struct pair {
	struct kit kit;
	struct end end[2];
	struct weather sky;
	uint64_t seed;
	usec_t now;
	uint64_t sent[2];
};

static bool
luck(struct pair *p, uint32_t in_1000)
{
	return kit_below(&p->seed, 1000) < in_1000;
}

static void
wire_put(struct pair *p, struct wire *w, const struct tcp_out *out)
{
	if (w->n == WIRE_MAX || luck(p, p->sky.loss))
		return;

	struct packet *pkt = &w->queue[w->n++];
	usec_t delay = luck(p, p->sky.late) ? 500 + kit_below(&p->seed, 30000) : 500;
	*pkt = (struct packet){.at = p->now + delay, .hdr = out->hdr, .len = out->len};
	if (pkt->hdr.flags & TCP_SYN) {
		pkt->hdr.sack_ok &= p->sky.sack;
		pkt->hdr.has_wscale &= p->sky.wscale;
	}
	pkt->bytes = malloc(out->len ? out->len : 1);
	assert_non_null(pkt->bytes);
	uint32_t at = 0;
	for (int i = 0; i < out->npay; i++) {
		memcpy(pkt->bytes + at, out->pay[i].p, out->pay[i].len);
		at += (uint32_t)out->pay[i].len;
	}
}

static int
wire_next(const struct wire *w)
{
	int first = -1;

	for (int i = 0; i < w->n; i++) {
		if (first < 0 || w->queue[i].at < w->queue[first].at)
			first = i;
	}
	return first;
}

/* The right edge an end tells never moves left by a whole unit of its scale. */
static void
check_edge(struct end *e, const struct tcp_hdr *h)
{
	const struct tcp *t = &e->tcp;
	bool syn = h->flags & TCP_SYN;
	uint32_t edge = h->ack + (syn ? h->wnd : (uint32_t)h->wnd << t->rcv_wscale);

	if (!(h->flags & TCP_ACK) || (h->flags & TCP_RST) || t->fin_rcvd)
		return;
	if (e->edge_known)
		assert_true(seq_lt(e->edge - (1u << t->rcv_wscale), edge));
	if (!e->edge_known || seq_lt(e->edge, edge))
		e->edge = edge;
	e->edge_known = true;
}

static void
end_output(struct pair *p, int i)
{
	struct end *e = &p->end[i];
	struct tcp_out out;
	int said = 0;

	while (kit_output(&e->tcp, p->now, &out)) {
		assert_true(++said < 1000);
		check_edge(e, &out.hdr);
		p->sent[i]++;
		wire_put(p, &p->end[!i].in, &out);
		if (luck(p, p->sky.twice))
			wire_put(p, &p->end[!i].in, &out);
	}
}

static void
end_write(struct end *e, uint64_t *seed)
{
	struct room room[2];

	while (e->written < e->to_write) {
		int n = tcp_writable(&e->tcp, room);
		if (n == 0)
			return;

		size_t len = room[0].len;
		if (len > e->to_write - e->written)
			len = (size_t)(e->to_write - e->written);
		len = kit_below(seed, 4) ? len : 1 + kit_below(seed, (uint32_t)len);
		if (len > room[0].len)
			len = room[0].len;
		for (size_t i = 0; i < len; i++)
			room[0].p[i] = kit_byte(e->written + i);
		tcp_commit(&e->tcp, len);
		e->written += len;
	}
}

static void
end_read(struct pair *p, struct end *e)
{
	struct view v[8];
	size_t total, budget = e->slow ? e->slow : SIZE_MAX;

	if (p->now < e->reads_at)
		return;
	while (budget > 0 && tcp_has_readable(&e->tcp)) {
		size_t taken = 0;
		int n = tcp_readable(&e->tcp, v, 8, &total);

		assert_true(n > 0);
		for (int i = 0; i < n && budget > 0; i++) {
			size_t len = v[i].len < budget ? v[i].len : budget;

			for (size_t k = 0; k < len; k++)
				assert_int_equal(v[i].p[k], kit_byte(e->read + k));
			e->read += len;
			taken += len;
			budget -= len;
		}
		tcp_consume(&e->tcp, taken, p->now);
		kit_check(&e->tcp);
	}
	e->reads_at = p->now + (e->slow ? 2000 : 0);
}

/* An end shuts down when all is written, and, unless half-open, all of the other's is read. */
static void
end_close(struct pair *p, int i)
{
	struct end *e = &p->end[i];

	e->eof |= tcp_at_eof(&e->tcp);
	if (e->written == e->to_write && (p->sky.half_open || i == 0 || e->eof))
		tcp_shutdown(&e->tcp, p->now);
}

/* One segment.  Who has closed knows nothing of it any more. */
static void
end_input(struct pair *p, int i, const struct packet *pkt, struct borrow *lent)
{
	struct end *e = &p->end[i];
	struct tcp_out out = {.len = 0};

	*lent = (struct borrow){.v = view_of(pkt->bytes, pkt->len)};
	if (!e->tcp.conf && (pkt->hdr.flags & TCP_SYN)) {
		tcp_hold(&e->tcp, &p->kit.conf, FAMILY_V4, &pkt->hdr, p->now);
		assert_true(tcp_accept(&e->tcp, p->sky.isn - 3, p->now));
	} else if (e->tcp.state == TCP_CLOSED) {
		if (tcp_refuse(&pkt->hdr, pkt->len, &out.hdr))
			wire_put(p, &p->end[!i].in, &out);
	} else {
		bool last = e->tcp.state == TCP_LAST_ACK || e->tcp.state == TCP_TIME_WAIT;
		unsigned ev = tcp_input(&e->tcp, &pkt->hdr, lent, pkt->len, p->sky.copy, p->now);

		kit_check(&e->tcp);
		assert_true(last || !(ev & TCP_EV_RESET));
	}
}

static void
end_turn(struct pair *p, int i)
{
	struct end *e = &p->end[i];
	struct packet batch[16];
	int n = 0;

	for (int k; n < 16 && (k = wire_next(&e->in)) >= 0 && e->in.queue[k].at <= p->now; n++) {
		batch[n] = e->in.queue[k];
		e->in.n--;
		memmove(&e->in.queue[k], &e->in.queue[k + 1], (size_t)(e->in.n - k) * sizeof(batch[0]));
	}

	struct borrow lent[16];
	for (int k = 0; k < n; k++)
		end_input(p, i, &batch[k], &lent[k]);
	if (e->tcp.conf) {
		assert_false(kit_timers(&e->tcp, p->now) & TCP_EV_TIMEOUT);
		end_read(p, e);
		end_write(e, &p->seed);
		end_close(p, i);
		end_output(p, i);
		tcp_keep(&e->tcp);
		kit_check(&e->tcp);
	}
	for (int k = 0; k < n; k++)
		free(batch[k].bytes);
}

static usec_t
end_wakes(const struct pair *p, const struct end *e)
{
	int k = wire_next(&e->in);
	usec_t at = k >= 0 ? e->in.queue[k].at : TIME_NEVER;

	if (!e->tcp.conf)
		return at;
	if (tcp_has_readable(&e->tcp))
		at = time_min(at, e->reads_at > p->now ? e->reads_at : p->now);
	return time_min(at, tcp_deadline(&e->tcp));
}

static void
run(const struct weather *sky, uint64_t seed, uint64_t sent[2])
{
	static struct pair pair;
	struct pair *p = &pair;

	*p = (struct pair){.sky = *sky, .seed = seed, .now = 1000000};
	kit_open(&p->kit);
	p->kit.conf.gso_max = sky->gso;
	p->kit.conf.msl2 = 120 * USEC_PER_SEC;
	p->kit.conf.user_timeout = 100000 * USEC_PER_SEC;
	for (int i = 0; i < 2; i++) {
		p->end[i].to_write = sky->bytes[i];
		p->end[i].slow = sky->slow[i];
	}
	assert_true(tcp_connect(&p->end[0].tcp, &p->kit.conf, FAMILY_V4, sky->isn, p->now));

	for (int turns = 0;; turns++) {
		assert_true(turns < 2000000);
		for (int i = 0; i < 2; i++)
			end_turn(p, i);
		usec_t next = time_min(end_wakes(p, &p->end[0]), end_wakes(p, &p->end[1]));
		if (next == TIME_NEVER)
			break;
		if (next > p->now)
			p->now = next;
		else
			p->now++;
	}

	for (int i = 0; i < 2; i++) {
		struct end *e = &p->end[i];

		assert_int_equal(e->tcp.state, TCP_CLOSED);
		assert_true(e->eof);
		assert_int_equal(e->read, p->end[!i].to_write);
		assert_int_equal(e->in.n, 0);
		tcp_free(&e->tcp);
		sent[i] = p->sent[i];
	}
	kit_close(&p->kit);
}

/* --- the runs ---------------------------------------------------------------------------------------- */

static void
fine_weather_costs_little(void **state)
{
	(void)state;
	for (size_t i = 0; i < KIT_ISNS; i++) {
		struct weather sky = {.isn = kit_isn[i], .sack = true, .wscale = true, .bytes = {3000000, 0}};
		uint64_t sent[2];

		run(&sky, 1 + i, sent);
		/* A segment each MSS, a few to open and close; no retransmission, an ACK per two at most. */
		assert_in_range(sent[0], 3000000 / 1460, 3000000 / 1460 + 60);
		assert_in_range(sent[1], 10, 3000000 / 1460 / 2 + 60);
	}
}

static void
offloaded_segments_are_few(void **state)
{
	struct weather sky = {
	    .isn = 0xffffff00, .sack = true, .wscale = true, .gso = 64240, .bytes = {5000000, 5000000}};
	uint64_t sent[2];

	(void)state;
	run(&sky, 7, sent);
	assert_in_range(sent[0], 70, 1500);
	assert_in_range(sent[1], 70, 1500);
}

static void
every_weather(void **state)
{
	uint64_t luck_of = 20240607;

	(void)state;
	for (unsigned i = 0; i < 240; i++) {
		struct weather sky = {
		    .isn = kit_isn[i % KIT_ISNS] - kit_below(&luck_of, 3000),
		    .loss = (uint32_t[]){0, 10, 50, 200}[kit_below(&luck_of, 4)],
		    .twice = kit_below(&luck_of, 3) ? 0 : 100,
		    .late = kit_below(&luck_of, 3) ? 0 : 100,
		    .sack = kit_below(&luck_of, 4),
		    .wscale = kit_below(&luck_of, 4),
		    .copy = kit_below(&luck_of, 2),
		    .gso = kit_below(&luck_of, 2) ? 20000 : 0,
		    .bytes = {kit_below(&luck_of, 2) ? kit_below(&luck_of, 300000) : kit_below(&luck_of, 3),
			      kit_below(&luck_of, 2) ? kit_below(&luck_of, 300000) : kit_below(&luck_of, 3)},
		    .half_open = kit_below(&luck_of, 2),
		};
		uint64_t sent[2];

		for (int e = 0; e < 2; e++)
			sky.slow[e] = kit_below(&luck_of, 3) ? 0 : 1 + kit_below(&luck_of, 3000);
		run(&sky, i + 1, sent);
	}
}

/* A fiftieth of the segments is lost: selective acknowledgments keep the cost near that. */
static void
loss_is_repaired_selectively(void **state)
{
	struct weather sky = {.isn = 5, .sack = true, .wscale = true, .loss = 20, .bytes = {3000000, 0}};
	uint64_t sent[2];

	(void)state;
	run(&sky, 99, sent);
	assert_in_range(sent[0], 3000000 / 1460, 3000000 / 1460 * 110 / 100);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(fine_weather_costs_little),
	    cmocka_unit_test(offloaded_segments_are_few),
	    cmocka_unit_test(every_weather),
	    cmocka_unit_test(loss_is_repaired_selectively),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
