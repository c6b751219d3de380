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
#include "stack/wire.h"

struct sluice;
struct tcp_flow;
struct watch;

/* tf begins.  decides: with VERDICT_PEEK; else it is allowed whatever comes, and only a ClientHello (or a request) that is to be opened
 * is waited for: what is late, unfinished or something else passes.  False: no memory. */
bool watch_begin(struct tcp_flow *tf, bool decides);
/* The first bytes of tf, before those of the connection; copied.  False: no memory. */
bool watch_put(struct tcp_flow *tf, struct view bytes);
/* What comes decides from now on: policy was reloaded. */
void watch_decides(struct tcp_flow *tf);
/* Look at what has come.  False: the flow was refused and is now answered by a service, or aborted: leave it.  tf->watch may be
 * NULL afterwards: the watch is over. */
bool watch_ready(struct sluice *gw, struct tcp_flow *tf, usec_t now);
/* Bytes that may be written to the host now: first those of `held`, then as many of the connection's as it returns. */
size_t watch_passed(const struct tcp_flow *tf, struct view *held);
/* n of them were: returns how many of these were the connection's.  The watch may be over. */
size_t watch_wrote(struct tcp_flow *tf, size_t n);
/* The host says this to the guest.  True: watch_ready() is to be asked again. */
bool watch_heard(struct tcp_flow *tf, struct view bytes);
usec_t watch_deadline(const struct tcp_flow *tf);
void watch_end(struct tcp_flow *tf);

#endif
