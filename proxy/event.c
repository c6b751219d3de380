/*
 * event.c - events: one struct filled in for each, with text only where somebody reads it
 */
#include "proxy/event.h"

#include <netinet/in.h>

#include "proxy/endpoint.h"
#include "proxy/gateway.h"

static const char *const reason_names[] = {
    [SLUICE_REASON_NONE] = "none",
    [SLUICE_REASON_DONE] = "done",
    [SLUICE_REASON_GUEST_RESET] = "reset by the guest",
    [SLUICE_REASON_HOST_RESET] = "reset by the host",
    [SLUICE_REASON_REFUSED] = "refused",
    [SLUICE_REASON_UNREACHABLE] = "unreachable",
    [SLUICE_REASON_TIMED_OUT] = "timed out",
    [SLUICE_REASON_GUEST_SILENT] = "guest silent",
    [SLUICE_REASON_FULL] = "full",
    [SLUICE_REASON_HOOK] = "refused by the connect hook",
    [SLUICE_REASON_PROXY] = "refused by the proxy",
    [SLUICE_REASON_LINK] = "link closed",
    [SLUICE_REASON_RULE] = "refused by policy",
    [SLUICE_REASON_NO_EVIDENCE] = "no allowed name led there",
    [SLUICE_REASON_NAME] = "the name is not allowed there",
    [SLUICE_REASON_NO_NAME] = "no name was told",
    [SLUICE_REASON_ECH] = "the name is encrypted",
    [SLUICE_REASON_QUIC] = "QUIC hides the name",
    [SLUICE_REASON_NAME_SERVICE] = "names are asked on port 53",
    [SLUICE_REASON_REBIND] = "the answer leads inwards",
    [SLUICE_REASON_BAD_QUERY] = "breaks the protocol",
    [SLUICE_REASON_RELOAD] = "no longer allowed",
};

const char *
sluice_reason_name(enum sluice_reason r)
{
	size_t n = (size_t)r;

	return n < sizeof(reason_names) / sizeof(reason_names[0]) ? reason_names[n] : "unknown";
}

static void
tell(struct sluice *gw, struct sluice_event *e)
{
	e->size = sizeof(*e);
	e->now = (uint64_t)gw->now;
	if (!e->text)
		e->text = sluice_reason_name(e->reason);
	if (!e->guest)
		e->guest = "";
	if (!e->remote)
		e->remote = "";
	if (!e->target)
		e->target = "";
	gw->event(gw->hook_ctx, e);
}

/* --- flows --------------------------------------------------------------------------------------------------- */

struct flow_text {
	char guest[ENDPOINT_TEXT], remote[ENDPOINT_TEXT], target[ENDPOINT_TEXT];
};

static bool
is_nowhere(const struct endpoint *e)
{
	return e->port == 0 && addr_is_unspecified(&e->addr);
}

/* "" for an end that nobody has: the remote one of a mapping, a target that is not known. */
static const char *
text_of(const struct endpoint *e, char *buf)
{
	return is_nowhere(e) ? "" : endpoint_text(e, buf);
}

static void
tell_flow(struct sluice *gw, struct sluice_event *e, const struct tuple *t, const struct endpoint *target)
{
	struct flow_text text;

	e->protocol = t->proto;
	e->guest = text_of(&t->guest, text.guest);
	e->remote = text_of(&t->remote, text.remote);
	e->target = text_of(target, text.target);
	tell(gw, e);
}

void
event_opened(struct sluice *gw, struct flow *f)
{
	f->opened = true;
	f->opened_at = gw->now;
	if (!gw->event)
		return;

	struct sluice_event e = {
	    .kind = SLUICE_EVENT_FLOW_OPENED, .flow = f->number, .published = f->inbound};

	tell_flow(gw, &e, &f->tuple, &f->target);
}

void
event_ended(struct sluice *gw, const struct flow *f)
{
	if (!gw->event)
		return;

	struct sluice_event e = {
	    .kind = f->opened ? SLUICE_EVENT_FLOW_CLOSED : SLUICE_EVENT_FLOW_REFUSED,
	    .reason = (enum sluice_reason)f->reason,
	    .text = f->why,
	    .flow = f->number,
	    .published = f->inbound,
	    .bytes_to_host = f->to_host,
	    .bytes_to_guest = f->to_guest,
	    .age = f->opened ? (uint64_t)(gw->now - f->opened_at) : 0,
	};

	tell_flow(gw, &e, &f->tuple, &f->target);
}

void
event_unplaced(struct sluice *gw, const struct tuple *t, const struct endpoint *client,
	       enum sluice_reason reason)
{
	static const struct endpoint nowhere;

	if (!gw->event)
		return;

	struct sluice_event e = {
	    .kind = SLUICE_EVENT_FLOW_REFUSED,
	    .reason = reason,
	    .flow = ++gw->flows.numbers,
	    .published = client != NULL,
	};

	tell_flow(gw, &e, t, client ? client : &nowhere);
}

/* --- the guest ----------------------------------------------------------------------------------------------- */

static struct sluice_event
about_guest(const struct sluice *gw, enum sluice_event_kind kind, enum sluice_reason reason)
{
	struct sluice_event e = {.kind = kind, .reason = reason};

	if (gw->stack.guest_mac_known)
		memcpy(e.mac, gw->stack.guest_mac.b, sizeof(e.mac));
	return e;
}

void
event_guest_came(struct sluice *gw)
{
	struct sluice_event e = about_guest(gw, SLUICE_EVENT_GUEST_UP, SLUICE_REASON_NONE);

	gw->guest_up = true;
	e.text = "a guest is attached";
	if (gw->event)
		tell(gw, &e);
}

/* A MAC that was configured is known before anybody was heard. */
static bool
is_heard(const struct stack *st)
{
	const uint64_t *n = st->count;

	if (!st->guest_mac_known)
		return false;
	return mac_is_zero(st->cfg.guest_mac) ||
	       n[COUNT_FRAMES_IN] > n[COUNT_ETH_SHORT] + n[COUNT_ETH_SOURCE];
}

void
event_guest_seen(struct sluice *gw)
{
	if (!gw->guest_up && is_heard(&gw->stack))
		event_guest_came(gw);
}

void
event_guest_left(struct sluice *gw, const char *why)
{
	struct sluice_event e = about_guest(gw, SLUICE_EVENT_GUEST_GONE, SLUICE_REASON_LINK);

	if (!gw->guest_up)
		return;
	gw->guest_up = false;
	e.text = why;
	if (gw->event)
		tell(gw, &e);
}

void
event_leases(struct sluice *gw)
{
	for (int fam = 0; fam < FAMILIES; fam++) {
		struct sluice_event e = about_guest(gw, SLUICE_EVENT_LEASE, SLUICE_REASON_NONE);
		char text[ADDR_TEXT];

		if (!gw->stack.leased[fam])
			continue;
		gw->stack.leased[fam] = false;
		e.text = fam == FAMILY_V4 ? "DHCP" : "DHCPv6";
		e.guest = addr_text(&gw->stack.cfg.net[fam].guest, text);
		if (gw->event)
			tell(gw, &e);
	}
}

/* --- limits -------------------------------------------------------------------------------------------------- */

void
event_limit(struct sluice *gw, const char *line)
{
	struct sluice_event e = {.kind = SLUICE_EVENT_LIMIT, .reason = SLUICE_REASON_FULL, .text = line};

	if (gw->event)
		tell(gw, &e);
}
