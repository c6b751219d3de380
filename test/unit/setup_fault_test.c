/*
 * setup_fault_test.c - a gateway that cannot be built: a sentence, and nothing left behind (row G6)
 *
 * Each allocation fails once (the Makefile links this program with --wrap), each descriptor that is made or watched,
 * and each call to the host that building needs.  What was taken on the way is counted as it is given back, and so
 * are descriptors; the path of a link's socket is looked for.
 */
#define ALLOC_FREE
#include "test/unit/alloc_wrap_kit.h"
#include "test/unit/descriptor_kit.h"
#include "test/unit/gateway_kit.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "link/unix.h"
#include "link/vhost_int.h"
#include "proxy/config_file.h"

/* --- memory and descriptors that run out ------------------------------------------------------------------------------ */

enum resource { MEMORY, DESCRIPTORS };

#define LUXURIES 4 /* allocations of what only warns: without memory it does not, and nothing is lost */

static bool counting;
static enum resource scarce; /* what the countdown is of */
static int countdown;        /* 1: the next one fails; 0: none */
static long live;            /* blocks and mappings taken and not given back, while counting */

void *__real_aligned_alloc(size_t align, size_t n);
void *__real_mmap(void *at, size_t n, int prot, int flags, int fd, off_t off);
int __real_munmap(void *at, size_t n);
void *__wrap_aligned_alloc(size_t align, size_t n);
void *__wrap_mmap(void *at, size_t n, int prot, int flags, int fd, off_t off);
int __wrap_munmap(void *at, size_t n);
int __real_socket(int family, int type, int proto);
int __real_epoll_create1(int flags);
int __real_epoll_ctl(int epoll, int op, int fd, struct epoll_event *e);
int __real_eventfd(unsigned count, int flags);
int __real_timerfd_create(int clock, int flags);
int __wrap_socket(int family, int type, int proto);
int __wrap_epoll_create1(int flags);
int __wrap_epoll_ctl(int epoll, int op, int fd, struct epoll_event *e);
int __wrap_eventfd(unsigned count, int flags);
int __wrap_timerfd_create(int clock, int flags);

static bool
runs_out(enum resource r, int error)
{
	if (!counting || r != scarce || countdown == 0 || --countdown > 0)
		return false;
	errno = error;
	return true;
}

static bool
alloc_fails(void)
{
	return runs_out(MEMORY, ENOMEM);
}

static void *
alloc_taken(void *p)
{
	live += counting && p;
	return p;
}

static void
alloc_given(void *p)
{
	live -= counting && p;
}

void *
__wrap_aligned_alloc(size_t align, size_t n)
{
	return runs_out(MEMORY, ENOMEM) ? NULL : alloc_taken(__real_aligned_alloc(align, n));
}

void *
__wrap_mmap(void *at, size_t n, int prot, int flags, int fd, off_t off)
{
	if (runs_out(MEMORY, ENOMEM))
		return MAP_FAILED;
	void *p = __real_mmap(at, n, prot, flags, fd, off);
	live += counting && p != MAP_FAILED;
	return p;
}

int
__wrap_munmap(void *at, size_t n)
{
	live -= counting;
	return __real_munmap(at, n);
}

int
__wrap_socket(int family, int type, int proto)
{
	return runs_out(DESCRIPTORS, EMFILE) ? -1 : __real_socket(family, type, proto);
}

int
__wrap_epoll_create1(int flags)
{
	return runs_out(DESCRIPTORS, EMFILE) ? -1 : __real_epoll_create1(flags);
}

/* The number of descriptors that are watched has a limit of its own: fs.epoll.max_user_watches. */
int
__wrap_epoll_ctl(int epoll, int op, int fd, struct epoll_event *e)
{
	return runs_out(DESCRIPTORS, ENOSPC) ? -1 : __real_epoll_ctl(epoll, op, fd, e);
}

int
__wrap_eventfd(unsigned count, int flags)
{
	return runs_out(DESCRIPTORS, EMFILE) ? -1 : __real_eventfd(count, flags);
}

int
__wrap_timerfd_create(int clock, int flags)
{
	return runs_out(DESCRIPTORS, EMFILE) ? -1 : __real_timerfd_create(clock, flags);
}

/* From now on the nth allocation fails; 0: none does. */
static void
count_from(int nth)
{
	live = 0;
	scarce = MEMORY;
	countdown = nth;
	counting = true;
}

/* True: one has failed. */
static bool
count_ends(int nth)
{
	counting = false;
	return nth > 0 && countdown == 0;
}

static void
is_a_sentence(const char *err)
{
	assert_true(strlen(err) > 10);
	for (const char *c = err; *c; c++)
		assert_in_range(*c, 0x20, 0x7e);
}

/* --- on a host of memory ------------------------------------------------------------------------------------------------ */

static const struct sluice_publish ports[2] = {
    {.host_first = 8080, .host_last = 8082, .guest_first = 80},
    {.host_first = 8080, .host_last = 8080, .udp = true},
};
static struct vhost *vhost;
static struct memlink *mem;

static void
open_host(void)
{
	struct link_limits lim = {.mtu = 1500};

	vhost = vhost_new(1);
	assert_non_null(vhost);
	vhost_set_time(vhost, USEC_PER_SEC);
	mem = memlink_new(vhost_host(vhost), &lim);
	assert_non_null(mem);
	conf.gateway.publish = ports;
	conf.gateway.npublish = 2;
	conf.gateway.pcap_fd = vhost_pipe(vhost);
}

static void
close_host(void)
{
	memlink_free(mem);
	vhost_free(vhost);
}

static struct sluice *
build(char *err, size_t errlen)
{
	err[0] = '\0';
	return gw_new(&conf.gateway, vhost_host(vhost), memlink_link(mem), err, errlen);
}

/* The host's own memory of its sockets is there from then on, and is not counted. */
static void
build_once(void)
{
	char err[256];
	struct sluice *gw = build(err, sizeof(err));

	assert_non_null(gw);
	sluice_free(gw);
	assert_int_equal(vhost_open_count(vhost), 1);
}

static void
G6_each_allocation_fails(void **state)
{
	char err[256];
	int nth = 1, survived = 0;

	(void)state;
	open_host();
	build_once();
	for (;; nth++) {
		count_from(nth);
		struct sluice *gw = build(err, sizeof(err));
		bool failed = !gw;

		sluice_free(gw);
		bool fired = count_ends(nth);
		survived += fired && !failed;
		assert_true(fired || !failed);
		assert_int_equal(live, 0);
		assert_int_equal(vhost_open_count(vhost), 1); /* the capture's, which is the caller's */
		if (!fired)
			break;
		if (failed)
			is_a_sentence(err);
	}
	assert_in_range(survived, 0, LUXURIES);
	/* The gateway, three kinds of flow, buckets, heap, pool and its book, slots, TIME-WAIT, listeners: at least. */
	assert_in_range(nth, 11, 400);
	build_once();
	close_host();
}

static void
G6_each_call_of_setup_fails(void **state)
{
	static const struct {
		const char *op;
		int error;
		int survives; /* this many of its calls may fail and leave a gateway all the same */
	} f[] = {
	    {"socket", EMFILE, 1}, /* the spare descriptor */
	    {"socket", EACCES, 1},      {"bind", EADDRINUSE, 0},   {"bind", EACCES, 0},
	    {"bind", EADDRNOTAVAIL, 0}, {"listen", EADDRINUSE, 0}, {"arm", ENOMEM, 0},
	    {"arm", ENOSPC, 0},         {"fd_writev", ENOSPC, 0},  {"fd_writev", EIO, 0},
	};
	char err[256];

	(void)state;
	open_host();
	build_once();
	for (size_t i = 0; i < sizeof(f) / sizeof(f[0]); i++) {
		int survived = 0;

		for (int nth = 1;; nth++) {
			struct vhost *v = vhost_of(vhost_host(vhost));

			assert_true(nth < 100);
			vhost_fail(vhost, f[i].op, nth, f[i].error);
			count_from(0);
			struct sluice *gw = build(err, sizeof(err));
			bool fired = v->nfailure == 0;

			v->nfailure = 0;
			survived += gw && fired;
			if (!gw)
				is_a_sentence(err);
			assert_true(gw || fired);
			sluice_free(gw);
			count_ends(0);
			assert_int_equal(live, 0);
			assert_int_equal(vhost_open_count(vhost), 1);
			if (!fired) {
				assert_true(nth > 1);
				break;
			}
		}
		assert_int_equal(survived, f[i].survives);
	}
	close_host();
}

/* --- the library's own doors ------------------------------------------------------------------------------------------- */

static struct sluice_port *port;
static struct sluice_virtio *virtio;
static int vmm = -1; /* who listens at the path of the link */
static char dir[64], path[sizeof(dir) + 8];

static struct sluice *
make_port(char *err, size_t n)
{
	struct sluice_port_config pc;

	sluice_port_config_init(&pc);
	pc.copy_frame = 2048;
	port = conf.gateway.port = sluice_port_new(&pc, err, n);
	return port ? sluice_new(&conf.gateway, err, n) : NULL;
}

static struct sluice *
make_virtio(char *err, size_t n)
{
	virtio = conf.gateway.virtio = sluice_virtio_new(NULL, err, n);
	return virtio ? sluice_new(&conf.gateway, err, n) : NULL;
}

static struct sluice *
make_at_path(char *err, size_t n)
{
	return sluice_new(&conf.gateway, err, n);
}

static void
unmake(struct sluice *s)
{
	sluice_free(s);
	sluice_port_free(port);
	sluice_virtio_free(virtio);
	port = NULL;
	virtio = NULL;
}

struct door {
	enum sluice_link_kind kind;
	struct sluice *(*make)(char *err, size_t n);
	bool connect;
	int allocations, descriptors; /* it takes this many at least */
};

/* Whether the nth of what is scarce was asked for; nothing is left behind, whether the gateway came to be or not. */
static bool
nth_fails(const struct door *d, enum resource what, int nth, int *survived)
{
	unsigned before = open_descriptors();
	char err[256] = "";

	count_from(nth);
	scarce = what;
	struct sluice *s = d->make(err, sizeof(err));
	bool made = s != NULL, fired = countdown == 0;
	countdown = 0;
	unmake(s);
	counting = false;
	assert_true(made || fired);
	if (!made)
		is_a_sentence(err);
	*survived += made && fired;
	assert_int_equal(live, 0);
	assert_int_equal(open_descriptors(), before);
	assert_true(access(path, F_OK) == (d->connect ? 0 : -1));
	/* One that tried to connect is not to stand in the way of the next. */
	int guest = d->connect ? unix_accept(vmm) : -1;
	if (guest >= 0)
		close(guest);
	return fired;
}

static void
G6_a_gateway_of_each_link(void **state)
{
	static const struct door door[] = {
	    {SLUICE_LINK_PORT, make_port, false, 20, 7},
	    {SLUICE_LINK_VIRTIO, make_virtio, false, 15, 6},
	    {SLUICE_LINK_STREAM, make_at_path, false, 14, 7},
	    {SLUICE_LINK_STREAM, make_at_path, true, 14, 5},
	    {SLUICE_LINK_DGRAM, make_at_path, false, 14, 6},
	    {SLUICE_LINK_VHOST_USER, make_at_path, false, 15, 9},
	    {SLUICE_LINK_VHOST_USER, make_at_path, true, 15, 7},
	};

	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/sluice-fault-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/sock", dir);
	for (size_t i = 0; i < sizeof(door) / sizeof(door[0]); i++) {
		const struct door *d = &door[i];
		int survived = 0, nth = 1;

		conf.gateway.link_kind = d->kind;
		conf.gateway.link_path = d->make == make_at_path ? path : NULL;
		conf.gateway.link_connect = d->connect;
		vmm = d->connect ? unix_bind(path, SOCK_STREAM) : -1;
		assert_true(!d->connect || vmm >= 0);
		while (nth_fails(d, MEMORY, nth, &survived))
			nth++;
		assert_in_range(nth, d->allocations, 400);
		assert_in_range(survived, 0, LUXURIES);
		survived = 0;
		for (nth = 1; nth_fails(d, DESCRIPTORS, nth, &survived);)
			nth++;
		assert_in_range(nth, d->descriptors, 100);
		/* The spare one; the one that tells of addresses that change, and its being watched: they are looked
		 * at now and then instead. */
		assert_int_equal(survived, 3);
		if (d->connect) {
			unlink(path);
			close(vmm);
		}
	}
	assert_int_equal(rmdir(dir), 0);
}

/* What options say is kept in the one block. */
static void
G6_options_without_memory(void **state)
{
	static const char *const arg[][2] = {
	    {"--publish", "8080:80"}, {"--mtu", "1400"}, {"--hostname", "box"}, {"--nonsense", NULL}};
	char err[256];

	(void)state;
	count_from(1);
	assert_null(sluice_options_new());
	assert_true(count_ends(1));
	assert_int_equal(live, 0);
	count_from(2);
	struct sluice_options *o = sluice_options_new();
	assert_non_null(o);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(sluice_options_take(o, arg[i][0], arg[i][1], err, sizeof(err)),
				 arg[i][1] ? 2 : 0);
	sluice_options_free(o);
	assert_false(count_ends(2));
	assert_int_equal(live, 0);
}

static char *
read_rules(void *ctx, const char *name, size_t *len, const char **why)
{
	static const char text[] = "allow to 192.0.2.1\ndeny to 192.0.2.2\n";
	char *copy = malloc(sizeof(text));

	(void)ctx, (void)name;
	*why = "no memory";
	*len = sizeof(text) - 1;
	if (copy)
		memcpy(copy, text, sizeof(text));
	return copy;
}

/*
 * Options and a file with rules, the nth allocation failing: what could not be kept is an error, and where there is no
 * memory for the rules of both together nothing is allowed.  False: the nth allocation was not needed.
 */
static bool
rules_without_memory(int nth)
{
	static const char yaml[] =
	    "policy: {rules: [deny to 192.0.2.3], files: x.rules, floor: {profiles: all}}\n"
	    "dns: {hosts: {a.example: 192.0.2.1}, routes: {b.example: 192.0.2.2}}\n"
	    "logging: {events: x.jsonl}\n";
	struct diag_sink d = {.told = NULL};
	struct sluice_config cfg;
	char err[256];

	count_from(nth);
	struct sluice_options *file = sluice_options_new(), *line = sluice_options_new();
	bool good = file && line;
	if (good)
		good = config_read(file, "x.yaml", yaml, sizeof(yaml) - 1, read_rules, NULL, &d);
	if (good)
		good = sluice_options_take(line, "-r", "deny to 192.0.2.4", err, sizeof(err)) == 2;
	if (good) {
		sluice_config_init(&cfg);
		sluice_options_apply(file, &cfg);
		sluice_options_apply(line, &cfg);
		assert_true(cfg.nrules == 4 ||
			    (cfg.nrules == 2 && strncmp(cfg.rules[0].text, "deny egress to @any", 19) == 0));
		assert_string_equal(cfg.floor_profiles, "all");
		good = cfg.nrules == 4;
	}
	sluice_options_free(file);
	sluice_options_free(line);
	bool failed = count_ends(nth);
	assert_int_equal(live, 0);
	assert_int_equal(good, !failed);
	return failed;
}

static void
G6_each_allocation_of_rules_fails(void **state)
{
	int nth = 1;

	(void)state;
	while (rules_without_memory(nth))
		nth++;
	assert_in_range(nth, 15, 200);
}

static void
hear(void *ctx, const char *text)
{
	*(size_t *)ctx += strlen(text);
}

/* An explanation is whole or an error. */
static void
G6_each_allocation_of_an_explanation_fails(void **state)
{
	static const struct sluice_rule rules[] = {{.text = "deny to 192.0.2.1, *.a.example"},
						   {.text = "allow tcp/443 to b.example"}};
	const struct sluice_question q = {
	    .size = sizeof(q), .protocol = IP_PROTO_TCP, .host = "b.example", .port = 443};
	bool failed = true;

	(void)state;
	for (int nth = 1; failed; nth++) {
		struct sluice_config cfg;
		char err[256] = "";
		size_t said = 0;
		sluice_config_init(&cfg);
		cfg.rules = rules;
		cfg.nrules = 2;
		count_from(nth);
		int r = sluice_explain(&cfg, &q, false, hear, &said, err, sizeof(err));
		failed = count_ends(nth);
		assert_int_equal(live, 0);
		/* The host's own addresses are looked for, and done without. */
		assert_true(r == 1 ? said > 0 : r == -1 && failed && err[0]);
		assert_in_range(nth, 1, 400);
	}
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, fresh)
	const struct CMUnitTest tests[] = {
	    TEST(G6_each_allocation_fails),          TEST(G6_each_call_of_setup_fails),
	    TEST(G6_a_gateway_of_each_link),         TEST(G6_options_without_memory),
	    TEST(G6_each_allocation_of_rules_fails), TEST(G6_each_allocation_of_an_explanation_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
