/*
 * evidence.c - which names led to which addresses
 */
#include "policy/evidence.h"

#include <stdlib.h>

struct evidence {
	uint32_t n;
};

struct evidence *
evidence_new(uint32_t entries, const uint8_t secret[16])
{
	(void)entries, (void)secret;
	return calloc(1, sizeof(struct evidence));
}

void
evidence_free(struct evidence *e)
{
	free(e);
}

void
evidence_forget(struct evidence *e)
{
	e->n = 0;
}

void
evidence_add(struct evidence *e, const struct name *name, const struct addr *a, uint32_t ttl, usec_t now)
{
	(void)name, (void)a, (void)ttl, (void)now;
	e->n++;
}

unsigned
evidence_names(const struct evidence *e, const struct addr *a, usec_t now, const struct name **out,
	       unsigned max)
{
	(void)e, (void)a, (void)now, (void)out, (void)max;
	return 0;
}

usec_t
evidence_left(const struct evidence *e, const struct name *name, const struct addr *a, usec_t now)
{
	(void)e, (void)name, (void)a, (void)now;
	return 0;
}

uint32_t
evidence_count(const struct evidence *e)
{
	return e->n;
}
