/* dhcp_wire.c - proves: stack/dhcp_wire.c stack/addr.c */
#include "stack/dhcp_wire.h"
#include "kit.h"

int
main(void)
{
	struct wr w = any_room(1500);
	struct dhcp m;

	if (dhcp_parse(any_input(), &m)) {
		//@ check routes: m.nroute <= DHCP_ROUTES;
		dhcp_emit(&w, &m);
	}
	return 0;
}
