/*
 * channel.c - messages over a socket pair, descriptors as SCM_RIGHTS
 *
 * Both ends are this very program, so a message is the struct as it lies in memory.
 */
#include "cli/channel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

int
channel_pair(int ends[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0 ? -errno : 0;
}

union descriptor_space {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int))];
};

int
channel_send(int channel, const struct channel_message *m)
{
	struct channel_message copy = *m;
	struct iovec iov = {&copy, sizeof(copy)};
	union descriptor_space space = {.bytes = {0}};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (m->kind == CHANNEL_TAP || m->kind == CHANNEL_TRUST || m->kind == CHANNEL_ENVIRONMENT) {
		msg.msg_control = space.bytes;
		msg.msg_controllen = sizeof(space.bytes);
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &m->fd, sizeof(int));
	}
	ssize_t n;
	do
		n = sendmsg(channel, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

int
channel_receive(int channel, struct channel_message *m, int dontwait)
{
	*m = (struct channel_message){.fd = -1};
	struct iovec iov = {m, sizeof(*m)};
	union descriptor_space space = {.bytes = {0}};
	struct msghdr msg = {
	    .msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = space.bytes,
	    .msg_controllen = sizeof(space.bytes),
	};
	ssize_t n;

	do
		n = recvmsg(channel, &msg, MSG_CMSG_CLOEXEC | (dontwait ? MSG_DONTWAIT : 0));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? 0 : -errno;
	if (n == 0)
		return 0;
	m->fd = -1;
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
		memcpy(&m->fd, CMSG_DATA(c), sizeof(int));
	return n == sizeof(*m) ? 1 : -EPROTO;
}
