/*
 * intercept_fault_test.c - connections that are opened while one allocation after the other fails
 *
 * Only the gateway's own fail: those made in its turns.  Each time the connection works or ends, whoever is concerned hears of it, all that was
 * there is given back (the sanitizer counts), and the next connection works.
 */
#include "test/bed/bed.h"

#define ENOUGH 100000u

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

static unsigned left = ENOUGH; /* allocations until one fails; ENOUGH: none will */
static bool failed, in_turn;

static bool
runs_out(void)
{
	if (!in_turn || left == ENOUGH || left-- > 0)
		return false;
	left = ENOUGH;
	failed = true;
	return true;
}

void *
__wrap_malloc(size_t n)
{
	return runs_out() ? NULL : __real_malloc(n);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return runs_out() ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *p, size_t n)
{
	return runs_out() ? NULL : __real_realloc(p, n);
}

/* The bed's own frames are not the gateway's: as many turns as it takes, none of what is around them. */
static void
turns_that_fail(struct bed *b)
{
	if (left != ENOUGH) {
		in_turn = true;
		gw_turn(b->gw, true, true, bed_now(b));
		for (unsigned i = 0; i < 100 && left != ENOUGH && b->gw->flows.ready_first; i++)
			gw_turn(b->gw, false, true, bed_now(b));
		in_turn = false;
	}
	bed_settle(b);
}
#define bed_settle(b) turns_that_fail(b)

#include "test/unit/intercept_kit.h"

/* What the bed and the host of memory need for themselves is not the gateway's. */
static void (*real_send)(void *ctx, const struct frame *f);
static const struct host_ops *real_ops;
static struct host_ops ops;

static void
bed_send(void *ctx, const struct frame *f)
{
	bool was = in_turn;

	in_turn = false;
	real_send(ctx, f);
	in_turn = was;
}

static ssize_t
host_writev(struct host *h, int fd, const struct iovec *iov, int n)
{
	bool was = in_turn;

	in_turn = false;
	ssize_t r = real_ops->writev(h, fd, iov, n);
	in_turn = was;
	return r;
}

static int
host_events(struct host *h, struct host_event *ev, int n)
{
	bool was = in_turn;

	in_turn = false;
	int r = real_ops->events(h, ev, n);
	in_turn = was;
	return r;
}

static void
spare_the_bed(void)
{
	real_send = bed->gw->sink.send;
	bed->gw->sink.send = bed_send;
	real_ops = bed->gw->host->ops;
	ops = *real_ops;
	ops.writev = host_writev;
	ops.events = host_events;
	bed->gw->host->ops = &ops;
}

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(opaque),
	    cmocka_unit_test(requests),
	};

	return cmocka_run_group_tests_name("interception without memory", tests, far_begin, far_end);
}
