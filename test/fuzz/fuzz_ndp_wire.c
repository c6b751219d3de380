/*
 * fuzz_ndp_wire.c - any bytes as a neighbour discovery message; the first of them says which
 */
#include "stack/ndp_wire.h"

#include "test/fuzz/wire_kit.h"

#define MOST 2304u /* more than any message that is written here */

/* Reads v as one kind of message and writes that to buf; false when it is none. */
typedef bool rewrite_fn(struct view v, struct wr *w);

static bool
rewrite_ns(struct view v, struct wr *w)
{
	struct ndp_ns m;

	if (!ndp_ns_parse(v, &m))
		return false;
	must(!addr_is_multicast(&m.target) && !addr_is_v4(&m.target));
	ndp_ns_emit(w, &m);
	return true;
}

static bool
rewrite_na(struct view v, struct wr *w)
{
	struct ndp_na m;

	if (!ndp_na_parse(v, &m))
		return false;
	must(!addr_is_multicast(&m.target) && !addr_is_v4(&m.target));
	ndp_na_emit(w, &m);
	return true;
}

static bool
rewrite_rs(struct view v, struct wr *w)
{
	struct ndp_rs m;

	if (!ndp_rs_parse(v, &m))
		return false;
	ndp_rs_emit(w, &m);
	return true;
}

static bool
rewrite_ra(struct view v, struct wr *w)
{
	struct ndp_ra m;

	if (!ndp_ra_parse(v, &m))
		return false;
	must(m.prefix_len <= 128);
	ndp_ra_emit(w, &m);
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static rewrite_fn *const kinds[] = {rewrite_ns, rewrite_na, rewrite_rs, rewrite_ra};
	uint8_t first[MOST], second[MOST];
	struct wr w1 = wr_of(first, sizeof(first)), w2 = wr_of(second, sizeof(second));

	if (size == 0)
		return 0;
	rewrite_fn *rewrite = kinds[data[0] % 4];

	if (!rewrite(view_of(data + 1, size - 1), &w1))
		return 0;
	must(rewrite(written(&w1, first), &w2));
	must_be_same(written(&w1, first), written(&w2, second));
	return 0;
}
