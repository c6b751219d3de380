/*
 * channel.h - what sluice and its helper process in the guest's namespaces tell each other
 *
 * A SOCK_SEQPACKET pair: a message is a kind and a number, and may carry a descriptor.  Its end is as much a
 * message as any: whoever finds the other end closed ends too, so neither outlives the other.
 */
#ifndef CLI_CHANNEL_H
#define CLI_CHANNEL_H

#include <stdint.h>

enum channel_kind {
	CHANNEL_TAP = 1,     /* helper: the tap, with its descriptor */
	CHANNEL_TRUST,       /* sluice: what the guest trusts from now on, a descriptor with PEM; before GO */
	CHANNEL_ENVIRONMENT, /* sluice: "NAME=VALUE" each with a NUL, a descriptor; before GO */
	CHANNEL_GO,          /* sluice: the gateway stands, start the command */
	CHANNEL_SIGNAL,      /* sluice: pass signal `number` on to the command */
	CHANNEL_STOPPED,     /* helper: the command stopped itself, stop too */
	CHANNEL_STATUS,      /* helper: the command ended, `number` is what a shell would say */
	CHANNEL_DRAINED,     /* helper: what it had sent has left the guest */
};

struct channel_message {
	enum channel_kind kind;
	int32_t number;
	int fd; /* TAP, TRUST, ENVIRONMENT: the receiver's from then on; else not looked at, -1 on receiving */
	/* CHANNEL_TAP */
	char ifname[16];
	uint8_t mac[6];
	uint32_t mtu;
};

int channel_pair(int ends[2]);

/* 0, or -errno.  Never raises SIGPIPE. */
int channel_send(int channel, const struct channel_message *m);

/* 1: a message; 0: the other end is gone; -EAGAIN: nothing yet, only with dontwait; another -errno. */
int channel_receive(int channel, struct channel_message *m, int dontwait);

#endif
