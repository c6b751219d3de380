/*
 * vhost_user_hostile_test.c - VMMs that say what makes no sense
 *
 * Each is hung up on with a sentence that names what was wrong, nothing of it stays behind (descriptors, mappings),
 * and the next VMM is served as if nothing had been.
 */
#include "test/unit/vhost_user_kit.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "link/unix.h"

/* --- one wrong message ------------------------------------------------------------------------------- */

static const char *current; /* of the cases: which */

static void
connect_anew(struct bench *b)
{
	if (!b->link)
		open_link(b);
	b->link->reason[0] = '\0';
	front_connect(&b->front, b->path);
}

static void
refuses(struct bench *b, const char *because)
{
	if (!front_is_left(&b->front) || !strstr(b->link->reason, because))
		fail_msg("%s: '%s' does not say '%s'", current, b->link->reason, because);
	assert_left(b, because);
	start(b);
	assert_works(b);
	front_hang_up(&b->front);
	rest(b);
}

/* Before anything was said, and while a device works: the same is wrong. */
static void
wrong_bytes(struct bench *b, const void *bytes, size_t len, const int *fds, int nfds, const char *because)
{
	connect_anew(b);
	front_send_bytes(&b->front, bytes, len, fds, nfds);
	refuses(b, because);
	start(b);
	front_send_bytes(&b->front, bytes, len, fds, nfds);
	refuses(b, because);
}

static void
wrong(struct bench *b, const struct vhost_user_message *m, const int *fds, int nfds, const char *because)
{
	uint8_t bytes[VHOST_USER_MESSAGE_MAX];
	struct wr w = wr_of(bytes, sizeof(bytes));

	vhost_user_emit(&w, m);
	wrong_bytes(b, bytes, (size_t)(w.p - bytes), fds, nfds, because);
}

static void
headers(void **state)
{
	struct bench *b = *state;
	const struct {
		uint32_t words[3];
		const char *because;
	} cases[] = {
	    {{VHOST_USER_SET_OWNER, 0, 0}, "version 0"},
	    {{VHOST_USER_SET_OWNER, 2, 0}, "version 2"},
	    {{VHOST_USER_SET_OWNER, 3, 0}, "version 3"},
	    {{VHOST_USER_GET_FEATURES, 1 | VHOST_USER_REPLY, 0}, "flags 0x5"},
	    {{VHOST_USER_GET_FEATURES, 1 | 1u << 31, 0}, "flags"},
	    {{0, 1, 0}, "unknown"},
	    {{1000, 1, 0}, "unknown request (1000)"},
	    {{UINT32_MAX, 1, 0}, "unknown"},
	    {{VHOST_USER_SET_OWNER, 1, 4}, "SET_OWNER with 4 bytes"},
	    {{VHOST_USER_SET_FEATURES, 1, 7}, "SET_FEATURES with 7 bytes"},
	    {{VHOST_USER_SET_FEATURES, 1, UINT32_MAX}, "4294967295 bytes"},
	    {{VHOST_USER_SET_VRING_ADDR, 1, 39}, "SET_VRING_ADDR with 39"},
	    {{VHOST_USER_SET_MEM_TABLE, 1, 0}, "SET_MEM_TABLE with 0"},
	    {{VHOST_USER_SET_MEM_TABLE, 1, 41}, "SET_MEM_TABLE with 41"},
	    {{VHOST_USER_SET_MEM_TABLE, 1, 8 + 32 * (VHOST_USER_REGIONS + 1)}, "SET_MEM_TABLE with"},
	    {{VHOST_USER_GET_CONFIG, 1, 11}, "GET_CONFIG with 11"},
	    {{VHOST_USER_GET_CONFIG, 1, 12 + VHOST_USER_CONFIG_MAX + 1}, "GET_CONFIG with"},
	    {{VHOST_USER_SET_LOG_BASE, 1, 16}, "SET_LOG_BASE (6), which was not offered"},
	    {{VHOST_USER_SET_LOG_FD, 1, 0}, "SET_LOG_FD"},
	    {{VHOST_USER_SET_BACKEND_REQ_FD, 1, 0}, "SET_BACKEND_REQ_FD"},
	    {{22, 1, 0}, "IOTLB_MSG"},
	    {{28, 1, 0}, "POSTCOPY_ADVISE"},
	    {{31, 1, 24}, "GET_INFLIGHT_FD"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		current = cases[i].because;
		wrong_bytes(b, cases[i].words, sizeof(cases[i].words), NULL, 0, cases[i].because);
		/* Its descriptors are closed, too. */
		wrong_bytes(b, cases[i].words, sizeof(cases[i].words),
			    (int[]){b->front.memfd, b->front.memfd}, 2, cases[i].because);
	}
}

static void
features(void **state)
{
	struct bench *b = *state;

	for (unsigned bit = 0; bit < 64; bit++) {
		uint64_t v = UINT64_C(1) << bit;

		current = "features";
		if (!(v & FRONT_FEATURES))
			wrong(b,
			      &(struct vhost_user_message){.request = VHOST_USER_SET_FEATURES,
							   .payload = VHOST_USER_U64,
							   .u64 = v | FRONT_FEATURES},
			      NULL, 0, "not offered");
		if (!(v & (FRONT_PROTOCOL | VHOST_USER_PROTOCOL_F_RARP)))
			wrong(b,
			      &(struct vhost_user_message){.request = VHOST_USER_SET_PROTOCOL_FEATURES,
							   .payload = VHOST_USER_U64,
							   .u64 = v},
			      NULL, 0, "protocol features");
	}
	start(b);
	front_say_u64(&b->front, VHOST_USER_SET_FEATURES, FRONT_FEATURES & ~VIRTIO_NET_F_CSUM);
	refuses(b, "SET_FEATURES for a queue that runs");
}

static void
states(void **state)
{
	struct bench *b = *state;
	const struct {
		uint32_t request, index, num;
		const char *because;
	} cases[] = {
	    {VHOST_USER_SET_VRING_NUM, 2, 256, "queue 2"},
	    {VHOST_USER_SET_VRING_NUM, UINT32_MAX, 256, "queue 4294967295"},
	    {VHOST_USER_SET_VRING_NUM, 0, 0, "0 entries"},
	    {VHOST_USER_SET_VRING_NUM, 0, 3, "3 entries"},
	    {VHOST_USER_SET_VRING_NUM, 0, 2 * VIRTQ_NUM_MAX, "entries"},
	    {VHOST_USER_SET_VRING_NUM, 1, 0x10000, "entries"},
	    {VHOST_USER_SET_VRING_NUM, 1, 1u << 31, "entries"},
	    {VHOST_USER_SET_VRING_BASE, 2, 0, "queue 2"},
	    {VHOST_USER_SET_VRING_BASE, 0, 0x10000, "entry 65536"},
	    {VHOST_USER_GET_VRING_BASE, 2, 0, "queue 2"},
	    {VHOST_USER_SET_VRING_ENABLE, 2, 1, "queue 2"},
	    {VHOST_USER_SET_VRING_ENABLE, 0, 2, "SET_VRING_ENABLE with 2"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		current = cases[i].because;
		wrong(b,
		      &(struct vhost_user_message){.request = cases[i].request,
						   .payload = VHOST_USER_STATE,
						   .state = {cases[i].index, cases[i].num}},
		      NULL, 0, cases[i].because);
	}
}

static void
a_queue_that_runs_stays_where_it_is(void **state)
{
	struct bench *b = *state;
	struct vhost_front *f = start(b);

	current = "running";
	front_say_state(f, VHOST_USER_SET_VRING_NUM, 0, 32);
	refuses(b, "SET_VRING_NUM for a queue that runs");
	start(b);
	front_say_state(f, VHOST_USER_SET_VRING_BASE, 0, 0);
	refuses(b, "SET_VRING_BASE for a queue that runs");
	start(b);
	f->driver.q[1].used += 64;
	front_say_addr(f, 1);
	refuses(b, "SET_VRING_ADDR for a queue that runs");
}

/* --- descriptors --------------------------------------------------------------------------------------- */

static void
descriptors_where_none_belong(void **state)
{
	struct bench *b = *state;

	for (uint32_t r = 1; r < VHOST_USER_REQUESTS; r++) {
		struct vhost_user_message m = {.request = r, .payload = vhost_user_request_payload(r)};
		int fds[VHOST_USER_REGIONS];
		int n = (int)vhost_user_request_fds(r) + 1;

		if (!vhost_user_request_served(r) || n > (int)VHOST_USER_REGIONS)
			continue;
		for (int i = 0; i < n; i++)
			fds[i] = b->front.memfd;
		current = vhost_user_request_name(r);
		wrong(b, &m, fds, n, "descriptors");
	}
}

static void
descriptors_of_queues(void **state)
{
	struct bench *b = *state;
	const uint32_t requests[] = {VHOST_USER_SET_VRING_KICK, VHOST_USER_SET_VRING_CALL,
				     VHOST_USER_SET_VRING_ERR};
	int fd = b->front.driver.kick_fd[0];

	for (unsigned i = 0; i < 3; i++) {
		struct vhost_user_message m = {.request = requests[i], .payload = VHOST_USER_U64};

		current = vhost_user_request_name(requests[i]);
		wrong(b, &m, NULL, 0, "with 0 descriptors");
		m.u64 = VHOST_USER_VRING_NOFD;
		wrong(b, &m, &fd, 1, "with 1 descriptors");
		m.u64 = 2;
		wrong(b, &m, &fd, 1, "queue 2");
		m.u64 = VHOST_USER_VRING_INDEX;
		wrong(b, &m, &fd, 1, "queue 255");
		m.u64 = 1u << 9;
		wrong(b, &m, &fd, 1, "0x200");
		m.u64 = UINT64_MAX - VHOST_USER_VRING_NOFD;
		wrong(b, &m, &fd, 1, "0xfffffffffffffeff");
	}
	current = "polling";
	wrong(b,
	      &(struct vhost_user_message){.request = VHOST_USER_SET_VRING_KICK,
					   .payload = VHOST_USER_U64,
					   .u64 = VHOST_USER_VRING_NOFD | 1},
	      NULL, 0, "polled");
}

/* Pipes and sockets could end the process by SIGPIPE, and wait; files cannot be watched. */
static void
only_eventfds_will_do(void **state)
{
	struct bench *b = *state;
	const uint32_t requests[] = {VHOST_USER_SET_VRING_KICK, VHOST_USER_SET_VRING_CALL,
				     VHOST_USER_SET_VRING_ERR};
	int pipes[2], pair[2], path;

	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	path = open("/dev/null", O_RDONLY | O_PATH | O_CLOEXEC);
	close(pipes[0]);
	close(pair[0]);
	const int fds[] = {pipes[1], pair[1], path, b->front.memfd};

	for (unsigned i = 0; i < 3; i++) {
		for (unsigned k = 0; k < sizeof(fds) / sizeof(fds[0]); k++) {
			current = vhost_user_request_name(requests[i]);
			wrong(b,
			      &(struct vhost_user_message){
				  .request = requests[i], .payload = VHOST_USER_U64, .u64 = 0},
			      &fds[k], 1, "not an eventfd");
		}
	}
	close(pipes[1]);
	close(pair[1]);
	close(path);
}

/* A blocking one that is full: it was made nonblocking when it came. */
static void
a_full_call_descriptor_holds_nobody_up(void **state)
{
	struct bench *b = *state;
	struct vhost_front *f = start(b);
	int call = eventfd(0, EFD_CLOEXEC);

	assert_true(front_say_fd(f, VHOST_USER_SET_VRING_CALL, VIRTIO_RX, call));
	assert_true(front_say_fd(f, VHOST_USER_SET_VRING_CALL, VIRTIO_TX, call));
	rest(b);
	assert_int_equal(eventfd_write(call, UINT64_MAX - 1), 0);
	for (unsigned i = 0; i < 20; i++) {
		driver_arm(&f->driver.q[VIRTIO_RX]);
		driver_arm(&f->driver.q[VIRTIO_TX]);
		assert_works(b);
	}
	close(call);
}

/* A kick that is never read, as all are, and that the VMM reads itself. */
static void
a_kick_descriptor_is_only_watched(void **state)
{
	struct bench *b = *state;
	struct vhost_front *f = start(b);
	eventfd_t n;

	assert_int_equal(eventfd_write(f->driver.kick_fd[VIRTIO_TX], UINT64_MAX - 1), 0);
	rest(b); /* does not spin */
	assert_int_equal(eventfd_read(f->driver.kick_fd[VIRTIO_TX], &n), 0);
	rest(b);
	assert_works(b);
}

static void
more_descriptors_than_a_message_may_bring(void **state)
{
	struct bench *b = *state;
	const uint32_t words[3] = {VHOST_USER_SET_MEM_TABLE, 1, 8};
	int fds[UNIX_FDS];

	for (int i = 0; i < UNIX_FDS; i++)
		fds[i] = b->front.memfd;
	connect_anew(b);
	current = "descriptors in pieces";
	/* With every byte of the header another load. */
	for (size_t i = 0; i < sizeof(words); i++)
		if (!front_send_bytes(&b->front, (const uint8_t *)words + i, 1, fds, UNIX_FDS))
			break;
	refuses(b, "could not be taken");
}

static void
no_descriptors_left_for_what_comes(void **state)
{
	struct bench *b = *state;
	struct vhost_front *f = start(b);
	struct rlimit was = descriptors_left(0);

	assert_true(front_say_memory(f));
	bool left = front_is_left(f);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_true(left);
	current = "no descriptors";
	refuses(b, "could not be taken");

	/* Nor for the connection: it waits, the loop does not spin, and it is served when there are some. */
	front_connect(f, b->path);
	was = descriptors_left(0);
	for (int i = 0; i < 3; i++)
		turn(b);
	bool spins = b->more;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_false(spins);
	assert_true(front_start(f, FRONT_FEATURES, 64));
	rest(b);
	assert_works(b);
}

/* --- memory ---------------------------------------------------------------------------------------- */

static struct vhost_user_message
table(const struct vhost_user_region *r, uint32_t n)
{
	struct vhost_user_message m = {.request = VHOST_USER_SET_MEM_TABLE, .payload = VHOST_USER_MEMORY};

	m.memory.n = n;
	for (uint32_t i = 0; i < n; i++)
		m.memory.region[i] = r[i];
	return m;
}

/* As a whole table, after a good region, and as one added region. */
static void
wrong_region(struct bench *b, struct vhost_user_region r, int fd, const char *because)
{
	const struct vhost_user_region good = {0x1000, 0x1000, 0x1000, 0};
	const struct vhost_user_region both[2] = {good, r};
	struct vhost_user_message m = table(&r, 1);

	current = because;
	wrong(b, &m, &fd, 1, because);
	m = table(both, 2);
	wrong(b, &m, (int[]){b->front.memfd, fd}, 2, because);
	m = (struct vhost_user_message){
	    .request = VHOST_USER_ADD_MEM_REG, .payload = VHOST_USER_REGION, .region = r};
	wrong(b, &m, &fd, 1, because);
}

static void
regions_that_cannot_be(void **state)
{
	struct bench *b = *state;
	const uint64_t end = FRONT_GUARD + FRONT_MEMORY, far = UINT64_C(1) << 40;
	int fd = b->front.memfd;

	wrong_region(b, (struct vhost_user_region){far, 0, far, 0}, fd, "impossible size");
	wrong_region(b, (struct vhost_user_region){UINT64_MAX - 0xfff, 0x2000, far, 0}, fd, "impossible");
	wrong_region(b, (struct vhost_user_region){far, 0x2000, UINT64_MAX - 0xfff, 0}, fd, "impossible");
	wrong_region(b, (struct vhost_user_region){far, 0x2000, far, UINT64_MAX - 0xfff}, fd, "impossible");
	wrong_region(b, (struct vhost_user_region){far, 0x2000, far, INT64_MAX}, fd, "impossible");
	wrong_region(b, (struct vhost_user_region){far, UINT64_MAX, far, 1}, fd, "impossible");
	wrong_region(b, (struct vhost_user_region){far, end + 1, far, 0}, fd, "ends at byte");
	wrong_region(b, (struct vhost_user_region){far, 2, far, end - 1}, fd, "ends at byte");
	wrong_region(b, (struct vhost_user_region){far, 1, far, end}, fd, "ends at byte");
	wrong_region(b, (struct vhost_user_region){far, 1, far, INT64_MAX - 1}, fd, "ends at byte");
}

static void
files_that_are_none(void **state)
{
	struct bench *b = *state;
	struct vhost_user_region r = {UINT64_C(1) << 40, 0x1000, UINT64_C(1) << 40, 0};
	char name[64], path[64];
	int fd;

	fd = open("/dev/zero", O_RDWR | O_CLOEXEC);
	wrong_region(b, r, fd, "not a file");
	close(fd);
	fd = eventfd(0, EFD_CLOEXEC);
	wrong_region(b, r, fd, "not a file");
	close(fd);
	fd = open(b->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	wrong_region(b, r, fd, "not a file");
	close(fd);
	fd = memfd_create("empty", MFD_CLOEXEC);
	wrong_region(b, r, fd, "ends at byte");
	close(fd);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", b->front.memfd);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	wrong_region(b, r, fd, "cannot be mapped");
	close(fd);
	snprintf(path, sizeof(path), "%s/f", b->dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	unlink(path);
	assert_int_equal(ftruncate(fd, 0x1000), 0);
	wrong_region(b, r, fd, "cannot be mapped");
	close(fd);
}

static void
tables_that_contradict_themselves(void **state)
{
	struct bench *b = *state;
	const struct vhost_user_region pairs[][2] = {
	    {{0x10000, 0x2000, 0x10000, 0}, {0x11000, 0x2000, 0x80000, 0}}, /* for the guest */
	    {{0x11000, 0x2000, 0x80000, 0}, {0x10000, 0x2000, 0x10000, 0}},
	    {{0x10000, 0x2000, 0x10000, 0}, {0x10000, 0x2000, 0x80000, 0}},
	    {{0x10000, 0x2000, 0x10000, 0}, {0x80000, 0x2000, 0x11fff, 0}}, /* for the front end */
	    {{0x10000, 0x3000, 0x10000, 0}, {0x11000, 0x1000, 0x80000, 0}}, /* within */
	};
	int fds[2] = {b->front.memfd, b->front.memfd};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct vhost_user_message m = table(pairs[i], 2);

		current = "overlap";
		wrong(b, &m, fds, 2, "overlap");
	}
	struct vhost_user_message m = table(pairs[0], 1);
	current = "fewer descriptors";
	wrong(b, &m, NULL, 0, "of 1 regions with 0 descriptors");
	wrong(b, &m, fds, 2, "of 1 regions with 2 descriptors");
	m = (struct vhost_user_message){
	    .request = VHOST_USER_ADD_MEM_REG, .payload = VHOST_USER_REGION, .region = pairs[0][0]};
	wrong(b, &m, NULL, 0, "with 0 descriptors");
	m.request = VHOST_USER_REM_MEM_REG;
	wrong(b, &m, NULL, 0, "never gave");

	/* The count that a table names is not the one its length tells. */
	uint8_t bytes[VHOST_USER_MESSAGE_MAX];
	struct wr w = wr_of(bytes, sizeof(bytes));
	m = table(pairs[0], 2);
	vhost_user_emit(&w, &m);
	for (uint32_t n = 0; n < 100; n += n < 4 ? 1 : 32) {
		memcpy(bytes + VHOST_USER_HLEN, &n, 4);
		if (n != 2)
			wrong_bytes(b, bytes, (size_t)(w.p - bytes), fds, 2, "do not agree");
	}
}

static void
one_region_too_many(void **state)
{
	struct bench *b = *state;
	struct vhost_front *f = start(b);
	struct vhost_user_message m = {
	    .request = VHOST_USER_ADD_MEM_REG, .payload = VHOST_USER_REGION, .region = {0, 0x1000, 0, 0}};

	for (unsigned i = 1; i <= VHOST_USER_REGIONS; i++) {
		m.region.guest = m.region.user = (uint64_t)i << 50;
		if (!front_send(f, &m, &f->memfd, 1))
			break;
		turn(b);
	}
	current = "many";
	refuses(b, "more than 64 regions");
}

/* --- addresses ------------------------------------------------------------------------------------- */

/* The whole life, but for one thing in the addresses. */
static void
wrong_addr(struct bench *b, void (*spoil)(struct vhost_user_addr *a, const struct vhost_front *f),
	   const char *because)
{
	struct vhost_front *f = &b->front;
	struct vhost_user_message m = {.request = VHOST_USER_SET_VRING_ADDR, .payload = VHOST_USER_ADDR};
	const struct driver_queue *q = &f->driver.q[1];

	start(b); /* lays the rings out */
	front_hang_up(f);
	rest(b);
	connect_anew(b);
	assert_true(front_negotiate(f, FRONT_FEATURES) && front_say_memory(f));
	assert_true(front_say_state(f, VHOST_USER_SET_VRING_NUM, 1, 64));
	m.addr = (struct vhost_user_addr){.index = 1,
					  .desc = (uintptr_t)driver_at(&f->driver, q->desc),
					  .used = (uintptr_t)driver_at(&f->driver, q->used),
					  .avail = (uintptr_t)driver_at(&f->driver, q->avail)};
	spoil(&m.addr, f);
	front_send(f, &m, NULL, 0);
	front_say_fd(f, VHOST_USER_SET_VRING_KICK, 1, f->driver.kick_fd[1]);
	front_say_state(f, VHOST_USER_SET_VRING_ENABLE, 1, 1);
	current = because;
	refuses(b, because);
}

static void
zero_desc(struct vhost_user_addr *a, const struct vhost_front *f)
{
	(void)f;
	a->desc = 0;
}

static void
wrapping_used(struct vhost_user_addr *a, const struct vhost_front *f)
{
	(void)f;
	a->used = UINT64_MAX - 1;
}

static void
guest_address(struct vhost_user_addr *a, const struct vhost_front *f)
{
	a->avail = f->driver.q[1].avail;
}

static void
table_over_the_end(struct vhost_user_addr *a, const struct vhost_front *f)
{
	a->desc = (uintptr_t)f->driver.memory + FRONT_MEMORY - 16 * 64 + 16;
}

static void
used_over_the_end(struct vhost_user_addr *a, const struct vhost_front *f)
{
	a->used = (uintptr_t)f->driver.memory + FRONT_MEMORY - 4 - 8 * 64;
}

static void
odd_avail(struct vhost_user_addr *a, const struct vhost_front *f)
{
	(void)f;
	a->avail++;
}

static void
logged_ring(struct vhost_user_addr *a, const struct vhost_front *f)
{
	(void)f;
	a->flags = 1;
}

static void
queue_nine(struct vhost_user_addr *a, const struct vhost_front *f)
{
	(void)f;
	a->index = 9;
}

static void
queues_outside_of_memory(void **state)
{
	struct bench *b = *state;

	wrong_addr(b, zero_desc, "outside of the memory");
	wrong_addr(b, wrapping_used, "outside of the memory");
	wrong_addr(b, guest_address, "outside of the memory");
	wrong_addr(b, table_over_the_end, "outside of the memory");
	wrong_addr(b, used_over_the_end, "cannot be started");
	wrong_addr(b, odd_avail, "cannot be started");
	wrong_addr(b, logged_ring, "logging");
	wrong_addr(b, queue_nine, "queue 9");
}

static void
queues_that_nothing_is_known_of(void **state)
{
	struct bench *b = *state;
	struct vhost_front *f = &b->front;

	current = "early kick";
	connect_anew(b);
	assert_true(front_negotiate(f, FRONT_FEATURES));
	front_say_state(f, VHOST_USER_SET_VRING_ENABLE, 0, 1);
	front_say_fd(f, VHOST_USER_SET_VRING_KICK, 0, f->driver.kick_fd[0]);
	refuses(b, "before it said its size");
	connect_anew(b);
	assert_true(front_negotiate(f, FRONT_FEATURES));
	front_say_state(f, VHOST_USER_SET_VRING_ENABLE, 0, 1);
	front_say_state(f, VHOST_USER_SET_VRING_NUM, 0, 64);
	front_say_fd(f, VHOST_USER_SET_VRING_KICK, 0, f->driver.kick_fd[0]);
	refuses(b, "before it said its addresses");
}

/* Memory goes away under queues that run: they break, the VMM stays, and is served when it starts them anew. */
static void
memory_taken_away_under_running_queues(void **state)
{
	struct bench *b = *state;
	struct vhost_front *f = start(b);
	struct vhost_user_message m = table(&(struct vhost_user_region){0x1000, 0x1000, 0x1000, 0}, 1), reply;
	uint8_t frame[60] = {0};

	assert_true(front_send(f, &m, &f->memfd, 1));
	rest(b);
	front_guest_sends(f, frame, sizeof(frame));
	driver_kick(&f->driver, VIRTIO_TX);
	rest(b);
	gateway_sends(b, frame, sizeof(frame));
	assert_int_equal(b->frames, 0);
	assert_int_equal(b->logged, 2);
	for (unsigned i = 0; i < VIRTIO_QUEUES; i++) {
		assert_true(front_say_state(f, VHOST_USER_GET_VRING_BASE, i, 0));
		assert_true(front_reply(f, &reply));
	}
	assert_true(front_start(f, FRONT_FEATURES, 64));
	rest(b);
	assert_works(b);
}

/* --- leaving --------------------------------------------------------------------------------------- */

static void
hanging_up_in_the_middle_of_everything(void **state)
{
	struct bench *b = *state;
	struct vhost_front *f = &b->front;
	uint8_t bytes[VHOST_USER_MESSAGE_MAX];
	struct wr w = wr_of(bytes, sizeof(bytes));
	struct vhost_user_message m;

	open_link(b);
	m = table(&(struct vhost_user_region){0, 0x1000, 0, 0}, 1);
	vhost_user_emit(&w, &m);
	for (size_t len = 1; len < (size_t)(w.p - bytes); len++) {
		connect_anew(b);
		front_send_bytes(f, bytes, len, &f->memfd, 1);
		rest(b);
		front_hang_up(f);
		rest(b);
		assert_string_equal(b->link->reason,
				    "the VMM closed the connection in the middle of a message");
		assert_int_equal(open_descriptors(), b->fds);
	}
	/* With a queue full of frames that nobody has looked at. */
	for (int i = 0; i < 20; i++) {
		start(b);
		for (int k = 0; k < 60; k++)
			front_guest_sends(f, bytes, 60);
		front_hang_up(f);
		rest(b);
	}
	assert_int_equal(open_descriptors(), b->fds);
	assert_int_equal(mappings("memfd:guest"), 1);
}

static void
nothing_adds_up_over_many_vmms(void **state)
{
	struct bench *b = *state;
	struct vhost_front *f = &b->front;

	open_link(b);
	for (int i = 0; i < 300; i++) {
		start(b);
		front_say_u64(f, VHOST_USER_SET_FEATURES, UINT64_MAX);
		assert_left(b, "features");
	}
	assert_int_equal(b->link->departed, 300);
}

int
main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(headers),
	    T(features),
	    T(states),
	    T(a_queue_that_runs_stays_where_it_is),
	    T(descriptors_where_none_belong),
	    T(descriptors_of_queues),
	    T(only_eventfds_will_do),
	    T(a_full_call_descriptor_holds_nobody_up),
	    T(a_kick_descriptor_is_only_watched),
	    T(more_descriptors_than_a_message_may_bring),
	    T(no_descriptors_left_for_what_comes),
	    T(regions_that_cannot_be),
	    T(files_that_are_none),
	    T(tables_that_contradict_themselves),
	    T(one_region_too_many),
	    T(queues_outside_of_memory),
	    T(queues_that_nothing_is_known_of),
	    T(memory_taken_away_under_running_queues),
	    T(hanging_up_in_the_middle_of_everything),
	    T(nothing_adds_up_over_many_vmms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
