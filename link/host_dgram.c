/*
 * host_dgram.c - datagrams in batches, with what the kernel says beside them
 *
 * Beside the bytes of a datagram travel control messages (cmsg(3)): the segment size of a coalesced run
 * (UDP_GRO) or of a run to be cut (UDP_SEGMENT), TTL and traffic class, and, in the error queue, the ICMP
 * error and who sent it (ip(7), IP_RECVERR).  One call moves up to DGRAM_BATCH datagrams; callers with
 * more call again.
 */
#include "link/host_dgram.h"

#include <errno.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <time.h>

#include <linux/errqueue.h>

#include "link/sockaddr.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

#define DGRAM_BATCH 64

/* Room for all we asked for on one datagram: TTL, traffic class and a segment size, each at most an int. */
union control {
	struct cmsghdr align;
	uint8_t bytes[4 * CMSG_SPACE(sizeof(int))];
};

struct batch {
	struct mmsghdr msg[DGRAM_BATCH];
	union sockaddr_any name[DGRAM_BATCH];
	union control control[DGRAM_BATCH];
};

/* An int, or the single byte that IP_TOS is. */
static int
cmsg_number(const struct cmsghdr *c)
{
	int n = 0;

	if (c->cmsg_len >= CMSG_LEN(sizeof(n)))
		memcpy(&n, CMSG_DATA(c), sizeof(n));
	else if (c->cmsg_len >= CMSG_LEN(1))
		n = *CMSG_DATA(c);
	return n;
}

static void
note_cmsg(struct host_dgram *d, const struct cmsghdr *c)
{
	int n = cmsg_number(c);

	if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO)
		d->segment = (uint16_t)n;
	else if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TTL) ||
		 (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_HOPLIMIT))
		d->ttl = (uint8_t)n;
	else if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS) ||
		 (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS))
		d->tos = (uint8_t)n;
}

static void
note_received(struct host_dgram *d, struct mmsghdr *m, const union sockaddr_any *name)
{
	d->len = m->msg_len;
	d->peer = sockaddr_endpoint(name, m->msg_hdr.msg_namelen);
	d->truncated = m->msg_hdr.msg_flags & MSG_TRUNC;
	d->segment = 0;
	d->ttl = d->tos = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m->msg_hdr); c; c = CMSG_NXTHDR(&m->msg_hdr, c))
		note_cmsg(d, c);
	if (d->segment >= d->len)
		d->segment = 0; /* a run of one */
}

int
host_dgram_recvmmsg(struct host *h, int fd, struct host_dgram *d, int n)
{
	struct batch b;
	int got;

	(void)h;
	if (n > DGRAM_BATCH)
		n = DGRAM_BATCH;
	for (int i = 0; i < n; i++)
		b.msg[i].msg_hdr = (struct msghdr){
		    .msg_name = &b.name[i],
		    .msg_namelen = sizeof(b.name[i]),
		    .msg_iov = d[i].iov,
		    .msg_iovlen = (size_t)d[i].iovlen,
		    .msg_control = &b.control[i],
		    .msg_controllen = sizeof(b.control[i]),
		};
	do
		got = recvmmsg(fd, b.msg, (unsigned)n, MSG_DONTWAIT, NULL);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	for (int i = 0; i < got; i++)
		note_received(&d[i], &b.msg[i], &b.name[i]);
	return got;
}

static void
put_segment(struct msghdr *m, union control *room, uint16_t segment)
{
	m->msg_control = room;
	m->msg_controllen = CMSG_SPACE(sizeof(segment));
	memset(room, 0, m->msg_controllen);
	struct cmsghdr *c = &room->align;
	c->cmsg_level = IPPROTO_UDP;
	c->cmsg_type = UDP_SEGMENT;
	c->cmsg_len = CMSG_LEN(sizeof(segment));
	memcpy(CMSG_DATA(c), &segment, sizeof(segment));
}

int
host_dgram_sendmmsg(struct host *h, int fd, struct host_dgram *d, int n)
{
	struct batch b;
	int sent;

	(void)h;
	if (n > DGRAM_BATCH)
		n = DGRAM_BATCH;
	for (int i = 0; i < n; i++) {
		struct msghdr *m = &b.msg[i].msg_hdr;

		*m = (struct msghdr){.msg_iov = d[i].iov, .msg_iovlen = (size_t)d[i].iovlen};
		if (!addr_is_unspecified(&d[i].peer.addr)) {
			m->msg_name = &b.name[i];
			m->msg_namelen = sockaddr_of(&d[i].peer, &b.name[i]);
			if (m->msg_namelen == 0) {
				n = i; /* what comes before it goes; a later call tells of this one */
				break;
			}
		}
		if (d[i].segment)
			put_segment(m, &b.control[i], d[i].segment);
	}
	if (n == 0)
		return -ENETUNREACH;
	do
		sent = sendmmsg(fd, b.msg, (unsigned)n, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : sent;
}

ssize_t
host_dgram_recv(struct host *h, int fd, void *to, size_t max)
{
	ssize_t got;

	(void)h;
	do
		got = recv(fd, to, max, MSG_DONTWAIT);
	while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : got;
}

ssize_t
host_dgram_send(struct host *h, int fd, const void *from, size_t len)
{
	ssize_t sent;

	(void)h;
	do
		sent = send(fd, from, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : sent;
}

/* struct sock_extended_err, and after it the address of whoever sent the ICMP error (SO_EE_OFFENDER). */
static void
note_error(struct host_sockerr *e, const struct cmsghdr *c)
{
	struct sock_extended_err ee;
	union sockaddr_any from = {0};

	if (c->cmsg_len < CMSG_LEN(sizeof(ee)))
		return;
	memcpy(&ee, CMSG_DATA(c), sizeof(ee));
	size_t rest = c->cmsg_len - CMSG_LEN(sizeof(ee));
	if (rest > sizeof(from))
		rest = sizeof(from);
	memcpy(&from, CMSG_DATA(c) + sizeof(ee), rest);
	e->err = (int)ee.ee_errno;
	e->origin = ee.ee_origin;
	e->type = ee.ee_type;
	e->code = ee.ee_code;
	e->info = ee.ee_info;
	e->offender = sockaddr_endpoint(&from, (socklen_t)rest).addr;
}

int
host_dgram_sockerr(struct host *h, int fd, struct host_sockerr *e)
{
	union sockaddr_any dest = {0};
	union {
		struct cmsghdr align;
		uint8_t bytes[256];
	} control;
	struct iovec iov = {.iov_base = e->data, .iov_len = sizeof(e->data)};
	struct msghdr m = {
	    .msg_name = &dest,
	    .msg_namelen = sizeof(dest),
	    .msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof(control),
	};
	ssize_t n;

	(void)h;
	*e = (struct host_sockerr){0};
	do
		n = recvmsg(fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	e->data_len = (size_t)n;
	e->dest = sockaddr_endpoint(&dest, m.msg_namelen);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
		if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
		    (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR))
			note_error(e, c);
	return 1;
}
