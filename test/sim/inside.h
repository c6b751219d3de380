/*
 * inside.h - what the files of the simulated world share
 *
 *	world.c      life, steps, what is judged at each
 *	wire.c       the way of frames between guest and gateway
 *	guest.c      the guest: what a frame is for, neighbours, datagrams, echoes, names
 *	cut.c        datagrams in pieces
 *	lease.c      where the guest has its addresses from
 *	guest_tcp.c  its TCP
 *	talk.c       conversations: their two ends as programs, sockets of the host
 *	tls.c        ends of TLS connections
 *	look.c       what the gateway may say on a conversation, held against what came to it
 *	host.c       the host's datagram sockets and its nameserver
 *	rules.c      policies, decided the plain way
 *	names.c      ... and by name, and conversations with who has one
 *	plan.c       what a seed makes happen
 *
 * Places in a stream are 64-bit offsets: 0 is the SYN, 1 the first byte, and one past the last the FIN.
 */
#ifndef TEST_SIM_INSIDE_H
#define TEST_SIM_INSIDE_H

#include "test/sim/luck.h"
#include "test/sim/world.h"

enum way { UP, DOWN, WAYS }; /* from the guest, to the guest */

/* --- runs of offsets ------------------------------------------------------------------------------------ */

#define RUNS_MAX 128u

/* [from, until) each, sorted, apart. */
struct runs {
	unsigned n;
	struct run {
		uint64_t from, until;
	} run[RUNS_MAX];
};
/* False: there are too many. */
bool runs_add(struct runs *r, uint64_t from, uint64_t until);
bool runs_have(const struct runs *r, uint64_t from, uint64_t until);
/* Where the run that has `at` ends; `at` where none has. */
uint64_t runs_end(const struct runs *r, uint64_t at);

/* --- the guest's TCP ------------------------------------------------------------------------------------- */

enum guest_state { GUEST_NONE, GUEST_SYN_SENT, GUEST_SYN_RCVD, GUEST_OPEN, GUEST_DEAD };

struct guest_tcp {
	enum guest_state state;

	/* Chosen by the seed. */
	uint32_t iss, buffer, mss_told,
	    flight;             /* flight: bytes at once under way, for want of a congestion window */
	uint16_t first_segment; /* 0: as they fit */
	uint8_t scale;          /* offered */
	bool offers_scale, offers_sack, delays_acks, long_segments;

	/* Sending. */
	uint64_t una, nxt, max, edge; /* edge: what the gateway lets us send is before it */
	uint64_t written;             /* bytes the program gave us */
	bool shut;                    /* a FIN behind them */
	uint32_t mss;
	uint8_t their_scale;
	bool scaled, sacks;
	struct runs sacked;
	unsigned dups, backoff, probes, syns;
	bool again;      /* the segment at una, whatever else */
	bool recovering; /* una < recover is being repaired */
	uint64_t recover, repaired;
	usec_t rexmit_at, probe_at;

	/* Receiving. */
	uint32_t irs;
	uint64_t rcv, told; /* next offset; right edge told */
	struct runs have;   /* beyond rcv */
	uint64_t fin_at;    /* 0: not yet */
	bool eof;           /* all before the FIN is here, and it */
	uint64_t read;      /* bytes the program took */
	unsigned owed;      /* segments to acknowledge */
	bool ack_now, recent_gap;
	usec_t ack_at, keep_at;
	usec_t rtt;
};

/* What is known of the gateway's end from what went over the wire. */
struct gateway_eye {
	bool syn;           /* it has sent one */
	uint32_t iss;       /* its */
	uint64_t max;       /* end of what it has sent, ever */
	uint64_t ack, edge; /* highest it told */
	bool told;
	uint8_t scale; /* its window's */
	bool scaled;
	bool fin;        /* it has sent one */
	bool fin_came;   /* the guest's has come to it */
	uint64_t fin_at; /* its offset */
	bool rst;        /* ... */
	/* What has come to it. */
	bool heard;          /* the guest's SYN */
	struct runs came;    /* of the guest's offsets */
	uint64_t guest_edge; /* the highest it was told */
	uint64_t guest_ack;
	uint8_t guest_scale;
};

/* A question to the name service over TCP. */
struct script {
	unsigned name;
	uint16_t id;
	bool fin;
	size_t up_len;
	uint8_t up[80], down[600];
};

/* --- a conversation --------------------------------------------------------------------------------------- */

enum host_state { HOST_NONE, HOST_DIALLED, HOST_OPEN, HOST_DEAD };

/* One of its two programs. */
struct program {
	uint64_t wrote, read;
	bool shut, eof, stalled;
	usec_t write_at, read_at; /* not before */
};

struct talk {
	struct sim_talk pub; /* first */
	struct talk *next;   /* of those that are not over */
	uint64_t key[WAYS];
	struct guest_tcp tcp;
	struct gateway_eye eye;
	struct program prog[WAYS]; /* UP: the guest's, which writes upwards */
	struct script *script;     /* NULL: none */
	struct sealed *sealed;     /* TLS; NULL: in the clear */
	struct named *named;       /* by name; NULL: to an address */
	uint64_t sum[WAYS];        /* of what came in the clear over TLS */
	enum host_state host;
	int fd;
	struct endpoint client; /* published: from */
	usec_t settle_at;
	bool settled;
	bool disturbed; /* anything but a complete conversation is fine */
	bool forbidden; /* by a policy that was in force while it lived */
	bool host_gone; /* the gateway closed its socket */
	unsigned lost_in_row[WAYS];
	unsigned dials, under_way; /* frames towards the gateway */
};

/* --- the wire --------------------------------------------------------------------------------------------- */

struct dgram;
struct ping;

#define CUT_MAX 32u

/* How many pieces it went in, and how often each has come. */
struct cut {
	unsigned n;
	uint8_t came[CUT_MAX];
};

struct parcel {
	struct parcel *next;
	usec_t at;
	bool spoiled, delicate;  /* delicate: neither spoiled, nor late, nor twice */
	struct bed_frame *frame; /* DOWN; what follows is UP's */
	struct talk *talk;       /* what it is of; NULL, as are the others: nothing that is followed */
	struct tcp_hdr tcp;
	size_t text; /* bytes of its payload */
	struct dgram *dgram;
	struct ping *ping;
	struct cut *cut; /* of those two */
	unsigned piece;  /* of it */
	struct offload off;
	size_t len;
	uint8_t bytes[];
};

struct wire {
	struct luck luck;
	struct parcel *first[WAYS], *last[WAYS];
	usec_t delay[WAYS], quantum, late; /* late: by how much at most */
	unsigned loss, twice, lag, spoil;  /* in 1,000 */
	unsigned in_row[WAYS];             /* of frames that are of no conversation */
	unsigned row_max;                  /* so many of one conversation and way are lost, not one more */
	usec_t stall_every, stall_for, stall_at, stall_until; /* at: the next */
	bool stall_room;                                      /* the link has no room, too */
	usec_t room_back;                                     /* TIME_NEVER: there is room */
};

/* --- datagrams, echoes, names --------------------------------------------------------------------------- */

struct dgram {
	struct dgram *next;
	uint32_t id;
	enum family fam;
	uint16_t from, to, len;
	unsigned came, up, down; /* copies: at the gateway, at the host, at the guest */
	bool echoed, allowed;
	bool inward; /* a client's; up and down are the guest's answer and it */
	struct endpoint client;
	struct cut cut;
};

struct ping {
	struct ping *next;
	enum family fam;
	uint16_t id, seq, len;
	unsigned came, up, down;
	struct cut cut;
};

struct question {
	struct question *next;
	enum family fam;
	unsigned name;
	uint16_t id, port; /* port: the guest's */
	unsigned tries;
	usec_t again_at;
	bool answered, tcp;
	unsigned rcode;
	struct sim_talk_conf *then; /* begins with the answer; NULL: nothing does */
};

#define DGRAM_HEAD 8u
#define QUESTION_MAX 64u

/* How its nameserver answers for a name. */
enum names_way { NAMES_PLAIN, NAMES_UNKNOWN, NAMES_LATE, NAMES_SILENT, NAMES_OTHER, NAMES_CUT, NAMES_WAYS };
enum names_way names_way(unsigned n);
struct addr names_addr(unsigned n, enum family fam);

/* --- policies ----------------------------------------------------------------------------------------------- */

enum plain { PLAIN_ALLOW, PLAIN_DENY, PLAIN_DROP };

struct plain_rule {
	enum plain what;
	uint8_t proto; /* 0: any */
	uint8_t names; /* of those of names.c, by bit; 0: any address */
	uint16_t first, last;
};

#define NAMED_RULES 3u
#define PLAIN_RULES (3u + NAMED_RULES)

struct policy_plain {
	bool none; /* profile "none", else "all" */
	unsigned n;
	struct plain_rule rule[PLAIN_RULES];
};

/* Names of conversations: NAMED of them from NAMED_FIRST on; each even one has the next one's address. */
#define NAMED_FIRST 1000000u
#define NAMED 8u

/* Has a nameserver answered for it?  When was the guest last told? */
struct answered {
	bool said;
	usec_t heard; /* 0: never */
};

#define TLS_HEAD 128u /* bytes of a first flight's head, at most */

struct named {
	unsigned name, claimed;
	enum sim_claim claim;
	unsigned may; /* 1 << enum plain: the outcomes there may be */
	bool settled, page;
	size_t nhead;
	uint8_t head[TLS_HEAD];
};

enum plain rules_decide(const struct policy_plain *p, uint8_t proto, uint16_t port);
void rules_draw(struct luck *l, struct policy_plain *p);
/* text: PLAIN_RULES lines of RULE_TEXT bytes. */
#define RULE_TEXT 128u
void rules_config(const struct policy_plain *p, struct sluice_config *cfg,
		  struct sluice_rule rule[PLAIN_RULES], char text[PLAIN_RULES][RULE_TEXT]);

/* --- the world --------------------------------------------------------------------------------------------- */

#define SERVER_PORT 2000u    /* of a conversation's server: and its number */
#define GUEST_PORT 10000u    /* the guest's end of it */
#define CLIENT_PORT 40000u   /* the client's, of a published port */
#define PUBLISHED_PORT 8000u /* and PUBLISHED of them */
#define INNER_PORT 7000u     /* where they lead */
#define PUBLISHED 4u
#define UDP_PORT 3000u
#define OUTSIDE_UDP 8100u /* a published port */
#define INNER_UDP 6000u   /* where it leads */
#define UDP_CLIENT 41000u /* and who asks there */
#define TLS_PORT 30000u   /* of servers that speak TLS, and TLS_SERVERS of them */
#define TLS_SERVERS 16u

/* A guest's address of one family. */
enum lease_state {
	LEASE_NONE,
	LEASE_REMEMBERED, /* of another network */
	LEASE_OFFERED,
	LEASE_HELD
};
struct lease {
	enum lease_state state;
	unsigned tries; /* of this question; 0: none is open */
	uint32_t xid;
	usec_t again_at; /* TIME_NEVER: in no world like this */
	struct addr addr, server;
	uint8_t nserver_id, server_id[16];
};

/* A flow of datagrams, by its place. */
#define UDP_SEEN 4u
struct udp_seen {
	bool open;
	uint64_t ports;
	usec_t used;
};

struct sim {
	struct sim_setting set;
	struct sim_result res;
	struct bed_conf conf;
	struct bed *bed;
	struct luck luck; /* the plan's */
	struct luck guest_luck, host_luck;
	struct wire wire;
	usec_t begun;

	struct talk **talk; /* by number */
	struct sim_talk *talks, **last_talk;
	struct talk *live; /* not over */
	unsigned ntalk;
	int next_fd; /* sockets of the host below it are known */
	struct host_fd {
		struct host_fd *next;
		int fd;
		enum host_kind kind;
		struct endpoint peer;
		bool closed;
	} * fds; /* datagram sockets */

	struct reply *replies; /* of the nameserver, under way */
	bool neighbour;        /* the gateway has answered who it is */
	bool stalled_names;
	struct dgram *dgrams;
	struct ping *pings;
	struct question *questions;
	uint32_t ndgram;
	uint16_t nping, nquestion;
	struct pieces *pieces; /* of the gateway's, that the guest has */
	uint32_t next_cut;
	uint8_t piece[FRAME_MAX];

	struct policy_plain policy;
	char rule_text[PLAIN_RULES][RULE_TEXT];
	struct sluice_rule rule[PLAIN_RULES];
	bool keep_flows, was_reloaded;
	bool quiet;     /* the plan is over: both ends ask whether the other is still there */
	bool strangers; /* frames of a load's own */
	bool shared;    /* how frames are lent to the gateway */
	size_t span;
	struct sluice_publish publish[2];
	usec_t late_by; /* of what is being planned */

	/* Turns. */
	uint64_t events_open, events_closed;
	uint64_t turns_second; /* turns in the second that began at ... */
	usec_t second_at;
	unsigned caused;                  /* things that came from outside in it */
	struct action *plan;              /* the next first */
	struct luck kick_luck, more_luck; /* more: of what came to the plan later */
	struct luck names_luck, lease_luck;
	struct lease lease[FAMILIES];
	struct addr dns[FAMILIES]; /* as the guest knows them */
	bool advertised;
	struct udp_seen udp_seen[UDP_SEEN]; /* when the gateway rested last */
	uint64_t evicted;
	struct answered answered[NAMED][FAMILIES];
	struct tls_world *tls; /* NULL: none in this world */
	uint16_t tls_port[TLS_SERVERS];
	struct talk *tls_at[TLS_SERVERS]; /* who has that port, or had it last */
	uint64_t events_sum;
	usec_t stop_at; /* TIME_NEVER */
	uint8_t buf[FRAME_MAX];
	uint8_t big[65536];
};

void world_digest(struct sim *s, const void *p, size_t n);
bool sim_has(const struct sim *s, unsigned what);
bool sim_is_plain(const struct sim *s); /* the wire does nothing but carry */

/* wire.c */
void wire_init(struct sim *s);
void wire_free(struct sim *s);
/* A frame of the guest's, a copy; to be filled in, and then sent. */
struct parcel *wire_new(const uint8_t *p, size_t len, const struct offload *off);
void wire_up(struct sim *s, struct parcel *p);
/* A frame of the gateway's, taken over. */
void wire_down(struct sim *s, struct bed_frame *f, struct talk *t);
usec_t wire_next(const struct sim *s);
struct parcel *wire_take(struct sim *s, enum way way); /* one that has arrived; to be freed */
void wire_stall(struct sim *s);                        /* it stands still, or no longer */

/* guest.c */
void guest_hear(struct sim *s, const struct bed_frame *f, struct talk *t);
void guest_free(struct sim *s);
uint64_t dgram_key(const struct sim *s, uint32_t id, enum way way);
/* The one whose bytes these are; NULL: none, or they are wrong. */
struct dgram *dgram_of(struct sim *s, const uint8_t *p, size_t len, enum way way);
struct ping *ping_of(struct sim *s, uint16_t seq, const uint8_t *body, size_t len);
size_t question_write(uint8_t to[QUESTION_MAX], unsigned name, enum family fam, uint16_t id);
void answer_judge(struct sim *s, unsigned name, enum family fam, uint16_t id, struct view v);
void guest_act(struct sim *s);
usec_t guest_next(const struct sim *s);
void guest_greet(struct sim *s);
void guest_came(struct sim *s, const struct parcel *p); /* a frame of the guest's is at the gateway */

/* cut.c */
/* The frame of len bytes in s->buf, in as many as the link makes of it. */
void cut_send(struct sim *s, size_t len, struct dgram *d, struct ping *p, struct cut *cut);
unsigned cut_came(struct cut *cut, unsigned piece);
void cut_hear(struct sim *s, const struct strict *f);
void cut_free(struct sim *s);

/* guest_tcp.c */
void gtcp_start(struct sim *s, struct talk *t);
void gtcp_hear(struct sim *s, struct talk *t, const struct strict *f);
void gtcp_act(struct sim *s, struct talk *t); /* timers, and what is to be said */
void gtcp_reset(struct sim *s, struct talk *t);
usec_t gtcp_next(const struct sim *s, const struct talk *t);
uint64_t gtcp_end(const struct guest_tcp *g); /* one past its FIN, or past its last byte without */
/* A segment for which there is nobody. */
void gtcp_stray(struct sim *s, const struct strict *f);

/* talk.c */
struct talk *talk_of(struct sim *s, const struct addr *remote, uint16_t remote_port, uint16_t guest_port);
struct sim_talk *sim_talk_begin(struct sim *s, const struct sim_talk_conf *conf);
struct talk *talk_at_port(struct sim *s, uint16_t server_port);
struct talk *talk_from_port(struct sim *s, uint16_t guest_port); /* of those the guest began */
void talk_guest_program(struct sim *s, struct talk *t);
bool talk_host_act(struct sim *s, struct talk *t); /* true: something happened */
usec_t talk_next(const struct sim *s, const struct talk *t);
void talk_found(struct sim *s, int fd, const struct endpoint *peer);
void talk_check_over(struct sim *s, struct talk *t);
void talk_broke(struct sim *s, struct talk *t, const char *why);

/* Bytes of a conversation in the clear: [at, at + n) of what goes that way. */
void talk_fill(const struct talk *t, enum way way, uint8_t *to, uint64_t at, size_t n);
/* Has it begun, so that no want of places may end it? */
bool talk_has_place(const struct talk *t);
bool talk_may_reach(struct sim *s, struct talk *t);
bool talk_is(const struct talk *t, enum way way, const uint8_t *p, uint64_t at, size_t n);
/* What a program reads or writes at once of n; that it has read so much; whether its time to reset has come. */
uint64_t prog_portion(uint64_t n, uint32_t size);
uint64_t prog_to_write(const struct program *p, const struct sim_end *e, uint64_t total, uint64_t heard);
void prog_took(struct sim *s, struct program *p, const struct sim_end *e, uint64_t n);

/* tls.c */
void tls_world_begin(struct sim *s); /* before the gateway: what it is told */
void tls_world_work(struct sim *s);  /* behind it: what its host is told */
void tls_world_free(struct sim *s);  /* behind the gateway's end */
/* A conversation that has just begun speaks TLS.  False: all ports are taken. */
bool tls_talk(struct sim *s, struct talk *t);
void tls_talk_free(struct talk *t);
/* Its program at that end: true: something happened.  closed: nothing more will come, and all is to be read now. */
bool tls_act(struct sim *s, struct talk *t, enum way way, bool closed);
void tls_again(struct talk *t);           /* another socket of the host's: its server begins anew */
bool tls_is_shaken(const struct talk *t); /* both handshakes are over */
/* What the gateway says to the guest there; what the guest has to say there. */
void tls_look(struct sim *s, struct talk *t, uint64_t at, struct view v, bool fin);
struct view tls_up(const struct talk *t, uint64_t at, size_t n);
/* The gateway may end it by itself: a handshake or a first flight that was late, a connection whose request was answered. */
bool talk_may_end(const struct sim *s, const struct talk *t);
bool tls_may_end(const struct sim *s, const struct talk *t);
/* Its head, of HTTP/1. */
size_t tls_head(const struct talk *t, enum way way, char head[TLS_HEAD]);

/* names.c */
void names_draw(struct luck *l, struct policy_plain *p); /* rules among those there are */
size_t names_rule_text(const struct plain_rule *r, char *to, size_t size);
bool names_may_ask(const struct policy_plain *p, unsigned name);
void names_begin_talk(struct sim *s, struct talk *t);
/* What may become of it by now: before and after whatever could change that. */
void names_look(struct sim *s, struct talk *t);
void names_reloaded(struct sim *s, struct talk *t);
bool names_may_reach(struct sim *s, struct talk *t);           /* the host, by the policy in force */
bool names_may_end(const struct sim *s, const struct talk *t); /* its first flight was late */
bool names_page(const struct sim *s, struct talk *t, uint64_t at,
		struct view v);                                 /* the gateway's own words */
void names_said(struct sim *s, unsigned name, enum family fam); /* by a nameserver */
void names_answered(struct sim *s, struct question *q, unsigned rcode);
/* Asks for the name, and then has that conversation. */
void guest_ask_and_talk(struct sim *s, const struct sim_talk_conf *c);

/* lease.c */
void lease_begin(struct sim *s);
void lease_hear4(struct sim *s, struct view v);
void lease_hear6(struct sim *s, struct view v);
void lease_hear_router(struct sim *s, struct view v);
bool lease_is_held(const struct sim *s); /* or none is needed */
void lease_act(struct sim *s);
usec_t lease_next(const struct sim *s);
void lease_finish(struct sim *s); /* time passes until they have been extended */

/* script.c */
void script_ask(struct sim *s, enum family fam, unsigned name);
void script_heard(struct sim *s, struct talk *t, uint64_t at, struct view v, bool fin);
void script_judge(struct sim *s, struct talk *t);

/* look.c */
void look_sent(struct sim *s, struct talk *t, const struct bed_frame *f);
void look_came(struct sim *s, const struct parcel *p);
void look_turn(struct sim *s);
void look_empty(struct sim *s);
void look_pace(struct sim *s, unsigned turns, unsigned caused);
void look_kick(struct sim *s);

/* host.c */
bool host_act(struct sim *s);
usec_t host_next(const struct sim *s);
void host_find(struct sim *s);
void host_free(struct sim *s);

/* plan.c */
void plan_setting(struct sim *s);
void plan_make(struct sim *s);
void plan_act(struct sim *s);
usec_t plan_next(const struct sim *s);
void plan_free(struct sim *s);

#endif
