/*
 * memory_fault_test.c - every allocation of every scene fails once (row G6)
 *
 * Each scene of fault_scenes.h is played once; at an allocation of the gateway's turns a child plays on without it (fault_fork_kit.h).  Scenes
 * with handshakes make 40,000 and more, nearly all the library's, and most of them again and again: there each that is come to by calls
 * that no allocation was come to before fails, whatever the scene (with the address sanitizer: by the innermost calls, PATH_FRAMES of them), and of the others SPREAD, spread over all (FAULTS=all: each of each
 * scene; FAULTS=some: the spread alone, as where lines are counted, since a child writes all counts).
 *
 * What must hold is in scene_run(): the gateway lives, the bystander keeps every byte, at most one line of the scene is the worse for it,
 * everything is given back.  So is every block that a turn has taken (block_watch_kit.h).
 */
#include "test/unit/block_watch_kit.h"
#include "test/unit/fault_fork_kit.h"
#include "test/unit/fault_scenes.h"

#define SPREAD 60u

static bool armed;
static unsigned made; /* allocations since arm() */
static struct {
	bool every, no_paths; /* fail all; the spread alone */
	unsigned stride;      /* 0: none fails */
	unsigned new, spread; /* how many did */
} plan;
static struct path_set known;

/* Called in turns: in the child that plays on from here, once. */
static bool
runs_out(void)
{
	if (!armed || in_child)
		return false;
	made++;
	if (plan.stride == 0)
		return false;
	in_turn = false;
	bool is_new = !plan.every && !plan.no_paths && path_add(&known, path_key(0));
	bool is_due = is_new || plan.every || made % plan.stride == 0;
	plan.new += is_new;
	plan.spread += is_due && !is_new;
	bool fails = is_due && plays_on("%s: allocation %u", playing, made);
	in_turn = true;
	return fails;
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

/* A reload is made beside the turns, by its caller. */
static int
reload_that_fails(struct sluice *s, const struct sluice_config *c, char *err, size_t size)
{
	path_top = (uintptr_t)__builtin_frame_address(0);
	in_turn = true;
	int r = sluice_reload(s, c, err, size);
	in_turn = false;
	path_top = UINTPTR_MAX;
	return r;
}

/* --- the scenes ------------------------------------------------------------------------------------------------------------------ */

static void
arm(const struct fault *f)
{
	(void)f;
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
	watch_begins();
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
	const char *which = getenv("FAULTS");
	struct fault f = {.arm = arm, .disarm = disarm, .op = "an allocation fails"};

	memset(&plan, 0, sizeof(plan));
	if (scene_run(s, &f) > 0)
		fail_msg("nothing failed, and yet:%s", worse);
	assert_int_equal(watch_ends(), 0);
	unsigned all = made;
#ifdef SLUICE_INSTRUMENTED
	plan.no_paths = true;
#endif
	plan.no_paths |= which && strcmp(which, "some") == 0;
	plan.every = s->kind != SLOW || (which && strcmp(which, "all") == 0);
	plan.stride = all / SPREAD + 1;
	unsigned hurt = scene_run(s, &f), left = watch_ends();
	if (in_child && hurt > 1)
		print_error("%s: %u are the worse for it:%s\n", s->name, hurt, worse);
	if (in_child && left > 0)
		print_error("%s: %u blocks are left\n", s->name, left);
	child_ends(hurt <= 1 && left == 0);
	assert_int_equal(children_ruined(), 0);
	print_message("%s: %u allocations; %u failed, %u of them come to anew\n", s->name, all,
		      plan.new + plan.spread, plan.new);
}

int
main(int argc, char **argv)
{
	static unsigned which[SCENES];
	struct CMUnitTest tests[SCENES];

	path_top = UINTPTR_MAX;
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
