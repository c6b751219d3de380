/*
 * vhost.c - life of the virtual host, its table of descriptors, and the plain calls
 *
 * Descriptors are kept in a table of pointers that only grows.  One that was closed stays there until its
 * number is given out again, so that the far end can still read what the gateway wrote last.
 */
#include "link/vhost.h"

#include <errno.h>
#include <stdlib.h>

#include "link/sockaddr.h"
#include "link/vhost_int.h"

/* --- the table ------------------------------------------------------------------------------------- */

struct vhost_sock *
vhost_sock(const struct vhost *v, int fd)
{
	size_t i = (size_t)fd - VHOST_FIRST_FD;

	return fd >= VHOST_FIRST_FD && i < v->nsock ? v->sock[i] : NULL;
}

struct vhost_sock *
vhost_sock_open(const struct vhost *v, int fd)
{
	struct vhost_sock *s = vhost_sock(v, fd);

	return s && s->open ? s : NULL;
}

static void
empty(struct vhost_sock *s)
{
	vhost_bytes_free(&s->in);
	vhost_bytes_free(&s->out);
	vhost_dgrams_free(&s->dgrams_in);
	vhost_dgrams_free(&s->dgrams_out);
	while (s->clients) {
		struct vhost_client *c = s->clients;

		s->clients = c->next;
		free(c);
	}
}

/* Room for twice as many descriptors. */
static bool
grow(struct vhost *v)
{
	size_t n = v->nsock ? v->nsock * 2 : 64;
	struct vhost_sock **sock =
	    n <= VHOST_SOCKETS ? realloc(v->sock, n * sizeof(struct vhost_sock *)) : NULL;

	if (!sock)
		return false;
	for (size_t i = v->nsock; i < n; i++)
		sock[i] = NULL;
	v->sock = sock;
	v->nsock = n;
	return true;
}

struct vhost_sock *
vhost_sock_new(struct vhost *v, int *err)
{
	size_t i = v->full;

	while (i < v->nsock && v->sock[i] && (v->sock[i]->open || v->once))
		i++;
	v->full = i;
	*err = EMFILE;
	if (i == v->nsock && !grow(v))
		return NULL;
	struct vhost_sock *s = v->sock[i];
	if (!s) {
		s = calloc(1, sizeof(*s));
		if (!s) {
			*err = ENOMEM;
			return NULL;
		}
		v->sock[i] = s;
	}
	empty(s);
	*s = (struct vhost_sock){
	    .fd = VHOST_FIRST_FD + (int)i,
	    .open = true,
	    .in_max = VHOST_BUFFER,
	    .out_max = VHOST_BUFFER,
	    .last_client = &s->clients,
	    .open_prev = v->open_last,
	};
	vhost_dgrams_init(&s->dgrams_in);
	vhost_dgrams_init(&s->dgrams_out);
	*(v->open_last ? &v->open_last->open_next : &v->open_first) = s;
	v->open_last = s;
	v->nopen++;
	return s;
}

static void
leave_open_list(struct vhost *v, struct vhost_sock *s)
{
	*(s->open_prev ? &s->open_prev->open_next : &v->open_first) = s->open_next;
	*(s->open_next ? &s->open_next->open_prev : &v->open_last) = s->open_prev;
	v->nopen--;
	v->nbound -= s->bound;
	if ((size_t)(s->fd - VHOST_FIRST_FD) < v->full)
		v->full = (size_t)(s->fd - VHOST_FIRST_FD);
}

int
vhost_take_error(struct vhost_sock *s)
{
	int error = s->error;

	s->error = 0;
	return -error;
}

static bool
clashes(const struct vhost_sock *a, const struct vhost_sock *b, const struct endpoint *at)
{
	return a != b && !b->plain && b->local.port == at->port && b->kind == a->kind && b->fam == a->fam &&
	       (addr_eq(&b->local.addr, &at->addr) || addr_is_unspecified(&b->local.addr) ||
		addr_is_unspecified(&at->addr));
}

/* Connections that came from a listener share its port and clash with nobody. */
static bool
is_taken(const struct vhost *v, const struct vhost_sock *s, const struct endpoint *at)
{
	if (v->nbound == 0)
		return false;
	for (const struct vhost_sock *o = v->open_first; o; o = o->open_next)
		if (o->bound && clashes(s, o, at))
			return true;
	return false;
}

/* Always another one than last time, past those that are bound.  It wraps after 32,768. */
uint16_t
vhost_new_port(struct vhost *v, const struct vhost_sock *s)
{
	struct endpoint at = s->local;

	for (unsigned tries = 0; tries < 32768; tries++) {
		at.port = v->next_port;
		v->next_port = v->next_port == UINT16_MAX ? VHOST_FIRST_PORT : (uint16_t)(v->next_port + 1);
		if (!is_taken(v, s, &at))
			break;
	}
	return at.port;
}

/* --- calls ----------------------------------------------------------------------------------------- */

static int
vhost_socket(struct host *h, enum host_kind kind, enum family fam, const struct host_socket_opts *o)
{
	struct vhost *v = vhost_of(h);
	int err = 0;
	int rc = vhost_failing(v, OP_SOCKET, NULL);

	if (rc < 0)
		return rc;
	if (v->otherwise == VHOST_EMFILE)
		return -EMFILE;
	if (o && o->bound && addr_family(&o->source) != fam)
		return -EADDRNOTAVAIL;
	struct vhost_sock *s = vhost_sock_new(v, &err);
	if (!s)
		return -err;
	s->kind = kind;
	s->fam = fam;
	if (o)
		s->opts = *o;
	s->local.addr = s->peer.addr = fam == FAMILY_V4 ? addr_v4(0) : (struct addr){{0}};
	if (s->opts.bound)
		s->local.addr = s->opts.source;
	return s->fd;
}

static int
vhost_bind(struct host *h, int fd, const struct endpoint *at)
{
	struct vhost *v = vhost_of(h);
	struct vhost_sock *s = vhost_sock_open(v, fd);
	union sockaddr_any sa;

	if (!s)
		return -EBADF;
	int rc = vhost_failing(v, OP_BIND, s);
	if (rc < 0)
		return rc;
	if (sockaddr_of(at, &sa) == 0 || addr_family(&at->addr) != s->fam)
		return -EADDRNOTAVAIL;
	if (s->bound)
		return -EINVAL;
	if (at->port && is_taken(v, s, at))
		return -EADDRINUSE;
	s->local = *at;
	if (at->port == 0)
		s->local.port = vhost_new_port(v, s);
	s->bound = true;
	v->nbound++;
	return 0;
}

static int
vhost_local_of(struct host *h, int fd, struct endpoint *at)
{
	struct vhost *v = vhost_of(h);
	struct vhost_sock *s = vhost_sock_open(v, fd);

	if (!s)
		return -EBADF;
	int rc = vhost_failing(v, OP_LOCAL, s);
	if (rc == 0)
		*at = s->local;
	return rc;
}

static int
vhost_pending_error(struct host *h, int fd)
{
	struct vhost *v = vhost_of(h);
	struct vhost_sock *s = vhost_sock_open(v, fd);

	if (!s)
		return -EBADF;
	int rc = vhost_failing(v, OP_PENDING_ERROR, s);
	return rc < 0 ? rc : vhost_take_error(s);
}

static int
vhost_nodelay(struct host *h, int fd)
{
	struct vhost_sock *s = vhost_sock_open(vhost_of(h), fd);

	return s ? vhost_failing(vhost_of(h), OP_NODELAY, s) : -EBADF;
}

static int
vhost_keepalive(struct host *h, int fd, int idle_seconds)
{
	struct vhost_sock *s = vhost_sock_open(vhost_of(h), fd);

	(void)idle_seconds;
	return s ? vhost_failing(vhost_of(h), OP_KEEPALIVE, s) : -EBADF;
}

static int
vhost_set_ttl(struct host *h, int fd, enum family fam, int ttl)
{
	struct vhost_sock *s = vhost_sock_open(vhost_of(h), fd);

	(void)fam;
	if (!s)
		return -EBADF;
	int rc = vhost_failing(vhost_of(h), OP_SET_TTL, s);
	if (rc == 0)
		s->ttl = ttl;
	return rc;
}

static int
vhost_set_tos(struct host *h, int fd, enum family fam, int tos)
{
	struct vhost_sock *s = vhost_sock_open(vhost_of(h), fd);

	(void)fam;
	(void)tos;
	return s ? vhost_failing(vhost_of(h), OP_SET_TOS, s) : -EBADF;
}

/* The socket stays in its slot, closed; what it still held for the gateway is gone. */
static void
vhost_close(struct host *h, int fd, bool reset)
{
	struct vhost *v = vhost_of(h);
	struct vhost_sock *s = vhost_sock_open(v, fd);

	if (!s)
		return;
	vhost_disarm(v, s);
	leave_open_list(v, s);
	bool unread = s->kind == HOST_TCP && s->in.len > 0;
	s->ended = reset || unread ? 2 : 1;
	s->open = false;
	if (s->ended == 2)
		vhost_bytes_free(&s->out);
	else if (s->state == VHOST_CONNECTED)
		s->out_eof = true;
	vhost_bytes_free(&s->in);
}

static usec_t
vhost_now(struct host *h)
{
	return vhost_of(h)->now;
}

/* splitmix64: every seed gives another sequence, and the same one always the same. */
static uint64_t
next_random(struct vhost *v)
{
	uint64_t z = v->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static void
vhost_random(struct host *h, void *to, size_t n)
{
	uint8_t *p = to;
	uint64_t word = 0;

	for (size_t i = 0; i < n; i++) {
		if (i % 8 == 0)
			word = next_random(vhost_of(h));
		p[i] = (uint8_t)word;
		word >>= 8;
	}
}

static int
vhost_wake_fd(struct host *h)
{
	(void)h;
	return VHOST_WAKE_FD;
}

static void
vhost_wake(struct host *h)
{
	vhost_of(h)->awake = true;
}

static void
vhost_wake_clear(struct host *h)
{
	vhost_of(h)->awake = false;
}

static struct vhost_path *
find_path(const struct vhost *v, const char *path)
{
	struct vhost_path *p = v->paths;

	while (p && strcmp(p->name, path) != 0)
		p = p->next;
	return p;
}

static int64_t
vhost_file_version(struct host *h, const char *path)
{
	const struct vhost_path *p = find_path(vhost_of(h), path);

	if (vhost_failing(vhost_of(h), OP_FILE_VERSION, NULL) < 0)
		return -1;
	return p ? p->version : -1;
}

static ssize_t
vhost_file_read(struct host *h, const char *path, void *to, size_t max)
{
	struct vhost *v = vhost_of(h);
	const struct vhost_path *p = find_path(v, path);
	int rc = vhost_failing(v, OP_FILE_READ, NULL);

	if (rc < 0 || !p)
		return rc < 0 ? rc : -ENOENT;
	size_t n = p->len < max ? p->len : max;
	if (n > 0)
		memcpy(to, p->bytes, n);
	return (ssize_t)n;
}

static int
vhost_addrs(struct host *h, struct addr **out, size_t *n)
{
	const struct vhost *v = vhost_of(h);
	int rc = vhost_failing(vhost_of(h), OP_ADDRS, NULL);

	*out = NULL;
	*n = 0;
	if (rc < 0 || v->naddr == 0)
		return rc;
	*out = malloc(v->naddr * sizeof(**out));
	if (!*out)
		return -ENOMEM;
	memcpy(*out, v->addrs, v->naddr * sizeof(**out));
	*n = v->naddr;
	return 0;
}

static int
vhost_addrs_watch(struct host *h, uint64_t token)
{
	struct vhost *v = vhost_of(h);
	int rc = vhost_failing(v, OP_ADDRS_WATCH, NULL);

	if (rc < 0)
		return rc;
	v->addrs_watched = true;
	v->addrs_changed = false;
	v->addrs_token = token;
	return 0;
}

static bool
vhost_addrs_changed(struct host *h)
{
	struct vhost *v = vhost_of(h);
	bool changed = v->addrs_changed;

	v->addrs_changed = false;
	return changed;
}

static void
vhost_drop_pages(void *block, size_t size)
{
	(void)block;
	(void)size;
}

static const struct host_ops vhost_ops = {
    .socket = vhost_socket,
    .connect = vhost_connect,
    .disconnect = vhost_disconnect,
    .connect_result = vhost_connect_result,
    .bind = vhost_bind,
    .listen = vhost_listen,
    .accept = vhost_accept,
    .local = vhost_local_of,
    .readv = vhost_readv,
    .writev = vhost_writev,
    .recvmmsg = vhost_recvmmsg,
    .sendmmsg = vhost_sendmmsg,
    .recv = vhost_recv_one,
    .send = vhost_send_one,
    .sockerr = vhost_sockerr,
    .pending_error = vhost_pending_error,
    .shutdown_write = vhost_shutdown_write,
    .nodelay = vhost_nodelay,
    .keepalive = vhost_keepalive,
    .set_ttl = vhost_set_ttl,
    .set_tos = vhost_set_tos,
    .close = vhost_close,
    .arm = vhost_arm,
    .arm_read = vhost_arm_read,
    .arm_level = vhost_arm_level,
    .events = vhost_events,
    .event_fd = vhost_event_fd,
    .poll = vhost_poll,
    .now = vhost_now,
    .work = vhost_now,
    .wall = vhost_now, /* its world began when its clock did */
    .random = vhost_random,
    .fd_readv = vhost_fd_readv,
    .fd_writev = vhost_fd_writev,
    .wake_fd = vhost_wake_fd,
    .wake = vhost_wake,
    .wake_clear = vhost_wake_clear,
    .file_version = vhost_file_version,
    .file_read = vhost_file_read,
    .addrs = vhost_addrs,
    .addrs_watch = vhost_addrs_watch,
    .addrs_changed = vhost_addrs_changed,
    .drop_pages = vhost_drop_pages,
};

/* --- life ------------------------------------------------------------------------------------------ */

struct vhost *
vhost_new(uint64_t seed)
{
	struct vhost *v = malloc(sizeof(*v));

	if (!v)
		return NULL;
	*v = (struct vhost){
	    .host.ops = &vhost_ops,
	    .random = seed,
	    .next_port = VHOST_FIRST_PORT,
	    .ready_last = &v->ready_first,
	};
	return v;
}

void
vhost_free(struct vhost *v)
{
	if (!v)
		return;
	for (size_t i = 0; i < v->nsock; i++) {
		if (v->sock[i])
			empty(v->sock[i]);
		free(v->sock[i]);
	}
	free(v->sock);
	while (v->rules) {
		struct vhost_rule *r = v->rules;

		v->rules = r->next;
		free(r);
	}
	while (v->paths) {
		struct vhost_path *p = v->paths;

		v->paths = p->next;
		free(p->bytes);
		free(p);
	}
	free(v->addrs);
	free(v);
}

struct host *
vhost_host(struct vhost *v)
{
	return &v->host;
}

void
vhost_set_time(struct vhost *v, usec_t now)
{
	v->now = now;
}

usec_t
vhost_time(const struct vhost *v)
{
	return v->now;
}

int
vhost_pipe(struct vhost *v)
{
	int err = 0;
	struct vhost_sock *s = vhost_sock_new(v, &err);

	if (!s)
		return -1;
	s->plain = true;
	s->kind = HOST_TCP; /* a byte stream */
	s->state = VHOST_CONNECTED;
	return s->fd;
}

bool
vhost_put_file(struct vhost *v, const char *path, const void *bytes, size_t len)
{
	struct vhost_path *p = find_path(v, path);
	uint8_t *copy = malloc(len ? len : 1);

	if (!copy)
		return false;
	if (!p) {
		size_t name = strlen(path) + 1;

		p = malloc(sizeof(*p) + name);
		if (!p) {
			free(copy);
			return false;
		}
		*p = (struct vhost_path){.next = v->paths};
		memcpy(p->name, path, name);
		v->paths = p;
	}
	if (len > 0)
		memcpy(copy, bytes, len);
	free(p->bytes);
	p->bytes = copy;
	p->len = len;
	p->version++;
	return true;
}

bool
vhost_set_addrs(struct vhost *v, const struct addr *a, size_t n)
{
	struct addr *copy = malloc(n ? n * sizeof(*a) : 1);

	if (!copy)
		return false;
	if (n > 0)
		memcpy(copy, a, n * sizeof(*a));
	free(v->addrs);
	v->addrs = copy;
	v->naddr = n;
	v->addrs_changed = true;
	return true;
}
