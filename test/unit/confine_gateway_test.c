/*
 * confine_gateway_test.c - gateways whose thread is confined do all that gateways do, and nobody dies
 *
 * Each test is a child: its first thread is the guest and the host, a second one confines itself and runs the gateway, as an
 * embedder's would.  A call that the list lacks ends the child by SIGSYS.  What takes a real guest (TLS, HTTP/2, taps,
 * virtual machines) is shown by the live tests, whose program is confined as well.
 */
#include "test/unit/confine_kit.h"

#include <seccomp.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "stack/eth_wire.h"
#include "test/bed/craft.h"

#define GUEST_PORT 4321
#define IP_AT 14u
#define L4_AT 34u

static struct real real;

struct thread {
	pthread_t id;
	const struct sluice_confine *ask;
	bool frees;          /* the confined thread frees it, too, */
	atomic_bool stopped; /* once sluice_stop() has returned */
	atomic_int held;
	unsigned before; /* held already */
	int ended;
	char err[300];
};

static void *
gateway_main(void *ctx)
{
	struct thread *t = ctx;
	struct sluice_stats st = {.size = sizeof(st)};
	int held = sluice_confine(real.s, t->ask, t->err, sizeof(t->err));

	atomic_store(&t->held, held);
	if (held < 0)
		return NULL;
	t->ended = sluice_run(real.s);
	sluice_get_stats(real.s, &st);
	child_needs(st.turns > 0 && st.confined == ((unsigned)held | t->before),
		    "turns, and what is told of it");
	if (t->frees) {
		while (!atomic_load(&t->stopped))
			usleep(1000);
		sluice_free(real.s);
		real.s = NULL;
	}
	return NULL;
}

static void
start(struct thread *t)
{
	t->held = INT_MIN;
	child_needs(pthread_create(&t->id, NULL, gateway_main, t) == 0, "a thread");
	while (atomic_load(&t->held) == INT_MIN)
		usleep(1000);
	if (t->held < 0)
		dprintf(STDERR_FILENO, "# %s\n", t->err);
	child_needs(t->held > 0 && t->held & SLUICE_CONFINED_CALLS, "sluice_confine");
}

static void
stop(struct thread *t)
{
	sluice_stop(real.s);
	child_needs(pthread_join(t->id, NULL) == 0 && t->ended == 0, "the end");
	sluice_free(real.s);
	real.s = NULL;
}

/* --- the guest ------------------------------------------------------------------------------------- */

static void
send_frame(const uint8_t *frame, size_t n)
{
	int r;

	while ((r = sluice_port_send_copy(real.port, frame, n)) == -EAGAIN)
		usleep(1000);
	child_needs(r == 0, "send_copy");
}

static unsigned
u16_at(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static uint32_t
u32_at(const uint8_t *p)
{
	return (uint32_t)u16_at(p) << 16 | u16_at(p + 2);
}

/* The next IPv4 frame of this protocol to this port. */
static size_t
hear(uint8_t *frame, uint8_t proto, uint16_t port)
{
	struct pollfd p = {.fd = sluice_port_fd(real.port, SLUICE_PORT_RECEIVED), .events = POLLIN};

	for (;;) {
		int n = sluice_port_recv_copy(real.port, frame, 2048);

		if (n == -EAGAIN)
			child_needs(poll(&p, 1, PATIENCE_MS) == 1, "a frame that does not come");
		else if (n > (int)L4_AT + 8 && u16_at(frame + 12) == 0x0800 && frame[IP_AT + 9] == proto &&
			 u16_at(frame + L4_AT + 2) == port)
			return (size_t)n;
	}
}

/* --- flows ----------------------------------------------------------------------------------------- */

static void
datagrams(void)
{
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	uint8_t frame[2048], frame_out[FRAME_MAX];
	char got[8];
	uint16_t port;
	int fd = host_udp(&port);
	struct view hello = view_of("hello", 5);

	send_frame(frame_out, craft_udp(frame_out, &real.way, GUEST_PORT, port, hello));
	child_needs(recvfrom(fd, got, sizeof(got), 0, (struct sockaddr *)&from, &len) == 5, "a datagram");
	child_needs(sendto(fd, "back", 4, 0, (struct sockaddr *)&from, len) == 4, "an answer");
	hear(frame, 17, GUEST_PORT);
	child_needs(memcmp(frame + L4_AT + 8, "back", 4) == 0, "what was answered");
	close(fd);
	/* Nobody there any more: an ICMP error, read from the error queue. */
	send_frame(frame_out, craft_udp(frame_out, &real.way, GUEST_PORT + 1, port, hello));
}

static int
host_tcp(uint16_t *port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	child_needs(fd >= 0 && bind(fd, (struct sockaddr *)&sa, len) == 0 && listen(fd, 4) == 0 &&
			getsockname(fd, (struct sockaddr *)&sa, &len) == 0,
		    "a listener");
	*port = ntohs(sa.sin_port);
	return fd;
}

static void
segment(uint16_t dport, uint8_t flags, uint32_t seq, uint32_t ack, const char *text)
{
	uint8_t frame[FRAME_MAX];
	struct craft_tcp t = {
	    .hdr =
		{.sport = GUEST_PORT, .dport = dport, .seq = seq, .ack = ack, .flags = flags, .wnd = 65535},
	    .data = view_of(text, strlen(text))};

	send_frame(frame, craft_tcp(frame, &real.way, &t));
}

/* Opened, a word each way, the guest closes, the host resets. */
static void
connection(void)
{
	const struct linger now = {.l_onoff = 1};
	uint8_t frame[2048];
	uint32_t theirs;
	uint16_t port;
	char got[8];
	int listener = host_tcp(&port);

	segment(port, TCP_SYN, 100, 0, "");
	hear(frame, 6, GUEST_PORT);
	child_needs((frame[L4_AT + 13] & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK), "SYN-ACK");
	theirs = u32_at(frame + L4_AT + 4) + 1;
	segment(port, TCP_ACK | TCP_PSH, 101, theirs, "word");
	int fd = accept(listener, NULL, NULL);
	child_needs(fd >= 0 && recv(fd, got, sizeof(got), 0) == 4, "what the guest says");
	child_needs(send(fd, "and", 3, 0) == 3, "what the host says");
	do
		hear(frame, 6, GUEST_PORT);
	while (!(frame[L4_AT + 13] & TCP_PSH));
	segment(port, TCP_ACK | TCP_FIN, 105, theirs + 3, "");
	child_needs(recv(fd, got, sizeof(got), 0) == 0, "the guest's FIN");
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
	do
		hear(frame, 6, GUEST_PORT);
	while (!(frame[L4_AT + 13] & (TCP_RST | TCP_FIN)));
	close(listener);
	/* And nobody listens. */
	segment(port, TCP_SYN, 900, 0, "");
	do
		hear(frame, 6, GUEST_PORT);
	while (!(frame[L4_AT + 13] & TCP_RST));
}

static const uint8_t question[] = "\x12\x34\1\0\0\1\0\0\0\0\0\0\1a\4test\0\0\1\0\1";
#define QUESTION (sizeof(question) - 1)
static const uint8_t record[] = "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x0b\0\0\1";

/* The nameserver answers what it is asked, whatever the id. */
static void
a_name(int server)
{
	struct craft way = real.way;
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	uint8_t frame[2048], out[FRAME_MAX], msg[512];

	child_needs(addr_parse("10.0.2.3", &way.dst), "an address");
	send_frame(out, craft_udp(out, &way, GUEST_PORT, 53, view_of(question, QUESTION)));
	ssize_t n = recvfrom(server, msg, sizeof(msg), 0, (struct sockaddr *)&from, &len);
	child_needs(n >= (ssize_t)QUESTION, "a question");
	msg[2] |= 0x80;
	msg[7] = 1;
	msg[11] = 0; /* no EDNS in the answer */
	memcpy(msg + QUESTION, record, sizeof(record) - 1);
	child_needs(sendto(server, msg, QUESTION + sizeof(record) - 1, 0, (struct sockaddr *)&from, len) > 0,
		    "an answer");
	hear(frame, 17, GUEST_PORT);
	child_needs(frame[L4_AT + 8] == 0x12 && frame[L4_AT + 8 + 7] == 1, "the guest's answer");
}

static void
a_client(uint16_t published)
{
	struct sockaddr_in sa = {
	    .sin_family = AF_INET, .sin_port = htons(published), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	uint8_t frame[2048];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	child_needs(connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0, "a published port");
	hear(frame, 6, GUEST_PORT + 2);
	child_needs(frame[L4_AT + 13] == TCP_SYN, "a client's SYN");
	close(fd);
}

static void *
reload(void *ctx)
{
	struct sluice_config cfg = real.cfg;
	int *failed = ctx;

	cfg.profiles = "all";
	*failed = sluice_reload(real.s, &cfg, NULL, 0);
	return NULL;
}

/* Everything of one gateway, in order. */
static int
a_life(void *ctx)
{
	struct sluice_publish publish = {.guest_first = GUEST_PORT + 2};
	struct thread t = {.ask = ctx};
	char server_at[32];
	const char *servers[] = {server_at};
	uint16_t port, published;
	pthread_t other;
	int failed = -1;
	int server = host_udp(&port), taken = host_tcp(&published);

	close(taken);
	snprintf(server_at, sizeof(server_at), "127.0.0.1:%u", port);
	publish.host_first = publish.host_last = published;
	real_conf(&real);
	real.cfg.nameservers = servers;
	real.cfg.nnameservers = 1;
	real.cfg.publish = &publish;
	real.cfg.npublish = 1;
	real_open(&real);
	start(&t);
	for (int i = 0; i < 2; i++) {
		datagrams();
		connection();
		a_client(published);
		if (i == 0)
			a_name(server);
		child_needs(pthread_create(&other, NULL, reload, &failed) == 0 &&
				pthread_join(other, NULL) == 0 && failed == 0,
			    "a reload");
	}
	stop(&t);
	return 0;
}

static void
G7_a_confined_gateway_serves(void **state)
{
	struct sluice_confine ask;

	(void)state;
	sluice_confine_init(&ask);
	assert_int_equal(in_child(a_life, &ask), WENT_WELL);
	ask.without = SLUICE_CONFINED_FILES;
	assert_int_equal(in_child(a_life, &ask), WENT_WELL);
}

/* --- a guest behind a socket ------------------------------------------------------------------------- */

struct socket_case {
	enum sluice_link_kind kind;
	bool remove; /* the folder may be removed from */
};

static const uint8_t arp[42] = "\xff\xff\xff\xff\xff\xff\x52\x54\0\x12\x34\x56\x08\x06\0\1\x08\0\6\4\0\1"
			       "\x52\x54\0\x12\x34\x56\x0a\0\2\x0f\0\0\0\0\0\0\x0a\0\2\2";

/* Connects, asks for the gateway's address, is answered, and leaves. */
static void
visit(bool stream, const struct sockaddr_un *gateway, const char *own)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	uint8_t out[46] = {0, 0, 0, 42}, in[2048];
	int fd = socket(AF_UNIX, (stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", own);
	memcpy(out + 4, arp, sizeof(arp));
	if (!stream)
		child_needs(bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0, "a name");
	child_needs(connect(fd, (const struct sockaddr *)gateway, sizeof(*gateway)) == 0,
		    "the gateway's socket");
	child_needs(send(fd, stream ? out : out + 4, stream ? 46 : 42, 0) > 0, "a question");
	child_needs(recv(fd, in, sizeof(in), 0) >= 42, "an answer");
	close(fd);
	unlink(own);
}

static int
behind_a_socket(void *ctx)
{
	const struct socket_case *c = ctx;
	bool stream = c->kind == SLUICE_LINK_STREAM;
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	const char *remove[] = {NULL, NULL};
	struct sluice_confine ask;
	struct thread t = {.ask = &ask, .frees = true};
	char err[300], own[100];
	struct place at = {.root = ""};

	place_make(&at);
	remove[0] = c->remove ? at.out : NULL;
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/socket", at.out);
	snprintf(own, sizeof(own), "%s/own", at.in);
	sluice_confine_init(&ask);
	ask.remove = remove;
	real_conf(&real);
	real.cfg.link_kind = c->kind;
	real.cfg.link_path = sa.sun_path;
	real.s = sluice_new(&real.cfg, err, sizeof(err));
	child_needs(real.s, "sluice_new");
	start(&t);
	visit(stream, &sa, own);
	if (stream) /* a datagram VMM leaves with its process, which is this one */
		visit(stream, &sa, own);
	sluice_stop(real.s);
	atomic_store(&t.stopped, true);
	pthread_join(t.id, NULL);
	child_needs(t.ended == 0 && !real.s, "the end");
	child_needs((access(sa.sun_path, F_OK) == 0) != c->remove, "the socket's path");
	place_remove(&at);
	return 0;
}

/* Freed by the confined thread: the path goes where that may be removed from; else it stays, and nobody dies of it. */
static void
G7_guests_behind_sockets(void **state)
{
	struct socket_case cases[] = {
	    {SLUICE_LINK_STREAM, true},
	    {SLUICE_LINK_STREAM, false},
	    {SLUICE_LINK_DGRAM, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(in_child(behind_a_socket, &cases[i]), WENT_WELL);
}

/* --- what is told ------------------------------------------------------------------------------------ */

static void
expect_refused(const struct sluice_confine *ask, const char *part)
{
	char err[300] = "";

	assert_int_equal(sluice_confine(NULL, ask, err, sizeof(err)), -1);
	if (!strstr(err, part))
		fail_msg("no '%s' in '%s'", part, err);
}

/* Nothing was taken away by them: this process goes on. */
static void
G7_calls_that_are_wrong(void **state)
{
	static const char *const no_path[] = {"/nowhere/at/all", NULL}, *const no_call[] = {"read", "reed",
											    NULL};
	struct sluice_confine ask;

	(void)state;
	sluice_confine_init(&ask);
	ask.size = sizeof(ask) + 8;
	expect_refused(&ask, "sluice_confine_init()");
	sluice_confine_init(&ask);
	ask.without = SLUICE_CONFINED_ALL + 1;
	expect_refused(&ask, "enum sluice_confined");
	ask.without = SLUICE_CONFINED_ALL;
	expect_refused(&ask, "nothing is left");
	sluice_confine_init(&ask);
	ask.calls = no_call;
	expect_refused(&ask, "'reed'");
	sluice_confine_init(&ask);
	ask.read = no_path;
	if (confine_files_version() > 0)
		expect_refused(&ask, "/nowhere/at/all: cannot be named");
	assert_int_equal(system("true"), 0);
}

/* --- other threads ------------------------------------------------------------------------------------ */

/* By a call that is allowed: the thread may come to it only when the others are confined, and it with them. */
static void *
sleeper(void *ctx)
{
	(void)ctx;
	for (;;)
		poll(NULL, 0, 60000);
	return NULL;
}

struct told {
	unsigned without;
	int held; /* -1: refused, with these words in the sentence */
	const char *part;
};

static int
with_another_thread(void *ctx)
{
	const struct told *told = ctx;
	struct sluice_confine ask;
	char err[300];
	pthread_t other;

	child_needs(pthread_create(&other, NULL, sleeper, NULL) == 0, "a thread");
	sluice_confine_init(&ask);
	ask.all_threads = true;
	ask.without = told->without;
	int held = sluice_confine(NULL, &ask, err, sizeof(err));
	if (held != told->held || !strstr(err, told->part))
		dprintf(STDERR_FILENO, "# %d '%s'\n", held, err);
	return held == told->held && strstr(err, told->part) ? 0 : 1;
}

static void *
tries(void *ctx)
{
	usleep(1000);
	while (!atomic_load((atomic_int *)ctx))
		usleep(1000);
	syscall(SYS_personality, 0xffffffff);
	return NULL;
}

static int
another_thread_tries(void *ctx)
{
	struct sluice_confine ask;
	pthread_t other;
	atomic_int go = 0;

	sluice_confine_init(&ask);
	ask.without = SLUICE_CONFINED_ALL & ~(unsigned)SLUICE_CONFINED_CALLS;
	ask.all_threads = *(bool *)ctx;
	child_needs(pthread_create(&other, NULL, tries, &go) == 0, "a thread");
	child_needs(sluice_confine(NULL, &ask, NULL, 0) == SLUICE_CONFINED_CALLS, "sluice_confine");
	atomic_store(&go, 1);
	pthread_join(other, NULL);
	return 0;
}

/* System calls can be taken from all threads, files not before Landlock 8; a call for this thread leaves the others alone. */
static void
G7_other_threads(void **state)
{
	struct told files = {SLUICE_CONFINED_PRIVILEGES | SLUICE_CONFINED_VIEW, -1, "confine their files"},
		    view = {SLUICE_CONFINED_PRIVILEGES | SLUICE_CONFINED_FILES, -1, "what they see"},
		    privileges = {SLUICE_CONFINED_FILES, -1, "capabilities cannot be taken"},
		    calls = {SLUICE_CONFINED_ALL & ~(unsigned)SLUICE_CONFINED_CALLS, SLUICE_CONFINED_CALLS,
			     ""};
	bool all = true;

	(void)state;
	if (confine_files_version() > 0 && confine_files_version() < 8)
		assert_int_equal(in_child(with_another_thread, &files), WENT_WELL);
	if (geteuid() == 0)
		assert_int_equal(in_child(with_another_thread, &privileges), WENT_WELL);
	assert_int_equal(in_child(with_another_thread, &view), WENT_WELL);
	assert_int_equal(in_child(with_another_thread, &calls), WENT_WELL);
	if (!WATCHED)
		assert_int_equal(in_child(another_thread_tries, &all), KILLED);
	all = false;
	assert_int_equal(in_child(another_thread_tries, &all), WENT_WELL);
}

/* --- a kernel that lacks a part ------------------------------------------------------------------------ */

struct lack {
	const char *call; /* the kernel does not know it, or somebody refuses it */
	int held;
	const char *part; /* of the sentence */
	int error;        /* what is answered in its place */
};

/* Called before there are other threads, of which a user namespace has none. */
static int
on_an_older_kernel(void *ctx)
{
	const struct lack *lack = ctx;
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	char err[600] = "";

	child_needs(seccomp_rule_add(filter, SCMP_ACT_ERRNO((uint32_t)lack->error),
				     seccomp_syscall_resolve_name(lack->call), 0) == 0 &&
			seccomp_load(filter) == 0,
		    "an older kernel");
	seccomp_release(filter);
	int held = sluice_confine(NULL, NULL, err, sizeof(err));
	if (held != lack->held || !strstr(err, lack->part))
		dprintf(STDERR_FILENO, "# without %s: %d '%s'\n", lack->call, held, err);
	return held == lack->held && strstr(err, lack->part) ? 0 : 1;
}

/* The rest holds, and what does not is said. */
static void
G7_kernels_that_lack_a_part(void **state)
{
	int files_held = confine_files_version() > 0 ? SLUICE_CONFINED_FILES : 0;
	int view_held = view_is_to_be_had() ? SLUICE_CONFINED_VIEW : 0;
	struct lack files = {"landlock_create_ruleset",
			     SLUICE_CONFINED_PRIVILEGES | SLUICE_CONFINED_CALLS | view_held, "no Landlock",
			     ENOSYS},
		    calls = {"seccomp", SLUICE_CONFINED_PRIVILEGES | files_held | view_held,
			     "no seccomp filters", ENOSYS},
		    view = {"mount_setattr", SLUICE_CONFINED_PRIVILEGES | SLUICE_CONFINED_CALLS | files_held,
			    "Linux 5.12", ENOSYS},
		    refused = {"pivot_root", SLUICE_CONFINED_PRIVILEGES | SLUICE_CONFINED_CALLS | files_held,
			       "names of the host's files can be seen", ENOSYS};

	(void)state;
	assert_int_equal(in_child(on_an_older_kernel, &files), WENT_WELL);
	assert_int_equal(in_child(on_an_older_kernel, &calls), WENT_WELL);
	assert_int_equal(in_child(on_an_older_kernel, &refused), WENT_WELL);
	if (view_held)
		assert_int_equal(in_child(on_an_older_kernel, &view), WENT_WELL);
}

/* A filter around us may know some of what it takes, and not the rest: whichever it is, the other parts hold. */
static void
G7_each_call_of_the_view_may_be_refused(void **state)
{
	static const char *const calls[] = {"unshare",    "mount",     "umount2",      "pivot_root",
					    "fsopen",     "fsmount",   "fsconfig",     "fspick",
					    "move_mount", "open_tree", "mount_setattr"};
	static const int errors[] = {EPERM, ENOSYS, EACCES, EINVAL, ENOMEM};
	int rest = SLUICE_CONFINED_PRIVILEGES | SLUICE_CONFINED_CALLS |
		   (confine_files_version() > 0 ? SLUICE_CONFINED_FILES : 0);

	(void)state;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		for (size_t j = 0; j < sizeof(errors) / sizeof(errors[0]); j++) {
			struct lack lack = {calls[i], rest, "names of the host's files can be seen",
					    errors[j]};

			if (in_child(on_an_older_kernel, &lack) != WENT_WELL)
				fail_msg("%s: %s", calls[i], strerror(errors[j]));
		}
}

/* A container's filter refuses it: nothing has changed, and the files are where they were. */
static int
where_no_namespace_is_made(void *ctx)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	struct sluice_confine ask;
	char err[600] = "";

	(void)ctx;
	child_needs(seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(unshare), 0) == 0 &&
			seccomp_load(filter) == 0,
		    "a container");
	seccomp_release(filter);
	sluice_confine_init(&ask);
	ask.without = SLUICE_CONFINED_ALL & ~(unsigned)SLUICE_CONFINED_VIEW;
	child_needs(sluice_confine(NULL, &ask, err, sizeof(err)) == 0, "sluice_confine");
	child_needs(strstr(err, "cannot be had (Operation not permitted)") != NULL ||
			strstr(err, "make no namespace (") != NULL,
		    err);
	child_needs(access("/etc/passwd", F_OK) == 0, "the host's files");
	return 0;
}

static void
G7_a_view_that_is_refused_changes_nothing(void **state)
{
	(void)state;
	assert_int_equal(in_child(where_no_namespace_is_made, NULL), WENT_WELL);
}

/* --- the view before there are threads -------------------------------------------------------------------- */

/* As sluice-vmm does: names go for the whole process, the other parts in the gateway's thread. */
static int
in_two_calls(void *ctx)
{
	struct sluice_confine first, then;
	struct thread t = {.ask = &then, .before = SLUICE_CONFINED_VIEW};
	char err[600] = "";

	(void)ctx;
	real_conf(&real);
	real_open(&real);
	sluice_confine_init(&first);
	first.without = SLUICE_CONFINED_ALL & ~(unsigned)SLUICE_CONFINED_VIEW;
	child_needs(sluice_confine(real.s, &first, err, sizeof(err)) == SLUICE_CONFINED_VIEW, err);
	sluice_confine_init(&then);
	then.without = SLUICE_CONFINED_VIEW;
	start(&t);
	child_needs(!(t.held & SLUICE_CONFINED_VIEW), "the view is had once");
	datagrams();
	child_needs(access("/usr", F_OK) < 0, "the other thread's view");
	child_needs(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0, "the other thread's calls");
	stop(&t);
	return 0;
}

static void
G7_the_view_before_there_are_threads(void **state)
{
	(void)state;
	if (!view_is_to_be_had())
		skip();
	assert_int_equal(in_child(in_two_calls, NULL), WENT_WELL);
}

/* --- who answers at a path ------------------------------------------------------------------------------ */

static int
a_guest_of_datagrams(void *ctx)
{
	struct sluice_confine ask;
	char err[600] = "", path[100];
	struct place at;

	(void)ctx;
	place_make(&at);
	snprintf(path, sizeof(path), "%s/socket", at.out);
	real_conf(&real);
	real.cfg.link_kind = SLUICE_LINK_DGRAM;
	real.cfg.link_path = path;
	real.s = sluice_new(&real.cfg, err, sizeof(err));
	child_needs(real.s, "sluice_new");
	sluice_confine_init(&ask);
	ask.without = SLUICE_CONFINED_ALL & ~(unsigned)SLUICE_CONFINED_VIEW;
	child_needs(sluice_confine(real.s, &ask, err, sizeof(err)) == 0, "sluice_confine");
	child_needs(strstr(err, "a path that only it knows") != NULL, err);
	sluice_free(real.s);
	place_remove(&at);
	return 0;
}

static void
G7_no_view_of_a_guest_that_is_answered_by_path(void **state)
{
	(void)state;
	assert_int_equal(in_child(a_guest_of_datagrams, NULL), WENT_WELL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(G7_a_confined_gateway_serves),
	    cmocka_unit_test(G7_guests_behind_sockets),
	    cmocka_unit_test(G7_calls_that_are_wrong),
	    cmocka_unit_test(G7_other_threads),
	    cmocka_unit_test(G7_kernels_that_lack_a_part),
	    cmocka_unit_test(G7_each_call_of_the_view_may_be_refused),
	    cmocka_unit_test(G7_a_view_that_is_refused_changes_nothing),
	    cmocka_unit_test(G7_the_view_before_there_are_threads),
	    cmocka_unit_test(G7_no_view_of_a_guest_that_is_answered_by_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
