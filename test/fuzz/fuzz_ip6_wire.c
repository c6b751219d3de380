/*
 * fuzz_ip6_wire.c - any bytes as an IPv6 packet
 */
#include "stack/ip_wire.h"

#include "test/fuzz/wire_kit.h"

#define HEAD 242u /* as many contiguous bytes as a link promises */

/* The extension headers are not written again: only what they came to. */
static void
again(const struct ip *h)
{
	uint8_t first[IP6_HLEN + IP6_FRAG_HLEN], second[sizeof(first)];
	struct wr w1 = wr_of(first, sizeof(first)), w2 = wr_of(second, sizeof(second));
	struct ip_problem why;
	struct ip back;

	ip_emit(&w1, h);
	struct view v = written(&w1, first);

	must(v.len == ip_emit_len(h));
	must(ip6_parse(v, v.len + h->len, &back, &why) == IP_OK);
	must(back.hlen == v.len && back.len == h->len && back.proto == h->proto);
	ip_emit(&w2, &back);
	must_be_same(v, written(&w2, second));
}

static void
one(struct view head, size_t total)
{
	struct ip_problem why;
	struct ip h;
	enum ip_parse_result res = ip6_parse(head, total, &h, &why);

	if (res == IP_PARAM_PROBLEM)
		must(why.code <= 2 && why.pointer < head.len);
	if (res != IP_OK)
		return;
	must(h.hlen >= IP6_HLEN && h.hlen <= head.len && h.hlen + h.len <= total);
	must(!addr_is_v4(&h.src) && !addr_is_v4(&h.dst) && h.ttl > 0);
	if (h.fragment) {
		must(h.unfrag_len + IP6_FRAG_HLEN == h.hlen && h.unfrag_nh_at < h.unfrag_len);
		must(head.p[h.unfrag_nh_at] == IP_PROTO_FRAGMENT);
		must(h.frag_off + h.len <= 65535 && (!h.more || h.len % 8 == 0));
	}
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
	/* The same bytes as a packet that goes on beyond its head. */
	one(view_of(head, len), 65575);
	free(head);
	return 0;
}
