/*
 * fuzz_socks.c - any bytes as what a SOCKS 5 proxy sends, cut anywhere
 *
 * The input: one byte that says the target's family and in what pieces is read, then the proxy's bytes.  The
 * client comes to an end or wants more, never more than it may, and what it says it took is a valid dialogue.
 */
#include "proxy/socks.h"

#include "test/fuzz/wire_kit.h"

static size_t
speak(struct socks *s)
{
	uint8_t out[SOCKS_OUT_MAX];
	size_t n = socks_output(s, out), all = n;

	must(n <= sizeof(out));
	while (n > 0) {
		must(out[0] == 5 || s->sent > 0);
		socks_sent(s, 1);
		n = s->sent ? socks_output(s, out) : 0;
	}
	return all;
}

/* The dialogue that leads to success, read by another hand. */
static bool
is_a_success(const uint8_t *p, size_t n)
{
	if (n < 6 || p[0] != 5 || p[1] != 0 || p[2] != 5 || p[3] != 0 || p[4] != 0)
		return false;
	switch (p[5]) {
	case 1:
		return n == 6 + 4 + 2;
	case 4:
		return n == 6 + 16 + 2;
	case 3:
		return n >= 7 && n == 7 + (size_t)p[6] + 2;
	default:
		return false;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct endpoint to = {addr_v4(0xc0000201), 443};
	struct socks s;
	size_t at = 0;

	if (size == 0)
		return 0;
	if (data[0] & 1)
		to.addr = (struct addr){{0x20, 1, 0xd, 0xb8, [15] = 9}};
	socks_start(&s, &to);
	must(speak(&s) == 3);
	for (const uint8_t *p = data + 1; at < size - 1;) {
		size_t want = socks_want(&s), piece = 1 + (data[0] >> 1);

		must(want <= SOCKS_IN_MAX);
		if (want == 0)
			break;
		if (piece > want)
			piece = want;
		if (piece > size - 1 - at)
			piece = size - 1 - at;
		socks_input(&s, view_of(p + at, piece));
		at += piece;
		size_t said = speak(&s);
		must(said == 0 || said == (addr_is_v4(&to.addr) ? 10u : 22u));
	}
	must((s.step == SOCKS_DONE) == is_a_success(data + 1, at));
	must(s.step != SOCKS_FAILED || (s.error > 0 && s.why));
	must((socks_want(&s) == 0) == (s.step == SOCKS_DONE || s.step == SOCKS_FAILED));
	socks_ended(&s);
	must(s.step == SOCKS_FAILED);
	return 0;
}
