/*
 * event.h - what happens to a guest and its flows, told to the embedder's event hook as it happens
 *
 * Nothing here costs anything without a hook: texts are made only for one that listens.
 */
#ifndef PROXY_EVENT_H
#define PROXY_EVENT_H

#include "proxy/flow.h"
#include "sluice.h"

/* A host connection or socket exists for f; f->target is known. */
void event_opened(struct sluice *gw, struct flow *f);
/* f is about to go: closed, or refused if it was never opened.  f->reason says why. */
void event_ended(struct sluice *gw, const struct flow *f);
/* One that never was a flow; client: of a published port, else NULL. */
void event_unplaced(struct sluice *gw, const struct tuple *t, const struct endpoint *client,
		    enum sluice_reason reason);

/* A guest is attached, on a link that can tell. */
void event_guest_came(struct sluice *gw);
/* A frame came: on other links, the first one that is the guest's says that it is there. */
void event_guest_seen(struct sluice *gw);
/* It left, and its flows have ended; why is a sentence. */
void event_guest_left(struct sluice *gw, const char *why);
/* Leases that the stack has given since it was asked last. */
void event_leases(struct sluice *gw);

/* Something was not served: line says what.  The caller keeps it to one a second. */
void event_limit(struct sluice *gw, const char *line);

#endif
