/*
 * play.h - a script being played on a test bed
 *
 * test/script/script.c decides what is run how often; here is what one line does.  Each verb of the
 * notation is one function that acts or looks, and says with play_fail() what it found instead.
 *
 *     play.c        flows, streams of bytes, numbers
 *     play_guest.c  what the guest sends
 *     play_wire.c   what the guest gets, compared with what the line expects
 *     play_run.c    a whole run: the one function that others call
 *     play_host.c   the host, clients of the published port, the gateway's inside
 */
#ifndef TEST_BED_PLAY_H
#define TEST_BED_PLAY_H

#include "test/bed/bed.h"
#include "test/bed/script.h"

#define PLAY_GUEST_PORT 40000
#define PLAY_REMOTE_PORT 80
#define PLAY_PUBLISHED 8080 /* on the host, leading to PLAY_REMOTE_PORT in the guest */
#define PLAY_CLIENT_PORT 50000
#define PLAY_UDP_PORT 5000
#define PLAY_STREAM_MAX (8u << 20)
#define PLAY_DATA_MAX 65535u
#define PLAY_ECHO_ID 77u

/* What one side of a flow has sent, by position; where nothing was said the pattern stands. */
struct play_stream {
	uint8_t *byte;
	bool *said;
	size_t len; /* one past the last byte sent */
};

struct play_flow {
	struct tuple tuple;
	bool inbound;
	/* Sequence numbers as on the wire: what the guest sends next, and expects next of the gateway. */
	uint32_t guest_isn, guest_next, guest_heard;
	uint32_t gw_isn;
	bool heard; /* a SYN of the gateway: gw_isn is known */
	uint8_t gw_ws;
	bool guest_scales, gw_scales;
	bool guest_fin;   /* the guest has sent its FIN */
	uint32_t gw_edge; /* the furthest right edge the gateway has promised */
	int fd;           /* the host socket last seen; -1 */
	size_t host_got;  /* bytes the host has read */
	size_t host_put;  /* bytes the host has sent */
	struct play_stream guest, host;
};

struct play {
	const struct script *s;
	struct bed *bed;
	enum family fam;
	uint32_t M;   /* the largest segment of the family */
	usec_t start; /* the script's time 0 */
	struct play_flow flow[SCRIPT_FLOWS];
	const struct script_line *line;
	uint8_t frame[FRAME_MAX];
	uint8_t data[PLAY_DATA_MAX];
	char why[1024]; /* "": all is as expected */
};

/* One run of a script, from a fresh gateway to nothing left.  False: why says what was not as expected. */
bool play_script(const struct script *s, enum family fam, uint32_t guest_isn, uint32_t gw_isn, char *why,
		 size_t size);

/* Play the run's present line. */
bool play_line(struct play *r);

/* --- play.c --- */

/* The line did not hold; the first reason stays.  Returns false. */
bool play_fail(struct play *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int64_t play_eval(const struct play *r, const struct script_value *v);
/* Does a number satisfy what was written? */
bool play_holds(const struct play *r, const struct script_value *want, int64_t got);
/* The bytes a line sends: its text, or n of the pattern from `at` on.  Into r->data. */
size_t play_data(struct play *r, const struct script_value *n, const char *text, size_t at, bool of_host);
/* The first to say a byte settles it: first-received wins (row T16). */
void play_say(struct play_stream *st, size_t at, const uint8_t *from, size_t n);
bool play_agrees(const struct play_stream *st, size_t at, const uint8_t *with, size_t n);
/* The flow of the present line. */
struct play_flow *play_flow_of(struct play *r);
/* The host socket of every flow, as long as it can be seen: a closed one is asked how it ended. */
void play_note_sockets(struct play *r);
void play_settle(struct play *r);
struct addr play_loopback(enum family fam);
void play_set_flows(struct play *r, uint32_t guest_isn);
/* From now on this flow is one a client of the published port has opened. */
void play_set_inbound(struct play *r, struct play_flow *f);

/* --- the verbs --- */

bool play_send(struct play *r);
bool play_send_udp(struct play *r);
bool play_send_icmp(struct play *r);
bool play_send_echo(struct play *r);
bool play_want_frame(struct play *r);
bool play_want_nothing(struct play *r);
bool play_want_anything(struct play *r);
bool play_host_settles(struct play *r);
bool play_host_sends(struct play *r);
bool play_host_reads(struct play *r);
bool play_host_ends(struct play *r);
bool play_host_sees(struct play *r);
bool play_host_sockets(struct play *r);
bool play_host_udp(struct play *r);
bool play_guest_opens(struct play *r);
bool play_client_connects(struct play *r);
bool play_client_opens(struct play *r);
bool play_gateway_state(struct play *r);
bool play_gateway_flows(struct play *r);

/* --- play_wire.c --- */

/* The next frame that a script speaks about: neighbour discovery goes its own way. */
struct bed_frame *play_next_frame(struct play *r, usec_t until);
/* A segment of the gateway in the notation, numbers relative. */
const char *play_frame_text(struct play *r, const struct bed_frame *f, char *buf, size_t size);

/* --- play_guest.c --- */

/* ICMP errors by name. */
struct play_icmp {
	const char *name;
	uint8_t type[FAMILIES], code[FAMILIES];
};
/* NULL: no such name. */
const struct play_icmp *play_icmp(const char *name);

#endif
