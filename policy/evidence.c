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
