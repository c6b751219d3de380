/*
 * event_kit.h - what a gateway's event hook was told, kept to be looked at
 *
 * After fresh(): listen_events().  Each event is checked as it comes for what holds of all of them, and kept with
 * copies of its texts; next_event() takes them one by one.
 */
#ifndef TEST_UNIT_EVENT_KIT_H
#define TEST_UNIT_EVENT_KIT_H

#include "test/unit/gateway_kit.h"

#define EVENTS 512u

struct seen {
	struct sluice_event e; /* its texts are the copies below */
	char text[512], guest[64], remote[64], target[64];
	char name[256], rule_text[256], file[256];
	char method[64], path[256], secret[80], where[32], detail[256]; /* the other texts are static */
};

static struct seen seen[EVENTS];
static unsigned nseen, nread;
static uint64_t last_flow, last_now;

static inline void
on_event(void *ctx, const struct sluice_event *e)
{
	bool flow = e->kind == SLUICE_EVENT_FLOW_OPENED || e->kind == SLUICE_EVENT_FLOW_REFUSED ||
		    e->kind == SLUICE_EVENT_FLOW_CLOSED || e->kind == SLUICE_EVENT_REQUEST_REFUSED ||
		    e->kind == SLUICE_EVENT_REQUEST || e->kind == SLUICE_EVENT_SECRET ||
		    e->kind == SLUICE_EVENT_TLS_FAILED;
	bool ends = e->kind == SLUICE_EVENT_FLOW_REFUSED || e->kind == SLUICE_EVENT_FLOW_CLOSED;
	struct seen *s = &seen[nseen++];

	assert_ptr_equal(ctx, &conf);
	assert_true(nseen <= EVENTS);
	assert_int_equal(e->size, sizeof(*e));
	assert_true(e->text && e->text[0] && e->guest && e->remote && e->target);
	assert_true(e->code && e->code[0] && e->name && e->name_from && e->verdict && e->rule_text &&
		    e->file);
	assert_true(e->method && e->path && e->secret && e->where && e->detail);
	assert_true(flow == (e->flow != 0));
	assert_true((flow || e->kind == SLUICE_EVENT_NAME_REFUSED) == (e->protocol != 0));
	assert_true((e->name[0] != 0) == (e->name_from[0] != 0));
	assert_true(!ends || e->reason != SLUICE_REASON_NONE);
	assert_true(e->now >= last_now);
	assert_true(e->kind == SLUICE_EVENT_FLOW_CLOSED || e->kind == SLUICE_EVENT_REQUEST ||
		    (e->bytes_to_host == 0 && e->bytes_to_guest == 0 && e->age == 0));
	last_now = e->now;
	s->e = *e;
	s->e.text = strncpy(s->text, e->text, sizeof(s->text) - 1);
	s->e.guest = strncpy(s->guest, e->guest, sizeof(s->guest) - 1);
	s->e.remote = strncpy(s->remote, e->remote, sizeof(s->remote) - 1);
	s->e.target = strncpy(s->target, e->target, sizeof(s->target) - 1);
	s->e.name = strncpy(s->name, e->name, sizeof(s->name) - 1);
	s->e.rule_text = strncpy(s->rule_text, e->rule_text, sizeof(s->rule_text) - 1);
	s->e.file = strncpy(s->file, e->file, sizeof(s->file) - 1);
	s->e.method = strncpy(s->method, e->method, sizeof(s->method) - 1);
	s->e.path = strncpy(s->path, e->path, sizeof(s->path) - 1);
	s->e.secret = strncpy(s->secret, e->secret, sizeof(s->secret) - 1);
	s->e.where = strncpy(s->where, e->where, sizeof(s->where) - 1);
	s->e.detail = strncpy(s->detail, e->detail, sizeof(s->detail) - 1);
}

static inline void
listen_events(void)
{
	memset(seen, 0, sizeof(seen));
	nseen = nread = 0;
	last_flow = last_now = 0;
	conf.gateway.event = on_event;
	conf.gateway.hook_ctx = &conf;
}

static inline int
fresh_events(void **state)
{
	fresh(state);
	listen_events();
	return 0;
}

static inline const struct sluice_event *
next_event(enum sluice_event_kind kind)
{
	assert_true(nread < nseen);
	assert_int_equal(seen[nread].e.kind, kind);
	return &seen[nread++].e;
}

static inline void
no_more_events(void)
{
	assert_int_equal(nread, nseen);
}

/* Past events of other kinds: of limits, of the guest. */
static inline const struct sluice_event *
find_event(enum sluice_event_kind kind)
{
	while (nread < nseen && seen[nread].e.kind != kind)
		nread++;
	return next_event(kind);
}

/* The next flow that ended: with this reason, before or after it was opened. */
static inline const struct sluice_event *
flow_ended(enum sluice_event_kind kind, enum sluice_reason reason)
{
	const struct sluice_event *e = find_event(kind);

	assert_int_equal(e->reason, reason);
	return e;
}

#endif
