/*
 * soak_test.c - an hour of everything, then thirty days in which little happens: nothing grows, nothing drifts, every deadline is met
 *
 * The traffic is that of a siege (exhaustion.h) and more, a hundred times slower than a flood.  Then come thirty virtual days of
 * timers: keep-alives, router advertisements, TTLs, idle flows, TIME-WAIT, another resolv.conf every day.  The clock crosses 2^32
 * milliseconds, 2^31 and 2^32 seconds in the middle of them, one each run; that of sequence numbers wraps every 4.8 hours.
 */
#include "stack/dhcp_wire.h"
#include "test/sim/exhaustion_kit.h"

#define HOUR (3600 * USEC_PER_SEC)
#define DAY (24 * HOUR)
#define DAYS (30 / (int)SCALE)
#define KEEPALIVE (7200 * USEC_PER_SEC)
#define RA_INTERVAL (1800 * USEC_PER_SEC)
#define LATE \
	(6 * \
	 USEC_PER_MSEC) /* the longest turn there may be meanwhile: TURN_WORK twice, and what else there is */
#define TLS_EVERY (20 * USEC_PER_SEC)
#define IDLERS 24u
#define IDLER_FIRST 5000u
#define LEASE_HALF 43200u  /* seconds */
#define GROWTH (64u << 10) /* of the heap: what malloc() keeps */

static const struct sluice_publish published[] = {
    {.bind = "127.0.0.1", .host_first = 8080, .host_last = 8080, .guest_first = 80},
};

/* Connections that are opened once, and say nothing for a month. */
static struct idler {
	struct tuple t;
	uint32_t seq, ack;
	bool open;
	usec_t heard_at; /* the guest's last word */
	unsigned probes;
} idler[IDLERS];

static struct soak {
	usec_t second, reload, client, day, tls, lease; /* when the next of each is due */
	struct siege_tls *opened_tls;
	uint32_t xid;
	unsigned leases;
	usec_t leased_first, leased_last;
	unsigned reloads, clients, refused, days, names, advertised;
	usec_t advertised_at, advertised_first, worst_advertised, worst_probe;
	uint64_t opened, closed, udp_sent, udp_back, pings;
	unsigned served;
	bool calm;
} soak;

static void
on_event(void *ctx, const struct sluice_event *e)
{
	(void)ctx;
	soak.opened += e->kind == SLUICE_EVENT_FLOW_OPENED;
	soak.closed += e->kind == SLUICE_EVENT_FLOW_CLOSED;
}

static void
configure(struct bed_conf *c)
{
	c->gateway.publish = published;
	c->gateway.npublish = 1;
	c->gateway.event = on_event;
	soak.opened_tls = siege_tls_new((uint64_t)(c->start / USEC_PER_SEC));
	c->gateway.intercept = true;
	c->gateway.tls_roots = siege_tls_roots(soak.opened_tls);
}

/* --- the guest ------------------------------------------------------------------------------------------------------ */

static void
idler_sends(struct siege *s, struct idler *i, uint8_t flags)
{
	siege_segment(s, &i->t,
		      &(struct tcp_hdr){.seq = i->seq,
					.ack = flags & TCP_ACK ? i->ack : 0,
					.flags = flags,
					.wnd = 65535,
					.mss = flags & TCP_SYN ? 1460 : 0},
		      NULL, 0);
	i->seq += flags & TCP_SYN ? 1 : 0;
	i->heard_at = siege_now(s);
}

static void
idler_hears(struct siege *s, struct idler *i, const struct bed_frame *f)
{
	if (f->is.tcp.flags & TCP_RST) {
		siege_complain(s, "an idle connection was reset");
	} else if (f->is.tcp.flags & TCP_SYN) {
		i->ack = f->is.tcp.seq + 1;
		i->open = true;
		idler_sends(s, i, TCP_ACK);
	} else if (f->is.tcp.seq == i->ack - 1) {
		/* A probe, and when it comes is all that is to be said about it. */
		usec_t late = f->at - i->heard_at - KEEPALIVE;

		if (late < -LATE || late > LATE)
			siege_complain(s, "a keep-alive came at another time than after two hours");
		if (late > soak.worst_probe)
			soak.worst_probe = late;
		i->probes++;
		idler_sends(s, i, TCP_ACK);
	}
}

static void
hears_advertisement(struct siege *s, usec_t at)
{
	usec_t late = at - soak.advertised_at - RA_INTERVAL;

	if (soak.advertised == 0) {
		soak.advertised_first = at;
	} else {
		if (late < 0 || late > LATE)
			siege_complain(s, "a router advertisement came early or late");
		if (late > soak.worst_advertised)
			soak.worst_advertised = late;
	}
	soak.advertised_at = at;
	soak.advertised++;
}

/* The guest extends its lease as soon as it is half over (RFC 2131 4.4.5), and that is at the same time every day. */
static void
asks_for_its_lease(struct siege *s)
{
	struct craft c = bed_craft(s->bed, &s->bed->gateway[FAMILY_V4]);
	struct dhcp q = {.type = DHCP_REQUEST,
			 .xid = ++soak.xid,
			 .chaddr = s->bed->wire.guest,
			 .ciaddr = s->bed->guest[FAMILY_V4],
			 .max_size = 1500};
	uint8_t msg[1500], buf[FRAME_MAX];
	struct wr w = wr_of(msg, sizeof(msg));

	dhcp_emit(&w, &q);
	bed_push(s->bed, buf,
		 craft_udp(buf, &c, DHCP_CLIENT_PORT, DHCP_SERVER_PORT, view_of(msg, (size_t)(w.p - msg))));
}

static void
hears_its_lease(struct siege *s, const struct bed_frame *f)
{
	struct dhcp a;

	if (!dhcp_parse(f->is.payload, &a) || a.type != DHCP_ACK || a.xid != soak.xid ||
	    !addr_eq(&a.yiaddr, &s->bed->guest[FAMILY_V4]) || a.t1 != LEASE_HALF) {
		siege_complain(s, "a lease was not extended as it was the first time");
		return;
	}
	if (soak.leases++ == 0)
		soak.leased_first = siege_now(s);
	soak.leased_last = siege_now(s);
	soak.lease += (usec_t)a.t1 * USEC_PER_SEC;
}

/* A server in the guest, of a client of the published port: one segment back, and the end. */
static void
serves(struct siege *s, const struct bed_frame *f)
{
	struct tuple t = {{s->bed->guest[FAMILY_V4], 80}, {f->is.ip.src, f->is.tcp.sport}, IP_PROTO_TCP};
	struct tcp_hdr h = {.seq = 5000, .ack = f->is.tcp.seq + 1, .flags = TCP_SYN | TCP_ACK, .wnd = 65535};
	uint32_t len = (uint32_t)f->is.payload.len;

	if (f->is.tcp.flags & TCP_SYN) {
		siege_segment(s, &t, &h, NULL, 0);
		return;
	}
	h.flags = TCP_ACK;
	h.seq = f->is.tcp.ack;
	h.ack = f->is.tcp.seq + len + (f->is.tcp.flags & TCP_FIN ? 1 : 0);
	if (len > 0) {
		h.flags |= TCP_FIN | TCP_PSH;
		siege_segment(s, &t, &h, "served", 6);
	} else if (f->is.tcp.flags & TCP_FIN) {
		siege_segment(s, &t, &h, NULL, 0);
		soak.served++;
	}
}

static void
hears(struct siege *s, const struct bed_frame *f, void *ctx)
{
	(void)ctx;
	if (siege_tls_hears(soak.opened_tls, f))
		return;
	if (f->is.kind == STRICT_UDP && f->is.udp.sport == DHCP_SERVER_PORT) {
		hears_its_lease(s, f);
	} else if (f->is.kind == STRICT_NDP && f->bytes[54] == 134) {
		hears_advertisement(s, f->at);
	} else if (f->is.kind == STRICT_TCP && f->is.tcp.dport == 80) {
		serves(s, f);
	} else if (f->is.kind == STRICT_TCP) {
		for (unsigned i = 0; i < IDLERS; i++)
			if (f->is.tcp.dport == idler[i].t.guest.port &&
			    addr_eq(&f->is.ip.src, &idler[i].t.remote.addr))
				idler_hears(s, &idler[i], f);
	} else if (f->is.kind == STRICT_UDP && f->is.udp.sport == 7) {
		soak.udp_back++;
	}
}

/* --- the host ------------------------------------------------------------------------------------------------------- */

static void
another_resolv_conf(struct siege *s)
{
	char text[64];

	snprintf(text, sizeof(text), "nameserver 192.0.2.%u\n", 53 + ++soak.names % 4);
	assert_true(vhost_put_file(s->bed->vhost, "/etc/resolv.conf", text, strlen(text)));
}

static void
client_comes(struct siege *s)
{
	struct endpoint at = {addr_v4(0x7f000001), 8080};
	struct endpoint from = {addr_v4(0x7f000001), (uint16_t)(40000 + soak.clients % 20000)};

	if (!vhost_client(s->bed->vhost, &at, &from))
		siege_complain(s, "nobody listens at the published port");
	soak.clients++;
}

/* Clients ask, once they are taken, and go when they have been answered. */
static void
clients_go_on(struct siege *s)
{
	struct endpoint own, peer;
	uint8_t b[64];

	for (int i = 0, fd; (fd = vhost_find(s->bed->vhost, HOST_TCP, i)) >= 0; i++) {
		if (!vhost_local(s->bed->vhost, fd, &own) || own.port != 8080 ||
		    !vhost_peer(s->bed->vhost, fd, &peer))
			continue;
		if (vhost_recv(s->bed->vhost, fd, b, sizeof(b)) > 0)
			vhost_send_eof(s->bed->vhost, fd);
		else if (!vhost_got_eof(s->bed->vhost, fd))
			vhost_send(s->bed->vhost, fd, "ask", 3);
	}
}

static void
reloads(struct siege *s)
{
	static const struct sluice_rule rule[] = {{.text = "deny tcp to 192.0.2.77"},
						  {.text = "allow to @any"}};
	struct sluice_config cfg = s->bed->conf.gateway;
	char err[256] = "";

	cfg.rules = rule;
	cfg.nrules = 1 + ++soak.reloads % 2;
	if (sluice_reload(s->bed->gw, &cfg, err, sizeof(err)) != 0)
		siege_complain(s, err);
}

static void
each_second(struct siege *s)
{
	struct endpoint udp = {addr_v4(0xcb007120), 7};
	struct addr to = s->bed->gateway[FAMILY_V4];
	struct craft c = bed_craft(s->bed, &to);
	uint8_t buf[FRAME_MAX];

	siege_datagram(s, (uint16_t)(30000 + soak.udp_sent++ % 100), &udp, "datagram", 8);
	bed_push(s->bed, buf,
		 craft_icmp(buf, &c,
			    &(struct icmp){.type = ICMP4_ECHO_REQUEST, .rest = (uint32_t)++soak.pings},
			    view_of("ping", 4)));
	clients_go_on(s);
}

/* What is due: all of it in the hour; then, once a day, some of it. */
static void
each(struct siege *s, void *ctx)
{
	usec_t now = siege_now(s);

	(void)ctx;
	if (now >= soak.second) {
		each_second(s);
		soak.second += soak.calm ? HOUR : USEC_PER_SEC;
	}
	if (!soak.calm && now >= soak.client) {
		client_comes(s);
		soak.client += 2 * USEC_PER_SEC;
	}
	if (now >= soak.reload) {
		reloads(s);
		sluice_wake(s->bed->gw);
		soak.reload += soak.calm ? DAY : 300 * USEC_PER_SEC;
	}
	if (now >= soak.day) {
		another_resolv_conf(s);
		soak.day += DAY;
		soak.days++;
	}
	if (now >= soak.tls) {
		siege_tls_begin(soak.opened_tls);
		soak.tls += soak.calm ? DAY : TLS_EVERY;
	}
	if (now >= soak.lease && soak.xid == soak.leases)
		asks_for_its_lease(s);
	siege_tls_run(soak.opened_tls);
	s->each_at = time_min(time_min(soak.second, soak.reload), time_min(soak.day, soak.tls));
	if (soak.xid == soak.leases)
		s->each_at = time_min(s->each_at, soak.lease);
	if (!soak.calm)
		s->each_at = time_min(s->each_at, soak.client);
}

/* --- what must be as it was ------------------------------------------------------------------------------------------ */

static void
counters_balance(const struct siege *s)
{
	const struct sluice *gw = s->bed->gw;
	uint64_t open = 0;

	for (int k = 0; k < FLOW_KINDS; k++)
		open += gw->flows.kind[k].open;
	assert_string_equal(s->complaint, "");
	assert_int_equal(gw->stack.count[COUNT_FRAMES_OUT], s->bed->frames);
	assert_int_equal(gw->stack.count[COUNT_BYTES_OUT], s->bed->bytes);
	/* All flows that were opened have been closed but those that are open. */
	assert_int_equal(soak.opened, soak.closed + open);
	assert_int_equal(gw->count[GW_TCP_OPENED] + gw->count[GW_UDP_OPENED] + gw->count[GW_PING_OPENED],
			 soak.opened);
	assert_int_equal(vhost_open_count(s->bed->vhost), gw->files);
}

static void
open_idlers(struct siege *s)
{
	for (unsigned i = 0; i < IDLERS; i++) {
		idler[i] = (struct idler){.t = {{s->bed->guest[FAMILY_V4], (uint16_t)(IDLER_FIRST + i)},
						{addr_v4(0xcb007130 + i), 9},
						IP_PROTO_TCP},
					  .seq = 0xfffffff0u + i};
		idler_sends(s, &idler[i], TCP_SYN);
	}
	siege_until(s, siege_now(s) + USEC_PER_SEC);
	for (unsigned i = 0; i < IDLERS; i++)
		assert_true(idler[i].open);
}

/* A name is kept as long as its TTL says, and no longer: asked 299 and 301 s after it was answered. */
static void
a_name_has_its_time(struct siege *s, unsigned day)
{
	char name[32];

	snprintf(name, sizeof(name), "day%u.example", day);
	siege_ask(s, 40000, 1, name);
	siege_until(s, siege_now(s) + USEC_PER_SEC);
	uint64_t cached = s->bed->gw->count[GW_DNS_CACHED], asked = s->bed->gw->count[GW_DNS_FORWARDED];
	siege_until(s, siege_now(s) + 298 * USEC_PER_SEC);
	siege_ask(s, 40001, 2, name);
	siege_until(s, siege_now(s) + 2 * USEC_PER_SEC);
	assert_int_equal(s->bed->gw->count[GW_DNS_CACHED], cached + 1);
	assert_int_equal(s->bed->gw->count[GW_DNS_FORWARDED], asked);
	siege_ask(s, 40002, 3, name);
	siege_until(s, siege_now(s) + USEC_PER_SEC);
	assert_int_equal(s->bed->gw->count[GW_DNS_CACHED], cached + 1);
	assert_int_equal(s->bed->gw->count[GW_DNS_FORWARDED], asked + 1);
}

/* A UDP flow that was answered ends 180 s after its last datagram: it is there a moment before, and not after. */
static void
a_flow_has_its_time(struct siege *s)
{
	struct endpoint to = {addr_v4(0xcb007121), 7};
	uint32_t before = s->bed->gw->flows.kind[FLOW_UDP].open;

	siege_datagram(s, 41000, &to, "x", 1);
	usec_t said = siege_now(s);
	siege_until(s, said + 170 * USEC_PER_SEC);
	assert_int_equal(s->bed->gw->flows.kind[FLOW_UDP].open, before + 1);
	siege_until(s, said + 180 * USEC_PER_SEC - USEC_PER_MSEC);
	assert_int_equal(s->bed->gw->flows.kind[FLOW_UDP].open, before + 1);
	siege_until(s, said + 180 * USEC_PER_SEC + 4 * RTT);
	assert_int_equal(s->bed->gw->flows.kind[FLOW_UDP].open, before);
}

static void
far_does(struct siege *s, int fd, uint16_t port, void *ctx)
{
	(void)s;
	(void)ctx;
	if (port == 443)
		siege_tls_far(soak.opened_tls, fd);
}

static void
an_hour(struct siege *s)
{
	const struct siege_tls_done *tls = siege_tls_done(soak.opened_tls);

	s->talk.pause = 50 * USEC_PER_MSEC;
	s->fresh.every = 100 * USEC_PER_MSEC;
	s->talk.mute = s->fresh.mute = false;
	s->fresh.names = true;
	s->fresh.ask_at = siege_now(s);
	soak.second = soak.reload = soak.client = soak.lease = siege_now(s);
	soak.tls = siege_now(s) + 7 * USEC_PER_SEC;
	soak.day = siege_now(s) + DAY;
	another_resolv_conf(s);
	s->each = each;
	s->each_at = siege_now(s);
	siege_until(s, siege_now(s) + HOUR / SCALE);
	siege_report(s, "an hour of everything");
	print_message("%u clients of a published port, %u served; %u reloads; %llu datagrams, %llu back\n",
		      soak.clients, soak.served, soak.reloads, (unsigned long long)soak.udp_sent,
		      (unsigned long long)soak.udp_back);
	counters_balance(s);
	others_are_served();
	assert_true(s->fresh.named.n > 1000 / SCALE);
	assert_int_equal(s->fresh.unanswered + s->fresh.servfail, 0);
	assert_in_range(soak.served, soak.clients - 2, soak.clients);
	assert_in_range(soak.udp_back, soak.udp_sent - 2, soak.udp_sent);
	assert_in_range(s->longest.time, 1, LATE);
	print_message("%llu connections over TLS, opened; %.1f ms at most\n", (unsigned long long)tls->took.n,
		      (double)tls->took.worst / 1000);
	assert_in_range(tls->took.n, tls->begun - 1, tls->begun);
	assert_in_range(tls->begun, HOUR / SCALE / TLS_EVERY - 1, HOUR / SCALE / TLS_EVERY + 1);
	assert_in_range(tls->took.worst, 4 * RTT, 20 * RTT);
	assert_int_equal(siege_counted(s, GW_TLS_OPENED), tls->begun);
	assert_int_equal(soak.leases, 1);
}

static void
thirty_days(struct siege *s)
{
	const struct sluice *gw = s->bed->gw;

	siege_hush(s);
	s->fresh.names = false;
	soak.calm = true;
	soak.second = siege_now(s) + HOUR;
	soak.reload = siege_now(s) + DAY;
	soak.tls = siege_now(s) + 3 * HOUR;
	uint64_t opened = siege_tls_done(soak.opened_tls)->took.n;
	siege_until(s, siege_now(s) + HOUR);
	uint64_t heap = siege_heap(s), pool = gw->pool.used;
	uint32_t files = gw->files;
	usec_t began = siege_now(s);

	for (int day = 0; day < DAYS; day++) {
		a_name_has_its_time(s, (unsigned)day);
		a_flow_has_its_time(s);
		siege_until(s, began + (day + 1) * DAY - USEC_PER_SEC);
		counters_balance(s);
		assert_in_range(gw->files, 1, files);
		assert_in_range(gw->pool.used, 0, pool);
		assert_in_range(siege_heap(s), 0, heap + GROWTH);
	}
	print_message(
	    "%d days: heap %+.0f KiB; %u advertisements, %lld us late at most and %lld in all; "
	    "%u keep-alives each, %lld us late at most\n",
	    DAYS, ((double)siege_heap(s) - (double)heap) / 1024, soak.advertised,
	    (long long)soak.worst_advertised,
	    (long long)(soak.advertised_at - soak.advertised_first - (soak.advertised - 1) * RA_INTERVAL),
	    idler[0].probes, (long long)soak.worst_probe);
	/* All that were due have come: none was skipped. */
	for (unsigned i = 0; i < IDLERS; i++)
		assert_in_range(idler[i].probes, 12 * DAYS - 1, 12 * DAYS + 1);
	assert_in_range(soak.advertised, 48 * DAYS, 48 * DAYS + 4);
	/* No drift: late by what turns took, and that does not add up to a second in a month. */
	assert_in_range(soak.advertised_at - soak.advertised_first - (soak.advertised - 1) * RA_INTERVAL, 0,
			USEC_PER_SEC);
	assert_in_range(soak.days, DAYS, DAYS + 1);
	assert_in_range(soak.leases, 2 * DAYS - 1, 2 * DAYS + 2);
	usec_t drift =
	    soak.leased_last - soak.leased_first - (usec_t)(soak.leases - 1) * LEASE_HALF * USEC_PER_SEC;
	assert_in_range(drift + LATE, 0, 2 * LATE);
	assert_int_equal(siege_tls_done(soak.opened_tls)->took.n, opened + DAYS);
}

static void
a_month_from(usec_t start)
{
	memset(&soak, 0, sizeof(soak));
	siege = siege_new(&(struct siege_conf){.rtt = RTT, .start = start, .configure = configure});
	siege->stranger = hears;
	siege->far_does = far_does;
	siege_tls_attach(soak.opened_tls, siege);
	siege_calm(siege, CALM);
	open_idlers(siege);
	an_hour(siege);
	thirty_days(siege);
	/* As on the first day. */
	siege->talk.took = (struct siege_times){0};
	siege->talk.mute = false;
	siege_until(siege, siege_now(siege) + USEC_PER_SEC);
	assert_true(siege->talk.took.n > 10);
	assert_in_range(siege->talk.took.worst, 1, siege->calm.worst + LATE);
	assert_string_equal(siege_free(siege), "");
	siege = NULL;
	siege_tls_free(soak.opened_tls);
	soak.opened_tls = NULL;
}

/* The middle of the month is when a count of this many units has its highest bit turned. */
static usec_t
around(uint64_t units, usec_t unit)
{
	return (usec_t)units * unit - DAYS * DAY / 2;
}

static void
a_month_over_2_32_milliseconds(void **state)
{
	(void)state;
	a_month_from(around(UINT64_C(1) << 32, USEC_PER_MSEC));
}

static void
a_month_over_2_31_seconds(void **state)
{
	(void)state;
	a_month_from(around(UINT64_C(1) << 31, USEC_PER_SEC));
}

static void
a_month_over_2_32_seconds(void **state)
{
	(void)state;
	a_month_from(around(UINT64_C(1) << 32, USEC_PER_SEC));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_month_over_2_32_milliseconds),
	    cmocka_unit_test(a_month_over_2_31_seconds),
	    cmocka_unit_test(a_month_over_2_32_seconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
