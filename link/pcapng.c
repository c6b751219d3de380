/*
 * pcapng.c - blocks of a capture file, little-endian, each written by one gathered write
 *
 *	block = type 4 | total length 4 | body, padded to 4 | options | total length 4
 *
 * A pipe may take part of a block.  The rest is kept and goes first next time; frames that come meanwhile
 * are counted, not queued.
 */
#include "link/pcapng.h"

#include <errno.h>
#include <stdlib.h>

#include "link/le.h"

enum {
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_PACKET = 6,
	ORDER_MAGIC = 0x1a2b3c4d,
	LINKTYPE_ETHERNET = 1,
	SNAPLEN = 262144, /* more than any frame */

	OPT_END = 0,
	OPT_IF_NAME = 2,
	OPT_IF_TSRESOL = 9,
	OPT_EPB_FLAGS = 2,
	OPT_EPB_DROPCOUNT = 4,
};

static size_t
padding(size_t n)
{
	return (4 - n % 4) % 4;
}

static void
put_option(struct wr *w, uint16_t code, const void *value, uint16_t len)
{
	static const uint8_t zeros[4];

	wr_le16(w, code);
	wr_le16(w, len);
	wr_bytes(w, value, len);
	wr_bytes(w, zeros, padding(len));
}

static void
put_section(struct wr *w)
{
	wr_le32(w, BLOCK_SECTION);
	wr_le32(w, 28);
	wr_le32(w, ORDER_MAGIC);
	wr_le16(w, 1); /* version 1.0 */
	wr_le16(w, 0);
	wr_le32(w, UINT32_MAX); /* section length -1: not known */
	wr_le32(w, UINT32_MAX);
	wr_le32(w, 28);
}

static void
put_interface(struct wr *w)
{
	static const uint8_t microseconds = 6; /* 10^-6 s */

	wr_le32(w, BLOCK_INTERFACE);
	wr_le32(w, 44);
	wr_le16(w, LINKTYPE_ETHERNET);
	wr_le16(w, 0);
	wr_le32(w, SNAPLEN);
	put_option(w, OPT_IF_NAME, "guest", 5);
	put_option(w, OPT_IF_TSRESOL, &microseconds, 1);
	put_option(w, OPT_END, NULL, 0);
	wr_le32(w, 44);
}

int
pcapng_init(struct pcapng *w, struct host *h, int fd, usec_t origin)
{
	uint8_t head[72];
	struct wr out = wr_of(head, sizeof(head));

	*w = (struct pcapng){.host = h, .fd = fd, .origin = origin};
	put_section(&out);
	put_interface(&out);
	struct iovec iov = {.iov_base = head, .iov_len = (size_t)(out.p - head)};
	ssize_t n = h->ops->fd_writev(h, fd, &iov, 1);
	if (n < 0)
		return (int)n;
	return (size_t)n == iov.iov_len ? 0 : -ENOSPC;
}

/* Bytes that went; a full pipe takes 0, and after an error nothing is ever written again. */
static size_t
put_out(struct pcapng *w, const struct iovec *iov, int n)
{
	ssize_t put = w->host->ops->fd_writev(w->host, w->fd, iov, n);

	if (put >= 0)
		return (size_t)put;
	if (put != -EAGAIN)
		w->error = (int)-put;
	return 0;
}

/* True when no part of an earlier block waits. */
static bool
finish_rest(struct pcapng *w)
{
	if (w->rest_len == 0)
		return true;
	size_t n = put_out(w, &(struct iovec){.iov_base = w->rest + w->rest_at, .iov_len = w->rest_len}, 1);
	w->rest_at += n;
	w->rest_len -= n;
	return w->rest_len == 0;
}

void
pcapng_done(struct pcapng *w)
{
	if (w->error == 0)
		finish_rest(w);
	free(w->rest);
	w->rest = NULL;
	w->rest_len = 0;
}

/* Keep what is left of a block after its first `from` bytes. */
static void
keep_rest(struct pcapng *w, const struct iovec *iov, int n, size_t from)
{
	if (!w->rest)
		w->rest = malloc(PCAPNG_BLOCK_MAX);
	if (!w->rest) {
		w->error = ENOMEM;
		return;
	}
	w->rest_at = 0;
	for (int i = 0; i < n; i++) {
		size_t skip = from < iov[i].iov_len ? from : iov[i].iov_len;

		from -= skip;
		memcpy(w->rest + w->rest_len, (const uint8_t *)iov[i].iov_base + skip, iov[i].iov_len - skip);
		w->rest_len += iov[i].iov_len - skip;
	}
}

static void
put_packet_head(struct wr *w, uint32_t total, uint64_t when, uint32_t len)
{
	wr_le32(w, BLOCK_PACKET);
	wr_le32(w, total);
	wr_le32(w, 0); /* interface */
	wr_le32(w, (uint32_t)(when >> 32));
	wr_le32(w, (uint32_t)when);
	wr_le32(w, len); /* captured */
	wr_le32(w, len); /* on the wire */
}

static void
put_packet_tail(struct wr *w, uint32_t total, size_t pad, enum pcapng_dir dir, uint64_t lost)
{
	uint8_t value[8];
	struct wr v = wr_of(value, sizeof(value));

	for (size_t i = 0; i < pad; i++)
		wr_u8(w, 0);
	wr_le32(&v, (uint32_t)dir); /* bits 0-1 of epb_flags: 0 unknown, 1 inbound, 2 outbound */
	put_option(w, OPT_EPB_FLAGS, value, 4);
	if (lost) {
		v = wr_of(value, sizeof(value));
		wr_le32(&v, (uint32_t)lost);
		wr_le32(&v, (uint32_t)(lost >> 32));
		put_option(w, OPT_EPB_DROPCOUNT, value, 8);
	}
	put_option(w, OPT_END, NULL, 0);
	wr_le32(w, total);
}

void
pcapng_frame(struct pcapng *w, const struct frame *f, enum pcapng_dir dir, usec_t now)
{
	uint8_t head[28], tail[40];
	struct wr h = wr_of(head, sizeof(head)), t = wr_of(tail, sizeof(tail));
	struct iovec iov[2 + FRAME_SPANS] = {{.iov_base = head, .iov_len = sizeof(head)}};
	size_t pad = padding(f->len);
	int n = 1;

	if (w->error)
		return;
	if (f->len > FRAME_MAX || !finish_rest(w)) {
		w->lost++;
		return;
	}
	uint32_t total = (uint32_t)(28 + f->len + pad + 8 + (w->lost ? 12 : 0) + 4 + 4);
	put_packet_head(&h, total, (uint64_t)(now + w->origin), f->len);
	put_packet_tail(&t, total, pad, dir, w->lost);
	for (int i = 0; i < f->nspan; i++) {
		/* writev(2) only reads through its pointers. */
		union {
			const uint8_t *in;
			void *out;
		} p = {.in = f->span[i].p};

		if (f->span[i].len > 0)
			iov[n++] = (struct iovec){.iov_base = p.out, .iov_len = f->span[i].len};
	}
	iov[n++] = (struct iovec){.iov_base = tail, .iov_len = (size_t)(t.p - tail)};
	size_t put = put_out(w, iov, n);
	if (w->error)
		return;
	if (put == 0) {
		w->lost++;
		return;
	}
	w->lost = 0;
	if (put < total)
		keep_rest(w, iov, n, put);
}
