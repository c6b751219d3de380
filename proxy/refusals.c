/*
 * refusals.c - the last things the guest was refused
 */
#include "proxy/refusals.h"

#include <stdlib.h>

void
refusals_forget(struct refusals *r)
{
	r->n = r->next = 0;
}

void
refusals_free(struct refusals *r)
{
	free(r->entry);
	r->entry = NULL;
}
