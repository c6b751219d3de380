/*
 * dgram_test.c - frames as datagrams: who the guest is, full queues, guests that die without a word
 */
#include "link/dgram.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "test/unit/socket_kit.h"

static uint8_t bytes[FRAME_MAX + 100];

static void
open_link(struct bed *b, const struct dgram_options *o)
{
	b->link = link_dgram(&b->between.host, o, b->why, sizeof(b->why));
}

static void
attach_pair(struct bed *b)
{
	open_link(b, &(struct dgram_options){.fd = vmm_pair(b, SOCK_DGRAM), .mtu = 1500});
	assert_non_null(b->link);
}

static void
serve_path(struct bed *b, bool one_off)
{
	open_link(b, &(struct dgram_options){.path = b->path, .one_off = one_off, .mtu = 1500});
	assert_non_null(b->link);
}

/* A VMM with a name of the kernel's choice, connected as libkrun is. */
static int
new_vmm(struct bed *b)
{
	int fd = unix_connect(b->path, SOCK_DGRAM);
	struct sockaddr sa = {.sa_family = AF_UNIX};

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, &sa, sizeof(sa.sa_family)), 0);
	fcntl(fd, F_SETFL, 0);
	return fd;
}

static void
vmm_sends(int fd, size_t len, uint32_t number)
{
	fill(bytes, len, number);
	assert_int_equal(send(fd, bytes, len, MSG_NOSIGNAL), len);
}

static void
expect_filled(struct bed *b, size_t len, uint32_t number)
{
	struct pollfd p = {.fd = b->vmm, .events = POLLIN};

	assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
	assert_int_equal(recv(b->vmm, bytes, sizeof(bytes), MSG_DONTWAIT), len);
	assert_true(is_filled(bytes, len, number));
}

static void
vmm_has_nothing(struct bed *b)
{
	assert_int_equal(recv(b->vmm, bytes, sizeof(bytes), MSG_DONTWAIT), -1);
}

/* A guest that is attached, and has said one frame. */
static void
attach_named(struct bed *b)
{
	serve_path(b, false);
	b->vmm = new_vmm(b);
	vmm_sends(b->vmm, 30, 1);
	expect_received(b, 1, 1, 30);
	assert_int_equal(b->link->arrived, 1);
}

/* --- setting up ----------------------------------------------------------------------------------------- */

static void
what_the_link_is(void **state)
{
	struct bed *b = *state;

	attach_pair(b);
	expect_quiet_link(b);
}

/* And it still is the giver's. */
static void
refuses_descriptor(struct bed *b, int fd, const char *why)
{
	open_link(b, &(struct dgram_options){.fd = fd, .mtu = 1500});
	assert_null(b->link);
	assert_non_null(strstr(b->why, why));
	assert_int_equal(close(fd), 0);
}

static void
what_cannot_be_a_link_is_refused_and_stays_the_givers(void **state)
{
	struct bed *b = *state;

	refuses_descriptor(b, open("/dev/null", O_RDWR), "is not a socket");
	refuses_descriptor(b, socket(AF_UNIX, SOCK_STREAM, 0), "not a datagram socket");
	refuses_descriptor(b, socket(AF_UNIX, SOCK_DGRAM, 0), "neither connected nor bound");

	int fd = unix_bind(b->path, SOCK_DGRAM);
	open_link(b, &(struct dgram_options){.path = b->path, .mtu = 1500});
	assert_null(b->link);
	assert_non_null(strstr(b->why, "another program"));
	unix_unlink(b->path, fd);
	close(fd);
}

static void
no_descriptors_no_link(void **state)
{
	struct bed *b = *state;

	for (unsigned left = 0; left < 4; left++) {
		struct rlimit was = descriptors_left(left);

		open_link(b, &(struct dgram_options){.path = b->path, .mtu = 1500});
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
		assert_int_equal(b->link != NULL, left >= 2);
		if (!b->link)
			assert_true(strlen(b->why) > 20);
		free_link(b);
		assert_int_equal(access(b->path, F_OK), -1);
	}
}

static void
a_disowned_descriptor_stays_open(void **state)
{
	struct bed *b = *state;
	int fd = vmm_pair(b, SOCK_DGRAM);

	open_link(b, &(struct dgram_options){.fd = fd, .mtu = 1500});
	assert_non_null(b->link);
	link_dgram_disown(b->link);
	free_link(b);
	assert_int_equal(close(fd), 0);
}

/* --- receiving ------------------------------------------------------------------------------------------ */

static void
frames_of_all_lengths_arrive(void **state)
{
	struct bed *b = *state;
	static const size_t lens[] = {14, 60, 1514, 65000, FRAME_MAX};

	attach_pair(b);
	for (uint32_t i = 0; i < 25; i++) {
		vmm_sends(b->vmm, lens[i % 5], i);
		expect_received(b, i, 1, lens[i % 5]);
	}
	assert_int_equal(b->link->refused, 0);
}

static void
datagrams_that_are_no_frames_are_refused(void **state)
{
	struct bed *b = *state;
	static const size_t lens[] = {0, 1, 4, 13, FRAME_MAX + 1, FRAME_MAX + 100};

	attach_pair(b);
	for (int again = 0; again < 2; again++) {
		b->link->refused = 0;
		for (uint32_t i = 0; i < 6; i++)
			vmm_sends(b->vmm, lens[i], i);
		vmm_sends(b->vmm, 20, 6);
		expect_received(b, 6, 1, 20);
		assert_int_equal(b->link->refused, 6);
	}
}

static void
many_frames_take_one_call(void **state)
{
	struct bed *b = *state;

	attach_pair(b);
	vmm_sends(b->vmm, 20, 0);
	expect_received(b, 0, 1, 20);
	for (uint32_t i = 0; i < LINK_BATCH + 6; i++)
		vmm_sends(b->vmm, 100, i);
	unsigned before = b->between.reads;
	assert_int_equal(receive(b), LINK_BATCH);
	assert_true(b->more);
	assert_int_equal(b->between.reads, before + 1);
	assert_true(is_filled(b->frames[LINK_BATCH - 1].span[0].p, 100, LINK_BATCH - 1));
	assert_int_equal(receive(b), 6);
	assert_false(b->more);
	assert_int_equal(b->between.reads, before + 2);
}

static void
a_turn_of_long_frames_is_short(void **state)
{
	struct bed *b = *state;
	int buf = 8 << 20;

	attach_pair(b);
	setsockopt(b->vmm, SOL_SOCKET, SO_SNDBUF, &buf, sizeof(buf));
	vmm_sends(b->vmm, 20, 0);
	expect_received(b, 0, 1, 20);
	for (uint32_t i = 0; i < 24; i++)
		vmm_sends(b->vmm, 65000, i);
	int n = receive(b);
	assert_true(n > 0 && n <= 24);
	for (int k; n < 24; n += k) {
		k = receive(b);
		assert_in_range(k, 1, LINK_BATCH_BYTES / 65000 + 1);
		assert_true(is_filled(b->frames[k - 1].span[0].p, 65000, (uint32_t)(n + k - 1)));
	}
	for (uint32_t i = 0; i < 24; i++)
		vmm_sends(b->vmm, 65000, i);
	assert_in_range(receive(b), 1, LINK_BATCH_BYTES / 65000 + 1);
	assert_true(b->more);
}

static void
the_greeting_is_not_a_frame(void **state)
{
	struct bed *b = *state;

	attach_pair(b);
	assert_int_equal(send(b->vmm, "VFKT", 4, 0), 4);
	vmm_sends(b->vmm, 20, 1);
	expect_received(b, 1, 1, 20);
	assert_int_equal(b->link->refused, 0);
	/* Once. */
	assert_int_equal(send(b->vmm, "VFKT", 4, 0), 4);
	assert_int_equal(receive(b), 0);
	assert_int_equal(b->link->refused, 1);
}

static void
the_greeting_alone_makes_a_guest(void **state)
{
	struct bed *b = *state;

	serve_path(b, false);
	b->vmm = new_vmm(b);
	assert_int_equal(send(b->vmm, "VFKT", 4, 0), 4);
	assert_int_equal(receive_next(b), 0);
	assert_int_equal(b->link->arrived, 1);
	send_one(b, 60, 5);
	expect_filled(b, 60, 5);
}

/* --- who the guest is ----------------------------------------------------------------------------------- */

static void
nobody_is_attached_before_somebody_speaks(void **state)
{
	struct bed *b = *state;

	serve_path(b, false);
	int fd = b->link->ops->pollfd(b->link, &(short){0});
	assert_int_equal(b->link->arrived, 0);
	assert_int_equal(receive(b), 0);
	assert_true(room(b));
	send_one(b, 60, 1);
	assert_int_equal(b->between.writes, 0);
	b->vmm = new_vmm(b);
	assert_false(readable(b, 0));
	vmm_sends(b->vmm, 30, 2);
	expect_received(b, 2, 1, 30);
	assert_int_equal(b->link->arrived, 1);
	vmm_has_nothing(b);
	send_one(b, 60, 3);
	expect_filled(b, 60, 3);
	assert_int_equal(b->link->ops->pollfd(b->link, &(short){0}), fd);
}

static void
only_the_first_sender_is_heard(void **state)
{
	struct bed *b = *state;

	serve_path(b, false);
	b->vmm = new_vmm(b);
	int other = new_vmm(b);
	/* Both are in the queue before anybody looks. */
	vmm_sends(b->vmm, 30, 1);
	vmm_sends(other, 40, 9);
	vmm_sends(b->vmm, 30, 2);
	expect_received(b, 1, 2, 30);
	assert_int_equal(b->link->refused, 1);
	assert_int_equal(b->link->arrived, 1);
	/* And then the kernel lets nobody else in. */
	assert_int_equal(send(other, bytes, 40, MSG_NOSIGNAL), -1);
	assert_int_equal(errno, EPERM);
	close(other);
	vmm_sends(b->vmm, 30, 3);
	expect_received(b, 3, 1, 30);
}

static void
a_sender_without_a_name_is_refused(void **state)
{
	struct bed *b = *state;
	int nameless = socket(AF_UNIX, SOCK_DGRAM, 0);
	struct sockaddr_un sa = {.sun_family = AF_UNIX};

	serve_path(b, false);
	memcpy(sa.sun_path, b->path, strlen(b->path));
	assert_int_equal(sendto(nameless, bytes, 40, 0, (struct sockaddr *)&sa, sizeof(sa)), 40);
	assert_true(readable(b, PATIENCE_MS));
	assert_int_equal(receive(b), 0);
	assert_int_equal(b->link->refused, 1);
	assert_int_equal(b->link->arrived, 0);
	assert_false(readable(b, 0));
	close(nameless);
}

/* It sends and is gone before anybody looks: nobody to talk to. */
static void
a_sender_that_is_gone_is_no_guest(void **state)
{
	struct bed *b = *state;

	serve_path(b, false);
	b->vmm = new_vmm(b);
	vmm_sends(b->vmm, 30, 1);
	hang_up(b);
	assert_int_equal(receive(b), 0);
	assert_int_equal(b->link->arrived, 0);
	assert_int_equal(b->link->departed, 0);
	b->vmm = new_vmm(b);
	vmm_sends(b->vmm, 30, 2);
	expect_received(b, 2, 1, 30);
}

/* As QEMU does: it does not connect, but says each time where to. */
static void
a_guest_need_not_be_connected(void **state)
{
	struct bed *b = *state;
	char path[80];
	struct sockaddr_un sa = {.sun_family = AF_UNIX};

	serve_path(b, false);
	memcpy(sa.sun_path, b->path, strlen(b->path));
	snprintf(path, sizeof(path), "%s/vmm", b->dir);
	b->vmm = unix_bind(path, SOCK_DGRAM);
	for (uint32_t i = 0; i < 3; i++) {
		fill(bytes, 40, i);
		assert_int_equal(sendto(b->vmm, bytes, 40, 0, (struct sockaddr *)&sa, sizeof(sa)), 40);
		expect_received(b, i, 1, 40);
		send_one(b, 50, i);
		expect_filled(b, 50, i);
	}
	unlink(path);
}

/* --- sending -------------------------------------------------------------------------------------------- */

static void
a_turns_frames_take_one_call(void **state)
{
	struct bed *b = *state;

	attach_pair(b);
	for (uint32_t i = 0; i < 40; i++) {
		assert_true(room(b));
		send_filled(b, memory[i], 100 + i, i);
	}
	assert_int_equal(b->between.writes, 0);
	flush(b);
	assert_int_equal(b->between.writes, 1);
	for (uint32_t i = 0; i < 40; i++)
		expect_filled(b, 100 + i, i);
	vmm_has_nothing(b);
}

/* The socket takes k datagrams of a batch and then no more for a while. */
static void
what_did_not_go_goes_first(void **state)
{
	struct bed *b = *state;

	attach_pair(b);
	for (unsigned k = 0; k < 10; k++) {
		for (uint32_t i = 0; i < 10; i++) {
			assert_true(room(b));
			send_filled(b, memory[i], 100 + i * 50, i);
		}
		/* k go at once; the next call says that it is full. */
		b->between.write_max = k;
		b->between.write_stop = k > 0;
		b->between.write_rc = k ? 0 : -ENOBUFS;
		unsigned writes = b->between.writes;
		b->link->sink.flush(b->link->sink.ctx);
		assert_int_equal(b->between.writes, writes + (k ? 2 : 1));
		assert_false(room(b));
		b->between.write_max = 0;
		memset(memory, 0, 10 * sizeof(memory[0]));
		b->link->ops->release(b->link);
		assert_true(room(b));
		for (uint32_t i = 0; i < 10; i++)
			expect_filled(b, 100 + i * 50, i);
		vmm_has_nothing(b);
	}
}

/* Every frame for which there was room arrives, none of the others does. */
static void
expect_stuffed(struct bed *b, uint32_t n, size_t len)
{
	assert_true(n > 4);
	assert_false(readable(b, 0));
	send_one(b, len, 5000);
	assert_int_equal(b->link->no_room, 1);
	for (uint32_t i = 0; i < n; i++) {
		struct pollfd p = {.fd = b->vmm, .events = POLLIN};

		if (poll(&p, 1, 0) == 0) {
			/* It has read all that was there, so we are told to go on. */
			assert_true(readable(b, PATIENCE_MS));
			receive(b);
			room(b);
			b->link->ops->release(b->link);
		}
		expect_filled(b, len, i);
	}
	assert_true(room(b));
	assert_false(readable(b, 0));
	vmm_has_nothing(b);
	send_one(b, 77, 3);
	expect_filled(b, 77, 3);
}

static void
a_connected_guest_that_does_not_read_is_waited_for(void **state)
{
	static const size_t lens[] = {60, 1514, FRAME_MAX};
	struct bed *b = *state;

	for (size_t k = 0; k < 3; k++) {
		attach_pair(b);
		expect_stuffed(b, stuff(b, lens[k]), lens[k]);
		free_link(b);
		hang_up(b);
	}
}

/* Not connected to us: the kernel keeps some ten datagrams for it (net.unix.max_dgram_qlen). */
static void
a_short_queue_is_waited_for(void **state)
{
	struct bed *b = *state;
	char path[80];
	struct sockaddr_un sa = {.sun_family = AF_UNIX};

	snprintf(path, sizeof(path), "%s/vmm", b->dir);
	serve_path(b, false);
	memcpy(sa.sun_path, b->path, strlen(b->path));
	b->vmm = unix_bind(path, SOCK_DGRAM);
	fill(bytes, 40, 1);
	assert_int_equal(sendto(b->vmm, bytes, 40, 0, (struct sockaddr *)&sa, sizeof(sa)), 40);
	expect_received(b, 1, 1, 40);
	unlink(path);
	uint32_t n = stuff(b, 1514);
	expect_stuffed(b, n, 1514);
}

static void
frames_too_long_are_not_sent(void **state)
{
	struct bed *b = *state;

	attach_pair(b);
	expect_too_long_is_lost(b);
}

/* A system with a small wmem_max: that frame is lost, the others are not. */
static void
a_datagram_the_system_finds_too_long_is_dropped(void **state)
{
	struct bed *b = *state;

	attach_pair(b);
	send_filled(b, memory[0], 50, 0);
	send_filled(b, memory[1], 60, 1);
	b->between.write_rc = -EMSGSIZE;
	flush(b);
	assert_int_equal(b->link->refused, 1);
	expect_filled(b, 60, 1);
	vmm_has_nothing(b);
}

/* --- leaving -------------------------------------------------------------------------------------------- */

/* One that closes its socket is found out by the first frame to it. */
static void
a_guest_that_closed_is_noticed_by_sending(void **state)
{
	struct bed *b = *state;

	attach_named(b);
	for (uint32_t i = 1; i <= 3; i++) {
		hang_up(b);
		assert_true(room(b));
		send_one(b, 60, 1);
		assert_true(b->link->ops->before_sleep(b->link));
		assert_true(room(b));
		send_one(b, 60, 1);
		assert_int_equal(receive(b), 0);
		assert_int_equal(b->link->departed, i);
		assert_int_equal(b->link->error, 0);
		assert_non_null(strstr(b->link->reason, "closed"));
		b->vmm = new_vmm(b);
		assert_int_equal(send(b->vmm, "VFKT", 4, 0), 4);
		assert_int_equal(receive_next(b), 0);
		assert_int_equal(b->link->arrived, i + 1);
		vmm_has_nothing(b); /* nothing of what was for the last one */
		send_one(b, 60, 4);
		expect_filled(b, 60, 4);
	}
}

static void
a_full_queue_of_a_dead_guest_is_noticed(void **state)
{
	struct bed *b = *state;

	attach_named(b);
	stuff(b, 1514);
	hang_up(b);
	assert_true(readable(b, PATIENCE_MS));
	receive(b);
	while (b->link->departed == 0) {
		room(b);
		receive(b);
	}
	assert_int_equal(b->link->departed, 1);
	assert_true(room(b));
}

/* The only process that has the guest's socket, as a VMM would be. */
static pid_t
vmm_process(struct bed *b)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		int fd = new_vmm(b);

		vmm_sends(fd, 30, 1);
		for (;;)
			pause();
	}
	return pid;
}

static void
a_guest_that_dies_silently_is_noticed(void **state)
{
	struct bed *b = *state;

	serve_path(b, false);
	for (uint32_t i = 1; i <= 3; i++) {
		pid_t pid = vmm_process(b);

		expect_received(b, 1, 1, 30);
		assert_int_equal(b->link->arrived, i);
		assert_false(readable(b, 0));
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		/* Nothing is sent: the end of its process is enough. */
		assert_int_equal(receive_next(b), 0);
		assert_int_equal(b->link->departed, i);
		assert_string_equal(b->link->reason, "the VMM ended");
		assert_false(readable(b, 0));
	}
}

/* It greeted and ended, but another holds the socket: that guest is still there. */
static void
a_socket_may_outlive_the_process_that_made_it(void **state)
{
	struct bed *b = *state;

	serve_path(b, false);
	b->vmm = new_vmm(b);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		vmm_sends(b->vmm, 30, 1);
		for (;;)
			pause();
	}
	expect_received(b, 1, 1, 30);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_true(readable(b, PATIENCE_MS));
	assert_int_equal(receive(b), 0);
	assert_int_equal(b->link->departed, 0);
	assert_false(readable(b, 0));
	vmm_sends(b->vmm, 30, 2);
	expect_received(b, 2, 1, 30);
	send_one(b, 60, 4);
	expect_filled(b, 60, 4);
}

static void
a_pair_has_no_next_guest(void **state)
{
	struct bed *b = *state;

	attach_pair(b);
	vmm_sends(b->vmm, 30, 1);
	expect_received(b, 1, 1, 30);
	hang_up(b);
	send_one(b, 60, 1);
	assert_int_equal(receive(b), -ENOLINK);
	assert_int_equal(b->link->error, ENOLINK);
	assert_false(room(b));
}

static void
one_off_is_for_one_guest(void **state)
{
	struct bed *b = *state;

	serve_path(b, true);
	b->vmm = new_vmm(b);
	vmm_sends(b->vmm, 30, 1);
	expect_received(b, 1, 1, 30);
	hang_up(b);
	send_one(b, 60, 1);
	assert_int_equal(receive(b), -ENOLINK);
}

/* The guest's socket turns to somebody else, and frames for it are lost: the kernel tells us with ECONNRESET. */
static void
a_guest_that_turns_away_has_left(void **state)
{
	struct bed *b = *state;
	struct sockaddr nobody = {.sa_family = AF_UNSPEC};

	attach_named(b);
	send_one(b, 60, 1);
	assert_int_equal(connect(b->vmm, &nobody, sizeof(nobody)), 0);
	assert_int_equal(receive_next(b), 0);
	assert_int_equal(b->link->departed, 1);
}

static void
a_bound_descriptor_may_be_given(void **state)
{
	struct bed *b = *state;
	int fd = unix_bind(b->path, SOCK_DGRAM);

	open_link(b, &(struct dgram_options){.fd = fd, .mtu = 1500});
	assert_non_null(b->link);
	for (uint32_t i = 1; i <= 2; i++) {
		b->vmm = new_vmm(b);
		vmm_sends(b->vmm, 30, 1);
		expect_received(b, 1, 1, 30);
		assert_int_equal(b->link->arrived, i);
		hang_up(b);
		send_one(b, 60, 1);
		assert_int_equal(receive(b), 0);
	}
	free_link(b);
	assert_int_equal(unlink(b->path), 0);
}

static void
calls_that_fail_are_a_guest_that_left(void **state)
{
	struct bed *b = *state;

	attach_named(b);
	b->between.read_rc = -ECONNRESET;
	assert_int_equal(receive(b), 0);
	assert_int_equal(b->link->departed, 1);
	/* It is still there, and the next to speak. */
	vmm_sends(b->vmm, 30, 1);
	expect_received(b, 1, 1, 30);
	assert_int_equal(b->link->arrived, 2);
	b->between.write_rc = -EIO;
	send_one(b, 60, 1);
	assert_true(b->link->ops->before_sleep(b->link));
	assert_int_equal(receive(b), 0);
	assert_int_equal(b->link->departed, 2);
	assert_non_null(strstr(b->link->reason, "Input/output error"));
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(what_the_link_is),
	    T(what_cannot_be_a_link_is_refused_and_stays_the_givers),
	    T(no_descriptors_no_link),
	    T(a_disowned_descriptor_stays_open),
	    T(frames_of_all_lengths_arrive),
	    T(datagrams_that_are_no_frames_are_refused),
	    T(many_frames_take_one_call),
	    T(a_turn_of_long_frames_is_short),
	    T(the_greeting_is_not_a_frame),
	    T(the_greeting_alone_makes_a_guest),
	    T(nobody_is_attached_before_somebody_speaks),
	    T(only_the_first_sender_is_heard),
	    T(a_sender_without_a_name_is_refused),
	    T(a_sender_that_is_gone_is_no_guest),
	    T(a_guest_need_not_be_connected),
	    T(a_turns_frames_take_one_call),
	    T(what_did_not_go_goes_first),
	    T(a_connected_guest_that_does_not_read_is_waited_for),
	    T(a_short_queue_is_waited_for),
	    T(frames_too_long_are_not_sent),
	    T(a_datagram_the_system_finds_too_long_is_dropped),
	    T(a_guest_that_closed_is_noticed_by_sending),
	    T(a_full_queue_of_a_dead_guest_is_noticed),
	    T(a_guest_that_dies_silently_is_noticed),
	    T(a_socket_may_outlive_the_process_that_made_it),
	    T(a_pair_has_no_next_guest),
	    T(one_off_is_for_one_guest),
	    T(a_guest_that_turns_away_has_left),
	    T(a_bound_descriptor_may_be_given),
	    T(calls_that_fail_are_a_guest_that_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
