/*
 * dns_answer_kit.h - one upstream's answer, filtered in a way of the test's choice, as it is told and as it is read by a
 * reader that shares no code with dns/
 */
#ifndef TEST_UNIT_DNS_ANSWER_KIT_H
#define TEST_UNIT_DNS_ANSWER_KIT_H

#include "dns/answer.h"
#include "test/unit/dns_msg_kit.h"

static struct message m;
static struct dns_answer *made;
static struct dns_filtered did;
static struct naive_dns seen;
static uint8_t out[DNS_MESSAGE_MAX];

/* --- filters --- */

static inline bool
never(void *ctx, const struct name *asked, const struct addr *a)
{
	(void)ctx, (void)asked, (void)a;
	return false;
}

/* A policy that allows 10.0.0.0/8 to names below corp.example. */
static inline bool
to_ten(void *ctx, const struct name *asked, const struct addr *a)
{
	struct name corp = kit_name_of("corp.example");
	struct addr ten = addr_v4(10u << 24);

	(void)ctx;
	return name_is_under(asked, &corp) && addr_in_net(a, &ten, 8);
}

static inline bool
is_evil(void *ctx, const struct name *n)
{
	struct name evil = kit_name_of("evil.example");

	(*(unsigned *)ctx)++;
	return name_is_under(n, &evil);
}

static unsigned denied_asked;
static const struct dns_filter all = {.ctx = NULL};
static const struct dns_filter strict = {.may_lead = never, .strip_ech = true};
static const struct dns_filter corp = {.may_lead = to_ten};
static const struct dns_filter no_evil = {.denied = is_evil, .ctx = &denied_asked};

static enum dns_made
try_make(const struct dns_query *q, const struct dns_filter *f)
{
	struct view msg = msg_end(&m);
	uint8_t *block = malloc(msg.len);

	assert_non_null(block);
	memcpy(block, msg.p, msg.len);
	dns_answer_free(made);
	made = NULL;
	enum dns_made is = dns_answer_make(view_of(block, msg.len), q, f, &did, &made);
	free(block);
	return is;
}

/* What a guest would be told: in `seen`. */
static inline void
tell(const struct dns_query *q, uint32_t age)
{
	size_t len = dns_answer_write(made, q, age, sizeof(out), EDE_NONE, NULL, out, sizeof(out));

	assert_true(len > 0);
	assert_int_equal(dns_precheck(view_of(out, len), false), PRECHECK_OK);
	assert_true(dns_is_answer_to(view_of(out, len), q, q->id));
	kit_read(out, len, &seen);
}

static inline void
make(const struct dns_query *q, const struct dns_filter *f)
{
	assert_int_equal(try_make(q, f), DNS_MADE);
	assert_true(dns_answer_is_for(made, q));
	tell(q, 0);
}

static inline bool
has_addr(unsigned section, const char *text)
{
	struct addr a;

	assert_true(addr_parse(text, &a));
	for (unsigned i = 0; i < seen.n; i++) {
		const struct naive_record *r = &seen.record[i];

		if (r->section == section && r->type == DNS_A && memcmp(out + r->at, a.b + 12, 4) == 0 &&
		    !strchr(text, ':'))
			return true;
		if (r->section == section && r->type == DNS_AAAA && memcmp(out + r->at, a.b, 16) == 0)
			return true;
	}
	return false;
}

static inline int
forget(void **state)
{
	(void)state;
	dns_answer_free(made);
	made = NULL;
	return 0;
}

#endif
