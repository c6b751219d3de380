/*
 * tcp_timewait.c - connections that have ended and must not be mistaken
 *
 * Entries hang in two lists: the chain of their bucket, and one by age, whose oldest member is the next
 * to be reused.  A vacated entry moves to that end.
 */
#include "stack/tcp_timewait.h"

#include <assert.h>

#define NONE UINT32_MAX
#define VACANT (-1) /* before all time */

_Static_assert(sizeof(struct timewait_entry) <= 64, "a TIME-WAIT entry fits a cache line (T25)");

size_t
timewait_size(uint32_t size)
{
	return (size_t)size * (sizeof(struct timewait_entry) + sizeof(uint32_t));
}

void
timewait_init(struct timewait_table *tw, void *mem, uint32_t size, const uint8_t secret[SIPHASH_KEY])
{
	assert(size > 0 && (size & (size - 1)) == 0);
	*tw = (struct timewait_table){.entry = mem, .size = size, .oldest = NONE, .newest = NONE};
	tw->bucket = (uint32_t *)(void *)&tw->entry[size];
	for (uint32_t i = 0; i < size; i++)
		tw->bucket[i] = NONE;
	memcpy(tw->secret, secret, sizeof(tw->secret));
}

/* The chain a flow belongs to. */
static uint32_t *
bucket_of(const struct timewait_table *tw, const struct addr *guest, uint16_t guest_port,
	  const struct addr *remote, uint16_t remote_port)
{
	uint8_t name[2 * (16 + 2)];
	struct wr w = wr_of(name, sizeof(name));

	wr_bytes(&w, guest->b, sizeof(guest->b));
	wr_u16(&w, guest_port);
	wr_bytes(&w, remote->b, sizeof(remote->b));
	wr_u16(&w, remote_port);
	return &tw->bucket[siphash(tw->secret, name, sizeof(name)) & (tw->size - 1)];
}

static uint32_t *
bucket_of_flow(const struct timewait_table *tw, const struct tuple *f)
{
	return bucket_of(tw, &f->guest.addr, f->guest.port, &f->remote.addr, f->remote.port);
}

static uint32_t
lookup(const struct timewait_table *tw, const struct tuple *f, usec_t now)
{
	for (uint32_t i = *bucket_of_flow(tw, f); i != NONE; i = tw->entry[i].chain) {
		const struct timewait_entry *e = &tw->entry[i];

		if (e->guest_port == f->guest.port && e->remote_port == f->remote.port &&
		    addr_eq(&e->guest, &f->guest.addr) && addr_eq(&e->remote, &f->remote.addr))
			return e->until > now ? i : NONE;
	}
	return NONE;
}

static void
age_unlink(struct timewait_table *tw, uint32_t i)
{
	struct timewait_entry *e = &tw->entry[i];

	*(e->older != NONE ? &tw->entry[e->older].newer : &tw->oldest) = e->newer;
	*(e->newer != NONE ? &tw->entry[e->newer].older : &tw->newest) = e->older;
}

static void
age_append(struct timewait_table *tw, uint32_t i)
{
	struct timewait_entry *e = &tw->entry[i];

	e->older = tw->newest;
	e->newer = NONE;
	*(tw->newest != NONE ? &tw->entry[tw->newest].newer : &tw->oldest) = i;
	tw->newest = i;
}

static void
age_prepend(struct timewait_table *tw, uint32_t i)
{
	struct timewait_entry *e = &tw->entry[i];

	e->newer = tw->oldest;
	e->older = NONE;
	*(tw->oldest != NONE ? &tw->entry[tw->oldest].older : &tw->newest) = i;
	tw->oldest = i;
}

/* Take an entry out of its chain. */
static void
vacate(struct timewait_table *tw, uint32_t i)
{
	struct timewait_entry *e = &tw->entry[i];
	uint32_t *at = bucket_of(tw, &e->guest, e->guest_port, &e->remote, e->remote_port);

	while (*at != i)
		at = &tw->entry[*at].chain;
	*at = e->chain;
	e->until = VACANT;
}

static void
forget(struct timewait_table *tw, uint32_t i)
{
	vacate(tw, i);
	age_unlink(tw, i);
	age_prepend(tw, i);
}

/* An entry nobody uses; it hangs in neither list. */
static uint32_t
take_entry(struct timewait_table *tw, usec_t now)
{
	uint32_t i = tw->oldest;

	/* What has expired is reused before memory that was never touched, and that before what lives. */
	if (tw->fresh < tw->size && (i == NONE || tw->entry[i].until > now))
		return tw->fresh++;
	if (tw->entry[i].until != VACANT)
		vacate(tw, i);
	age_unlink(tw, i);
	return i;
}

void
timewait_add(struct timewait_table *tw, const struct tuple *flow, const struct tcp *t, usec_t now)
{
	/* An entry of the same flow whose time is over would hide this one. */
	uint32_t same = lookup(tw, flow, VACANT);
	if (same != NONE)
		forget(tw, same);

	uint32_t i = take_entry(tw, now);
	uint32_t *bucket = bucket_of_flow(tw, flow);
	tw->entry[i] = (struct timewait_entry){
	    .guest = flow->guest.addr,
	    .remote = flow->remote.addr,
	    .guest_port = flow->guest.port,
	    .remote_port = flow->remote.port,
	    .snd_nxt = t->snd_max,
	    .rcv_nxt = t->rcv_nxt,
	    .chain = *bucket,
	    .until = now + t->conf->msl2,
	};
	*bucket = i;
	tw->msl2 = t->conf->msl2;
	age_append(tw, i);
}

bool
timewait_find(const struct timewait_table *tw, const struct tuple *flow, usec_t now)
{
	return lookup(tw, flow, now) != NONE;
}

/* RFC 9293 3.10.7.4 for TIME-WAIT, without what needs more than two numbers. */
enum timewait_verdict
timewait_input(struct timewait_table *tw, const struct tuple *flow, const struct tcp_hdr *seg, uint32_t len,
	       usec_t now, struct tcp_hdr *out)
{
	uint32_t i = lookup(tw, flow, now);
	if (i == NONE)
		return TIMEWAIT_NONE;

	struct timewait_entry *e = &tw->entry[i];
	const uint8_t kind = seg->flags & (TCP_SYN | TCP_FIN | TCP_RST);
	if (kind & TCP_RST) {
		if (seg->seq == e->rcv_nxt)
			forget(tw, i);
		return TIMEWAIT_SILENT;
	}
	if (kind == TCP_SYN && !(seg->flags & TCP_ACK) && seq_lt(e->rcv_nxt, seg->seq)) {
		*out = (struct tcp_hdr){.seq = e->snd_nxt};
		forget(tw, i);
		return TIMEWAIT_REOPEN;
	}
	/* A bare ACK wants no answer, and answering it might never end. */
	if (kind == (TCP_SYN | TCP_FIN) || (kind == 0 && len == 0))
		return TIMEWAIT_SILENT;
	if (kind & TCP_FIN) {
		/* Eighth: the 2 MSL begin again. */
		e->until = now + tw->msl2;
		age_unlink(tw, i);
		age_append(tw, i);
	}
	*out = (struct tcp_hdr){.seq = e->snd_nxt, .ack = e->rcv_nxt, .flags = TCP_ACK};
	return TIMEWAIT_ANSWER;
}
