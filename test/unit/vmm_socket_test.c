/*
 * vmm_socket_test.c - when a link's listening socket, or its timer, wakes the loop
 */
#include <sys/epoll.h>

#include "link/vmm_socket.h"
#include "test/unit/socket_kit.h"

/* The link: what it watches, and what the kernel has no memory to watch. */
static struct {
	struct vmm_socket socket;
	int epoll;
	int unwatchable;
} us;

static int
watch(void *ctx, int fd, bool on)
{
	struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};

	(void)ctx;
	if (on && fd == us.unwatchable)
		return -ENOMEM;
	return epoll_ctl(us.epoll, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, fd, &e) < 0 ? -errno : 0;
}

/* What would wake the loop within that time; -1: nothing. */
static int
woken_by(int ms)
{
	struct epoll_event e;

	return epoll_wait(us.epoll, &e, 1, ms) == 1 ? e.data.fd : -1;
}

static bool
wakes(int ms)
{
	return woken_by(ms) >= 0;
}

static int
accepted(struct bed *b)
{
	return vmm_socket_accept(&us.socket, b->why, sizeof(b->why));
}

static int
setup_listening(void **state)
{
	if (setup(state) < 0)
		return -1;
	struct bed *b = *state;
	us.epoll = epoll_create1(EPOLL_CLOEXEC);
	us.unwatchable = -1;
	vmm_socket_init(&us.socket, false, watch, NULL);
	return vmm_socket_open(&us.socket, b->path, false, -1, b->why, sizeof(b->why)) ? 0 : -1;
}

static void
vmm_leaves(struct bed *b)
{
	hang_up(b);
	close(vmm_socket_part(&us.socket));
}

static int
teardown_listening(void **state)
{
	if (us.socket.fd >= 0)
		vmm_leaves(*state);
	vmm_socket_close(&us.socket);
	close(us.epoll);
	return teardown(state);
}

static void
vmm_comes(struct bed *b)
{
	b->vmm = unix_connect(b->path, SOCK_STREAM);
	assert_true(b->vmm >= 0);
}

/* One was served, and the next cannot be watched for. */
static void
serve_and_lose_sight(struct bed *b)
{
	vmm_comes(b);
	assert_true(wakes(0));
	assert_int_equal(accepted(b), 1);
	vmm_leaves(b);
	us.unwatchable = us.socket.listener;
	assert_true(vmm_socket_next(&us.socket));
	assert_int_equal(woken_by(PATIENCE_MS), us.socket.timer);
}

static void
a_socket_that_cannot_be_watched_is_looked_at_again(void **state)
{
	struct bed *b = *state;

	serve_and_lose_sight(b);
	/* Not at once again, or it would spin: a timer that has run out meanwhile, on a busy machine, is no exception every time. */
	unsigned at_once = 0;
	for (int i = 0; i < 20; i++) {
		assert_int_equal(accepted(b), 0);
		at_once += wakes(0);
		assert_int_equal(woken_by(PATIENCE_MS), us.socket.timer);
	}
	assert_true(at_once < 20);
	us.unwatchable = -1;
	assert_int_equal(accepted(b), 0);
	assert_false(wakes(300)); /* watched again, without a timer */
	vmm_comes(b);
	assert_true(wakes(0));
	assert_int_equal(accepted(b), 1);
}

static void
the_timer_stops_once_a_vmm_has_come(void **state)
{
	struct bed *b = *state;

	serve_and_lose_sight(b);
	vmm_comes(b);
	assert_int_equal(accepted(b), 1);
	assert_false(wakes(300));
	us.unwatchable = -1;
	vmm_leaves(b);
	assert_true(vmm_socket_next(&us.socket));
	assert_false(wakes(0));
	vmm_comes(b);
	assert_true(wakes(0));
}

/* Its other owner may shut a socket down that was given: that is nobody's wake while a VMM is served. */
static void
a_listener_that_is_shut_down_wakes_nobody_meanwhile(void **state)
{
	struct bed *b = *state;

	vmm_comes(b);
	assert_int_equal(accepted(b), 1);
	assert_int_equal(shutdown(us.socket.listener, SHUT_RDWR), 0);
	assert_false(wakes(0));
}

/* ... and nobody comes by it any more once that one has left. */
static void
a_listener_that_is_shut_down_is_the_end(void **state)
{
	struct bed *b = *state;

	assert_int_equal(accepted(b), 0);
	vmm_comes(b);
	assert_int_equal(accepted(b), 1);
	assert_int_equal(shutdown(us.socket.listener, SHUT_RDWR), 0);
	vmm_leaves(b);
	assert_true(vmm_socket_next(&us.socket));
	assert_int_equal(woken_by(PATIENCE_MS), us.socket.listener);
	assert_int_equal(accepted(b), -ENOLINK);
	assert_string_equal(b->why, "the socket that was to be listened at has been shut down");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup_listening, teardown_listening)
	    T(a_socket_that_cannot_be_watched_is_looked_at_again),
	    T(the_timer_stops_once_a_vmm_has_come),
	    T(a_listener_that_is_shut_down_wakes_nobody_meanwhile),
	    T(a_listener_that_is_shut_down_is_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
