/*
 * strict_test.c - the frame oracle must be able to say no
 *
 * Good frames pass; then every bit of them is flipped in turn, and but for the few that no checksum covers
 * each flip must be noticed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "stack/csum.h"
#include "test/bed/craft.h"
#include "test/bed/strict.h"

static const struct mac guest = {{0x52, 0x54, 0, 0x12, 0x34, 0x56}};
static const struct mac gateway = {{0x52, 0x55, 0x0a, 0, 2, 2}};
static const struct strict_wire plain = {.guest = {{0x52, 0x54, 0, 0x12, 0x34, 0x56}},
					 .gateway = {{0x52, 0x55, 0x0a, 0, 2, 2}},
					 .lim = {.mtu = 1500}};
static const struct strict_wire offloading = {.guest = {{0x52, 0x54, 0, 0x12, 0x34, 0x56}},
					      .gateway = {{0x52, 0x55, 0x0a, 0, 2, 2}},
					      .lim = {.mtu = 1500, .csum = true, .tso = true, .uso = true}};

/* From the gateway to the guest. */
static struct craft
way(enum family fam)
{
	struct craft c = {.src_mac = gateway, .dst_mac = guest};

	assert_true(addr_parse(fam == FAMILY_V4 ? "198.51.100.9" : "2001:db8::9", &c.src));
	assert_true(addr_parse(fam == FAMILY_V4 ? "10.0.2.15" : "fd73:6c75:6963:65::15", &c.dst));
	return c;
}

static const char *
judge(const struct strict_wire *w, const uint8_t *frame, size_t len, const struct offload *off)
{
	const struct offload none = {0};
	struct strict s;
	/* An exact-size block, for the sanitizer to watch its ends. */
	uint8_t *exact = malloc(len ? len : 1);

	assert_non_null(exact);
	memcpy(exact, frame, len);
	const char *wrong = strict_check(w, exact, len, off ? off : &none, &s);
	free(exact);
	return wrong;
}

static size_t
segment(uint8_t frame[FRAME_MAX], enum family fam, size_t len)
{
	static const uint8_t data[9000];
	struct craft c = way(fam);
	struct craft_tcp t = {.hdr = {.sport = 80,
				      .dport = 40000,
				      .seq = 1,
				      .ack = 2,
				      .flags = TCP_ACK | (len ? TCP_PSH : 0),
				      .wnd = 1000},
			      .data = view_of(data, len)};

	if (len == 0) {
		t.hdr.nsack = 1;
		t.hdr.sack[0] = (struct tcp_sack){100, 200};
	}
	return craft_tcp(frame, &c, &t);
}

/* Bits of an IPv6 header that nothing protects: traffic class, flow label and hop limit. */
static bool
is_unprotected(enum family fam, size_t byte, unsigned bit)
{
	size_t at = byte - 14;

	if (fam == FAMILY_V4 || byte < 14)
		return false;
	return (at == 0 && bit < 4) || (at >= 1 && at <= 3) || at == 7;
}

static void
flip_every_bit(enum family fam, uint8_t *frame, size_t len)
{
	assert_null(judge(&plain, frame, len, NULL));
	for (size_t i = 0; i < len; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			if (is_unprotected(fam, i, bit))
				continue;
			frame[i] ^= (uint8_t)(1u << bit);
			if (!judge(&plain, frame, len, NULL))
				fail_msg("flipping bit %u of byte %zu went unnoticed", bit, i);
			frame[i] ^= (uint8_t)(1u << bit);
		}
}

static void
test_tcp_bits(void **state)
{
	uint8_t frame[FRAME_MAX];

	(void)state;
	for (int fam = 0; fam < FAMILIES; fam++) {
		flip_every_bit((enum family)fam, frame, segment(frame, (enum family)fam, 33));
		flip_every_bit((enum family)fam, frame, segment(frame, (enum family)fam, 0));
	}
}

static void
test_udp_and_echo_bits(void **state)
{
	static const uint8_t data[21] = {1, 2, 3};
	uint8_t frame[FRAME_MAX];

	(void)state;
	for (int fam = 0; fam < FAMILIES; fam++) {
		struct craft c = way((enum family)fam);
		struct icmp echo = {.type = fam == FAMILY_V4 ? ICMP4_ECHO_REPLY : ICMP6_ECHO_REPLY,
				    .rest = 7};
		struct view v = view_of(data, sizeof(data));

		flip_every_bit((enum family)fam, frame, craft_udp(frame, &c, 53, 4000, v));
		flip_every_bit((enum family)fam, frame, craft_icmp(frame, &c, &echo, v));
	}
}

static void
test_cut_short(void **state)
{
	uint8_t frame[FRAME_MAX];

	(void)state;
	for (int fam = 0; fam < FAMILIES; fam++) {
		size_t len = segment(frame, (enum family)fam, 33);

		for (size_t n = 0; n < len; n++)
			assert_non_null(judge(&plain, frame, n, NULL));
		/* Behind its end only the zeros of a short frame. */
		frame[len] = 0;
		assert_non_null(judge(&plain, frame, len + 1, NULL));
	}
}

static void
test_padding(void **state)
{
	uint8_t frame[FRAME_MAX] = {0};
	struct craft c = way(FAMILY_V4);
	struct craft_tcp t = {.hdr = {.sport = 80, .dport = 4, .flags = TCP_ACK, .wnd = 9}};
	size_t len = craft_tcp(frame, &c, &t);

	(void)state;
	assert_true(len < 60);
	memset(frame + len, 0, 60 - len);
	assert_null(judge(&plain, frame, 60, NULL));
	frame[59] = 1;
	assert_non_null(judge(&plain, frame, 60, NULL));
}

/* Well-formed, and still nothing this gateway may send. */
static void
test_tcp_sense(void **state)
{
	static const struct tcp_hdr bad[] = {
	    {.flags = TCP_SYN | TCP_FIN | TCP_ACK},
	    {.flags = TCP_SYN | TCP_RST},
	    {.flags = TCP_FIN},
	    {.flags = 0},
	    {.flags = TCP_ACK | TCP_URG},
	    {.flags = TCP_ACK | TCP_ECE},
	    {.flags = TCP_ACK | TCP_PSH},
	    {.flags = TCP_SYN, .ack = 1},
	    {.flags = TCP_ACK, .mss = 1460},
	    {.flags = TCP_SYN, .mss = 1461},
	    {.flags = TCP_ACK, .has_wscale = true},
	    {.flags = TCP_SYN, .has_wscale = true, .wscale = 15},
	    {.flags = TCP_ACK, .sack_ok = true},
	    {.flags = TCP_ACK, .ack = 50, .nsack = 1, .sack = {{50, 60}}},
	    {.flags = TCP_ACK, .ack = 50, .nsack = 1, .sack = {{70, 60}}},
	    {.flags = TCP_ACK, .urp = 1},
	};
	uint8_t frame[FRAME_MAX];
	struct craft c = way(FAMILY_V4);

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct craft_tcp t = {.hdr = bad[i]};

		t.hdr.sport = t.hdr.dport = 80;
		if (!judge(&plain, frame, craft_tcp(frame, &c, &t), NULL))
			fail_msg("segment %zu of the list passed", i);
	}
	struct craft_tcp syn_with_data = {.hdr = {.sport = 1, .dport = 1, .flags = TCP_SYN},
					  .data = view_of("x", 1)};
	assert_non_null(judge(&plain, frame, craft_tcp(frame, &c, &syn_with_data), NULL));
}

static void
test_mtu(void **state)
{
	uint8_t frame[FRAME_MAX];

	(void)state;
	assert_null(judge(&plain, frame, segment(frame, FAMILY_V4, 1460), NULL));
	assert_non_null(judge(&plain, frame, segment(frame, FAMILY_V4, 1461), NULL));
	assert_null(judge(&plain, frame, segment(frame, FAMILY_V6, 1440), NULL));
	assert_non_null(judge(&plain, frame, segment(frame, FAMILY_V6, 1441), NULL));
}

/* An unfinished checksum: the field holds the pseudo-header sum and the facts point at it. */
static void
test_offload_facts(void **state)
{
	uint8_t frame[FRAME_MAX];
	struct craft c = way(FAMILY_V4);
	size_t len = segment(frame, FAMILY_V4, 4000);
	const struct offload good = {.needs_csum = true,
				     .csum_start = 34,
				     .csum_offset = 16,
				     .gso_type = GSO_TCPV4,
				     .gso_size = 1460,
				     .hdr_len = 54};
	struct csum sum = {0};
	struct offload off = good;

	(void)state;
	csum_pseudo(&sum, &c.src, &c.dst, IP_PROTO_TCP, (uint32_t)(len - 34));
	frame[50] = (uint8_t)(csum_partial(&sum) >> 8);
	frame[51] = (uint8_t)csum_partial(&sum);
	assert_null(judge(&offloading, frame, len, &good));
	assert_non_null(judge(&plain, frame, len, &good));
	assert_non_null(judge(&offloading, frame, len, NULL));
	off.csum_start = 33;
	assert_non_null(judge(&offloading, frame, len, &off));
	off = good, off.csum_offset = 6;
	assert_non_null(judge(&offloading, frame, len, &off));
	off = good, off.hdr_len = 0;
	assert_non_null(judge(&offloading, frame, len, &off));
	off = good, off.gso_size = 1461;
	assert_non_null(judge(&offloading, frame, len, &off));
	off = good, off.gso_size = 4000;
	assert_non_null(judge(&offloading, frame, len, &off));
	off = good, off.gso_type = GSO_TCPV6;
	assert_non_null(judge(&offloading, frame, len, &off));
	off = good, off.gso_type = GSO_UDP_L4;
	assert_non_null(judge(&offloading, frame, len, &off));
	off = good, off.gso_type = GSO_NONE;
	assert_non_null(judge(&offloading, frame, len, &off));
	frame[51] ^= 1;
	assert_non_null(judge(&offloading, frame, len, &good));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_tcp_bits),      cmocka_unit_test(test_udp_and_echo_bits),
	    cmocka_unit_test(test_cut_short),     cmocka_unit_test(test_padding),
	    cmocka_unit_test(test_tcp_sense),     cmocka_unit_test(test_mtu),
	    cmocka_unit_test(test_offload_facts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
