/*
 * exhaustion.c - turns that cost time, the figures of a siege, and its life (see exhaustion.h)
 */
#include "test/sim/exhaustion.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "link/vhost_int.h"

#define HEAP_EVERY 64u /* turns between two looks at the heap */

void
siege_complain(struct siege *s, const char *what)
{
	if (!s->complaint[0])
		snprintf(s->complaint, sizeof(s->complaint), "%s", what);
}

/* --- what is looked at -------------------------------------------------------------------------------------------- */

static uint64_t
allocated(void)
{
	struct mallinfo2 m = mallinfo2(); /* all zero under the sanitizers, which look for leaks instead */

	return m.uordblks + m.hblkhd;
}

static uint64_t
block(void *p)
{
	return p ? malloc_usable_size(p) + sizeof(size_t) : 0;
}

/* What the virtual host and the bed have of it. */
static uint64_t
beside(const struct siege *s)
{
	const struct vhost *v = s->bed->vhost;
	uint64_t sum = block(v->sock) + block(s->far);

	for (size_t i = 0; i < v->nsock; i++) {
		const struct vhost_sock *o = v->sock[i];

		if (!o)
			continue;
		sum += block(v->sock[i]) + block(o->in.p) + block(o->out.p);
		for (struct vhost_dgram *d = o->dgrams_in.first; d; d = d->next)
			sum += block(d);
		for (struct vhost_dgram *d = o->dgrams_out.first; d; d = d->next)
			sum += block(d);
		for (struct vhost_client *c = o->clients; c; c = c->next)
			sum += block(c);
	}
	for (struct bed_frame *f = s->bed->first; f; f = f->next)
		sum += block(f);
	return sum;
}

uint64_t
siege_heap(const struct siege *s)
{
	uint64_t all = allocated(), others = beside(s);

	return all > others ? all - others : 0;
}

void
siege_look(struct siege *s)
{
	uint64_t heap = siege_heap(s);

	if (heap > s->heap_peak)
		s->heap_peak = heap;
}

static void
look_quickly(struct siege *s)
{
	const struct sluice *gw = s->bed->gw;

	for (int k = 0; k < FLOW_KINDS; k++)
		if (gw->flows.kind[k].open > gw->flows.kind[k].max)
			siege_complain(s, "more flows than there are places");
	if (gw->files > gw->max_files || vhost_open_count(s->bed->vhost) > gw->max_files)
		siege_complain(s, "more descriptors than max_files");
	if (vhost_open_count(s->bed->vhost) != gw->files)
		siege_complain(s, "descriptors are miscounted");
	if (gw->pool.used > gw->pool.size)
		siege_complain(s, "more of the pool is used than there is");
	if (gw->pool.used > s->pool_peak)
		s->pool_peak = gw->pool.used;
	if (gw->files > s->files_peak)
		s->files_peak = gw->files;
	if (gw->count[GW_TURNS] % HEAP_EVERY == 0)
		siege_look(s);
}

uint64_t
siege_counted(const struct siege *s, enum gateway_count c)
{
	return s->bed->gw->count[c] - s->count_first[c];
}

usec_t
siege_mean(const struct siege_times *t)
{
	return t->n ? t->sum / (usec_t)t->n : 0;
}

static void
figures_begin(struct siege *s)
{
	memcpy(s->count_first, s->bed->gw->count, sizeof(s->count_first));
	memcpy(s->stack_first, s->bed->gw->stack.count, sizeof(s->stack_first));
	s->heap_first = s->heap_peak = siege_heap(s);
	s->pool_peak = s->bed->gw->pool.used;
	s->files_peak = s->bed->gw->files;
	s->longest = (struct turn_cost){0};
	s->turns = s->pushed = 0;
	s->talk.took = s->fresh.opened = s->fresh.answered = s->fresh.named = (struct siege_times){0};
	s->talk.lost = s->fresh.lost = s->fresh.failed = s->fresh.unanswered = s->fresh.servfail = 0;
}

static uint64_t
dropped(const struct siege *s)
{
	uint64_t n = 0;

	for (int i = COUNT_ETH_SHORT; i < STACK_COUNTS; i++)
		n += s->bed->gw->stack.count[i] - s->stack_first[i];
	return n;
}

static void
say_times(const char *what, const struct siege_times *t)
{
	if (t->n)
		fprintf(stderr, ", %s %.2f ms at most (mean %.2f, of %llu)", what, (double)t->worst / 1000,
			(double)siege_mean(t) / 1000, (unsigned long long)t->n);
}

void
siege_report(const struct siege *s, const char *what)
{
	const struct sluice *gw = s->bed->gw;
	const struct turn_cost *l = &s->longest;

	fprintf(
	    stderr,
	    "# %s: %llu frames pushed, %llu turns; pool %.1f of %.0f MiB, heap +%.0f KiB, %u descriptors; "
	    "longest turn %.2f ms (%u frames in, %u out, %u calls, %u of sockets, %.0f KiB)",
	    what, (unsigned long long)s->pushed, (unsigned long long)s->turns,
	    (double)s->pool_peak / (1 << 20), (double)gw->pool.size / (1 << 20),
	    (double)(s->heap_peak - s->heap_first) / 1024, s->files_peak, (double)l->time / 1000, l->in,
	    l->out, l->calls, l->sockets, (double)l->bytes / 1024);
	if (s->calm.n)
		fprintf(stderr, ", talk in peace %.2f ms", (double)s->calm.worst / 1000);
	say_times("talk", &s->talk.took);
	say_times("opening", &s->fresh.opened);
	say_times("name", &s->fresh.named);
	fprintf(stderr, "; dropped by the stack %llu", (unsigned long long)dropped(s));
	for (int c = GW_TURNS + 1; c < GW_BYTES_TO_HOST; c++)
		if (siege_counted(s, (enum gateway_count)c))
			fprintf(stderr, ", %s %llu", gateway_count_name((enum gateway_count)c),
				(unsigned long long)siege_counted(s, (enum gateway_count)c));
	fprintf(stderr, "\n");
}

/* --- turns --------------------------------------------------------------------------------------------------------- */

static void
hear(struct siege *s)
{
	for (struct bed_frame *f; (f = bed_pop(s->bed)); free(f))
		if (!siege_talk_hears(s, f) && !siege_fresh_hears(s, f) && s->stranger)
			s->stranger(s, f, s->ctx);
}

/* What the turn did becomes time. */
static void
pay(struct siege *s)
{
	struct turn_cost *t = &s->turn;

	s->debt += PRICE_TURN + (uint64_t)(t->in + t->out) * PRICE_FRAME + (uint64_t)t->calls * PRICE_CALL +
		   (uint64_t)t->sockets * PRICE_SOCKET + t->bytes * PRICE_KIB / 1024 +
		   (uint64_t)t->halves * PRICE_CRYPTO / 2;
	t->time = (usec_t)(s->debt / 1000);
	s->debt %= 1000;
	vhost_set_time(s->bed->vhost, siege_now(s) + t->time);
	if (t->time > s->longest.time)
		s->longest = *t;
}

static bool
host_is_ready(struct siege *s)
{
	struct host *h = vhost_host(s->bed->vhost);
	struct pollfd p = {.fd = s->real->event_fd(h), .events = POLLIN};

	return s->real->poll(h, &p, 1, 0) > 0;
}

void
siege_turn(struct siege *s)
{
	struct sluice *gw = s->bed->gw;
	uint64_t in = gw->stack.count[COUNT_FRAMES_IN], bytes = gw->stack.count[COUNT_BYTES_IN];

	siege_far_run(s);
	siege_talk_run(s);
	siege_fresh_run(s);
	if (s->each)
		s->each(s, s->each_ctx);
	s->turn = (struct turn_cost){0};
	gw_turn(gw, memlink_waiting(s->bed->mem) > 0, host_is_ready(s), siege_now(s));
	s->turns++;
	s->turn.in = (uint32_t)(gw->stack.count[COUNT_FRAMES_IN] - in);
	s->turn.bytes += gw->stack.count[COUNT_BYTES_IN] - bytes;
	for (const struct bed_frame *f = s->bed->first; f; f = f->next) {
		s->turn.out++;
		s->turn.bytes += f->len;
	}
	pay(s);
	hear(s); /* frames are on the wire when the turn is over */
	look_quickly(s);
	if (s->bed->complaint[0])
		siege_complain(s, s->bed->complaint);
}

/* Is there work that needs neither time nor anybody else? */
static bool
is_busy(struct siege *s)
{
	const struct sluice *gw = s->bed->gw;

	return memlink_waiting(s->bed->mem) || gw->link_more || gw->host_more || gw->flows.ready_first ||
	       gw_deadline(gw) <= siege_now(s) || host_is_ready(s);
}

static usec_t
next_moment(struct siege *s, usec_t until)
{
	usec_t t = time_min(until, gw_deadline(s->bed->gw));

	t = time_min(t, siege_far_next(s));
	t = time_min(t, siege_talk_next(s));
	return time_min(t, time_min(siege_fresh_next(s), s->each_at));
}

void
siege_until(struct siege *s, usec_t until)
{
	while (siege_now(s) < until && !s->complaint[0]) {
		usec_t next = is_busy(s) ? 0 : next_moment(s, until);

		if (next > siege_now(s))
			vhost_set_time(s->bed->vhost, next);
		siege_turn(s);
	}
}

void
siege_flood(struct siege *s, uint32_t n, siege_one *one, void *ctx)
{
	unsigned depth = s->conf.depth ? s->conf.depth : LINK_BATCH;

	for (uint32_t i = 0; i < n && !s->complaint[0];) {
		while (i < n && memlink_waiting(s->bed->mem) < depth) {
			one(s, i++, ctx);
			s->pushed++;
		}
		siege_turn(s);
	}
	while (memlink_waiting(s->bed->mem) > 0 && !s->complaint[0])
		siege_turn(s);
	siege_look(s);
}

void
siege_calm(struct siege *s, unsigned questions)
{
	bool mute = s->fresh.mute;

	s->fresh.mute = true;
	figures_begin(s);
	while (s->talk.took.n < questions && !s->complaint[0])
		siege_until(s, siege_now(s) + 1);
	s->calm = s->talk.took;
	s->fresh.mute = mute;
	figures_begin(s);
}

/* --- life ----------------------------------------------------------------------------------------------------------- */

struct siege *
siege_new(const struct siege_conf *c)
{
	struct siege *s = calloc(1, sizeof(*s));
	struct bed_conf conf;

	if (!s)
		abort();
	s->conf = *c;
	s->names_ttl = 300;
	s->each_at = TIME_NEVER;
	bed_conf_init(&conf);
	conf.start = c->start ? c->start : conf.start;
	conf.gateway.max_tcp = conf.gateway.max_udp = conf.gateway.max_ping = 0; /* the defaults */
	conf.gateway.memory = 0;
	conf.gateway.max_files = 8192;
	if (c->configure)
		c->configure(&conf);
	s->bed = bed_new(&conf);
	vhost_default(s->bed->vhost, VHOST_ACCEPT_LATER);
	siege_far_attach(s);
	siege_guest_begin(s);
	figures_begin(s);
	return s;
}

const char *
siege_free(struct siege *s)
{
	static char said[256];

	if (s->bed->complaint[0])
		siege_complain(s, s->bed->complaint);
	if (!bed_free(s->bed))
		siege_complain(s, "host sockets are open after the gateway has gone");
	snprintf(said, sizeof(said), "%s", s->complaint);
	free(s->far);
	free(s);
	return said;
}
