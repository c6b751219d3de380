/*
 * intercept_int.h - what the files of interception share
 *
 *     intercept.c         which connections are opened, and their beginning and end
 *     intercept_turn.c    whose turn it is: the queue for the turn's time, and for a place among the handshakes
 *     intercept_step.c    one step of a connection: both handshakes, then its passage
 *     intercept_fail.c    what a failure is told to: the guest, events, what is remembered
 *     intercept_known.c   servers that cost too much lately; names whose certificate guests did not take
 *     passage.c           the bytes in the clear
 */
#ifndef PROXY_INTERCEPT_INT_H
#define PROXY_INTERCEPT_INT_H

#include "proxy/intercept.h"
#include "proxy/passage.h"
#include "proxy/requests.h"
#include "sluice.h"

#define HANDSHAKES 32u                     /* under way at once; others wait for a place */
#define HANDSHAKE_TIME (10 * USEC_PER_SEC) /* for a place, for the server, for the guest: each */
#define HANDSHAKE_STEPS 1000u              /* of one side: a handshake takes about 30 */
#define HANDSHAKE_WORK \
	(200 * USEC_PER_MSEC)         /* all steps of a server's handshake together, and its verification */
#define LAST_WORDS (5 * USEC_PER_SEC) /* until a guest that does not close is reset */

/* What one turn of the loop gives to TLS. */
#define TURN_WORK (2 * USEC_PER_MSEC) /* a step that has begun ends; none begins beyond */
#define TURN_RECORDS 64u              /* read or written, all connections together */
#define FLOW_RECORDS 16u              /* ... and one */
#define FLOW_WORK USEC_PER_MSEC

enum stage {
	STAGE_PLACE,    /* waits for a place among the handshakes */
	STAGE_SERVER,   /* our handshake with the server */
	STAGE_VERIFY,   /* its chain is to be looked at */
	STAGE_LEAF,     /* a certificate for the guest is to be made */
	STAGE_GUEST,    /* the guest's handshake with us */
	STAGE_PROTOCOL, /* which protocol they speak is to be seen */
	STAGE_PASSAGE,
	STAGE_WORDS, /* it is over for the host; the guest has something to hear yet */
	STAGE_END,   /* all is said: the guest's end is waited for */
};

enum queue { QUEUE_NONE, QUEUE_PLACE, QUEUE_TURN, QUEUES };

/* One connection that is opened. */
struct intercepted {
	struct passage passage; /* also who: gw, tf */
	struct interception *x;
	struct intercepted *next, *prev; /* in its queue */
	uint8_t stage, queue;
	bool placed;          /* has a place among the handshakes */
	bool has_name, tls13; /* the guest told a name; it speaks TLS 1.3 */
	bool plain;           /* no TLS at all */
	bool no_verify, verified;
	bool h1_server;   /* the guest speaks HTTP/2 alone, the server HTTP/1.1 alone */
	bool reads;       /* its requests are read */
	bool heard;       /* the guest has said something after its handshake */
	uint32_t steps;   /* of the present handshake */
	usec_t worked;    /* on the server's */
	usec_t began;     /* the present step */
	usec_t until;     /* of the stage; TIME_NEVER */
	uint32_t nhello;  /* bytes of passage.first that are its ClientHello */
	uint64_t said;    /* what the guest had been sent when its handshake began */
	uint64_t trust;   /* of the settings the server was asked under */
	struct name name; /* has_name: as the guest told it */
	struct tls_alpn alpn;
	char protocol[32];                /* told to the guest; "": none */
	const struct tls_identity *shown; /* to the server, if it asks; of the settings */
	const struct tls_identity *leaf;
	struct requests *requests;
};

struct intercept_queue {
	struct intercepted *first, *last;
};

/* A server that cost too much lately. */
struct bad_server {
	struct endpoint at;
	struct name name; /* len 0: the address alone */
	usec_t until;
};
#define BAD_SERVERS 64u
#define BAD_TIME (60 * USEC_PER_SEC)

/* A name whose certificate guests did not take. */
struct untrusting {
	struct name name;
	uint32_t times;
	uint64_t last; /* grows with each */
};
#define UNTRUSTING 64u

/* What is made when it is first needed: by the gateway's thread, or by one that asks for the CA. */
struct authority;

struct interception {
	struct sluice *gw;
	uint32_t max, open;
	uint32_t handshakes;
	struct authority *authority;
	struct tls *tls; /* NULL: not needed yet; then these all are there */
	struct leaf_cache *leaves;
	uint8_t *scratch; /* PASSAGE_RECORD bytes, wiped with it */
	struct intercept_queue queue[QUEUES];
	/* The present turn. */
	usec_t worked;
	unsigned records;
	bool began, patient;    /* ...: one that was denied often had its turn */
	struct bad_server *bad; /* BAD_SERVERS; NULL: none ever was */
	struct untrusting *untrusting;
	uint64_t refusals;
};

/* --- intercept_turn.c ------------------------------------------------------------------------------------ */

/* Into that queue, or (QUEUE_NONE) out of the one it is in. */
void queue_put(struct intercepted *c, enum queue q);
/* May it work now?  False: it will be asked again next turn. */
bool turn_begin(struct intercepted *c);
/* One has worked so long, with so many records. */
void turn_end(struct interception *x, usec_t worked, unsigned records);
/* It would go on: behind the others. */
void turn_again(struct intercepted *c);
/* A place among the handshakes: false: it waits for one, and is marked ready when it has it. */
bool place_take(struct intercepted *c);
void place_leave(struct intercepted *c);

/* --- intercept_step.c ------------------------------------------------------------------------------------- */

enum then {
	THEN_WAIT,
	THEN_AGAIN,
	THEN_GONE, /* it is freed: the flow is another's, or aborted */
};
enum then intercept_step(struct intercepted *c, usec_t now, unsigned *records);
enum then intercept_late(struct intercepted *c, usec_t now);

/* --- intercept_fail.c --------------------------------------------------------------------------------------- */

/* No TLS with the server: events, an alert in the clear. */
enum then fail_server(struct intercepted *c, enum sluice_reason reason, uint8_t alert, const char *detail,
		      usec_t now);
/* The guest does not take what we are, or breaks the protocol. */
enum then fail_guest(struct intercepted *c, usec_t now);
/* For want of memory, or time: reset, both sides. */
enum then fail_both(struct intercepted *c, enum sluice_reason reason, const char *why);
/* The passage's fault. */
enum then fail_passage(struct intercepted *c, usec_t now);
/* The guest may hear what is on its way, for a while; the host's connection is over. */
enum then last_words(struct intercepted *c, usec_t now);
/* It did not take our certificate: counted and told. */
void tell_untrusted(struct intercepted *c, const char *detail);

/* --- intercept_known.c ---------------------------------------------------------------------------------------- */

void bad_server_add(struct intercepted *c, usec_t now);
bool bad_server_is(const struct intercepted *c, usec_t now);
/* How often guests have refused our certificate for its name, this time included. */
uint32_t untrusting_add(struct intercepted *c);

/* --- intercept.c ------------------------------------------------------------------------------------------------ */

/* Where it leads, for people: the name, or address and port. */
#define INTERCEPT_TEXT 320
const char *intercept_text(const struct intercepted *c, char buf[INTERCEPT_TEXT]);
uint64_t intercept_seconds(const struct interception *x); /* since 1970 */

#endif
