/*
 * stream.c - TCP ends for the live tests: content that is checked, both directions at once
 *
 *	stream listen|connect ADDR PORT [WORD...]   one connection; what it did is the last line of output
 *	stream echo ADDR PORT [ADDR PORT...]        answers any number of connections with what they send
 *	stream many ADDR PORT COUNT                 COUNT connections open at once, then each echoes
 *	stream dial ADDR PORT COUNT                 how COUNT dials end; those without an end are held
 *
 * Words: send=BYTES, recv=BYTES (how many must come, else the content is "wrong"), after=eof (send only when
 * the other side has ended), stall=BYTES:FILE (stop reading there until FILE exists), reset=BYTES (having
 * moved so many bytes, reset).  The last line is
 *
 *	sent BYTES received BYTES content right|wrong end eof|ECONNRESET|...
 *
 * Every byte follows from its place in the stream.  The table has a prime length, so that no lost,
 * doubled or swapped piece of any usual size looks right.
 */
#include <poll.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <unistd.h>

#include "test/live/ends.h"

#define TABLE 65521u
#define PIECE 49152u
#define TICK_MS 50
#define BLOCKED_TICKS 10 /* not writable for so long: the other side must have stopped */
#define ECHO_BYTES 3000u
#define DIAL_TICKS 100
#define ENDS_MAX 8192u

static uint8_t table[TABLE + PIECE]; /* the first PIECE bytes again at the end: any piece is in one run */

static void
fill_table(void)
{
	uint32_t x = 2463534242u;

	for (size_t i = 0; i < TABLE; i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		table[i] = (uint8_t)(x >> 11);
	}
	memcpy(table + TABLE, table, PIECE);
}

/* --- sockets ----------------------------------------------------------------------------------------- */

static int
listen_at(const char *addr, const char *port)
{
	struct sockaddr_storage sa;
	socklen_t len = parse(addr, port, &sa);
	int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)); /* IPv4 says no */
	if (bind(fd, (struct sockaddr *)&sa, len) < 0 || listen(fd, 4096) < 0)
		die("listen");
	return fd;
}

/* Starts to connect; -1 and errno if it failed at once. */
static int
dial(const char *addr, const char *port)
{
	struct sockaddr_storage sa;
	socklen_t len = parse(addr, port, &sa);
	int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		die("socket");
	if (connect(fd, (struct sockaddr *)&sa, len) < 0 && errno != EINPROGRESS) {
		int error = errno;
		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

static int
pending_error(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
	return error;
}

static void
close_with_reset(int fd)
{
	struct linger l = {.l_onoff = 1, .l_linger = 0};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	close(fd);
}

/* --- one connection ---------------------------------------------------------------------------------- */

struct pipe {
	int fd;
	uint64_t to_send, to_receive, sent, received;
	bool after_eof, shut, right;
	uint64_t stall_at, reset_at; /* UINT64_MAX: never */
	const char *go;              /* a stall ends when this file exists */
	const char *end;             /* how the other side ended; NULL: it has not */
	int quiet;                   /* ticks without room to write */
};

static void
take_word(struct pipe *p, char *word)
{
	char *value = strchr(word, '=');

	if (!value) {
		errno = EINVAL;
		die(word);
	}
	*value++ = '\0';
	if (strcmp(word, "send") == 0)
		p->to_send = strtoull(value, NULL, 10);
	else if (strcmp(word, "recv") == 0)
		p->to_receive = strtoull(value, NULL, 10);
	else if (strcmp(word, "after") == 0)
		p->after_eof = true;
	else if (strcmp(word, "reset") == 0)
		p->reset_at = strtoull(value, NULL, 10);
	else if (strcmp(word, "stall") == 0) {
		p->stall_at = strtoull(value, &value, 10);
		p->go = value + 1;
	}
}

static bool
wants_to_read(struct pipe *p)
{
	if (p->end)
		return false;
	if (p->received < p->stall_at)
		return true;
	if (p->go) {
		if (access(p->go, F_OK) < 0)
			return false;
		p->stall_at = UINT64_MAX;
		p->go = NULL;
	}
	return true;
}

static bool
wants_to_write(const struct pipe *p)
{
	return !p->shut && (!p->after_eof || p->end);
}

static void
read_some(struct pipe *p)
{
	static uint8_t buf[PIECE];
	size_t want = sizeof(buf);

	if (p->stall_at - p->received < want)
		want = (size_t)(p->stall_at - p->received);
	ssize_t n = read(p->fd, buf, want);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		p->end = n == 0 ? "eof" : error_name(errno);
		p->shut |= n < 0;
		return;
	}
	if (memcmp(buf, table + p->received % TABLE, (size_t)n) != 0)
		p->right = false;
	p->received += (uint64_t)n;
	if (p->received == p->stall_at) {
		printf("stalled\n");
		fflush(stdout);
	}
}

static void
write_some(struct pipe *p)
{
	uint64_t left = p->to_send - p->sent;

	if (left == 0) {
		shutdown(p->fd, SHUT_WR);
		p->shut = true;
		return;
	}
	size_t len = left < PIECE ? (size_t)left : PIECE;
	ssize_t n = send(p->fd, table + p->sent % TABLE, len, MSG_NOSIGNAL);
	if (n > 0) {
		p->sent += (uint64_t)n;
		p->quiet = 0;
	} else if (n < 0 && errno != EAGAIN) {
		/* Which it was is told once, and told as EPIPE after that. */
		if (!p->end || strcmp(p->end, "eof") == 0)
			p->end = error_name(errno);
		p->shut = true;
	}
}

static void
note_quiet(struct pipe *p, bool writing)
{
	if (writing && ++p->quiet == BLOCKED_TICKS) {
		printf("blocked\n");
		fflush(stdout);
	}
}

static void
run_pipe(struct pipe *p)
{
	while (!p->end || !p->shut) {
		bool reading = wants_to_read(p), writing = wants_to_write(p);
		struct pollfd pfd = {
		    .fd = p->fd,
		    .events = (short)((reading ? POLLIN : 0) | (writing ? POLLOUT : 0)),
		};

		if (p->sent + p->received >= p->reset_at) {
			close_with_reset(p->fd);
			p->end = "own reset";
			return;
		}
		if (poll(&pfd, 1, TICK_MS) == 0)
			note_quiet(p, writing);
		if (reading && pfd.revents & (POLLIN | POLLHUP | POLLERR))
			read_some(p);
		else if (!reading && !p->end && pfd.revents & POLLERR) {
			p->end = error_name(pending_error(p->fd));
			p->shut = true;
		}
		if (wants_to_write(p) && pfd.revents & (POLLOUT | POLLERR))
			write_some(p);
	}
	close(p->fd);
}

static int
open_pipe(const char *how, const char *addr, const char *port)
{
	if (strcmp(how, "connect") == 0) {
		int fd = dial(addr, port);
		if (fd < 0)
			die("connect");
		poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
		errno = pending_error(fd);
		if (errno)
			die("connect");
		return fd;
	}
	int listener = listen_at(addr, port);
	printf("ready\n");
	fflush(stdout);
	poll(&(struct pollfd){.fd = listener, .events = POLLIN}, 1, -1);
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	close(listener);
	return fd;
}

static int
one(int argc, char **argv)
{
	struct pipe p = {.stall_at = UINT64_MAX, .reset_at = UINT64_MAX, .right = true};

	for (int i = 4; i < argc; i++)
		take_word(&p, argv[i]);
	p.fd = open_pipe(argv[1], argv[2], argv[3]);
	if (p.fd < 0)
		die("accept");
	run_pipe(&p);
	if (strcmp(p.end, "eof") == 0 && p.received != p.to_receive)
		p.right = false;
	printf("sent %llu received %llu content %s end %s\n", (unsigned long long)p.sent,
	       (unsigned long long)p.received, p.right ? "right" : "wrong", p.end);
	return 0;
}

/* --- many connections ---------------------------------------------------------------------------------- */

struct echo {
	int fd;
	size_t from, len;
	uint8_t buf[4096];
};

static struct pollfd polls[ENDS_MAX];
static struct echo *echoes[ENDS_MAX]; /* beside polls; NULL for a listener */
static size_t npoll;

static void
add_poll(int fd, struct echo *e)
{
	if (npoll == ENDS_MAX) {
		errno = EMFILE;
		die("connections");
	}
	polls[npoll] = (struct pollfd){.fd = fd, .events = POLLIN};
	echoes[npoll++] = e;
}

static void
accept_all(int listener)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
		struct echo *e = calloc(1, sizeof(*e));
		if (!e)
			die("memory");
		e->fd = fd;
		add_poll(fd, e);
	}
}

/* False when it is over. */
static bool
echo_some(struct echo *e, struct pollfd *p)
{
	if (e->len == 0) {
		ssize_t n = read(e->fd, e->buf, sizeof(e->buf));
		if (n == 0 || (n < 0 && errno != EAGAIN))
			return false;
		e->from = 0;
		e->len = n > 0 ? (size_t)n : 0;
	}
	if (e->len > 0) {
		ssize_t n = send(e->fd, e->buf + e->from, e->len, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN)
			return false;
		e->from += n > 0 ? (size_t)n : 0;
		e->len -= n > 0 ? (size_t)n : 0;
	}
	p->events = e->len > 0 ? POLLOUT : POLLIN;
	return true;
}

static void
echo_turn(void)
{
	poll(polls, npoll, -1);
	for (size_t i = npoll; i-- > 0;) {
		if (!polls[i].revents)
			continue;
		if (!echoes[i]) {
			accept_all(polls[i].fd);
		} else if (!echo_some(echoes[i], &polls[i])) {
			close(polls[i].fd);
			free(echoes[i]);
			polls[i] = polls[--npoll];
			echoes[i] = echoes[npoll];
		}
	}
}

static _Noreturn void
serve_echo(int argc, char **argv)
{
	for (int i = 2; i + 1 < argc; i += 2) {
		int fd = listen_at(argv[i], argv[i + 1]);
		add_poll(fd, NULL);
	}
	printf("ready\n");
	fflush(stdout);
	for (;;)
		echo_turn();
}

/* One of many: it connects, waits until all have, sends ECHO_BYTES and wants them back. */
struct caller {
	int fd; /* -1: over */
	bool open;
	size_t sent, received;
};

struct tally {
	size_t opened, failed, echoed, wrong;
	int error; /* of the last that failed */
};

static void
caller_failed(struct caller *c, struct tally *t, int error)
{
	close(c->fd);
	c->fd = -1;
	t->failed++;
	t->error = error;
}

static void
caller_open(struct caller *c, struct tally *t)
{
	int error = pending_error(c->fd);

	if (error) {
		caller_failed(c, t, error);
		return;
	}
	c->open = true;
	t->opened++;
}

static void
caller_talk(struct caller *c, size_t number, struct tally *t)
{
	const uint8_t *mine = table + number * 7 % TABLE;
	uint8_t buf[ECHO_BYTES];

	if (c->sent < ECHO_BYTES) {
		ssize_t n = send(c->fd, mine + c->sent, ECHO_BYTES - c->sent, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN) {
			caller_failed(c, t, errno);
			return;
		}
		c->sent += n > 0 ? (size_t)n : 0;
	}
	ssize_t n = read(c->fd, buf, ECHO_BYTES - c->received);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		caller_failed(c, t, n == 0 ? EPIPE : errno);
		return;
	}
	if (memcmp(buf, mine + c->received, (size_t)n) != 0)
		t->wrong++;
	c->received += (size_t)n;
	if (c->received == ECHO_BYTES) {
		close(c->fd);
		c->fd = -1;
		t->echoed++;
	}
}

static short
caller_waits_for(const struct caller *c, bool all_open)
{
	if (!c->open)
		return POLLOUT;
	if (!all_open)
		return 0; /* an early end still shows, as POLLERR or POLLHUP */
	return c->sent < ECHO_BYTES ? POLLIN | POLLOUT : POLLIN;
}

static int
many(int argc, char **argv)
{
	size_t count = argc > 4 ? strtoul(argv[4], NULL, 10) : 0;
	struct caller *c = calloc(count + 1, sizeof(*c));
	struct pollfd *p = calloc(count + 1, sizeof(*p));
	struct tally t = {0};

	if (!c || !p)
		die("memory");
	for (size_t i = 0; i < count; i++) {
		c[i].fd = dial(argv[2], argv[3]);
		if (c[i].fd < 0) {
			t.failed++;
			t.error = errno;
		}
	}
	while (t.failed + t.echoed < count) {
		bool all_open = t.opened + t.failed >= count;
		for (size_t i = 0; i < count; i++)
			p[i] = (struct pollfd){.fd = c[i].fd, .events = caller_waits_for(&c[i], all_open)};
		poll(p, count, -1);
		for (size_t i = 0; i < count; i++) {
			if (!p[i].revents)
				continue;
			if (!c[i].open)
				caller_open(&c[i], &t);
			else
				caller_talk(&c[i], i, &t);
		}
	}
	printf("opened %zu echoed %zu wrong %zu failed %zu%s%s\n", t.opened, t.echoed, t.wrong, t.failed,
	       t.failed ? " " : "", t.failed ? error_name(t.error) : "");
	free(c);
	free(p);
	return 0;
}

/* COUNT dials, and how each of them ended within DIAL_TICKS; those that did not are held until we are killed. */
static int
dials(int argc, char **argv)
{
	size_t count = argc > 4 ? strtoul(argv[4], NULL, 10) : 1, over = 0;

	for (size_t i = 0; i < count; i++) {
		int fd = dial(argv[2], argv[3]);
		if (fd >= 0)
			add_poll(fd, NULL);
		else
			printf("%s\n", error_name(errno));
	}
	for (size_t i = 0; i < npoll; i++)
		polls[i].events = POLLOUT;
	if (count > 1) {
		printf("ready\n");
		fflush(stdout);
	}
	for (int tick = 0; tick < DIAL_TICKS && over < npoll; tick++) {
		poll(polls, npoll, TICK_MS);
		for (size_t i = 0; i < npoll; i++) {
			if (!polls[i].revents)
				continue;
			int error = pending_error(polls[i].fd);
			printf("%s\n", error ? error_name(error) : "open");
			polls[i].fd = -1;
			over++;
		}
	}
	printf("%zu silent\n", npoll - over);
	fflush(stdout);
	if (npoll > over && count > 1)
		pause();
	return 0;
}

int
main(int argc, char **argv)
{
	struct rlimit files;

	if (argc < 4) {
		fprintf(stderr, "usage: stream listen|connect|echo|many|dial ADDR PORT ...\n");
		return 2;
	}
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	fill_table();
	if (strcmp(argv[1], "echo") == 0)
		serve_echo(argc, argv);
	if (strcmp(argv[1], "many") == 0)
		return many(argc, argv);
	if (strcmp(argv[1], "dial") == 0)
		return dials(argc, argv);
	return one(argc, argv);
}
