/*
 * intercept.c - which connections are opened, and their beginning and end
 *
 * What TLS needs (the library's state, the CA, leaves) is made when it is first needed, by the first connection that is opened or by
 * whoever asks for the CA's certificate, from any thread; a CA of files is read at the start, while they can be read.
 */
#include "proxy/intercept.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/ca_files.h"
#include "proxy/endpoint.h"
#include "proxy/gateway.h"
#include "proxy/intercept_int.h"

#define HTTP_PORT 80u
#define OPEN_MAX 256u /* connections, unless the configuration says otherwise */
#define WHY 256

struct authority {
	pthread_mutex_t lock; /* of what follows */
	struct sluice *gw;
	char *dir; /* of its files; NULL: none, it is of this gateway alone */
	bool only_13;
	struct tls *tls; /* NULL: nothing is made yet */
	struct tls_ca *ca;
	struct leaf_cache *leaves;
	char pem[CA_PEM];
};

/* --- what is made once --------------------------------------------------------------------------------------------- */

static void
draw(void *ctx, void *to, size_t n)
{
	struct sluice *gw = ctx;

	gw->host->ops->random(gw->host, to, n);
}

static uint64_t
seconds(const struct sluice *gw)
{
	return (uint64_t)(gw->host->ops->wall(gw->host) / USEC_PER_SEC);
}

uint64_t
intercept_seconds(const struct interception *x)
{
	return seconds(x->gw);
}

/* One of this gateway alone, which nobody else ever has the key of. */
static struct tls_ca *
make_ca(struct authority *a, struct tls *t, char *why, size_t size)
{
	char key[CA_PEM];
	struct tls_ca *ca = NULL;

	snprintf(why, size, "no memory for a certificate authority");
	if (ca_make(t, "of this gateway", seconds(a->gw), a->pem, key))
		ca = ca_read(t, view_of(a->pem, strlen(a->pem)), view_of(key, strlen(key)), seconds(a->gw),
			     why, size);
	explicit_bzero(key, sizeof(key));
	return ca;
}

static struct tls_ca *
read_ca(struct authority *a, struct tls *t, char *why, size_t size)
{
	if (!ca_files_make(t, a->dir, seconds(a->gw), why, size))
		return NULL;
	return ca_files_read(t, a->dir, seconds(a->gw), a->pem, why, size);
}

static void
give_back(struct authority *a)
{
	leaf_cache_free(a->leaves);
	ca_free(a->ca);
	tls_free(a->tls);
	a->leaves = NULL;
	a->ca = NULL;
	a->tls = NULL;
	a->pem[0] = '\0';
}

/* With the lock held.  False and a sentence. */
static bool
make_all(struct authority *a, char *why, size_t size)
{
	if (a->tls)
		return true;
	snprintf(why, size, "no memory for TLS%s",
		 a->only_13 && !tls_has_13() ? ", or only 1.3 is wanted and this library has none" : "");
	a->tls = tls_new(&(struct tls_random){draw, a->gw}, &(struct tls_options){.only_13 = a->only_13});
	if (a->tls)
		a->ca = a->dir ? read_ca(a, a->tls, why, size) : make_ca(a, a->tls, why, size);
	if (a->ca)
		a->leaves = leaf_cache_new(a->tls, a->ca, LEAF_CACHE);
	if (a->leaves)
		return true;
	give_back(a);
	return false;
}

const char *
interception_ca(const struct interception *x)
{
	struct authority *a = x->authority;
	char why[WHY];

	pthread_mutex_lock(&a->lock);
	bool made = make_all(a, why, sizeof(why));
	pthread_mutex_unlock(&a->lock);
	return made ? a->pem : "";
}

/* In the gateway's thread. */
static bool
open_library(struct interception *x, char *why, size_t size)
{
	struct authority *a = x->authority;

	if (x->tls)
		return true;
	pthread_mutex_lock(&a->lock);
	if (make_all(a, why, size)) {
		x->leaves = a->leaves;
		x->tls = a->tls;
	}
	pthread_mutex_unlock(&a->lock);
	return x->tls != NULL;
}

struct tls *
intercept_tls(struct sluice *gw)
{
	char why[WHY];

	if (!open_library(gw->intercept, why, sizeof(why)))
		gw_log_paced(gw, GW_TLS_FULL, "TLS cannot be had: %s", why);
	return gw->intercept->tls;
}

struct leaf_cache *
intercept_leaves(struct sluice *gw)
{
	return intercept_tls(gw) ? gw->intercept->leaves : NULL;
}

struct interception *
interception_new(struct sluice *gw, const struct sluice_config *cfg, char *err, size_t errlen)
{
	struct interception *x = calloc(1, sizeof(*x));
	struct authority *a = x ? calloc(1, sizeof(*a)) : NULL;

	snprintf(err, errlen, "no memory for TLS");
	if (!a || pthread_mutex_init(&a->lock, NULL) != 0) {
		free(a);
		free(x);
		return NULL;
	}
	x->gw = a->gw = gw;
	x->authority = a;
	x->max = cfg->intercept_max ? cfg->intercept_max : OPEN_MAX;
	a->only_13 = cfg->tls_only_13;
	a->dir = cfg->ca_dir ? strdup(cfg->ca_dir) : NULL;
	if ((cfg->ca_dir && !a->dir) || ((a->dir || cfg->intercept) && !open_library(x, err, errlen))) {
		interception_free(x);
		return NULL;
	}
	if (errlen > 0)
		err[0] = '\0';
	return x;
}

void
interception_free(struct interception *x)
{
	if (!x)
		return;
	give_back(x->authority);
	pthread_mutex_destroy(&x->authority->lock);
	free(x->authority->dir);
	free(x->authority);
	if (x->scratch)
		explicit_bzero(x->scratch, PASSAGE_SCRATCH);
	free(x->scratch);
	free(x->bad);
	free(x->untrusting);
	free(x);
}

/* --- which ----------------------------------------------------------------------------------------------------------- */

/* Requests in the clear have somebody who wants to see them. */
static bool
reads_requests(struct sluice *gw)
{
	return secret_store_any(gw->secrets) || policy_has_requests(gw->settings->policy) ||
	       gw->settings->tls->request_log;
}

bool
intercept_in_clear(uint16_t port)
{
	return port == HTTP_PORT;
}

bool
intercept_may(struct sluice *gw, const struct endpoint *to)
{
	const struct tls_settings *s = gw->settings->tls;

	if (!gw->intercept)
		return false;
	if (intercept_in_clear(to->port))
		return reads_requests(gw);
	return tls_settings_has_port(s, to->port) &&
	       (s->all || secret_store_any(gw->secrets) || policy_has_requests(gw->settings->policy));
}

/* A secret may go to this host. */
static bool
has_secret(struct sluice *gw, const struct hello *h)
{
	struct secret_set *set = secret_store_any(gw->secrets) ? secret_store_take(gw->secrets) : NULL;
	struct secret_plan plan = {.set = NULL};

	if (!set)
		return false;
	secret_plan_for(&plan, set, h->has_name ? &h->name : NULL, true, true);
	secret_set_drop(set);
	return plan.put != 0;
}

bool
intercept_wants(struct sluice *gw, const struct tcp_flow *tf, const struct hello *h, bool wanted)
{
	const struct tls_settings *s = gw->settings->tls;
	uint16_t port = tunnel_leads(&tf->flow).port;

	/* A server that has spoken already, or will never, does not wait for a ClientHello. */
	if (!gw->intercept || tunnel_heard(&tf->flow) > 0 || tf->host_eof)
		return false;
	if (!wanted && !(tls_settings_has_port(s, port) && (s->all || has_secret(gw, h))))
		return false;
	if (!h->has_name || !nameset_has(s->bypass, &h->name))
		return true;
	gw->count[GW_TLS_BYPASSED]++;
	return false;
}

bool
intercept_wants_plain(struct sluice *gw, const struct tcp_flow *tf)
{
	return gw->intercept && tunnel_heard(&tf->flow) == 0 && !tf->host_eof && reads_requests(gw);
}

/* --- life -------------------------------------------------------------------------------------------------------------- */

static struct intercepted *
of(const struct tcp_flow *tf)
{
	return tf->state;
}

static bool is_mine(const struct tcp_flow *tf);

const char *
intercept_text(const struct intercepted *c, char buf[INTERCEPT_TEXT])
{
	char text[NAME_TEXT], at[ENDPOINT_TEXT];

	if (c->has_name)
		snprintf(buf, INTERCEPT_TEXT, "%s", name_text(&c->name, text));
	else
		snprintf(buf, INTERCEPT_TEXT, "%s", endpoint_text(&c->passage.tf->flow.tuple.remote, at));
	return buf;
}

static void
intercepted_ready(struct sluice *gw, struct tcp_flow *tf, usec_t now)
{
	struct intercepted *c = of(tf);
	struct interception *x = c->x;
	unsigned records = 0;

	if (now >= c->until) {
		intercept_late(c, now);
		return;
	}
	/* What waits for a place has nothing to do until it is given one. */
	if (c->queue == QUEUE_PLACE || !turn_begin(c))
		return;

	usec_t began = gw->host->ops->work(gw->host);
	enum then then = intercept_step(c, now, &records);
	usec_t worked = gw->host->ops->work(gw->host) - began;

	turn_end(x, worked, records);
	if (then == THEN_AGAIN)
		turn_again(c);
}

static usec_t
intercepted_deadline(const struct tcp_flow *tf)
{
	const struct intercepted *c = of(tf);
	usec_t t = c->until;

	return c->stage == STAGE_PASSAGE ? time_min(t, passage_deadline(&c->passage)) : t;
}

static bool
intercepted_done(const struct tcp_flow *tf)
{
	const struct intercepted *c = of(tf);

	return tf->flow.fd < 0 || c->stage != STAGE_PASSAGE || c->passage.end[SIDE_SERVER].closed;
}

static void
intercepted_close(struct sluice *gw, struct tcp_flow *tf)
{
	struct intercepted *c = of(tf);
	struct interception *x = c->x;

	/* A reset is one of the ways to say it. */
	if (c->stage == STAGE_GUEST && tf->flow.reason == SLUICE_REASON_GUEST_RESET &&
	    tf->flow.to_guest > c->said)
		tell_untrusted(c, "it reset the connection when it had our certificate");
	queue_put(c, QUEUE_NONE);
	place_leave(c);
	passage_free(&c->passage);
	requests_free(c->requests);
	if (c->leaf)
		leaf_drop(x->leaves, c->leaf);
	x->open--;
	free(c);
	tf->state = NULL;
	(void)gw;
}

static const struct tcp_service intercepted_service = {
    .name = "opened",
    .ready = intercepted_ready,
    .deadline = intercepted_deadline,
    .close = intercepted_close,
    .done = intercepted_done,
};

static bool
is_mine(const struct tcp_flow *tf)
{
	return tf->service == &intercepted_service;
}

bool
intercept_reads(const struct tcp_flow *tf)
{
	return is_mine(tf) && (of(tf)->stage < STAGE_PASSAGE || of(tf)->reads);
}

void
intercept_settings_go(struct sluice *gw)
{
	for (uint32_t i = 0; gw->intercept && i < gw->flows.kind[FLOW_TCP].fresh; i++) {
		struct tcp_flow *tf = (struct tcp_flow *)(void *)flow_at(&gw->flows, FLOW_TCP, i);

		/* The certificate shown to the server is the settings'. */
		if (tf->flow.ops && is_mine(tf) && of(tf)->shown && of(tf)->stage <= STAGE_VERIFY) {
			tf->flow.reason = SLUICE_REASON_RELOAD;
			tcp_flow_refuse(gw, tf, false);
		}
	}
}

bool
intercept_hold(struct sluice *gw)
{
	struct interception *x = gw->intercept;

	if (x->open >= x->max) {
		gw_limit(gw, GW_TLS_FULL, "too many connections are opened: another was refused", 0);
		return false;
	}
	x->open++;
	return true;
}

void
intercept_let_go(struct sluice *gw)
{
	gw->intercept->open--;
}

/* A place in the table, with bytes bytes of what the guest said to be filled in; NULL: at the limit, or no memory. */
static struct intercepted *
new_one(struct sluice *gw, size_t bytes)
{
	struct interception *x = gw->intercept;

	if (!intercept_hold(gw))
		return NULL;
	if (!x->scratch)
		x->scratch = malloc(PASSAGE_SCRATCH);

	struct intercepted *c = x->scratch ? calloc(1, sizeof(*c)) : NULL;
	if (c)
		c->passage.first = malloc(bytes ? bytes : 1);
	if (!c || !c->passage.first) {
		free(c);
		intercept_let_go(gw);
		gw_limit(gw, GW_TLS_FULL, "no memory to open a connection", 0);
		return NULL;
	}
	c->x = x;
	c->passage.nfirst = (uint32_t)bytes;
	c->until = TIME_NEVER;
	return c;
}

static void
take_over(struct sluice *gw, struct tcp_flow *tf, struct intercepted *c)
{
	passage_init(&c->passage, gw, tf);
	tcp_flow_take_over(gw, tf, &intercepted_service, c);
}

bool
intercept_begin(struct sluice *gw, struct tcp_flow *tf, struct hello_reader *reader, const struct hello *h,
		struct view rest, usec_t now)
{
	struct view whole = hello_whole(reader);
	char why[WHY];

	if (!open_library(gw->intercept, why, sizeof(why))) {
		gw_log_paced(gw, GW_TLS_FULL, "no connection can be opened: %s", why);
		return false;
	}

	struct intercepted *c = new_one(gw, whole.len + rest.len);
	if (!c)
		return false;
	c->nhello = c->passage.first_at = (uint32_t)whole.len;
	memcpy(c->passage.first, whole.p, whole.len);
	if (rest.len)
		memcpy(c->passage.first + whole.len, rest.p, rest.len);
	c->has_name = h->has_name;
	if (h->has_name)
		c->name = h->name;
	/* A guest that tells its server none told its proxy one. */
	if (!h->has_name && tf->flow.tunnel && tf->flow.tunnel->name.len) {
		c->has_name = true;
		c->name = tf->flow.tunnel->name;
	}
	tls_alpn_read(h->alpn, &c->alpn);
	c->stage = STAGE_PLACE;
	c->until = now + HANDSHAKE_TIME;
	c->tls13 = h->tls13;
	take_over(gw, tf, c);
	place_take(c);
	return true;
}

bool
intercept_begin_plain(struct sluice *gw, struct tcp_flow *tf, struct view first, usec_t now)
{
	struct intercepted *c = new_one(gw, first.len);

	(void)now;
	if (!c)
		return false;
	memcpy(c->passage.first, first.p, first.len);
	c->plain = true;
	c->stage = STAGE_PROTOCOL;
	take_over(gw, tf, c);
	return true;
}
