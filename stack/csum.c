/*
 * csum.c - the Internet checksum, as fast as plain C gets
 *
 * The one's complement sum does not care about byte order as long as one order is kept (RFC 1071 2 B)
 * nor about how wide the words are (2 C).  So a span is summed as native 64-bit words with the carries
 * added back, folded to 16 bits, and swapped once at the end; a span that began at an odd offset is
 * swapped once more.  Four independent sums keep the adders busy.
 */
#include "stack/csum.h"

static inline uint64_t
load64(const uint8_t *p)
{
	uint64_t w;

	memcpy(&w, p, sizeof(w));
	return w;
}

static inline uint32_t
load32(const uint8_t *p)
{
	uint32_t w;

	memcpy(&w, p, sizeof(w));
	return w;
}

static inline uint16_t
load16(const uint8_t *p)
{
	uint16_t w;

	memcpy(&w, p, sizeof(w));
	return w;
}

/* One's complement addition: the carry comes back in at the bottom. */
static inline uint64_t
add(uint64_t sum, uint64_t word)
{
	sum += word;
	return sum + (sum < word);
}

static uint16_t
fold(uint64_t sum)
{
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)sum;
}

static uint16_t
swap(uint16_t v)
{
	return (uint16_t)(v << 8 | v >> 8);
}

/* A native 16-bit sum as the big-endian number its bytes in memory are. */
static uint16_t
from_native(uint16_t v)
{
	uint8_t b[2];

	memcpy(b, &v, sizeof(b));
	return (uint16_t)(b[0] << 8 | b[1]);
}

/* The last n < 8 bytes of a span: 4, 2 and 1 of them, the odd one as if a zero followed. */
static inline uint64_t
sum_tail(const uint8_t *p, size_t n)
{
	uint64_t sum = 0;

	/* Fixed sizes, and no word put together in memory: headers mostly end here. */
	if (n & 4) {
		sum += load32(p);
		p += 4;
	}
	if (n & 2) {
		sum += load16(p);
		p += 2;
	}
	if (n & 1)
		sum += load16((const uint8_t[2]){p[0], 0});
	return sum;
}

static inline uint64_t
sum_native(const uint8_t *p, size_t n)
{
	uint64_t a = 0, b = 0, c = 0, d = 0;

	for (; n >= 32; n -= 32, p += 32) {
		a = add(a, load64(p));
		b = add(b, load64(p + 8));
		c = add(c, load64(p + 16));
		d = add(d, load64(p + 24));
	}
	for (; n >= 8; n -= 8, p += 8)
		a = add(a, load64(p));
	b = add(b, sum_tail(p, n));
	return add(add(a, b), add(c, d));
}

static inline uint64_t
copy64(uint8_t *to, const uint8_t *p)
{
	uint64_t w = load64(p);

	memcpy(to, &w, sizeof(w));
	return w;
}

/* The same, storing each word as it goes by. */
static inline uint64_t
copy_native(uint8_t *restrict to, const uint8_t *restrict p, size_t n)
{
	uint64_t a = 0, b = 0, c = 0, d = 0;

	for (; n >= 32; n -= 32, p += 32, to += 32) {
		a = add(a, copy64(to, p));
		b = add(b, copy64(to + 8, p + 8));
		c = add(c, copy64(to + 16, p + 16));
		d = add(d, copy64(to + 24, p + 24));
	}
	for (; n >= 8; n -= 8, p += 8, to += 8)
		a = add(a, copy64(to, p));
	/* Summed from the copy: what is sent is what was summed, even if the source changes meanwhile. */
	memcpy(to, p, n);
	b = add(b, sum_tail(to, n));
	return add(add(a, b), add(c, d));
}

static void
add_span(struct csum *c, uint64_t native, size_t len)
{
	uint16_t sum = from_native(fold(native));

	/* Bytes at odd offsets are the low halves of their words: RFC 1071 2 B again. */
	c->sum += c->odd ? swap(sum) : sum;
	c->odd ^= len & 1;
}

void
csum_add(struct csum *c, struct view v)
{
	if (v.len)
		add_span(c, sum_native(v.p, v.len), v.len);
}

void
csum_copy(struct csum *c, void *to, struct view from)
{
	if (from.len)
		add_span(c, copy_native(to, from.p, from.len), from.len);
}

/* Added apart from what went before: a pseudo header stands at an even offset, whatever c->odd says. */
void
csum_pseudo(struct csum *c, const struct addr *src, const struct addr *dst, uint8_t proto, uint32_t len)
{
	size_t skip = addr_is_v4(src) ? 12 : 0;
	struct csum addrs = {0};

	csum_add(&addrs, view_of(src->b + skip, sizeof(src->b) - skip));
	csum_add(&addrs, view_of(dst->b + skip, sizeof(dst->b) - skip));
	c->sum += addrs.sum + proto + (len >> 16) + (len & 0xffff);
}

uint16_t
csum_partial(const struct csum *c)
{
	return fold(c->sum);
}
