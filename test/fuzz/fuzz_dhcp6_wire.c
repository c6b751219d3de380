/*
 * fuzz_dhcp6_wire.c - any bytes as a DHCPv6 message
 */
#include "stack/dhcp6_wire.h"

#include "test/fuzz/wire_kit.h"

#define MOST 200000u /* lists are as long as their message */

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t first[MOST], second[MOST];
	struct wr w1 = wr_of(first, sizeof(first)), w2 = wr_of(second, sizeof(second));
	struct dhcp6 m;

	if (size > UINT16_MAX || !dhcp6_parse(view_of(data, size), &m))
		return 0;
	must(m.nia <= DHCP6_IAS && m.client_id.len <= DHCP6_DUID_MAX && m.server_id.len <= DHCP6_DUID_MAX);
	for (unsigned i = 0; i < m.nia; i++)
		must(m.ia[i].naddr <= DHCP6_ADDRS);
	dhcp6_emit(&w1, &m);
	must(dhcp6_parse(written(&w1, first), &m));
	dhcp6_emit(&w2, &m);
	must_be_same(written(&w1, first), written(&w2, second));
	return 0;
}
