/*
 * bed.c - the test bed: building, time, frames both ways
 */
#include "test/bed/bed.h"

#include <stdio.h>
#include <stdlib.h>

/* More turns than any burst of work takes: one that passes this is never going to rest. */
#define TURNS_MAX 100000u

static const struct mac guest_mac = {{0x52, 0x54, 0, 0x12, 0x34, 0x56}};
static const struct mac gateway_mac = {{0x52, 0x55, 0x0a, 0, 2, 2}};

void
bed_conf_init(struct bed_conf *c)
{
	*c = (struct bed_conf){.seed = 1, .start = USEC_PER_SEC, .lim = {.mtu = 1500}};
	sluice_config_init(&c->gateway);
	c->gateway.profiles =
	    "all"; /* most tests are of what follows a judgment; those of policy say their own */
	memcpy(c->gateway.guest_mac, guest_mac.b, sizeof(guest_mac.b));
	memcpy(c->gateway.gateway_mac, gateway_mac.b, sizeof(gateway_mac.b));
	c->gateway.max_tcp = 64;
	c->gateway.max_udp = 64;
	c->gateway.max_files = 1024;
	c->gateway.memory = 16u << 20;
}

static void
complain(struct bed *b, const char *what, const char *about)
{
	if (!b->complaint[0])
		snprintf(b->complaint, sizeof(b->complaint), "%s%s%s", what, about ? ": " : "",
			 about ? about : "");
}

/* What the gateway sends: kept with its moment, and judged. */
static void
sent(void *ctx, const struct frame *f)
{
	struct bed *b = ctx;
	struct bed_frame *kept = malloc(sizeof(*kept) + f->len);
	size_t at = 0;

	if (!kept)
		abort();
	*kept = (struct bed_frame){.at = vhost_time(b->vhost), .off = f->off, .len = f->len};
	for (int i = 0; i < f->nspan; i++) {
		if (at + f->span[i].len > f->len)
			abort();
		memcpy(kept->bytes + at, f->span[i].p, f->span[i].len);
		at += f->span[i].len;
	}
	if (at != f->len)
		complain(b, "a frame's length is not the sum of its spans", NULL);
	kept->wrong = strict_check(&b->wire, kept->bytes, kept->len, &kept->off, &kept->is);
	if (kept->wrong)
		complain(b, "the gateway sent a bad frame", kept->wrong);
	b->frames++;
	b->bytes += f->len;
	*b->last = kept;
	b->last = &kept->next;
}

static void
die(const char *why)
{
	fprintf(stderr, "test bed: %s\n", why);
	exit(1);
}

struct bed *
bed_new(const struct bed_conf *c)
{
	struct bed *b = calloc(1, sizeof(*b));
	char err[256] = "no memory";

	if (!b)
		die(err);
	b->conf = *c;
	b->last = &b->first;
	b->wire = (struct strict_wire){.guest = guest_mac, .gateway = gateway_mac, .lim = c->lim};
	b->vhost = vhost_new(c->seed);
	if (!b->vhost)
		die(err);
	vhost_set_time(b->vhost, c->start);
	if (b->conf.prepare)
		b->conf.prepare(b->vhost, &b->conf.gateway);
	b->mem = memlink_new(vhost_host(b->vhost), &c->lim);
	if (!b->mem)
		die(err);
	memlink_on_frame(b->mem, sent, b);
	b->gw = gw_new(&b->conf.gateway, vhost_host(b->vhost), memlink_link(b->mem), err, sizeof(err));
	if (!b->gw)
		die(err);
	for (int fam = 0; fam < FAMILIES; fam++) {
		b->guest[fam] = b->gw->stack.cfg.net[fam].guest;
		b->gateway[fam] = b->gw->stack.cfg.net[fam].gateway;
	}
	return b;
}

bool
bed_free(struct bed *b)
{
	bool clean;

	sluice_free(b->gw);
	clean = vhost_open_count(b->vhost) == 0;
	if (!clean)
		fprintf(stderr, "test bed: %zu host sockets are open after the gateway has gone\n",
			vhost_open_count(b->vhost));
	bed_drop(b);
	memlink_free(b->mem);
	vhost_free(b->vhost);
	free(b);
	return clean;
}

/* --- frames ------------------------------------------------------------------------------------------- */

struct addr
bed_elsewhere(enum family fam)
{
	struct addr a;

	if (!addr_parse(fam == FAMILY_V4 ? BED_ELSEWHERE_V4 : BED_ELSEWHERE_V6, &a))
		abort();
	return a;
}

struct craft
bed_craft(const struct bed *b, const struct addr *dst)
{
	return (struct craft){.src_mac = b->wire.guest,
			      .dst_mac = b->wire.gateway,
			      .src = b->guest[addr_family(dst)],
			      .dst = *dst};
}

void
bed_push_offload(struct bed *b, const void *frame, size_t len, const struct offload *off)
{
	if (!memlink_push(b->mem, view_of(frame, len), off))
		complain(b, "the link of memory is full", NULL);
}

void
bed_push(struct bed *b, const void *frame, size_t len)
{
	bed_push_offload(b, frame, len, NULL);
}

struct bed_frame *
bed_pop(struct bed *b)
{
	struct bed_frame *f = b->first;

	if (f) {
		b->first = f->next;
		if (!b->first)
			b->last = &b->first;
	}
	return f;
}

void
bed_drop(struct bed *b)
{
	for (struct bed_frame *f; (f = bed_pop(b));)
		free(f);
}

/* --- time --------------------------------------------------------------------------------------------- */

usec_t
bed_now(const struct bed *b)
{
	return vhost_time(b->vhost);
}

usec_t
bed_deadline(const struct bed *b)
{
	return gw_deadline(b->gw);
}

/* Would the loop wake for a host socket?  A listener stays readable until its clients are dealt with. */
static bool
host_is_ready(const struct bed *b)
{
	struct host *h = vhost_host(b->vhost);
	struct pollfd host = {.fd = h->ops->event_fd(h), .events = POLLIN};

	return h->ops->poll(h, &host, 1, 0) > 0;
}

/* Is there work that needs neither time nor anybody else? */
static bool
is_busy(const struct bed *b)
{
	const struct sluice *gw = b->gw;

	if (host_is_ready(b) || memlink_waiting(b->mem) || gw->link_more || gw->host_more ||
	    gw_deadline(gw) <= bed_now(b))
		return true;
	/* Ready flows wait for room where the link has none. */
	return gw->flows.ready_first && gw->sink.room(gw->sink.ctx);
}

void
bed_settle(struct bed *b)
{
	/* Host readiness that a turn itself brought about is seen by the next one; two quiet turns in a row
	 * mean that there is none. */
	unsigned quiet = 0;

	for (unsigned turns = 0; quiet < 2; turns++) {
		if (turns == TURNS_MAX) {
			complain(b, "the gateway never rests: work is due, and doing it changes nothing",
				 NULL);
			return;
		}
		gw_turn(b->gw, true, true, bed_now(b));
		quiet = is_busy(b) ? 0 : quiet + 1;
	}
}

static void
step(struct bed *b, usec_t until)
{
	usec_t next = time_min(bed_deadline(b), until);

	if (next > bed_now(b))
		vhost_set_time(b->vhost, next);
	bed_settle(b);
}

void
bed_until(struct bed *b, usec_t until)
{
	bed_settle(b);
	while (bed_now(b) < until && !b->complaint[0])
		step(b, until);
}

void
bed_until_frame(struct bed *b, usec_t until)
{
	bed_settle(b);
	while (!b->first && bed_now(b) < until && !b->complaint[0])
		step(b, until);
}

/* --- inside ------------------------------------------------------------------------------------------- */

struct tcp_flow *
bed_tcp(const struct bed *b, const struct tuple *t)
{
	struct flow *f = flow_find(&b->gw->flows, t);

	return f && f->kind == FLOW_TCP ? (struct tcp_flow *)(void *)f : NULL;
}

usec_t
bed_start_for_iss(const struct bed_conf *c, const struct tuple *t, usec_t after, uint32_t iss)
{
	struct bed *b = bed_new(c);
	usec_t then = c->start + after;
	uint32_t distance = iss - tcp_iss(t, b->gw->stack.cfg.secret, then);
	usec_t start = c->start + (usec_t)distance * 4;

	if (tcp_iss(t, b->gw->stack.cfg.secret, start + after) != iss)
		die("the clock does not count sequence numbers in steps of 4 us (RFC 6528 3)");
	bed_free(b);
	return start;
}
