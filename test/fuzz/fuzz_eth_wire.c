/*
 * fuzz_eth_wire.c - any bytes as an Ethernet frame
 */
#include "stack/eth_wire.h"

#include "test/fuzz/wire_kit.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd r = rd_of(view_of(data, size));
	struct eth h;
	uint8_t buf[ETH_HLEN];

	if (!eth_parse(&r, &h)) {
		must(size < ETH_HLEN);
		return 0;
	}
	must(rd_left(&r) == size - ETH_HLEN);

	struct wr w = wr_of(buf, sizeof(buf));

	eth_emit(&w, &h);
	must_be_same(written(&w, buf),
		     view_of(data, ETH_HLEN)); /* every bit of the header is in the struct */
	return 0;
}
