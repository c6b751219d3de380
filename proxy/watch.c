/*
 * watch.c - a TCP flow whose first flight, or whose every request, decides
 */
#include "proxy/watch.h"

#include "proxy/gateway.h"

struct watch {
	size_t passed;
};

bool
watch_begin(struct tcp_flow *tf, usec_t now)
{
	(void)tf, (void)now;
	return true;
}

bool
watch_ready(struct sluice *gw, struct tcp_flow *tf, usec_t now)
{
	(void)gw, (void)tf, (void)now;
	return true;
}

size_t
watch_passed(const struct tcp_flow *tf)
{
	(void)tf;
	return SIZE_MAX;
}

void
watch_wrote(struct tcp_flow *tf, size_t n)
{
	(void)tf, (void)n;
}

usec_t
watch_deadline(const struct tcp_flow *tf)
{
	(void)tf;
	return TIME_NEVER;
}

void
watch_end(struct tcp_flow *tf)
{
	tf->watch = NULL;
}
