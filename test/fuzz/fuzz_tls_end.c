/*
 * fuzz_tls_end.c - a hostile peer, and a hostile network between two honest ends
 *
 * The input's first byte: bit 0: the client is the one that is fuzzed; bit 1: alone, against bytes that are the rest of the input
 * (the second byte says how they are cut); else between two ends, and the rest are orders: what is done to the next bytes on their
 * way, and what the ends do meanwhile.  Whatever happens on the way, what an end reads is what the other wrote, from its first byte on;
 * a failure has a reason; nobody reads more in one call than CALL_MAX.
 */
#include "test/fuzz/wire_kit.h"
#include "test/unit/tls_end_kit.h"
#include "tls/end.h"

#define ORDERS 512u /* more of them find nothing new, and cost time */

static uint64_t luck;
static struct tls *tls;
static struct kit_identity leaf;
static struct kit_pair pair;

static void
begin(void)
{
	luck = 7;
	if (!tls) {
		tls = tls_new(&(struct tls_random){kit_fill, &luck}, NULL);
		must(tls && kit_identity_make(&leaf, KIT_P256, 2, tls));
	}
	luck = 7;
	memset(&pair.io, 0, sizeof(pair.io));
	for (int side = 0; side < 2; side++) {
		struct kit_way *w = &pair.way[side];

		w->at = w->len = w->total = w->cut = w->room = 0;
		w->lazy = w->ended = false;
		w->error = 0;
	}
}

static void
make_client(void)
{
	struct tls_alpn offer = {.n = 2, .name = {"h2", "http/1.1"}};
	struct name n;
	struct tls_client c = {.name = &n, .port = 443, .alpn = &offer};
	struct tls_io io = kit_io(&pair, CLIENT);

	must(name_parse("host.test", 9, &n));
	pair.end[CLIENT] = tls_client_new(tls, &io, &c);
	must(pair.end[CLIENT]);
}

static void
make_server(void)
{
	struct tls_io io = kit_io(&pair, SERVER);

	pair.end[SERVER] = tls_server_new(tls, &io, &leaf.id, "h2");
	must(pair.end[SERVER]);
}

static void
failed_with_reason(const struct tls_end *e)
{
	must(!e->error || e->why[0]);
}

/* --- alone ------------------------------------------------------------------------------------------------------------------- */

static void
alone(int side, uint8_t cut, struct view in)
{
	struct kit_way *w = &pair.way[!side];
	struct tls_end *e;
	uint8_t to[64];

	if (side == CLIENT)
		make_client();
	else
		make_server();
	e = pair.end[side];
	in.len = in.len < KIT_ROOM ? in.len : KIT_ROOM;
	memcpy(w->b, in.p, in.len);
	w->len = in.len;
	w->cut = cut;
	w->ended = true;
	for (;;) {
		size_t before = w->at;
		enum tls_progress got = tls_end_step(e);

		must(w->at - before <= CALL_MAX);
		must(got != TLS_WAITS || w->len == w->at);
		if (got == TLS_FAILED || got == TLS_DONE || got == TLS_WAITS)
			break;
		pair.way[side].at = pair.way[side].len;
	}
	for (ssize_t got = 1; e->over && got > 0;)
		got = tls_end_read(e, to, sizeof(to));
	failed_with_reason(e);
	tls_end_free(e);
}

/* --- between ------------------------------------------------------------------------------------------------------------------- */

static struct {
	uint8_t written[2][4096], read[2][4096]; /* by that side */
	size_t nwritten[2], nread[2];
} said;

/* Change one byte that is on its way, leave some out, put one twice, or say that there are no more. */
static void
meddle(struct kit_way *w, uint8_t what, uint8_t where)
{
	size_t left = w->len - w->at;

	if (left == 0)
		return;
	uint8_t *at = w->b + w->at + where % left;
	size_t behind = (size_t)(w->b + w->len - at);
	switch (what % 4) {
	case 0:
		*at ^= (uint8_t)(1 + (what >> 2));
		break;
	case 1:
		memmove(at, at + 1, behind - 1);
		w->len--;
		break;
	case 2:
		if (w->len < KIT_ROOM) {
			memmove(at + 1, at, behind);
			w->len++;
		}
		break;
	default:
		w->ended = what >= 0xf0;
		break;
	}
}

static void
say(int side, uint8_t n)
{
	uint8_t *from = said.written[side] + said.nwritten[side];

	if (!pair.end[side]->over || said.nwritten[side] + n > sizeof(said.written[0]))
		return;
	memset(from, n, n);
	ssize_t got = tls_end_write(pair.end[side], from, n);
	if (got > 0)
		said.nwritten[side] += (size_t)got;
}

static void
hear(int side, uint8_t n)
{
	uint8_t *to = said.read[side] + said.nread[side];

	if (!pair.end[side]->over || said.nread[side] + n > sizeof(said.read[0]) || n == 0)
		return;
	ssize_t got = tls_end_read(pair.end[side], to, n);
	if (got > 0)
		said.nread[side] += (size_t)got;
	must(said.nread[side] <= said.nwritten[!side]);
	must(memcmp(said.read[side], said.written[!side], said.nread[side]) == 0);
}

static void
order(uint8_t what, uint8_t how, uint8_t where)
{
	int side = what & 1;
	struct tls_end *e = pair.end[side];

	switch (what >> 1 & 7) {
	case 0:
	case 1:
		for (int i = 0; i < 1 + how % 16; i++)
			(void)tls_end_step(e);
		break;
	case 2:
		meddle(&pair.way[side], how, where);
		break;
	case 3:
		say(side, how);
		break;
	case 4:
		hear(side, how);
		break;
	case 5:
		pair.way[side].cut = how % 8;
		pair.way[side].room = how & 8 ? 1u + where : 0;
		break;
	case 6:
		if (e->over)
			(void)(how & 1 ? tls_end_close(e) : tls_end_flush(e));
		break;
	default:
		if (how == 0)
			tls_end_alert(e, where);
		else if (how == 1)
			tls_end_keep_session(e);
		break;
	}
	failed_with_reason(e);
}

static void
between(struct view in)
{
	struct rd r = rd_of(in);
	struct view cert[4];

	memset(&said, 0, sizeof(said));
	make_client();
	make_server();
	for (unsigned i = 0; i < ORDERS && rd_left(&r) >= 3; i++) {
		uint8_t what = rd_u8(&r), how = rd_u8(&r);

		order(what, how, rd_u8(&r));
	}
	/* A chain was shown, or a session of one that was. */
	if (pair.end[CLIENT]->over && !pair.end[CLIENT]->error && !pair.end[CLIENT]->keep)
		must(tls_end_resumed(pair.end[CLIENT]) || tls_end_peer_chain(pair.end[CLIENT], cert, 4) == 2);
	tls_end_free(pair.end[CLIENT]);
	tls_end_free(pair.end[SERVER]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	begin();
	if (data[0] & 2)
		alone(data[0] & 1 ? CLIENT : SERVER, data[1], view_of(data + 2, size - 2));
	else
		between(view_of(data + 1, size - 1));
	return 0;
}
