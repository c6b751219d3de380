/*
 * confine_escape_test.c - somebody has taken the gateway's thread over, and tries what he can
 *
 * Each attempt is made twice, by a child that has confined itself and by one that has not (the canary): the first must
 * be refused as docs/confinement.md says, the second must not be refused in that way, so that the refusal is the
 * confinement's own doing.
 */
#include "test/unit/confine_view_attempts.h"

/* --- files ----------------------------------------------------------------------------------------- */

static int
opened(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	if (fd >= 0)
		close(fd);
	return ended(fd);
}

static int
read_named(const struct scene *sc)
{
	return opened(sc->at.file, O_RDONLY);
}

static int
read_secret(const struct scene *sc)
{
	return opened(sc->at.secret, O_RDONLY);
}

static int
read_by_link(const struct scene *sc)
{
	return opened(sc->at.link, O_RDONLY);
}

static int
read_passwd(const struct scene *sc)
{
	(void)sc;
	return opened("/etc/passwd", O_RDONLY);
}

static int
list_root(const struct scene *sc)
{
	(void)sc;
	return opened("/", O_RDONLY | O_DIRECTORY);
}

static int
own_memory(const struct scene *sc)
{
	(void)sc;
	return opened("/proc/self/mem", O_RDONLY);
}

static int
memory_of_parent(const struct scene *sc)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)sc->parent);
	return opened(path, O_RDONLY);
}

static int
write_named(const struct scene *sc)
{
	return opened(sc->at.file, O_WRONLY);
}

static int
cut_named(const struct scene *sc)
{
	return ended(truncate(sc->at.file, 0));
}

static int
make_in(const char *folder)
{
	char path[100];
	int r;

	snprintf(path, sizeof(path), "%s/new", folder);
	r = opened(path, O_WRONLY | O_CREAT);
	unlink(path);
	return r;
}

static int
make_beside_named(const struct scene *sc)
{
	return make_in(sc->at.in);
}

static int
make_where_written(const struct scene *sc)
{
	return make_in(sc->at.out);
}

static int
remove_named(const struct scene *sc)
{
	int r = ended(unlink(sc->at.file));

	if (r == 0)
		put_file(sc->at.file, "again\n");
	return r;
}

static int
make_link(const struct scene *sc)
{
	char path[100];
	int r;

	snprintf(path, sizeof(path), "%s/symbolic", sc->at.out);
	r = ended(symlink("/etc/passwd", path));
	unlink(path);
	return r;
}

static int
make_hard_link(const struct scene *sc)
{
	char path[100];
	int r;

	snprintf(path, sizeof(path), "%s/hard", sc->at.out);
	r = ended(link(sc->at.file, path));
	unlink(path);
	return r;
}

static int
make_fifo(const struct scene *sc)
{
	char path[100];
	int r;

	snprintf(path, sizeof(path), "%s/fifo", sc->at.out);
	r = ended(mknod(path, S_IFIFO | 0600, 0));
	unlink(path);
	return r;
}

static int
change_mode(const struct scene *sc)
{
	return ended(chmod(sc->at.file, 0644));
}

/* --- other machines' numbers ------------------------------------------------------------------------ */

#ifdef __x86_64__
static int
as_i386(const struct scene *sc)
{
	long r = 20; /* getpid */

	(void)sc;
	__asm__ volatile("int $0x80" : "+a"(r) : : "memory", "cc");
	return r == getpid() ? 0 : ENOSYS;
}

static int
as_x32(const struct scene *sc)
{
	(void)sc;
	return ended(syscall(0x40000000 | SYS_getpid));
}
#endif

/* --- the list --------------------------------------------------------------------------------------- */

#define NO_CALLS SLUICE_CONFINED_CALLS
#define VIEW_ALONE (SLUICE_CONFINED_ALL & ~(unsigned)SLUICE_CONFINED_VIEW)
#define NO_LANDLOCK (SLUICE_CONFINED_FILES)
/* What Landlock refuses where there is no view, and what the view does where there is no Landlock. */
#define BY_LANDLOCK .refused = EACCES, .landlock = 1, .without = SLUICE_CONFINED_VIEW
#define BY_VIEW(error) .refused = (error), .without = NO_LANDLOCK, .view = true

static const struct row rows[] = {
    {.what = "execve", .try = execute, .refused = KILLED},
    {.what = "execveat", .try = execute_at, .refused = KILLED},
    {.what = "fork", .try = fork_it, .refused = KILLED, .watched = true},
    {.what = "clone, CLONE_NEWUSER", .try = new_namespace, .refused = KILLED, .watched = true},
    {.what = "clone3", .try = clone_three, .refused = ENOSYS},
    {.what = "unshare", .try = unshare_it, .refused = KILLED},
    {.what = "setns", .try = enter_namespace, .refused = KILLED, .root = true},
    {.what = "ptrace", .try = trace_parent, .refused = KILLED, .watched = true},
    {.what = "process_vm_readv", .try = read_parent, .refused = KILLED, .watched = true},
    {.what = "process_vm_writev", .try = write_parent, .refused = KILLED},
    {.what = "kill, the parent", .try = kill_parent, .refused = KILLED, .watched = true},
    {.what = "tgkill, the parent", .try = kill_thread_of_parent, .refused = KILLED, .watched = true},
    {.what = "pidfd_open", .try = pidfd_of_parent, .refused = KILLED},
    {.what = "mmap, PROT_EXEC", .try = map_code, .refused = KILLED, .watched = true},
    {.what = "mprotect, PROT_EXEC", .try = make_code, .refused = KILLED, .watched = true},
    {.what = "pkey_mprotect, PROT_EXEC", .try = make_code_by_key, .refused = KILLED},
    {.what = "memfd_create", .try = file_of_memory, .refused = KILLED},
    {.what = "personality", .try = be_another_kind, .refused = KILLED, .watched = true},
    {.what = "rt_sigaction, SIGSYS", .try = take_sigsys, .refused = KILLED, .watched = true},
    {.what = "prctl, PR_SET_DUMPABLE", .try = be_undumpable, .refused = KILLED, .watched = true},
    {.what = "seccomp", .try = another_filter, .refused = KILLED, .root = true},
    {.what = "prlimit64, a new limit", .try = raise_a_limit, .refused = KILLED, .watched = true},
    {.what = "setresuid", .try = become_another, .refused = KILLED},
    {.what = "bpf", .try = load_bpf, .refused = KILLED, .root = true},
    {.what = "io_uring_setup", .try = uring, .refused = KILLED},
    {.what = "userfaultfd", .try = user_faults, .refused = KILLED},
    {.what = "perf_event_open", .try = perf_events, .refused = KILLED, .root = true},
    {.what = "keyctl", .try = keyring, .refused = KILLED},
    {.what = "mount", .try = mount_it, .refused = KILLED, .root = true},
    {.what = "chroot", .try = change_root, .refused = KILLED, .root = true},
    {.what = "name_to_handle_at", .try = by_handle, .refused = KILLED},
    {.what = "ioctl, TIOCSTI", .try = type_for_user, .refused = KILLED, .watched = true},
    {.what = "socket, AF_PACKET", .try = socket_packet, .refused = KILLED, .root = true},
    {.what = "socket, AF_PACKET and a bit more",
     .try = socket_packet_in_disguise,
     .refused = KILLED,
     .root = true},
    {.what = "socket, SOCK_RAW", .try = socket_raw, .refused = KILLED, .root = true},
    {.what = "socket, SOCK_RAW, IPv6", .try = socket_raw6, .refused = KILLED, .root = true},
    {.what = "socket, AF_UNIX", .try = socket_unix, .refused = KILLED},
    {.what = "socket, AF_VSOCK", .try = socket_vsock, .refused = KILLED},
    {.what = "socket, NETLINK_GENERIC", .try = socket_netlink, .refused = KILLED},
    {.what = "socket, NETLINK_SOCK_DIAG", .try = socket_diag, .refused = KILLED},
    {.what = "socketpair", .try = socket_pair, .refused = KILLED},
    {.what = "listen", .try = listen_on, .refused = KILLED},
    {.what = "setsockopt, SO_ATTACH_FILTER", .try = attach_filter, .refused = KILLED},
    {.what = "setsockopt, IP_PKTINFO", .try = other_option, .refused = KILLED},
    {.what = "setsockopt, SO_MARK", .try = mark, .refused = EPERM, .root = true},
    {.what = "setsockopt, SO_BINDTODEVICE", .try = to_device, .refused = EPERM},
    {.what = "SO_MARK, without the capability",
     .try = mark,
     .refused = EPERM,
     .without = NO_CALLS,
     .root = true},
    {.what = "connect, an abstract socket", .try = to_abstract, .refused = EPERM, .landlock = 6},
    {.what = "kill allowed, the parent",
     .try = kill_parent,
     .refused = EPERM,
     .ask = ASK_KILL,
     .landlock = 6},
    {.what = "a file outside", .try = read_secret, BY_LANDLOCK},
    {.what = "a file outside, by a link inside", .try = read_by_link, BY_LANDLOCK},
    {.what = "/etc/passwd", .try = read_passwd, BY_LANDLOCK},
    {.what = "the root directory", .try = list_root, BY_LANDLOCK},
    {.what = "/proc/self/mem", .try = own_memory, BY_LANDLOCK, .watched = true},
    {.what = "/proc/PARENT/mem", .try = memory_of_parent, BY_LANDLOCK},
    {.what = "writing, where nothing is written", .try = write_named, .refused = KILLED, .watched = true},
    {.what = "writing a file that is read", .try = write_named, BY_LANDLOCK, .ask = ASK_FILES},
    {.what = "truncate", .try = cut_named, .refused = KILLED},
    {.what = "a new file beside those read", .try = make_beside_named, BY_LANDLOCK, .ask = ASK_FILES},
    {.what = "removing, where nothing is", .try = remove_named, .refused = EACCES},
    {.what = "removing a file that is read", .try = remove_named, BY_LANDLOCK, .ask = ASK_FILES},
    {.what = "symlink", .try = make_link, .refused = KILLED, .ask = ASK_FILES},
    {.what = "link", .try = make_hard_link, .refused = KILLED, .ask = ASK_FILES},
    {.what = "mknod", .try = make_fifo, .refused = KILLED, .ask = ASK_FILES},
    {.what = "chmod", .try = change_mode, .refused = KILLED, .ask = ASK_FILES},
    {.what = "files and capabilities alone: execve",
     .try = execute,
     .refused = EACCES,
     .landlock = 1,
     .without = NO_CALLS | SLUICE_CONFINED_VIEW},
    {.what = "files and capabilities alone: AF_PACKET",
     .try = socket_packet,
     .refused = EPERM,
     .without = NO_CALLS,
     .root = true},
    {.what = "files and capabilities alone: mount",
     .try = mount_it,
     .refused = EPERM,
     .without = NO_CALLS,
     .root = true},
    {.what = "files and capabilities alone: ptrace",
     .try = trace_parent,
     .refused = EPERM,
     .landlock = 1,
     .without = NO_CALLS | SLUICE_CONFINED_VIEW},
    {.what = "fchdir", .try = go_to_descriptor, .refused = KILLED},
    {.what = "pivot_root", .try = pivot, .refused = KILLED, .root = true},
    {.what = "a folder's descriptor from before",
     .try = read_by_descriptor,
     .refused = EACCES,
     .landlock = 1},
    {.what = "stat, /etc/passwd", .try = ask_about_passwd, .refused = ENOENT, .view = true},
    {.what = "stat, a file beside what is read", .try = ask_about_secret, .refused = ENOENT, .view = true},
    {.what = "stat, a process", .try = ask_about_a_process, .refused = ENOENT, .view = true, .watched = true},
    {.what = "stat, above the root", .try = ask_above_the_root, .refused = ENOENT, .view = true},
    {.what = "connect, a socket with a name",
     .try = connect_elsewhere_by_name,
     .refused = ENOENT,
     .view = true},
    {.what = "connect, a socket beside what is read", .try = connect_by_name, .refused = EROFS, .view = true},
    {.what = "view alone: a file beside what is read", .try = read_secret, BY_VIEW(EACCES)},
    {.what = "view alone: by a link inside", .try = read_by_link, BY_VIEW(EACCES)},
    {.what = "view alone: /etc/passwd", .try = read_passwd, BY_VIEW(ENOENT)},
    {.what = "view alone: /proc/self/mem", .try = own_memory, BY_VIEW(ENOENT), .watched = true},
    {.what = "view alone: a descriptor opened again by /proc",
     .try = read_opened_again,
     BY_VIEW(ENOENT),
     .watched = true},
    {.what = "view alone: a new file beside those read",
     .try = make_beside_named,
     BY_VIEW(EROFS),
     .ask = ASK_FILES},
    {.what = "view alone: removing a file that is read",
     .try = remove_named,
     BY_VIEW(EROFS),
     .ask = ASK_FILES},
    {.what = "view alone: removing one beside what may be removed",
     .try = remove_beside,
     BY_VIEW(EBUSY),
     .ask = ASK_REMOVE},
    {.what = "nothing but the view: a new user namespace",
     .try = in_new_namespaces,
     .refused = ENOENT,
     .without = VIEW_ALONE,
     .view = true},
    {.what = "nothing but the view: a folder in the root",
     .try = make_in_root,
     .refused = EROFS,
     .without = VIEW_ALONE,
     .view = true,
     .root = true},
#ifdef __x86_64__
    {.what = "a call of i386", .try = as_i386, .refused = KILLED},
#endif
};

/* --- the children ------------------------------------------------------------------------------------ */

struct child {
	const struct scene *scene;
	attempt *try;
	enum ask ask;
	unsigned without;
	bool free; /* the canary */
};

static void
confine(const struct child *c)
{
	static const char *const calls[] = {"kill", NULL};
	const char *const read[] = {c->scene->at.in, NULL}, *const write[] = {c->scene->at.out, NULL},
			  *const remove[] = {c->scene->at.gone, NULL};
	const char *const nameservers[] = {"127.0.0.1"};
	struct sluice_confine ask;
	char err[600] = "";
	struct real r;

	/* Names of its own: the host's resolver file is none of its business. */
	real_conf(&r);
	r.cfg.nameservers = nameservers;
	r.cfg.nnameservers = 1;
	real_open(&r);
	sluice_confine_init(&ask);
	ask.read = read;
	ask.write = c->ask == ASK_FILES ? write : NULL;
	ask.calls = c->ask == ASK_KILL ? calls : NULL;
	ask.ways = c->ask == ASK_WAYS;
	ask.remove = c->ask == ASK_REMOVE ? remove : NULL;
	ask.without = c->without;
	int held = sluice_confine(r.s, &ask, err, sizeof(err));
	if (held < 0)
		dprintf(STDERR_FILENO, "# %s\n", err);
	child_needs(held >= 0, "sluice_confine");
}

static int
child_main(void *ctx)
{
	const struct child *c = ctx;

	if (geteuid() == 0) { /* what is mounted is its own */
		child_needs(unshare(CLONE_NEWNS) == 0, "a mount namespace");
		child_needs(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "private mounts");
	}
	if (!c->free)
		confine(c);
	return c->try(c->scene);
}

static void __attribute__((format(printf, 2, 3))) bind_name(struct sockaddr_un *sa, const char *path, ...)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	va_list ap;

	va_start(ap, path);
	vsnprintf(sa->sun_path, sizeof(sa->sun_path), path, ap);
	va_end(ap);
	sa->sun_family = AF_UNIX;
	unlink(sa->sun_path);
	assert_int_equal(bind(fd, (struct sockaddr *)sa, sizeof(*sa)), 0);
	assert_int_equal(listen(fd, 64), 0); /* open until the program ends */
}

static void
scene_remove(const struct scene *sc)
{
	unlink(sc->elsewhere.sun_path);
	place_remove(&sc->at);
}

static void
scene_make(struct scene *sc)
{
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*sc = (struct scene){.parent = getpid(), .abstract_len = sizeof(sa_family_t)};
	place_make(&sc->at);
	/* The kernel chooses an abstract name. */
	sc->abstract.sun_family = AF_UNIX;
	assert_int_equal(bind(listener, (struct sockaddr *)&sc->abstract, sc->abstract_len), 0);
	sc->abstract_len = sizeof(sc->abstract);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&sc->abstract, &sc->abstract_len), 0);
	assert_int_equal(listen(listener, 64), 0);
	bind_name(&sc->named, "%s/socket", sc->at.root);
	bind_name(&sc->elsewhere, "/var/tmp/confine.%d", (int)getpid());
	sc->folder_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(sc->folder_fd >= 0);
	sc->named_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	sc->elsewhere_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	sc->unix_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	sc->net_ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	assert_true(sc->unix_fd >= 0 && sc->net_ns >= 0);
}

static int
outcome(const struct scene *sc, attempt *try, enum ask ask, unsigned without, bool free)
{
	struct child c = {.scene = sc, .try = try, .ask = ask, .without = without, .free = free};

	return in_child(child_main, &c);
}

/* Can it be shown in this build, on this kernel, by this user? */
static bool
shows(const struct row *row)
{
	if (row->landlock && (confine_files_version() < row->landlock))
		return false;
	if (row->view && !view_is_to_be_had())
		return false;
	return !(row->watched && WATCHED) && !(row->root && geteuid() != 0);
}

/* --- tests ------------------------------------------------------------------------------------------- */

static void
G7_attempts_are_refused(void **state)
{
	unsigned shown = 0, bad = 0;
	struct scene sc;

	(void)state;
	scene_make(&sc);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!shows(&rows[i]))
			continue;
		int got = outcome(&sc, rows[i].try, rows[i].ask, rows[i].without, false);

		shown++;
		bad += got != rows[i].refused;
		if (got != rows[i].refused)
			print_message("# %s: wanted %d, got %d\n", rows[i].what, rows[i].refused, got);
	}
	scene_remove(&sc);
	assert_int_equal(bad, 0);
	assert_true(shown > 20);
}

/* Without confinement: some are answered by the kernel for reasons of its own, which differ from the refusal. */
static void
G7_the_same_attempts_succeed_unconfined(void **state)
{
	unsigned shown = 0, well = 0, bad = 0;
	struct scene sc;

	(void)state;
	scene_make(&sc);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!shows(&rows[i]))
			continue;
		int got = outcome(&sc, rows[i].try, rows[i].ask, rows[i].without, true);

		shown++;
		well += got == WENT_WELL;
		if (got != WENT_WELL)
			print_message("# %s, unconfined: %s\n", rows[i].what,
				      got < 200 ? strerror(got) : "?");
		/* An errno that is also the refusal would prove nothing. */
		bad += got == rows[i].refused || got >= 200;
	}
	scene_remove(&sc);
	assert_int_equal(bad, 0);
	assert_true(well * 10 >= shown * 8);
}

static void
G7_what_stays_is_not_refused(void **state)
{
	static const struct row stays[] = {
	    {.what = "a file that is named", .try = read_named},
	    {.what = "a new file where it may be", .try = make_where_written, .ask = ASK_FILES},
	    {.what = "a file that may be removed", .try = remove_what_may_be, .ask = ASK_REMOVE},
	    {.what = "a socket for a flow", .try = socket_tcp},
	    {.what = "a socket for datagrams", .try = socket_udp6},
	    {.what = "a mark, with ways", .try = mark, .ask = ASK_WAYS, .root = true},
	    {.what = "a device, with ways", .try = to_device, .ask = ASK_WAYS, .root = true},
	};
	struct scene sc;

	(void)state;
	scene_make(&sc);
	for (size_t i = 0; i < sizeof(stays) / sizeof(stays[0]); i++) {
		if (stays[i].root && geteuid() != 0)
			continue;
		int got = outcome(&sc, stays[i].try, stays[i].ask, stays[i].without, false);

		if (got != WENT_WELL)
			fail_msg("%s: %d", stays[i].what, got);
	}
	scene_remove(&sc);
}

#ifdef __x86_64__
/* Kernels with x32 answer these numbers; others do not know them: either way nobody gets that far. */
static void
G7_numbers_of_x32_kill(void **state)
{
	struct scene sc;

	(void)state;
	scene_make(&sc);
	assert_int_equal(outcome(&sc, as_x32, ASK_PLAIN, 0, false), KILLED);
	assert_int_not_equal(outcome(&sc, as_x32, ASK_PLAIN, 0, true), KILLED);
	scene_remove(&sc);
}
#endif

static int
end_badly(const struct scene *sc)
{
	(void)sc;
	abort();
}

static int
end_by_signal(const struct scene *sc)
{
	(void)sc;
	return raise(SIGTERM);
}

/* A core that says what failed, and not that abort(3) is forbidden. */
static void
G7_ends_are_its_own(void **state)
{
	struct scene sc;

	(void)state;
	scene_make(&sc);
	assert_int_equal(outcome(&sc, end_badly, ASK_PLAIN, 0, false), BY_SIGNAL(SIGABRT));
	assert_int_equal(outcome(&sc, end_by_signal, ASK_PLAIN, 0, false), BY_SIGNAL(SIGTERM));
	scene_remove(&sc);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(G7_attempts_are_refused),
	    cmocka_unit_test(G7_the_same_attempts_succeed_unconfined),
	    cmocka_unit_test(G7_what_stays_is_not_refused),
#ifdef __x86_64__
	    cmocka_unit_test(G7_numbers_of_x32_kill),
#endif
	    cmocka_unit_test(G7_ends_are_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
