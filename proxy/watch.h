/*
 * watch.h - a TCP flow whose first flight, or whose every request, decides
 *
 * The host was dialled and the guest's SYN answered as for any flow; what the host says flows at once (a server that
 * speaks first is never delayed), what the guest says waits until it is judged: a ClientHello's name, each HTTP request's
 * Host, or the lack of either (docs/policy.md has the table).  Judged bytes are "passed"; nothing else reaches the host.
 */
#ifndef PROXY_WATCH_H
#define PROXY_WATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "stack/time.h"

struct sluice;
struct tcp_flow;
struct watch;

/* tf begins with VERDICT_PEEK.  False: no memory. */
bool watch_begin(struct tcp_flow *tf, usec_t now);
/* Look at what has come.  False: the flow was refused and is now answered by a service, or aborted: leave it. */
bool watch_ready(struct sluice *gw, struct tcp_flow *tf, usec_t now);
/* Bytes of the guest that may be written to the host now; SIZE_MAX: all, the watch is over. */
size_t watch_passed(const struct tcp_flow *tf);
/* n of them were. */
void watch_wrote(struct tcp_flow *tf, size_t n);
usec_t watch_deadline(const struct tcp_flow *tf);
void watch_end(struct tcp_flow *tf);

#endif
