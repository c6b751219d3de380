/*
 * fuzz_stream.c - any bytes as what a VMM says on a stream, read and written in pieces of any size
 *
 *	repeat 1 | pieces 16 | what the VMM says, so many times over
 *
 * In: the frames lent are those that a reader of the whole would find, up to the first length that no frame has;
 * that one ends the link, and names the number.  Out: whatever the socket takes at a time, the VMM gets each frame
 * for which there was room, whole and in order.  A piece of 0 is a socket that has nothing, or no room.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "link/stream.h"
#include "link/stream_wire.h"
#include "test/fuzz/wire_kit.h"

#define PIECES 16u
#define SAID_MAX (3u << 20)
#define SENT_MAX (4u << 20)
#define TURN_FRAMES 3u

struct vmm {
	struct host host;
	uint8_t *said; /* SAID_MAX: what it says */
	size_t nsaid, at;
	uint8_t *heard, *sent; /* SENT_MAX each: what it got, what the link was given */
	size_t nheard, nsent;
	const uint8_t *piece;
	unsigned reads, writes;
	bool generous; /* takes and gives all */
};

static struct vmm *
vmm_of(struct host *h)
{
	return (struct vmm *)(void *)h;
}

/* From nothing to a few frames. */
static size_t
piece(const struct vmm *v, unsigned n)
{
	size_t p = v->piece[n % PIECES];

	return v->generous ? SENT_MAX : p < 200 ? p : (p - 199) * (p - 199) * 64;
}

static ssize_t
say(struct host *h, int fd, const struct iovec *iov, int n)
{
	struct vmm *v = vmm_of(h);
	size_t len = piece(v, v->reads++);

	(void)fd;
	must(n == 1 && iov->iov_len > 0);
	if (len > v->nsaid - v->at)
		len = v->nsaid - v->at;
	if (len > iov->iov_len)
		len = iov->iov_len;
	if (len == 0)
		return v->at == v->nsaid ? 0 : -EAGAIN;
	memcpy(iov->iov_base, v->said + v->at, len);
	v->at += len;
	return (ssize_t)len;
}

static ssize_t
hear(struct host *h, int fd, const struct iovec *iov, int n)
{
	struct vmm *v = vmm_of(h);
	size_t room = piece(v, v->writes++), took = 0;

	(void)fd;
	must(n > 0 && n <= 1024);
	for (int i = 0; i < n && took < room; i++) {
		size_t len = iov[i].iov_len < room - took ? iov[i].iov_len : room - took;

		must(len <= SENT_MAX - v->nheard);
		memcpy(v->heard + v->nheard, iov[i].iov_base, len);
		v->nheard += len;
		took += len;
	}
	return took > 0 ? (ssize_t)took : -EAGAIN;
}

static void
hang_up(struct host *h, int fd, bool reset)
{
	(void)h;
	(void)reset;
	close(fd);
}

static void
drop(void *block, size_t size)
{
	memset(block, 0xdd, size);
}

static const struct host_ops ops = {.readv = say, .writev = hear, .close = hang_up, .drop_pages = drop};

/* A frame whose length and bytes follow from its number; what the VMM must get for it is noted. */
static void
send_one(struct vmm *v, struct link *l, unsigned number)
{
	static uint8_t memory[TURN_FRAMES][FRAME_MAX]; /* borrowed until the turn's flush */
	uint8_t *bytes = memory[number % TURN_FRAMES];
	uint32_t len = STREAM_FRAME_MIN + v->piece[number % PIECES] * v->piece[(number + 1) % PIECES];
	struct frame f = {.nspan = 2};

	if (len > FRAME_MAX)
		len = FRAME_MAX;
	if (v->nsent + STREAM_HLEN + len > SENT_MAX || !l->sink.room(l->sink.ctx))
		return;
	memset(bytes, (int)number, len);
	f.len = len;
	f.span[0] = view_of(bytes, STREAM_FRAME_MIN);
	f.span[1] = view_of(bytes + STREAM_FRAME_MIN, len - STREAM_FRAME_MIN);
	l->sink.send(l->sink.ctx, &f);

	struct wr w = wr_of(v->sent + v->nsent, SENT_MAX - v->nsent);
	stream_emit(&w, len);
	wr_bytes(&w, bytes, len);
	v->nsent += STREAM_HLEN + len;
}

/* One turn; false: the link has ended.  *seen: bytes of what was said that have become frames. */
static bool
turn(struct vmm *v, struct link *l, size_t *seen, unsigned number)
{
	struct frame out[LINK_BATCH];
	bool more;
	int n = l->ops->receive(l, out, LINK_BATCH, &more);

	for (int i = 0; i < n; i++) {
		struct rd r = rd_of(view_of(v->said + *seen, v->nsaid - *seen));
		struct view want;
		uint32_t len;

		must(stream_parse(&r, &want, &len) == STREAM_FRAME);
		must(out[i].nspan == 1 && out[i].len == len && len == out[i].span[0].len);
		must_be_same(out[i].span[0], want);
		*seen += STREAM_HLEN + len;
	}
	for (unsigned i = 0; n >= 0 && i < TURN_FRAMES; i++)
		send_one(v, l, number * TURN_FRAMES + i);
	l->sink.flush(l->sink.ctx);
	l->ops->release(l);
	return n >= 0;
}

/* The link has ended: was that right? */
static void
judge_the_end(const struct vmm *v, const struct link *l, size_t seen)
{
	struct rd r = rd_of(view_of(v->said + seen, v->nsaid - seen));
	struct view none;
	uint32_t len;
	char text[40];
	enum stream_parse is = stream_parse(&r, &none, &len);

	must(l->error == ENOLINK && l->departed == 1);
	must(is != STREAM_FRAME);
	snprintf(text, sizeof(text), "a frame of %u bytes", len);
	must((is == STREAM_BAD) == (strstr(l->reason, text) != NULL));
	must(v->nheard <= v->nsent && memcmp(v->heard, v->sent, v->nheard) == 0);
}

static void
run(struct vmm *v, struct link *l)
{
	size_t seen = 0;
	unsigned turns = 0;

	/* At last the VMM reads all that there is, before it goes. */
	while (v->at < v->nsaid && turns < 4000)
		if (!turn(v, l, &seen, turns++)) {
			judge_the_end(v, l, seen);
			return;
		}
	v->generous = true;
	must(l->sink.room(l->sink.ctx));
	must(v->nheard == v->nsent && memcmp(v->heard, v->sent, v->nsent) == 0);
	must(l->no_room == 0);
	while (turn(v, l, &seen, turns++))
		;
	judge_the_end(v, l, seen);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t said[SAID_MAX], heard[SENT_MAX], sent[SENT_MAX];
	struct vmm v = {.host.ops = &ops, .said = said, .heard = heard, .sent = sent};
	struct link *l;
	int pair[2];
	char why[128];

	if (size <= 1 + PIECES)
		return 0;
	v.piece = data + 1;
	for (unsigned i = 0; i <= data[0] && v.nsaid + size - 1 - PIECES <= SAID_MAX; i++) {
		memcpy(said + v.nsaid, data + 1 + PIECES, size - 1 - PIECES);
		v.nsaid += size - 1 - PIECES;
	}
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	l = link_stream(&v.host, &(struct stream_options){.fd = pair[0], .mtu = 1500}, why, sizeof(why));
	must(l != NULL);
	run(&v, l);
	l->ops->free(l);
	close(pair[1]);
	return 0;
}
