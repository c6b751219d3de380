/*
 * pace.h - how many flows a guest may begin a second
 *
 * A token bucket that holds one second's worth.  Beyond it a SYN, a first datagram, a first echo request is as if it had
 * been lost on the way: who means it asks again, who scans gets no further (P23).
 */
#ifndef PROXY_PACE_H
#define PROXY_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "stack/time.h"

struct pace {
	uint32_t per_second; /* 0: no limit */
	uint64_t tokens;     /* in millionths */
	usec_t at;           /* when they were counted last */
};

void pace_init(struct pace *p, uint32_t per_second, usec_t now);
/* May one more begin? */
bool pace_take(struct pace *p, usec_t now);

#endif
