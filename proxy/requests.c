/*
 * requests.c - requests of one connection judged: policy, agreement of names, secrets, and what is told of them
 */
#include "proxy/requests.h"

#include <stdlib.h>

#include "http/exchange.h"
#include "proxy/gateway.h"

struct requests {
	struct exchange_env env;
	struct sluice *gw;
	struct tcp_flow *tf;
	struct requests_of of;
};

static void
judge_one(void *ctx, const struct request *r, struct request_answer *out)
{
	(void)ctx;
	(void)r;
	*out = (struct request_answer){.status = 0};
}

static bool
leaked(void *ctx, const struct request *r, const struct request_leak *l, struct request_answer *out)
{
	(void)ctx;
	(void)r;
	(void)l;
	*out = (struct request_answer){.status = 403};
	return false;
}

static void
done(void *ctx, const struct request_record *r)
{
	(void)ctx;
	(void)r;
}

struct requests *
requests_new(struct sluice *gw, struct tcp_flow *tf, const struct requests_of *of)
{
	struct requests *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->gw = gw;
	r->tf = tf;
	r->of = *of;
	r->env = (struct exchange_env){.ctx = r, .judge = judge_one, .leaked = leaked, .done = done};
	return r;
}

void
requests_free(struct requests *r)
{
	free(r);
}

const struct exchange_env *
requests_env(struct requests *r)
{
	return &r->env;
}

bool
requests_opaque(struct sluice *gw, struct tcp_flow *tf, const struct requests_of *of,
		struct secret_plan *plan)
{
	struct judgment j;

	*plan = (struct secret_plan){.set = NULL};
	judge_request(gw, &tf->flow, of->sni.len ? &of->sni : NULL, of->sni.len ? "sni" : "", NULL, &j);
	if (j.verdict == VERDICT_ALLOW)
		return true;
	judge_ends(gw, &tf->flow, &j);
	return false;
}
