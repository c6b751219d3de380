/*
 * world.h - a whole small world from one seed: a guest, a wire, the gateway, a host, and time
 *
 * The gateway is the real one, on a bed (test/bed/bed.h).  Everything around it is a model that shares none of its
 * code but value types: a guest with a TCP of its own (guest_tcp.c), a wire that loses, repeats, reorders,
 * spoils and holds back frames (wire.c), and a host whose servers and clients behave as the plan says (host.c).
 * Whatever the seed does not decide is not decided by anything else, so that a run can be repeated from it.
 *
 *	struct sim_setting set = {.seed = 42};
 *	struct sim_result res;
 *	sim_run(&set, &res);
 *	if (res.complaint[0]) ...
 *
 * or, for a load of one's own in the same world,
 *
 *	struct sim *s = sim_new(&set);           set.with SIM_EMPTY: nothing happens by itself
 *	struct sim_talk *t = sim_talk(s, &(struct sim_talk_conf){.up = 5000, .down = 100000});
 *	sim_until(s, sim_now(s) + 10 * USEC_PER_SEC);
 *	if (!t->complete) ...
 *	sim_finish(s);                           all that is under way ends, hours pass, everything is given back
 *	sim_free(s, &res);
 *
 * The first thing that must never happen is the complaint; from then on no time passes.  Nothing here is global: as
 * many worlds as one likes, in as many processes.
 */
#ifndef TEST_SIM_WORLD_H
#define TEST_SIM_WORLD_H

#include <stdio.h>

#include "test/bed/bed.h"

/* What a world may have.  The seed chooses, but for what a setting says. */
enum sim_has {
	SIM_EMPTY =
	    1 << 0, /* no load, nothing happens unless it is asked for; the seed still chooses the wire */
	SIM_DNS = 1 << 1,
	SIM_UDP = 1 << 2,
	SIM_PING = 1 << 3,
	SIM_PUBLISH = 1 << 4,  /* clients of published ports */
	SIM_RELOAD = 1 << 5,   /* other policies while flows live */
	SIM_POLICY = 1 << 6,   /* a policy that refuses something */
	SIM_LOSS = 1 << 7,     /* the wire loses frames */
	SIM_DISORDER = 1 << 8, /* it repeats and reorders */
	SIM_SPOIL = 1 << 9,    /* it changes bytes */
	SIM_STALLS = 1 << 10,  /* it stands still now and then, and has no room */
	SIM_TROUBLE = 1 << 11, /* hosts that refuse, are silent, reset; guests that reset */
	SIM_IDLE = 1 << 12,    /* hours in which nothing is said */
	SIM_OFFLOAD = 1 << 13, /* the link takes unfinished checksums and long segments */
	SIM_STOP = 1 << 14,    /* the gateway goes in mid-flight */
	SIM_CUT = 1 << 16,     /* datagrams that are longer than the link takes */
	SIM_CROWD = 1 << 17,   /* tables and memory are small: some find no place */
	SIM_NAMES =
	    1 << 18, /* a policy with names, and conversations with those: with neither of its neighbours */
	SIM_LEASE = 1 << 19, /* the guest asks for its addresses, and has its leases extended */
	SIM_TLS = 1 << 15,   /* connections over TLS, which the gateway opens or passes sealed */
};
#define SIM_CLEAN                                                                                          \
	(SIM_LOSS | SIM_DISORDER | SIM_SPOIL | SIM_STALLS | SIM_TROUBLE | SIM_STOP | SIM_TLS | SIM_CROWD | \
	 SIM_NAMES | SIM_LEASE) /* as `without` */

struct sim;

/* A call of the virtual host that fails (vhost_fail()), counted from the world's beginning. */
struct sim_fault {
	const char *op;
	int nth, error;
};

struct sim_setting {
	uint64_t seed;
	unsigned with, without; /* bits of enum sim_has: there for sure, not there for sure */
	unsigned flows;         /* TCP conversations of the plan; 0: the seed chooses */
	usec_t span;            /* in which they begin; 0: the seed chooses */
	/* Calls fail, or something else is wrong beyond what the model knows: a conversation may end early, and what it
	 * moved until then is still judged.  What nobody disturbed cannot be told apart: it may end early, too. */
	bool lenient;
	const struct sim_fault *fault;
	size_t nfault;
	void (*configure)(struct bed_conf *c, void *ctx); /* last word about the gateway; NULL */
	void (*turn)(struct sim *s, void *ctx);           /* after every step; NULL */
	void *ctx;
	FILE *trace; /* what happens, a line each; NULL */
};

struct sim_result {
	char complaint[256]; /* "": none */
	unsigned has;        /* what there was */
	/* Of all frames of the gateway and their moments, and of what reached the host.  With TLS: of what came in the clear, of events
	 * and outcomes; how long sealed bytes are, and so when they come, may differ. */
	uint64_t digest;
	usec_t time; /* that passed */
	uint64_t turns, frames_in, frames_out;
	uint64_t bytes_up, bytes_down; /* of TCP conversations: that came to the host, to the guest */
	/* TCP conversations: begun; both directions whole to the end; ended by one side or by policy on purpose; for other
	 * reasons (lenient). */
	uint64_t talks, complete, broken, early;
	uint64_t published, half_closed, guest_resets, host_resets, refused, unreachable, never_answered;
	uint64_t dgrams_up, dgrams_down, asked, answered, asked_tcp, pings, pongs;
	uint64_t lost, repeated, late, spoiled, stalls;      /* of the wire */
	uint64_t retransmitted, guest_retransmitted, probes; /* segments */
	uint64_t sacked, zero_windows, gso, v6;
	uint64_t cut, joined; /* datagrams in pieces that came to the host; that came so to the guest */
	uint64_t outside,
	    inside; /* datagrams of clients at published ports that came to the guest; its answers to them */
	/* Conversations by name: all; whole; refused by their first flight's name; names that must not be asked for. */
	uint64_t named, named_whole, named_refused, names_refused;
	uint64_t leased, renewed, lease_refused; /* addresses the guest was given; again; was refused */
	uint64_t crowded, crowded_out; /* worlds with small tables; what there was no place for in them */
	uint64_t reloads, refused_by_policy, rejudged, kicks, idle_hours, stops;
	/* Connections over TLS that were opened, and in which both ends said all they had: in all, of HTTP/1, taken up again;
	 * that passed sealed; whose server was refused; that were late with their handshake; whose server's end broke off. */
	uint64_t tls_opened, tls_http, tls_resumed, tls_passed, tls_refused, tls_late, tls_cut;
};

/* One world from beginning to end. */
void sim_run(const struct sim_setting *set, struct sim_result *res);

/* --- step by step ------------------------------------------------------------------------------------------- */

/* Never NULL. */
struct sim *sim_new(const struct sim_setting *set);
/* Fills in res, unless that is NULL. */
void sim_free(struct sim *s, struct sim_result *res);

struct bed *sim_bed(struct sim *s);
usec_t sim_now(const struct sim *s);
struct sim_result *sim_result(struct sim *s); /* so far */
bool sim_is_wrong(const struct sim *s);       /* there is a complaint */
void sim_complain(struct sim *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sim_say(struct sim *s, const char *fmt, ...) __attribute__((format(printf, 2, 3))); /* to the trace */

/* The next moment at which anything at all happens; TIME_NEVER. */
usec_t sim_next(struct sim *s);
/* Go there, or to `until` if that is earlier: the wire delivers, both ends act, the gateway turns until it rests, all is
 * judged.  False: wrong, or `until` has come. */
bool sim_step(struct sim *s, usec_t until);
void sim_until(struct sim *s, usec_t until);
/* Everything under way comes to its end or is told to within an hour or so; then idle time, after which the gateway must
 * hold nothing. */
void sim_finish(struct sim *s);

/* --- a load ------------------------------------------------------------------------------------------------- */

/* How one end of a conversation behaves; all zero: as fast as it can, ends after the other. */
enum sim_ends {
	SIM_ENDS_LAST,  /* shuts down when all is written and the other's end of file has come */
	SIM_ENDS_FIRST, /* ... when all is written, and goes on reading */
	SIM_RESETS,     /* resets once it has read and written so many bytes in all: reset_at */
};

struct sim_end {
	enum sim_ends ends;
	uint64_t reset_at;
	uint32_t write_size, read_size; /* bytes at once; 0: all there is */
	usec_t write_gap, read_gap;     /* between two; 0: none */
	uint64_t stall_at;              /* having read so many bytes, it stops reading ... */
	usec_t stall_for;               /* ... for so long; 0: it does not */
	uint32_t buffer;                /* of its receiving side; 0: 64 KiB (guest), 212,992 (host) */
	bool echoes;                    /* writes no more than it has read */
};

/* What is said over a connection.  Amounts are those in the clear. */
enum sim_tls {
	SIM_CLEAR,
	SIM_OPENED, /* TLS with a server the gateway opens connections to */
	SIM_SEALED, /* ... or does not */
};
/* What a conversation by name begins with. */
enum sim_claim { SIM_CLAIMS_NOTHING, SIM_CLAIMS_HOST, SIM_CLAIMS_SNI };
enum sim_server { SIM_SERVER_GOOD, SIM_SERVER_NOBODYS, SIM_SERVER_OTHERS }; /* whose its certificate is */

struct sim_talk_conf {
	enum family fam;
	bool published; /* a client of the host's opens it */
	bool to_self;   /* to the gateway's address, that is the host's loopback */
	uint64_t up, down;
	struct sim_end guest, host;
	enum vhost_answer answer; /* of the host: all but EMFILE and NOPORTS */
	usec_t answer_after;      /* ACCEPT_LATER */
	int answer_error;         /* ACCEPT_LATER, SILENT: how it ends; 0 or a positive errno */
	bool guest_refuses;       /* published: RST */
	enum sim_tls tls;         /* not published, not to_self */
	enum sim_server server;   /* SIM_OPENED */
	bool http;                /* a request of HTTP/1 and its response; up and down are their bodies' */
	unsigned name, claimed;   /* SIM_NAMES: where it goes, and where it says so; 0: to an address */
	enum sim_claim claim;
	bool breaks_off; /* SIM_OPENED: the server's end is no end of TLS */
};

/* One TCP conversation, begun now. */
struct sim_talk {
	struct sim_talk *next;
	struct sim_talk_conf conf;
	struct tuple tuple;
	unsigned number;
	bool over;                   /* neither end has anything left to do */
	bool complete;               /* all bytes and both ends of file came to where they belong */
	bool broken;                 /* reset, refused or unreachable on purpose, or by policy */
	uint64_t up, down;           /* bytes that have come to the host, to the guest */
	usec_t begun, opened, ended; /* moments; 0: not yet */
	usec_t moved;                /* when a byte last came to either end */
};
struct sim_talk *sim_talk(struct sim *s, const struct sim_talk_conf *conf);
struct sim_talk *sim_talks(struct sim *s);                 /* the first */
void sim_talk_abort(struct sim *s, struct sim_talk *talk); /* by the guest */

/* One datagram of so many bytes from the guest's port, to a server that echoes those with an even number. */
void sim_datagram(struct sim *s, enum family fam, uint16_t from_port, uint16_t to_port, size_t len);
/* A question for the address of name number n (IPv6: AAAA), asked again until it is answered. */
void sim_ask(struct sim *s, enum family fam, unsigned n, bool tcp);
/* One of a client's outside, at a published port; the guest answers those with an even number. */
void sim_datagram_in(struct sim *s, enum family fam, unsigned client, size_t len);
void sim_ping(struct sim *s, enum family fam, size_t len);
/* A frame of the guest's as it is, over the wire as all others; what answers it is not looked at. */
void sim_frame(struct sim *s, const void *frame, size_t len);

#endif
