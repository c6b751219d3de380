/*
 * h2.c - an exchange whose client speaks HTTP/2
 */
#include "http/exchange.h"

struct exchange *
exchange_h2(const struct exchange_env *env, bool h1_server)
{
	(void)env;
	(void)h1_server;
	return NULL;
}
