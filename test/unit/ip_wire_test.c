/*
 * ip_wire_test.c - IPv4 and IPv6 headers: round trips, every truncation, and the attack rows that a
 * parser decides (the names I1..I9, F4, S1..S6 are those of the list of hostile inputs in docs/testing.md)
 */
#include "stack/ip_wire.h"

#include "stack/csum.h"
#include "test/unit/wire_kit.h"

/* A packet under construction: bytes, and how many. */
struct packet {
	uint8_t b[1600];
	size_t len;
};

static void
append(struct packet *p, const void *from, size_t n)
{
	assert_true(p->len + n <= sizeof(p->b));
	if (n)
		memcpy(p->b + p->len, from, n);
	p->len += n;
}

static void
set_u16(struct packet *p, size_t at, unsigned v)
{
	p->b[at] = (uint8_t)(v >> 8);
	p->b[at + 1] = (uint8_t)v;
}

/* IPv4 with these options (a multiple of 4 bytes) and this many bytes of payload. */
static struct packet
packet4(const void *options, size_t options_len, size_t payload)
{
	struct packet p = {.len = IP4_HLEN};
	struct addr src = kit_addr("10.0.2.15"), dst = kit_addr("192.0.2.1");

	p.b[0] = (uint8_t)(0x40 | (IP4_HLEN + options_len) / 4);
	p.b[8] = 64;
	p.b[9] = IP_PROTO_TCP;
	memcpy(p.b + 12, src.b + 12, 4);
	memcpy(p.b + 16, dst.b + 12, 4);
	append(&p, options, options_len);
	p.len += payload;
	set_u16(&p, 2, (unsigned)p.len);
	return p;
}

/* Puts the header checksum right, whatever the header claims its length is. */
static void
seal4(struct packet *p)
{
	struct csum c = {0};

	set_u16(p, 10, 0);
	csum_add(&c, view_of(p->b, (size_t)(p->b[0] & 0xf) * 4));
	set_u16(p, 10, csum_final(&c));
}

/* Parses the first n bytes from a block of just that size. */
static enum ip_parse_result
parse4_cut(const struct packet *p, size_t n, struct ip *out)
{
	uint8_t *block = kit_exact(p->b, n);
	enum ip_parse_result res = ip4_parse(view_of(block, n), n, out);

	free(block);
	return res;
}

static enum ip_parse_result
parse4(struct packet p)
{
	struct ip h;

	seal4(&p);
	return parse4_cut(&p, p.len, &h);
}

static void
v4_round_trip(void **state)
{
	uint64_t seed = 20;

	(void)state;
	for (unsigned i = 0; i < KIT_ROUNDS; i++) {
		struct ip in = {
		    .src = kit_v4(&seed),
		    .dst = kit_v4(&seed),
		    .proto = (uint8_t)kit_random(&seed),
		    .ttl = (uint8_t)(1 + kit_random(&seed) % 255),
		    .tos = (uint8_t)kit_random(&seed),
		    .df = kit_random(&seed) & 1,
		    .id = (uint16_t)kit_random(&seed),
		    .len = 8 * (1 + (uint32_t)kit_random(&seed) % 100),
		};
		struct ip out;
		uint8_t buf[IP4_HLEN + 800] = {0};
		struct wr w = wr_of(buf, sizeof(buf));

		if (i % 2) {
			in.more = kit_random(&seed) & 1;
			in.frag_off = (uint16_t)(kit_random(&seed) % 8000 * 8);
			in.fragment = in.more || in.frag_off;
		}
		ip_emit(&w, &in);
		assert_int_equal(kit_written(&w, buf).len, IP4_HLEN);
		assert_int_equal(ip_emit_len(&in), IP4_HLEN);
		in.hlen = IP4_HLEN;
		assert_int_equal(ip4_parse(view_of(buf, sizeof(buf)), IP4_HLEN + in.len + 7, &out), IP_OK);
		assert_memory_equal(&in.src, &out.src, sizeof(in.src));
		assert_memory_equal(&in.dst, &out.dst, sizeof(in.dst));
		assert_int_equal(in.proto, out.proto);
		assert_int_equal(in.ttl, out.ttl);
		assert_int_equal(in.tos, out.tos);
		assert_int_equal(in.df, out.df);
		assert_int_equal(in.fragment, out.fragment);
		assert_int_equal(in.more, out.more);
		assert_int_equal(in.frag_off, out.frag_off);
		assert_int_equal(in.id, out.id);
		assert_int_equal(in.hlen, out.hlen);
		assert_int_equal(in.len, out.len);
	}
}

/* I1: cut anywhere, also where the frame holds more than the parser is shown of it. */
static void
v4_truncated(void **state)
{
	static const uint8_t nops[8] = {1, 1, 1, 1, 1, 1, 1, 0};
	struct packet p = packet4(nops, sizeof(nops), 12);
	struct ip h;

	(void)state;
	seal4(&p);
	for (size_t n = 0; n < p.len; n++)
		assert_int_equal(parse4_cut(&p, n, &h), IP_BAD_TRUNCATED);
	assert_int_equal(parse4_cut(&p, p.len, &h), IP_OK);
	for (size_t n = 0; n < 28; n++) {
		uint8_t *block = kit_exact(p.b, n);

		assert_int_equal(ip4_parse(view_of(block, n), p.len, &h), IP_BAD_TRUNCATED);
		free(block);
	}
	/* The headers are there, and the rest is somewhere else in the frame. */
	uint8_t *block = kit_exact(p.b, 28);

	assert_int_equal(ip4_parse(view_of(block, 28), p.len, &h), IP_OK);
	assert_int_equal(h.hlen, 28);
	assert_int_equal(h.len, 12);
	free(block);
}

/* I2, I3 */
static void
v4_version_and_header_length(void **state)
{
	(void)state;
	for (unsigned first = 0; first < 256; first++) {
		struct packet p = packet4(NULL, 0, 40);
		enum ip_parse_result want = IP_OK;

		p.b[0] = (uint8_t)first;
		if (first >> 4 != 4)
			want = IP_BAD_VERSION;
		else if ((first & 0xf) < 5)
			want = IP_BAD_LENGTH;
		assert_int_equal(parse4(p), want);
	}
	struct packet p = packet4(NULL, 0, 4);

	p.b[0] = 0x4f;
	assert_int_equal(parse4(p), IP_BAD_LENGTH); /* 60 bytes of header in 24 of packet */
	set_u16(&p, 2, 60);
	seal4(&p);
	struct ip h;

	assert_int_equal(parse4_cut(&p, p.len, &h), IP_BAD_TRUNCATED);
}

/* I4, E6: longer than the frame is refused; shorter, the rest is padding. */
static void
v4_total_length(void **state)
{
	static const struct {
		unsigned total;
		enum ip_parse_result want;
	} rows[] = {
	    {0, IP_BAD_LENGTH},     {19, IP_BAD_LENGTH},       {20, IP_OK}, {21, IP_OK}, {60, IP_OK},
	    {61, IP_BAD_TRUNCATED}, {65535, IP_BAD_TRUNCATED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct packet p = packet4(NULL, 0, 40);
		struct ip h;

		set_u16(&p, 2, rows[i].total);
		seal4(&p);
		assert_int_equal(parse4_cut(&p, p.len, &h), rows[i].want);
		if (rows[i].want == IP_OK)
			assert_int_equal(h.len, rows[i].total - IP4_HLEN);
	}
}

/* I5: one bit wrong, anywhere in the header, options included. */
static void
v4_checksum(void **state)
{
	static const uint8_t nops[4] = {1, 1, 1, 0};
	struct packet p = packet4(nops, sizeof(nops), 8);
	struct ip h;

	(void)state;
	seal4(&p);
	for (size_t bit = 0; bit < 24 * 8; bit++) {
		struct packet broken = p;

		broken.b[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_not_equal(parse4_cut(&broken, broken.len, &h), IP_OK);
		if (bit / 8 > 3) /* version and lengths are refused for what they are */
			assert_int_equal(parse4_cut(&broken, broken.len, &h), IP_BAD_CHECKSUM);
	}
	p.b[24] ^= 1; /* the payload is not ours to sum */
	assert_int_equal(parse4_cut(&p, p.len, &h), IP_OK);
}

/* I6 */
static void
v4_options(void **state)
{
	static const struct {
		uint8_t bytes[8];
		enum ip_parse_result want;
	} rows[] = {
	    {{0}, IP_OK},
	    {{1, 1, 1, 1, 1, 1, 1, 1}, IP_OK},
	    {{0, 131, 7, 4, 169, 254, 169, 254}, IP_OK}, /* behind the end is nothing */
	    {{131, 7, 4, 169, 254, 169, 254, 0}, IP_BAD_OPTION},
	    {{137, 7, 4, 169, 254, 169, 254, 0}, IP_BAD_OPTION},
	    {{1, 137, 7, 4, 169, 254, 169, 254}, IP_BAD_OPTION},
	    {{1, 1, 1, 1, 1, 1, 1, 131}, IP_BAD_OPTION},
	    {{7, 7, 255, 0, 0, 0, 0, 0}, IP_OK}, /* record route, its pointer past its end */
	    {{68, 8, 5, 0, 0, 0, 0, 0}, IP_OK},
	    {{148, 4, 0, 0, 0, 0, 0, 0}, IP_OK},
	    {{7, 0}, IP_BAD_OPTION},
	    {{7, 1}, IP_BAD_OPTION},
	    {{7, 2, 0, 0}, IP_OK},
	    {{7, 9}, IP_BAD_OPTION},
	    {{7, 255}, IP_BAD_OPTION},
	    {{1, 1, 1, 1, 1, 1, 1, 7}, IP_BAD_OPTION},
	    {{1, 1, 1, 1, 1, 1, 7, 2}, IP_OK},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct packet p = packet4(rows[i].bytes, sizeof(rows[i].bytes), 0);
		enum ip_parse_result res = parse4(p);

		if (res != rows[i].want)
			fail_msg("row %zu: %d", i, (int)res);
	}
	uint8_t most[40];

	memset(most, 1, sizeof(most));
	assert_int_equal(parse4(packet4(most, sizeof(most), 0)), IP_OK);
}

/* I9 */
static void
v4_ttl_and_flags(void **state)
{
	struct packet p = packet4(NULL, 0, 8);
	struct ip h;

	(void)state;
	p.b[8] = 0;
	assert_int_equal(parse4(p), IP_BAD_TTL);
	p.b[8] = 1;
	assert_int_equal(parse4(p), IP_OK);
	set_u16(&p, 6, 0xe000); /* reserved, DF and MF */
	seal4(&p);
	assert_int_equal(parse4_cut(&p, p.len, &h), IP_OK);
	assert_true(h.df && h.more && h.fragment);
}

/* F4, F5 */
static void
v4_fragments(void **state)
{
	static const struct {
		unsigned word; /* flags and offset */
		unsigned payload;
		enum ip_parse_result want;
	} rows[] = {
	    {0x2000, 8, IP_OK},
	    {0x2000, 0, IP_BAD_FRAGMENT},
	    {0x2000, 7, IP_BAD_FRAGMENT},
	    {0x2001, 9, IP_BAD_FRAGMENT},
	    {0x0001, 9, IP_OK},
	    {0x0001, 0, IP_BAD_FRAGMENT},
	    {0x1fff, 8, IP_BAD_FRAGMENT},
	    {0x1ffc, 11, IP_OK}, /* 65,504 + 20 + 11 = 65,535 */
	    {0x1ffc, 12, IP_BAD_FRAGMENT},
	    {0x3fff, 1000, IP_BAD_FRAGMENT},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct packet p = packet4(NULL, 0, rows[i].payload);

		set_u16(&p, 6, rows[i].word);
		enum ip_parse_result res = parse4(p);

		if (res != rows[i].want)
			fail_msg("row %zu: %d", i, (int)res);
	}
}

/* IPv6 with this next header and nothing behind it yet. */
static struct packet
packet6(uint8_t next)
{
	struct packet p = {.len = IP6_HLEN};
	struct addr src = kit_addr("fd73:6c75:6963:65::15"), dst = kit_addr("2001:db8::1");

	p.b[0] = 0x60;
	p.b[6] = next;
	p.b[7] = 64;
	memcpy(p.b + 8, src.b, 16);
	memcpy(p.b + 24, dst.b, 16);
	return p;
}

static void
seal6(struct packet *p)
{
	set_u16(p, 4, (unsigned)(p->len - IP6_HLEN));
}

/* An extension header of 8 * (units + 1) bytes, filled with padding unless body says otherwise. */
static void
add_extension(struct packet *p, uint8_t next, uint8_t units, const void *body, size_t body_len)
{
	const uint8_t head[2] = {next, units};
	size_t left = 8u * (units + 1u) - 2 - body_len;

	append(p, head, 2);
	append(p, body, body_len);
	memset(p->b + p->len, 0, left);
	p->len += left;
}

static void
add_fragment(struct packet *p, uint8_t next, uint16_t word, uint32_t id)
{
	uint8_t bytes[8];
	struct wr w = wr_of(bytes, sizeof(bytes));

	wr_u8(&w, next);
	wr_u8(&w, 0);
	wr_u16(&w, word);
	wr_u32(&w, id);
	append(p, bytes, sizeof(bytes));
}

static enum ip_parse_result
parse6_cut(const struct packet *p, size_t n, struct ip *out, struct ip_problem *why)
{
	uint8_t *block = kit_exact(p->b, n);
	enum ip_parse_result res = ip6_parse(view_of(block, n), n, out, why);

	free(block);
	return res;
}

static enum ip_parse_result
parse6(struct packet p, struct ip *out, struct ip_problem *why)
{
	seal6(&p);
	return parse6_cut(&p, p.len, out, why);
}

static void
assert_problem(struct packet p, unsigned code, unsigned pointer)
{
	struct ip h;
	struct ip_problem why;
	struct addr src = kit_addr("fd73:6c75:6963:65::15");

	assert_int_equal(parse6(p, &h, &why), IP_PARAM_PROBLEM);
	assert_int_equal(why.code, code);
	assert_int_equal(why.pointer, pointer);
	assert_true(addr_eq(&h.src, &src)); /* the error has somewhere to go */
}

static void
assert_parse6(struct packet p, enum ip_parse_result want)
{
	struct ip h;
	struct ip_problem why;

	assert_int_equal(parse6(p, &h, &why), want);
}

static void
v6_round_trip(void **state)
{
	uint64_t seed = 21;

	(void)state;
	for (unsigned i = 0; i < KIT_ROUNDS; i++) {
		struct ip in = {
		    .src = kit_v6(&seed),
		    .dst = kit_v6(&seed),
		    .proto = (uint8_t)(IP_PROTO_DSTOPTS + 1 + kit_random(&seed) % 100),
		    .ttl = (uint8_t)(1 + kit_random(&seed) % 255),
		    .tos = (uint8_t)kit_random(&seed),
		    .len = 8 * (1 + (uint32_t)kit_random(&seed) % 100),
		};
		struct ip out;
		struct ip_problem why;
		uint8_t buf[IP6_HLEN + IP6_FRAG_HLEN + 800] = {0};
		struct wr w = wr_of(buf, sizeof(buf));

		if (i % 2) {
			in.more = kit_random(&seed) & 1;
			in.frag_off = (uint16_t)((1 + kit_random(&seed) % 8000) * 8);
			in.fragment = true;
			in.id = (uint32_t)kit_random(&seed);
			in.unfrag_len = IP6_HLEN;
			in.unfrag_nh_at = 6;
		}
		ip_emit(&w, &in);
		in.hlen = (uint16_t)kit_written(&w, buf).len;
		assert_int_equal(ip_emit_len(&in), in.hlen);
		assert_int_equal(ip6_parse(view_of(buf, sizeof(buf)), in.hlen + in.len + 5, &out, &why),
				 IP_OK);
		assert_true(addr_eq(&in.src, &out.src) && addr_eq(&in.dst, &out.dst));
		assert_int_equal(in.proto, out.proto);
		assert_int_equal(in.ttl, out.ttl);
		assert_int_equal(in.tos, out.tos);
		assert_int_equal(in.fragment, out.fragment);
		assert_int_equal(in.more, out.more);
		assert_int_equal(in.frag_off, out.frag_off);
		assert_int_equal(in.id, out.id);
		assert_int_equal(in.hlen, out.hlen);
		assert_int_equal(in.unfrag_len, out.unfrag_len);
		assert_int_equal(in.unfrag_nh_at, out.unfrag_nh_at);
		assert_int_equal(in.len, out.len);
	}
}

/* S1: cut anywhere, with every kind of extension header in it. */
static void
v6_truncated(void **state)
{
	static const uint8_t option[] = {0x05, 2, 0, 0};
	struct packet p = packet6(IP_PROTO_HOPOPTS);
	struct ip h;
	struct ip_problem why;

	(void)state;
	add_extension(&p, IP_PROTO_DSTOPTS, 0, option, sizeof(option));
	add_extension(&p, IP_PROTO_ROUTING, 1, "\x01\x04", 2);
	add_extension(&p, IP_PROTO_FRAGMENT, 0, "\x04\x00", 2);
	add_fragment(&p, IP_PROTO_UDP, 0, 7);
	append(&p, "12345678", 8);
	seal6(&p);
	for (size_t n = 0; n < p.len; n++)
		assert_int_equal(parse6_cut(&p, n, &h, &why), IP_BAD_TRUNCATED);
	assert_int_equal(parse6_cut(&p, p.len, &h, &why), IP_OK);
	assert_int_equal(h.proto, IP_PROTO_UDP);
	assert_int_equal(h.len, 8);
	assert_int_equal(h.hlen, p.len - 8);
	/* The headers must be inside the head, even when the packet goes on. */
	for (size_t n = IP6_HLEN; n < p.len - 8; n++) {
		uint8_t *block = kit_exact(p.b, n);

		assert_int_equal(ip6_parse(view_of(block, n), p.len, &h, &why), IP_BAD_EXTENSION);
		free(block);
	}
}

/* S1: the payload length against what is there. */
static void
v6_payload_length(void **state)
{
	static const struct {
		unsigned plen;
		enum ip_parse_result want;
	} rows[] = {
	    {0, IP_OK},
	    {7, IP_OK},
	    {19, IP_OK},
	    {20, IP_OK},
	    {21, IP_BAD_TRUNCATED},
	    {200, IP_BAD_TRUNCATED},
	    {65535, IP_BAD_TRUNCATED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct packet p = packet6(IP_PROTO_TCP);
		struct ip h;
		struct ip_problem why;

		p.len += 20;
		set_u16(&p, 4, rows[i].plen);
		assert_int_equal(parse6_cut(&p, p.len, &h, &why), rows[i].want);
		if (rows[i].want == IP_OK)
			assert_int_equal(h.len, rows[i].plen);
	}
	/* An extension header past the payload's end is not there, whatever the frame holds. */
	struct packet p = packet6(IP_PROTO_DSTOPTS);
	struct ip h;
	struct ip_problem why;

	add_extension(&p, IP_PROTO_TCP, 1, NULL, 0);
	for (unsigned plen = 0; plen < 16; plen++) {
		set_u16(&p, 4, plen);
		assert_int_equal(parse6_cut(&p, p.len, &h, &why), IP_BAD_TRUNCATED);
	}
}

static void
v6_version_and_hop_limit(void **state)
{
	(void)state;
	for (unsigned version = 0; version < 16; version++) {
		struct packet p = packet6(IP_PROTO_TCP);

		p.b[0] = (uint8_t)(version << 4);
		assert_parse6(p, version == 6 ? IP_OK : IP_BAD_VERSION);
	}
	struct packet p = packet6(IP_PROTO_TCP);

	p.b[7] = 0; /* S9 */
	assert_parse6(p, IP_BAD_TTL);
	p.b[7] = 1;
	assert_parse6(p, IP_OK);
}

/* S2: a transport that is nobody's is only reported. */
static void
v6_unknown_transports(void **state)
{
	static const uint8_t protos[] = {4, 41, 47, 50, 51, 59, 132, 135, 139, 140, 253, 254, 255};

	(void)state;
	for (size_t i = 0; i < sizeof(protos); i++) {
		struct packet p = packet6(protos[i]);
		struct ip h;
		struct ip_problem why;

		p.len += 16;
		assert_int_equal(parse6(p, &h, &why), IP_OK);
		assert_int_equal(h.proto, protos[i]);
		assert_int_equal(h.hlen, IP6_HLEN);
		assert_int_equal(h.len, 16);
	}
}

/* S2: hop-by-hop options only first, and once. */
static void
v6_hop_by_hop_place(void **state)
{
	struct packet p = packet6(IP_PROTO_DSTOPTS), twice = packet6(IP_PROTO_HOPOPTS);

	(void)state;
	add_extension(&p, IP_PROTO_HOPOPTS, 0, NULL, 0);
	add_extension(&p, IP_PROTO_TCP, 0, NULL, 0);
	assert_parse6(p, IP_BAD_EXTENSION);
	add_extension(&twice, IP_PROTO_HOPOPTS, 0, NULL, 0);
	add_extension(&twice, IP_PROTO_TCP, 0, NULL, 0);
	assert_parse6(twice, IP_BAD_EXTENSION);
}

/* S2: 8 headers and 256 bytes of them pass; one more of either does not. */
static void
v6_limits(void **state)
{
	(void)state;
	for (unsigned n = 1; n <= 60; n++) {
		struct packet p = packet6(IP_PROTO_DSTOPTS);

		for (unsigned i = 0; i < n; i++)
			add_extension(&p, i + 1 < n ? IP_PROTO_DSTOPTS : IP_PROTO_TCP, 0, NULL, 0);
		p.len += 20;
		assert_parse6(p, n <= 8 ? IP_OK : IP_BAD_EXTENSION);
	}
	for (unsigned units = 0; units < 100; units++) {
		struct packet p = packet6(IP_PROTO_DSTOPTS);

		add_extension(&p, IP_PROTO_TCP, (uint8_t)units, NULL, 0);
		p.len += 20;
		assert_parse6(p, units < 32 ? IP_OK : IP_BAD_EXTENSION);
	}
	struct packet p = packet6(IP_PROTO_DSTOPTS);

	add_extension(&p, IP_PROTO_TCP, 0, NULL, 0);
	p.b[IP6_HLEN + 1] = 255;
	assert_parse6(p, IP_BAD_TRUNCATED);
}

/* S3: what the two highest bits of an unknown option ask for. */
static void
v6_option_actions(void **state)
{
	static const uint8_t places[] = {IP_PROTO_HOPOPTS, IP_PROTO_DSTOPTS};

	(void)state;
	for (size_t i = 0; i < sizeof(places); i++) {
		for (unsigned type = 2; type < 256; type++) {
			const uint8_t options[] = {0, 1, 1, 0, (uint8_t)type, 2, 9, 9};
			struct packet p = packet6(places[i]);

			add_extension(&p, IP_PROTO_TCP, 1, options, sizeof(options));
			if (type == 0xc2 || type >> 6 == 1) /* S6: jumbo */
				assert_parse6(p, IP_BAD_OPTION);
			else if (type >> 6 == 0)
				assert_parse6(p, IP_OK);
			else
				assert_problem(p, 2, IP6_HLEN + 2 + 4);
			p.b[24] = 0xff; /* to a multicast address */
			if (type >> 6 == 3)
				assert_parse6(p, IP_BAD_OPTION);
			else if (type >> 6 == 2)
				assert_problem(p, 2, IP6_HLEN + 2 + 4);
		}
	}
}

/* S3: lengths that leave the header. */
static void
v6_option_lengths(void **state)
{
	(void)state;
	for (unsigned len = 0; len < 256; len++) {
		const uint8_t padn[] = {1, (uint8_t)len}, alert[] = {5, (uint8_t)len};
		struct packet p = packet6(IP_PROTO_DSTOPTS), q = packet6(IP_PROTO_HOPOPTS);

		add_extension(&p, IP_PROTO_TCP, 0, padn, sizeof(padn));
		add_extension(&q, IP_PROTO_TCP, 0, alert, sizeof(alert));
		p.len += 300; /* there would be bytes, but not the header's */
		q.len += 300;
		assert_parse6(p, len <= 4 ? IP_OK : IP_BAD_OPTION);
		assert_parse6(q, len <= 4 ? IP_OK : IP_BAD_OPTION);
	}
	struct packet p = packet6(IP_PROTO_DSTOPTS);

	/* A type in the last byte, its length outside. */
	add_extension(&p, IP_PROTO_TCP, 0, "\x00\x00\x00\x00\x00\x05", 6);
	assert_parse6(p, IP_BAD_OPTION);
}

/* S4 */
static void
v6_routing(void **state)
{
	static const uint8_t types[] = {0, 1, 2, 3, 4, 253, 255}, lefts[] = {0, 1, 255};

	(void)state;
	for (size_t t = 0; t < sizeof(types); t++) {
		for (size_t l = 0; l < sizeof(lefts); l++) {
			const uint8_t body[2] = {types[t], lefts[l]};
			struct packet p = packet6(IP_PROTO_DSTOPTS);

			add_extension(&p, IP_PROTO_ROUTING, 0, NULL, 0);
			add_extension(&p, IP_PROTO_TCP, 2, body, sizeof(body));
			if (types[t] == 0 || lefts[l] > 0)
				assert_problem(p, 0, IP6_HLEN + 8 + 2);
			else
				assert_parse6(p, IP_OK);
		}
	}
}

/* S5: RFC 8200 4.5 */
static void
v6_fragments(void **state)
{
	struct ip h;
	struct ip_problem why;
	struct packet p = packet6(IP_PROTO_HOPOPTS);

	(void)state;
	add_extension(&p, IP_PROTO_FRAGMENT, 0, NULL, 0);
	struct packet odd = p, far = p, last = p, empty = p;

	add_fragment(&p, IP_PROTO_DSTOPTS, 0x0011, 0xfeedf00d); /* offset 16, more: what follows is data */
	append(&p, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
	assert_int_equal(parse6(p, &h, &why), IP_OK);
	assert_true(h.fragment && h.more);
	assert_int_equal(h.frag_off, 16);
	assert_int_equal(h.id, 0xfeedf00d);
	assert_int_equal(h.proto, IP_PROTO_DSTOPTS);
	assert_int_equal(h.len, 8);
	assert_int_equal(h.hlen, IP6_HLEN + 16);
	assert_int_equal(h.unfrag_len, IP6_HLEN + 8);
	assert_int_equal(h.unfrag_nh_at, IP6_HLEN);
	assert_int_equal(p.b[h.unfrag_nh_at], IP_PROTO_FRAGMENT);

	add_fragment(&odd, IP_PROTO_UDP, 0x0001, 1);
	odd.len += 9;
	assert_problem(odd, 0, 4);
	add_fragment(&far, IP_PROTO_UDP, 0xfff8, 1);
	far.len += 8; /* 65,528 + 8, and the hop-by-hop header counts too */
	assert_problem(far, 0, IP6_HLEN + 8 + 2);
	add_fragment(&last, IP_PROTO_UDP, 0xfff0, 1);
	last.len += 7; /* 65,520 + 7 + 8 = 65,535 */
	assert_parse6(last, IP_OK);
	last.len += 1;
	assert_problem(last, 0, IP6_HLEN + 8 + 2);
	add_fragment(&empty, IP_PROTO_UDP, 0x0008, 1);
	assert_parse6(empty, IP_BAD_FRAGMENT);
}

/* S5: an atomic fragment is a whole packet (RFC 6946); a fragment inside one is not a thing. */
static void
v6_atomic_and_nested_fragments(void **state)
{
	struct ip h;
	struct ip_problem why;
	struct packet p = packet6(IP_PROTO_FRAGMENT), nested = p;

	(void)state;
	add_fragment(&p, IP_PROTO_DSTOPTS, 0x0006, 42); /* the reserved bits are ignored */
	add_extension(&p, IP_PROTO_TCP, 0, NULL, 0);
	p.len += 20;
	assert_int_equal(parse6(p, &h, &why), IP_OK);
	assert_false(h.fragment);
	assert_int_equal(h.proto, IP_PROTO_TCP);
	assert_int_equal(h.hlen, IP6_HLEN + 16);
	assert_int_equal(h.len, 20);

	add_fragment(&nested, IP_PROTO_FRAGMENT, 0, 42);
	add_fragment(&nested, IP_PROTO_TCP, 0x0001, 43);
	nested.len += 16;
	assert_parse6(nested, IP_BAD_EXTENSION);
}

/* S6: a payload length of zero and the jumbo option. */
static void
v6_jumbogram(void **state)
{
	struct packet p = packet6(IP_PROTO_HOPOPTS);
	struct ip h;
	struct ip_problem why;

	(void)state;
	add_extension(&p, IP_PROTO_TCP, 0, "\xc2\x04\x00\x01\x00\x00", 6);
	assert_parse6(p, IP_BAD_OPTION);
	set_u16(&p, 4, 0);
	assert_int_equal(parse6_cut(&p, p.len, &h, &why), IP_BAD_TRUNCATED);
}

/* S7: IPv4 in disguise, at either end; :: and ::1 are not that. */
static void
v6_disguised_addresses(void **state)
{
	static const struct {
		const char *tail;
		uint8_t ff;
		enum ip_parse_result want;
	} rows[] = {
	    {"127.0.0.1", 0xff, IP_BAD_ADDRESS},
	    {"0.0.0.0", 0xff, IP_BAD_ADDRESS},
	    {"169.254.169.254", 0, IP_BAD_ADDRESS},
	    {"0.0.0.2", 0, IP_BAD_ADDRESS},
	    {"0.0.0.1", 0, IP_OK},
	    {"0.0.0.0", 0, IP_OK},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t at = 8; at <= 24; at += 16) {
			struct packet p = packet6(IP_PROTO_TCP);
			struct addr v4 = kit_addr(rows[i].tail);

			v4.b[10] = v4.b[11] = rows[i].ff;
			memcpy(p.b + at, v4.b, 16);
			assert_parse6(p, rows[i].want);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(v4_round_trip),
	    cmocka_unit_test(v4_truncated),
	    cmocka_unit_test(v4_version_and_header_length),
	    cmocka_unit_test(v4_total_length),
	    cmocka_unit_test(v4_checksum),
	    cmocka_unit_test(v4_options),
	    cmocka_unit_test(v4_ttl_and_flags),
	    cmocka_unit_test(v4_fragments),
	    cmocka_unit_test(v6_round_trip),
	    cmocka_unit_test(v6_truncated),
	    cmocka_unit_test(v6_payload_length),
	    cmocka_unit_test(v6_version_and_hop_limit),
	    cmocka_unit_test(v6_unknown_transports),
	    cmocka_unit_test(v6_hop_by_hop_place),
	    cmocka_unit_test(v6_limits),
	    cmocka_unit_test(v6_option_actions),
	    cmocka_unit_test(v6_option_lengths),
	    cmocka_unit_test(v6_routing),
	    cmocka_unit_test(v6_fragments),
	    cmocka_unit_test(v6_atomic_and_nested_fragments),
	    cmocka_unit_test(v6_jumbogram),
	    cmocka_unit_test(v6_disguised_addresses),
	};

	return cmocka_run_group_tests_name("ip_wire", tests, NULL, NULL);
}
