/*
 * msb_json.c - a policy of microsandbox's as it is kept: JSON
 */
#include "policy/msb.h"

bool
rules_read_msb(struct rules *to, const char *json, size_t len, const char *file, struct diag_sink *d)
{
	(void)to, (void)json, (void)len, (void)file, (void)d;
	return true;
}
