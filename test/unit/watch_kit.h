/*
 * watch_kit.h - a guest whose first flight is watched, the host it wants to reach, and what each of them has had
 */
#ifndef TEST_UNIT_WATCH_KIT_H
#define TEST_UNIT_WATCH_KIT_H

#include "test/unit/judge_kit.h"

#define HEARD_MAX 8192u

/* What the gateway has said to the guest since heard_nothing(). */
static struct {
	size_t len;
	bool fin, rst;
	char text[HEARD_MAX];
} heard;

/* Bytes the host has been seen to have, of all connections. */
static uint64_t host_had;

static inline int
fresh_watch(void **state)
{
	host_had = 0;
	return fresh_events(state);
}

/* One name is allowed, and this gateway led the guest to it. */
static inline void
only_good(void)
{
	rules("none", "allow tcp to *.good.example", NULL);
	begin();
	resolved("www.good.example", PUBLIC4, 300);
	resolved("www.good.example", PUBLIC6, 300);
}

static inline void
heard_nothing(void)
{
	memset(&heard, 0, sizeof(heard));
}

/* Take in all that the gateway says now; the guest acknowledges nothing by itself. */
static inline void
listen_to(struct peer *p)
{
	struct bed_frame *f;

	while ((f = next_frame())) {
		assert_null(f->wrong);
		assert_int_equal(f->is.kind, STRICT_TCP);
		assert_int_equal(f->is.tcp.dport, p->t.guest.port);
		if (f->is.tcp.flags & TCP_RST) {
			heard.rst = true;
		} else {
			assert_int_equal(f->is.tcp.seq, p->ack);
			assert_true(heard.len + f->is.payload.len < HEARD_MAX);
			memcpy(heard.text + heard.len, f->is.payload.p, f->is.payload.len);
			heard.len += f->is.payload.len;
			heard.text[heard.len] = '\0';
			heard.fin |= (f->is.tcp.flags & TCP_FIN) != 0;
			p->ack += (uint32_t)f->is.payload.len + (f->is.tcp.flags & TCP_FIN ? 1 : 0);
		}
		free(f);
	}
}

/* The guest says this in one segment (at most 1,400 bytes), acknowledging what it has heard. */
static inline void
says_bytes(struct peer *p, const void *data, size_t len)
{
	peer_send(p, TCP_ACK | TCP_PSH, data, len);
	listen_to(p);
}

static inline void
says(struct peer *p, const char *text)
{
	says_bytes(p, text, strlen(text));
}

/* Any number of bytes in segments of at most n. */
static inline void
says_in_pieces(struct peer *p, const void *data, size_t len, size_t n)
{
	for (size_t at = 0; at < len; at += n)
		says_bytes(p, (const uint8_t *)data + at, len - at < n ? len - at : n);
}

static inline void
guest_ends(struct peer *p)
{
	peer_send(p, TCP_ACK | TCP_FIN, NULL, 0);
	listen_to(p);
}

static inline void
acknowledges(struct peer *p)
{
	peer_send(p, TCP_ACK, NULL, 0);
	listen_to(p);
}

/* A watched connection; *fd: the host's end. */
static inline struct peer
watched(uint16_t sport, const char *to, uint16_t port, int *fd)
{
	struct peer p = expect_open_tcp(sport, to, port);

	assert_non_null(peer_flow(&p)->watch);
	heard_nothing();
	*fd = peer_fd(&p);
	return p;
}

/* --- the host ------------------------------------------------------------------------------------------------------ */

static inline void
host_has_nothing(int fd)
{
	assert_int_equal(vhost_recv_len(bed->vhost, fd), 0);
}

/* Byte for byte, and no more. */
static inline void
host_has_bytes(int fd, const void *want, size_t len)
{
	static uint8_t got[512 * 1024];
	size_t n = vhost_recv(bed->vhost, fd, got, sizeof(got));

	assert_int_equal(n, len);
	assert_memory_equal(got, want, len);
	host_had += n;
}

static inline void
host_has(int fd, const char *text)
{
	host_has_bytes(fd, text, strlen(text));
}

static inline void
host_says(struct peer *p, int fd, const char *text)
{
	assert_int_equal(vhost_send(bed->vhost, fd, text, strlen(text)), strlen(text));
	listen_to(p);
}

/* --- how it ends ------------------------------------------------------------------------------------------------- */

/* The host was reset and never had a byte but those it was seen to have (a reset takes what is unread with it, so all that
 * was ever written is counted). */
static inline void
host_never_knew(int fd)
{
	assert_int_equal(vhost_closed(bed->vhost, fd), 2);
	assert_int_equal(counted(GW_BYTES_TO_HOST), host_had);
}

/* The page is there: the guest says goodbye, and the flow is told of with this reason. */
static inline void
guest_leaves(struct peer *p, enum sluice_reason reason)
{
	assert_true(heard.fin);
	assert_false(heard.rst);
	guest_ends(p);
	assert_null(peer_flow(p));
	flow_ended(SLUICE_EVENT_FLOW_CLOSED, reason);
}

static inline void
expect_alert(struct peer *p, uint8_t alert, enum sluice_reason reason)
{
	const uint8_t record[] = {21, 3, 3, 0, 2, 2, alert};

	assert_int_equal(heard.len, sizeof(record));
	assert_memory_equal(heard.text, record, sizeof(record));
	guest_leaves(p, reason);
}

/* An answer of the gateway's own, for what heard.text has from `at` on. */
static inline void
expect_page(struct peer *p, size_t at, const char *status, const char *body, enum sluice_reason reason)
{
	char want[1024];

	snprintf(want, sizeof(want),
		 "HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %zu\r\n"
		 "Cache-Control: no-store\r\nConnection: close\r\n\r\n%s",
		 status, strlen(body), body);
	assert_true(at <= heard.len);
	assert_string_equal(heard.text + at, want);
	guest_leaves(p, reason);
}

static inline void
expect_reset(struct peer *p, enum sluice_reason reason)
{
	assert_true(heard.rst);
	assert_null(peer_flow(p));
	flow_ended(SLUICE_EVENT_FLOW_CLOSED, reason);
}

/* What was held has gone back: a connection that is over, or watched no more, costs nothing. */
static inline void
watch_over(const struct peer *p)
{
	assert_non_null(peer_flow(p));
	assert_null(peer_flow(p)->watch);
}

#endif
