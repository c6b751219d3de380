/*
 * seam_fault_test.c - every call of every scene to the host fails once, with every errno it may have (row G6)
 *
 * Each scene of fault_scenes.h is played once to count its calls of each operation of struct host_ops, then again for each of them:
 * failing with each errno of the table below, and doing only a part where a call can.  Each time
 *
 *	the gateway lives, rests, and sends nothing malformed
 *	the bystander keeps every byte, unless the call was about its own descriptor
 *	at most one of the scene's lines is the worse for it, and none where the kernel only asks to come again
 *	in the end every descriptor, place and block is back, and who comes next is served
 *
 * A scene with handshakes is played once more, and a child plays on from each call that is to fail (fault_fork_kit.h): in every way where it is
 * come to by calls of its own, whatever the scene; in one way otherwise, of each operation all if there are few, else SOME, spread over
 * all (FAULTS=all: each in every way; FAULTS=some: the spread alone).  Of the other scenes all fail, in every way, as many processes
 * sharing them as there are processors.
 * What never fails is no test: an operation that no scene has made to fail is a failure of this one.
 */
#define PATH_FRAMES 1000u /* few calls, and so few children */
#include "test/unit/block_watch_kit.h"
#include "test/unit/fault_fork_kit.h"
#include "test/unit/fault_scenes.h"

#include <stddef.h>
#include <sys/mman.h>

#define ERRORS 12
#define SOME 24u
#define FEW 48u

/* The operations, what the kernel may say of each, and whether it may do only a part. */
static const struct op {
	const char *name;
	bool partly;
	bool
	    unplayed; /* no scene comes to it: only a tap reads so (tap_test), and nobody asks where a socket is */
	int error[ERRORS];
} table[] = {
    {"socket",
     false,
     false,
     {EMFILE, ENFILE, ENOMEM, ENOBUFS, EACCES, EPERM, EAFNOSUPPORT, EPROTONOSUPPORT, EADDRNOTAVAIL, ENODEV}},
    {"connect",
     false,
     false,
     {ECONNREFUSED, ENETUNREACH, EHOSTUNREACH, EADDRNOTAVAIL, EAGAIN, EACCES, EPERM, ETIMEDOUT, ENOBUFS,
      EINVAL}},
    {"disconnect", false, false, {ENOMEM, EINVAL}},
    {"connect_result", false, false, {ECONNREFUSED, ECONNRESET, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH}},
    {"bind", false, false, {EADDRINUSE, EADDRNOTAVAIL, EACCES, ENOMEM}},
    {"listen", false, false, {EADDRINUSE, ENOMEM}},
    {"accept", false, false, {EAGAIN, EMFILE, ENFILE, ENOMEM, ENOBUFS, ECONNABORTED, EPROTO, EPERM}},
    {"local", false, true, {ENOBUFS}},
    {"readv", true, false, {EAGAIN, ECONNRESET, ETIMEDOUT, EHOSTUNREACH, ENOMEM}},
    {"writev", true, false, {EAGAIN, EPIPE, ECONNRESET, ETIMEDOUT, ENOBUFS, ENOMEM}},
    {"recvmmsg", true, false, {EAGAIN, ECONNREFUSED, EHOSTUNREACH, ENOMEM}},
    {"sendmmsg",
     true,
     false,
     {EAGAIN, ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, EMSGSIZE, ENOBUFS, ENOMEM, EPERM, EIO, EINVAL}},
    {"recv", false, false, {EAGAIN, ECONNREFUSED, EHOSTUNREACH, ENOMEM}},
    {"send", false, false, {EAGAIN, ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, ENOBUFS, ENOMEM, EPERM, EINVAL}},
    {"sockerr", false, false, {EAGAIN, ENOMEM}},
    {"pending_error", false, false, {ECONNRESET, ENOBUFS}},
    {"shutdown_write", false, false, {ENOTCONN, ENOBUFS}},
    {"nodelay", false, false, {EINVAL}},
    {"keepalive", false, false, {ENOBUFS}},
    {"set_ttl", false, false, {EINVAL, EPERM}},
    {"set_tos", false, false, {EPERM}},
    {"arm", false, false, {ENOMEM, ENOSPC}},
    {"arm_read", false, false, {ENOMEM, ENOSPC}},
    {"arm_level", false, false, {ENOMEM, ENOSPC}},
    {"events", true, false, {EINTR, ENOMEM}},
    {"poll", false, false, {EINTR, ENOMEM}},
    {"fd_readv", true, true, {EAGAIN, EIO}},
    {"fd_writev", true, false, {EAGAIN, EINTR, ENOSPC, EIO, EPIPE, EFBIG}},
    {"file_version", false, false, {ENOENT}},
    {"file_read", false, false, {ENOENT, EACCES, EMFILE, EIO}},
    {"addrs", false, false, {EMFILE, ENOMEM, EINTR}},
    {"addrs_watch", false, false, {EPERM, EMFILE, ENOMEM}},
};
#define OPERATIONS (sizeof(table) / sizeof(table[0]))

/* Those that cannot fail by their type, or whose failure is a value like any other. */
static const char *const cannot_fail[] = {"close",      "event_fd",      "now",       "work",
					  "wall",       "random",        "wake_fd",   "wake",
					  "wake_clear", "addrs_changed", "drop_pages"};

/* struct host_ops has as many as are named here. */
_Static_assert(sizeof(struct host_ops) / sizeof(void (*)(void)) ==
		   sizeof(table) / sizeof(table[0]) + sizeof(cannot_fail) / sizeof(cannot_fail[0]),
	       "every operation of the host is here");

/* All processes': how often each has failed. */
static _Atomic uint64_t *injected;
static uint64_t calls[OPERATIONS]; /* of the run that is just over, while it could have failed */

static bool fired;
static const char with_children[] = "a call fails";

/* Of a scene that is played with children: which of its calls fail. */
static struct {
	bool on, every, spread_alone;
	uint64_t most[OPERATIONS], seen[OPERATIONS];
	enum vhost_op which[OPERATIONS]; /* as the host calls it */
	unsigned faults, paths;
} plan;
static struct path_set known;
static const struct op *failing; /* in a child: what failed, and how */
static int failing_with;

int __real_vhost_failing(struct vhost *v, enum vhost_op op, struct vhost_sock *s);
int __wrap_vhost_failing(struct vhost *v, enum vhost_op op, struct vhost_sock *s);

static bool
runs_out(void)
{
	return false;
}

/* True: we are the child in which this call fails so. */
static bool
fails_so(struct vhost *v, unsigned i, int error)
{
	injected[i]++;
	plan.faults++;
	if (!plays_on("%s: %s, call %u, %s", playing, table[i].name, (unsigned)plan.seen[i],
		      error ? strerror(error) : "a part"))
		return false;
	failing = &table[i];
	failing_with = error;
	if (error)
		vhost_fail(v, table[i].name, 1, error);
	else
		vhost_cut(v, table[i].name, 1);
	return true;
}

static void
each_way_fails(struct vhost *v, unsigned i)
{
	for (unsigned e = 0; e < ERRORS && table[i].error[e]; e++)
		if (fails_so(v, i, table[i].error[e]))
			return;
	if (table[i].partly)
		fails_so(v, i, 0);
}

/* The next way, so that calls share them. */
static void
a_way_fails(struct vhost *v, unsigned i)
{
	unsigned n = 0;

	while (n < ERRORS && table[i].error[n])
		n++;
	unsigned e = (unsigned)(plan.seen[i] % (n + table[i].partly));
	fails_so(v, i, e < n ? table[i].error[e] : 0);
}

int
__wrap_vhost_failing(struct vhost *v, enum vhost_op op, struct vhost_sock *s)
{
	unsigned i = 0;

	while (i < OPERATIONS && plan.which[i] != op)
		i++;
	/* The sleep here is the bed's, not the gateway's. */
	if (!plan.on || in_child || i == OPERATIONS || strcmp(table[i].name, "poll") == 0)
		return __real_vhost_failing(v, op, s);
	bool is_new = !plan.spread_alone && path_add(&known, path_key((uint64_t)op + 1));
	uint64_t n = ++plan.seen[i], most = plan.most[i];
	bool some = (!plan.spread_alone && most <= FEW) || n % (most / SOME + 1) == 0;

	plan.paths += is_new;
	if (is_new || plan.every)
		each_way_fails(v, i);
	else if (some)
		a_way_fails(v, i);
	return __real_vhost_failing(v, op, s);
}

static void
arm(const struct fault *f)
{
	struct vhost *v = bed->vhost;

	plan.on = f->op == with_children;
	if (plan.on)
		watch_begins();
	for (unsigned i = 0; i < OPERATIONS; i++)
		calls[i] = vhost_calls(v, table[i].name);
	if (plan.on)
		return;
	if (f->op && f->error)
		vhost_fail(v, f->op, (int)f->nth, f->error);
	else if (f->op)
		vhost_cut(v, f->op, (int)f->nth);
}

static int
disarm(const struct fault *f)
{
	struct vhost *v = vhost_of(vhost_host(bed->vhost));
	int fd;

	for (unsigned i = 0; i < OPERATIONS; i++)
		calls[i] = vhost_calls(v, table[i].name) - calls[i];
	fired = f->op && v->nfailure == 0;
	if (plan.on && !in_child)
		fired = plan.on = false;
	v->nfailure = 0;
	vhost_failed(v, &fd);
	return fired ? fd : -1;
}

/* The kernel asks to come again, or does what it can: nobody is the worse for that. */
static bool
only_delays(const struct scene *s, const struct op *op, int error)
{
	return error == 0 || error == EINTR ||
	       (error == EAGAIN && s->kind != LOSSY && strcmp(op->name, "connect") != 0);
}

static bool
scene_survives(const struct scene *s, const struct op *op, unsigned nth, int error)
{
	struct fault f = {arm, disarm, op->name, nth, error};
	unsigned hurt = scene_run(s, &f);

	if (hurt <= (fired && !only_delays(s, op, error) ? 1 : 0))
		return fired;
	print_error("%s: %s, call %u, %s: %u are the worse for it:%s\n", s->name, op->name, nth,
		    error ? strerror(error) : "a part", hurt, worse);
	fail();
	return false;
}

/* Each way this call may fail. */
static void
call_fails(const struct scene *s, unsigned i, unsigned nth)
{
	const struct op *op = &table[i];

	for (unsigned e = 0; e < ERRORS && op->error[e]; e++)
		injected[i] += scene_survives(s, op, nth, op->error[e]);
	if (op->partly)
		injected[i] += scene_survives(s, op, nth, 0);
}

/* All calls, shared by so many processes; each ends as a program does, so that the sanitizers look at it. */
static void
calls_fail(const struct scene *s)
{
	long shares = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? 2 : 1;

	for (long share = 0; share < shares; share++) {
		unsigned n = 0;

		if (!plays_on("%s: one in %ld", s->name, shares))
			continue;
		for (unsigned i = 0; i < OPERATIONS; i++)
			for (unsigned nth = 1; strcmp(table[i].name, "poll") != 0 && nth <= plan.most[i];
			     nth++)
				if (n++ % shares == share)
					call_fails(s, i, nth);
		fflush(NULL);
		exit(0);
	}
}

/* What the host calls each operation: it is told of one by name. */
static void
find_operations(void)
{
	struct vhost *v = vhost_of(vhost_host(vhost_new(1)));

	for (unsigned i = 0; i < OPERATIONS; i++) {
		vhost_fail(v, table[i].name, 1, EIO);
		plan.which[i] = v->failure[--v->nfailure].op;
	}
	vhost_free(v);
}

/* Once more, with a child for each fault. */
static void
calls_fail_in_children(const struct scene *s)
{
	struct fault f = {.arm = arm, .disarm = disarm, .op = with_children};
	const char *which = getenv("FAULTS");

	plan.every = which && strcmp(which, "all") == 0;
	plan.spread_alone = which && strcmp(which, "some") == 0;
#ifdef SLUICE_INSTRUMENTED
	plan.spread_alone = true; /* a child writes all counts */
#endif
	for (unsigned i = 0; i < OPERATIONS; i++)
		plan.most[i] = calls[i];
	find_operations();
	unsigned hurt = scene_run(s, &f), left = watch_ends();
	bool good = left == 0 && hurt <= (fired && !only_delays(s, failing, failing_with) ? 1 : 0);
	if (in_child && !good)
		print_error("%s: %u are the worse for it:%s; %u blocks are left\n", s->name, hurt, worse,
			    left);
	child_ends(good);
	assert_true(good);
}

static void
scene_with_faults(const struct scene *s)
{
	struct fault none = {.arm = arm, .disarm = disarm};
	uint64_t all = 0, before = 0, after = 0;

	memset(&plan, 0, sizeof(plan));
	if (scene_run(s, &none) > 0)
		fail_msg("nothing failed, and yet:%s", worse);
	for (unsigned i = 0; i < OPERATIONS; i++) {
		plan.most[i] = calls[i];
		all += strcmp(table[i].name, "poll") != 0 ? calls[i] : 0;
		before += injected[i];
		plan.which[i] = OPS;
	}
	if (s->kind == SLOW)
		calls_fail_in_children(s);
	else
		calls_fail(s);
	assert_int_equal(children_ruined(), 0);
	for (unsigned i = 0; i < OPERATIONS; i++)
		after += injected[i];
	print_message("%s: %u calls, %u faults", s->name, (unsigned)all, (unsigned)(after - before));
	print_message(s->kind == SLOW ? ", %u of the calls come to anew\n" : "\n", plan.paths);
}

static void
G6_each_call_fails(void **state)
{
	const unsigned *which = *state;

	scene_with_faults(&scenes[*which]);
}

/* --- calls of no scene ------------------------------------------------------------------------------------------------------- */

/* A gateway that cannot be built says why and leaves nothing; one that can lives without what failed. */
static bool
setup_survives(const struct op *op, unsigned nth, int error)
{
	struct vhost *v = vhost_new(1);
	struct memlink *m = memlink_new(vhost_host(v), &(struct link_limits){.mtu = 1500});
	char err[256] = "";

	publish();
	vhost_set_time(v, conf.start);
	vhost_fail(v, op->name, (int)nth, error);
	struct sluice *gw = gw_new(&conf.gateway, vhost_host(v), memlink_link(m), err, sizeof(err));
	bool fell = vhost_of(vhost_host(v))->nfailure == 0;
	assert_true(gw || (fell && strlen(err) > 10));
	sluice_free(gw);
	assert_int_equal(vhost_open_count(v), 0);
	memlink_free(m);
	vhost_free(v);
	return fell;
}

static void
G6_each_call_of_building_fails(void **state)
{
	fresh_events(state);
	for (unsigned i = 0; i < OPERATIONS; i++) {
		for (unsigned e = 0; e < ERRORS && table[i].error[e]; e++) {
			unsigned nth = 1;

			while (setup_survives(&table[i], nth, table[i].error[e])) {
				injected[i]++;
				assert_true(nth++ < 100);
			}
		}
	}
}

static bool asleep;

static void
stop_at_once(void *ctx, bool from_guest, const struct iovec *iov, int n, uint64_t now)
{
	(void)ctx;
	(void)from_guest;
	(void)iov;
	(void)n;
	(void)now;
	if (asleep)
		sluice_stop(bed->gw);
}

/* The sleep is cut short, however often: the loop goes round, and a client is heard in the end. */
static void
G6_the_sleep_fails(void **state)
{
	static const int error[] = {EINTR, ENOMEM};
	struct endpoint outside = at("127.0.0.1", OUTSIDE), client = at("127.0.0.1", 40000);
	unsigned which = 0;

	while (strcmp(table[which].name, "poll") != 0)
		which++;
	for (unsigned i = 0; i < 2; i++) {
		fresh_events(state);
		publish();
		conf.gateway.frame = stop_at_once;
		asleep = false;
		begin();
		bed_settle(bed);
		asleep = true;
		assert_true(vhost_client(bed->vhost, &outside, &client));
		for (int nth = 1; nth <= 3; nth++, injected[which]++)
			vhost_fail(bed->vhost, "poll", nth, error[i]);
		assert_int_equal(sluice_run(bed->gw), 0);
		assert_int_equal(vhost_of(vhost_host(bed->vhost))->nfailure, 0);
		bed_drop(bed);
		end();
	}
}

/* After all the others: the matrix. */
static void
G6_every_operation_has_failed(void **state)
{
	unsigned never = 0;

	(void)state;
	for (unsigned i = 0; i < OPERATIONS; i++) {
		print_message("%8u  %s\n", (unsigned)injected[i], table[i].name);
		never += injected[i] == 0 && !table[i].unplayed;
	}
	for (size_t i = 0; i < sizeof(cannot_fail) / sizeof(cannot_fail[0]); i++)
		print_message("  cannot  %s\n", cannot_fail[i]);
	assert_int_equal(never, 0);
}

#define LAST 3u

int
main(int argc, char **argv)
{
	static unsigned which[SCENES];

	path_top = UINTPTR_MAX;
	injected = mmap(NULL, OPERATIONS * sizeof(*injected), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (injected == MAP_FAILED)
		abort();
	struct CMUnitTest tests[SCENES + LAST] = {
	    [SCENES] = cmocka_unit_test(G6_each_call_of_building_fails),
	    cmocka_unit_test(G6_the_sleep_fails),
	    cmocka_unit_test(G6_every_operation_has_failed),
	};

	for (unsigned i = 0; i < SCENES; i++) {
		which[i] = i;
		tests[i] = (struct CMUnitTest){.name = scenes[i].name,
					       .test_func = G6_each_call_fails,
					       .teardown_func = say_what_played,
					       .initial_state = &which[i]};
	}
	if (argc > 1) /* one scene alone */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("every call to the host fails once", tests, far_begin, far_end);
}
