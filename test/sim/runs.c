/*
 * runs.c - sets of offsets as sorted runs
 */
#include "test/sim/inside.h"

bool
runs_add(struct runs *r, uint64_t from, uint64_t until)
{
	unsigned at = 0, end;

	if (from >= until)
		return true;
	while (at < r->n && r->run[at].until < from)
		at++;
	for (end = at; end < r->n && r->run[end].from <= until; end++) {
		from = r->run[end].from < from ? r->run[end].from : from;
		until = r->run[end].until > until ? r->run[end].until : until;
	}
	if (at == end && r->n == RUNS_MAX)
		return false;
	memmove(&r->run[at + 1], &r->run[end], (r->n - end) * sizeof(r->run[0]));
	r->n = r->n - (end - at) + 1;
	r->run[at] = (struct run){from, until};
	return true;
}

uint64_t
runs_end(const struct runs *r, uint64_t at)
{
	for (unsigned i = 0; i < r->n; i++)
		if (r->run[i].from <= at && at < r->run[i].until)
			return r->run[i].until;
	return at;
}

bool
runs_have(const struct runs *r, uint64_t from, uint64_t until)
{
	return from >= until || runs_end(r, from) >= until;
}
