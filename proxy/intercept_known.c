/*
 * intercept_known.c - servers that cost too much lately, and names whose certificate guests did not take
 *
 * Both tables are small and made when first needed; what is oldest makes room.  A server is known by the name the guest told, or by
 * its address if it told none, and by its port.
 */
#include <stdlib.h>

#include "proxy/gateway.h"
#include "proxy/intercept_int.h"

static bool
is_it(const struct bad_server *b, const struct intercepted *c)
{
	const struct endpoint leads = tunnel_leads(&c->passage.tf->flow), *at = &leads;

	if (b->at.port != at->port)
		return false;
	if (c->has_name)
		return b->name.len && name_eq(&b->name, &c->name);
	return b->name.len == 0 && addr_eq(&b->at.addr, &at->addr);
}

void
bad_server_add(struct intercepted *c, usec_t now)
{
	struct interception *x = c->x;

	if (!x->bad)
		x->bad = calloc(BAD_SERVERS, sizeof(*x->bad));
	if (!x->bad)
		return;

	struct bad_server *at = &x->bad[0];
	for (unsigned i = 0; i < BAD_SERVERS; i++) {
		if (x->bad[i].until && is_it(&x->bad[i], c)) {
			at = &x->bad[i];
			break;
		}
		if (x->bad[i].until < at->until)
			at = &x->bad[i];
	}
	*at = (struct bad_server){.at = tunnel_leads(&c->passage.tf->flow), .until = now + BAD_TIME};
	if (c->has_name)
		at->name = c->name;
}

bool
bad_server_is(const struct intercepted *c, usec_t now)
{
	const struct bad_server *b = c->x->bad;

	for (unsigned i = 0; b && i < BAD_SERVERS; i++)
		if (now < b[i].until && is_it(&b[i], c))
			return true;
	return false;
}

uint32_t
untrusting_add(struct intercepted *c)
{
	struct interception *x = c->x;

	if (!c->has_name)
		return 1;
	if (!x->untrusting)
		x->untrusting = calloc(UNTRUSTING, sizeof(*x->untrusting));
	if (!x->untrusting)
		return 1;

	struct untrusting *at = &x->untrusting[0];
	for (unsigned i = 0; i < UNTRUSTING; i++) {
		if (x->untrusting[i].times && name_eq(&x->untrusting[i].name, &c->name)) {
			at = &x->untrusting[i];
			break;
		}
		if (x->untrusting[i].last < at->last)
			at = &x->untrusting[i];
	}
	if (at->times && !name_eq(&at->name, &c->name))
		at->times = 0;
	at->name = c->name;
	at->last = ++x->refusals;
	return ++at->times;
}
