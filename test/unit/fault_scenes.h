/*
 * fault_scenes.h - what a gateway does, in scenes in which anything may fail
 *
 * Each says how many of its lines, questions and answers did not come to what they should have.  With nothing failing that is none.
 * scene_run() plays one (fault_scene_kit.h).
 */
#ifndef TEST_UNIT_FAULT_SCENES_H
#define TEST_UNIT_FAULT_SCENES_H

#include "link/vhost_int.h"
#include "test/bed/h2_peer.h"
#include "test/unit/far_dgram_kit.h"
#include "test/unit/fault_scene_kit.h"

#define PLACEHOLDER "sluice-placeholder-0123456789"
#define VALUE "the-value-that-no-guest-has"
#define ALLOW_BYSTANDER "allow to " BED_ELSEWHERE_V4

/* --- connections ------------------------------------------------------------------------------------------------------ */

static const struct sluice_publish published[] = {
    {.bind = "127.0.0.1", .host_first = OUTSIDE, .host_last = OUTSIDE, .guest_first = INSIDE},
    {.bind = "127.0.0.1",
     .host_first = OUTSIDE_UDP,
     .host_last = OUTSIDE_UDP,
     .guest_first = 81,
     .udp = true},
};

static void
publish(void)
{
	conf.gateway.publish = published;
	conf.gateway.npublish = 2;
}

/* The host's connects come to their ends. */
static bool
settle_connects(void)
{
	for (unsigned i = 1; i < nline; i++) {
		uint16_t port = line[i].c->p.t.remote.port;
		int fd = line[i].c->gone ? -1 : line[i].c->fd;
		struct vhost_sock *s = vhost_sock_open(vhost_of(vhost_host(bed->vhost)), fd);

		if (!s || s->state != VHOST_CONNECTING)
			continue;
		vhost_settle(bed->vhost, fd, port == 91 ? ECONNREFUSED : 0);
		return true;
	}
	return false;
}

static void
answers_of_the_host(void)
{
	struct endpoint to = far_v6(90);

	vhost_answer(bed->vhost, HOST_TCP, &to, VHOST_ACCEPT_LATER);
	to.port = 91;
	vhost_answer(bed->vhost, HOST_TCP, &to, VHOST_ACCEPT_LATER);
	to = at("127.0.0.1", 82);
	vhost_answer(bed->vhost, HOST_TCP, &to, VHOST_REFUSE);
	to.port = 83;
	vhost_answer(bed->vhost, HOST_TCP, &to, VHOST_REFUSE);
	to.addr = addr_of("::1");
	vhost_answer(bed->vhost, HOST_TCP, &to, VHOST_REFUSE);
	others_move = settle_connects;
}

/* Both families, hosts that take a while, that refuse, on one loopback and on both; each way to end; a client of a published port. */
static unsigned
tcp_play(void)
{
	struct endpoint outside = at("127.0.0.1", OUTSIDE), client = at("127.0.0.1", 40000);
	struct endpoint own = {bed->gateway[FAMILY_V4], 82};

	answers_of_the_host();
	line_new(3001, far_v4(80), GUEST_ENDS, 9000);
	line_new(3002, far_v6(80), HOST_ENDS, 9000);
	line_new(3003, far_v6(90), HOST_CUTS, 900);
	line_new(3004, far_v6(91), IS_REFUSED, 0);
	line_new(3005, own, GUEST_CUTS, 900);
	own.port = 83;
	line_new(3006, own, IS_REFUSED, 0);
	line_new(INSIDE, own, HOST_ENDS, 900)->inbound = true;
	assert_true(vhost_client(bed->vhost, &outside, &client));
	lines_open();
	/* What is said after an end of file of the other side's. */
	lines_end();
	return hurt_lines();
}

/* A host that takes and gives a little at a time: writes that fall short, windows that close. */
static unsigned
slow_play(void)
{
	struct line *l = line_new(3001, far_v4(80), GUEST_ENDS, 0);

	lines_open();
	if (!l->c->gone && l->c->fd >= 0)
		vhost_buffers(bed->vhost, l->c->fd, 3000, 5000);
	for (unsigned i = 0; i < 3; i++) {
		l->total += 20000;
		stir();
	}
	stir_for(2 * USEC_PER_SEC);
	lines_end();
	return hurt_lines();
}

/* --- datagrams --------------------------------------------------------------------------------------------------------- */

static void
datagrams_before(void)
{
	publish();
	conf.lim = (struct link_limits){.mtu = 1500, .csum = true, .tso = true, .uso = true};
}

/* What came is answered, datagram for datagram. */
static bool
dgrams_are_answered(void)
{
	static uint8_t b[65536];
	struct endpoint to;
	bool moved = false;
	int fd;
	size_t n;

	for (int i = 0; (fd = vhost_find(bed->vhost, HOST_UDP, i)) >= 0; i++)
		while (fd != bed->gw->listener[1].fd &&
		       vhost_recv_dgram(bed->vhost, fd, b, sizeof(b), &n, &to)) {
			vhost_send_dgram(bed->vhost, fd, &to, b, n);
			moved = true;
		}
	for (int i = 0; (fd = vhost_find(bed->vhost, HOST_PING, i)) >= 0; i++)
		while (vhost_recv_dgram(bed->vhost, fd, b, sizeof(b), &n, NULL)) {
			b[0] = b[0] == ICMP4_ECHO_REQUEST ? ICMP4_ECHO_REPLY : ICMP6_ECHO_REPLY;
			vhost_send_dgram(bed->vhost, fd, NULL, b, n);
			moved = true;
		}
	return moved;
}

static void
guest_pings(const struct addr *to)
{
	bool v4 = addr_is_v4(to);
	struct icmp h = {.type = v4 ? ICMP4_ECHO_REQUEST : ICMP6_ECHO_REQUEST, .rest = 7u << 16 | 1};
	struct craft c = bed_craft(bed, to);

	c.tos = 0x10;
	bed_push(bed, buf, craft_icmp(buf, &c, &h, view_of("ping", 4)));
}

/* Runs of equal ones, lone ones, pings, a published port, errors of the network. */
static unsigned
datagrams_play(void)
{
	struct endpoint outside = at("127.0.0.1", 40001), run = far_v4(7000), lone = far_v6(7001), asked;
	struct addr v4 = bed_elsewhere(FAMILY_V4), v6 = bed_elsewhere(FAMILY_V6);
	int in = bed->gw->listener[1].fd;
	bool inside = false;
	size_t n;

	others_move = dgrams_are_answered;
	for (unsigned i = 0; i < 8; i++)
		guest_udp(6000, &run, zeros, 1000);
	guest_udp(6001, &lone, "question", 8);
	struct craft c = bed_craft(bed, &run.addr);
	c.tos = 0x10;
	bed_push(bed, buf, craft_udp(buf, &c, 6002, 7002, view_of("urgent", 6)));
	guest_pings(&v4);
	guest_pings(&v6);
	assert_true(vhost_send_dgram(bed->vhost, in, &outside, "outside", 7));
	stir();
	while (vhost_recv_dgram(bed->vhost, in, buf, sizeof(buf), &n, &asked))
		inside |= n == 6 && asked.port == 40001;
	for (unsigned i = 0; i < 3; i++)
		guest_udp(6001, &lone, zeros, 100 * i);
	stir();
	network_says_no(7000);
	stir();
	unsigned hurt = is_worse("a run", heard_at[6000].bytes != 8000);
	hurt += is_worse("a lone one", heard_at[6001].bytes != 308);
	hurt += is_worse("one of another class", heard_at[6002].bytes != 6);
	hurt += is_worse("ping", echoes[FAMILY_V4] != 1) + is_worse("ping 6", echoes[FAMILY_V6] != 1);
	return hurt + is_worse("a published port", !inside);
}

static void
one_port_before(void)
{
	datagrams_before();
	conf.gateway.udp_endpoint_independent = true;
}

/* --- names ---------------------------------------------------------------------------------------------------------------- */

static void
names_before(void)
{
	static const char *const routes[] = {"inside.example=" SERVER_B};

	conf.gateway.nameservers = two_servers;
	conf.gateway.nnameservers = 2;
	conf.gateway.dns_routes = routes;
	conf.gateway.ndns_routes = 1;
}

/* Over TCP a question has its length before it; so has the answer. */
static bool
is_told_by_tcp(const char *name)
{
	const struct message *m = question(1, name, DNS_A, 0);
	struct line *l = line_new(3053, dns_at(FAMILY_V4), GUEST_ENDS, 0);
	const uint8_t *got = l->kept[GUEST];

	l->text = "";
	lines_open();
	l->c->out[l->c->nout++] = (uint8_t)(m->len >> 8);
	l->c->out[l->c->nout++] = (uint8_t)m->len;
	memcpy(l->c->out + l->c->nout, m->bytes, m->len);
	l->c->nout += m->len;
	stir_for(5 * USEC_PER_SEC);
	if (l->had[GUEST] < 14 || l->had[GUEST] != 2u + (unsigned)(got[0] << 8 | got[1]))
		return false;
	struct told t = read_told(view_of(got + 2, l->had[GUEST] - 2));
	lines_end();
	return t.rcode == DNS_NOERROR && t.answers == 1;
}

/* Answered at once, from the cache, by the second server, cut short and asked again over TCP, routed, and not there at all. */
static unsigned
names_play(void)
{
	others_move = servers_answer;
	unsigned hurt = asks_in_vain(1, "first.example");

	hurt += asks_in_vain(2, "first.example");
	hurt += asks_in_vain(3, "slow.example");
	hurt += asks_in_vain(4, "bigger.example");
	hurt += asks_in_vain(5, "host.inside.example");
	hurt += asks_in_vain(6, "none.example");
	hurt += is_worse("by TCP", !is_told_by_tcp("other.example"));
	return hurt;
}

static void
put_resolv_conf(struct vhost *v, struct sluice_config *c)
{
	struct addr a = addr_of("192.0.2.7");

	(void)c;
	assert_true(vhost_put_file(v, "/etc/resolv.conf", "nameserver " SERVER_A "\n", 22));
	assert_true(vhost_set_addrs(v, &a, 1));
}

static void
surroundings_before(void)
{
	conf.prepare = put_resolv_conf;
	rules("public", ALLOW_BYSTANDER, NULL);
}

/* The host's resolv.conf changes, and its own addresses. */
static unsigned
surroundings_play(void)
{
	static const char other[] = "nameserver " SERVER_B "\nnameserver " SERVER_A "\n";

	others_move = servers_answer;
	unsigned hurt = asks_in_vain(1, "first.example");
	assert_true(vhost_put_file(bed->vhost, "/etc/resolv.conf", other, sizeof(other) - 1));
	own_addresses("192.0.2.7", PUBLIC4);
	stir_for(USEC_PER_SEC);
	hurt += asks_in_vain(2, "second.example");
	line_new(3001, at(PUBLIC4, 22), IS_REFUSED, 0);
	lines_open();
	hurt += hurt_lines();
	own_addresses("192.0.2.7", NULL);
	stir_for(3 * USEC_PER_SEC);
	line_new(3002, at(PUBLIC4, 22), GUEST_ENDS, 100);
	lines_open();
	lines_end();
	hurt += is_worse("allowed again", !line_is_good(&line[nline - 1]));
	hurt += asks_in_vain(3, "third.example");
	return hurt;
}

/* --- names over TLS ------------------------------------------------------------------------------------------------------ */

static void
dot_before(void)
{
	static const char *const named[] = {"tls://" SERVER_A "#dns.example", SERVER_B};

	conf.gateway.nameservers = named;
	conf.gateway.nnameservers = 2;
}

/* The server's end of each connection to it, as they come; what is asked there is answered. */
static bool
dot_serves(void)
{
	struct addr a = addr_of(SERVER_A);
	bool moved = udp_servers_answer();
	struct endpoint to;
	int fd;

	for (int i = 0; (fd = vhost_find(bed->vhost, HOST_TCP, i)) >= 0; i++) {
		bool known = !vhost_peer(bed->vhost, fd, &to) || to.port != 853 || nconn == CONNS;

		for (unsigned k = 0; k < nconn; k++)
			known |=
			    conn[k]->fd == fd && conn[k]->server && !conn[k]->gone && conn[k]->server_end > 0;
		if (known)
			continue;
		struct conn *c = calloc(1, sizeof(*c));
		assert_non_null(c);
		*c = (struct conn){.fd = fd, .guest_end = 1, .server_end = 1};
		c->server = tls_server_new(far.tls, &(struct tls_io){server_recv, server_send, c},
					   far_leaf(&(struct far_options){.cert = "dns.example"}, &a), "dot");
		conn[nconn++] = c;
		moved = true;
	}
	for (unsigned k = 0; k < nconn; k++) {
		struct conn *c = conn[k];
		size_t len = c->nserved >= 2 ? 2u + (unsigned)(c->served[0] << 8 | c->served[1]) : SIZE_MAX;
		struct message q = {.len = len - 2};

		c->gone |= c->fd >= 0 && c->server && !c->guest && vhost_closed(bed->vhost, c->fd);
		if (c->nserved < len || !c->server_done)
			continue;
		memcpy(q.bytes, c->served + 2, q.len);
		memmove(c->served, c->served + len, c->nserved - len);
		c->nserved -= len;
		const struct message *m = server_thinks(&q, true, false);
		uint8_t both[2 + 512] = {(uint8_t)(m->len >> 8), (uint8_t)m->len};
		memcpy(both + 2, m->bytes, m->len);
		if (tls_end_write(c->server, both, 2 + m->len) > 0)
			tls_end_flush(c->server);
		moved = true;
	}
	return moved;
}

static unsigned
dot_play(void)
{
	others_move = dot_serves;
	unsigned hurt = asks_in_vain(1, "first.example");

	hurt += asks_in_vain(2, "second.example");
	stir_for(20 * USEC_PER_SEC); /* it was idle too long */
	hurt += asks_in_vain(3, "third.example");
	return hurt;
}

/* --- first flights ------------------------------------------------------------------------------------------------------- */

static void
watched_before(void)
{
	rules("none", ALLOW_BYSTANDER, "deny to evil.example", "allow to " NAME, NULL);
}

static struct line *
text_line(uint16_t sport, uint16_t port, const char *text, const char *answer)
{
	struct line *l = line_new(sport, at(PUBLIC4, port), GUEST_ENDS, 0);

	l->text = text;
	l->answer = answer;
	return l;
}

static bool
is_answered(const struct line *l)
{
	return strcmp((const char *)l->kept[GUEST], l->answer) == 0 &&
	       strcmp((const char *)l->kept[HOST], l->text) == 0;
}

/* TLS at both ends of a line, once it is open. */
static struct line *
tls_line(uint16_t sport, const struct far_options *o)
{
	struct line *l = line_new(sport, at(PUBLIC4, 443), GUEST_ENDS, 0);
	struct conn *c = l->c;
	struct addr a = addr_of(PUBLIC4);
	struct name n = name_of(o->name);

	c->server = tls_server_new(far.tls, &(struct tls_io){server_recv, server_send, c}, far_leaf(o, &a),
				   o->alpn ? o->alpn : "");
	c->guest = tls_client_new(far.tls, &(struct tls_io){guest_recv, guest_send, c},
				  &(struct tls_client){.name = &n,
						       .addr = a,
						       .port = sport,
						       .alpn = o->offer.n ? &o->offer : NULL,
						       .now = bed_now(bed)});
	assert_true(c->server && c->guest);
	return l;
}

static void
tls_says(struct conn *c, enum side_of who, const char *text)
{
	struct tls_end *e = who == GUEST ? c->guest : c->server;
	bool good = who == GUEST ? c->guest_done && c->guest_end > 0 : c->server_done && c->server_end > 0;

	if (good && tls_end_write(e, text, strlen(text)) > 0)
		tls_end_flush(e);
	stir();
}

/* Both sides go, with their goodbyes where there is anybody to tell. */
static void
tls_line_ends(struct line *l)
{
	if (l->c->guest_end > 0 && l->c->guest_done)
		tls_end_close(l->c->guest);
	stir();
	if (l->c->server_end > 0 && l->c->server_done)
		tls_end_close(l->c->server);
	stir();
}

static bool
has_text(const uint8_t *bytes, size_t n, const char *text)
{
	return memmem(bytes, n, text, strlen(text)) != NULL;
}

/* A name that is allowed and one that is not, by TLS and by HTTP. */
static unsigned
watched_play(void)
{
	static const char good[] = "GET / HTTP/1.1\r\nHost: " NAME "\r\n\r\n",
			  evil[] = "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n";

	resolved(NAME, PUBLIC4, 3600);
	struct line *h = text_line(3001, 80, good, "HTTP/1.1 204 No Content\r\n\r\n");
	struct line *x = text_line(3002, 80, evil, NULL);
	struct line *t = tls_line(3003, &(struct far_options){.name = NAME});
	struct line *u = tls_line(3004, &(struct far_options){.name = "evil.example"});
	lines_open();
	tls_says(t->c, GUEST, "question");
	tls_says(t->c, HOST, "answer");
	unsigned hurt = is_worse("HTTP", !is_answered(h));
	hurt += is_worse("TLS", !has_text(t->c->served, t->c->nserved, "question") ||
				    !has_text(t->c->heard, t->c->nheard, "answer"));
	hurt += is_worse("403", !has_text(x->kept[GUEST], x->had[GUEST], "HTTP/1.1 403 "));
	hurt += is_worse("alert", tls_end_peer_alert(u->c->guest) == 0);
	assert_false(u->c->guest_done);
	assert_false(u->c->server_done);
	assert_int_equal(x->had[HOST], 0);
	tls_line_ends(t);
	lines_end();
	return hurt;
}

static void
page_before(void)
{
	rules("none", ALLOW_BYSTANDER, NULL);
}

/* What was refused, to be read by the guest. */
static unsigned
page_play(void)
{
	struct line *l =
	    line_new(3001, (struct endpoint){bed->gw->stack.cfg.net[FAMILY_V4].dns, 80}, GUEST_ENDS, 0);

	line_new(3002, at(PUBLIC4, 25), IS_REFUSED, 0);
	l->text = "GET /?json HTTP/1.1\r\nHost: gateway.sluice.internal\r\n\r\n";
	lines_open();
	bool good = has_text(l->kept[GUEST], l->had[GUEST], "HTTP/1.1 200 OK\r\n");
	lines_end();
	return is_worse("the page", !good) + hurt_lines();
}

/* --- connections that are opened ------------------------------------------------------------------------------------------- */

static void
opened_before(void)
{
	conf.gateway.intercept = true;
	rules("none", ALLOW_BYSTANDER, "allow to " NAME, NULL);
}

/* No HTTP: bytes, passed on. */
static unsigned
opened_play(void)
{
	static char much[12001];

	resolved(NAME, PUBLIC4, 3600);
	memset(much, 'm', sizeof(much) - 1);
	struct line *l = tls_line(3001, &(struct far_options){.name = NAME});
	lines_open();
	tls_says(l->c, GUEST, "\1question");
	tls_says(l->c, HOST, much);
	unsigned hurt = !has_text(l->c->served, l->c->nserved, "\1question") || l->c->guest_had != 12000;
	tls_line_ends(l);
	lines_end();
	return hurt;
}

static void
secret_before(void)
{
	static const char *const hosts[] = {NAME};
	static const struct sluice_secret secret = {.size = sizeof(secret),
						    .name = "TOKEN",
						    .value = VALUE,
						    .value_len = sizeof(VALUE) - 1,
						    .placeholder = PLACEHOLDER,
						    .hosts = hosts,
						    .nhosts = 1,
						    .where = SLUICE_SECRET_HEADERS | SLUICE_SECRET_BODY};

	conf.gateway.secrets = &secret;
	conf.gateway.nsecrets = 1;
	conf.gateway.request_log = true;
	rules("none", ALLOW_BYSTANDER, "allow https GET " NAME "/ok", "allow https POST " NAME "/in", NULL);
}

/* Requests, their secrets put in and taken out, one refused. */
static unsigned
requests_play(void)
{
	static const char body[] =
	    "POST /in HTTP/1.1\r\nHost: " NAME
	    "\r\nContent-Type: application/json\r\nContent-Length: 37\r\n\r\n{\"k\":\"" PLACEHOLDER "\"}";

	resolved(NAME, PUBLIC4, 3600);
	struct line *l = tls_line(
	    3001, &(struct far_options){.name = NAME, .alpn = "http/1.1", .offer = {1, {"http/1.1"}}});
	struct conn *c = l->c;
	lines_open();
	tls_says(c, GUEST, "GET /ok HTTP/1.1\r\nHost: " NAME "\r\nX-Key: " PLACEHOLDER "\r\n\r\n");
	unsigned hurt = is_worse("a value", !has_text(c->served, c->nserved, VALUE));
	tls_says(c, HOST, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Token: <" VALUE ">\r\n\r\nok");
	hurt |= is_worse("a placeholder", !has_text(c->heard, c->nheard, "oken: <" PLACEHOLDER ">\r\n"));
	tls_says(c, GUEST, body);
	hurt |= is_worse("a body", !has_text(c->served, c->nserved, "{\"k\":\"" VALUE "\"}"));
	tls_says(c, HOST, "HTTP/1.1 204 No Content\r\n\r\n");
	tls_says(c, GUEST, "GET /no HTTP/1.1\r\nHost: " NAME "\r\n\r\n");
	hurt |= is_worse("403", !has_text(c->heard, c->nheard, "HTTP/1.1 403 "));
	/* Whatever failed, neither is where it must not be. */
	assert_false(has_text(c->heard, c->nheard, VALUE));
	assert_false(has_text(c->served, c->nserved, PLACEHOLDER));
	assert_false(has_text(c->served, c->nserved, "/no"));
	tls_line_ends(l);
	lines_end();
	return hurt;
}

/* --- HTTP/2 --------------------------------------------------------------------------------------------------------------- */

static struct h2_peer *h2_end[2]; /* the guest's and, if it speaks it, the server's */
static struct conn *h2_conn;

/* What the library wants said goes into its side's TLS, what came out of that into the library. */
static bool
h2_moves(void)
{
	bool moved = false;

	for (unsigned i = 0; i < 2; i++) {
		struct conn *c = h2_conn;
		bool good =
		    i == GUEST ? c->guest_done && c->guest_end > 0 : c->server_done && c->server_end > 0;
		size_t *n = i == GUEST ? &c->nheard : &c->nserved;
		uint8_t *p = i == GUEST ? c->heard : c->served;
		const uint8_t *out;
		ssize_t len;

		if (!h2_end[i] || !good)
			continue;
		if (*n > 0) {
			assert_false(has_text(p, *n, i == GUEST ? VALUE : PLACEHOLDER));
			nghttp2_session_mem_recv(h2_end[i]->session, p, *n);
			*n = 0;
			moved = true;
		}
		while ((len = nghttp2_session_mem_send(h2_end[i]->session, &out)) > 0) {
			tls_end_write(i == GUEST ? c->guest : c->server, out, (size_t)len);
			tls_end_flush(i == GUEST ? c->guest : c->server);
			moved = true;
		}
	}
	return moved;
}

static unsigned
h2_play_with(const char *alpn)
{
	static const char ok[] =
	    ":method: GET\n:scheme: https\n:authority: " NAME "\n:path: /ok\nx-key: " PLACEHOLDER "\n",
			  no[] = ":method: GET\n:scheme: https\n:authority: " NAME "\n:path: /no\n",
			  in[] = ":method: POST\n:scheme: https\n:authority: " NAME
				 "\n:path: /in\ncontent-type: application/json\n",
			  body[] = "{\"k\":\"" PLACEHOLDER "\"}";
	bool to_h2 = strcmp(alpn, "h2") == 0;
	struct line *l =
	    tls_line(3001, &(struct far_options){.name = NAME, .alpn = alpn, .offer = {1, {"h2"}}});

	resolved(NAME, PUBLIC4, 3600);
	h2_conn = l->c;
	h2_end[GUEST] = h2_peer_new(&(struct h2_peer_options){.server = false});
	h2_end[HOST] = to_h2 ? h2_peer_new(&(struct h2_peer_options){.server = true}) : NULL;
	assert_true(h2_end[GUEST] && (!to_h2 || h2_end[HOST]));
	others_move = h2_moves;
	lines_open();
	const struct h2_seen *s[3] = {h2_peer_request(h2_end[GUEST], ok, NULL, 0),
				      h2_peer_request(h2_end[GUEST], no, NULL, 0),
				      h2_peer_request(h2_end[GUEST], in, body, sizeof(body) - 1)};
	for (unsigned i = 0; i < 3; i++) {
		stir();
		if (!to_h2)
			tls_says(l->c, HOST,
				 "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nX-Key: " VALUE "\r\n\r\nanswer");
	}
	stir();
	unsigned hurt = !s[0]->ended || !strstr(s[0]->head, ":status: 200\n") || !s[2]->ended ||
			!strstr(s[2]->head, ":status: 200\n") || !strstr(s[1]->head, ":status: 403\n");
	tls_line_ends(l);
	lines_end();
	others_move = NULL;
	h2_peer_free(h2_end[GUEST]);
	h2_peer_free(h2_end[HOST]);
	return hurt;
}

static unsigned
h2_play(void)
{
	return h2_play_with("h2");
}

static unsigned
h2_down_play(void)
{
	return h2_play_with("http/1.1");
}

/* --- proxies ---------------------------------------------------------------------------------------------------------------- */

static void
tunnel_before(void)
{
	conf.gateway.intercept = true;
	rules("none", ALLOW_BYSTANDER, "allow to " NAME, "allow to " PUBLIC4, NULL);
}

/* CONNECT, agreed to, then TLS that is opened. */
static unsigned
tunnel_play(void)
{
	static const char asks_for[] = "CONNECT " NAME ":443 HTTP/1.1\r\nHost: " NAME ":443\r\n\r\n",
			  agreed[] = "HTTP/1.1 200 OK\r\n\r\n";
	struct line *l = text_line(3001, 3128, asks_for, agreed);
	struct addr a = addr_of(PUBLIC4);
	struct name n = name_of(NAME);
	struct conn *c = l->c;

	resolved(NAME, PUBLIC4, 3600);
	lines_open();
	bool open = is_answered(l);
	if (open) {
		c->server = tls_server_new(far.tls, &(struct tls_io){server_recv, server_send, c},
					   far_leaf(&(struct far_options){.name = NAME}, &a), "");
		c->guest = tls_client_new(far.tls, &(struct tls_io){guest_recv, guest_send, c},
					  &(struct tls_client){.name = &n, .now = bed_now(bed)});
		tls_says(c, GUEST, ""); /* handshakes */
		tls_says(c, GUEST, "\1question");
	}
	unsigned hurt = !open || !has_text(c->served, c->nserved, "\1question");
	tls_line_ends(l);
	lines_end();
	return hurt;
}

static int
on_connect(void *ctx, const struct sluice_connect *c, struct sluice_route *how)
{
	(void)ctx;
	if (strstr(c->remote, ":1080"))
		how->socks5 = "203.0.113.1:1080";
	if (strstr(c->remote, ":1081"))
		how->target = "203.0.113.2:81";
	if (strstr(c->remote, ":1082"))
		how->bind = "192.0.2.7";
	return strstr(c->remote, ":1083") ? ECONNREFUSED : 0;
}

static void
hook_before(void)
{
	conf.gateway.connect = on_connect;
}

/* Where the embedder decides how connections are made: through a proxy, elsewhere, from an address, not at all. */
static unsigned
hook_play(void)
{
	line_new(3001, far_v4(1080), GUEST_ENDS, 5000)->proxied = true;
	line_new(3002, far_v4(1081), HOST_ENDS, 900);
	line_new(3003, far_v4(1082), GUEST_ENDS, 900);
	line_new(3004, far_v4(1083), IS_REFUSED, 0);
	lines_open();
	lines_end();
	return hurt_lines();
}

/* --- other settings ----------------------------------------------------------------------------------------------------------- */

static void
reload_before(void)
{
	names_before();
	rules("all", NULL);
}

/* What calls the gateway from beside its turns, to be watched by whoever counts allocations. */
static int (*reload_by)(struct sluice *s, const struct sluice_config *c, char *err,
			size_t size) = sluice_reload;

/* While connections live and a name is asked for: what is refused now ends, the others go on. */
static unsigned
reload_play(void)
{
	struct endpoint dgram = at("93.184.216.35", 7002);
	char err[256] = "";

	others_move = servers_answer;
	line_new(3001, at(PUBLIC4, 22), NEVER_ENDS, 900);
	line_new(3002, at("93.184.216.35", 22), GUEST_ENDS, 900);
	lines_open();
	guest_udp(6000, &dgram, "x", 1);
	asks(9, "slow.example", DNS_A);
	bool whole = line_is_good(&line[1]);
	rules("none", ALLOW_BYSTANDER, "allow to 93.184.216.35", "allow to first.example", NULL);
	if (reload_by(bed->gw, &conf.gateway, err, sizeof(err)) < 0)
		assert_true(err[0] != '\0');
	else
		assert_string_equal(err, "");
	bool taken = err[0] == '\0';
	if (getenv("DBG"))
		print_message("reload: %s; rst %d\n", err, line[1].c->rst);
	stir_for(USEC_PER_SEC);
	unsigned hurt = is_worse("refused now", !whole || !taken || !line[1].c->rst);
	line[2].total += 900;
	stir();
	lines_end();
	hurt += is_worse("line 2", !line_is_good(&line[2]));
	hurt += asks_in_vain(1, "first.example");
	return hurt;
}

static void
put_capture(struct vhost *v, struct sluice_config *c)
{
	capture_fd = c->pcap_fd = vhost_pipe(v);
}

static void
capture_before(void)
{
	conf.prepare = put_capture;
}

/* Every frame is written to a file; that may end, nothing else. */
static unsigned
capture_play(void)
{
	static uint8_t b[8192];

	line_new(3001, far_v4(80), GUEST_ENDS, 3000);
	lines_open();
	while (vhost_recv(bed->vhost, capture_fd, b, sizeof(b)) > 0)
		;
	lines_end();
	return hurt_lines();
}

static const struct scene scenes[] = {
    {"connections", publish, tcp_play, QUICK},
    {"a slow host", NULL, slow_play, QUICK},
    {"datagrams", datagrams_before, datagrams_play, LOSSY},
    {"datagrams of one port", one_port_before, datagrams_play, LOSSY},
    {"names", names_before, names_play, QUICK},
    {"surroundings", surroundings_before, surroundings_play, QUICK},
    {"proxies and routes", hook_before, hook_play, QUICK},
    {"another policy", reload_before, reload_play, QUICK},
    {"the status page", page_before, page_play, QUICK},
    {"a capture", capture_before, capture_play, QUICK},
    {"first flights", watched_before, watched_play, SLOW},
    {"opened connections", opened_before, opened_play, SLOW}, /* ends soon when a handshake fails */
    {"names over TLS", dot_before, dot_play, SLOW},
    {"requests with secrets", secret_before, requests_play, SLOW},
    {"HTTP/2", secret_before, h2_play, SLOW},
    {"HTTP/2 before HTTP/1.1", secret_before, h2_down_play, SLOW},
    {"a tunnel", tunnel_before, tunnel_play, SLOW},
};
#define SCENES (sizeof(scenes) / sizeof(scenes[0]))

#endif
