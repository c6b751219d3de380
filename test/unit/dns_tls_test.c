/*
 * dns_tls_test.c - names over TLS through a whole gateway: nameservers that are asked so, and guests that ask so
 */
#include "test/unit/intercept_kit.h"

#include "test/unit/dns_kit.h"

#define SERVER "192.0.2.53"
#define NAMED "tls://192.0.2.53#dns.example"
#define OTHER "93.184.216.34" /* a resolver of the guest's choice */

static const char *const named[] = {NAMED};

static int
fresh_dot(void **state)
{
	fresh_intercept(state);
	conf.gateway.intercept = false;
	conf.gateway.nameservers = named;
	conf.gateway.nnameservers = 1;
	return 0;
}

static void
begin_dot(void)
{
	rules("all", "deny to *.evil.example", NULL);
	begin();
}

/* --- a nameserver --------------------------------------------------------------------------------------------------- */

/* Its descriptor may be another connection's by now. */
static bool
step_server(struct conn *c)
{
	struct endpoint to;

	c->gone |=
	    c->fd >= 0 && vhost_peer(bed->vhost, c->fd, &to) && !addr_eq(&to.addr, &c->p.t.remote.addr);
	return step_end(c->server, &c->server_done, &c->server_got, &c->server_end, c->served, &c->nserved,
			&c->server_had, &c->server_sum);
}

/* Everything on its way between the gateway and its nameservers. */
static void
pump_servers(void)
{
	bool moved;

	do {
		moved = stirred = false;
		for (unsigned i = 0; i < nconn; i++)
			moved |= step_server(conn[i]);
		bed_settle(bed);
	} while (moved || stirred);
}

/* The far end of the n-th connection there is to this nameserver. */
static struct conn *
server_with(const char *server, int n, const struct far_options *o)
{
	struct conn *c = calloc(1, sizeof(*c));
	struct addr a = addr_of(server);

	assert_non_null(c);
	c->p.t.remote.addr = a;
	c->fd = server_fd(HOST_TCP, server, n);
	assert_true(c->fd >= 0);
	for (unsigned i = 0; i < nconn; i++)
		conn[i]->gone |= conn[i]->fd == c->fd;
	c->guest_end = c->server_end = 1;
	c->server =
	    tls_server_new(far.tls, &(struct tls_io){server_recv, server_send, c}, far_leaf(o, &a), "dot");
	assert_non_null(c->server);
	conn[nconn++] = c;
	pump_servers();
	return c;
}

/* The same, with a certificate for that name. */
static struct conn *
server_of(const char *server, int n, const char *cert)
{
	return server_with(server, n, &(struct far_options){.cert = cert});
}

/* The guest has asked for a.example; the far end of the connection on which the nameserver is asked. */
static struct conn *
begin_asked(const char *cert)
{
	begin_dot();
	asks(1, "a.example", DNS_A);
	return server_of(SERVER, 0, cert);
}

/* The next question it was asked. */
static struct message *
server_was_asked(struct conn *c)
{
	return unframed(c->served, &c->nserved);
}

static void
server_writes_bytes(struct conn *c, const void *bytes, size_t n)
{
	assert_int_equal(tls_end_write(c->server, bytes, n), n);
	tls_end_flush(c->server);
	pump_servers();
}

static void
server_tells(struct conn *c, const struct message *m)
{
	uint8_t both[2 + 2048];

	assert_true(m->len <= 2048);
	server_writes_bytes(c, both, framed(both, m));
}

static void
server_gives(struct conn *c, const char *addr)
{
	server_tells(c, answer_to(server_was_asked(c), 0x8180, &(const char *){addr}, 1, 300));
}

/* The next question it was asked has that address, and the guest is told. */
static void
answers(struct conn *c, uint16_t id, const char *addr)
{
	server_gives(c, addr);
	hears_address(id, addr);
}

/* It asks, and is answered on that connection. */
static void
works_on(struct conn *c, uint16_t id, const char *name)
{
	asks(id, name, DNS_A);
	pump_servers();
	answers(c, id, "93.184.216.1");
}

static unsigned
connections(const char *server)
{
	unsigned n = 0;

	while (server_fd(HOST_TCP, server, (int)n) >= 0)
		n++;
	return n;
}

static struct told
fails(uint16_t id)
{
	struct told t = hears_rcode(id, DNS_SERVFAIL);

	assert_int_equal(server_sockets(HOST_UDP), 0);
	assert_int_equal(server_sockets(HOST_TCP), 0);
	return t;
}

static void
one_connection_for_all(void **state)
{
	(void)state;
	begin_dot();
	asks(1, "a.example", DNS_A);
	/* Nothing leaves in the clear. */
	assert_int_equal(server_fd(HOST_UDP, SERVER, 0), -1);
	struct conn *c = server_of(SERVER, 0, "dns.example");
	assert_true(c->server_done);
	assert_string_equal(tls_end_alpn(c->server), "dot");
	struct message *q = server_was_asked(c);
	/* Padded; and else what is asked of others: the guest's question, nothing of its own. */
	assert_int_equal(q->len, 128);
	assert_memory_equal(q->bytes + 12, question(1, "a.example", DNS_A, 0)->bytes + 12, 15);
	server_tells(c, answer_to(q, 0x8180, &(const char *){"93.184.216.1"}, 1, 300));
	hears_address(1, "93.184.216.1");
	for (uint16_t i = 2; i < 10; i++) {
		char name[32];

		snprintf(name, sizeof(name), "n%u.example", i);
		works_on(c, i, name);
	}
	assert_int_equal(connections(SERVER), 1);
	assert_int_equal(counted(GW_DNS_TLS_OPENED), 1);
	end_intercept();
}

static void
answers_come_in_any_order(void **state)
{
	struct message first;

	(void)state;
	struct conn *c = begin_asked("dns.example");
	asks(2, "b.example", DNS_A);
	pump_servers();
	first = *server_was_asked(c);
	answers(c, 2, "93.184.216.2");
	expect_silence();
	server_tells(c, answer_to(&first, 0x8180, &(const char *){"93.184.216.1"}, 1, 300));
	hears_address(1, "93.184.216.1");
	end_intercept();
}

static void
answers_come_in_pieces(void **state)
{
	(void)state;
	struct conn *c = begin_asked("dns.example");
	uint8_t both[2 + 512];
	size_t n =
	    framed(both, answer_to(server_was_asked(c), 0x8180, &(const char *){"93.184.216.1"}, 1, 300));
	for (size_t i = 0; i < n; i++) {
		expect_silence();
		server_writes_bytes(c, both + i, 1);
	}
	hears_address(1, "93.184.216.1");
	end_intercept();
}

/* What answers nothing that was asked is passed over; what is no message ends the connection. */
static void
strays_and_nonsense(void **state)
{
	(void)state;
	struct conn *c = begin_asked("dns.example");
	struct message m = *answer_to(server_was_asked(c), 0x8180, &(const char *){"93.184.216.1"}, 1, 300);
	m.bytes[1] ^= 1;
	server_tells(c, &m);
	m.bytes[1] ^= 1;
	m.bytes[13] ^= 1; /* another name */
	server_tells(c, &m);
	expect_silence();
	assert_int_equal(counted(GW_DNS_STRAY), 2);
	m.bytes[13] ^= 1;
	server_tells(c, &m);
	hears_address(1, "93.184.216.1");
	/* Once more, on another connection, and that is all. */
	asks(2, "b.example", DNS_A);
	pump_servers();
	server_writes_bytes(c, "\0\0", 2);
	c = server_of(SERVER, 0, "dns.example");
	server_was_asked(c);
	server_writes_bytes(c, "\0\0", 2);
	assert_int_equal(fails(2).ede, 23);
	end_intercept();
}

/* --- whom it trusts -------------------------------------------------------------------------------------------------- */

static void
another_name_is_not_asked(void **state)
{
	(void)state;
	struct conn *c = begin_asked("other.example");
	struct told t = fails(1);
	assert_int_equal(t.ede, 23);
	assert_non_null(strstr(t.text, "over TLS: the certificate of dns.example is for: other.example"));
	assert_int_equal(c->nserved, 0);
	assert_int_equal(counted(GW_DNS_TLS_FAILED), 1);
	/* For a second it is not tried again, and then it is. */
	asks(2, "b.example", DNS_A);
	assert_non_null(strstr(fails(2).text, "other.example"));
	assert_int_equal(connections(SERVER), 0);
	wait_for(USEC_PER_SEC);
	asks(3, "c.example", DNS_A);
	c = server_of(SERVER, 0, "dns.example");
	answers(c, 3, "93.184.216.3");
	end_intercept();
}

static void
nobodys_certificate_is_not_believed(void **state)
{
	(void)state;
	begin_dot();
	asks(1, "a.example", DNS_A);
	struct conn *c = server_with(SERVER, 0, &(struct far_options){.cert = "dns.example", .nobody = true});
	assert_int_equal(fails(1).ede, 23);
	assert_int_equal(c->nserved, 0);
	end_intercept();
}

static void
without_a_name_the_address_counts(void **state)
{
	static const char *const plain[] = {"tls://" SERVER ":8853"};

	(void)state;
	conf.gateway.nameservers = plain;
	struct conn *c = begin_asked(NULL);
	struct endpoint to;
	assert_true(vhost_peer(bed->vhost, c->fd, &to));
	assert_int_equal(to.port, 8853);
	answers(c, 1, "93.184.216.1");
	end_intercept();
}

/* What a host is exempt from elsewhere: where names lead is not left to who is on the way. */
static void
verification_is_never_off(void **state)
{
	static const struct sluice_tls_host lax[] = {{.match = "dns.example", .no_verify = true}};

	(void)state;
	conf.gateway.tls_hosts = lax;
	conf.gateway.ntls_hosts = 1;
	begin_asked("other.example");
	assert_int_equal(fails(1).ede, 23);
	end_intercept();
}

static void
never_in_the_clear(void **state)
{
	struct endpoint to = {addr_of(SERVER), 853};

	(void)state;
	begin_dot();
	vhost_answer(bed->vhost, HOST_TCP, &to, VHOST_REFUSE);
	asks(1, "a.example", DNS_A);
	assert_int_equal(fails(1).ede, 23);
	vhost_answer(bed->vhost, HOST_TCP, &to, VHOST_SILENT);
	asks(2, "b.example", DNS_A);
	for (unsigned i = 0; i < 10; i++) {
		wait_for(USEC_PER_SEC / 2);
		assert_int_equal(server_fd(HOST_UDP, SERVER, 0), -1);
		assert_true(connections(SERVER) <= 1);
	}
	assert_int_equal(fails(2).ede, 22);
	end_intercept();
}

/* --- connections that end ----------------------------------------------------------------------------------------------- */

static void
a_question_is_asked_once_more(void **state)
{
	(void)state;
	struct conn *c = begin_asked("dns.example");
	answers(c, 1, "93.184.216.1");
	/* The server had closed when the question came. */
	asks(2, "b.example", DNS_A);
	tls_end_close(c->server);
	vhost_send_eof(bed->vhost, c->fd);
	bed_settle(bed);
	c = server_of(SERVER, 0, "dns.example");
	answers(c, 2, "93.184.216.2");
	/* Twice is too often. */
	asks(3, "c.example", DNS_A);
	vhost_reset(bed->vhost, c->fd);
	bed_settle(bed);
	c = server_of(SERVER, 0, "dns.example");
	vhost_reset(bed->vhost, c->fd);
	bed_settle(bed);
	assert_int_equal(fails(3).ede, 23);
	end_intercept();
}

static void
idle_ones_are_closed_and_taken_up_again(void **state)
{
	(void)state;
	struct conn *c = begin_asked("dns.example");
	answers(c, 1, "93.184.216.1");
	wait_for(15 * USEC_PER_SEC - 1);
	assert_int_equal(connections(SERVER), 1);
	wait_for(1);
	assert_int_equal(connections(SERVER), 0);
	pump_servers();
	assert_int_equal(c->server_end, 0); /* close_notify */
	assert_int_equal(vhost_closed(bed->vhost, c->fd), 1);
	assert_true(bed_deadline(bed) == TIME_NEVER || bed_deadline(bed) > bed_now(bed));
	asks(2, "b.example", DNS_A);
	c = server_of(SERVER, 0, "dns.example");
	assert_true(tls_end_resumed(c->server));
	answers(c, 2, "93.184.216.2");
	assert_int_equal(counted(GW_TLS_RESUMED), 1);
	end_intercept();
}

static void
a_silent_one_is_left(void **state)
{
	(void)state;
	struct conn *c = begin_asked("dns.example");
	answers(c, 1, "93.184.216.1");
	wait_for(1);
	asks(2, "b.example", DNS_A);
	pump_servers();
	wait_for(USEC_PER_SEC);
	assert_int_equal(connections(SERVER), 2);
	struct conn *second = server_of(SERVER, 1, "dns.example");
	answers(second, 2, "93.184.216.2");
	/* Nobody is asked on the first any more. */
	assert_int_equal(connections(SERVER), 1);
	works_on(second, 3, "c.example");
	end_intercept();
}

static void
the_next_server_after_a_second(void **state)
{
	static const char *const both[] = {NAMED, "tls://192.0.2.54#two.example"};

	(void)state;
	conf.gateway.nameservers = both;
	conf.gateway.nnameservers = 2;
	begin_asked("dns.example");
	wait_for(USEC_PER_SEC);
	answers(server_of("192.0.2.54", 0, "two.example"), 1, "93.184.216.2");
	end_intercept();
}

/* At once where the first is not what it should be. */
static void
the_next_server_where_the_first_is_another(void **state)
{
	static const char *const both[] = {NAMED, "tls://192.0.2.54#two.example"};

	(void)state;
	conf.gateway.nameservers = both;
	conf.gateway.nnameservers = 2;
	begin_asked("other.example");
	answers(server_of("192.0.2.54", 0, "two.example"), 1, "93.184.216.2");
	end_intercept();
}

static void
sixty_four_on_a_connection(void **state)
{
	(void)state;
	begin_dot();
	for (uint16_t i = 1; i <= 65; i++) {
		char name[32];

		snprintf(name, sizeof(name), "n%u.example", i);
		asks(i, name, DNS_A);
	}
	assert_int_equal(connections(SERVER), 2);
	struct conn *one = server_of(SERVER, 0, "dns.example"), *two = server_of(SERVER, 1, "dns.example");
	/* The kit keeps 4,096 bytes: 31 questions of them, and a part. */
	assert_int_equal(one->server_had, 64 * 130);
	assert_int_equal(two->server_had, 130);
	answers(two, 65, "93.184.216.65");
	for (uint16_t i = 1; i <= 31; i++)
		answers(one, i, "93.184.216.1");
	end_intercept();
}

static void
new_settings_ask_anew(void **state)
{
	static const char *const other[] = {"tls://192.0.2.54#two.example"};
	char err[256];

	(void)state;
	struct conn *c = begin_asked("dns.example");
	struct sluice_config cfg = conf.gateway;
	cfg.nameservers = other;
	assert_int_equal(sluice_reload(bed->gw, &cfg, err, sizeof(err)), 0);
	bed_settle(bed);
	/* The question goes on where it was; further ones go to the new server. */
	c = server_of(SERVER, 0, "dns.example");
	answers(c, 1, "93.184.216.1");
	asks(2, "b.example", DNS_A);
	answers(server_of("192.0.2.54", 0, "two.example"), 2, "93.184.216.2");
	end_intercept();
}

/* --- a guest that asks over TLS ------------------------------------------------------------------------------------------- */

static int
fresh_guest(void **state)
{
	fresh_intercept(state);
	conf.gateway.nameservers = two_servers;
	conf.gateway.nnameservers = 1;
	return 0;
}

/* As connect_tls(), to a service of the gateway's: there is no host. */
static struct conn *
guest_connects(uint16_t sport, const char *to, const char *name)
{
	struct conn *c = calloc(1, sizeof(*c));
	struct endpoint e = {addr_of(to), 853};
	struct name n;

	assert_non_null(c);
	c->p = peer_to(sport, e);
	peer_send(&c->p, TCP_SYN, NULL, 0);
	struct bed_frame *f = peer_expect(&c->p, TCP_SYN | TCP_ACK);
	c->una = c->p.seq;
	c->edge = c->p.seq + f->is.tcp.wnd;
	free(f);
	peer_send(&c->p, TCP_ACK, NULL, 0);
	c->piece = 1400;
	c->fd = -1;
	c->guest_end = c->server_end = 1;
	if (name)
		n = name_of(name);
	struct tls_alpn dot = {.n = 1, .name = {"dot"}};
	c->guest = tls_client_new(
	    far.tls, &(struct tls_io){guest_recv, guest_send, c},
	    &(struct tls_client){
		.name = name ? &n : NULL, .addr = e.addr, .port = sport, .alpn = &dot, .now = bed_now(bed)});
	assert_non_null(c->guest);
	conn[nconn++] = c;
	pump();
	return c;
}

static void
guest_asks(struct conn *c, uint16_t id, const char *name)
{
	uint8_t both[2 + 512];

	end_writes(c->guest, both, framed(both, question(id, name, DNS_A, 1232)));
	pump();
}

static struct told
guest_is_told(struct conn *c, uint16_t id)
{
	const struct message *m = unframed(c->heard, &c->nheard);
	struct told t = read_told(view_of(m->bytes, m->len));

	assert_int_equal(t.id, id);
	return t;
}

static void
begin_guest(void)
{
	rules("none", "deny to *.evil.example", "allow to " OTHER, "allow to resolver.example", NULL);
	begin();
}

static void
the_gateways_own_address(void **state)
{
	char own[ADDR_TEXT];

	(void)state;
	begin_guest();
	struct endpoint dns = dns_at(FAMILY_V4);
	struct conn *c = guest_connects(1000, addr_text(&dns.addr, own), "dns.any.example");
	assert_true(c->guest_done);
	assert_string_equal(tls_end_alpn(c->guest), "dot");
	guest_trusts(c, "dns.any.example");
	guest_asks(c, 7, "www.evil.example");
	struct told t = guest_is_told(c, 7);
	assert_int_equal(t.rcode, DNS_NXDOMAIN);
	assert_int_equal(t.ede, 15);
	/* What is allowed is asked of the configured server, as it is asked. */
	guest_asks(c, 8, "resolver.example");
	server_answers(server_fd(HOST_UDP, SERVER_A, 0), "93.184.216.9");
	pump();
	t = guest_is_told(c, 8);
	assert_int_equal(t.answers, 1);
	/* It is evidence like any other, and the next question needs nobody. */
	guest_asks(c, 9, "resolver.example");
	assert_int_equal(guest_is_told(c, 9).answers, 1);
	assert_int_equal(counted(GW_DNS_CACHED), 1);
	assert_int_equal(tls_end_close(c->guest), 0);
	pump();
	assert_int_equal(c->guest_end, 0);
	assert_true(c->fin);
	guest_fin(c);
	assert_null(peer_flow(&c->p));
	end_intercept();
}

static void
a_resolver_of_its_own_is_asked_over_tls(void **state)
{
	(void)state;
	begin_guest();
	struct conn *c = guest_connects(1000, OTHER, "resolver.example");
	assert_true(c->guest_done);
	guest_trusts(c, "resolver.example");
	guest_asks(c, 7, "resolver.example");
	assert_int_equal(server_sockets(HOST_UDP), 0);
	struct conn *far_end = server_of(OTHER, 0, "resolver.example");
	assert_string_equal(tls_end_alpn(far_end->server), "dot");
	server_gives(far_end, "93.184.216.9");
	pump();
	assert_int_equal(guest_is_told(c, 7).answers, 1);
	/* Its answers prove nothing, and are judged all the same. */
	guest_asks(c, 8, "x.evil.example");
	assert_int_equal(guest_is_told(c, 8).rcode, DNS_NXDOMAIN);
	assert_int_equal(counted(GW_DNS_CACHED), 0);
	end_intercept();
}

static void
its_certificate_is_looked_at(void **state)
{
	(void)state;
	begin_guest();
	struct conn *c = guest_connects(1000, OTHER, "resolver.example");
	guest_asks(c, 7, "resolver.example");
	struct conn *far_end = server_of(OTHER, 0, "impostor.example");
	pump();
	struct told t = guest_is_told(c, 7);
	assert_int_equal(t.rcode, DNS_SERVFAIL);
	assert_non_null(strstr(t.text, "impostor.example"));
	assert_int_equal(far_end->nserved, 0);
	end_intercept();
}

/* The guest's TLS was told that much in the clear. */
static void
expect_alert(const struct conn *c, uint8_t alert)
{
	assert_false(c->guest_done);
	assert_int_equal(tls_end_peer_alert(c->guest), alert);
}

static void
others_are_refused(void **state)
{
	struct peer p;

	(void)state;
	begin_guest();
	/* No rule allows it. */
	p = peer_to(1000, at("93.184.216.77", 853));
	peer_send(&p, TCP_SYN, NULL, 0);
	peer_wants(&p, TCP_RST | TCP_ACK);
	/* The name is told, and denied. */
	struct conn *c = guest_connects(1001, OTHER, "dns.evil.example");
	expect_alert(c, TLS_ALERT_DENIED);
	assert_int_equal(vhost_open_count(bed->vhost), 1);
	/* No TLS at all. */
	p = peer_to(1002, at(OTHER, 853));
	peer_open(&p);
	peer_send(&p, TCP_ACK | TCP_PSH, "GET / HTTP/1.1\r\n", 16);
	bed_settle(bed);
	struct bed_frame *f;
	bool ended = false;
	while ((f = next_frame())) {
		ended |= (f->is.tcp.flags & (TCP_RST | TCP_FIN)) != 0;
		free(f);
	}
	assert_true(ended);
	assert_int_equal(vhost_open_count(bed->vhost), 1);
	/* DNS over QUIC. */
	struct endpoint quic = at(OTHER, 853);
	guest_udp(1003, &quic, "x", 1);
	bed_settle(bed);
	f = next_frame();
	assert_non_null(f);
	assert_int_equal(f->is.kind, STRICT_ICMP);
	free(f);
	assert_int_equal(vhost_open_count(bed->vhost), 1);
	end_intercept();
}

static void
without_interception_it_stays_refused(void **state)
{
	(void)state;
	conf.gateway.intercept = false;
	begin_guest();
	struct endpoint to[] = {at(OTHER, 853), dns_at(FAMILY_V4)};
	to[1].port = 853;
	for (uint16_t i = 0; i < 2; i++) {
		struct peer p = peer_to((uint16_t)(1000 + i), to[i]);

		peer_send(&p, TCP_SYN, NULL, 0);
		peer_wants(&p, TCP_RST | TCP_ACK);
	}
	end_intercept();
}

/* Every message from whatever records and segments, and none while too much waits. */
static void
many_questions_in_small_pieces(void **state)
{
	char own[ADDR_TEXT];

	(void)state;
	begin_guest();
	struct endpoint dns = dns_at(FAMILY_V4);
	struct conn *c = guest_connects(1000, addr_text(&dns.addr, own), NULL);
	assert_true(c->guest_done);
	c->piece = 7;
	for (uint16_t i = 0; i < 100; i++) {
		guest_asks(c, i, "x.evil.example");
		assert_int_equal(guest_is_told(c, i).rcode, DNS_NXDOMAIN);
	}
	end_intercept();
}

/* The guest asks often for what has a long answer, and reads none of it: more than a ring holds is queued. */
static struct conn *
one_that_does_not_read(unsigned questions, uint64_t *bytes)
{
	char own[ADDR_TEXT];

	conf.gateway.max_ring = 4096;
	begin_guest();
	struct endpoint dns = dns_at(FAMILY_V4);
	struct conn *c = guest_connects(1000, addr_text(&dns.addr, own), NULL);
	guest_asks(c, 0, "resolver.example");
	int fd = server_fd(HOST_UDP, SERVER_A, 0);
	server_sends(fd, answer_to(server_hears(fd), 0x8180, many_addresses(100), 100, 3600));
	pump();
	*bytes = c->guest_had * (questions + 1);
	assert_int_equal(guest_is_told(c, 0).answers, 100);
	c->p.wnd = 0;
	for (unsigned i = 1; i <= questions; i++)
		guest_asks(c, (uint16_t)i, "resolver.example");
	assert_true(bed->gw->dns->queued > 0);
	return c;
}

static void
answers_wait_for_one_that_reads_late(void **state)
{
	uint64_t bytes;

	(void)state;
	struct conn *c = one_that_does_not_read(12, &bytes);
	assert_true(c->guest_had < bytes / 2);
	c->p.wnd = 65535;
	peer_send(&c->p, TCP_ACK, NULL, 0);
	pump();
	assert_int_equal(c->guest_had, bytes);
	assert_int_equal(bed->gw->dns->queued, 0);
	/* And it is served as before. */
	c->nheard = 0;
	guest_asks(c, 99, "x.evil.example");
	assert_int_equal(guest_is_told(c, 99).rcode, DNS_NXDOMAIN);
	end_intercept();
}

static void
one_that_never_reads_is_let_go(void **state)
{
	uint64_t bytes;

	(void)state;
	struct conn *c = one_that_does_not_read(12, &bytes);
	wait_for(31 * USEC_PER_SEC);
	pump();
	assert_int_equal(open_flows(FLOW_TCP), 0);
	assert_int_equal(bed->gw->dns->queued, 0);
	assert_int_equal(bed->gw->intercept->open, 0);
	assert_true(c->rst);
	end_intercept();
}

static void
silent_guests_are_let_go(void **state)
{
	(void)state;
	begin_guest();
	struct peer p = peer_to(1000, at(OTHER, 853));
	peer_open(&p);
	bed_settle(bed);
	assert_int_equal(bed->gw->intercept->open, 1);
	wait_for(31 * USEC_PER_SEC);
	assert_int_equal(bed->gw->intercept->open, 0);
	struct bed_frame *f = next_frame();
	assert_non_null(f);
	assert_true(f->is.tcp.flags & TCP_RST);
	free(f);
	end_intercept();
}

#define DOT(t) cmocka_unit_test_setup(t, fresh_dot)
#define GUEST(t) cmocka_unit_test_setup(t, fresh_guest)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    DOT(one_connection_for_all),
	    DOT(answers_come_in_any_order),
	    DOT(answers_come_in_pieces),
	    DOT(strays_and_nonsense),
	    DOT(another_name_is_not_asked),
	    DOT(nobodys_certificate_is_not_believed),
	    DOT(without_a_name_the_address_counts),
	    DOT(verification_is_never_off),
	    DOT(never_in_the_clear),
	    DOT(a_question_is_asked_once_more),
	    DOT(idle_ones_are_closed_and_taken_up_again),
	    DOT(a_silent_one_is_left),
	    DOT(the_next_server_after_a_second),
	    DOT(the_next_server_where_the_first_is_another),
	    DOT(sixty_four_on_a_connection),
	    DOT(new_settings_ask_anew),
	    GUEST(the_gateways_own_address),
	    GUEST(a_resolver_of_its_own_is_asked_over_tls),
	    GUEST(its_certificate_is_looked_at),
	    GUEST(others_are_refused),
	    GUEST(without_interception_it_stays_refused),
	    GUEST(many_questions_in_small_pieces),
	    GUEST(answers_wait_for_one_that_reads_late),
	    GUEST(one_that_never_reads_is_let_go),
	    GUEST(silent_guests_are_let_go),
	};

	return cmocka_run_group_tests(tests, far_begin, far_end);
}
