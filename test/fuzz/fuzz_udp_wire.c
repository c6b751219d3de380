/*
 * fuzz_udp_wire.c - any bytes as a UDP datagram
 */
#include "stack/udp_wire.h"

#include "test/fuzz/wire_kit.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd r = rd_of(view_of(data, size));
	struct udp h;
	uint8_t buf[UDP_HLEN];

	if (!udp_parse(&r, &h)) {
		must(size < UDP_HLEN);
		return 0;
	}
	must(rd_left(&r) == size - UDP_HLEN);

	struct wr w = wr_of(buf, sizeof(buf));

	udp_emit(&w, &h);
	must_be_same(written(&w, buf),
		     view_of(data, UDP_HLEN)); /* every bit of the header is in the struct */
	return 0;
}
