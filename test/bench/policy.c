/*
 * policy.c - how long a policy takes to load and to decide, with 1,000,000 blocked names and 100,000 networks
 *
 *	policy [NAMES [NETWORKS]]
 *
 * One rule refuses a list of all of them, the profile `public` allows the rest: the worst case of an ordinary policy,
 * because whatever is allowed has been looked for in both sets.  The list is read as a file's text would be.  Every
 * decision is timed for itself, with what reading the clock costs taken off; the questions are drawn before, so that
 * neighbours share nothing in the caches.  Prints one JSON object a line: `load` (ms, bytes of heap for each name, the
 * networks' included), and in nanoseconds, half of them refused:
 *	policy_syn     a SYN by its address
 *	policy_told    a connection whose name was told, by address and name
 *	policy_name    a name that is asked for
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "policy/policy.h"
#include "sluice.h"
#include "stack/ip_wire.h"
#include "test/bench/common.h"

#define QUESTIONS 200000u
#define LINE 64u

struct size {
	unsigned names, nets;
};

/* splitmix64 */
static uint64_t
draw(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* Names as block lists have them: two to four labels, 10 to 40 bytes.  The same number is the same name. */
static int
name_line(unsigned i, bool blocked, char *to)
{
	uint64_t seed = i * 2ull + blocked;
	uint64_t r = draw(&seed);

	if (i % 3 == 0)
		return snprintf(to, LINE, "%s%x.%c%u.com", blocked ? "ads" : "www", i, (char)('a' + r % 26),
				(unsigned)(r >> 8) % 100000);
	if (i % 3 == 1)
		return snprintf(to, LINE, "%s%u.net", blocked ? "tracker-of-" : "shop-", i);
	return snprintf(to, LINE, "%c%x.%s.metrics-%u.example.org", (char)('a' + r % 26), i,
			blocked ? "cdn" : "app", (unsigned)(r >> 8) % 1000);
}

/* Networks of 24 bits in the lower half of 32.0.0.0/3; a sixth of 48 bits below 2a00::/16. */
static int
net_line(unsigned i, char *to)
{
	if (i % 6 == 0)
		return snprintf(to, LINE, "2a00:%x:%x::/48", i >> 16 & 0xffff, i & 0xffff);
	return snprintf(to, LINE, "%u.%u.%u.0/24", 32 + (i >> 15), i >> 7 & 0xff, (i << 1) & 0xff);
}

/* file_reader */
static char *
list_text(void *ctx, const char *path, size_t *len, const char **why)
{
	const struct size *size = ctx;
	char *text = malloc((size_t)(size->names + size->nets) * LINE + 1), *to = text;

	(void)path;
	*why = "no memory";
	for (unsigned i = 0; text && i < size->names; i++) {
		to += name_line(i, true, to);
		*to++ = '\n';
	}
	for (unsigned i = 0; text && i < size->nets; i++) {
		to += net_line(i, to);
		*to++ = '\n';
	}
	*len = (size_t)(to - text);
	return text;
}

static size_t
heap(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

static void
complain(void *ctx, const struct diag *d)
{
	(void)ctx;
	fprintf(stderr, "policy: %s\n", d->text);
}

/* The text is made before the clock runs. */
struct prepared {
	char *text;
	size_t len;
};

static char *
hand_over(void *ctx, const char *path, size_t *len, const char **why)
{
	struct prepared *p = ctx;
	char *text = p->text;

	(void)path, (void)why;
	*len = p->len;
	p->text = NULL;
	return text;
}

static struct policy *
load(const struct size *size)
{
	struct diag_sink d = {.told = complain};
	struct size copy = *size;
	struct prepared list;
	struct rules rules = {0};
	const char *why;

	list.text = list_text(&copy, "blocked", &list.len, &why);
	if (!list.text)
		die(why);
	size_t before = heap() - malloc_usable_size(list.text);
	double start = seconds_now();
	bool good = rules_read(&rules, &(struct rule_source){.text = "deny to @file:blocked"}, 1, "public",
			       hand_over, &list, &d);
	struct policy *p = policy_build(&rules, NULL, &d);
	double took = seconds_now() - start;

	if (!good || !p)
		die(d.first);
	printf(
	    "{\"row\":\"policy_load\",\"gateway\":\"sluice\",\"version\":\"%s\",\"foreign\":0,\"names\":%u,"
	    "\"networks\":%u,\"value\":%.0f,\"bytes_per_name\":%.1f,\"counted_bytes_per_name\":%.1f}\n",
	    sluice_version(), size->names, size->nets, took * 1e3, (double)(heap() - before) / size->names,
	    (double)policy_memory(p) / size->names);
	return p;
}

/* --- questions ---------------------------------------------------------------------------------------------- */

struct asked {
	struct policy_question q;
	struct name name;
};

static struct addr
some_addr(uint64_t *seed, unsigned nets)
{
	struct addr a = addr_v4(0x20000000);
	unsigned i = (unsigned)(draw(seed) % nets);
	uint64_t r = draw(seed);

	if (i % 6 == 0) {
		a = (struct addr){
		    {0x2a, 0x00, (uint8_t)(i >> 24), (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}};
		a.b[3] ^= r & 1; /* a neighbour, which is in none */
		a.b[15] = (uint8_t)(r >> 8);
		return a;
	}
	return addr_v4(((32 + (i >> 15)) << 24 | (i >> 7 & 0xff) << 16 | ((i << 1) & 0xff) << 8) +
		       (r & 0x1ff));
}

static struct name
some_name(uint64_t *seed, unsigned names)
{
	uint64_t r = draw(seed);
	char text[LINE];
	struct name n = {0};
	int len = name_line((unsigned)(r >> 1) % names, r & 1, text);

	if (!name_parse(text, (size_t)len, &n))
		die(text);
	return n;
}

static struct asked *
draw_all(const struct size *size, enum claim claim)
{
	struct asked *a = calloc(QUESTIONS, sizeof(*a));
	uint64_t seed = 1;

	if (!a)
		die("questions");
	for (unsigned i = 0; i < QUESTIONS; i++) {
		a[i].name = some_name(&seed, size->names);
		a[i].q = (struct policy_question){.proto = IP_PROTO_TCP,
						  .remote = some_addr(&seed, size->nets),
						  .port = 443,
						  .claim = claim,
						  .told = &a[i].name};
	}
	return a;
}

static double
nanoseconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int
by_time(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return x < y ? -1 : x > y;
}

/* The median of what two readings of the clock are apart. */
static double
clock_cost(float *ns)
{
	for (unsigned i = 0; i < QUESTIONS; i++) {
		double start = nanoseconds();

		ns[i] = (float)(nanoseconds() - start);
	}
	qsort(ns, QUESTIONS, sizeof(*ns), by_time);
	return (double)ns[QUESTIONS / 2];
}

static void
measure(const struct policy *p, const struct size *size, const char *row, enum claim claim, bool name)
{
	struct asked *a = draw_all(size, claim);
	float *ns = malloc(QUESTIONS * sizeof(*ns));
	struct surroundings where = {.nown = 0};
	unsigned refused = 0;

	if (!ns)
		die("times");
	double cost = clock_cost(ns);
	for (unsigned i = 0; i < QUESTIONS; i++) {
		struct policy_answer out;
		double start = nanoseconds();

		if (name)
			policy_decide_name(p, IP_PROTO_UDP, &a[i].name, &out);
		else
			policy_decide(p, &where, NULL, 0, &a[i].q, &out);
		ns[i] = (float)(nanoseconds() - start - cost);
		refused += out.verdict >= VERDICT_DENY;
	}
	qsort(ns, QUESTIONS, sizeof(*ns), by_time);
	printf("{\"row\":\"%s\",\"gateway\":\"sluice\",\"version\":\"%s\",\"foreign\":0,\"value\":%.0f,"
	       "\"p99\":%.0f,"
	       "\"refused\":%.2f}\n",
	       row, sluice_version(), (double)ns[QUESTIONS / 2], (double)ns[QUESTIONS / 100 * 99],
	       (double)refused / QUESTIONS);
	free(ns);
	free(a);
}

int
main(int argc, char **argv)
{
	struct size size = {.names = 1000000, .nets = 100000};

	if (argc > 1)
		size.names = (unsigned)number("NAMES", argv[1], 1, 10e6);
	if (argc > 2)
		size.nets = (unsigned)number("NETWORKS", argv[2], 1, 1e6);

	struct policy *p = load(&size);
	measure(p, &size, "policy_syn", CLAIM_PENDING, false);
	measure(p, &size, "policy_told", CLAIM_TOLD, false);
	measure(p, &size, "policy_name", CLAIM_NONE, true);
	policy_free(p);
	return 0;
}
