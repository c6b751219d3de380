/*
 * fuzz_tcp_wire.c - any bytes as a TCP segment
 */
#include "stack/tcp_wire.h"

#include "test/fuzz/wire_kit.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd r = rd_of(view_of(data, size));
	struct tcp_hdr h, back;
	uint8_t first[TCP_HLEN_MAX], second[TCP_HLEN_MAX];

	if (!tcp_parse(&r, &h))
		return 0;
	must(h.hlen >= TCP_HLEN && h.hlen <= TCP_HLEN_MAX && h.hlen + rd_left(&r) == size);
	must(h.nsack <= TCP_SACK_BLOCKS);

	/* What came in 40 bytes of options goes out in no more. */
	struct wr w = wr_of(first, sizeof(first));

	must(tcp_emit_len(&h) <= h.hlen);
	tcp_emit(&w, &h);
	struct view v = written(&w, first);

	must(v.len == tcp_emit_len(&h));
	r = rd_of(v);
	must(tcp_parse(&r, &back) && rd_left(&r) == 0);
	must(back.mss == h.mss && back.has_wscale == h.has_wscale && back.wscale == h.wscale);
	must(back.sack_ok == h.sack_ok && back.nsack == h.nsack);
	w = wr_of(second, sizeof(second));
	tcp_emit(&w, &back);
	must_be_same(v, written(&w, second));
	return 0;
}
