/*
 * replay_plan.h - what one look through a capture tells before it is replayed: whose frames are whose
 */
#ifndef PROXY_REPLAY_PLAN_H
#define PROXY_REPLAY_PLAN_H

#include "link/pcap_read.h"
#include "stack/addr.h"

struct replay_plan {
	struct mac guest, gateway;
	bool directed;    /* the frames say themselves who sent them */
	usec_t first;     /* the first frame's moment: zero on the virtual clock */
	uint64_t nframes; /* in all */
};

/*
 * Reads the whole capture.  guest and gateway are what the caller knows of the two MACs (zero: nothing).
 * False: *why is a sentence's end that says where in the file what is wrong.
 */
bool replay_plan(struct replay_plan *plan, struct view file, struct mac guest, struct mac gateway, char *why,
		 size_t whylen);

/* Did the guest send this frame? */
bool replay_is_guests(const struct replay_plan *plan, const struct pcap_frame *f);

#endif
