/*
 * dns_msg_kit.h - DNS messages for tests: written record by record, also such as nobody should send
 */
#ifndef TEST_UNIT_DNS_MSG_KIT_H
#define TEST_UNIT_DNS_MSG_KIT_H

#include "dns/query.h"
#include "test/bed/naive_dns.h"
#include "test/unit/wire_kit.h"

enum { QUESTION, ANSWERS, AUTHORITIES, ADDITIONALS };
enum { QR = 0x8000, AA = 0x0400, TC = 0x0200, RD = 0x0100, RA = 0x0080, AD = 0x0020, CD = 0x0010 };

struct message {
	struct wr w;
	uint16_t count[4];
	uint8_t b[DNS_MESSAGE_MAX + 1000u];
};

/* Text becomes labels; into at least 256 bytes, returns how many. */
static inline size_t
kit_name(const char *text, uint8_t *out)
{
	size_t n = 0;

	while (*text) {
		size_t len = strcspn(text, ".");

		out[n++] = (uint8_t)len;
		memcpy(out + n, text, len);
		n += len;
		text += len + (text[len] == '.');
	}
	out[n++] = 0;
	return n;
}

static inline void
msg_start(struct message *m, uint16_t id, unsigned flags)
{
	m->w = wr_of(m->b, sizeof(m->b));
	memset(m->count, 0, sizeof(m->count));
	wr_u16(&m->w, id);
	wr_u16(&m->w, (uint16_t)flags);
	memset(wr_take(&m->w, 8), 0, 8);
}

static inline void
msg_name(struct message *m, const char *text)
{
	uint8_t name[512];

	wr_bytes(&m->w, name, kit_name(text, name));
}

static inline void
msg_question(struct message *m, const char *name, unsigned type)
{
	msg_name(m, name);
	wr_u16(&m->w, (uint16_t)type);
	wr_u16(&m->w, 1);
	m->count[QUESTION]++;
}

/* As a message about one question begins. */
static inline void
msg_answer_to(struct message *m, const char *name, unsigned type, unsigned flags)
{
	msg_start(m, 7, QR | RD | RA | flags);
	msg_question(m, name, type);
}

static inline void
msg_record(struct message *m, unsigned section, const char *owner, unsigned type, uint32_t ttl,
	   const void *data, size_t len)
{
	msg_name(m, owner);
	wr_u16(&m->w, (uint16_t)type);
	wr_u16(&m->w, 1);
	wr_u32(&m->w, ttl);
	wr_u16(&m->w, (uint16_t)len);
	wr_bytes(&m->w, data, len);
	m->count[section]++;
}

/* A or AAAA, as the address is. */
static inline void
msg_addr(struct message *m, unsigned section, const char *owner, uint32_t ttl, const char *text)
{
	struct addr a;

	assert_true(addr_parse(text, &a));
	if (strchr(text, ':'))
		msg_record(m, section, owner, DNS_AAAA, ttl, a.b, 16);
	else
		msg_record(m, section, owner, DNS_A, ttl, a.b + 12, 4);
}

/* CNAME, NS, PTR, DNAME. */
static inline void
msg_alias(struct message *m, unsigned section, const char *owner, unsigned type, uint32_t ttl, const char *to)
{
	uint8_t name[512];

	msg_record(m, section, owner, type, ttl, name, kit_name(to, name));
}

static inline void
msg_soa(struct message *m, const char *owner, uint32_t ttl, uint32_t minimum)
{
	uint8_t data[64];
	struct wr w = wr_of(data, sizeof(data));

	wr_bytes(&w, "\2ns\0\4root\0", 10);
	for (unsigned i = 0; i < 4; i++)
		wr_u32(&w, 1000 + i);
	wr_u32(&w, minimum);
	msg_record(m, AUTHORITIES, owner, DNS_SOA, ttl, data, (size_t)(w.p - data));
}

/* Signs nothing, but says that it does. */
static inline void
msg_rrsig(struct message *m, unsigned section, const char *owner, unsigned covered, uint32_t ttl)
{
	uint8_t data[51] = {(uint8_t)(covered >> 8), (uint8_t)covered, 13, 2};

	memset(data + 19, 0x5a, 32);
	msg_record(m, section, owner, DNS_RRSIG, ttl, data, sizeof(data));
}

static inline void
msg_opt(struct message *m, unsigned size, uint32_t flags, const void *options, size_t len)
{
	wr_u8(&m->w, 0);
	wr_u16(&m->w, DNS_OPT);
	wr_u16(&m->w, (uint16_t)size);
	wr_u32(&m->w, flags);
	wr_u16(&m->w, (uint16_t)len);
	wr_bytes(&m->w, options, len);
	m->count[ADDITIONALS]++;
}

static inline struct view
msg_end(struct message *m)
{
	struct wr w = wr_of(m->b + 4, 8);

	assert_false(m->w.bad);
	for (unsigned i = 0; i < 4; i++)
		wr_u16(&w, m->count[i]);
	return view_of(m->b, (size_t)(m->w.p - m->b));
}

/* The query that a stub without EDNS would send. */
static inline struct dns_query
kit_query(const char *name, unsigned type)
{
	struct dns_query q = {
	    .id = 0x1234, .rd = true, .udp_size = DNS_UDP_MIN, .type = (uint16_t)type, .class = 1};
	uint8_t wire[512];
	size_t len = kit_name(name, wire);

	assert_true(name_from_wire(view_of(wire, len), &q.name));
	memcpy(q.spelled, wire, len);
	return q;
}

static inline struct name
kit_name_of(const char *text)
{
	return kit_query(text, 1).name;
}

static inline void
kit_read(const uint8_t *p, size_t len, struct naive_dns *m)
{
	assert_true(naive_dns_read(p, len, m));
}

#endif
