/*
 * unix_test.c - AF_UNIX sockets: paths taken over or left alone, descriptors in messages
 */
#include <fcntl.h>

#include "test/unit/socket_kit.h"

static void
a_path_is_private_and_listens(void **state)
{
	struct bed *b = *state;
	struct stat st;
	int fd = unix_bind(b->path, SOCK_STREAM);

	assert_true(fd >= 0);
	assert_int_equal(lstat(b->path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(unix_type(fd), SOCK_STREAM);
	assert_false(unix_is_connected(fd));
	assert_int_equal(unix_accept(fd), -EAGAIN);

	int far = unix_connect(b->path, SOCK_STREAM);
	assert_true(far >= 0 && unix_is_connected(far));
	int near = unix_accept(fd);
	assert_true(near >= 0 && unix_is_connected(near));
	assert_true(fcntl(near, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(near, F_GETFD) & FD_CLOEXEC);
	close(near);
	close(far);
	unix_unlink(b->path, fd);
	close(fd);
	assert_int_equal(lstat(b->path, &st), -1);
}

static void
a_dead_sockets_path_is_taken_over(void **state)
{
	struct bed *b = *state;

	for (int type = SOCK_STREAM; type <= SOCK_DGRAM; type++) {
		int dead = unix_bind(b->path, type);
		assert_true(dead >= 0);
		close(dead);
		int fd = unix_bind(b->path, type);
		assert_true(fd >= 0);
		unix_unlink(b->path, fd);
		close(fd);
	}
}

/* And the one who lives does not notice that it was looked at. */
static void
a_live_sockets_path_is_left_alone(void **state)
{
	struct bed *b = *state;
	static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};

	for (size_t i = 0; i < 3; i++) {
		struct stat was, is;
		int fd = unix_bind(b->path, types[i]);

		assert_true(fd >= 0);
		assert_int_equal(lstat(b->path, &was), 0);
		assert_int_equal(unix_bind(b->path, SOCK_STREAM), -EADDRINUSE);
		assert_int_equal(unix_bind(b->path, SOCK_DGRAM), -EADDRINUSE);
		assert_int_equal(lstat(b->path, &is), 0);
		assert_int_equal(is.st_ino, was.st_ino);
		if (types[i] == SOCK_STREAM)
			assert_int_equal(unix_accept(fd), -EAGAIN);
		unix_unlink(b->path, fd);
		close(fd);
	}
}

static void
what_is_no_socket_is_left_alone(void **state)
{
	struct bed *b = *state;
	struct stat st;
	int file = open(b->path, O_CREAT | O_WRONLY, 0600);

	assert_int_equal(unix_bind(b->path, SOCK_STREAM), -EEXIST);
	unix_unlink(b->path, file);
	assert_int_equal(lstat(b->path, &st), 0);
	close(file);
	unlink(b->path);

	/* Nor is what a link leads to. */
	assert_int_equal(symlink("/tmp/nothing-is-there", b->path), 0);
	assert_int_equal(unix_bind(b->path, SOCK_STREAM), -EEXIST);
	unlink(b->path);
	assert_int_equal(unix_bind(b->dir, SOCK_STREAM), -EEXIST);
	assert_int_equal(unix_bind("/nowhere/at/all", SOCK_STREAM), -ENOENT);
	assert_int_equal(unix_bind("", SOCK_STREAM), -ENOENT);
}

static void
only_our_own_path_is_removed(void **state)
{
	struct bed *b = *state;
	struct stat st;
	int old = unix_bind(b->path, SOCK_STREAM);

	unlink(b->path);
	int new = unix_bind(b->path, SOCK_STREAM);
	assert_true(old >= 0 && new >= 0);
	unix_unlink(b->path, old);
	assert_int_equal(lstat(b->path, &st), 0);
	unix_unlink(b->path, new);
	assert_int_equal(lstat(b->path, &st), -1);
	close(old);
	close(new);
}

static void
a_long_path_fits_or_is_refused(void **state)
{
	struct bed *b = *state;
	char path[160];

	memset(path, 'x', sizeof(path));
	memcpy(path, b->dir, strlen(b->dir));
	path[strlen(b->dir)] = '/';
	path[108] = '\0';
	assert_int_equal(unix_bind(path, SOCK_STREAM), -ENAMETOOLONG);
	assert_int_equal(unix_connect(path, SOCK_STREAM), -ENAMETOOLONG);
	path[107] = '\0';
	int fd = unix_bind(path, SOCK_STREAM);
	assert_true(fd >= 0);
	int far = unix_connect(path, SOCK_STREAM);
	assert_true(far >= 0);
	close(far);
	unix_unlink(path, fd);
	close(fd);
}

static void
connecting_says_why_not(void **state)
{
	struct bed *b = *state;

	assert_int_equal(unix_connect(b->path, SOCK_STREAM), -ENOENT);
	int fd = unix_bind(b->path, SOCK_DGRAM);
	assert_int_equal(unix_connect(b->path, SOCK_STREAM), -EPROTOTYPE);
	close(fd);
	assert_int_equal(unix_connect(b->path, SOCK_STREAM), -ECONNREFUSED);
	unlink(b->path);
	assert_int_equal(unix_type(-1), -EBADF);
	fd = open("/dev/null", O_RDWR);
	assert_int_equal(unix_type(fd), -ENOTSOCK);
	close(fd);
}

static void
sentences_name_the_path_and_the_remedy(void **state)
{
	struct bed *b = *state;
	bool listening;
	char why[192];

	unix_explain(why, sizeof(why), UNIX_LISTEN, "/run/x", EADDRINUSE);
	assert_string_equal(
	    why, "cannot listen at '/run/x': another program has a socket there; end it, or choose "
		 "another path");
	unix_explain(why, sizeof(why), UNIX_RECEIVE, "/run/x", EACCES);
	assert_string_equal(
	    why, "cannot receive at '/run/x': Permission denied; choose a folder that you may write to");
	unix_explain(why, sizeof(why), UNIX_CONNECT, "/run/x", EACCES);
	assert_string_equal(
	    why, "cannot connect to '/run/x': Permission denied; run as the user whose socket it is");
	unix_explain(why, sizeof(why), UNIX_CONNECT, "/run/x", EADDRINUSE);
	assert_string_equal(why, "cannot connect to '/run/x': Address already in use");
	/* Both ways to say that nothing is there, as the kernel tells of them. */
	assert_int_equal(unix_stream("/nowhere/x", false, -1, &listening, why, sizeof(why)), -1);
	assert_string_equal(
	    why, "cannot listen at '/nowhere/x': No such file or directory; make the folder first, "
		 "or choose another path");
	assert_int_equal(unix_stream(b->path, true, -1, &listening, why, sizeof(why)), -1);
	assert_non_null(strstr(why, "No such file or directory; start the program that listens there first"));
}

static void
a_datagram_peer_that_is_gone_is_known_to_be(void **state)
{
	struct bed *b = *state;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
	assert_false(unix_peer_is_gone(pair[0]));
	close(pair[1]);
	assert_true(unix_peer_is_gone(pair[0]));
	close(pair[0]);

	int far = unix_bind(b->path, SOCK_DGRAM), near = unix_connect(b->path, SOCK_DGRAM);
	assert_false(unix_peer_is_gone(near));
	unlink(b->path); /* the name is not the socket */
	assert_false(unix_peer_is_gone(near));
	close(far);
	assert_true(unix_peer_is_gone(near));
	close(near);
}

/* --- messages with descriptors -------------------------------------------------------------------------- */

static int pair[2];

static int
setup_pair(void **state)
{
	return setup(state) < 0 ? -1 : socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair);
}

static int
teardown_pair(void **state)
{
	close(pair[0]);
	close(pair[1]);
	return teardown(state);
}

static void
descriptors_travel_with_bytes(void **state)
{
	int give[UNIX_FDS], got[UNIX_FDS], n = -1;
	char text[16];

	(void)state;
	for (int i = 0; i < UNIX_FDS; i++)
		give[i] = pair[0];
	assert_int_equal(unix_recv_fds(pair[1], text, sizeof(text), got, UNIX_FDS, &n), -EAGAIN);
	assert_int_equal(n, 0);
	assert_int_equal(unix_send_fds(pair[0], "hello", 5, give, UNIX_FDS), 0);
	assert_int_equal(unix_recv_fds(pair[1], text, sizeof(text), got, UNIX_FDS, &n), 5);
	assert_memory_equal(text, "hello", 5);
	assert_int_equal(n, UNIX_FDS);
	for (int i = 0; i < n; i++) {
		assert_int_equal(unix_type(got[i]), SOCK_STREAM);
		assert_true(fcntl(got[i], F_GETFD) & FD_CLOEXEC);
		close(got[i]);
	}
	assert_int_equal(unix_send_fds(pair[0], "x", 1, NULL, 0), 0);
	assert_int_equal(unix_recv_fds(pair[1], text, sizeof(text), got, UNIX_FDS, &n), 1);
	assert_int_equal(n, 0);
	assert_int_equal(unix_send_fds(pair[0], "x", 1, give, UNIX_FDS + 1), -EINVAL);
}

static void
too_many_descriptors_are_closed(void **state)
{
	int give[5] = {pair[0], pair[0], pair[0], pair[0], pair[0]}, got[2], n;
	unsigned before = open_descriptors();
	char text[16];

	(void)state;
	assert_int_equal(unix_send_fds(pair[0], "hello", 5, give, 5), 0);
	assert_int_equal(unix_recv_fds(pair[1], text, sizeof(text), got, 2, &n), -EMFILE);
	assert_int_equal(n, 0);
	assert_int_equal(open_descriptors(), before);

	/* More than any message of ours may have: the kernel says that it left some out. */
	union {
		struct cmsghdr align;
		uint8_t room[CMSG_SPACE((UNIX_FDS + 6) * sizeof(int))];
	} control = {0};
	struct iovec iov = {.iov_base = text, .iov_len = 1};
	struct msghdr m = {
	    .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	int many[UNIX_FDS];

	*c = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
			      .cmsg_type = SCM_RIGHTS,
			      .cmsg_len = CMSG_LEN((UNIX_FDS + 6) * sizeof(int))};
	for (int i = 0; i < UNIX_FDS + 6; i++)
		memcpy(CMSG_DATA(c) + (size_t)i * sizeof(int), &pair[0], sizeof(int));
	assert_int_equal(sendmsg(pair[0], &m, 0), 1);
	assert_int_equal(unix_recv_fds(pair[1], text, sizeof(text), many, UNIX_FDS, &n), -EMFILE);
	assert_int_equal(n, 0);
	assert_int_equal(open_descriptors(), before);
}

static void
the_end_is_told(void **state)
{
	int got[2], n;
	char text[16];

	(void)state;
	close(pair[0]);
	pair[0] = dup(pair[1]);
	assert_int_equal(unix_recv_fds(pair[1], text, sizeof(text), got, 2, &n), 0);
	/* And no signal. */
	assert_int_equal(unix_send_fds(pair[1], "x", 1, NULL, 0), -EPIPE);
}

static void
a_full_socket_is_an_error_for_a_control_message(void **state)
{
	static const uint8_t zeros[4096];
	int rc;

	(void)state;
	do
		rc = unix_send_fds(pair[0], zeros, sizeof(zeros), NULL, 0);
	while (rc == 0);
	assert_int_equal(rc, -EAGAIN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define P(f) cmocka_unit_test_setup_teardown(f, setup_pair, teardown_pair)
	    T(a_path_is_private_and_listens),
	    T(a_dead_sockets_path_is_taken_over),
	    T(a_live_sockets_path_is_left_alone),
	    T(what_is_no_socket_is_left_alone),
	    T(only_our_own_path_is_removed),
	    T(a_long_path_fits_or_is_refused),
	    T(connecting_says_why_not),
	    T(sentences_name_the_path_and_the_remedy),
	    T(a_datagram_peer_that_is_gone_is_known_to_be),
	    P(descriptors_travel_with_bytes),
	    P(too_many_descriptors_are_closed),
	    P(the_end_is_told),
	    P(a_full_socket_is_an_error_for_a_control_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
