/*
 * replay_far.h - the virtual host plays what a capture shows of the other direction
 *
 * At a frame's moment, and from the frame's contents alone: a SYN-ACK lets the dial that waits succeed, an
 * RST or an ICMP error lets it fail, payload goes into the flow's host socket, FIN and RST end it; datagrams
 * and echo replies arrive at the socket of their flow, ICMP errors in its error queue; a SYN or a datagram
 * for which the guest did nothing comes in through a published port.  What belongs to no flow is what the
 * gateway says itself (ARP, neighbours, echo of its own), and is passed over.
 *
 * Limits: TCP in IP fragments from the far end is passed over; datagrams that an offload had put together
 * into one frame stay one datagram; a client of a published port must have the gateway's address, as
 * sluice shows them.
 */
#ifndef PROXY_REPLAY_FAR_H
#define PROXY_REPLAY_FAR_H

#include "link/pcap_read.h"
#include "link/vhost.h"
#include "proxy/gateway.h"

struct replay_far;

/* silent: the capture has no far side; every connect succeeds and hosts say nothing.  NULL: no memory. */
struct replay_far *replay_far_new(struct sluice *gw, struct vhost *v, bool silent);
void replay_far_free(struct replay_far *far);

/* A frame of the guest is about to be fed: frame, a copy, is made to fit, and *off says what a virtio-net
 * header would have.  False: no memory. */
bool replay_far_fit(struct replay_far *far, uint8_t *frame, size_t len, struct offload *off);

/* It was fed: the host takes what it was given. */
void replay_far_take(struct replay_far *far, struct view frame);

/* A frame towards the guest.  False: no memory. */
bool replay_far_play(struct replay_far *far, struct view frame, usec_t now);

#endif
