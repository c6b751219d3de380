/*
 * fuzz_dhcp_wire.c - any bytes as a DHCPv4 message
 */
#include "stack/dhcp_wire.h"

#include "test/fuzz/wire_kit.h"

#define MOST 2048u /* more than any message that is written here */

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t first[MOST], second[MOST], small[DHCP_PADDED];
	struct wr w1 = wr_of(first, sizeof(first)), w2 = wr_of(second, sizeof(second)),
		  w3 = wr_of(small, sizeof(small));
	struct dhcp m;

	if (!dhcp_parse(view_of(data, size), &m))
		return 0;
	must(m.nroute <= DHCP_ROUTES && m.wanted.len < 256);
	dhcp_emit(&w1, &m);
	/* With little room there is less in it, but it is a message. */
	dhcp_emit(&w3, &m);
	must(dhcp_parse(written(&w1, first), &m));
	dhcp_emit(&w2, &m);
	must_be_same(written(&w1, first), written(&w2, second));
	must(dhcp_parse(written(&w3, small), &m));
	return 0;
}
