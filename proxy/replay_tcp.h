/*
 * replay_tcp.h - the far ends of a capture's TCP connections
 *
 * Between the captured far end and ours there is one difference a guest can see in the headers: the initial
 * sequence number.
 *
 *	the guest's segments   acknowledge the captured numbers: shifted by (our ISS - captured ISS)
 *	the far segments       are not sent at all: their bytes, each once, go into the virtual host's socket
 */
#ifndef PROXY_REPLAY_TCP_H
#define PROXY_REPLAY_TCP_H

#include "link/vhost.h"
#include "proxy/gateway.h"
#include "proxy/replay_wire.h"

#define REPLAY_BUCKETS 65536u

struct replay_session;

struct replay_tcp {
	struct sluice *gw;
	struct vhost *vhost;
	struct replay_session *bucket[REPLAY_BUCKETS]; /* linear beyond: a capture has few connections */
	bool failed;                                   /* out of memory */
};

/* A segment of the guest, about to be fed: frame is a copy it may change. */
void replay_tcp_guest(struct replay_tcp *t, uint8_t *frame, const struct replay_packet *p, bool unfinished);

/* The MSS the guest announced in this direction's connection; 0: not seen. */
uint16_t replay_tcp_mss(const struct replay_tcp *t, const struct replay_packet *p);

/* A segment of the far end. */
void replay_tcp_far(struct replay_tcp *t, const struct replay_packet *p);

/* An ICMP error about the guest's SYN: error is what connect(2) says then, answer the same for a next try. */
void replay_tcp_unreachable(struct replay_tcp *t, const struct tuple *flow, int error,
			    enum vhost_answer answer);

void replay_tcp_free(struct replay_tcp *t);

#endif
