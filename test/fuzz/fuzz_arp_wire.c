/*
 * fuzz_arp_wire.c - any bytes as an ARP packet
 */
#include "stack/arp_wire.h"

#include "test/fuzz/wire_kit.h"

#define ARP_LEN 28u

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arp a;
	uint8_t buf[ARP_LEN];

	if (!arp_parse(view_of(data, size), &a))
		return 0;
	must(size >= ARP_LEN && addr_is_v4(&a.sender_ip) && addr_is_v4(&a.target_ip));

	struct wr w = wr_of(buf, sizeof(buf));

	arp_emit(&w, &a);
	must_be_same(written(&w, buf), view_of(data, ARP_LEN)); /* nothing in it has two values */
	return 0;
}
