/*
 * golden_test.c - are the golden captures right, and not only the same as last time?
 *
 * Each is read by libpcap, and each frame in it judged by strict.h.  Then what the far side said in the
 * capture it was made from, and what the gateway told the guest in its place, must be the same: every byte
 * of every TCP stream, how it ended, and how far the guest's own bytes were taken; every datagram and every
 * echo reply, in order.  Of what nameservers say only that is compared which is passed on: not the flags and the
 * buffer size that speak of the server itself, nor how long a TTL it would like to have kept.
 */
#include <glob.h>
#include <pcap/pcap.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proxy/replay_wire.h"
#include "stack/frag.h"
#include "test/bed/strict.h"

#define STREAMS 64u
#define STREAM_MAX 262144u
#define DATAGRAMS 512u

static const struct strict_wire wire = {
    .gateway = {{0x52, 0x55, 0x0a, 0, 2, 2}},
    .lim = {.mtu = 1500},
};

/* What somebody said to the guest. */
struct stream {
	struct tuple tuple;
	uint32_t iss;
	bool fin, rst;
	uint32_t fin_at; /* relative to iss + 1, as are places in bytes */
	bool acked;
	uint32_t ack; /* the highest: the guest's numbers are the same here and there */
	uint8_t bytes[STREAM_MAX], have[STREAM_MAX];
};

struct datagram {
	struct ip ip;
	uint16_t port; /* it came from; 0: none */
	size_t len;
	uint8_t bytes[];
};

struct story {
	struct strict_wire wire;
	bool judge; /* frames of the gateway: strict ones */
	unsigned nframe, nstream, ndatagram;
	struct stream *stream[STREAMS];
	struct datagram *datagram[DATAGRAMS];
	struct frag_table frag;
};

/* --- telling ------------------------------------------------------------------------------------------ */

static size_t
length(const struct stream *s)
{
	size_t n = 0;

	while (n < STREAM_MAX && s->have[n])
		n++;
	return n;
}

static struct stream *
stream_of(struct story *s, const struct replay_packet *p)
{
	struct tuple t = {{p->ip.dst, p->tcp.dport}, {p->ip.src, p->tcp.sport}, IP_PROTO_TCP};
	bool opens = p->tcp.flags & TCP_SYN;

	/* The newest first: ports may be used again. */
	for (unsigned i = s->nstream; i-- > 0;)
		if (tuple_eq(&s->stream[i]->tuple, &t) && (!opens || s->stream[i]->iss == p->tcp.seq))
			return s->stream[i];
	if (!opens)
		return NULL;
	assert_true(s->nstream < STREAMS);
	struct stream *st = calloc(1, sizeof(*st));
	assert_non_null(st);
	st->tuple = t;
	st->iss = p->tcp.seq;
	s->stream[s->nstream++] = st;
	return st;
}

static void
hear_tcp(struct story *s, const struct replay_packet *p)
{
	struct stream *st = stream_of(s, p);

	if (!st)
		return;
	uint32_t at = p->tcp.seq + (p->tcp.flags & TCP_SYN ? 1 : 0) - (st->iss + 1);
	st->rst |= (p->tcp.flags & TCP_RST) != 0;
	if (p->tcp.flags & TCP_ACK && (!st->acked || (int32_t)(p->tcp.ack - st->ack) > 0)) {
		st->acked = true;
		st->ack = p->tcp.ack;
	}
	if (p->tcp.flags & TCP_FIN) {
		st->fin = true;
		st->fin_at = at + (uint32_t)p->data.len;
	}
	/* A keep-alive probe is one before the first. */
	if (p->data.len == 0 || at == UINT32_MAX)
		return;
	assert_true(at < STREAM_MAX && p->data.len <= STREAM_MAX - at);
	for (size_t i = 0; i < p->data.len; i++) {
		assert_true(!st->have[at + i] || st->bytes[at + i] == p->data.p[i]);
		st->bytes[at + i] = p->data.p[i];
		st->have[at + i] = 1;
	}
}

static void
hear_datagram(struct story *s, const struct replay_packet *p, uint16_t port, struct view bytes)
{
	struct datagram *d = malloc(sizeof(*d) + bytes.len);

	assert_non_null(d);
	assert_true(s->ndatagram < DATAGRAMS);
	d->ip = p->ip;
	d->port = port;
	d->len = bytes.len;
	if (bytes.len)
		memcpy(d->bytes, bytes.p, bytes.len);
	s->datagram[s->ndatagram++] = d;
}

static void
hear(struct story *s, struct view frame)
{
	struct replay_packet p;
	struct view whole;

	if (!replay_read(frame, &p) || mac_is_group(p.eth.dst) || !mac_eq(p.eth.src, s->wire.gateway))
		return;
	if (p.ip.fragment) {
		struct ip piece = p.ip;

		if (frag_input(&s->frag, &piece, p.segment, (struct view){0}, 0, &p.ip, &whole) !=
		    FRAG_COMPLETE)
			return;
		replay_read_transport(&p, whole);
	}
	bool reply = p.is == REPLAY_ICMP &&
		     p.icmp.type == (addr_is_v4(&p.ip.src) ? ICMP4_ECHO_REPLY : ICMP6_ECHO_REPLY);
	if (p.is == REPLAY_TCP)
		hear_tcp(s, &p);
	else if (p.is == REPLAY_UDP)
		hear_datagram(s, &p, p.udp.sport, p.data);
	else if (reply)
		hear_datagram(s, &p, 0, p.segment);
}

/* A tap's guest has a MAC of its own: the one that is first spoken to. */
static void
judge(struct story *s, struct view frame)
{
	struct offload none = {0};
	struct strict is;
	struct rd r = rd_of(frame);
	struct eth h;

	if (mac_is_zero(s->wire.guest) && eth_parse(&r, &h) && !mac_is_group(h.dst))
		s->wire.guest = h.dst;
	const char *wrong = strict_check(&s->wire, frame.p, frame.len, &none, &is);

	if (wrong)
		fail_msg("frame %u: %s", s->nframe, wrong);
}

static void
read_capture(struct story *s, const char *path)
{
	char err[PCAP_ERRBUF_SIZE];
	pcap_t *p = pcap_open_offline(path, err);
	struct pcap_pkthdr *h;
	const u_char *bytes;
	int rc;

	if (!p)
		fail_msg("%s: %s", path, err);
	while ((rc = pcap_next_ex(p, &h, &bytes)) == 1) {
		assert_int_equal(h->caplen, h->len);
		s->nframe++;
		if (s->judge)
			judge(s, view_of(bytes, h->len));
		hear(s, view_of(bytes, h->len));
	}
	if (rc != PCAP_ERROR_BREAK)
		fail_msg("%s: %s", path, pcap_geterr(p));
	pcap_close(p);
}

static void
forget(struct story *s)
{
	for (unsigned i = 0; i < s->nstream; i++)
		free(s->stream[i]);
	for (unsigned i = 0; i < s->ndatagram; i++)
		free(s->datagram[i]);
	free(s);
}

/* --- nameservers -------------------------------------------------------------------------------------- */

#define DNS_PORT 53u

static size_t
after_name(const uint8_t *b, size_t at)
{
	while (b[at] && b[at] < 0xc0)
		at += 1u + b[at];
	return at + (b[at] ? 2 : 1);
}

/* What the server says of itself becomes zero. */
static void
forget_server(uint8_t *b, size_t len)
{
	static const uint8_t zero[4];
	size_t records = 0, at = 12;

	assert_true(len >= at);
	b[2] &= 0xfb; /* AA */
	b[3] &= 0x5f; /* RA, AD */
	for (size_t i = 6; i < 12; i += 2)
		records += (size_t)b[i] << 8 | b[i + 1];
	for (at = after_name(b, at) + 4; records > 0; records--) {
		at = after_name(b, at);
		assert_true(at + 10 <= len);
		if (b[at + 1] == 41) /* OPT */
			memcpy(b + at + 2, zero, 2);
		memcpy(b + at + 4, zero, 4);
		at += 10u + ((size_t)b[at + 8] << 8 | b[at + 9]);
		assert_true(at <= len);
	}
}

static void
forget_servers(struct story *s)
{
	for (unsigned i = 0; i < s->ndatagram; i++)
		if (s->datagram[i]->port == DNS_PORT)
			forget_server(s->datagram[i]->bytes, s->datagram[i]->len);
	for (unsigned i = 0; i < s->nstream; i++) {
		struct stream *st = s->stream[i];
		size_t n = length(st), at = 0;

		while (st->tuple.remote.port == DNS_PORT && at < n) {
			size_t len = (size_t)st->bytes[at] << 8 | st->bytes[at + 1];

			assert_true(at + 2 + len <= n);
			forget_server(st->bytes + at + 2, len);
			at += 2 + len;
		}
	}
}

/* --- comparing ---------------------------------------------------------------------------------------- */

static const struct stream *
same_stream(const struct story *s, const struct stream *as, unsigned nth)
{
	for (unsigned i = 0; i < s->nstream; i++)
		if (tuple_eq(&s->stream[i]->tuple, &as->tuple) && nth-- == 0)
			return s->stream[i];
	return NULL;
}

static unsigned
nth_of_tuple(const struct story *s, unsigned at)
{
	unsigned n = 0;

	for (unsigned i = 0; i < at; i++)
		n += tuple_eq(&s->stream[i]->tuple, &s->stream[at]->tuple);
	return n;
}

static void
compare_streams(const struct story *there, const struct story *here)
{
	for (unsigned i = 0; i < there->nstream; i++) {
		const struct stream *a = there->stream[i];
		const struct stream *b = same_stream(here, a, nth_of_tuple(there, i));

		if (!b)
			fail_msg("connection %u was never opened", i);
		if (length(a) != length(b) || memcmp(a->bytes, b->bytes, length(a)) != 0)
			fail_msg("connection %u: %zu bytes there, %zu here, or others", i, length(a),
				 length(b));
		if (a->fin != b->fin || a->rst != b->rst)
			fail_msg("connection %u ended otherwise: FIN %d RST %d there, %d %d here", i, a->fin,
				 a->rst, b->fin, b->rst);
		if (a->fin)
			assert_int_equal(a->fin_at, b->fin_at);
		if (a->acked && a->ack != b->ack)
			fail_msg("connection %u: the guest's bytes up to %u were taken there, up to %u here",
				 i, a->ack, b->ack);
	}
	assert_int_equal(there->nstream, here->nstream);
}

static void
compare_datagrams(const struct story *there, const struct story *here)
{
	assert_int_equal(there->ndatagram, here->ndatagram);
	for (unsigned i = 0; i < there->ndatagram; i++) {
		const struct datagram *a = there->datagram[i], *b = here->datagram[i];

		if (a->len != b->len || memcmp(a->bytes, b->bytes, a->len) != 0 ||
		    !addr_eq(&a->ip.src, &b->ip.src) || !addr_eq(&a->ip.dst, &b->ip.dst))
			fail_msg("datagram %u is another: %zu bytes there, %zu here", i, a->len, b->len);
	}
}

/* --- one test for each golden capture -------------------------------------------------------------------- */

static struct story *
new_story(void)
{
	struct story *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->wire = wire;
	return s;
}

/* The MTU the capture is replayed with: NAME.args may say. */
static uint32_t
mtu_of(const char *args_path)
{
	FILE *f = fopen(args_path, "r");
	unsigned mtu = 0;

	if (f && fscanf(f, "--mtu %u", &mtu) != 1)
		mtu = 0;
	if (f)
		fclose(f);
	return mtu ? mtu : wire.lim.mtu;
}

static void
test_golden(void **state)
{
	const char *name = *state;
	struct story *there = new_story(), *here = new_story();
	char path[512];

	snprintf(path, sizeof(path), "test/replay/corpus/%s.args", name);
	here->wire.lim.mtu = mtu_of(path);
	here->judge = true;
	snprintf(path, sizeof(path), "test/replay/golden/%s.pcapng", name);
	read_capture(here, path);
	assert_true(here->nframe > 0);

	/* A capture of the guest alone has no far side to compare with. */
	snprintf(path, sizeof(path), "test/replay/corpus/%s.pcap", name);
	FILE *f = fopen(path, "r");
	if (f)
		fclose(f);
	else
		snprintf(path, sizeof(path), "test/replay/corpus/%s.pcapng", name);
	read_capture(there, path);
	assert_true(there->nframe > 0);
	if (there->nstream || there->ndatagram) {
		forget_servers(there);
		forget_servers(here);
		compare_streams(there, here);
		compare_datagrams(there, here);
	}
	forget(there);
	forget(here);
}

/* "a/b/NAME.pcapng" becomes "NAME", in place. */
static char *
name_of(char *path)
{
	char *slash = strrchr(path, '/');
	char *name = slash ? slash + 1 : path;
	char *dot = strchr(name, '.');

	if (dot)
		*dot = '\0';
	return name;
}

int
main(void)
{
	glob_t golden;

	if (glob("test/replay/golden/*.pcapng", 0, NULL, &golden) != 0) {
		printf("not ok golden - no golden captures: run from the top of the tree\n");
		return 1;
	}
	struct CMUnitTest *tests = calloc(golden.gl_pathc, sizeof(*tests));
	if (!tests)
		return 1;
	for (size_t i = 0; i < golden.gl_pathc; i++) {
		char *name = name_of(golden.gl_pathv[i]);

		tests[i] = (struct CMUnitTest){.name = name, .test_func = test_golden, .initial_state = name};
	}
	int failed = _cmocka_run_group_tests("golden", tests, golden.gl_pathc, NULL, NULL);
	free(tests);
	globfree(&golden);
	return failed;
}
