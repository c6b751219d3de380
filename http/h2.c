/*
 * h2.c - an exchange whose client speaks HTTP/2
 */
#include "http/exchange.h"

struct exchange *
exchange_h2(const struct exchange_env *env, const struct exchange_h2_options *o)
{
	(void)env;
	(void)o;
	return NULL;
}
