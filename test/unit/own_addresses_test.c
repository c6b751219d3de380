/*
 * own_addresses_test.c - the host's own addresses as they come and go (P7), from the virtual host and from the kernel
 */
#include "test/unit/judge_kit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static bool
is_own(const char *text)
{
	const struct surroundings *w = judge_surroundings(bed->gw);
	struct addr a = addr_of(text);

	return group_of(&a, w) == GROUP_HOST;
}

static void
at_the_beginning(void **state)
{
	struct addr a[3];

	(void)state;
	rules("public", NULL);
	begin();
	assert_true(is_own("10.0.2.2") && is_own("fd73:6c75:6963:65::2"));
	assert_true(is_own("fe80::5055:aff:fe00:202")); /* ours on the guest's link */
	assert_false(is_own("10.0.2.3") || is_own(PUBLIC4));
	a[0] = a[2] = addr_of(PUBLIC4);
	a[1] = addr_of("fe80::1");
	assert_true(vhost_set_addrs(bed->vhost, a, 3));
	wait_for(1);
	assert_true(is_own(PUBLIC4) && is_own("fe80::1"));
	assert_int_equal(bed->gw->where.nown, 3); /* each once, and our link-local one */
	end();
}

/* P7: a flow to what becomes the host's ends; a connection to it is refused from that moment on. */
static void
P7_an_address_comes_and_goes(void **state)
{
	(void)state;
	rules("public", NULL);
	begin();
	struct peer p = expect_open_tcp(1000, PUBLIC4, 22), other = expect_open_tcp(1001, PUBLIC6, 22);
	own_addresses(PUBLIC4, NULL);
	bed_settle(bed);
	peer_wants(&p, TCP_RST | TCP_ACK);
	assert_non_null(peer_flow(&other));
	flow_ended(SLUICE_EVENT_FLOW_CLOSED, SLUICE_REASON_RELOAD);
	expect_refused_tcp(1002, PUBLIC4, 22);
	own_addresses(NULL, NULL);
	expect_open_tcp(1003, PUBLIC4, 22);
	end();
}

/* The SYN comes before anybody has told: it is asked for. */
static void
P7_at_the_very_moment(void **state)
{
	(void)state;
	rules("public", NULL);
	begin();
	own_addresses(PUBLIC4, NULL);
	expect_refused_tcp(1000, PUBLIC4, 22);
	expect_no_socket();
	end();
}

/* Addresses of others come and go all day. */
static void
no_change_that_matters(void **state)
{
	(void)state;
	rules("public", NULL);
	begin();
	struct peer p = expect_open_tcp(1000, PUBLIC4, 22);
	for (int i = 0; i < 5; i++) {
		own_addresses("192.0.2.7", i % 2 ? "192.0.2.8" : NULL);
		bed_settle(bed);
	}
	expect_silence();
	assert_non_null(peer_flow(&p));
	end();
}

/* A host that cannot tell is asked once a second, by who needs to know. */
static void
who_is_not_told_looks(void **state)
{
	struct addr a = addr_of(PUBLIC4);
	struct vhost *v = vhost_new(1);
	struct memlink *m;
	char err[256];

	(void)state;
	assert_non_null(v);
	vhost_set_time(v, USEC_PER_SEC);
	m = memlink_new(vhost_host(v), &(struct link_limits){.mtu = 1500});
	conf.gateway.event = NULL;
	vhost_fail(v, "addrs_watch", 1, EPERM);
	struct sluice *gw = gw_new(&conf.gateway, vhost_host(v), memlink_link(m), err, sizeof(err));
	assert_non_null(gw);
	assert_false(gw->own_watched);
	assert_true(vhost_set_addrs(v, &a, 1));
	assert_int_equal(group_of(&a, judge_surroundings(gw)), GROUP_PUBLIC);
	gw->now += USEC_PER_SEC;
	assert_int_equal(group_of(&a, judge_surroundings(gw)), GROUP_HOST);
	assert_true(gw->rejudge);

	/* What cannot be read stays as it was, and is tried again. */
	gw->log = on_log;
	assert_true(vhost_set_addrs(v, &a, 0));
	gw->now += USEC_PER_SEC;
	vhost_fail(v, "addrs", 1, EMFILE);
	assert_int_equal(group_of(&a, judge_surroundings(gw)), GROUP_HOST);
	assert_int_equal(logged, 1);
	assert_int_equal(group_of(&a, judge_surroundings(gw)), GROUP_HOST);
	gw->now += USEC_PER_SEC;
	assert_int_equal(group_of(&a, judge_surroundings(gw)), GROUP_PUBLIC);
	sluice_free(gw);
	memlink_free(m);
	vhost_free(v);
}

/* Nobody can say what a guest must not reach: there is no gateway. */
static void
without_addresses_no_gateway(void **state)
{
	struct vhost *v = vhost_new(1);
	struct memlink *m = memlink_new(vhost_host(v), &(struct link_limits){.mtu = 1500});
	char err[256];

	(void)state;
	conf.gateway.event = NULL;
	vhost_fail(v, "addrs", 1, EAFNOSUPPORT);
	assert_null(gw_new(&conf.gateway, vhost_host(v), memlink_link(m), err, sizeof(err)));
	assert_non_null(strstr(err, "addresses"));
	memlink_free(m);
	vhost_free(v);
}

/* --- the kernel ------------------------------------------------------------------------------------------------ */

/* On the loopback interface of a namespace of our own; 0.0.0.0 takes it away. */
static void
set_address(const char *text)
{
	struct ifreq r = {.ifr_name = "lo:1"};
	struct sockaddr_in in = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(inet_pton(AF_INET, text, &in.sin_addr), 1);
	memcpy(&r.ifr_addr, &in, sizeof(in));
	assert_int_equal(ioctl(fd, SIOCSIFADDR, &r), 0);
	close(fd);
}

static bool
kernel_has(struct host *h, const char *text)
{
	struct addr want = addr_of(text), *a;
	bool found = false;
	size_t n;

	assert_int_equal(h->ops->addrs(h, &a, &n), 0);
	for (size_t i = 0; i < n; i++) {
		assert_false(addr_is_loopback(&a[i]) || addr_is_unspecified(&a[i]));
		found |= addr_eq(&a[i], &want);
	}
	free(a);
	return found;
}

/* One event with the token, until it is asked what it was. */
static void
is_told(struct host *h)
{
	struct pollfd p = {.fd = h->ops->event_fd(h), .events = POLLIN};
	struct host_event ev[4];

	assert_int_equal(poll(&p, 1, 20000), 1);
	assert_int_equal(h->ops->events(h, ev, 4), 1);
	assert_int_equal(ev[0].token, 5);
	assert_int_equal(h->ops->events(h, ev, 4), 1);
	assert_true(h->ops->addrs_changed(h));
	assert_false(h->ops->addrs_changed(h));
	assert_int_equal(h->ops->events(h, ev, 4), 0);
}

static void
the_kernel_tells(void **state)
{
	int error;

	(void)state;
	if (unshare(CLONE_NEWNET) < 0) {
		perror("unshare (this test wants root)");
		skip();
	}
	struct host *h = host_kernel(&error);
	assert_non_null(h);
	assert_int_equal(h->ops->addrs_watch(h, 5), 0);
	assert_false(h->ops->addrs_changed(h));
	assert_false(kernel_has(h, "192.0.2.9"));
	set_address("192.0.2.9");
	is_told(h);
	assert_true(kernel_has(h, "192.0.2.9"));
	set_address("0.0.0.0");
	is_told(h);
	assert_false(kernel_has(h, "192.0.2.9"));
	host_kernel_free(h);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, fresh_events)
	const struct CMUnitTest tests[] = {
	    TEST(at_the_beginning),      TEST(P7_an_address_comes_and_goes),
	    TEST(P7_at_the_very_moment), TEST(no_change_that_matters),
	    TEST(who_is_not_told_looks), TEST(without_addresses_no_gateway),
	    TEST(the_kernel_tells),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
