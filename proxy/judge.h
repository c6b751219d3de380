/*
 * judge.h - policy asked about flows, and what a refusal does
 *
 * Everything of the guest passes here before the host is touched: SYNs, datagrams that begin a flow (with
 * endpoint-independent mappings: each new remote end), echo requests, clients of published ports.  DNS (port 53) is
 * judged by name in dns_service.c, on top of this where the guest chose the resolver itself.
 */
#ifndef PROXY_JUDGE_H
#define PROXY_JUDGE_H

#include "policy/policy.h"
#include "proxy/flow.h"
#include "sluice.h"

struct settings;

#define JUDGE_HOST 288u /* an authority that is shown */

/* A decision and what to say of it. */
struct judgment {
	enum verdict verdict;
	enum sluice_reason reason; /* of a refusal */
	struct policy_answer answer;
	struct name name;      /* that was told, or that evidence has; len 0: none */
	const char *name_from; /* "sni", "host", "evidence"; "" */
	bool ingress;
	struct endpoint client; /* ingress: who asks */
	/* What was judged is a request: it, as long as the call that was made with it, and the host it is for; NULL: a flow. */
	const struct policy_request *request;
	char host[JUDGE_HOST];
	const char *why; /* what is to be said instead of the reason's words; NULL */
};

/*
 * What a flow keeps of its judgment: so that it can be judged again (a reload) by what allowed it before, and so that the
 * events of its beginning and its end can say.
 */
struct judged {
	enum verdict verdict; /* the last: also of a judgment that ends the flow */
	const struct rule
	    *rule; /* that decided, of the policy in force; NULL: none, or it went with its policy */
	bool floor, named;
	const char *told_by;
	struct judged_names {
		struct name proof, told; /* len 0: no evidence was needed; none was told */
	} names[]; /* one if `named`, else none: most flows need no name and cost no room for any */
};
static inline const struct name *
judged_proof(const struct judged *j) /* NULL: none */
{
	return j && j->named && j->names->proof.len ? &j->names->proof : NULL;
}
static inline const struct name *
judged_told(const struct judged *j) /* NULL: none */
{
	return j && j->named && j->names->told.len ? &j->names->told : NULL;
}

/* May a name still be told to this port?  On port 53 this gateway itself answers; of datagrams only QUIC's have one. */
enum claim judge_claim(uint8_t proto, uint16_t port);
/* May requests to this port still be read? */
enum claim judge_claim_requests(uint8_t proto, uint16_t port);
/* Why q is refused with the answer a, of a rule or of what is refused beside the rules; NONE: it is not (yet). */
enum sluice_reason judge_reason(const struct settings *s, const struct policy_question *q,
				const struct policy_answer *a);

/* A flow that would begin now.  client: of a published port (t->remote is then only the name it gets), else NULL. */
void judge(struct sluice *gw, const struct tuple *t, const struct endpoint *client, struct judgment *out);
/* May the guest begin one more flow now?  False: it is as if lost (counted, a LIMIT event). */
bool judge_pace(struct sluice *gw, usec_t now);
/* The same once the guest's first flight is known: told NULL: no name.  f->judged is what allowed it so far.  PEEK: its requests
 * will decide, or if none can be read judge_request() without one. */
void judge_told(struct sluice *gw, const struct flow *f, const struct name *told, const char *told_by,
		struct judgment *out);
/*
 * The same for a request of the flow.  r NULL: what the flow carries will never be known as requests.  PEEK is no possible verdict then.
 * told: as judge_told(); requests judged one by one leave f->judged as it is.
 */
void judge_request(struct sluice *gw, const struct flow *f, const struct name *told, const char *told_by,
		   const struct policy_request *r, struct judgment *out);
/*
 * Where a proxy is asked to connect to, as a destination of its own (tunnel.h).  The proxy resolves a name, so no evidence leads there, and
 * rules that allow it by name alone match only if it proves itself; its address is taken to be a public one.
 */
enum tunnel_way {
	TUNNEL_SEALED, /* nobody will read what passes */
	TUNNEL_READ,   /* it is watched; PEEK: what comes decides */
	TUNNEL_OPENED, /* ... opened, and its server's certificate must be good for the name */
};
void judge_tunnel(struct sluice *gw, const struct flow *f, const struct tunnel *to, enum tunnel_way way,
		  struct judgment *out);
/* A flow that lives, by the policy in force now and by what allowed it so far.  fresh: nothing the guest said has
 * passed yet, so a name may still come, or its requests are read one by one (TCP: PEEK is a possible verdict). */
void judge_again(struct sluice *gw, const struct tuple *t, const struct endpoint *client,
		 const struct judged *was, bool fresh, struct judgment *out);
/* Keep what j said in f, or in *in (malloc()ed when there is something to keep).  False: no memory. */
bool judge_keep(struct flow *f, const struct judgment *j);
bool judge_keep_in(struct judged **in, const struct judgment *j);
static inline bool
judge_refuses(const struct judgment *j)
{
	return j->verdict == VERDICT_DENY || j->verdict == VERDICT_DROP;
}

/*
 * A refusal: counted, an event, a line in the guest's list of refusals (refusals.h), and once the remedy in the log when a
 * rule for @host was missing.  f: the flow, if there is one (it is not ended here).  What the guest is told is the
 * caller's affair.
 */
void judge_refused(struct sluice *gw, const struct tuple *t, const struct flow *f,
		   const struct endpoint *client, const struct judgment *j);
/* The same for a flow that ends because of j, which gives it reason, rule and name to be told at its end; ending it is
 * the caller's. */
void judge_ends(struct sluice *gw, struct flow *f, const struct judgment *j);
/* A DNS query or a part of its answer that was refused. */
void judge_name_refused(struct sluice *gw, const struct tuple *t, const struct name *n,
			enum sluice_reason reason, const struct policy_answer *a);
/* A request within a flow that lives: kind REQUEST_REFUSED. */
void judge_request_refused(struct sluice *gw, const struct flow *f, const struct judgment *j);
/* The same, or a flow's bytes, for a placeholder in it, without an event: that is event_secret(). */
void judge_secret_refused(struct sluice *gw, const struct flow *f, const struct judgment *j);

/* May this name be asked for over proto?  The gateway's own two always, unless a rule denies them by name.  False: *out
 * says what refuses it.  Needs no gateway. */
bool judge_may_ask(const struct settings *s, uint8_t proto, const struct name *n, struct policy_answer *out);

/* One sentence for the guest and for people: "tcp 203.0.113.5:25 (mail.example): no rule allows it", "POST https://api.example/x
 * (203.0.113.5:443): ...".  Nothing in it ends a line or moves a terminal. */
#define JUDGE_TEXT 512
char *judge_text(const struct tuple *t, const struct judgment *j, char buf[JUDGE_TEXT]);

/* --- own_addresses.c ------------------------------------------------------------------------------------- */

/* Where the gateway stands now: its addresses, and the host's own as they change. */
const struct surroundings *judge_surroundings(struct sluice *gw);
/* Before the first judgment: 0, or -errno: the host's addresses cannot be read. */
int own_addresses_open(struct sluice *gw);

/* --- reload.c -------------------------------------------------------------------------------------------- */

/* Whether the gateway itself answers pings: with each new policy. */
void judge_own_echo(struct sluice *gw);
/* Takes what sluice_reload() left, if anything: swaps, judges all flows again.  Once a turn.  Flows are judged again
 * also when the host's own addresses have changed. */
void judge_take_settings(struct sluice *gw);

#endif
