#include "http/exchange.h"

struct exchange *
exchange_relay(const struct exchange_env *env, const struct secret_plan *plan)
{
	(void)env;
	(void)plan;
	return NULL;
}
