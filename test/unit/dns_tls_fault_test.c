/*
 * dns_tls_fault_test.c - names over TLS while one allocation after the other fails, and one call of the host's
 *
 * Each time the guest is answered in the end, with what it asked for or SERVFAIL; nothing is left, and the next question is answered.
 */
#include "test/unit/gateway_fault_kit.h"

#include "test/unit/intercept_kit.h"

#include "test/unit/dns_kit.h"

#define SERVER "192.0.2.53"

static const char *const named[] = {"tls://" SERVER "#dns.example"};

static void
pump_servers(void)
{
	bool moved;

	do {
		moved = stirred = false;
		for (unsigned i = 0; i < nconn; i++) {
			struct conn *c = conn[i];

			moved |= step_end(c->server, &c->server_done, &c->server_got, &c->server_end,
					  c->served, &c->nserved, &c->server_had, &c->server_sum);
		}
		bed_settle(bed);
	} while (moved || stirred);
}

/* Whatever connection there is to the nameserver now is answered on, if it comes to that. */
static void
serve(void)
{
	const char *const addr[] = {"93.184.216.1"};
	struct addr a = addr_of(SERVER);
	int fd = server_fd(HOST_TCP, SERVER, 0);

	for (unsigned i = 0; i < nconn; i++)
		conn[i]->gone = true;
	if (fd < 0)
		return;
	struct conn *c = calloc(1, sizeof(*c));
	assert_non_null(c);
	c->fd = fd;
	c->guest_end = c->server_end = 1;
	c->server = tls_server_new(far.tls, &(struct tls_io){server_recv, server_send, c},
				   far_leaf(&(struct far_options){.cert = "dns.example"}, &a), "dot");
	conn[nconn++] = c;
	pump_servers();
	if (c->nserved < 130)
		return;
	struct message q = {.len = 128};
	memcpy(q.bytes, c->served + 2, 128);
	uint8_t both[2 + 512];
	if (tls_end_write(c->server, both, framed(both, answer_to(&q, 0x8180, addr, 1, 300))) > 0)
		tls_end_flush(c->server);
	pump_servers();
}

/* Once, and only that. */
static bool
is_answered(uint16_t id)
{
	struct told t = hears(id);

	expect_silence();
	assert_true(t.rcode == DNS_NOERROR || t.rcode == DNS_SERVFAIL);
	return t.rcode == DNS_NOERROR;
}

static void
fresh_dot(void)
{
	fresh_intercept(NULL);
	conf.gateway.intercept = false;
	conf.gateway.nameservers = named;
	conf.gateway.nnameservers = 1;
	rules("all", NULL);
	begin();
}

/* A question that is answered; what was to fail and did not come to it may spoil one. */
static void
works(unsigned spoilt)
{
	uint16_t id = 2;
	bool good = false;

	for (; !good && id <= 2 + spoilt; id++) {
		wait_for(31 * USEC_PER_SEC);
		asks(id, "later.example", DNS_A);
		serve();
		wait_for(USEC_PER_SEC);
		serve();
		wait_for(5 * USEC_PER_SEC);
		good = is_answered(id);
	}
	assert_true(good);
	end_intercept();
}

static void
memory(void **state)
{
	unsigned n, good = 0;

	(void)state;
	for (n = 0, failed = true; failed; n++) {
		fresh_dot();
		spare_the_bed();
		failed = false;
		left = n;
		asks(1, "a.example", DNS_A);
		serve();
		left = ENOUGH;
		wait_for(USEC_PER_SEC);
		serve();
		wait_for(5 * USEC_PER_SEC);
		good += is_answered(1);
		works(0);
		assert_true(n < 2000);
	}
	assert_true(n > 10);
	assert_true(good > 1);
}

static void
the_host(void **state)
{
	static const char *const op[] = {"socket", "arm", "connect", "connect_result", "readv", "writev"};

	(void)state;
	for (size_t i = 0; i < sizeof(op) / sizeof(op[0]); i++) {
		for (int nth = 1; nth <= 6; nth++) {
			fresh_dot();
			vhost_fail(bed->vhost, op[i], nth, ECONNRESET);
			asks(1, "a.example", DNS_A);
			serve();
			wait_for(USEC_PER_SEC);
			serve();
			wait_for(5 * USEC_PER_SEC);
			is_answered(1);
			works(1);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(memory),
	    cmocka_unit_test(the_host),
	};

	return cmocka_run_group_tests_name("names over TLS without memory", tests, far_begin, far_end);
}
