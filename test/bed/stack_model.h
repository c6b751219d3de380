/*
 * stack_model.h - what the bytes of every TCP flow must be, whatever the gateway makes of them
 *
 * An oracle for runs in which the guest is hostile.  It is told what the guest sends, looks at the gateway's
 * connections whenever the gateway rests, and is shown what comes out on both sides:
 *
 *	to the host    A byte is the one that first came for its place in sequence space.  Which segment that
 *	               was is known because the gateway is looked at after each turn: what it holds now and did
 *	               not hold before is in a segment sent since.  Where several segments of one turn disagree
 *	               about a byte, any of them will do.  An end of file stands where the guest sent a FIN.
 *	to the guest   Byte n of what the host writes on a flow is model_byte(); each segment is compared with
 *	               that.  A FIN stands where the host ended.
 *	               Where a service of the gateway's own answers, only the frames are looked at.
 *	both           No acknowledgment of what was never sent.
 *
 * Sequence numbers are kept by name (tuple), what the host sees by connection (one use of that tuple), since
 * a name can be used again.  A guest's fragments are beyond this model: after a raw one, bytes to the host
 * are not judged any more (model_fragments()).  The first thing that is wrong is told by `complaint`.
 */
#ifndef TEST_BED_STACK_MODEL_H
#define TEST_BED_STACK_MODEL_H

#include "test/bed/bed.h"

struct model_sent { /* a segment of the guest */
	struct model_sent *next;
	uint32_t seq, len, end; /* of its bytes; end counts SYN and FIN too */
	uint8_t flags;
	uint64_t serial;
	uint8_t bytes[];
};

#define MODEL_ENDS 16u

struct model_name {
	struct model_name *next;
	struct tuple tuple;
	struct model_sent *first, **last;
	bool inbound; /* the gateway spoke first */

	/* Where an honest guest would stand. */
	bool spoke;
	uint32_t snd_nxt;
	bool heard; /* a SYN of the gateway */
	uint32_t peer_iss, rcv_nxt;
	bool has_island; /* heard beyond a segment that was lost */
	struct tcp_sack island;

	/* The host's end, of every connection that had this name. */
	uint32_t host_sent; /* the most bytes */
	unsigned nend;
	uint32_t end[MODEL_ENDS]; /* where it ended */
};

struct model_conn {
	struct model_conn *next;
	struct model_name *name;
	uint32_t place, gen;         /* of the gateway's flow */
	int fd;                      /* -1: none yet */
	struct endpoint local, peer; /* of that socket: its number may be given to another */
	bool gone;
	uint32_t host_sent;
	bool host_ended;

	bool open;          /* irs is known */
	uint32_t irs;       /* of the guest */
	uint32_t in_order;  /* bytes the gateway holds or has passed on, without a gap */
	uint32_t delivered; /* bytes the host has read */
	uint16_t *want;     /* byte by byte: 0 not here yet, value + 1, or MODEL_ANY */
	uint32_t room;
};

#define MODEL_ANY 0xffffu

struct model {
	struct bed *bed;
	struct model_name *names;
	struct model_conn *conns;
	uint64_t serial; /* of the last frame sent */
	uint64_t looked; /* ... that the gateway has dealt with */
	bool fragments;
	bool pages;          /* the gateway may say that a request is refused, where the host should speak */
	unsigned lose;       /* so many segments from now on do not come to the guest's ears */
	uint64_t digest;     /* of all frames heard, and their moments */
	char complaint[256]; /* "": none */
};

void model_init(struct model *m, struct bed *b);
void model_done(struct model *m);

/* Byte n of what the host says on a flow of this name. */
uint8_t model_byte(const struct model_name *name, uint32_t n);
/* What a guest says from a sequence number on; in another variant it says something else. */
void model_guest_bytes(uint8_t *to, uint32_t seq, size_t n, unsigned variant);

/* The guest sends this frame: before it is pushed. */
void model_push(struct model *m, const uint8_t *frame, size_t len);
/* From now on the guest sends pieces that the gateway may put together. */
void model_fragments(struct model *m);
/* The gateway has come to rest: look at what it holds. */
void model_look(struct model *m);
/* After idle hours: whatever the gateway had taken must have been given back. */
void model_look_empty(struct model *m);
/* A frame of the gateway, after model_look(). */
void model_hear(struct model *m, const struct bed_frame *f);

/* Made if it is not there. */
struct model_name *model_name(struct model *m, const struct tuple *t);
/* The n-th name that the gateway spoke on first; NULL. */
struct model_name *model_inbound(const struct model *m, unsigned n);
/* The connection that now has this name; NULL. */
struct model_conn *model_conn(const struct model *m, const struct model_name *name);

/* The host on a connection: write up to n bytes, read up to n and judge them, end. */
void model_host_send(struct model *m, struct model_conn *c, size_t n);
void model_host_read(struct model *m, struct model_conn *c, size_t n);
void model_host_end(struct model *m, struct model_conn *c);

#endif
