/*
 * fuzz_icmp_wire.c - any bytes as an ICMP or ICMPv6 message
 */
#include "stack/icmp_wire.h"

#include "test/fuzz/wire_kit.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd r = rd_of(view_of(data, size));
	struct icmp h;
	uint8_t buf[ICMP_HLEN];

	if (!icmp_parse(&r, &h)) {
		must(size < ICMP_HLEN);
		return 0;
	}
	must(rd_left(&r) == size - ICMP_HLEN);

	struct wr w = wr_of(buf, sizeof(buf));

	icmp_emit(&w, &h);
	must_be_same(written(&w, buf),
		     view_of(data, ICMP_HLEN)); /* every bit of the header is in the struct */
	return 0;
}
