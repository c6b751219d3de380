/*
 * memory_fault_test.c - every allocation of every scene fails once (row G6)
 *
 * The Makefile links this program with --wrap for the allocations and for gw_turn(), so that those made in
 * the gateway's turns are told from the bed's own, and with the archives of the libraries, so that theirs
 * fail, too (but ldns's: dns/answer_make.c).  Each scene of fault_scenes.h is played once to count, then
 * once for each allocation, failing.  A scene with handshakes has 40,000 and more, nearly all the
 * library's: MANY of them fail, spread over all, which is said (FAULTS=all: each).  What must hold is in
 * scene_run(): the gateway lives, the bystander keeps every byte, at most one line of the scene is the
 * worse for it, everything is given back.  What memory is left the sanitizer finds.
 */
#include "test/unit/fault_scenes.h"

#define MANY 120u

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void __real_gw_turn(struct sluice *gw, bool link_ready, bool host_ready, usec_t now);
void __wrap_gw_turn(struct sluice *gw, bool link_ready, bool host_ready, usec_t now);

static bool in_turn, armed;
static uint64_t made;     /* allocations since arm() */
static uint64_t fails_at; /* 1: the first; 0: none */
static bool failed;

static bool
runs_out(void)
{
	if (!in_turn || !armed || ++made != fails_at)
		return false;
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

/* --- whose allocation it is ----------------------------------------------------------------------------------------------------- */

static const struct host_ops *real_ops;
static struct host_ops ops;
static void (*real_send)(void *ctx, const struct frame *f);

/* The host of memory and the bed need some for themselves. */
static int
spared_socket(struct host *h, enum host_kind kind, enum family fam, const struct host_socket_opts *o)
{
	bool was = in_turn;

	in_turn = false;
	int r = real_ops->socket(h, kind, fam, o);
	in_turn = was;
	return r;
}

static int
spared_accept(struct host *h, int fd, struct endpoint *peer)
{
	bool was = in_turn;

	in_turn = false;
	int r = real_ops->accept(h, fd, peer);
	in_turn = was;
	return r;
}

static ssize_t
spared_writev(struct host *h, int fd, const struct iovec *iov, int n)
{
	bool was = in_turn;

	in_turn = false;
	ssize_t r = real_ops->writev(h, fd, iov, n);
	in_turn = was;
	return r;
}

static ssize_t
spared_fd_writev(struct host *h, int fd, const struct iovec *iov, int n)
{
	bool was = in_turn;

	in_turn = false;
	ssize_t r = real_ops->fd_writev(h, fd, iov, n);
	in_turn = was;
	return r;
}

static int
spared_sendmmsg(struct host *h, int fd, struct host_dgram *d, int n)
{
	bool was = in_turn;

	in_turn = false;
	int r = real_ops->sendmmsg(h, fd, d, n);
	in_turn = was;
	return r;
}

static ssize_t
spared_send(struct host *h, int fd, const void *from, size_t len)
{
	bool was = in_turn;

	in_turn = false;
	ssize_t r = real_ops->send(h, fd, from, len);
	in_turn = was;
	return r;
}

static void
spared_sink(void *ctx, const struct frame *f)
{
	bool was = in_turn;

	in_turn = false;
	real_send(ctx, f);
	in_turn = was;
}

void
__wrap_gw_turn(struct sluice *gw, bool link_ready, bool host_ready, usec_t now)
{
	in_turn = true;
	__real_gw_turn(gw, link_ready, host_ready, now);
	in_turn = false;
}

/* A reload is made beside the turns, by its caller. */
static int
reload_that_fails(struct sluice *s, const struct sluice_config *c, char *err, size_t size)
{
	in_turn = true;
	int r = sluice_reload(s, c, err, size);
	in_turn = false;
	return r;
}

/* --- the scenes ------------------------------------------------------------------------------------------------------------------ */

static void
arm(const struct fault *f)
{
	real_ops = bed->gw->host->ops;
	ops = *real_ops;
	ops.socket = spared_socket;
	ops.accept = spared_accept;
	ops.writev = spared_writev;
	ops.fd_writev = spared_fd_writev;
	ops.sendmmsg = spared_sendmmsg;
	ops.send = spared_send;
	bed->gw->host->ops = &ops;
	real_send = bed->gw->sink.send;
	bed->gw->sink.send = spared_sink;
	reload_by = reload_that_fails;
	made = 0;
	fails_at = f->nth;
	failed = false;
	armed = true;
}

static int
disarm(const struct fault *f)
{
	(void)f;
	armed = false;
	bed->gw->host->ops = real_ops;
	return -1;
}

static void
G6_each_allocation_of_a_turn_fails(void **state)
{
	const struct scene *s = &scenes[*(const unsigned *)*state];
	struct fault f = {.arm = arm, .disarm = disarm, .op = "allocation"};
	unsigned runs = 0, stride;

	if (scene_run(s, &f) > 0)
		fail_msg("nothing failed, and yet:%s", worse);
	uint64_t all = made;
	stride = s->kind == SLOW && !getenv("FAULTS") ? (unsigned)(all / MANY + 1) : 1;
	for (f.nth = 1; f.nth <= all; f.nth += stride, runs++) {
		unsigned hurt = scene_run(s, &f);

		if (hurt <= (failed ? 1 : 0))
			continue;
		print_error("%s: without allocation %u, %u are the worse for it:%s\n", s->name, f.nth, hurt,
			    worse);
		fail();
	}
	print_message("%s: %u allocations, one of %u failed\n", s->name, (unsigned)all, stride);
}

int
main(int argc, char **argv)
{
	static unsigned which[SCENES];
	struct CMUnitTest tests[SCENES];

	for (unsigned i = 0; i < SCENES; i++) {
		which[i] = i;
		tests[i] = (struct CMUnitTest){.name = scenes[i].name,
					       .test_func = G6_each_allocation_of_a_turn_fails,
					       .teardown_func = say_what_played,
					       .initial_state = &which[i]};
	}
	if (argc > 1) /* one scene alone */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("every allocation fails once", tests, far_begin, far_end);
}
