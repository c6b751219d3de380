/*
 * passage.h - bytes in the clear between two ends, through an exchange
 *
 * An end is the guest's connection or the host's, with TLS or without.  A passage reads an end only while the other has room, so a slow
 * reader is felt by the writer; it keeps both directions' ends apart (close_notify and FIN cross one by one).
 */
#ifndef PROXY_PASSAGE_H
#define PROXY_PASSAGE_H

#include "http/exchange.h"
#include "tls/tls.h"

struct sluice;
struct tcp_flow;

struct passage_end {
	struct tls_end *tls; /* NULL: in the clear */
	bool ended;          /* it will say no more */
	bool closed;         /* we have told it that we will not */
	bool finishing;      /* close_notify is on its way */
};

struct passage {
	struct passage_end end[2]; /* SIDE_CLIENT: the guest */
	struct exchange *exchange;
	uint8_t *kept[2]; /* of side: bytes the exchange did not take yet; malloc()ed, wiped */
	uint32_t nkept[2], at[2];
	const char *failed; /* why it is over: static; NULL: it is not */
	bool by_server;
};

/* All zero but the ends' tls and the exchange before.  True: more could be done (the turn's budget stopped it). */
bool passage_pump(struct sluice *gw, struct tcp_flow *tf, struct passage *p, usec_t now);
/* Both directions are done, and all is out. */
bool passage_done(const struct passage *p);
usec_t passage_deadline(const struct passage *p);
void passage_free(struct passage *p);

/* tls_io of the two ends of a flow. */
struct tls_io passage_guest_io(struct sluice *gw, struct tcp_flow *tf);
struct tls_io passage_host_io(struct sluice *gw, struct tcp_flow *tf);

#endif
