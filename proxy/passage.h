/*
 * passage.h - bytes in the clear between two ends, through an exchange
 *
 * An end is the guest's connection or the host's, with TLS or without.  A passage reads an end only while the exchange takes what it has
 * read, so a slow reader is felt by the writer; it keeps both directions apart (close_notify and FIN cross one by one), and an end that
 * breaks off without close_notify breaks off on the other side, too.
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
	bool broke;          /* ... and did not say so: no close_notify */
	bool told;           /* the exchange knows */
	bool closed;         /* it knows that it will hear no more */
};

enum passage_fault {
	PASSAGE_GOOD,
	PASSAGE_BROKEN,   /* a connection is broken: the host's was reset, or there is none */
	PASSAGE_TLS,      /* what `by` sent is no TLS, or a fatal alert; tls_end_why() */
	PASSAGE_EXCHANGE, /* the exchange says so; what it has for the guest is still sent */
	PASSAGE_MEMORY,
};

struct passage {
	struct sluice *gw;
	struct tcp_flow *tf;
	/* What the guest's end reads before the connection itself, from first_at on; malloc()ed. */
	uint8_t *first;
	uint32_t nfirst, first_at;
	struct passage_end end[2]; /* by enum side; SIDE_CLIENT: the guest */
	bool heard;                /* the guest has said something */
	bool tunnels;              /* stop where a server has agreed to a CONNECT */
	struct exchange *exchange; /* NULL: not known yet: passage_first() */
	uint8_t *kept[2];          /* from that side: bytes the exchange did not take yet; malloc()ed */
	uint32_t nkept[2], kept_at[2];
	uint8_t fault; /* enum passage_fault */
	uint8_t by;    /* enum side: whose it is */
};

/* What one call may do: `records` are counted down; more() says whether there is time for another. */
struct passage_budget {
	unsigned records;
	bool (*more)(void *ctx);
	void *ctx;
	uint8_t *scratch; /* PASSAGE_SCRATCH bytes */
};
#define PASSAGE_RECORD 16384u
#define PASSAGE_SCRATCH (PASSAGE_RECORD + 256u) /* TLS 1.3 opens a type and padding with it */

/* All zero before, but for first, which is taken over. */
void passage_init(struct passage *p, struct sluice *gw, struct tcp_flow *tf);
/* tls_io of an end: its context is the passage. */
struct tls_io passage_io(struct passage *p, enum side side);

/* Before there is an exchange: what do the first bytes begin?  UNSURE: nobody can tell yet (or it is over: fault).  A server that speaks
 * first, or a guest that will not, is OTHER. */
enum exchange_kind passage_first(struct passage *p, struct passage_budget *b);
/* ... and it can be asked again at once: nobody will be woken for what there is. */
bool passage_first_more(const struct passage *p);
/* True: more could be done (the budget stopped it). */
bool passage_pump(struct passage *p, struct passage_budget *b);
/* Both directions are done, and all is out. */
bool passage_done(const struct passage *p);
/* What there is for the guest still is sent, and that it was the last.  True: all of it is out. */
bool passage_tell(struct passage *p, struct passage_budget *b);
/* It stopped there, and the guest has all of what came before. */
bool passage_tunnel(const struct passage *p);
usec_t passage_deadline(const struct passage *p);
/* The exchange, both ends, and what is kept. */
void passage_free(struct passage *p);

#endif
