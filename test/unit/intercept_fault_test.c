/*
 * intercept_fault_test.c - connections that are opened while one allocation after the other fails
 *
 * Only the gateway's own fail: those made in its turns.  Each time the connection works or ends, whoever is concerned hears of it, all that was
 * there is given back (the sanitizer counts), and the next connection works.
 */
#include "test/unit/gateway_fault_kit.h"

/* Both directions, more than one record, then both ends; n: what of the guest's is HTTP. */
static void
talk(struct conn *c, const char *question)
{
	static uint8_t b[40000];

	if (c->guest_end <= 0 || !c->guest_done || !c->server_done)
		return;
	tls_end_write(c->guest, question, strlen(question));
	pump();
	for (unsigned i = 0; i < 3; i++) {
		tls_end_write(c->server, b, 16000);
		tls_end_flush(c->server);
	}
	pump();
	tls_end_close(c->guest);
	pump();
	tls_end_close(c->server);
	pump();
}

static void
each_fails(const char *question, const char *const *rule_texts, bool intercept)
{
	unsigned n;

	for (n = 0, failed = true; failed; n++) {
		fresh_intercept(NULL);
		conf.gateway.intercept = intercept;
		put_rules(&conf.gateway, "none", rule_texts);
		begin();
		spare_the_bed();
		resolved(NAME, PUBLIC4, 300);
		struct conn *c = connect_tls(1000, &(struct far_options){.name = NAME});
		failed = false;
		left = n;
		pump();
		talk(c, question);
		left = ENOUGH;
		pump();
		if (!c->rst)
			guest_fin(c);
		if (vhost_closed(bed->vhost, c->fd) == 0)
			vhost_send_eof(bed->vhost, c->fd);
		wait_for(30 * USEC_PER_SEC);
		pump();
		assert_null(peer_flow(&c->p));
		c->gone = true;
		open_tls_to(1001, &(struct far_options){.name = NAME});
		end_intercept();
		assert_true(n < 2000);
	}
	/* It was worth the while. */
	assert_true(n > 10);
}

static void
opaque(void **state)
{
	(void)state;
	each_fails("\1no HTTP", (const char *const[]){"allow to @any", NULL}, true);
}

static void
requests(void **state)
{
	(void)state;
	each_fails("GET /ok HTTP/1.1\r\nHost: " NAME "\r\n\r\n",
		   (const char *const[]){"allow https GET " NAME "/ok", NULL}, false);
}

/* CONNECT, the proxy's answer, then the same through it. */
static void
tunnels(void **state)
{
	static const char asks[] = "CONNECT " NAME ":443 HTTP/1.1\r\nHost: " NAME ":443\r\n\r\n";
	static const char agreed[] = "HTTP/1.1 200 OK\r\n\r\n";
	unsigned n;

	(void)state;
	for (n = 0, failed = true; failed; n++) {
		struct far_options o = {.name = NAME};
		struct addr a = addr_of(PUBLIC4);
		struct name name = name_of(NAME);
		uint8_t got[256];

		fresh_intercept(NULL);
		rules("none", "allow to " NAME, "allow to " PUBLIC4, NULL);
		begin();
		spare_the_bed();
		struct conn *c = connect_tcp(1000, PUBLIC4, 3128);
		failed = false;
		left = n;
		guest_send(c, asks, sizeof(asks) - 1);
		pump();
		if (vhost_recv(bed->vhost, c->fd, got, sizeof(got)) > 0) {
			vhost_send(bed->vhost, c->fd, agreed, sizeof(agreed) - 1);
			pump();
		}
		if (c->nin - c->in_at == sizeof(agreed) - 1 &&
		    memcmp(c->in + c->in_at, agreed, sizeof(agreed) - 1) == 0) {
			c->in_at = c->nin;
			c->guest = tls_client_new(far.tls, &(struct tls_io){guest_recv, guest_send, c},
						  &(struct tls_client){.name = &name, .now = bed_now(bed)});
			c->server = tls_server_new(far.tls, &(struct tls_io){server_recv, server_send, c},
						   far_leaf(&o, &a), "");
			pump();
			talk(c, "\1no HTTP");
		}
		/* Without a word, or in good order: never as bytes that nobody judged. */
		left = ENOUGH;
		pump();
		if (!c->rst)
			guest_fin(c);
		if (vhost_closed(bed->vhost, c->fd) == 0)
			vhost_send_eof(bed->vhost, c->fd);
		wait_for(30 * USEC_PER_SEC);
		pump();
		assert_null(peer_flow(&c->p));
		end_intercept();
		assert_true(n < 2000);
	}
	assert_true(n > 10);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(opaque),
	    cmocka_unit_test(requests),
	    cmocka_unit_test(tunnels),
	};

	return cmocka_run_group_tests_name("interception without memory", tests, far_begin, far_end);
}
