/*
 * dns_kit.h - the guest asks for names, and the test plays the nameservers
 *
 * Questions and answers are written here byte by byte, without the code that is tested.  A name is text with dots.
 */
#ifndef TEST_UNIT_DNS_KIT_H
#define TEST_UNIT_DNS_KIT_H

#include "proxy/dns_int.h"
#include "test/unit/gateway_kit.h"

#define SERVER_A "192.0.2.53"
#define SERVER_B "192.0.2.54"

static const char *const two_servers[] = {SERVER_A, SERVER_B};

struct message {
	size_t len;
	uint8_t bytes[65535];
};

/* What the guest was told. */
struct told {
	uint16_t id;
	uint8_t rcode;
	bool truncated;
	unsigned answers;
	int ede; /* -1: none */
	char text[256];
	struct addr first; /* of an A or AAAA record */
	uint32_t ttl;
	uint16_t type;
};

static inline void
put_name(struct wr *w, const char *name)
{
	while (*name) {
		size_t n = strcspn(name, ".");

		wr_u8(w, (uint8_t)n);
		wr_bytes(w, name, n);
		name += n + (name[n] == '.');
	}
	wr_u8(w, 0);
}

/* A query with RD; edns: bytes that are taken over UDP, 0: it does not speak EDNS. */
static inline struct message *
question(uint16_t id, const char *name, uint16_t type, uint16_t edns)
{
	static struct message m;
	struct wr w = wr_of(m.bytes, sizeof(m.bytes));

	wr_u16(&w, id);
	wr_u16(&w, 0x0100);
	wr_u16(&w, 1);
	wr_u16(&w, 0);
	wr_u16(&w, 0);
	wr_u16(&w, edns ? 1 : 0);
	put_name(&w, name);
	wr_u16(&w, type);
	wr_u16(&w, 1);
	if (edns) {
		wr_u8(&w, 0);
		wr_u16(&w, DNS_OPT);
		wr_u16(&w, edns);
		wr_u32(&w, 0);
		wr_u16(&w, 0);
	}
	m.len = (size_t)(w.p - m.bytes);
	return &m;
}

static inline struct endpoint
dns_at(enum family fam)
{
	return (struct endpoint){bed->gw->stack.cfg.net[fam].dns, 53};
}

/* The guest asks, from port 5000 + id. */
static inline void
asks(uint16_t id, const char *name, uint16_t type)
{
	const struct message *m = question(id, name, type, 1232);
	struct endpoint dns = dns_at(FAMILY_V4);

	guest_udp((uint16_t)(5000 + id), &dns, m->bytes, m->len);
	bed_settle(bed);
}

/* --- what the guest was told ------------------------------------------------------------------------------ */

static inline void
skip_name(struct rd *r)
{
	uint8_t n;

	while ((n = rd_u8(r)) != 0 && !r->bad) {
		if (n >= 0xc0) {
			rd_u8(r);
			return;
		}
		rd_take(r, n);
	}
}

static inline void
read_option(struct rd r, struct told *t)
{
	while (rd_left(&r)) {
		uint16_t code = rd_u16(&r), len = rd_u16(&r);
		struct rd body = rd_of(rd_take(&r, len));

		if (code != 15) /* RFC 8914 */
			continue;
		t->ede = rd_u16(&body);
		struct view text = rd_rest(&body);
		assert_true(text.len < sizeof(t->text));
		memcpy(t->text, text.p, text.len);
		t->text[text.len] = '\0';
	}
	assert_false(r.bad);
}

static inline void
read_record(struct rd *r, struct told *t, bool is_answer)
{
	skip_name(r);
	uint16_t type = rd_u16(r);
	rd_u16(r);
	uint32_t ttl = rd_u32(r);
	uint16_t len = rd_u16(r);
	struct rd data = rd_of(rd_take(r, len));

	if (type == DNS_OPT)
		read_option(data, t);
	if (!is_answer)
		return;
	t->type = type;
	t->ttl = ttl;
	if (type == DNS_A)
		t->first = addr_v4(rd_u32(&data));
	else if (type == DNS_AAAA)
		rd_copy(&data, t->first.b, 16);
}

static inline struct told
read_told(struct view msg)
{
	struct rd r = rd_of(msg);
	struct told t = {.id = rd_u16(&r), .ede = -1};
	uint16_t flags = rd_u16(&r), qd = rd_u16(&r), an = rd_u16(&r);
	unsigned others = rd_u16(&r);

	others += rd_u16(&r);
	assert_true(flags & 0x8000);
	t.rcode = flags & 15;
	t.truncated = flags & 0x0200;
	t.answers = an;
	for (; qd > 0; qd--) {
		skip_name(&r);
		rd_u32(&r);
	}
	for (unsigned i = 0; i < an + others; i++)
		read_record(&r, &t, i < an);
	assert_false(r.bad);
	assert_int_equal(rd_left(&r), 0);
	return t;
}

/* The guest's next frame, an answer to question `id` of asks(). */
static inline struct told
hears(uint16_t id)
{
	struct endpoint dns = dns_at(FAMILY_V4);
	struct bed_frame *f = expect(STRICT_UDP);
	struct told t = read_told(f->is.payload);

	assert_true(addr_eq(&f->is.ip.src, &dns.addr));
	assert_int_equal(f->is.udp.sport, 53);
	assert_int_equal(f->is.udp.dport, 5000 + id);
	assert_int_equal(t.id, id);
	free(f);
	return t;
}

static inline struct told
hears_rcode(uint16_t id, uint8_t rcode)
{
	struct told t = hears(id);

	assert_int_equal(t.rcode, rcode);
	return t;
}

static inline void
hears_address(uint16_t id, const char *addr)
{
	struct told t = hears_rcode(id, DNS_NOERROR);
	struct addr want = addr_of(addr);

	assert_int_equal(t.answers, 1);
	assert_true(addr_eq(&t.first, &want));
}

/* --- nameservers ------------------------------------------------------------------------------------------ */

/* n addresses (400 at most) for one long answer. */
static inline const char *const *
many_addresses(uint32_t n)
{
	static const char *many[400];
	static char text[400][ADDR_TEXT];

	assert_true(n <= 400);
	for (uint32_t i = 0; i < n; i++) {
		struct addr a = addr_v4(0x5db80000 + i);

		many[i] = addr_text(&a, text[i]);
	}
	return many;
}

/* The n-th socket (UDP or TCP) that is connected to this nameserver now; -1: there is none. */
static inline int
server_fd(enum host_kind kind, const char *server, int n)
{
	struct addr want = addr_of(server);
	struct endpoint to;
	int fd;

	for (int i = 0; (fd = vhost_find(bed->vhost, (int)kind, i)) >= 0; i++)
		if (vhost_peer(bed->vhost, fd, &to) && addr_eq(&to.addr, &want) && n-- == 0)
			return fd;
	return -1;
}

static inline unsigned
server_sockets(enum host_kind kind)
{
	struct endpoint to;
	unsigned n = 0;
	int fd;

	for (int i = 0; (fd = vhost_find(bed->vhost, (int)kind, i)) >= 0; i++)
		n += vhost_peer(bed->vhost, fd, &to) && to.port == 53;
	return n;
}

/* The query that came to a nameserver's end of a datagram socket. */
static inline struct message *
server_hears(int fd)
{
	static struct message m;

	assert_true(fd >= 0);
	assert_true(vhost_recv_dgram(bed->vhost, fd, m.bytes, sizeof(m.bytes), &m.len, NULL));
	return &m;
}

static inline uint16_t
id_of(const struct message *m)
{
	struct rd r = rd_of(view_of(m->bytes, m->len));

	return rd_u16(&r);
}

/* The answer to a query: flags (0x8180: all is well), with these addresses. */
static inline struct message *
answer_to(const struct message *q, uint16_t flags, const char *const *addr, unsigned n, uint32_t ttl)
{
	static struct message m;
	struct rd r = rd_of(view_of(q->bytes, q->len));
	struct wr w = wr_of(m.bytes, sizeof(m.bytes));

	wr_u16(&w, rd_u16(&r));
	rd_take(&r, 10);
	const uint8_t *from = r.p;
	skip_name(&r);
	rd_u32(&r);
	wr_u16(&w, flags);
	wr_u16(&w, 1);
	wr_u16(&w, (uint16_t)n);
	wr_u32(&w, 0);
	wr_bytes(&w, from, (size_t)(r.p - from));
	for (unsigned i = 0; i < n; i++) {
		struct addr a = addr_of(addr[i]);
		bool v4 = addr_is_v4(&a);

		wr_u16(&w, 0xc00c);
		wr_u16(&w, v4 ? DNS_A : DNS_AAAA);
		wr_u16(&w, 1);
		wr_u32(&w, ttl);
		wr_u16(&w, v4 ? 4 : 16);
		wr_bytes(&w, a.b + (v4 ? 12 : 0), v4 ? 4 : 16);
	}
	m.len = (size_t)(w.p - m.bytes);
	return &m;
}

static inline void
server_sends(int fd, const struct message *m)
{
	assert_true(vhost_send_dgram(bed->vhost, fd, NULL, m->bytes, m->len));
	bed_settle(bed);
}

/* The nameserver at this end answers the query it has with one address. */
static inline void
server_answers(int fd, const char *addr)
{
	const char *const one[] = {addr};

	server_sends(fd, answer_to(server_hears(fd), 0x8180, one, 1, 300));
}

/* The same, and the guest is told what it had asked as `id`. */
static inline void
resolves(int fd, uint16_t id, const char *addr)
{
	server_answers(fd, addr);
	hears_address(id, addr);
}

static inline void
server_says(int fd, uint8_t rcode)
{
	server_sends(fd, answer_to(server_hears(fd), (uint16_t)(0x8180 | rcode), NULL, 0, 0));
}

/* --- by TCP ----------------------------------------------------------------------------------------------- */

/* A message behind its length; the bytes of both. */
static inline size_t
framed(uint8_t *to, const struct message *m)
{
	to[0] = (uint8_t)(m->len >> 8);
	to[1] = (uint8_t)m->len;
	memcpy(to + 2, m->bytes, m->len);
	return m->len + 2;
}

/* Takes the first message out of *n bytes, which has to be whole. */
static inline struct message *
unframed(uint8_t *bytes, size_t *n)
{
	static struct message m;

	assert_true(*n >= 2);
	m.len = (size_t)(bytes[0] << 8 | bytes[1]);
	assert_true(*n >= 2 + m.len);
	memcpy(m.bytes, bytes + 2, m.len);
	*n -= 2 + m.len;
	memmove(bytes, bytes + 2 + m.len, *n);
	return &m;
}

/* The query that came to a nameserver's end of a connection, without its length. */
static inline struct message *
stream_hears(int fd)
{
	static struct message m;
	uint8_t prefix[2];

	assert_true(fd >= 0);
	assert_int_equal(vhost_recv(bed->vhost, fd, prefix, 2), 2);
	m.len = (size_t)(prefix[0] << 8 | prefix[1]);
	assert_int_equal(vhost_recv(bed->vhost, fd, m.bytes, m.len), m.len);
	return &m;
}

static inline void
stream_sends(int fd, const struct message *m)
{
	const uint8_t prefix[2] = {(uint8_t)(m->len >> 8), (uint8_t)m->len};

	assert_int_equal(vhost_send(bed->vhost, fd, prefix, 2), 2);
	assert_int_equal(vhost_send(bed->vhost, fd, m->bytes, m->len), m->len);
	bed_settle(bed);
}

#endif
