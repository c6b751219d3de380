/*
 * fault_test.c - worlds in which one call to the host fails (row G6)
 *
 * Each seed makes a world; how often it calls each operation is counted, and then one of these calls, drawn from the seed as well, fails
 * with one of the errnos it may have.  The world is lenient then: a conversation may end early, all that it moved until then is judged, and
 * so is everything else: what all of them hold, and what is left in the end.  What the model does not understand is not here: a client that is
 * accepted and closed at once (accept, arm), names that have no address because their family leads nowhere (connect to a root), and a shutdown(2) that fails, which Linux does only where there is no connection any more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <errno.h>

#include "test/sim/world.h"

#define SEEDS 200u
#define FAULTS 12u /* of each */

static const struct {
	const char *op;
	int error[4];
} table[] = {
    {"socket", {EMFILE, ENOBUFS, ENOMEM, ENFILE}},
    {"connect", {ECONNREFUSED, ENETUNREACH, EADDRNOTAVAIL, EAGAIN}},
    {"connect_result", {ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH, ECONNRESET}},
    {"readv", {EAGAIN, ECONNRESET, ETIMEDOUT, ENOMEM}},
    {"writev", {EAGAIN, EPIPE, ENOBUFS, ENOMEM}},
    {"recvmmsg", {EAGAIN, ECONNREFUSED, ENOMEM, EHOSTUNREACH}},
    {"sendmmsg", {EAGAIN, EPERM, ENOBUFS, EMSGSIZE}},
    {"recv", {EAGAIN, ECONNREFUSED, ENOMEM, EHOSTUNREACH}},
    {"send", {EAGAIN, EPERM, ENOBUFS, ENETUNREACH}},
    {"events", {EINTR, ENOMEM, EINTR, ENOMEM}},
    {"sockerr", {EAGAIN, ENOMEM, EAGAIN, ENOMEM}},
};
#define OPERATIONS (sizeof(table) / sizeof(table[0]))

static uint64_t injected;

static uint64_t
draw(uint64_t *luck)
{
	uint64_t z = *luck += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	return z ^ z >> 27;
}

/* The calls of each operation are counted as the world goes on. */
static void
count(struct sim *s, void *ctx)
{
	uint64_t *calls = ctx;

	for (size_t i = 0; i < OPERATIONS; i++)
		calls[i] = vhost_calls(sim_bed(s)->vhost, table[i].op);
}

static void
G6_worlds_survive_a_failing_call(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		uint64_t calls[OPERATIONS] = {0}, luck = seed;
		struct sim_setting set = {.seed = seed, .without = SIM_DNS, .turn = count, .ctx = calls};
		struct sim_result res = {.complaint = ""};

		sim_run(&set, &res);
		assert_string_equal(res.complaint, "");
		for (unsigned n = 0; n < FAULTS; n++) {
			size_t i = draw(&luck) % OPERATIONS;

			if (calls[i] == 0)
				continue;
			struct sim_fault f = {table[i].op, 1 + (int)(draw(&luck) % calls[i]),
					      table[i].error[draw(&luck) % 4]};
			struct sim_setting failing = {
			    .seed = seed, .without = SIM_DNS, .lenient = true, .fault = &f, .nfault = 1};
			sim_run(&failing, &res);
			if (res.complaint[0])
				fail_msg("seed %u, %s, call %d, %s: %s", (unsigned)seed, f.op, f.nth,
					 strerror(f.error), res.complaint);
			injected++;
		}
	}
	print_message("%u faults in %u worlds\n", (unsigned)injected, SEEDS);
	assert_true(injected > SEEDS * 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(G6_worlds_survive_a_failing_call)};

	return cmocka_run_group_tests_name("worlds with faults", tests, NULL, NULL);
}
