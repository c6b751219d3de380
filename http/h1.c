#include "http/exchange.h"

struct exchange *
exchange_h1(const struct exchange_env *env, const struct exchange_h1_options *o)
{
	(void)env;
	(void)o;
	return NULL;
}

bool
exchange_h1_tunnel(const struct exchange *x)
{
	(void)x;
	return false;
}
