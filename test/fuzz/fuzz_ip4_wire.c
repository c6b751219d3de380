/*
 * fuzz_ip4_wire.c - any bytes as an IPv4 packet, as they are and with the header checksum put right
 */
#include "stack/csum.h"
#include "stack/ip_wire.h"

#include "test/fuzz/wire_kit.h"

#define HEAD 242u /* as many contiguous bytes as a link promises */

static void
again(const struct ip *h)
{
	uint8_t first[IP4_HLEN], second[IP4_HLEN];
	struct wr w1 = wr_of(first, sizeof(first)), w2 = wr_of(second, sizeof(second));
	struct ip back;

	ip_emit(&w1, h);
	struct view v = written(&w1, first);

	must(ip4_parse(v, v.len + h->len, &back) == IP_OK);
	must(back.len == h->len && back.fragment == h->fragment);
	ip_emit(&w2, &back);
	must_be_same(v, written(&w2, second));
}

static void
one(struct view head, size_t total)
{
	struct ip h;

	if (ip4_parse(head, total, &h) != IP_OK)
		return;
	must(h.hlen >= IP4_HLEN && h.hlen <= head.len && h.hlen + h.len <= total);
	must(addr_is_v4(&h.src) && addr_is_v4(&h.dst) && h.ttl > 0);
	must(h.frag_off + h.len <= 65535 && (!h.more || h.len % 8 == 0));
	again(&h);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t len = size < HEAD ? size : HEAD;
	uint8_t *head = malloc(len ? len : 1);

	must(head);
	if (len)
		memcpy(head, data, len);
	one(view_of(head, len), size);
	size_t hlen = len ? (head[0] & 0xfu) * 4 : 0;

	if (hlen >= IP4_HLEN && hlen <= len) {
		struct csum c = {0};

		head[10] = head[11] = 0;
		csum_add(&c, view_of(head, hlen));
		head[10] = (uint8_t)(csum_final(&c) >> 8);
		head[11] = (uint8_t)csum_final(&c);
		one(view_of(head, len), size);
	}
	free(head);
	return 0;
}
