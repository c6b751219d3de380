/*
 * common.c - what the benchmark's programs share
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <time.h>

#include "test/bench/common.h"

#define PACED_BATCH 16

void
die(const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(errno));
	exit(1);
}

double
seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void
sleep_for(double seconds)
{
	struct timespec t = {.tv_sec = (time_t)seconds};

	t.tv_nsec = (long)((seconds - (double)t.tv_sec) * 1e9);
	nanosleep(&t, NULL);
}

void
raise_file_limit(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}

socklen_t
address(struct sockaddr_storage *ss, const char *text, int port)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};

	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
		memcpy(ss, &v4, sizeof(v4));
		return sizeof(v4);
	}
	if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1) {
		memcpy(ss, &v6, sizeof(v6));
		return sizeof(v6);
	}
	fprintf(stderr, "%s: \"%s\" is not an address\n", program_invocation_short_name, text);
	exit(2);
}

double
number(const char *option, const char *text, double low, double high)
{
	char *end;
	double v = strtod(text, &end);

	if (end == text || *end || !(v >= low && v <= high)) {
		fprintf(stderr, "%s: %s \"%s\": a number from %g to %g is wanted\n",
			program_invocation_short_name, option, text, low, high);
		exit(2);
	}
	return v;
}

void
latencies_add(struct latencies *l, double seconds)
{
	if (l->n == l->room) {
		l->room = l->room ? l->room * 2 : 65536;
		l->us = realloc(l->us, l->room * sizeof(*l->us));
		if (!l->us)
			die("latencies");
	}
	l->us[l->n++] = (float)(seconds * 1e6);
}

static int
by_size(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

void
latencies_print(struct latencies *l)
{
	if (l->n == 0) {
		printf("\"p50\":null,\"p99\":null,\"max\":null");
		return;
	}
	qsort(l->us, l->n, sizeof(*l->us), by_size);
	printf("\"p50\":%.1f,\"p99\":%.1f,\"max\":%.1f", (double)l->us[l->n / 2],
	       (double)l->us[l->n * 99 / 100], (double)l->us[l->n - 1]);
}

/* How many datagrams are due by now, at most a batch; 0: it is too early. */
static unsigned
due(double elapsed, double per_second, uint64_t sent)
{
	if (per_second <= 0)
		return PACED_BATCH;

	double n = elapsed * per_second - (double)sent;

	return n < 1 ? 0 : n < PACED_BATCH ? (unsigned)n : PACED_BATCH;
}

uint64_t
send_paced(int fd, const struct sockaddr *to, socklen_t tolen, const struct message *m)
{
	static uint8_t padding[65536];
	struct message data = {.kind = MSG_DATA, .session = m->session};
	size_t size = m->size < sizeof(data) ? sizeof(data) : m->size;
	struct iovec iov[2] = {{&data, sizeof(data)}, {padding, size - sizeof(data)}};
	struct mmsghdr batch[PACED_BATCH];
	double start = seconds_now(), elapsed, per_second = m->kbit * 1e3 / 8 / (double)size;
	uint64_t sent = 0;

	memset(batch, 0, sizeof(batch));
	for (int i = 0; i < PACED_BATCH; i++) {
		batch[i].msg_hdr = (struct msghdr){
		    .msg_iov = iov,
		    .msg_iovlen = 2,
		    .msg_name = (void *)(uintptr_t)to,
		    .msg_namelen = tolen,
		};
	}
	while ((elapsed = seconds_now() - start) < m->millis * 1e-3) {
		unsigned n = due(elapsed, per_second, sent);

		if (n == 0) {
			sleep_for(50e-6);
			continue;
		}
		int took = sendmmsg(fd, batch, n, 0);
		if (took > 0)
			sent += (uint64_t)took;
	}
	return sent;
}
