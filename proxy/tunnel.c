/*
 * tunnel.c - what a guest reaches through a proxy that it asks with CONNECT
 */
#include "proxy/tunnel.h"

#include <stdlib.h>

#include "proxy/gateway.h"

bool
tunnel_follows(struct sluice *gw)
{
	const struct settings *s = gw->settings;

	return gw->intercept && (policy_has_names(s->policy) || gw_opens_tls(gw, s));
}

void
tunnel_free(struct tunnel *t)
{
	if (t)
		free(t->proxy);
	free(t);
}

struct endpoint
tunnel_leads(const struct flow *f)
{
	const struct tunnel *t = f->tunnel;

	return t ? (struct endpoint){t->addr, t->port} : f->tuple.remote;
}

uint64_t
tunnel_heard(const struct flow *f)
{
	return f->to_guest - (f->tunnel ? f->tunnel->said : 0);
}

bool
tunnel_may_begin(struct sluice *gw, const struct flow *f, const struct tunnel *to, bool sealed,
		 struct judgment *out)
{
	const struct endpoint at = {to->addr, to->port};
	struct judgment opened;

	judge_tunnel(gw, f, to, sealed ? TUNNEL_SEALED : TUNNEL_READ, out);
	if (!judge_refuses(out))
		return true;
	if (sealed || !intercept_may(gw, &at) || intercept_in_clear(to->port))
		return false;
	/* What is opened proves itself: by its certificate, or it is refused then. */
	judge_tunnel(gw, f, to, TUNNEL_OPENED, &opened);
	if (judge_refuses(&opened))
		return false;
	*out = opened;
	return true;
}

/* What was allowed so far is the proxy; from now on it is the target. */
static void
lead_to(struct flow *f, struct tunnel *t)
{
	struct tunnel *old = f->tunnel;

	if (old) {
		t->proxy = old->proxy;
		old->proxy = NULL;
		free(f->judged);
	} else {
		t->proxy = f->judged;
	}
	f->judged = NULL;
	tunnel_free(old);
	t->said = f->to_guest;
	f->tunnel = t;
}

bool
tunnel_begin(struct sluice *gw, struct tcp_flow *tf, const struct tunnel *to, struct view first,
	     struct view more, usec_t now)
{
	struct tunnel *t = malloc(sizeof(*t));
	struct judgment j;

	if (!t)
		return false;
	*t = *to;
	t->opened = false;
	t->proxy = NULL;
	lead_to(&tf->flow, t);
	judge_tunnel(gw, &tf->flow, t, TUNNEL_READ, &j);
	/* One that is refused as it is waits for what opens it. */
	if (!watch_begin(tf, j.verdict != VERDICT_ALLOW) || !watch_put(tf, first))
		return false;
	if (more.len && tcp_flow_write_guest(gw, tf, more.p, more.len, now) != (ssize_t)more.len)
		return false;
	if (tf->host_eof)
		tcp_shutdown(&tf->tcp, now);
	flow_mark_ready(&gw->flows, &tf->flow);
	return true;
}

bool
tunnel_still_allowed(struct sluice *gw, struct flow *f, bool fresh, struct judgment *out)
{
	struct tuple to = f->tuple;

	judge_again(gw, &f->tuple, NULL, f->tunnel->proxy, false, out);
	if (judge_refuses(out))
		return false;
	judge_keep_in(&f->tunnel->proxy, out);
	to.remote = tunnel_leads(f);
	judge_again(gw, &to, NULL, f->judged, fresh, out);
	if (judge_refuses(out))
		return false;
	judge_keep(f, out);
	return true;
}
