/* tcp_wire.c - proves: stack/tcp_wire.c */
#include "stack/tcp_wire.h"
#include "kit.h"

static void
reads(void)
{
	struct rd r = any_reader();
	struct tcp_hdr h;

	if (tcp_parse(&r, &h)) {
		//@ check length: TCP_HLEN <= h.hlen <= TCP_HLEN_MAX;
		;
	}
	//@ check blocks: h.nsack <= TCP_SACK_BLOCKS;
	;
}

static void
writes(void)
{
	struct tcp_hdr h;
	struct wr w = any_room(2 * TCP_HLEN_MAX);

	any_bytes(&h, sizeof(h));
	h.has_wscale = ANY_BOOL();
	h.sack_ok = ANY_BOOL();
	h.nsack = Frama_C_unsigned_char_interval(0, TCP_SACK_BLOCKS);
	/* What fits: the stack sends either the options of a SYN, or blocks. */
	if (h.nsack)
		h.has_wscale = h.sack_ok = false, h.mss = 0;
	tcp_emit(&w, &h);
}

int
main(void)
{
	reads();
	writes();
	return 0;
}
