/*
 * reload.c - another policy for a gateway that runs
 *
 * Whoever reloads builds the new settings whole, in a thread of his own, and leaves them in one atomic pointer; the
 * gateway takes them at the start of its next turn.  Then every flow is judged again, by the new rules and by what
 * allowed it before (its evidence, even if that has expired, and the name it told): what would be refused now ends as it
 * would have been refused at its beginning, and so does a question to a nameserver that is under way.  The same happens, without new settings, when the host's own addresses
 * change.
 */
#include <stdio.h>
#include <stdlib.h>

#include "proxy/config.h"
#include "proxy/gateway.h"
#include "stack/ip_wire.h"

int
sluice_reload(struct sluice *s, const struct sluice_config *given, char *err, size_t errlen)
{
	struct setup su = {err, errlen};
	struct sluice_config whole = {0};

	if (errlen)
		err[0] = '\0';
	if (!gw_whole_config(&su, given, &whole))
		return -1;

	struct settings *next = settings_read(&su, &whole);
	if (!next)
		return -1;
	/* One that was not taken yet will never be. */
	settings_free(atomic_exchange(&s->settings_next, next));
	sluice_wake(s);
	return 0;
}

/* --- one flow -------------------------------------------------------------------------------------------- */

static bool
still_allowed(struct sluice *gw, const struct tuple *t, const struct endpoint *client, struct judged **was,
	      bool fresh, struct judgment *j)
{
	judge_again(gw, t, client, *was, fresh, j);
	if (judge_refuses(j)) {
		j->reason = SLUICE_REASON_RELOAD;
		return false;
	}
	/* Without memory it goes on with what it knew. */
	judge_keep_in(was, j);
	return true;
}

static bool
flow_still_allowed(struct sluice *gw, struct flow *f, bool fresh, struct judgment *j)
{
	if (!f->tunnel)
		return still_allowed(gw, &f->tuple, f->inbound ? &f->target : NULL, &f->judged, fresh, j);
	if (tunnel_still_allowed(gw, f, fresh, j))
		return true;
	j->reason = SLUICE_REASON_RELOAD;
	return false;
}

static void
tell_prohibited(struct sluice *gw, const struct tuple *t, usec_t now)
{
	enum family fam = addr_family(&t->guest.addr);

	stack_send_error_flow(&gw->stack, ICMP_ERR_PROHIBITED, 0, &gw->stack.cfg.net[fam].gateway, t,
			      t->proto == IP_PROTO_UDP ? 0 : (uint32_t)t->guest.port << 16, now);
}

static void
rejudge_tcp(struct sluice *gw, struct tcp_flow *tf)
{
	struct flow *f = &tf->flow;
	/* What it is may still be told: by its first flight, or by each request that is read. */
	bool fresh = tf->watch || intercept_reads(tf) || (!f->inbound && f->to_host == 0 && !tf->service);
	struct judgment j;

	/* It ends already, or nothing of it gets out: a service of the gateway's, but for resolvers of the guest's. */
	if (f->fd < 0 && !tf->dialing && tf->service != &dns_tcp_service)
		return;
	if (tf->service && dial_is_dns(gw, &f->tuple.remote.addr))
		return;
	if (flow_still_allowed(gw, f, fresh, &j)) {
		if (j.verdict == VERDICT_PEEK && tf->watch)
			watch_decides(tf);
		if (j.verdict != VERDICT_PEEK || tf->watch || tf->service || watch_begin(tf, true))
			return;
		j.reason = SLUICE_REASON_FULL;
	}
	gw->count[GW_POLICY_REJUDGED]++;
	judge_ends(gw, f, &j);
	tcp_flow_refuse(gw, tf, j.verdict == VERDICT_DROP);
}

/* A mapping lives as long as there is a remote end it may still reach. */
static void
rejudge_mapping(struct sluice *gw, struct udp_flow *uf, usec_t now)
{
	struct judgment j;

	for (uint8_t i = uf->npeer; i > 0;) {
		i--;
		struct tuple t = {uf->flow.tuple.guest, uf->peer[i].at, IP_PROTO_UDP};

		if (still_allowed(gw, &t, NULL, &uf->peer[i].judged, false, &j))
			continue;
		judge_refused(gw, &t, NULL, NULL, &j);
		udp_forget_peer(uf, i);
		if (j.verdict != VERDICT_DROP)
			tell_prohibited(gw, &t, now);
	}
	if (uf->npeer > 0)
		return;
	gw->count[GW_POLICY_REJUDGED]++;
	gw_end(gw, &uf->flow, SLUICE_REASON_RELOAD);
}

static void
rejudge_datagrams(struct sluice *gw, struct flow *f, usec_t now)
{
	struct judgment j;

	if (is_mapping(f)) {
		rejudge_mapping(gw, (struct udp_flow *)(void *)f, now);
		return;
	}
	if (still_allowed(gw, &f->tuple, f->inbound ? &f->target : NULL, &f->judged, false, &j))
		return;
	gw->count[GW_POLICY_REJUDGED]++;
	judge_ends(gw, f, &j);
	if (j.verdict != VERDICT_DROP && !f->inbound)
		tell_prohibited(gw, &f->tuple, now);
	gw_end(gw, f, SLUICE_REASON_RELOAD);
}

/* --- all of them ----------------------------------------------------------------------------------------- */

static void
each_flow(struct sluice *gw, void (*what)(struct sluice *gw, struct flow *f, usec_t now))
{
	for (int k = 0; k < FLOW_KINDS; k++) {
		for (uint32_t i = 0; i < gw->flows.kind[k].fresh; i++) {
			struct flow *f = flow_at(&gw->flows, (enum flow_kind)k, i);

			if (f->ops)
				what(gw, f, gw->now);
		}
	}
}

/* The rules go with their policy. */
static void
forget_rule(struct sluice *gw, struct flow *f, usec_t now)
{
	(void)gw, (void)now;
	if (f->judged)
		f->judged->rule = NULL;
	if (f->tunnel && f->tunnel->proxy)
		f->tunnel->proxy->rule = NULL;
	if (!is_mapping(f))
		return;
	struct udp_flow *uf = (struct udp_flow *)(void *)f;
	for (uint8_t i = 0; i < uf->npeer; i++)
		if (uf->peer[i].judged)
			uf->peer[i].judged->rule = NULL;
}

static void
rejudge(struct sluice *gw, struct flow *f, usec_t now)
{
	if (f->kind == FLOW_TCP)
		rejudge_tcp(gw, (struct tcp_flow *)(void *)f);
	else
		rejudge_datagrams(gw, f, now);
}

/*
 * The gateway's own answer to a ping needs no rule, but a rule may forbid it: then the stack hands the request up,
 * to be judged and refused like any other.
 */
void
judge_own_echo(struct sluice *gw)
{
	for (int fam = 0; fam < FAMILIES; fam++) {
		const struct tuple t = {.remote = {gw->stack.cfg.net[fam].gateway, 0},
					.proto = fam == FAMILY_V4 ? IP_PROTO_ICMP : IP_PROTO_ICMPV6};
		struct judgment j;

		judge(gw, &t, NULL, &j);
		gw->stack.echo_judged[fam] = judge_refuses(&j) && j.answer.rule;
	}
}

static void
swap(struct sluice *gw, struct settings *next)
{
	struct settings *old = gw->settings;

	intercept_settings_go(gw);
	gw->settings = next;
	if (gw_opens_tls(gw, next))
		atomic_store(&gw->opens_tls, true);
	each_flow(gw, forget_rule);
	settings_free(old);
	dns_settings_changed(gw);
	judge_own_echo(gw);
	gw->said_host = false;
	gw_log(gw, SLUICE_LOG_INFO, "policy and names were reloaded");
	event_reloaded(gw);
}

void
judge_take_settings(struct sluice *gw)
{
	struct settings *next = NULL;
	bool all = gw->rejudge;

	/* Looking costs less than taking, and there is seldom anything. */
	if (atomic_load_explicit(&gw->settings_next, memory_order_relaxed))
		next = atomic_exchange(&gw->settings_next, NULL);
	if (next) {
		swap(gw, next);
		all |= !next->keep_flows;
	}
	gw->rejudge = false;
	if (!all)
		return;
	dns_rejudge(gw, gw->now);
	each_flow(gw, rejudge);
}
