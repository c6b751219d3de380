/*
 * drain.h - whether the guest's kernel still has bytes that its processes sent
 */
#ifndef CLI_DRAIN_H
#define CLI_DRAIN_H

#include <stdbool.h>

/* In the guest's network namespace: no TCP connection has anything unsent or unacknowledged. */
bool drain_is_done(void);

/* One line of /proc/net/tcp or tcp6: does that connection? */
bool drain_is_pending(const char *line);

#endif
