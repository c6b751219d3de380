/*
 * setup_fault_test.c - a gateway that cannot be built: a sentence, and nothing left behind (row G6)
 *
 * Each allocation fails once (the Makefile links this program with --wrap), and each call to the host that building
 * needs.  What was taken on the way is counted as it is given back, and so are descriptors.
 */
#include "test/unit/gateway_kit.h"

#include <dirent.h>
#include <errno.h>
#include <sys/mman.h>

#include "link/vhost_int.h"

/* --- memory that runs out --------------------------------------------------------------------------------------------- */

static bool counting;
static int countdown; /* 1: the next one fails; 0: none */
static long live;     /* blocks and mappings taken and not given back, while counting */

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_aligned_alloc(size_t align, size_t n);
void __real_free(void *p);
void *__real_mmap(void *at, size_t n, int prot, int flags, int fd, off_t off);
int __real_munmap(void *at, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t n);
void __wrap_free(void *p);
void *__wrap_mmap(void *at, size_t n, int prot, int flags, int fd, off_t off);
int __wrap_munmap(void *at, size_t n);

static bool
runs_out(void)
{
	if (!counting || countdown == 0 || --countdown > 0)
		return false;
	errno = ENOMEM;
	return true;
}

static void *
taken(void *p)
{
	live += counting && p;
	return p;
}

void *
__wrap_malloc(size_t n)
{
	return runs_out() ? NULL : taken(__real_malloc(n));
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return runs_out() ? NULL : taken(__real_calloc(n, size));
}

void *
__wrap_aligned_alloc(size_t align, size_t n)
{
	return runs_out() ? NULL : taken(__real_aligned_alloc(align, n));
}

void
__wrap_free(void *p)
{
	live -= counting && p;
	__real_free(p);
}

void *
__wrap_mmap(void *at, size_t n, int prot, int flags, int fd, off_t off)
{
	if (runs_out())
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

/* From now on the nth allocation fails; 0: none does. */
static void
count_from(int nth)
{
	live = 0;
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
	int nth = 1;

	(void)state;
	open_host();
	build_once();
	for (;; nth++) {
		count_from(nth);
		struct sluice *gw = build(err, sizeof(err));
		bool failed = !gw;

		sluice_free(gw);
		bool fired = count_ends(nth);
		assert_true(failed == fired);
		assert_int_equal(live, 0);
		assert_int_equal(vhost_open_count(vhost), 1); /* the capture's, which is the caller's */
		if (!fired)
			break;
		is_a_sentence(err);
	}
	/* The gateway, three kinds of flow, buckets, heap, pool and its book, slots, TIME-WAIT, listeners: at least. */
	assert_in_range(nth, 11, 100);
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

static unsigned
descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void
G6_sluice_new_without_memory(void **state)
{
	struct sluice_port_config pc;
	char err[256];
	unsigned before = descriptors();

	(void)state;
	sluice_port_config_init(&pc);
	for (int nth = 1;; nth++) {
		struct sluice_port *port = sluice_port_new(&pc, err, sizeof(err));

		assert_non_null(port);
		conf.gateway.link_kind = SLUICE_LINK_PORT;
		conf.gateway.port = port;
		count_from(nth);
		struct sluice *s = sluice_new(&conf.gateway, err, sizeof(err));
		bool failed = !s;

		sluice_free(s);
		bool fired = count_ends(nth);
		assert_true(failed == fired);
		assert_int_equal(live, 0);
		sluice_port_free(port);
		assert_int_equal(descriptors(), before);
		if (!fired) {
			assert_in_range(nth, 13, 100);
			break;
		}
		is_a_sentence(err);
	}
}

static void
G6_port_without_memory(void **state)
{
	struct sluice_port_config pc;
	char err[256];
	unsigned before = descriptors();

	(void)state;
	sluice_port_config_init(&pc);
	pc.copy_frame = 2048;
	for (int nth = 1;; nth++) {
		err[0] = '\0';
		count_from(nth);
		struct sluice_port *port = sluice_port_new(&pc, err, sizeof(err));
		bool failed = !port;

		sluice_port_free(port);
		bool fired = count_ends(nth);
		assert_true(failed == fired);
		assert_int_equal(live, 0);
		assert_int_equal(descriptors(), before);
		if (!fired) {
			assert_in_range(nth, 2, 100);
			break;
		}
		is_a_sentence(err);
	}
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, fresh)
	const struct CMUnitTest tests[] = {
	    TEST(G6_each_allocation_fails),
	    TEST(G6_each_call_of_setup_fails),
	    TEST(G6_sluice_new_without_memory),
	    TEST(G6_port_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
