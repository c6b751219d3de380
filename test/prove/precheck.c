/* precheck.c - proves: dns/precheck.c; options: -eva-slevel 10 -eva-partition-history 0 */
#include "dns/precheck.h"
#include "kit.h"

int
main(void)
{
	dns_precheck(any_input(), ANY_BOOL());
	return 0;
}
