/*
 * own_addresses.c - which addresses are the host's own, as they come and go
 *
 * A connection to an address of one of the host's interfaces is one to the host, also where the address looks like any
 * other (P7), so the list has to be right at the moment of each judgment.  Where the host tells of changes, the first
 * judgment of a turn asks whether there was one; and the change itself wakes the loop, so that flows that lead to what
 * has become the host are judged again.  Where it does not, the list is read again once a second, when it is needed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/gateway.h"

#define LOOK_AGAIN USEC_PER_SEC

static int
by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct addr));
}

/* Sorted and each once, so that two lists can be compared. */
static size_t
tidy(struct addr *a, size_t n)
{
	size_t kept = 0;

	if (n > 0)
		qsort(a, n, sizeof(*a), by_bytes);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || !addr_eq(&a[kept - 1], &a[i]))
			a[kept++] = a[i];
	return kept;
}

/* The guest names us by our link-local address too. */
static int
with_ours(struct sluice *gw, struct addr **list, size_t *n)
{
	if (!gw->stack.cfg.net[FAMILY_V6].on)
		return 0;

	struct addr *more = realloc(*list, (*n + 1) * sizeof(**list));
	if (!more)
		return -ENOMEM;
	more[(*n)++] = gw->stack.link_local;
	*list = more;
	return 0;
}

/* 0 or -errno: what was known stays. */
static int
read_again(struct sluice *gw)
{
	struct addr *list;
	size_t n;
	int r = gw->host->ops->addrs(gw->host, &list, &n);

	if (r == 0)
		r = with_ours(gw, &list, &n);
	if (r < 0) {
		free(list);
		return r;
	}
	n = tidy(list, n);
	if (n == gw->where.nown && (n == 0 || memcmp(list, gw->own, n * sizeof(*list)) == 0)) {
		free(list);
		return 0;
	}
	free(gw->own);
	gw->own = list;
	gw->where.own = list;
	gw->where.nown = n;
	gw->rejudge = true;
	return 0;
}

static bool
is_time(struct sluice *gw)
{
	if (gw->now >= gw->own_at)
		return true;
	if (!gw->own_watched || gw->own_turn == gw->count[GW_TURNS])
		return false;
	gw->own_turn = gw->count[GW_TURNS];
	return gw->host->ops->addrs_changed(gw->host);
}

const struct surroundings *
judge_surroundings(struct sluice *gw)
{
	if (is_time(gw)) {
		int r = read_again(gw);

		gw->own_at = gw->own_watched && r == 0 ? TIME_NEVER : gw->now + LOOK_AGAIN;
		if (r < 0)
			gw_log(gw, SLUICE_LOG_WARNING, "cannot read the host's addresses: %s", strerror(-r));
	}
	return &gw->where;
}

int
own_addresses_open(struct sluice *gw)
{
	for (enum family fam = FAMILY_V4; fam < FAMILIES; fam++) {
		const struct stack_net *net = &gw->stack.cfg.net[fam];

		if (net->on) {
			gw->where.gateway[fam] = net->gateway;
			gw->where.dns[fam] = net->dns;
		}
	}
	/* Watched before they are read: what changes in between is told. */
	gw->own_watched = gw->host->ops->addrs_watch(gw->host, TOKEN_OWN) == 0;
	gw->own_at = gw->own_watched ? TIME_NEVER : gw->now + LOOK_AGAIN;

	int r = read_again(gw);
	gw->rejudge = false;
	return r;
}
