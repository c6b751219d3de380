/*
 * stream_test.c - frames over a byte stream: cut anywhere, announced wrongly, not read, hung up
 */
#include "link/stream.h"

#include <fcntl.h>

#include "link/stream_wire.h"
#include "test/unit/socket_kit.h"

static void
open_link(struct bed *b, const struct stream_options *o)
{
	b->link = link_stream(&b->between.host, o, b->why, sizeof(b->why));
}

/* A guest attached by descriptor. */
static void
attach_pair(struct bed *b)
{
	open_link(b, &(struct stream_options){.fd = vmm_pair(b, SOCK_STREAM), .mtu = 1500});
	assert_non_null(b->link);
}

static void
listen_at_path(struct bed *b, bool one_off)
{
	open_link(b, &(struct stream_options){.path = b->path, .one_off = one_off, .mtu = 1500});
	assert_non_null(b->link);
}

static int
new_vmm(struct bed *b)
{
	int fd = unix_connect(b->path, SOCK_STREAM);

	assert_true(fd >= 0);
	fcntl(fd, F_SETFL, 0);
	return fd;
}

/* A length as announced and fill(number) of so many bytes; the length of both. */
static size_t
put_frame(uint8_t *to, uint32_t announced, size_t len, uint32_t number)
{
	struct wr w = wr_of(to, STREAM_HLEN);

	stream_emit(&w, announced);
	fill(to + STREAM_HLEN, len, number);
	return STREAM_HLEN + len;
}

static void
vmm_writes(struct bed *b, const void *p, size_t len)
{
	assert_int_equal(send(b->vmm, p, len, MSG_NOSIGNAL), len);
}

/* Exactly len bytes, while the gateway makes room again and again. */
static void
vmm_reads(struct bed *b, uint8_t *to, size_t len)
{
	while (len > 0) {
		ssize_t n = recv(b->vmm, to, len, MSG_DONTWAIT);

		if (n > 0) {
			to += n;
			len -= (size_t)n;
			continue;
		}
		assert_true(n < 0 && errno == EAGAIN);
		room(b);
		b->link->ops->release(b->link);
	}
}

static void
expect_filled(struct bed *b, size_t len, uint32_t number)
{
	static uint8_t bytes[STREAM_HLEN + FRAME_MAX];
	struct view v;
	uint32_t announced;

	vmm_reads(b, bytes, STREAM_HLEN + len);
	struct rd r = rd_of(view_of(bytes, STREAM_HLEN + len));
	assert_int_equal(stream_parse(&r, &v, &announced), STREAM_FRAME);
	assert_int_equal(announced, len);
	assert_true(is_filled(v.p, len, number));
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
	open_link(b, &(struct stream_options){.fd = fd, .mtu = 1500});
	assert_null(b->link);
	assert_non_null(strstr(b->why, why));
	assert_int_equal(close(fd), 0);
}

static void
what_cannot_be_a_link_is_refused_and_stays_the_givers(void **state)
{
	struct bed *b = *state;

	refuses_descriptor(b, open("/dev/null", O_RDWR), "is not a socket");
	refuses_descriptor(b, socket(AF_UNIX, SOCK_DGRAM, 0), "not a stream socket");
	refuses_descriptor(b, socket(AF_UNIX, SOCK_STREAM, 0), "neither connected nor listening");

	open_link(b, &(struct stream_options){.path = b->path, .connect = true, .mtu = 1500});
	assert_null(b->link);
	assert_non_null(strstr(b->why, "cannot connect to '/tmp/"));

	int fd = unix_bind(b->path, SOCK_STREAM);
	open_link(b, &(struct stream_options){.path = b->path, .mtu = 1500});
	assert_null(b->link);
	assert_non_null(strstr(b->why, "another program"));
	unix_unlink(b->path, fd);
	close(fd);
}

/* With every descriptor taken there is no link, and nothing of it is left. */
static void
no_descriptors_no_link(void **state)
{
	struct bed *b = *state;
	int fd = vmm_pair(b, SOCK_STREAM);

	for (unsigned left = 0; left < 5; left++) {
		struct rlimit was = descriptors_left(left);

		open_link(b, &(struct stream_options){.path = b->path, .mtu = 1500});
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
		/* The socket, the epoll descriptor and the timer. */
		assert_int_equal(b->link != NULL, left >= 3);
		if (!b->link)
			assert_true(strlen(b->why) > 20);
		free_link(b);
		assert_int_equal(access(b->path, F_OK), -1);
	}
	struct rlimit was = descriptors_left(0);
	open_link(b, &(struct stream_options){.fd = fd, .mtu = 1500});
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_null(b->link);
	assert_int_equal(close(fd), 0);
}

static void
a_disowned_descriptor_stays_open(void **state)
{
	struct bed *b = *state;
	int fd = vmm_pair(b, SOCK_STREAM);

	open_link(b, &(struct stream_options){.fd = fd, .mtu = 1500});
	assert_non_null(b->link);
	link_stream_disown(b->link);
	free_link(b);
	assert_int_equal(close(fd), 0);
}

/* --- receiving ------------------------------------------------------------------------------------------ */

static void
a_frame_may_be_cut_anywhere(void **state)
{
	struct bed *b = *state;
	uint8_t bytes[400];
	size_t n = put_frame(bytes, 20, 20, 1);

	n += put_frame(bytes + n, 14, 14, 2);
	n += put_frame(bytes + n, 90, 90, 3);
	attach_pair(b);
	for (size_t cut = 0; cut <= n; cut++) {
		int whole = (cut >= 24) + (cut >= 42) + (cut >= 136);

		if (cut > 0)
			vmm_writes(b, bytes, cut);
		assert_int_equal(receive(b), whole);
		for (int i = 0; i < whole; i++)
			assert_true(is_filled(b->frames[i].span[0].p, b->frames[i].len, (uint32_t)i + 1));
		assert_false(b->more);
		if (cut < n)
			vmm_writes(b, bytes + cut, n - cut);
		assert_int_equal(receive(b), 3 - whole);
		for (int i = whole; i < 3; i++) {
			const struct frame *f = &b->frames[i - whole];

			assert_true(is_filled(f->span[0].p, f->len, (uint32_t)i + 1));
		}
		assert_false(b->more);
	}
}

static void
many_frames_take_one_read(void **state)
{
	struct bed *b = *state;
	static uint8_t bytes[200 * 104];
	size_t n = 0;

	attach_pair(b);
	for (uint32_t i = 0; i < 200; i++)
		n += put_frame(bytes + n, 100, 100, i);
	vmm_writes(b, bytes, n);
	assert_true(readable(b, PATIENCE_MS));
	for (uint32_t i = 0; i < 200; i += LINK_BATCH) {
		int want = i + LINK_BATCH > 200 ? 200 % LINK_BATCH : LINK_BATCH;

		assert_int_equal(receive(b), want);
		assert_int_equal(b->more, want == LINK_BATCH);
		for (int k = 0; k < want; k++)
			assert_true(is_filled(b->frames[k].span[0].p, 100, i + (uint32_t)k));
	}
	assert_int_equal(b->between.reads, 1);
}

/* Frames of every length up to the longest, back to back, so that they are cut at the buffer's end again and
 * again: nothing is lost where the cut one moves. */
static void
frames_of_all_lengths_arrive(void **state)
{
	struct bed *b = *state;
	static uint8_t bytes[STREAM_HLEN + FRAME_MAX];
	static const size_t lens[] = {14, FRAME_MAX, 1514, 65000, 60, FRAME_MAX - 1, 20000};
	uint32_t sent = 0, got = 0;
	size_t at = 0, n = 0;

	attach_pair(b);
	while (got < 140) {
		if (at == n && sent < 140) {
			size_t len = lens[sent % 7];

			n = put_frame(bytes, (uint32_t)len, len, sent);
			at = 0;
			sent++;
		}
		ssize_t put = at < n ? send(b->vmm, bytes + at, n - at, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
		if (put > 0) {
			at += (size_t)put;
			if (at == n)
				continue;
		}
		int k = receive(b);
		assert_true(k >= 0);
		for (int i = 0; i < k; i++, got++) {
			assert_int_equal(b->frames[i].len, lens[got % 7]);
			assert_true(is_filled(b->frames[i].span[0].p, b->frames[i].len, got));
		}
	}
}

static void
a_length_no_frame_has_ends_the_link(void **state)
{
	struct bed *b = *state;
	static const struct {
		uint32_t len;
		const char *says;
	} bad[] = {
	    {0, "a frame of 0 bytes"},
	    {13, "a frame of 13 bytes"},
	    {FRAME_MAX + 1, "a frame of 65551 bytes"},
	    {69632, "a frame of 69632 bytes"},
	    {UINT32_MAX, "a frame of 4294967295 bytes"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint8_t bytes[100];
		size_t n = put_frame(bytes, 20, 20, 7);

		/* What came before it still counts. */
		n += put_frame(bytes + n, bad[i].len, 20, 8);
		attach_pair(b);
		vmm_writes(b, bytes, n);
		expect_received(b, 7, 1, 20);
		assert_true(b->more);
		assert_int_equal(receive(b), -ENOLINK);
		assert_int_equal(b->link->error, ENOLINK);
		assert_int_equal(b->link->refused, 1);
		assert_non_null(strstr(b->link->reason, bad[i].says));
		assert_int_equal(receive(b), -ENOLINK);
		free_link(b);
		hang_up(b);
	}
}

/* --- sending -------------------------------------------------------------------------------------------- */

static void
a_turns_frames_take_one_write(void **state)
{
	struct bed *b = *state;

	attach_pair(b);
	for (uint32_t i = 0; i < 60; i++) {
		assert_true(room(b));
		send_filled(b, memory[i], 100 + i, i);
	}
	assert_int_equal(b->between.writes, 0);
	/* The headers were copied; the rest is read now. */
	flush(b);
	assert_int_equal(b->between.writes, 1);
	for (uint32_t i = 0; i < 60; i++)
		expect_filled(b, 100 + i, i);
	flush(b);
	assert_int_equal(b->between.writes, 1);
}

static void
headers_alone_are_one_piece(void **state)
{
	struct bed *b = *state;
	uint8_t head[60];
	struct frame f = {.len = sizeof(head), .nspan = 1, .span = {view_of(head, sizeof(head))}};

	attach_pair(b);
	for (uint32_t i = 0; i < 100; i++) {
		fill(head, sizeof(head), i);
		assert_true(room(b));
		b->link->sink.send(b->link->sink.ctx, &f);
	}
	flush(b);
	assert_int_equal(b->between.writes, 1);
	assert_int_equal(b->between.iovs, 1);
	for (uint32_t i = 0; i < 100; i++)
		expect_filled(b, sizeof(head), i);
}

static void
the_longest_frames_go_in_batches(void **state)
{
	struct bed *b = *state;

	attach_pair(b);
	for (uint32_t i = 0; i < 10; i++) {
		assert_true(room(b));
		send_filled(b, memory[i], FRAME_MAX, i);
	}
	flush(b);
	assert_true(b->between.writes <= 4);
	for (uint32_t i = 0; i < 10; i++)
		expect_filled(b, FRAME_MAX, i);
}

/* Whatever part of a batch the socket takes, the guest sees every byte of it once and in order. */
static void
a_write_may_be_cut_anywhere(void **state)
{
	struct bed *b = *state;

	attach_pair(b);
	for (size_t cut = 1; cut < 3 * 34; cut++) {
		b->between.write_max = cut;
		for (uint32_t i = 0; i < 3; i++) {
			assert_true(room(b));
			send_filled(b, memory[i], 30, i);
		}
		flush(b);
		memset(memory, 0, 3 * sizeof(memory[0]));
		/* The rest goes before anything else, a bit each turn. */
		for (size_t went = cut; went < 3 * 34; went += cut) {
			unsigned writes = b->between.writes;

			assert_int_equal(room(b), went + cut >= 3 * 34);
			assert_int_equal(b->between.writes, writes + 1);
			/* Full is full: nobody asks the kernel again in this turn. */
			assert_int_equal(room(b), went + cut >= 3 * 34);
			assert_int_equal(b->between.writes, writes + 1);
			b->link->ops->release(b->link);
		}
		b->between.write_max = 0;
		for (uint32_t i = 0; i < 3; i++)
			expect_filled(b, 30, i);
	}
}

static void
a_guest_that_does_not_read_is_waited_for(void **state)
{
	static const size_t lens[] = {60, 1514, FRAME_MAX};
	struct bed *b = *state;

	for (size_t k = 0; k < 3; k++) {
		attach_pair(b);
		int fd = b->link->ops->pollfd(b->link, &(short){0});
		uint32_t n = stuff(b, lens[k]);

		assert_true(n > 4);
		assert_false(readable(b, 0));
		/* What is sent all the same is lost, counted, and harms nothing. */
		send_filled(b, memory[63], lens[k], 5000);
		flush(b);
		assert_int_equal(b->link->no_room, 1);
		/* It still is heard. */
		uint8_t bytes[40];
		vmm_writes(b, bytes, put_frame(bytes, 30, 30, 9));
		expect_received(b, 9, 1, 30);
		assert_false(readable(b, 0));
		for (uint32_t i = 0; i < n; i++)
			expect_filled(b, lens[k], i);
		assert_true(room(b));
		assert_int_equal(b->link->ops->pollfd(b->link, &(short){0}), fd);
		assert_false(readable(b, 0));
		send_one(b, 77, 3);
		expect_filled(b, 77, 3);
		free_link(b);
		hang_up(b);
	}
}

/* The descriptor tells when there is room again, and nothing else has to happen. */
static void
room_wakes_the_loop(void **state)
{
	struct bed *b = *state;
	static uint8_t bytes[1 << 20];

	attach_pair(b);
	stuff(b, 1514);
	assert_false(readable(b, 0));
	while (recv(b->vmm, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	assert_true(readable(b, PATIENCE_MS));
	assert_int_equal(receive(b), 0);
	assert_true(room(b));
	assert_false(readable(b, 0));
}

static void
frames_too_long_are_not_sent(void **state)
{
	struct bed *b = *state;

	attach_pair(b);
	expect_too_long_is_lost(b);
}

/* --- coming and going ----------------------------------------------------------------------------------- */

static void
an_attached_guest_that_hangs_up_ends_the_link(void **state)
{
	struct bed *b = *state;
	uint8_t bytes[40];

	attach_pair(b);
	/* Its last words are heard, all but what is cut. */
	size_t n = put_frame(bytes, 30, 30, 1);
	vmm_writes(b, bytes, n);
	vmm_writes(b, bytes, 10);
	hang_up(b);
	expect_received(b, 1, 1, 30);
	assert_int_equal(receive_next(b), -ENOLINK);
	assert_int_equal(b->link->error, ENOLINK);
	assert_non_null(strstr(b->link->reason, "closed"));
	assert_false(room(b));
	assert_int_equal(b->link->departed, 1);
}

static void
guests_come_one_after_the_other(void **state)
{
	struct bed *b = *state;
	uint8_t bytes[40];

	listen_at_path(b, false);
	int fd = b->link->ops->pollfd(b->link, &(short){0});
	assert_int_equal(b->link->arrived, 0);
	assert_int_equal(receive(b), 0);
	assert_true(room(b));
	send_one(b, 60, 1);
	assert_int_equal(b->between.writes, 0);

	int second;
	b->vmm = new_vmm(b);
	second = new_vmm(b);
	for (uint32_t i = 1; i <= 3; i++) {
		vmm_writes(b, bytes, put_frame(bytes, 30, 30, i));
		expect_received(b, i, 1, 30);
		assert_int_equal(b->link->arrived, i);
		assert_int_equal(b->link->departed, i - 1);
		/* Who waits does not wake anybody. */
		assert_false(readable(b, 0));
		/* Half a frame each way: the next one must see nothing of it. */
		vmm_writes(b, bytes, 20);
		assert_int_equal(receive(b), 0);
		b->between.write_max = 7;
		send_one(b, 60, 77);
		b->between.write_max = 0;
		hang_up(b);
		assert_int_equal(receive_next(b), 0);
		assert_int_equal(b->link->departed, i);
		assert_int_equal(b->link->error, 0);
		assert_true(room(b));
		b->vmm = second;
		second = new_vmm(b);
	}
	assert_int_equal(receive_next(b), 0);
	assert_int_equal(b->link->arrived, 4);
	send_one(b, 50, 4);
	expect_filled(b, 50, 4);
	assert_int_equal(b->link->ops->pollfd(b->link, &(short){0}), fd);
	close(second);
}

static void
a_guest_that_talks_nonsense_makes_room_for_the_next(void **state)
{
	struct bed *b = *state;

	listen_at_path(b, false);
	b->vmm = new_vmm(b);
	vmm_writes(b, "GET / HTTP/1.0\r\n", 16);
	while (b->link->departed == 0)
		assert_int_equal(receive_next(b), 0);
	assert_non_null(strstr(b->link->reason, "a frame of 1195725856 bytes"));
	hang_up(b);
	b->vmm = new_vmm(b);
	assert_int_equal(receive_next(b), 0);
	assert_int_equal(b->link->arrived, 2);
}

static void
one_off_is_for_one_guest(void **state)
{
	struct bed *b = *state;

	listen_at_path(b, true);
	b->vmm = new_vmm(b);
	assert_int_equal(receive_next(b), 0);
	assert_int_equal(b->link->arrived, 1);
	hang_up(b);
	assert_int_equal(receive_next(b), -ENOLINK);
}

static void
the_vmm_may_be_the_one_that_listens(void **state)
{
	struct bed *b = *state;
	int listener = unix_bind(b->path, SOCK_STREAM);

	open_link(b, &(struct stream_options){.path = b->path, .connect = true, .mtu = 1500});
	assert_non_null(b->link);
	b->vmm = unix_accept(listener);
	assert_true(b->vmm >= 0);
	send_one(b, 50, 4);
	expect_filled(b, 50, 4);
	hang_up(b);
	assert_int_equal(receive_next(b), -ENOLINK);
	/* It was not our path to remove. */
	free_link(b);
	assert_int_equal(access(b->path, F_OK), 0);
	unix_unlink(b->path, listener);
	close(listener);
}

static void
a_listening_descriptor_may_be_given(void **state)
{
	struct bed *b = *state;
	int listener = unix_bind(b->path, SOCK_STREAM);

	open_link(b, &(struct stream_options){.fd = listener, .mtu = 1500});
	assert_non_null(b->link);
	for (uint32_t i = 1; i <= 2; i++) {
		b->vmm = new_vmm(b);
		assert_int_equal(receive_next(b), 0);
		assert_int_equal(b->link->arrived, i);
		hang_up(b);
		assert_int_equal(receive_next(b), 0);
		assert_int_equal(b->link->departed, i);
	}
	free_link(b);
	assert_int_equal(unlink(b->path), 0); /* whoever bound it removes it */
}

/* Nobody else will come by it: the link ends, where it would wake the loop for ever. */
static void
a_listening_descriptor_that_is_shut_down_ends_the_link(void **state)
{
	struct bed *b = *state;
	int listener = unix_bind(b->path, SOCK_STREAM);

	open_link(b, &(struct stream_options){.fd = listener, .mtu = 1500});
	assert_int_equal(shutdown(listener, SHUT_RDWR), 0);
	assert_int_equal(receive_next(b), -ENOLINK);
	assert_int_equal(b->link->error, ENOLINK);
	assert_string_equal(b->link->reason, "the socket that was to be listened at has been shut down");
	assert_int_equal(b->link->arrived, 0);
	free_link(b);
	assert_int_equal(unlink(b->path), 0);
}

/* --- faults --------------------------------------------------------------------------------------------- */

/* Also: no signal, which would end this test. */
static void
a_write_that_fails_is_a_guest_that_left(void **state)
{
	struct bed *b = *state;
	static const int errors[] = {0, -ECONNRESET, -EPIPE, -EIO};

	for (size_t i = 0; i < 4; i++) {
		listen_at_path(b, false);
		b->vmm = new_vmm(b);
		assert_int_equal(receive_next(b), 0);
		if (errors[i] == 0)
			hang_up(b);
		b->between.write_rc = errors[i];
		assert_true(room(b));
		send_one(b, 50, 4);
		assert_int_equal(b->link->error, 0);
		/* The loop is not left asleep, and what is sent meanwhile is lost. */
		assert_true(b->link->ops->before_sleep(b->link));
		assert_true(room(b));
		send_one(b, 50, 4);
		assert_int_equal(receive(b), 0);
		assert_int_equal(b->link->departed, 1);
		assert_true(strlen(b->link->reason) > 10);
		assert_false(b->link->ops->before_sleep(b->link));
		hang_up(b);
		free_link(b);
	}
}

static void
a_read_that_fails_is_a_guest_that_left(void **state)
{
	struct bed *b = *state;

	attach_pair(b);
	b->between.read_rc = -ECONNRESET;
	assert_int_equal(receive(b), -ENOLINK);
	assert_non_null(strstr(b->link->reason, "Connection reset by peer"));
}

/* A real one: bytes of ours that it never read make its end a reset. */
static void
a_guest_that_dies_with_unread_frames_has_left(void **state)
{
	struct bed *b = *state;

	listen_at_path(b, false);
	b->vmm = new_vmm(b);
	assert_int_equal(receive_next(b), 0);
	stuff(b, 1514);
	hang_up(b);
	assert_int_equal(receive_next(b), 0);
	assert_int_equal(b->link->departed, 1);
	assert_true(room(b));
	b->vmm = new_vmm(b);
	assert_int_equal(receive_next(b), 0);
	send_one(b, 50, 4);
	expect_filled(b, 50, 4);
}

/* With no descriptor for it a guest waits; the loop rests meanwhile, and looks again by itself. */
static void
a_guest_without_a_descriptor_waits(void **state)
{
	struct bed *b = *state;

	listen_at_path(b, false);
	b->vmm = new_vmm(b);
	struct rlimit was = descriptors_left(0);
	assert_true(readable(b, 0));
	assert_int_equal(receive(b), 0);
	assert_int_equal(b->link->arrived, 0);
	for (int i = 0; i < 2; i++) {
		assert_true(readable(b, PATIENCE_MS));
		assert_int_equal(receive(b), 0);
		assert_int_equal(b->link->arrived, 0);
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_int_equal(receive_next(b), 0);
	assert_int_equal(b->link->arrived, 1);
	assert_false(readable(b, 0));
}

static void
two_links_share_nothing(void **state)
{
	struct bed *b = *state, other = {.between = b->between, .vmm = -1};
	uint8_t bytes[40];

	attach_pair(b);
	attach_pair(&other);
	vmm_writes(b, bytes, put_frame(bytes, 30, 30, 1));
	vmm_writes(&other, bytes, put_frame(bytes, 31, 31, 2));
	expect_received(&other, 2, 1, 31);
	expect_received(b, 1, 1, 30);
	hang_up(&other);
	assert_int_equal(receive_next(&other), -ENOLINK);
	assert_int_equal(b->link->error, 0);
	free_link(&other);
	vmm_writes(b, bytes, put_frame(bytes, 30, 30, 3));
	expect_received(b, 3, 1, 30);
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
	    T(a_frame_may_be_cut_anywhere),
	    T(many_frames_take_one_read),
	    T(frames_of_all_lengths_arrive),
	    T(a_length_no_frame_has_ends_the_link),
	    T(a_turns_frames_take_one_write),
	    T(headers_alone_are_one_piece),
	    T(the_longest_frames_go_in_batches),
	    T(a_write_may_be_cut_anywhere),
	    T(a_guest_that_does_not_read_is_waited_for),
	    T(room_wakes_the_loop),
	    T(frames_too_long_are_not_sent),
	    T(an_attached_guest_that_hangs_up_ends_the_link),
	    T(guests_come_one_after_the_other),
	    T(a_guest_that_talks_nonsense_makes_room_for_the_next),
	    T(one_off_is_for_one_guest),
	    T(the_vmm_may_be_the_one_that_listens),
	    T(a_listening_descriptor_may_be_given),
	    T(a_listening_descriptor_that_is_shut_down_ends_the_link),
	    T(a_write_that_fails_is_a_guest_that_left),
	    T(a_read_that_fails_is_a_guest_that_left),
	    T(a_guest_that_dies_with_unread_frames_has_left),
	    T(a_guest_without_a_descriptor_waits),
	    T(two_links_share_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
