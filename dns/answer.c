/*
 * answer.c - an upstream's answer becomes one of ours
 */
#include "dns/answer.h"

#include <stdlib.h>

struct dns_answer {
	uint8_t rcode;
	uint32_t ttl;
};

enum dns_made
dns_answer_make(struct view msg, const struct dns_query *q, const struct dns_filter *f,
		struct dns_filtered *did, struct dns_answer **out)
{
	(void)q, (void)f;
	memset(did, 0, sizeof(*did));
	*out = calloc(1, sizeof(**out));
	if (!*out)
		return DNS_NO_MEMORY;
	(*out)->rcode = dns_rcode(msg);
	return DNS_MADE;
}

struct dns_answer *
dns_answer_local(const struct dns_query *q, const struct addr *a, unsigned n, uint32_t ttl)
{
	(void)q, (void)a, (void)n, (void)ttl;
	return calloc(1, sizeof(struct dns_answer));
}

void
dns_answer_free(struct dns_answer *a)
{
	free(a);
}

const struct dns_filtered *
dns_answer_filtered(const struct dns_answer *a)
{
	(void)a;
	return NULL;
}

bool
dns_answer_is_for(const struct dns_answer *a, const struct dns_query *q)
{
	(void)a, (void)q;
	return false;
}

uint8_t
dns_answer_rcode(const struct dns_answer *a)
{
	return a->rcode;
}

uint32_t
dns_answer_ttl(const struct dns_answer *a)
{
	return a->ttl;
}

size_t
dns_answer_memory(const struct dns_answer *a)
{
	return sizeof(*a);
}

size_t
dns_answer_write(const struct dns_answer *a, const struct dns_query *q, uint32_t age, size_t limit, int ede,
		 const char *text, uint8_t *out, size_t room)
{
	(void)age;
	return dns_error(q, a->rcode, ede, text, out, limit < room ? limit : room);
}

void
dns_answer_prove(const struct dns_answer *a, uint32_t age, struct evidence *e, usec_t now)
{
	(void)a, (void)age, (void)e, (void)now;
}
