/*
 * bed.h - a test bed: one whole gateway between a virtual host and a link of memory, on a virtual clock
 *
 * The test plays the guest (bed_push() and bed_pop()), the host (through bed->vhost) and time.  Nothing
 * happens by itself and nothing is left to luck: a run is a function of the seed, the start and the calls.
 *
 *	struct bed_conf conf;
 *	bed_conf_init(&conf);
 *	struct bed *b = bed_new(&conf);
 *	bed_push(b, frame, len);
 *	bed_settle(b);
 *	struct bed_frame *f = bed_pop(b);
 *	bed_until(b, bed_now(b) + 200 * USEC_PER_MSEC);
 *	bed_free(b);
 *
 * Every frame the gateway sends is checked by strict.h; the first that fails is kept in `complaint`, which
 * a test looks at when it is done.
 */
#ifndef TEST_BED_BED_H
#define TEST_BED_BED_H

#include "link/memlink.h"
#include "link/vhost.h"
#include "proxy/gateway.h"
#include "test/bed/craft.h"
#include "test/bed/strict.h"

struct bed_conf {
	uint64_t seed; /* of the virtual host: all randomness of the gateway */
	usec_t start;  /* the clock's first reading */
	struct link_limits lim;
	struct sluice_config gateway; /* guest_mac set; small tables and 16 MiB, for speed */
	/* Between the host's making and the gateway's; may change what the gateway is told.  NULL: nothing is done. */
	void (*prepare)(struct vhost *v, struct sluice_config *c);
};

/* A frame from the gateway. */
struct bed_frame {
	struct bed_frame *next;
	usec_t at;
	struct offload off;
	struct strict is;  /* payload points into bytes */
	const char *wrong; /* NULL: the oracle is content, and `is` holds */
	size_t len;
	uint8_t bytes[];
};

struct bed {
	struct bed_conf conf;
	struct vhost *vhost;
	struct memlink *mem;
	struct sluice *gw;
	struct strict_wire wire;
	struct addr guest[FAMILIES], gateway[FAMILIES];
	struct bed_frame *first, **last; /* sent and not yet popped */
	uint64_t frames, bytes;          /* sent, ever */
	char complaint[256];             /* "": none; else the first thing that must never happen */
};

#define BED_ELSEWHERE_V4 "198.51.100.9"
#define BED_ELSEWHERE_V6 "2001:db8::9"

void bed_conf_init(struct bed_conf *c);
/* Never NULL: a bed that cannot be made ends the program with a sentence. */
struct bed *bed_new(const struct bed_conf *c);
/* Ends the gateway first; a host socket that is still open then is a complaint, and printed. */
bool bed_free(struct bed *b);

/* An address beyond the gateway, as a guest names it. */
struct addr bed_elsewhere(enum family fam);
/* Where a guest's frame of this family starts from: guest and gateway MAC, guest address to `dst`. */
struct craft bed_craft(const struct bed *b, const struct addr *dst);

/* A frame from the guest. */
void bed_push(struct bed *b, const void *frame, size_t len);
void bed_push_offload(struct bed *b, const void *frame, size_t len, const struct offload *off);

/* The oldest frame sent, to be freed with free(); NULL: none. */
struct bed_frame *bed_pop(struct bed *b);
/* Throw away what was sent. */
void bed_drop(struct bed *b);

usec_t bed_now(const struct bed *b);
/* Turns until nothing more happens without time, or a frame, or the host.  A gateway that never rests is a
 * complaint. */
void bed_settle(struct bed *b);
/* The next moment at which the gateway would act; TIME_NEVER. */
usec_t bed_deadline(const struct bed *b);
/* Settle; then from deadline to deadline up to `until`, settling at each. */
void bed_until(struct bed *b, usec_t until);
/* The same, but at the first deadline after which a frame waits to be popped. */
void bed_until_frame(struct bed *b, usec_t until);

/* The gateway's TCP flow of a tuple, or NULL. */
struct tcp_flow *bed_tcp(const struct bed *b, const struct tuple *t);

/*
 * The start at which a gateway with this seed, asked `after` microseconds later, gives this tuple that
 * initial sequence number: the clock half of RFC 6528's sum takes 2^32 * 4 us, 4.8 hours, to come round.
 */
usec_t bed_start_for_iss(const struct bed_conf *c, const struct tuple *t, usec_t after, uint32_t iss);

#endif
