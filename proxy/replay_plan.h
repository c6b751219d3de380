/*
 * replay_plan.h - what one look through a capture tells before it is replayed: whose frames are whose
 */
#ifndef PROXY_REPLAY_PLAN_H
#define PROXY_REPLAY_PLAN_H

#include "link/pcap_read.h"
#include "stack/addr.h"

struct replay_ports { /* one bit for each port */
	uint8_t bit[65536 / 8];
};

struct replay_plan {
	struct mac guest, gateway;
	usec_t first;                       /* the first frame's moment: zero on the virtual clock */
	uint64_t nframes;                   /* in all */
	uint64_t nsyn;                      /* of both sides: no more TCP flows than that */
	bool has_far;                       /* somebody answers the guest's TCP */
	uint8_t far_scale;                  /* the largest window scale they offered */
	uint32_t window;                    /* the largest window they offered */
	struct replay_ports tcp_in, udp_in; /* of the guest, which somebody turned to uninvited */
	struct replay_ports udp_out;        /* of the guest, from which it has sent */
};

/*
 * Reads the whole capture.  guest and gateway are what the caller knows of the two MACs (zero: nothing).
 * The guest then is the first station that sends IPv4, IPv6 or ARP (and, where frames say which way they
 * went, inbound) and is not the gateway; the gateway is whom the guest first sends a frame of its own.
 * False: why is the end of a sentence that says where in the file what is wrong.
 */
bool replay_plan(struct replay_plan *plan, struct view file, struct mac guest, struct mac gateway, char *why,
		 size_t whylen);

/* Did the guest send this frame? */
bool replay_is_guests(const struct replay_plan *plan, const struct pcap_frame *f);

static inline bool
replay_has_port(const struct replay_ports *p, uint16_t port)
{
	return p->bit[port / 8] >> port % 8 & 1;
}

#endif
