/*
 * exhaustion.h - a whole gateway with default limits under a flood, with the cost of every turn counted and paid for
 *
 * The bed's clock stands still while the gateway works, so a turn would be free, however much it does.  Here it is not:
 * every call to the host and every frame is counted by a host put in front of the virtual one, and after the turn the clock moves
 * on by what that would have taken (the table of prices below).  So a gateway that does too much in one turn makes everybody
 * else late, in numbers that are the same on every machine.
 *
 * Beside the flood there are
 *
 *     talk     an old connection, on which a question is answered before the next is asked, again and again
 *     fresh    a new connection every few milliseconds: SYN (again after 1 s), a question, an answer, FIN both ways
 *
 * and the far end of every socket is `rtt` away and echoes (port 7), swallows (port 9), answers names (port 53), or does what
 * the test has it do.
 *
 *	struct siege *s = siege_new(&(struct siege_conf){.rtt = 5 * USEC_PER_MSEC});
 *	siege_calm(s, 20);                          what the talk takes in peace
 *	siege_flood(s, 100000, syn, ctx);           frames pushed one by one, the link's queue never empty
 *	siege_rest(s, 600 * USEC_PER_SEC);          time passes without a flood
 *	siege_report(s, "SYN flood");
 *	siege_free(s);
 *
 * The first thing that must never happen is the complaint, which siege_free() returns.
 */
#ifndef TEST_SIM_EXHAUSTION_H
#define TEST_SIM_EXHAUSTION_H

#include "test/bed/bed.h"

/*
 * Prices in nanoseconds: round numbers, above what `make bench` shows on a machine of two slow cores.
 */
#define PRICE_TURN 10000u    /* sleeping, waking up, asking who is ready */
#define PRICE_FRAME 1000u    /* one frame, either way */
#define PRICE_CALL 2000u     /* a call to the host */
#define PRICE_SOCKET 5000u   /* ... that makes or ends a socket or a connection */
#define PRICE_KIB 250u       /* bytes moved, each time they are */
#define PRICE_CRYPTO 500000u /* a step of TLS, as the gateway's own look at its work is told */

/* What a turn did. */
struct turn_cost {
	uint32_t in, out;        /* frames */
	uint32_t calls, sockets; /* calls to the host; those of them that make or end sockets */
	uint32_t halves;         /* of steps of TLS */
	uint64_t bytes;          /* in those frames and calls */
	usec_t time;
};

struct siege_conf {
	usec_t rtt;     /* to every far end */
	unsigned depth; /* frames of the flood that wait before a turn; 0: 64, as many as a turn takes */
	usec_t start;   /* the clock; 0: the bed's */
	void (*configure)(struct bed_conf *c);
};

/* How long something took, of all the times it was done. */
struct siege_times {
	uint64_t n;
	usec_t sum, worst;
	uint64_t worst_turns;
};

/* One connection of the guest's that asks and waits. */
struct siege_talk {
	struct tuple t;
	uint32_t seq, ack;
	bool open, waiting, mute;
	usec_t at, again; /* when this was asked, when it is asked again; or when the next is */
	usec_t pause;     /* between an answer and the next question */
	uint64_t turn;
	uint32_t asked, got; /* bytes of this answer */
	unsigned lost;       /* sent again */
	struct siege_times took;
};

enum fresh_state { FRESH_NONE, FRESH_SYN, FRESH_ASKED, FRESH_ENDING };

struct siege_fresh {
	struct tuple t;
	uint32_t seq, ack;
	enum fresh_state state;
	bool mute;
	usec_t at, again; /* when it began, when something is sent again; or when the next begins */
	usec_t every;
	uint64_t turn;
	unsigned lost;   /* SYNs sent again */
	unsigned failed; /* ended by a RST */
	struct siege_times opened, answered;
	/* Names, if they are asked for. */
	bool names, asking;
	uint16_t id;
	usec_t asked, ask_at;
	unsigned unanswered, servfail; /* within a second */
	struct siege_times named;
};

/* What nameservers do: answer all; answer only names that begin with "fresh"; answer after four messages that are no answer. */
enum siege_names { NAMES_ANSWERED, NAMES_SILENT, NAMES_GARBAGE };

/* Something a far end does later. */
struct far_event {
	usec_t at;
	int fd;
	uint16_t port; /* of the gateway's end: another one's socket may have that number by then */
	uint8_t what;
};

struct siege {
	struct siege_conf conf;
	struct bed *bed;
	struct siege_talk talk;
	struct siege_fresh fresh;
	enum siege_names names;
	uint32_t names_ttl;

	/* The host that counts. */
	const struct host_ops *real;
	struct host_ops ops;
	struct turn_cost turn, longest;
	uint64_t turns, debt; /* nanoseconds not yet on the clock */
	usec_t crypto;        /* what the gateway is told its work took */
	struct far_event *far;
	size_t far_at, nfar, far_room;

	/* What is looked at. */
	uint64_t heap_first, heap_peak; /* malloc()ed, but for the bed and the virtual host */
	uint64_t pool_peak;
	uint32_t files_peak;
	uint64_t count_first[GW_COUNTS], stack_first[STACK_COUNTS];
	uint64_t pushed;
	struct siege_times calm;

	/* Frames of nobody the siege knows: the flood's own.  NULL: thrown away. */
	void (*stranger)(struct siege *s, const struct bed_frame *f, void *ctx);
	/* A far end of none of the ports above: `what` is done at fd, port its far port. */
	void (*far_does)(struct siege *s, int fd, uint16_t port, void *ctx);
	void *ctx;
	/* Before every turn; there is one at each_at if not before. */
	void (*each)(struct siege *s, void *ctx);
	void *each_ctx;
	usec_t each_at;
	char complaint[256];
};

/* Never NULL. */
struct siege *siege_new(const struct siege_conf *c);
/* The first complaint: its own, the bed's; "": none.  The text stays valid until the next siege. */
const char *siege_free(struct siege *s);
void siege_complain(struct siege *s, const char *what);

static inline usec_t
siege_now(const struct siege *s)
{
	return bed_now(s->bed);
}

/* One turn, and what it costs; then talk, fresh and far ends do what they have to do. */
void siege_turn(struct siege *s);
/* Turns and time, until `until`; from deadline to deadline while there is nothing to do. */
void siege_until(struct siege *s, usec_t until);
/* So many questions of the talk, in peace: what they took is kept as `calm`, all other figures begin anew. */
void siege_calm(struct siege *s, unsigned questions);
/* n frames: one(ctx, i) pushes the i-th.  The link's queue is kept at its depth, so that every turn is full. */
typedef void siege_one(struct siege *s, uint32_t i, void *ctx);
void siege_flood(struct siege *s, uint32_t n, siege_one *one, void *ctx);
/* From now on talk and fresh say nothing new; what is under way ends. */
void siege_hush(struct siege *s);

/* One line of figures. */
void siege_report(const struct siege *s, const char *what);
/* Look at what is bounded now; done after every turn but for what is slow to look at. */
void siege_look(struct siege *s);
uint64_t siege_heap(const struct siege *s);
uint64_t siege_counted(const struct siege *s, enum gateway_count c);
usec_t siege_mean(const struct siege_times *t);

/* Frames of a guest, pushed. */
void siege_segment(struct siege *s, const struct tuple *t, const struct tcp_hdr *h, const void *data,
		   size_t len);
void siege_datagram(struct siege *s, uint16_t sport, const struct endpoint *to, const void *data, size_t len);
/* A question for an A record, from that port. */
void siege_ask(struct siege *s, uint16_t sport, uint16_t id, const char *name);
/* The message alone; its length. */
size_t siege_question(uint8_t *to, size_t size, uint16_t id, const char *name);

/* --- exhaustion_guest.c ----------------------------------------------------------------------------------------- */

void siege_took(struct siege_times *t, usec_t time, uint64_t turns);
/* Opens the talk. */
void siege_guest_begin(struct siege *s);
/* True: the frame was its. */
bool siege_talk_hears(struct siege *s, const struct bed_frame *f);
bool siege_fresh_hears(struct siege *s, const struct bed_frame *f);
void siege_talk_run(struct siege *s);
void siege_fresh_run(struct siege *s);
usec_t siege_talk_next(const struct siege *s);
usec_t siege_fresh_next(const struct siege *s);

/* --- exhaustion_far.c ------------------------------------------------------------------------------------------- */

/* Put the counting host in front of the virtual one; one siege at a time. */
void siege_far_attach(struct siege *s);
/* Far ends do what is due; the next moment something is. */
void siege_far_run(struct siege *s);
usec_t siege_far_next(const struct siege *s);
/* One round trip from now the far end of this socket looks at what has come. */
void siege_far_later(struct siege *s, int fd);

/* --- exhaustion_servers.c --------------------------------------------------------------------------------------- */

struct tls;
struct tls_ca;
struct tls_end;
struct tls_io;
struct leaf_cache;

/* What far ends that speak TLS have in common. */
struct siege_servers {
	struct tls *tls;
	struct tls_ca *ca;
	struct leaf_cache *leaves;
	char roots[64]; /* the file of their authority, for the gateway */
	uint64_t drawn;
};

/* These two end the program where they fail.  now: seconds since 1970, by the siege's clock. */
void siege_servers_make(struct siege_servers *v, uint64_t now);
struct tls_end *siege_server_new(struct siege_servers *v, const char *name, const struct tls_io *io,
				 uint64_t now);
/* Its ends were freed before. */
void siege_servers_free(struct siege_servers *v);
/* What is behind a struct tls_io, for the far end of that socket. */
ssize_t siege_server_recv(const struct siege *s, int fd, void *to, size_t n);
ssize_t siege_server_send(const struct siege *s, int fd, const void *from, size_t n);
/* Bytes that follow from *state (uint64_t), as a struct tls_random draws them. */
void siege_draw(void *state, void *to, size_t n);
/* Ends the program, with a word why. */
void siege_must(bool good, const char *what);

/* --- exhaustion_tls.c ------------------------------------------------------------------------------------------- */

/* One connection over TLS at a time, to port 443: a question, its echo, and the end.  now: seconds, the first there are. */
struct siege_tls_done {
	uint64_t begun;
	struct siege_times took;
};
struct siege_tls *siege_tls_new(uint64_t now);
void siege_tls_attach(struct siege_tls *t, struct siege *s);
void siege_tls_free(struct siege_tls *t);
const char *siege_tls_roots(
    const struct siege_tls *t); /* the file of its servers' authority, for the gateway */
const struct siege_tls_done *siege_tls_done(const struct siege_tls *t);
void siege_tls_begin(struct siege_tls *t);
void siege_tls_run(struct siege_tls *t); /* before every turn */
bool siege_tls_hears(struct siege_tls *t, const struct bed_frame *f);
void siege_tls_far(struct siege_tls *t, int fd); /* of far_does, at port 443 */

#endif
