/*
 * decide_kit.h - a policy from its text, what led where, and questions as short as they can be written
 *
 * The gateway of these tests is 10.0.2.2 and fd00:2::2, its resolver 10.0.2.3 and fd00:2::3; the host has 192.0.0.9,
 * 93.184.216.1 and 2a00:1::1 on its interfaces.
 */
#ifndef TEST_UNIT_DECIDE_KIT_H
#define TEST_UNIT_DECIDE_KIT_H

#include "policy/policy.h"
#include "stack/ip_wire.h"

#include "test/unit/wire_kit.h"

#define TCP IP_PROTO_TCP
#define UDP IP_PROTO_UDP
#define ICMP IP_PROTO_ICMP
#define KIT_START (1000 * USEC_PER_SEC)

struct kit {
	struct policy *p;
	struct evidence *e;
	struct surroundings where;
	struct addr own[3];
	usec_t now;
	struct policy_answer a; /* of the last question */
	struct name told, proof;
	char said[DIAG_TEXT]; /* the last thing that building said */
	unsigned warnings, errors;
};

static inline struct name
kit_name(const char *text)
{
	struct name n;

	assert_true(name_parse(text, strlen(text), &n));
	return n;
}

static inline void
kit_told(void *ctx, const struct diag *d)
{
	struct kit *k = ctx;

	memcpy(k->said, d->text, sizeof(k->said));
	*(d->error ? &k->errors : &k->warnings) += 1;
}

/* Rules, one a line. */
static inline struct rules
kit_rules(const char *text, const char *profiles, struct diag_sink *d)
{
	struct rules r = {0};
	char *copy = strdup(text), *rest = copy;

	for (char *line; (line = strtok_r(rest, "\n", &rest));)
		if (!rules_read(&r, &(struct rule_source){.text = line}, 1, NULL, NULL, NULL, d))
			fail_msg("%s", d->first);
	assert_true(rules_read(&r, NULL, 0, profiles, NULL, NULL, d));
	free(copy);
	return r;
}

static inline void
kit_surround(struct kit *k)
{
	k->own[0] = kit_addr("192.0.0.9");
	k->own[1] = kit_addr("93.184.216.1");
	k->own[2] = kit_addr("2a00:1::1");
	k->where = (struct surroundings){
	    .gateway = {kit_addr("10.0.2.2"), kit_addr("fd00:2::2")},
	    .dns = {kit_addr("10.0.2.3"), kit_addr("fd00:2::3")},
	    .own = k->own,
	    .nown = 3,
	};
}

/* profiles NULL: none; floor NULL: none. */
static inline void
kit_build(struct kit *k, const char *rules, const char *profiles, const char *floor)
{
	static const uint8_t secret[16] = "evidence secret";
	struct diag_sink d = {.told = kit_told, .ctx = k};

	memset(k, 0, sizeof(*k));
	struct rules own = kit_rules(rules, profiles, &d), below = {0};
	if (floor)
		below = kit_rules(floor, NULL, &d);
	kit_surround(k);
	k->now = KIT_START;
	k->e = evidence_new(EVIDENCE_ENTRIES, secret);
	k->p = policy_build(&own, floor ? &below : NULL, &d);
	assert_non_null(k->e);
	assert_null(own.rule);
	assert_null(below.rule);
}

static inline void
kit_end(struct kit *k)
{
	policy_free(k->p);
	evidence_free(k->e);
}

/* This gateway answered that name with this address. */
static inline void
kit_led(struct kit *k, const char *name, const char *addr)
{
	struct name n = kit_name(name);
	struct addr a = kit_addr(addr);

	evidence_add(k->e, &n, &a, 300, k->now);
}

static inline enum verdict
kit_ask(struct kit *k, const struct policy_question *q)
{
	assert_non_null(k->p);
	policy_decide(k->p, &k->where, k->e, k->now, q, &k->a);
	return k->a.verdict;
}

/* A flow of the guest's of which no name is told. */
static inline enum verdict
kit_flow(struct kit *k, uint8_t proto, const char *addr, uint16_t port)
{
	return kit_ask(k, &(struct policy_question){
			      .proto = proto, .remote = kit_addr(addr), .port = port, .claim = CLAIM_NONE});
}

/* A SYN, of which a name may still be told. */
static inline enum verdict
kit_syn(struct kit *k, const char *addr, uint16_t port)
{
	return kit_ask(k, &(struct policy_question){
			      .proto = TCP, .remote = kit_addr(addr), .port = port, .claim = CLAIM_PENDING});
}

static inline enum verdict
kit_sni(struct kit *k, const char *addr, uint16_t port, const char *name)
{
	k->told = kit_name(name);
	return kit_ask(
	    k,
	    &(struct policy_question){
		.proto = TCP, .remote = kit_addr(addr), .port = port, .claim = CLAIM_TOLD, .told = &k->told});
}

static inline enum verdict
kit_client(struct kit *k, uint8_t proto, const char *addr, uint16_t port)
{
	return kit_ask(k, &(struct policy_question){.ingress = true,
						    .proto = proto,
						    .remote = kit_addr(addr),
						    .port = port,
						    .claim = CLAIM_NONE});
}

static inline enum verdict
kit_lookup(struct kit *k, uint8_t proto, const char *name)
{
	struct name n = kit_name(name);

	policy_decide_name(k->p, proto, &n, &k->a);
	return k->a.verdict;
}

/* The number of the rule that decided; 0: none, or a profile's. */
static inline unsigned
kit_rule(const struct kit *k)
{
	return k->a.rule ? k->a.rule->number : 0;
}

#define ALLOWED(expression) assert_int_equal(expression, VERDICT_ALLOW)
#define PEEKED(expression) assert_int_equal(expression, VERDICT_PEEK)
#define DENIED(expression) assert_int_equal(expression, VERDICT_DENY)
#define DROPPED(expression) assert_int_equal(expression, VERDICT_DROP)

#endif
