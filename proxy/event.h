/*
 * event.h - what happens to a guest and its flows, told to the embedder's event hook as it happens
 *
 * Nothing here costs anything without a hook: texts are made only for one that listens.
 */
#ifndef PROXY_EVENT_H
#define PROXY_EVENT_H

#include "proxy/flow.h"
#include "proxy/judge.h"
#include "sluice.h"

/* A host connection or socket exists for f; f->target is known. */
void event_opened(struct sluice *gw, struct flow *f);
/* f is about to go: closed, or refused if it was never opened.  f->reason says why. */
void event_ended(struct sluice *gw, const struct flow *f);
/* One that never was a flow; client: of a published port, else NULL. */
void event_unplaced(struct sluice *gw, const struct tuple *t, const struct endpoint *client,
		    enum sluice_reason reason);

/*
 * What policy refused: a flow that never was or is about to end (FLOW_REFUSED; f NULL: it has no number yet, and gets
 * one), or a request within one that lives (REQUEST_REFUSED).  client: of a published port, else NULL.
 */
void event_judged(struct sluice *gw, enum sluice_event_kind kind, const struct tuple *t, const struct flow *f,
		  const struct endpoint *client, const struct judgment *j);
/* A query of the guest's, or a part of its answer.  t: the query's way; a: the decision, NULL: it is none of policy's. */
void event_name_refused(struct sluice *gw, const struct tuple *t, const struct name *n,
			enum sluice_reason reason, const struct policy_answer *a);
/* No TLS with the server (CERTIFICATE, TLS) or with the guest (GUEST_TRUST); name: that was told, NULL or len 0: none; detail: what is
 * wrong, in words, NULL: the reason says it. */
void event_tls_failed(struct sluice *gw, const struct flow *f, enum sluice_reason reason,
		      const struct name *name, const char *detail);
/* A request is over.  text: of it, for people; host: without port; "": none. */
struct request_record;
void event_request(struct sluice *gw, const struct flow *f, const struct request_record *r, const char *text,
		   const char *host);
/* A placeholder where it may not be; j->reason NONE: it went on as it is. */
struct event_leak {
	const char *secret, *place, *form; /* names; never a value */
	bool terminate;
};
void event_secret(struct sluice *gw, const struct flow *f, const struct judgment *j,
		  const struct event_leak *l);
/* Parts of the gateway's thread's rights are gone (gw->confined); missing: what was asked for and is not to be had, in words, "". */
void event_confined(struct sluice *gw, const char *missing);
/* New settings are in force. */
void event_reloaded(struct sluice *gw);

/* The reason as docs/events.md has it; static. */
const char *event_code(enum sluice_reason r);

/*
 * text, at most max bytes of it, as a JSON string with its quotes and without an end; returns its length.  What is no
 * UTF-8 becomes U+FFFD, controls and what moves a terminal are escaped.  out: EVENT_JSON(max) bytes.
 */
#define EVENT_JSON(max) (6 * (max) + 3)
size_t event_json(const char *text, size_t max, char *out);

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
