/* ip_wire.c - proves: stack/ip_wire.c stack/addr.c; options: -eva-domains symbolic-locations */
#include "stack/ip_wire.h"
#include "kit.h"
#include "stack/csum.h"

/* Sums are not what is proved here (stack/csum.c): any number, over bytes that may be read. */
void
csum_add(struct csum *c, struct view v)
{
	//@ check readable: \base_addr(v.p) == \base_addr(&input[0]) || \valid_read(v.p + (0 .. v.len - 1));
	c->sum = Frama_C_unsigned_long_interval(0, UINT32_MAX);
}

uint16_t
csum_partial(const struct csum *c)
{
	return Frama_C_unsigned_short_interval(0, 65535);
}

int
main(void)
{
	struct view head = any_input();
	size_t total = Frama_C_unsigned_int_interval(0, 70000);
	struct wr w = any_room(256);
	struct ip_problem why;
	struct ip h;

	if (ip4_parse(head, total, &h) == IP_OK) {
		//@ check header4: 20 <= h.hlen <= 60;
		//@ check offset4: h.frag_off <= 65535 && h.frag_off % 8 == 0;
		;
	}
	ip6_parse(head, total, &h, &why);
	any_bytes(&h, sizeof(h));
	h.fragment = ANY_BOOL();
	h.more = ANY_BOOL();
	h.df = ANY_BOOL();
	h.len = Frama_C_unsigned_int_interval(0, 65535 - 48);
	h.src = addr_v4(Frama_C_unsigned_int_interval(0, UINT32_MAX));
	h.dst = h.src;
	ip_emit(&w, &h);
	h.src.b[0] = h.dst.b[0] = 0x20;
	ip_emit(&w, &h);
	return 0;
}
