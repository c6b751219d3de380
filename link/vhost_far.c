/*
 * vhost_far.c - the far ends of the gateway's sockets, and what befalls its next calls
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "link/vhost_int.h"

/* --- answers to connect() -------------------------------------------------------------------------- */

void
vhost_default(struct vhost *v, enum vhost_answer a)
{
	v->otherwise = a;
}

static struct vhost_rule *
find_rule(const struct vhost *v, enum host_kind kind, const struct endpoint *to)
{
	for (struct vhost_rule *r = v->rules; r; r = r->next)
		if (r->kind == kind && r->to.port == to->port && addr_eq(&r->to.addr, &to->addr))
			return r;
	return NULL;
}

/* Without memory for a new rule the default stays: the caller's test will say so. */
void
vhost_answer(struct vhost *v, enum host_kind kind, const struct endpoint *to, enum vhost_answer a)
{
	struct vhost_rule *r = find_rule(v, kind, to);

	if (!r && (r = malloc(sizeof(*r)))) {
		*r = (struct vhost_rule){.next = v->rules, .kind = kind, .to = *to};
		v->rules = r;
	}
	if (r)
		r->answer = a;
}

enum vhost_answer
vhost_answer_of(const struct vhost *v, enum host_kind kind, const struct endpoint *to)
{
	const struct vhost_rule *r = find_rule(v, kind, to);

	if (!r)
		r = find_rule(v, kind, &(struct endpoint){.addr = to->addr});
	return r ? r->answer : v->otherwise;
}

void
vhost_settle(struct vhost *v, int fd, int error)
{
	struct vhost_sock *s = vhost_sock_open(v, fd);

	if (!s || s->state != VHOST_CONNECTING)
		return;
	s->state = error ? VHOST_DEAD : VHOST_CONNECTED;
	s->error = error;
	vhost_notify(v, s);
}

/* --- looking --------------------------------------------------------------------------------------- */

int
vhost_find(const struct vhost *v, int kind, int n)
{
	for (const struct vhost_sock *s = v->open_first; s; s = s->open_next)
		if (!s->plain && (kind < 0 || (int)s->kind == kind) && n-- == 0)
			return s->fd;
	return -1;
}

void
vhost_number_once(struct vhost *v)
{
	v->once = true;
}

int
vhost_kind(const struct vhost *v, int fd)
{
	const struct vhost_sock *s = vhost_sock(v, fd);

	return s && !s->plain ? (int)s->kind : -1;
}

bool
vhost_peer(const struct vhost *v, int fd, struct endpoint *to)
{
	const struct vhost_sock *s = vhost_sock(v, fd);

	if (!s || s->plain || (s->peer.port == 0 && addr_is_unspecified(&s->peer.addr)))
		return false;
	*to = s->peer;
	return true;
}

bool
vhost_local(const struct vhost *v, int fd, struct endpoint *at)
{
	const struct vhost_sock *s = vhost_sock(v, fd);

	if (!s || s->plain)
		return false;
	*at = s->local;
	return true;
}

const struct host_socket_opts *
vhost_opts(const struct vhost *v, int fd)
{
	const struct vhost_sock *s = vhost_sock(v, fd);

	return s && !s->plain ? &s->opts : NULL;
}

size_t
vhost_open_count(const struct vhost *v)
{
	return v->nopen;
}

int
vhost_closed(const struct vhost *v, int fd)
{
	const struct vhost_sock *s = vhost_sock(v, fd);

	return s ? s->ended : 0;
}

int
vhost_ttl(const struct vhost *v, int fd)
{
	const struct vhost_sock *s = vhost_sock(v, fd);

	return s ? s->ttl : 0;
}

/* --- the far end of a byte stream ------------------------------------------------------------------ */

size_t
vhost_recv(struct vhost *v, int fd, void *to, size_t max)
{
	struct vhost_sock *s = vhost_sock(v, fd);

	if (!s)
		return 0;
	size_t n = vhost_bytes_take(&s->out, to, max);
	vhost_made_room(v, s);
	return n;
}

size_t
vhost_recv_len(const struct vhost *v, int fd)
{
	const struct vhost_sock *s = vhost_sock(v, fd);

	return s ? s->out.len : 0;
}

size_t
vhost_send(struct vhost *v, int fd, const void *from, size_t len)
{
	struct vhost_sock *s = vhost_sock_open(v, fd);

	if (!s || s->kind != HOST_TCP || s->in_eof || s->state != VHOST_CONNECTED || s->in.len >= s->in_max)
		return 0;
	if (len > s->in_max - s->in.len)
		len = s->in_max - s->in.len;
	if (len == 0 || !vhost_bytes_put(&s->in, from, len))
		return 0;
	vhost_notify(v, s);
	return len;
}

void
vhost_send_eof(struct vhost *v, int fd)
{
	struct vhost_sock *s = vhost_sock_open(v, fd);

	if (!s || s->kind != HOST_TCP || s->state != VHOST_CONNECTED)
		return;
	s->in_eof = true;
	vhost_notify(v, s);
}

/* In CLOSE-WAIT the gateway hears EPIPE, else ECONNRESET (tcp_reset()). */
void
vhost_reset(struct vhost *v, int fd)
{
	struct vhost_sock *s = vhost_sock_open(v, fd);

	if (!s || s->kind != HOST_TCP || s->state != VHOST_CONNECTED)
		return;
	s->error = s->in_eof && !s->out_eof ? EPIPE : ECONNRESET;
	s->state = VHOST_DEAD;
	vhost_notify(v, s);
}

bool
vhost_got_eof(const struct vhost *v, int fd)
{
	const struct vhost_sock *s = vhost_sock(v, fd);

	return s && s->out_eof;
}

void
vhost_buffers(struct vhost *v, int fd, size_t send, size_t recv)
{
	struct vhost_sock *s = vhost_sock_open(v, fd);

	if (!s)
		return;
	s->out_max = send;
	s->in_max = recv;
	vhost_made_room(v, s);
}

/* --- clients of the gateway's listeners ------------------------------------------------------------ */

static bool
listens_at(const struct vhost_sock *s, const struct endpoint *at)
{
	return s->state == VHOST_LISTENING && s->local.port == at->port && s->fam == addr_family(&at->addr) &&
	       (addr_is_unspecified(&s->local.addr) || addr_eq(&s->local.addr, &at->addr));
}

bool
vhost_client(struct vhost *v, const struct endpoint *at, const struct endpoint *from)
{
	struct vhost_sock *s = v->open_first;

	while (s && !listens_at(s, at))
		s = s->open_next;
	if (!s || s->nclient >= s->backlog)
		return false;
	struct vhost_client *c = malloc(sizeof(*c));
	if (!c)
		return false;
	*c = (struct vhost_client){.at = *at, .from = *from};
	*s->last_client = c;
	s->last_client = &c->next;
	s->nclient++;
	vhost_notify(v, s);
	return true;
}

/* --- calls that fail ------------------------------------------------------------------------------- */

static const char *const op_name[] = {
    [OP_SOCKET] = "socket",
    [OP_CONNECT] = "connect",
    [OP_DISCONNECT] = "disconnect",
    [OP_CONNECT_RESULT] = "connect_result",
    [OP_BIND] = "bind",
    [OP_LISTEN] = "listen",
    [OP_ACCEPT] = "accept",
    [OP_LOCAL] = "local",
    [OP_READV] = "readv",
    [OP_WRITEV] = "writev",
    [OP_RECVMMSG] = "recvmmsg",
    [OP_SENDMMSG] = "sendmmsg",
    [OP_RECV] = "recv",
    [OP_SEND] = "send",
    [OP_SOCKERR] = "sockerr",
    [OP_PENDING_ERROR] = "pending_error",
    [OP_SHUTDOWN_WRITE] = "shutdown_write",
    [OP_NODELAY] = "nodelay",
    [OP_KEEPALIVE] = "keepalive",
    [OP_SET_TTL] = "set_ttl",
    [OP_SET_TOS] = "set_tos",
    [OP_ARM] = "arm",
    [OP_ARM_READ] = "arm_read",
    [OP_ARM_LEVEL] = "arm_level",
    [OP_EVENTS] = "events",
    [OP_POLL] = "poll",
    [OP_FD_READV] = "fd_readv",
    [OP_FD_WRITEV] = "fd_writev",
    [OP_FILE_VERSION] = "file_version",
    [OP_FILE_READ] = "file_read",
    [OP_ADDRS] = "addrs",
    [OP_ADDRS_WATCH] = "addrs_watch",
};
static_assert(sizeof(op_name) / sizeof(op_name[0]) == OPS, "every call has its name");

static enum vhost_op
op_named(const char *name)
{
	int which = 0;

	while (which < OPS && strcmp(op_name[which], name) != 0)
		which++;
	assert(which < OPS);
	return (enum vhost_op)which;
}

static void
fail_later(struct vhost *v, enum vhost_op op, int nth, int error)
{
	assert(nth >= 1 && v->nfailure < VHOST_FAILURES);
	v->failure[v->nfailure].op = op;
	v->failure[v->nfailure].countdown = nth;
	v->failure[v->nfailure].error = error;
	v->nfailure++;
}

void
vhost_fail(struct vhost *v, const char *op, int nth, int error)
{
	assert(error > 0);
	fail_later(v, op_named(op), nth, error);
}

void
vhost_cut(struct vhost *v, const char *op, int nth)
{
	enum vhost_op o = op_named(op);

	assert(o == OP_READV || o == OP_WRITEV || o == OP_RECVMMSG || o == OP_SENDMMSG || o == OP_EVENTS ||
	       o == OP_FD_READV || o == OP_FD_WRITEV);
	fail_later(v, o, nth, 0);
}

uint64_t
vhost_calls(const struct vhost *v, const char *op)
{
	return v->calls[op_named(op)];
}

uint64_t
vhost_failed(const struct vhost *v, int *fd)
{
	*fd = v->failed_fd;
	return v->failed;
}

size_t
vhost_part(const struct vhost *v, size_t n)
{
	return v->partly && n > 1 ? n / 2 : n;
}

int
vhost_failing(struct vhost *v, enum vhost_op op, struct vhost_sock *s)
{
	int error = 0;
	uint64_t failed = v->failed;

	v->calls[op]++;
	v->partly = false;
	for (size_t i = 0; i < v->nfailure;) {
		if (v->failure[i].op != op || --v->failure[i].countdown > 0) {
			i++;
			continue;
		}
		error = v->failure[i].error;
		v->failure[i] = v->failure[--v->nfailure];
		v->failed++;
		v->failed_fd = s ? s->fd : -1;
		v->partly = error == 0;
	}
	if ((error == EAGAIN || v->partly) && s && v->failed != failed)
		vhost_notify(v, s);
	return -error;
}
