/*
 * gate.h - what may leave through a gateway, decided the plain way at the moment it leaves
 *
 * An oracle for runs in which guest and nameservers are hostile.  It watches every call to the virtual host (spy.h), hears every frame, and
 * is told what the guest sends and which policy is in force.  From that it keeps evidence, judgments and claims of its own and asks
 * naive_policy.h; nothing of policy/evidence.c, dns/, tls/ or http/ is in it, and of proxy/ only which socket is which connection's.
 *
 *	a connection           where it leads is allowed, or a name could still allow it, when it is made
 *	bytes to it            are the guest's, in order; none passes that a name has to allow before that name is allowed: the SNI of a whole
 *	                       ClientHello, the host of each request
 *	requests written anew  are allowed, each: by host, method and path as the server reads them
 *	a datagram, a ping     where it leads is allowed at that moment, with what allowed it first
 *	a question upstream    is one that the guest asked, of a name it may ask for; of a resolver of its own only if it may go there
 *	a client of a port     is shown to the guest only if it is allowed
 *	an answer to the guest leads nowhere special unless a rule says so, and nowhere but where an answer said
 *	another policy         ends, in the turn that takes it, what it refuses: judged by the name that was told, or none
 *
 * Two readings of what is known are kept, for evidence cuts both ways (an `allow` wants it, a `deny` may rest on it): what
 * nameservers have said, and of that what the guest was told.  What either allows is no mistake.  Nor is: a connection that waits for the
 * host is made later; what lies behind a CONNECT or an Upgrade that was agreed to.
 */
#ifndef TEST_BED_GATE_H
#define TEST_BED_GATE_H

#include "test/bed/bed.h"
#include "test/bed/naive_dns.h"
#include "test/bed/naive_flight.h"
#include "test/bed/naive_policy.h"
#include "test/bed/spy.h"

#define GATE_FACTS 512u
#define GATE_SOCKETS 128u
#define GATE_CONNS 32u
#define GATE_ASKED 128u
#define GATE_TRIED 128u
#define GATE_PEERS 64u
#define GATE_ANSWERS 32u
#define GATE_PROOFS 4u
#define GATE_OWN 8u

/* One connection of the guest's, or of a published port. */
struct gate_conn {
	bool used, inbound;
	bool kept; /* from an earlier policy, whatever this one says */
	struct tuple tuple;
	int fd; /* of the host's end; -1: none yet, or no more */
	/* What the guest has said, in order, and how much of it the host was given. */
	uint8_t *said;
	size_t nsaid, room, passed;
	bool ended;
	bool over;         /* its first flight was allowed, and all behind it is */
	bool beyond;       /* a tunnel: what passes is not looked at */
	bool told_any;     /* a name was told */
	struct name told;  /* the last that was allowed */
	size_t limit, at;  /* so much may pass; where the next request begins */
	unsigned requests; /* that were allowed */
	bool upgrades;     /* a request asked for another protocol */
	bool agreed;       /* ... and the host has said 101 */
	/* What the host was given where requests are written anew. */
	uint8_t *given;
	size_t ngiven, given_room, given_at;
	bool given_judged; /* the request that begins there was */
	struct name proof[GATE_PROOFS];
	unsigned nproof;
};

enum gate_kind { GATE_NONE, GATE_TCP, GATE_UDP, GATE_PING, GATE_DNS, GATE_CLIENT };

struct gate_sock {
	enum gate_kind kind;
	bool open, kept;
	bool refused; /* a client that has to be sent away */
	uint8_t proto;
	struct endpoint to;
	/* GATE_DNS: the question, and what came and went by TCP. */
	bool asked;
	unsigned id, type;
	struct naive_name name;
	uint8_t *in, *out;
	size_t nin, in_room, nout, out_room;
};

struct gate_peer { /* whom a datagram socket has sent to, and what allowed it */
	int fd;
	bool kept; /* from an earlier policy, whatever this one says */
	uint8_t proto;
	struct endpoint to, remote; /* remote: as the guest names it */
	struct name proof[GATE_PROOFS];
	unsigned nproof;
};

struct gate_asked { /* a question of the guest's */
	bool kept;
	uint8_t proto;
	struct endpoint to;
	unsigned type;
	struct naive_name name;
};

struct gate_answer { /* that may be given again */
	struct naive_name asked;
	unsigned type;
	usec_t at;
	uint32_t ttl;
	unsigned nname, naddr;
	struct name name[10];
	struct addr addr[16];
};

struct gate_tried { /* where the guest sent something */
	uint8_t proto;
	struct endpoint to;
};

struct gate {
	struct bed *bed;
	struct rules own, floor;
	struct naive_list list[4]; /* @doh, as far as this world has it */
	unsigned nlist;
	bool floored, no_rebind, opens; /* opens: TLS may be */
	const char *rebind_allow;       /* "*.SUFFIX"; NULL */
	struct surroundings where;
	struct addr own_addr[GATE_OWN];
	unsigned nsaid, ntold;
	unsigned nanswer;
	struct gate_conn conn[GATE_CONNS];
	struct gate_sock sock[GATE_SOCKETS];
	unsigned npeer;
	unsigned nasked;
	unsigned ntried;
	unsigned nshown;
	unsigned clients;  /* of published ports that were allowed and not shown yet */
	bool blind;        /* something is full: nothing more is judged */
	uint64_t effects;  /* a digest of them */
	unsigned nconnect; /* ... and how many were connections, datagrams, questions */
	unsigned ndgram, nquestion;
	char complaint[512];
	/* As many as are counted above: what is behind them is never cleared. */
	struct naive_fact said[GATE_FACTS], told[GATE_FACTS];
	struct gate_answer answer[GATE_ANSWERS];
	struct gate_peer peer[GATE_PEERS];
	struct gate_asked asked[GATE_ASKED];
	struct gate_tried tried[GATE_TRIED];
	struct tuple shown[GATE_PEERS]; /* connections to the guest: a SYN may be sent again */
};

void gate_init(struct gate *g, struct bed *b);
void gate_done(struct gate *g);

/* The policy in force from the next turn on; takes over both. */
void gate_policy(struct gate *g, struct rules *own, struct rules *floor, bool floored);
/* The host's own addresses. */
void gate_own(struct gate *g, const struct addr *a, unsigned n);

/* The guest sends: before it is pushed. */
void gate_tries(struct gate *g, uint8_t proto, const struct endpoint *to);
void gate_asks(struct gate *g, uint8_t proto, const struct endpoint *to, struct view msg);
/* Bytes in order on a connection; its end. */
void gate_says(struct gate *g, struct gate_conn *c, struct view bytes);
struct gate_conn *gate_opens(struct gate *g, const struct tuple *t, bool inbound); /* NULL: too many */
void gate_forget(struct gate_conn *c);

/* The gateway rests; then each frame of it. */
void gate_look(struct gate *g);
void gate_hear(struct gate *g, const struct bed_frame *f);
/* A policy or addresses were taken: who lives must be allowed to. */
void gate_rejudge(struct gate *g);
/* Or it was told to keep all that lives: it does so whatever the new one says. */
void gate_keep(struct gate *g);

/* What the plain reading says of something that would begin now; of what is certain alone. */
enum verdict gate_would(struct gate *g, uint8_t proto, const struct endpoint *to, bool certain);
/* May this name be asked for? */
bool gate_may_ask(struct gate *g, uint8_t proto, const struct name *n);

/* The other way round: what is allowed for certain is done.  Whether the host or time is in the way is for the caller to know. */
bool gate_must_begin(struct gate *g, uint8_t proto, const struct endpoint *to);
bool gate_must_ask(struct gate *g, uint8_t proto, const struct endpoint *to, struct view msg);
/* It is being asked, or was, on a socket that is still there. */
bool gate_asks_already(const struct gate *g, struct view msg);
/* Of a first flight that was said at once: so many bytes of it pass, or the host is given it anew. */
size_t gate_must_pass(struct gate *g, const struct gate_conn *c);

#endif
