/* ndp_wire.c - proves: stack/ndp_wire.c stack/addr.c; options: -inline-calls next_option */
#include "stack/ndp_wire.h"
#include "kit.h"

static void
solicitation(void)
{
	struct wr w = any_room(128);
	struct ndp_ns m;

	if (ndp_ns_parse(any_input(), &m))
		ndp_ns_emit(&w, &m);
}

static void
advertisement(void)
{
	struct wr w = any_room(128);
	struct ndp_na m;

	if (ndp_na_parse(any_input(), &m))
		ndp_na_emit(&w, &m);
}

static void
router_solicitation(void)
{
	struct wr w = any_room(128);
	struct ndp_rs m;

	if (ndp_rs_parse(any_input(), &m))
		ndp_rs_emit(&w, &m);
}

static void
router_advertisement(void)
{
	struct wr w = any_room(4096);
	struct ndp_ra m;

	if (ndp_ra_parse(any_input(), &m))
		ndp_ra_emit(&w, &m);
}

int
main(void)
{
	solicitation();
	advertisement();
	router_solicitation();
	router_advertisement();
	return 0;
}
