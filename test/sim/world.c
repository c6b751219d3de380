/*
 * world.c - the world's life (see world.h)
 */
#include "test/sim/world.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct sim {
	struct sim_setting set;
	struct sim_result res;
	struct bed *bed;
};

struct sim *
sim_new(const struct sim_setting *set)
{
	struct sim *s = calloc(1, sizeof(*s));
	struct bed_conf c;

	if (!s)
		abort();
	s->set = *set;
	bed_conf_init(&c);
	c.seed = set->seed;
	if (set->configure)
		set->configure(&c, set->ctx);
	s->bed = bed_new(&c);
	return s;
}

void
sim_free(struct sim *s, struct sim_result *res)
{
	if (res)
		*res = s->res;
	bed_free(s->bed);
	free(s);
}

void
sim_run(const struct sim_setting *set, struct sim_result *res)
{
	struct sim *s = sim_new(set);

	sim_finish(s);
	sim_free(s, res);
}

struct bed *
sim_bed(struct sim *s)
{
	return s->bed;
}

usec_t
sim_now(const struct sim *s)
{
	return bed_now(s->bed);
}

struct sim_result *
sim_result(struct sim *s)
{
	return &s->res;
}

bool
sim_is_wrong(const struct sim *s)
{
	return s->res.complaint[0];
}

void
sim_complain(struct sim *s, const char *fmt, ...)
{
	va_list ap;

	if (sim_is_wrong(s))
		return;
	va_start(ap, fmt);
	vsnprintf(s->res.complaint, sizeof(s->res.complaint), fmt, ap);
	va_end(ap);
}

void
sim_say(struct sim *s, const char *fmt, ...)
{
	va_list ap;

	if (!s->set.trace)
		return;
	va_start(ap, fmt);
	vfprintf(s->set.trace, fmt, ap);
	va_end(ap);
	fputc('\n', s->set.trace);
}

usec_t
sim_next(struct sim *s)
{
	return bed_deadline(s->bed);
}

bool
sim_step(struct sim *s, usec_t until)
{
	bed_until(s->bed, time_min(sim_next(s), until));
	return !sim_is_wrong(s) && sim_now(s) < until;
}

void
sim_until(struct sim *s, usec_t until)
{
	while (sim_step(s, until))
		;
}

void
sim_finish(struct sim *s)
{
	sim_until(s, sim_now(s) + 600 * USEC_PER_SEC);
}

struct sim_talk *
sim_talk(struct sim *s, const struct sim_talk_conf *conf)
{
	(void)s;
	(void)conf;
	return NULL;
}

struct sim_talk *
sim_talks(struct sim *s)
{
	(void)s;
	return NULL;
}

void
sim_talk_abort(struct sim *s, struct sim_talk *t)
{
	(void)s;
	(void)t;
}

void
sim_datagram(struct sim *s, enum family fam, uint16_t from_port, uint16_t to_port, size_t len)
{
	(void)s;
	(void)fam;
	(void)from_port;
	(void)to_port;
	(void)len;
}

void
sim_ask(struct sim *s, enum family fam, unsigned n, bool tcp)
{
	(void)s;
	(void)fam;
	(void)n;
	(void)tcp;
}

void
sim_ping(struct sim *s, enum family fam, size_t len)
{
	(void)s;
	(void)fam;
	(void)len;
}

void
sim_frame(struct sim *s, const void *frame, size_t len)
{
	bed_push(s->bed, frame, len);
}
