/*
 * fault_scene_kit.h - a guest, hosts and nameservers who make the best of whatever happens between them
 *
 * For tests in which something fails in the middle of a scene.  Nothing here insists on a next frame: a connection is a line that says and
 * hears what it can, a question is asked again, and in the end good() is asked of each whether it came to what it should.  What nobody
 * forgives is checked on the way: bytes that nobody sent, a malformed frame, a gateway that does not rest.
 *
 * Line 0 is the bystander: it has been open since before anything failed, says a little whenever anything stirs, and keeps every byte.
 */
#ifndef TEST_UNIT_FAULT_SCENE_KIT_H
#define TEST_UNIT_FAULT_SCENE_KIT_H

/* Connections are made anew in each of thousands of runs. */
#define WIRE (1u << 16)
#include "test/unit/intercept_kit.h"

#include "test/unit/dns_kit.h"

#define LINES 20u
#define INSIDE 80u        /* the guest's port that is published */
#define OUTSIDE 8080u     /* ... as this one */
#define OUTSIDE_UDP 8081u /* the same of its UDP port 81 */

enum line_end { NEVER_ENDS, GUEST_ENDS, HOST_ENDS, HOST_CUTS, GUEST_CUTS, IS_REFUSED };

enum side_of { GUEST, HOST };

/* A connection.  What each side says is a pattern of so many bytes, unless there are ends of TLS or a text. */
struct line {
	struct conn *c;
	enum line_end end;
	bool inbound, proxied, open, fin_sent, eof_sent, cut;
	bool bad; /* bytes that nobody sent */
	unsigned
	    socks; /* what the host's end, a proxy, waits for: 1 the greeting, 2 the request; 0: it is done */
	const char *text;   /* what the guest says instead of a pattern */
	const char *answer; /* ... and the host, once it has all of it */
	size_t total;
	size_t said[2], had[2]; /* by each side; of had[HOST], what the guest said */
	uint8_t kept[2][4096];  /* of texts: the first bytes each has had */
};

static struct line line[LINES];
static unsigned nline;

/* What datagrams came back, by the guest's port. */
#define PORTS 8192u
static struct {
	unsigned answers;
	size_t bytes;
	uint8_t rcode;
	struct addr first;
} heard_at[PORTS];
static unsigned echoes[FAMILIES];

/* A scene's own part of the host, asked after everything else: true if anything moved. */
static bool (*others_move)(void);

static uint8_t
text_byte(unsigned l, enum side_of from, size_t n)
{
	return (uint8_t)(l * 31 + (unsigned)from * 101 + n * 7 + n / 256);
}

/* What did not come to what it should have, to be read when that was too much. */
static char worse[512];

static unsigned
is_worse(const char *what, bool bad)
{
	size_t n = strlen(worse);

	if (bad)
		snprintf(worse + n, sizeof(worse) - n, " %s;", what);
	return bad;
}

/* --- what the guest hears ---------------------------------------------------------------------------------------------- */

/* Every byte that came is the one that was sent there. */
static void
line_takes(unsigned i, enum side_of from, const uint8_t *p, size_t n)
{
	struct line *l = &line[i];
	enum side_of to = from == GUEST ? HOST : GUEST;

	for (size_t k = 0; k < n; k++) {
		size_t at = l->had[to]++;

		if (l->text && at < sizeof(l->kept[0]) - 1)
			l->kept[to][at] = p[k];
		else if (!l->text)
			l->bad |= at >= l->said[from] || p[k] != text_byte(i, from, at);
	}
}

static void
hear_tcp(struct line *l, const struct bed_frame *f)
{
	struct conn *c = l->c;

	if (f->is.tcp.flags & TCP_SYN) {
		bool first = !l->open;

		l->open = true;
		if (l->inbound)
			c->p.t.remote.port = f->is.tcp.sport;
		c->p.ack = f->is.tcp.seq + 1;
		c->una = c->p.seq;
		c->edge = c->p.seq + f->is.tcp.wnd;
		peer_send(&c->p, l->inbound && first ? TCP_SYN | TCP_ACK : TCP_ACK, NULL, 0);
	} else if (l->open || f->is.tcp.flags & TCP_RST) {
		guest_hears(c, f);
	}
}

static void
hear_udp(const struct bed_frame *f)
{
	uint16_t port = f->is.udp.dport;

	if (port == 81) { /* it is asked from outside, and answers */
		struct endpoint back = {f->is.ip.src, f->is.udp.sport};

		guest_udp(81, &back, "inside", 6);
	}
	if (port >= PORTS)
		return;
	heard_at[port].answers++;
	heard_at[port].bytes += f->is.payload.len;
	if (f->is.udp.sport == 53) {
		struct told t = read_told(f->is.payload);

		heard_at[port].rcode = t.rcode;
		heard_at[port].first = t.first;
	}
}

static bool
hear_all(void)
{
	struct bed_frame *f;
	bool any = false;

	for (; (f = next_frame()); free(f), any = true) {
		assert_null(f->wrong);
		if (f->is.kind == STRICT_UDP)
			hear_udp(f);
		if (f->is.kind == STRICT_ICMP)
			echoes[addr_is_v4(&f->is.ip.src) ? FAMILY_V4 : FAMILY_V6] +=
			    f->is.icmp.type == ICMP4_ECHO_REPLY || f->is.icmp.type == ICMP6_ECHO_REPLY;
		for (unsigned i = 0; f->is.kind == STRICT_TCP && i < nline; i++)
			if (line[i].c->p.t.guest.port == f->is.tcp.dport && !line[i].cut)
				hear_tcp(&line[i], f);
	}
	return any;
}

/* --- what each says ---------------------------------------------------------------------------------------------------- */

/* The host's end of each line is the socket its flow has now; another may have the number later. */
static void
follow_sockets(void)
{
	for (unsigned i = 0; i < nline; i++) {
		struct tcp_flow *tf = bed_tcp(bed, &line[i].c->p.t);

		/* Its number has been given out again. */
		line[i].c->gone |= !tf && line[i].c->fd >= 0 && vhost_closed(bed->vhost, line[i].c->fd) == 0;
		if (!tf || tf->flow.fd < 0)
			continue;
		line[i].c->fd = tf->flow.fd;
		for (unsigned k = 0; k < nconn; k++)
			if (conn[k] != line[i].c && conn[k]->fd == tf->flow.fd)
				conn[k]->gone = true;
	}
}

static bool
guest_talks(unsigned i)
{
	struct line *l = &line[i];
	size_t n = (l->text ? strlen(l->text) : l->total) - l->said[GUEST];
	uint8_t piece[1024];

	line_takes(i, HOST, l->c->in + l->c->in_at, l->c->nin - l->c->in_at);
	l->c->in_at = l->c->nin;
	if (!l->open || l->fin_sent || l->c->rst || n == 0)
		return false;
	n = n < sizeof(piece) ? n : sizeof(piece);
	for (size_t k = 0; k < n; k++)
		piece[k] =
		    l->text ? (uint8_t)l->text[l->said[GUEST] + k] : text_byte(i, GUEST, l->said[GUEST] + k);
	ssize_t put = guest_send(l->c, piece, n);
	l->said[GUEST] += put > 0 ? (size_t)put : 0;
	return put > 0;
}

/* RFC 1928: whatever the greeting and the request are, they are fine. */
static bool
socks_step(struct line *l)
{
	static const uint8_t method[] = {5, 0}, agreed[] = {5, 0, 0, 1, 127, 0, 0, 1, 0, 80};
	bool first = l->socks == 1;
	uint8_t asked[10];
	size_t want = first ? 3 : 10;

	if (vhost_recv_len(bed->vhost, l->c->fd) < want)
		return false;
	vhost_recv(bed->vhost, l->c->fd, asked, want);
	l->socks = first ? 2 : 0;
	return vhost_send(bed->vhost, l->c->fd, first ? method : agreed, first ? 2 : 10) > 0;
}

static bool
host_talks(unsigned i)
{
	struct line *l = &line[i];
	uint8_t piece[4096];
	size_t got = 0, n, left;

	if (l->c->gone || l->c->fd < 0)
		return false;
	if (l->socks)
		return socks_step(l);
	while ((n = vhost_recv(bed->vhost, l->c->fd, piece, sizeof(piece))) > 0) {
		line_takes(i, GUEST, piece, n);
		got += n;
	}
	left = l->total - l->said[HOST];
	if (l->text)
		left = l->answer && l->had[HOST] >= strlen(l->text) ? strlen(l->answer) - l->said[HOST] : 0;
	left = left < sizeof(piece) ? left : sizeof(piece);
	for (size_t k = 0; k < left; k++)
		piece[k] =
		    l->text ? (uint8_t)l->answer[l->said[HOST] + k] : text_byte(i, HOST, l->said[HOST] + k);
	n = left ? vhost_send(bed->vhost, l->c->fd, piece, left) : 0;
	l->said[HOST] += n;
	return got + n > 0;
}

static bool
stir_once(void)
{
	bool moved = hear_all();

	stirred = false;
	assert_int_equal(bed->gw->files, vhost_open_count(bed->vhost) - (bed->gw->pcap.fd >= 1000));
	follow_sockets();
	for (unsigned i = 0; i < nconn; i++) {
		struct conn *c = conn[i];

		moved |= step_end(c->guest, &c->guest_done, &c->guest_got, &c->guest_end, c->heard,
				  &c->nheard, &c->guest_had, &c->guest_sum);
		moved |= step_end(c->server, &c->server_done, &c->server_got, &c->server_end, c->served,
				  &c->nserved, &c->server_had, &c->server_sum);
	}
	for (unsigned i = 0; i < nline; i++) {
		if (!line[i].c->guest) {
			moved |= guest_talks(i);
			moved |= host_talks(i);
		}
		moved |= send_segments_of(line[i].c);
	}
	return (others_move && others_move()) || moved || stirred;
}

/* All that needs no time. */
static void
rest(void)
{
	unsigned rounds = 0;

	while (stir_once())
		assert_true(++rounds < 5000);
}

/* The same; the bystander says a little first. */
static void
stir(void)
{
	if (nline > 0)
		line[0].total += 700;
	rest();
}

static void
stir_for(usec_t time)
{
	usec_t until = bed_now(bed) + time;

	stir();
	while (bed_now(bed) < until) {
		usec_t next = time_min(bed_deadline(bed), until);

		bed_until(bed, next > bed_now(bed) ? next : bed_now(bed) + 1);
		rest();
	}
}

/* --- lines ------------------------------------------------------------------------------------------------------------- */

static struct line *
line_new(uint16_t sport, struct endpoint to, enum line_end end, size_t total)
{
	struct line *l = &line[nline++];
	struct conn *c = calloc(1, sizeof(*c));

	assert_non_null(c);
	assert_true(nline <= LINES && nconn < CONNS);
	c->p = peer_to(sport, to);
	c->fd = -1;
	c->piece = 1400;
	c->guest_end = c->server_end = 1;
	conn[nconn++] = c;
	*l = (struct line){.c = c, .end = end, .total = total};
	return l;
}

/* A guest tries again after one second, and after three. */
static void
lines_open(void)
{
	for (unsigned tries = 0; tries < 3; tries++) {
		for (unsigned i = 0; i < nline; i++) {
			struct conn *c = line[i].c;

			if (line[i].open || c->rst || line[i].inbound)
				continue;
			c->p.seq = 1000u * c->p.t.guest.port;
			line[i].socks = line[i].proxied;
			peer_send(&c->p, TCP_SYN, NULL, 0);
		}
		stir_for(USEC_PER_SEC);
	}
}

static void
line_ends(struct line *l)
{
	int fd = l->c->gone ? -1 : l->c->fd;

	if (!l->open || l->c->rst || l->cut)
		return;
	if (l->end == HOST_CUTS && fd >= 0)
		vhost_reset(bed->vhost, fd);
	if (l->end == GUEST_CUTS) {
		peer_send(&l->c->p, TCP_RST | TCP_ACK, NULL, 0);
		l->cut = true;
	}
	if (l->end == GUEST_ENDS && !l->fin_sent) {
		peer_send(&l->c->p, TCP_FIN | TCP_ACK, NULL, 0);
		l->fin_sent = true;
	}
	if (l->end == HOST_ENDS && fd >= 0 && vhost_closed(bed->vhost, fd) == 0)
		vhost_send_eof(bed->vhost, fd);
}

/* One side, more bytes of the other, the other side. */
static void
lines_end(void)
{
	for (unsigned i = 1; i < nline; i++)
		line_ends(&line[i]);
	stir();
	for (unsigned i = 1; i < nline; i++) {
		struct line *l = &line[i];

		if (l->end == HOST_ENDS || l->end == GUEST_ENDS)
			l->end = l->end == HOST_ENDS ? GUEST_ENDS : HOST_ENDS;
		else
			l->end = l->end == HOST_CUTS || l->end == GUEST_CUTS ? NEVER_ENDS : l->end;
		line_ends(l);
	}
	stir();
}

static bool
line_is_good(const struct line *l)
{
	bool all = l->had[GUEST] == l->total && l->had[HOST] == l->total;

	if (l->end == IS_REFUSED)
		return l->c->rst && !l->open;
	return l->open && !l->bad && all;
}

static unsigned
hurt_lines(void)
{
	unsigned hurt = 0;
	char what[64];

	for (unsigned i = 1; i < nline; i++) {
		snprintf(what, sizeof(what), "line %u (%zu and %zu of %zu bytes)", i, line[i].had[GUEST],
			 line[i].had[HOST], line[i].total);
		if (!line[i].text && !line[i].c->guest)
			hurt += is_worse(what, !line_is_good(&line[i]));
	}
	return hurt;
}

/* --- names --------------------------------------------------------------------------------------------------------------- */

#define ANSWER "93.184.216.1"

/* "slow...": the first server says nothing.  "big...": cut short over UDP.  "no...": there is none. */
static const struct message *
server_thinks(const struct message *q, bool by_tcp, bool second)
{
	static const char *const addr[] = {ANSWER};
	const char *label = (const char *)q->bytes + 13;

	if (q->len < 24)
		return NULL;
	if (strncmp(label, "slow", 4) == 0 && !second && !by_tcp)
		return NULL;
	if (strncmp(label, "big", 3) == 0 && !by_tcp)
		return answer_to(q, 0x8380, NULL, 0, 0);
	if (strncmp(label, "no", 2) == 0)
		return answer_to(q, 0x8183, NULL, 0, 0);
	return answer_to(q, 0x8180, addr, 1, 300);
}

/* Is it connected to one of the two? */
static bool
is_a_server(int fd, struct endpoint *to)
{
	struct addr first = addr_of(SERVER_A), second = addr_of(SERVER_B);

	return vhost_peer(bed->vhost, fd, to) && to->port == 53 &&
	       (addr_eq(&to->addr, &first) || addr_eq(&to->addr, &second));
}

static bool
udp_servers_answer(void)
{
	struct addr second = addr_of(SERVER_B);
	struct endpoint to;
	bool moved = false;
	int fd;

	for (int i = 0; (fd = vhost_find(bed->vhost, HOST_UDP, i)) >= 0; i++) {
		struct message q;

		if (!is_a_server(fd, &to))
			continue;
		while (vhost_recv_dgram(bed->vhost, fd, q.bytes, sizeof(q.bytes), &q.len, NULL)) {
			const struct message *m = server_thinks(&q, false, addr_eq(&to.addr, &second));

			moved = true;
			if (m)
				vhost_send_dgram(bed->vhost, fd, NULL, m->bytes, m->len);
		}
	}
	return moved;
}

static bool
tcp_servers_answer(void)
{
	struct endpoint to;
	bool moved = false;
	int fd;

	for (int i = 0; (fd = vhost_find(bed->vhost, HOST_TCP, i)) >= 0; i++) {
		struct message q;
		uint8_t prefix[2];

		if (!is_a_server(fd, &to))
			continue;
		while (vhost_recv_len(bed->vhost, fd) >= 14) {
			vhost_recv(bed->vhost, fd, prefix, 2);
			q.len = vhost_recv(bed->vhost, fd, q.bytes, (size_t)(prefix[0] << 8 | prefix[1]));
			const struct message *m = server_thinks(&q, true, false);
			moved = true;
			if (!m)
				continue;
			const uint8_t len[2] = {(uint8_t)(m->len >> 8), (uint8_t)m->len};
			vhost_send(bed->vhost, fd, len, 2);
			vhost_send(bed->vhost, fd, m->bytes, m->len);
		}
	}
	return moved;
}

static bool
servers_answer(void)
{
	bool udp = udp_servers_answer();

	return tcp_servers_answer() || udp;
}

/* A resolver asks three times, five seconds apart.  1: it was not told what there is. */
static unsigned
asks_in_vain(uint16_t id, const char *name)
{
	uint16_t port = (uint16_t)(5000 + id);
	struct addr want = addr_of(ANSWER);

	for (unsigned tries = 0; tries < 3; tries++) {
		memset(&heard_at[port], 0, sizeof(heard_at[port]));
		asks(id, name, DNS_A);
		stir_for(5 * USEC_PER_SEC);
		if (heard_at[port].answers > 0 && heard_at[port].rcode != DNS_SERVFAIL)
			break;
	}
	if (strncmp(name, "no", 2) == 0)
		return is_worse(name, heard_at[port].answers == 0 || heard_at[port].rcode != DNS_NXDOMAIN);
	return is_worse(name, heard_at[port].answers != 1 || heard_at[port].rcode != DNS_NOERROR ||
				  !addr_eq(&heard_at[port].first, &want));
}

struct scene {
	const char *name;
	void (*before)(void);   /* what is configured; NULL: nothing */
	unsigned (*play)(void); /* how many did not come to what they should */
	enum {
		QUICK,
		LOSSY,
		SLOW
	} kind; /* LOSSY: datagrams may be lost where there is no room.  SLOW: has TLS */
};

static struct endpoint
far_v4(uint16_t port)
{
	return (struct endpoint){bed_elsewhere(FAMILY_V4), port};
}

static struct endpoint
far_v6(uint16_t port)
{
	return (struct endpoint){bed_elsewhere(FAMILY_V6), port};
}

static int capture_fd;

/* --- one run ------------------------------------------------------------------------------------------------------------------ */

/* The guest forgets all its connections; what is left of datagrams and names ages away. */
static void
all_is_given_back(size_t before)
{
	others_move = NULL;
	for (unsigned i = 0; i < nline; i++)
		peer_send(&line[i].c->p, TCP_RST, NULL, 0);
	for (unsigned minute = 0; minute < 8; minute++) {
		wait_for(60 * USEC_PER_SEC);
		bed_drop(bed);
	}
	for (unsigned k = 0; k < FLOW_KINDS; k++)
		assert_int_equal(bed->gw->flows.kind[k].open, 0);
	if (capture_fd >= 0) /* its giver's */
		bed->gw->host->ops->close(bed->gw->host, capture_fd, false);
	/* The spare descriptor may be what could not be had again. */
	assert_int_equal(vhost_open_count(bed->vhost), before - (bed->gw->spare_fd < 0) - (capture_fd >= 0));
	assert_int_equal(bed->gw->pool.used, 0);
	assert_int_equal(bed->gw->bodies, 0);
}

/* Whoever comes next is served: a connection, a datagram, a name. */
static void
next_is_served(void)
{
	struct peer p = peer_to(9001, far_v4(7));
	struct endpoint to = far_v4(7003);
	char got[8];

	peer_open(&p);
	peer_send(&p, TCP_ACK | TCP_PSH, "\1\2\3", 3); /* no word: nobody waits for more of it */
	guest_udp(9001, &to, "new", 3);
	bed_settle(bed);
	assert_int_equal(vhost_recv(bed->vhost, peer_fd(&p), got, sizeof(got)), 3);
	bool arrived = false;
	size_t n;
	for (int i = 0, fd; (fd = vhost_find(bed->vhost, HOST_UDP, i)) >= 0; i++)
		while (vhost_recv_dgram(bed->vhost, fd, buf, sizeof(buf), &n, &to))
			arrived |= to.port == 7003 && n == 3;
	assert_true(arrived);
}

static void
bystander_has_all(bool hit)
{
	const struct line *b = &line[0];

	assert_true(b->open);
	assert_false(b->bad);
	if (hit)
		return;
	assert_false(b->c->rst || b->c->fin);
	assert_int_equal(b->had[HOST], b->total);
	assert_int_equal(b->had[GUEST], b->total);
}

/* What fails in a run: from arm() to disarm(), which says whose descriptor it was about, -1: nobody's. */
struct fault {
	void (*arm)(const struct fault *f);
	int (*disarm)(const struct fault *f);
	const char *op;
	unsigned nth;
	int error;
};

/* What is being played, for whoever reads that it went wrong; "": nothing. */
static char playing[128];

static int
say_what_played(void **state)
{
	(void)state;
	if (playing[0])
		print_error("while this was played: %s\n", playing);
	playing[0] = '\0';
	return 0;
}

/* How many of the scene's lines are the worse for it. */
static unsigned
scene_run(const struct scene *s, const struct fault *f)
{
	snprintf(playing, sizeof(playing), "%s; %s, %u, %s", s->name, f->op ? f->op : "", f->nth,
		 f->error ? strerror(f->error) : "");
	fresh_intercept(NULL);
	conf.gateway.intercept = false; /* a CA costs milliseconds */
	nline = 0;
	others_move = NULL;
	worse[0] = '\0';
	capture_fd = -1;
	memset(heard_at, 0, sizeof(heard_at));
	memset(echoes, 0, sizeof(echoes));
	if (s->before)
		s->before();
	begin();
	size_t before = vhost_open_count(bed->vhost);
	struct line *bystander = line_new(9000, far_v4(7), NEVER_ENDS, 0);
	lines_open();
	int own = bystander->c->fd;
	f->arm(f);
	unsigned hurt = s->play();
	int hit = f->disarm(f);
	stir();
	for (unsigned i = 0; i < nline; i++)
		assert_false(line[i].bad);
	bystander_has_all(hit == own);
	all_is_given_back(before);
	next_is_served();
	end_intercept();
	playing[0] = '\0';
	return hurt;
}

#endif
