/*
 * tls.c - two bare TLS ends back to back in memory: what the library alone costs
 *
 *	tls [SECONDS]
 *
 * Nothing but the library and tls/ works here: no sockets, no gateway.  It is what an intercepted connection is held against.
 * CPU time of this thread, SECONDS (1) for each measurement.  Prints one JSON object a line; N is 12 and, where the library has it, 13:
 *	tlsN_handshake   whole handshakes, both ends, P-256 leaf: a second; the median and the worst of their longest steps, ms
 *	tlsN_resumed     those of sessions that are taken up again
 *	tlsN_SUITE       bytes sealed and opened again, in the longest records: MB/s of one thread doing both; as tls/ does it, and
 *	                 (gateway "Mbed TLS") by the library alone
 *	tlsN_memory      bytes of heap of both ends after a handshake; its peak; the guest's end of them
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sluice.h"
#include "test/bench/common.h"
#include "test/unit/tls_end_kit.h"
#include "tls/end.h"

static uint64_t luck = 1;
static struct kit_identity leaf;
static struct kit_pair *pair;

static double
cpu_now(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) != 0)
		die("clock_gettime");
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static size_t
heap(void)
{
	return mallinfo2().uordblks + mallinfo2().hblkhd;
}

static void
need(bool truth, const char *what)
{
	if (truth)
		return;
	fprintf(stderr, "tls: %s\n", what);
	exit(1);
}

/* The head of a line. */
static void
row_of(const char *whose, const char *its_version, int version, const char *what, double value)
{
	printf("{\"row\":\"tls%d_%s\",\"gateway\":\"%s\",\"version\":\"%s\",\"foreign\":0,\"value\":%.1f,",
	       version, what, whose, its_version, value);
}

static void
row(int version, const char *what, double value)
{
	row_of("sluice", sluice_version(), version, what, value);
}

static void
open_pair(struct tls *t, int version, int suite)
{
	static int only[2];
	struct name n;
	struct tls_client c = {.name = &n, .port = 443};

	need(name_parse("host.test", 9, &n), "name");
	for (int side = 0; side < 2; side++)
		pair->way[side].at = pair->way[side].len = pair->way[side].total = 0;
	struct tls_io ci = kit_io(pair, CLIENT), si = kit_io(pair, SERVER);
	pair->end[CLIENT] = tls_client_new(t, &ci, &c);
	pair->end[SERVER] = tls_server_new(t, &si, &leaf.id, NULL);
	need(pair->end[CLIENT] && pair->end[SERVER], "no memory");
#if LIB_HAS_13
	if (version == 12)
		mbedtls_ssl_conf_max_tls_version(&pair->end[SERVER]->conf, MBEDTLS_SSL_VERSION_TLS1_2);
	need(mbedtls_ssl_session_reset(&pair->end[SERVER]->ssl) == 0, "reset");
#else
	(void)version;
#endif
	only[0] = suite;
	if (suite)
		mbedtls_ssl_conf_ciphersuites(&pair->end[CLIENT]->conf, only);
}

static void
close_pair(void)
{
	tls_end_free(pair->end[CLIENT]);
	tls_end_free(pair->end[SERVER]);
}

/* Both to their end; the longest step in *longest, the most heap in *peak (NULL: not asked). */
static void
shake(double *longest, size_t *peak)
{
	bool done[2] = {false, false};

	while (!done[0] || !done[1]) {
		for (int side = 0; side < 2; side++) {
			double begun = longest ? cpu_now() : 0;
			enum tls_progress got = tls_end_step(pair->end[side]);

			need(got != TLS_FAILED, tls_end_why(pair->end[side]));
			done[side] = got == TLS_DONE;
			if (longest && cpu_now() - begun > *longest)
				*longest = cpu_now() - begun;
			if (peak && heap() > *peak)
				*peak = heap();
		}
	}
}

/* A byte, so that the client has read its ticket. */
static void
speak(void)
{
	char c;

	need(tls_end_write(pair->end[SERVER], "x", 1) == 1, "write");
	for (int i = 0; i < 8; i++) {
		if (tls_end_read(pair->end[CLIENT], &c, 1) == 1)
			return;
	}
	need(false, "read");
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

#define STEPS \
	1024u /* handshakes whose longest step is kept: the median of those, since a guest of a busy host is stopped now and then */

static void
handshakes(struct tls *t, int version, bool resumed, double seconds)
{
	double longest[STEPS], begun = cpu_now();
	unsigned n = 0;

	while (cpu_now() - begun < seconds || n < 3) {
		double step = 0;

		open_pair(t, version, 0);
		shake(&step, NULL);
		longest[n % STEPS] = step;
		n++;
		need(tls_end_resumed(pair->end[CLIENT]) == resumed, "resumed or not");
		close_pair();
	}
	double took = cpu_now() - begun;
	unsigned kept = n < STEPS ? n : STEPS;
	qsort(longest, kept, sizeof(longest[0]), by_value);
	row(version, resumed ? "resumed" : "handshake", n / took);
	printf("\"step_ms\":%.3f,\"step_max_ms\":%.3f}\n", longest[kept / 2] * 1e3, longest[kept - 1] * 1e3);
}

static void
bulk(struct tls *t, int version, const char *name, int suite, bool library, double seconds)
{
	static uint8_t from[16384], to[16384 + 256]; /* TLS 1.3 opens a type and padding with it */
	size_t moved = 0;

	open_pair(t, version, suite);
	shake(NULL, NULL);
	speak();
	for (int side = 0; side < 2 && library; side++)
		records_end(&pair->end[side]->records);
	double begun = cpu_now();
	while (cpu_now() - begun < seconds) {
		for (int i = 0; i < 64; i++) {
			ssize_t n = tls_end_write(pair->end[CLIENT], from,
						  sizeof(from)); /* a little less in TLS 1.3 */

			need(n > 0, "write");
			need(tls_end_read(pair->end[SERVER], to, sizeof(to)) == n, "read");
			moved += (size_t)n;
		}
	}
	row_of(library ? "Mbed TLS" : "sluice", library ? MBEDTLS_VERSION_STRING : sluice_version(), version,
	       name, (double)moved / (cpu_now() - begun) / 1e6);
	printf("\"suite\":\"%s\"}\n", mbedtls_ssl_get_ciphersuite(&pair->end[CLIENT]->ssl));
	close_pair();
}

static void
memory(struct tls *t, int version)
{
	size_t before = heap(), peak = 0;

	open_pair(t, version, 0);
	size_t made = heap() - before;
	shake(NULL, &peak);
	speak();
	size_t done = heap() - before;
	tls_end_keep_session(pair->end[CLIENT]);
	size_t kept = heap() - before;
	tls_end_free(pair->end[CLIENT]);
	size_t server = heap() - before;
	tls_end_free(pair->end[SERVER]);
	row(version, "memory", (double)kept);
	printf("\"made\":%zu,\"peak\":%zu,\"with_chain\":%zu,\"guest_end\":%zu}\n", made, peak - before, done,
	       server);
}

static void
measure(int version, const int *suites, double seconds)
{
	struct tls *t = tls_new(&(struct tls_random){kit_fill, &luck}, NULL);

	need(t, "no memory");
	handshakes(t, version, false, seconds);
	open_pair(t, version, 0);
	shake(NULL, NULL);
	tls_end_keep_session(pair->end[CLIENT]);
	speak();
	close_pair();
	handshakes(t, version, true, seconds);
	tls_free(t);
	t = tls_new(&(struct tls_random){kit_fill, &luck}, NULL);
	need(t, "no memory");
	for (int i = 0; i < 6; i++)
		bulk(t, version, (const char *[]){"chacha20", "aes128", "aes256"}[i / 2], suites[i / 2],
		     i % 2, seconds);
	tls_free(t);
	t = tls_new(&(struct tls_random){kit_fill, &luck}, NULL);
	need(t, "no memory");
	memory(t, version);
	tls_free(t);
}

int
main(int argc, char **argv)
{
	static const int suites_12[] = {MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
					MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
					MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, 0};
	double seconds = argc > 1 ? number("SECONDS", argv[1], 0.01, 3600) : 1;
	struct tls *t = tls_new(&(struct tls_random){kit_fill, &luck}, NULL);

	pair = calloc(1, sizeof(*pair));
	need(t && pair && kit_identity_make(&leaf, KIT_P256, 1, t), "no memory");
	tls_free(t);
	fprintf(stderr, "%s\n", tls_library());
	measure(12, suites_12, seconds);
#if LIB_HAS_13
	static const int suites_13[] = {MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256,
					MBEDTLS_TLS1_3_AES_128_GCM_SHA256, MBEDTLS_TLS1_3_AES_256_GCM_SHA384,
					0};

	measure(13, suites_13, seconds);
#endif
	kit_identity_free(&leaf);
	free(pair);
	return 0;
}
