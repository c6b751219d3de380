/*
 * two_gateways_test.c - two gateways with different configurations in two threads of one process share nothing
 *
 * Each has a guest of its own, which talks to a host socket of its own through it, while the other does the same.
 * The same program under -fsanitize=thread is the proof that no memory is shared behind their backs.
 */
#include "test/unit/real_kit.h"

#include <time.h>

#define WORDS 200u

struct side {
	struct real r;
	const char *name, *guest;
	uint16_t port;
	int fd;
	pthread_t gateway;
	/* Written by its gateway's thread. */
	unsigned opened, frames, wrong;
	uint64_t clock_calls, random_calls;
};

/* --- hooks: each must be called with its own context, in its own thread ------------------------------------------------ */

static void
check_thread(struct side *s)
{
	s->wrong += !pthread_equal(pthread_self(), s->gateway);
}

static void
on_event(void *ctx, const struct sluice_event *e)
{
	struct side *s = ctx;

	check_thread(s);
	if (e->kind != SLUICE_EVENT_FLOW_OPENED)
		return;
	s->opened++;
	s->wrong += strncmp(e->guest, s->guest, strlen(s->guest)) != 0;
}

static void
on_frame(void *ctx, bool from_guest, const struct iovec *iov, int n, uint64_t now)
{
	struct side *s = ctx;

	(void)from_guest;
	s->frames++;
	s->wrong += n < 1 || iov[0].iov_len == 0 || now == 0;
	check_thread(s);
}

static uint64_t
on_clock(void *ctx)
{
	struct side *s = ctx;
	struct timespec ts;

	s->clock_calls++;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void
on_random(void *ctx, void *to, size_t n)
{
	struct side *s = ctx;

	s->random_calls++;
	memset(to, s->name[0], n);
}

static int
on_connect(void *ctx, const struct sluice_connect *c, struct sluice_route *how)
{
	struct side *s = ctx;

	(void)how;
	check_thread(s);
	s->wrong += strncmp(c->guest, s->guest, strlen(s->guest)) != 0;
	return 0;
}

/* --- the two ---------------------------------------------------------------------------------------------------------- */

static void *
gateway_main(void *arg)
{
	struct side *s = arg;

	s->gateway = pthread_self();
	return (void *)(intptr_t)sluice_run(s->r.s);
}

/* The host's answer to each word is the word and the side's name. */
static void
host_answers(struct side *s)
{
	struct pollfd p = {.fd = s->fd, .events = POLLIN};
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	char word[64];

	assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
	ssize_t n = recvfrom(s->fd, word, sizeof(word) - 1, 0, (struct sockaddr *)&from, &len);
	assert_true(n > 0);
	word[n++] = s->name[0];
	assert_int_equal(sendto(s->fd, word, (size_t)n, 0, (struct sockaddr *)&from, len), n);
}

static void
guest_hears(struct side *s, unsigned number)
{
	uint8_t frame[2048];
	char want[64];
	int len = snprintf(want, sizeof(want), "%u%c", number, s->name[0]);

	for (;;) {
		int n = sluice_port_recv_copy(s->r.port, frame, sizeof(frame));

		if (n == -EAGAIN) {
			struct pollfd p = {.fd = sluice_port_fd(s->r.port, SLUICE_PORT_RECEIVED),
					   .events = POLLIN};
			assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
			continue;
		}
		assert_true(n > 0);
		/* A router advertisement, or a question for a neighbour, is for another layer. */
		if (n < 42 + len || frame[12] != 8 || frame[13] != 0 || frame[23] != IPPROTO_UDP)
			continue;
		assert_memory_equal(frame + 42, want, (size_t)len);
		return;
	}
}

static void
open_side(struct side *s)
{
	struct sluice_config *cfg;

	real_conf(&s->r);
	cfg = &s->r.cfg;
	cfg->event = on_event;
	cfg->frame = on_frame;
	cfg->clock = on_clock;
	cfg->random = on_random;
	cfg->connect = on_connect;
	cfg->hook_ctx = s;
}

static void
two_at_once(void **state)
{
	struct side side[2] = {{.name = "a", .guest = "10.0.2.15:"}, {.name = "b", .guest = "192.168.9.7:"}};
	struct sluice_stats st[2];
	pthread_t thread[2];

	(void)state;
	open_side(&side[0]);
	open_side(&side[1]);
	side[1].r.cfg.ipv4.guest = "192.168.9.7/24";
	side[1].r.cfg.ipv6.off = true;
	side[1].r.cfg.mtu = 1280;
	side[1].r.cfg.max_udp = 3;
	for (int i = 0; i < 2; i++) {
		side[i].fd = host_udp(&side[i].port);
		real_open(&side[i].r);
		side[i].gateway = pthread_self();
	}
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, gateway_main, &side[i]), 0);
	for (unsigned n = 0; n < WORDS; n++) {
		char word[16];
		int len = snprintf(word, sizeof(word), "%u", n);

		for (int i = 0; i < 2; i++)
			guest_says(&side[i].r, (uint16_t)(5000 + n % 8), side[i].port, word, (size_t)len);
		for (int i = 0; i < 2; i++)
			host_answers(&side[i]);
		for (int i = 0; i < 2; i++)
			guest_hears(&side[i], n);
	}
	for (int i = 0; i < 2; i++)
		sluice_stop(side[i].r.s);
	for (int i = 0; i < 2; i++) {
		void *result;

		assert_int_equal(pthread_join(thread[i], &result), 0);
		assert_null(result);
		st[i] = (struct sluice_stats){.size = sizeof(st[i])};
		sluice_get_stats(side[i].r.s, &st[i]);
		/* What follows is told by this thread. */
		side[i].gateway = pthread_self();
	}
	/* Eight flows where there is room for them; where there is not, one after another. */
	assert_int_equal(st[0].udp_opened, 8);
	assert_int_equal(st[0].udp_open, 8);
	assert_int_equal(st[1].udp_opened, WORDS);
	assert_int_equal(st[1].udp_open, 3);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(side[i].opened, st[i].udp_opened);
		assert_int_equal(side[i].frames, st[i].frames_in + st[i].frames_out);
		assert_true(side[i].clock_calls > 0 && side[i].random_calls > 0);
		real_close(&side[i].r);
		assert_int_equal(side[i].wrong, 0);
		close(side[i].fd);
	}
}

/* --- a clock that misbehaves -------------------------------------------------------------------------------------------- */

static uint64_t told;

static uint64_t
wild_clock(void *ctx)
{
	(void)ctx;
	return told;
}

/* Backwards it stands still, and far ahead it stops: whatever it says, the gateway goes on. */
static void
a_clock_that_jumps(void **state)
{
	static const uint64_t times[] = {1000000,   2000000,    5, 0,          UINT64_C(1) << 40,
					 3,         UINT64_MAX, 0, UINT64_MAX, UINT64_C(1) << 63,
					 INT64_MAX, 7};
	struct pollfd fds[SLUICE_POLLFDS];
	struct sluice_stats st = {.size = sizeof(st)};
	struct real r;
	int timeout;

	(void)state;
	real_conf(&r);
	r.cfg.clock = wild_clock;
	told = 500000;
	real_open(&r);
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		guest_says(&r, (uint16_t)(5000 + i), 9, "x", 1);
		for (int turn = 0; turn < 20; turn++) {
			told = times[i] + (uint64_t)turn;
			int n = sluice_prepare(r.s, fds, &timeout);

			assert_true(timeout >= -1);
			assert_true(poll(fds, (nfds_t)n, 0) >= 0);
			for (int k = 0; k < n; k++)
				fds[k].revents = POLLIN;
			assert_int_equal(sluice_dispatch(r.s, fds, n), 0);
		}
		sluice_get_stats(r.s, &st);
		assert_int_equal(st.udp_opened, i + 1);
	}
	real_close(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(two_at_once),
	    cmocka_unit_test(a_clock_that_jumps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
