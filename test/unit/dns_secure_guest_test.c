/*
 * dns_secure_guest_test.c - guests that go wrong while they begin to ask for names over TLS
 *
 * Each takes one of the places for connections that are opened, and has to give it back; what it did is told in one event.
 */
#include "test/unit/hello_kit.h"

#include "test/unit/intercept_kit.h"

#include "test/unit/dns_kit.h"

#define RESOLVER "93.184.216.34"

static const char *const servers[] = {"192.0.2.53"};

static int
fresh_guest(void **state)
{
	fresh_intercept(state);
	conf.gateway.nameservers = servers;
	conf.gateway.nnameservers = 1;
	return 0;
}

static struct peer
opened(uint16_t sport)
{
	rules("none", "allow to " RESOLVER, NULL);
	begin();
	struct peer p = peer_to(sport, at(RESOLVER, 853));

	peer_open(&p);
	bed_settle(bed);
	assert_int_equal(bed->gw->intercept->open, 1);
	return p;
}

static struct hello_bytes hello;

/* One that has said as much of its hello, which comes in records of 64 bytes. */
static struct peer
opened_with(size_t n)
{
	struct peer p = opened(1000);

	hello_for(&hello, "resolver.example", 0, 64);
	peer_send(&p, TCP_ACK | TCP_PSH, hello.b, n);
	return p;
}

/* What the guest was sent since the last look: its bytes, and whether the connection ended. */
struct heard {
	uint8_t b[512];
	size_t n;
	bool fin, rst;
};

static struct heard
hear(void)
{
	struct heard h = {.n = 0};
	struct bed_frame *f;

	bed_settle(bed);
	while ((f = next_frame())) {
		if (f->is.kind == STRICT_TCP) {
			size_t n =
			    f->is.payload.len < sizeof(h.b) - h.n ? f->is.payload.len : sizeof(h.b) - h.n;

			memcpy(h.b + h.n, f->is.payload.p, n);
			h.n += n;
			h.fin |= f->is.tcp.flags & TCP_FIN;
			h.rst |= f->is.tcp.flags & TCP_RST;
		}
		free(f);
	}
	return h;
}

/* A fatal alert in the clear, then the end; the place is free again, and nobody was asked anything. */
static void
expect_alert(uint8_t alert)
{
	const uint8_t record[] = {21, 3, 3, 0, 2, 2, alert};
	struct heard h = hear();

	assert_int_equal(h.n, sizeof(record));
	assert_memory_equal(h.b, record, sizeof(record));
	assert_true(h.fin || h.rst);
	wait_for(10 * USEC_PER_SEC);
	assert_int_equal(bed->gw->intercept->open, 0);
	assert_int_equal(vhost_open_count(bed->vhost), 1);
}

static void
it_ends_before_it_began(void **state)
{
	struct peer p;

	(void)state;
	p = opened(1000);
	peer_send(&p, TCP_ACK | TCP_FIN, NULL, 0);
	struct heard h = hear();
	assert_true(h.fin || h.rst);
	wait_for(10 * USEC_PER_SEC);
	assert_int_equal(bed->gw->intercept->open, 0);
	end_intercept();
}

static void
a_hello_that_is_broken(void **state)
{
	struct peer p;

	(void)state;
	p = opened(1000);
	/* A record of a handshake, in which something else than a ClientHello begins. */
	peer_send(&p, TCP_ACK | TCP_PSH, "\x16\x03\x01\x00\x05\x02\x00\x00\x01\x00", 10);
	expect_alert(TLS_ALERT_DECODE);
	end_intercept();
}

static void
a_hello_that_breaks_later(void **state)
{
	(void)state;
	struct peer p = opened_with(40);
	struct heard h = hear();
	assert_int_equal(h.n, 0);
	assert_false(h.fin || h.rst);
	/* The next record is of application data. */
	memcpy(hello.b + 69, "\x17", 1);
	peer_send(&p, TCP_ACK | TCP_PSH, hello.b + 40, 60);
	expect_alert(TLS_ALERT_DECODE);
	end_intercept();
}

/* Half a hello, and no more: after as long as any handshake may take the place is free. */
static void
a_hello_that_stops(void **state)
{
	(void)state;
	opened_with(40);
	hear();
	assert_int_equal(bed->gw->intercept->open, 1);
	wait_for(31 * USEC_PER_SEC);
	struct heard h = hear();
	assert_true(h.fin || h.rst);
	assert_int_equal(bed->gw->intercept->open, 0);
	end_intercept();
}

/* It offers nothing that is spoken here, and is answered with an alert of TLS's own. */
static void
nothing_in_common(void **state)
{
	struct peer p;

	(void)state;
	p = opened(1000);
	hello_for(&hello, "resolver.example", 0, 16384);
	peer_send(&p, TCP_ACK | TCP_PSH, hello.b, hello.len);
	struct heard h = hear();
	assert_true(h.n >= 7);
	assert_int_equal(h.b[h.n - 7], 21);
	assert_int_equal(h.b[h.n - 2], 2);
	assert_true(h.fin || h.rst);
	/* Nobody acknowledges it: as long as TCP tries. */
	assert_int_equal(bed->gw->intercept->open, 1);
	wait_for(180 * USEC_PER_SEC);
	assert_int_equal(bed->gw->intercept->open, 0);
	end_intercept();
}

/* The guest gives up in the middle of the handshake. */
static void
it_resets_while_it_shakes_hands(void **state)
{
	(void)state;
	struct peer p = opened_with(76); /* half of it */
	hear();
	peer_send(&p, TCP_RST | TCP_ACK, NULL, 0);
	bed_settle(bed);
	assert_int_equal(bed->gw->intercept->open, 0);
	end_intercept();
}

#define GUEST(t) cmocka_unit_test_setup(t, fresh_guest)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    GUEST(it_ends_before_it_began),   GUEST(a_hello_that_is_broken),
	    GUEST(a_hello_that_breaks_later), GUEST(a_hello_that_stops),
	    GUEST(nothing_in_common),         GUEST(it_resets_while_it_shakes_hands),
	};

	return cmocka_run_group_tests(tests, far_begin, far_end);
}
