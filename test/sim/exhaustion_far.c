/*
 * exhaustion_far.c - the host that counts, and the far ends of its sockets (see exhaustion.h)
 *
 * Every call is the virtual host's own, counted on its way.  What the gateway did at a socket is noted as well, and answered by the
 * far end one round trip later; as that is the same for all, what is to be done waits in one queue.
 */
#include <errno.h>
#include <stdlib.h>

#include "link/vhost_int.h"
#include "test/sim/exhaustion.h"

enum { FAR_CONNECTED, FAR_HEARS, FAR_EOF };

/* The gateway's calls tell nothing but the host: there is one siege at a time. */
static struct siege *counting;

/* --- later ---------------------------------------------------------------------------------------------------- */

static void
later(struct siege *s, int fd, uint8_t what)
{
	struct endpoint own;

	if (!vhost_local(s->bed->vhost, fd, &own))
		return;
	if (s->far_at > 4096 && s->far_at * 2 > s->nfar) {
		s->nfar -= s->far_at;
		memmove(s->far, s->far + s->far_at, s->nfar * sizeof(*s->far));
		s->far_at = 0;
	}
	if (s->nfar == s->far_room) {
		s->far_room = s->far_room ? s->far_room * 2 : 1024;
		s->far = realloc(s->far, s->far_room * sizeof(*s->far));
		if (!s->far)
			abort();
	}
	s->far[s->nfar++] =
	    (struct far_event){.at = siege_now(s) + s->conf.rtt, .fd = fd, .port = own.port, .what = what};
}

void
siege_far_later(struct siege *s, int fd)
{
	later(s, fd, FAR_HEARS);
}

usec_t
siege_far_next(const struct siege *s)
{
	return s->far_at < s->nfar ? s->far[s->far_at].at : TIME_NEVER;
}

/* --- nameservers ------------------------------------------------------------------------------------------------- */

/* The answer to a question with one record of type A for whatever was asked; 0: that was no question. */
static size_t
name_answer(const struct siege *s, const uint8_t *q, size_t len, uint8_t to[512])
{
	struct wr w = wr_of(to, 512);
	size_t end = 12;

	while (end < len && q[end] != 0)
		end += q[end] + 1u;
	end += 5;
	if (end > len || end > 300)
		return 0;
	wr_bytes(&w, q, 2);
	wr_u16(&w, 0x8180);
	wr_u16(&w, 1);
	wr_u16(&w, 1);
	wr_u32(&w, 0);
	wr_bytes(&w, q + 12, end - 12);
	wr_u16(&w, 0xc00c);
	wr_u16(&w, 1);
	wr_u16(&w, 1);
	wr_u32(&w, s->names_ttl);
	wr_u16(&w, 4);
	wr_u32(&w, 0x5db8d807); /* a public one: others are taken out */
	return (size_t)(w.p - to);
}

static void
nameserver(struct siege *s, int fd)
{
	uint8_t q[1500], a[512];
	size_t len;

	while (vhost_recv_dgram(s->bed->vhost, fd, q, sizeof(q), &len, NULL)) {
		size_t n = name_answer(s, q, len < sizeof(q) ? len : sizeof(q), a);

		bool fresh = len > 18 && memcmp(q + 13, "fresh", 5) == 0;

		if ((s->names == NAMES_SILENT && !fresh) || n == 0)
			continue;
		if (s->names == NAMES_GARBAGE) {
			for (unsigned i = 0; i < 4; i++) {
				a[0] = (uint8_t)(a[0] + 1); /* another's id, and worse */
				vhost_send_dgram(s->bed->vhost, fd, NULL, a, i % 2 ? n : n / 2);
			}
			a[0] = q[0];
		}
		vhost_send_dgram(s->bed->vhost, fd, NULL, a, n);
	}
}

/* --- far ends ---------------------------------------------------------------------------------------------------- */

static void
stream_hears(struct siege *s, int fd, uint16_t port)
{
	static uint8_t b[65536];
	size_t n;

	while ((n = vhost_recv(s->bed->vhost, fd, b, sizeof(b))) > 0)
		if (port == 7)
			vhost_send(s->bed->vhost, fd, b, n);
}

static void
datagrams_heard(struct siege *s, int fd, uint16_t port)
{
	uint8_t b[2048];
	size_t n;

	while (vhost_recv_dgram(s->bed->vhost, fd, b, sizeof(b), &n, NULL))
		if (port == 7)
			vhost_send_dgram(s->bed->vhost, fd, NULL, b, n < sizeof(b) ? n : sizeof(b));
}

static void
hears(struct siege *s, int fd)
{
	struct endpoint to;
	const struct host_socket_opts *o = vhost_opts(s->bed->vhost, fd);

	if (!o || !vhost_peer(s->bed->vhost, fd, &to))
		return;
	if (to.port == 53) {
		nameserver(s, fd);
	} else if (to.port == 7 || to.port == 9) {
		stream_hears(s, fd, to.port);
		datagrams_heard(s, fd, to.port);
	} else if (s->far_does) {
		s->far_does(s, fd, to.port, s->ctx);
	}
}

void
siege_far_run(struct siege *s)
{
	usec_t now = siege_now(s);
	struct endpoint own, to;

	while (s->far_at < s->nfar && s->far[s->far_at].at <= now) {
		const struct far_event e = s->far[s->far_at++];

		if (!vhost_local(s->bed->vhost, e.fd, &own) || own.port != e.port)
			continue;
		if (e.what == FAR_CONNECTED && vhost_peer(s->bed->vhost, e.fd, &to)) {
			if (vhost_answer_of(s->bed->vhost, HOST_TCP, &to) == VHOST_ACCEPT_LATER)
				vhost_settle(s->bed->vhost, e.fd, 0);
		} else if (e.what == FAR_HEARS) {
			hears(s, e.fd);
		} else if (e.what == FAR_EOF && vhost_peer(s->bed->vhost, e.fd, &to) &&
			   (to.port == 7 || to.port == 9)) {
			vhost_send_eof(s->bed->vhost, e.fd);
		}
	}
}

/* --- the calls --------------------------------------------------------------------------------------------------- */

static const struct host_ops *
call(void)
{
	counting->turn.calls++;
	return counting->real;
}

static const struct host_ops *
heavy(void)
{
	counting->turn.sockets++;
	return counting->real;
}

static ssize_t
moved(ssize_t n)
{
	if (n > 0)
		counting->turn.bytes += (uint64_t)n;
	return n;
}

static int
c_socket(struct host *h, enum host_kind kind, enum family fam, const struct host_socket_opts *o)
{
	return heavy()->socket(h, kind, fam, o);
}

static int
c_connect(struct host *h, int fd, const struct endpoint *to)
{
	int rc = heavy()->connect(h, fd, to);

	if (rc == -EINPROGRESS)
		later(counting, fd, FAR_CONNECTED);
	return rc;
}

static int
c_disconnect(struct host *h, int fd)
{
	return heavy()->disconnect(h, fd);
}

static int
c_connect_result(struct host *h, int fd)
{
	return call()->connect_result(h, fd);
}

static int
c_bind(struct host *h, int fd, const struct endpoint *at)
{
	return call()->bind(h, fd, at);
}

static int
c_accept(struct host *h, int fd, struct endpoint *peer)
{
	return heavy()->accept(h, fd, peer);
}

static ssize_t
c_readv(struct host *h, int fd, const struct iovec *iov, int n)
{
	return moved(call()->readv(h, fd, iov, n));
}

static ssize_t
c_writev(struct host *h, int fd, const struct iovec *iov, int n)
{
	ssize_t put = moved(call()->writev(h, fd, iov, n));

	if (put > 0)
		later(counting, fd, FAR_HEARS);
	return put;
}

static int
datagrams(struct host_dgram *d, int n)
{
	for (int i = 0; i < n; i++)
		counting->turn.bytes += d[i].len;
	return n;
}

static int
c_recvmmsg(struct host *h, int fd, struct host_dgram *d, int n)
{
	return datagrams(d, call()->recvmmsg(h, fd, d, n));
}

static int
c_sendmmsg(struct host *h, int fd, struct host_dgram *d, int n)
{
	int sent = datagrams(d, call()->sendmmsg(h, fd, d, n));

	if (sent > 0)
		later(counting, fd, FAR_HEARS);
	return sent;
}

static ssize_t
c_recv(struct host *h, int fd, void *to, size_t max)
{
	return moved(call()->recv(h, fd, to, max));
}

static ssize_t
c_send(struct host *h, int fd, const void *from, size_t len)
{
	ssize_t put = moved(call()->send(h, fd, from, len));

	if (put > 0)
		later(counting, fd, FAR_HEARS);
	return put;
}

static int
c_sockerr(struct host *h, int fd, struct host_sockerr *e)
{
	return call()->sockerr(h, fd, e);
}

static int
c_pending_error(struct host *h, int fd)
{
	return call()->pending_error(h, fd);
}

static int
c_shutdown_write(struct host *h, int fd)
{
	int rc = call()->shutdown_write(h, fd);

	if (rc == 0)
		later(counting, fd, FAR_EOF);
	return rc;
}

static int
c_nodelay(struct host *h, int fd)
{
	return call()->nodelay(h, fd);
}

static int
c_keepalive(struct host *h, int fd, int idle_seconds)
{
	return call()->keepalive(h, fd, idle_seconds);
}

static int
c_set_ttl(struct host *h, int fd, enum family fam, int ttl)
{
	return call()->set_ttl(h, fd, fam, ttl);
}

static int
c_set_tos(struct host *h, int fd, enum family fam, int tos)
{
	return call()->set_tos(h, fd, fam, tos);
}

static void
c_close(struct host *h, int fd, bool reset)
{
	heavy()->close(h, fd, reset);
}

static int
c_arm(struct host *h, int fd, uint64_t token)
{
	return call()->arm(h, fd, token);
}

static int
c_arm_read(struct host *h, int fd, uint64_t token)
{
	return call()->arm_read(h, fd, token);
}

static int
c_events(struct host *h, struct host_event *ev, int n)
{
	return call()->events(h, ev, n);
}

static int64_t
c_file_version(struct host *h, const char *path)
{
	return call()->file_version(h, path);
}

/* Asked before and after each step of TLS: one half of a step's price each time. */
static usec_t
c_work(struct host *h)
{
	(void)h;
	counting->turn.halves++;
	counting->crypto += PRICE_CRYPTO / 2000;
	return counting->crypto;
}

void
siege_far_attach(struct siege *s)
{
	struct host *h = vhost_host(s->bed->vhost);

	counting = s;
	s->real = h->ops;
	s->ops = *h->ops;
	s->ops.socket = c_socket;
	s->ops.connect = c_connect;
	s->ops.disconnect = c_disconnect;
	s->ops.connect_result = c_connect_result;
	s->ops.bind = c_bind;
	s->ops.accept = c_accept;
	s->ops.readv = c_readv;
	s->ops.writev = c_writev;
	s->ops.recvmmsg = c_recvmmsg;
	s->ops.sendmmsg = c_sendmmsg;
	s->ops.recv = c_recv;
	s->ops.send = c_send;
	s->ops.sockerr = c_sockerr;
	s->ops.pending_error = c_pending_error;
	s->ops.shutdown_write = c_shutdown_write;
	s->ops.nodelay = c_nodelay;
	s->ops.keepalive = c_keepalive;
	s->ops.set_ttl = c_set_ttl;
	s->ops.set_tos = c_set_tos;
	s->ops.close = c_close;
	s->ops.arm = c_arm;
	s->ops.arm_read = c_arm_read;
	s->ops.events = c_events;
	s->ops.file_version = c_file_version;
	s->ops.work = c_work;
	h->ops = &s->ops;
}
