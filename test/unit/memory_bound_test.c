/*
 * memory_bound_test.c - the bound on a gateway's memory that follows from its limits, and that it keeps it
 *
 * Nearly all of it is address space taken by sluice_new(); what a guest does only decides how much of it is used.  What
 * policy said of each flow comes on top, and what names led where, both bounded.
 */
#include "test/unit/real_kit.h"

#include "proxy/gateway.h"

#define TIMEWAITS 4096u
#define NAMES (4u << 20) /* evidence, the name service, a small policy */
#define HEAP 16u         /* malloc()'s own, of a small block */

/* Bytes for each place, by limit: docs/embedding.md has this table. */
static size_t
per_flow(size_t place)
{
	/* At most four buckets each, as their number is a power of two over twice the flows; one place in the heap. */
	return place + 4 * sizeof(struct flow *) + sizeof(struct flow *) + sizeof(struct judged) + HEAP;
}

static size_t
bound(const struct sluice_config *cfg)
{
	size_t fixed = sizeof(struct sluice) + UDP_SLOTS * UDP_SLOT + timewait_size(TIMEWAITS);

	return NAMES + fixed + cfg->max_tcp * per_flow(sizeof(struct tcp_flow)) +
	       cfg->max_udp * per_flow(sizeof(struct udp_flow)) +
	       cfg->max_ping * per_flow(sizeof(struct ping_flow)) + cfg->memory + pool_meta_size(cfg->memory);
}

static size_t
address_space(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	unsigned long pages = 0;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lu", &pages), 1);
	fclose(f);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void
fill(struct real *r)
{
	struct sluice_stats st = {.size = sizeof(st)};
	struct pollfd fds[SLUICE_POLLFDS];
	int timeout;

	for (uint32_t i = 0; i < r->cfg.max_udp + 20; i++) {
		guest_says(r, (uint16_t)(5000 + i), 9, "x", 1);
		for (int k = 0; k < PATIENCE_MS && st.udp_opened <= i; k++) {
			int n = sluice_prepare(r->s, fds, &timeout);

			assert_true(poll(fds, (nfds_t)n, 1) >= 0);
			assert_int_equal(sluice_dispatch(r->s, fds, n), 0);
			sluice_get_stats(r->s, &st);
		}
	}
	assert_int_equal(st.udp_open, r->cfg.max_udp);
}

static void
the_bound_is_kept(void **state)
{
	static const uint32_t limits[][4] = {{16, 16, 4, 4}, {4096, 64, 64, 128}, {20000, 300, 64, 512}};

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct real r;

		real_conf(&r);
		r.cfg.max_tcp = limits[i][0];
		r.cfg.max_udp = limits[i][1];
		r.cfg.max_ping = limits[i][2];
		r.cfg.memory = (uint64_t)limits[i][3] << 20;
		size_t before = address_space();
		real_open(&r);
		size_t built = address_space() - before;
		fill(&r);
		size_t filled = address_space() - before;
		print_message(
		    "max_tcp %u, max_udp %u, max_ping %u, memory %u MiB: bound %zu, built %zu, filled %zu\n",
		    limits[i][0], limits[i][1], limits[i][2], limits[i][3], bound(&r.cfg), built, filled);
#ifndef __SANITIZE_ADDRESS__
		/* Rounding to pages, the port's rings and what malloc() takes at a time. */
		assert_in_range(built, r.cfg.memory, bound(&r.cfg) + (2u << 20));
		assert_in_range(filled, 0, built + (256u << 10));
#endif
		real_close(&r);
	}
}

static void
what_a_place_takes(void **state)
{
	(void)state;
	print_message("a TCP flow %zu, a UDP flow %zu, a ping flow %zu, fixed %zu bytes\n",
		      per_flow(sizeof(struct tcp_flow)), per_flow(sizeof(struct udp_flow)),
		      per_flow(sizeof(struct ping_flow)),
		      sizeof(struct sluice) + UDP_SLOTS * UDP_SLOT + timewait_size(TIMEWAITS));
	/* The numbers of docs/embedding.md, rounded up. */
	assert_in_range(per_flow(sizeof(struct tcp_flow)), 0, 1472);
	assert_in_range(per_flow(sizeof(struct udp_flow)), 0, 896);
	assert_in_range(per_flow(sizeof(struct ping_flow)), 0, 896);
	assert_in_range(NAMES + sizeof(struct sluice) + UDP_SLOTS * UDP_SLOT + timewait_size(TIMEWAITS), 0,
			8u << 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_a_place_takes),
	    cmocka_unit_test(the_bound_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
