/* dhcp6_wire.c - proves: stack/dhcp6_wire.c stack/addr.c; options: -inline-calls next_option -eva-slevel 50 -eva-ilevel 128 */
#include "stack/dhcp6_wire.h"
#include "kit.h"

int
main(void)
{
	struct wr w = any_room(1500);
	struct dhcp6 m;

	if (dhcp6_parse(any_input(), &m)) {
		//@ check associations: m.nia <= DHCP6_IAS;
		//@ check addresses: \forall integer i; 0 <= i < DHCP6_IAS ==> m.ia[i].naddr <= DHCP6_ADDRS;
		//@ check id: m.xid <= 0xffffff;
		dhcp6_wants(&m, DHCP6_OPT_DNS);
		dhcp6_emit(&w, &m);
	}
	return 0;
}
