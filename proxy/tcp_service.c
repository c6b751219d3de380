/*
 * tcp_service.c - what a service between guest and host moves its bytes with
 */
#include "proxy/tcp_service.h"

#include <errno.h>
#include <string.h>

#include "proxy/gateway.h"

void
tcp_flow_take_over(struct sluice *gw, struct tcp_flow *tf, const struct tcp_service *service, void *state)
{
	watch_end(tf);
	tf->service = service;
	tf->state = state;
	flow_mark_ready(&gw->flows, &tf->flow);
}

ssize_t
tcp_flow_read_guest(struct tcp_flow *tf, void *to, size_t n, usec_t now)
{
	struct view from[LINK_BATCH];
	size_t waiting, taken = 0;
	int views = tcp_readable(&tf->tcp, from, LINK_BATCH, &waiting);

	for (int i = 0; i < views && taken < n; i++) {
		size_t len = from[i].len < n - taken ? from[i].len : n - taken;

		memcpy((uint8_t *)to + taken, from[i].p, len);
		taken += len;
	}
	if (taken == 0)
		return tcp_at_eof(&tf->tcp) ? 0 : -EAGAIN;
	tcp_consume(&tf->tcp, taken, now);
	return (ssize_t)taken;
}

ssize_t
tcp_flow_write_guest(struct sluice *gw, struct tcp_flow *tf, const void *from, size_t n, usec_t now)
{
	struct room room[2];
	size_t put = 0;
	int rooms = n ? tcp_flow_room(tf, room, now) : 0;

	for (int i = 0; i < rooms && put < n; i++) {
		size_t len = room[i].len < n - put ? room[i].len : n - put;

		memcpy(room[i].p, (const uint8_t *)from + put, len);
		put += len;
	}
	if (put == 0)
		return -EAGAIN;
	tcp_commit(&tf->tcp, put);
	gw->count[GW_BYTES_TO_GUEST] += put;
	tf->flow.to_guest += put;
	return (ssize_t)put;
}

void
tcp_flow_host_broke(struct sluice *gw, struct tcp_flow *tf, int error)
{
	if (error == ECONNRESET || error == EPIPE)
		gw->count[GW_TCP_RESET_BY_HOST]++;
	if (tf->flow.reason == SLUICE_REASON_NONE)
		tf->flow.reason = (uint8_t)reason_of(error);
	gw_close(gw, &tf->flow.fd, true);
	tf->readable = tf->writable = false;
}

static ssize_t
broke(struct sluice *gw, struct tcp_flow *tf, ssize_t error)
{
	tcp_flow_host_broke(gw, tf, (int)-error);
	return error;
}

/* Nagle's algorithm can hold back nothing before the second write: a connection of one request never pays
 * for switching it off. */
void
tcp_flow_no_delay(struct sluice *gw, struct tcp_flow *tf)
{
	if (tf->wrote && !tf->nodelay) {
		gw->host->ops->nodelay(gw->host, tf->flow.fd);
		tf->nodelay = true;
	}
	tf->wrote = true;
}

ssize_t
tcp_flow_read_host(struct sluice *gw, struct tcp_flow *tf, void *to, size_t n)
{
	struct iovec iov = {to, n};

	if (tf->host_eof)
		return 0;
	if (tf->flow.fd < 0)
		return -ECONNRESET;
	if (!tf->readable || n == 0)
		return -EAGAIN;

	ssize_t got = gw->host->ops->readv(gw->host, tf->flow.fd, &iov, 1);
	if (got < 0 && got != -EAGAIN)
		return broke(gw, tf, got);
	if (got == 0)
		tf->host_eof = true;
	/* A short read empties the socket, but for a FIN that was announced before. */
	if (got <= 0 || ((size_t)got < n && !tf->hangup))
		tf->readable = false;
	return got;
}

ssize_t
tcp_flow_write_host(struct sluice *gw, struct tcp_flow *tf, const void *from, size_t n)
{
	struct iovec iov = {(void *)(uintptr_t)from, n};

	if (tf->flow.fd < 0)
		return -ECONNRESET;
	if (!tf->writable || tf->host_shut || n == 0)
		return -EAGAIN;

	tcp_flow_no_delay(gw, tf);
	ssize_t took = gw->host->ops->writev(gw->host, tf->flow.fd, &iov, 1);
	if (took < 0 && took != -EAGAIN)
		return broke(gw, tf, took);
	if (took < (ssize_t)n)
		tf->writable = false;
	if (took <= 0)
		return -EAGAIN;
	gw->count[GW_BYTES_TO_HOST] += (size_t)took;
	tf->flow.to_host += (size_t)took;
	return took;
}

void
tcp_flow_shut_host(struct sluice *gw, struct tcp_flow *tf)
{
	if (tf->host_shut || tf->flow.fd < 0)
		return;
	gw->host->ops->shutdown_write(gw->host, tf->flow.fd);
	tf->host_shut = true;
}
