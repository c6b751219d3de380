/*
 * hello.c - the name in a ClientHello
 *
 * Two layers, as on the wire: records are taken apart byte by byte and their fragments put together in one
 * buffer, which grows with what has come, not with what is announced; the whole message is parsed once.
 */
#include "tls/hello.h"

#include <stdlib.h>

#include "stack/addr.h"

#define RECORD_HEAD 5u
#define RECORD_MAX 16384u /* RFC 8446 5.1 */
#define MESSAGE_HEAD 4u
#define FIRST_ROOM 1024u

enum { TYPE_HANDSHAKE = 22, CLIENT_HELLO = 1, HOST_NAME = 0, VERSION_MAJOR = 3, TLS13 = 0x0304 };

enum extension {
	EXT_SERVER_NAME = 0,
	EXT_ALPN = 16,
	EXT_SUPPORTED_VERSIONS = 43,
	EXT_ECH = 0xfe0d,
	EXT_ESNI = 0xffce, /* what it was before (draft-ietf-tls-esni-06) */
};

struct hello_reader {
	enum hello_reading found; /* HELLO_MORE: nothing yet */
	struct hello hello;
	uint8_t head[RECORD_HEAD];
	uint8_t nhead; /* bytes of it */
	uint16_t left; /* of the present record's fragment */
	uint8_t *msg;
	uint32_t len, room;
	size_t taken; /* bytes of the connection, up to what settled it */
};

/* --- the message ------------------------------------------------------------------------------------------------ */

static const char *
read_host_name(struct view text, struct hello *h)
{
	char ip[ADDR_TEXT];
	struct addr a;

	if (text.len == 0)
		return "an empty name in server_name";
	if (text.len < sizeof(ip) && !memchr(text.p, '\0', text.len)) {
		memcpy(ip, text.p, text.len);
		ip[text.len] = '\0';
		if (addr_parse(ip, &a))
			return NULL;
	}
	h->has_name = name_parse((const char *)text.p, text.len, &h->name);
	return h->has_name ? NULL : "a server_name that is no name";
}

/* RFC 6066 3: a list, of which only one host_name was ever defined. */
static const char *
read_server_name(struct view v, struct hello *h)
{
	struct rd r = rd_of(v);
	struct rd list = rd_of(rd_take(&r, rd_u16(&r)));
	uint8_t type = rd_u8(&list);
	struct view name = rd_take(&list, rd_u16(&list));

	if (r.bad || list.bad || rd_left(&r))
		return "a server_name whose lengths do not add up";
	if (type != HOST_NAME)
		return "a server_name of another type than host_name";
	if (rd_left(&list))
		return "more than one server_name";
	return read_host_name(name, h);
}

/* RFC 7301 3.1 */
static const char *
read_alpn(struct view v, struct hello *h)
{
	struct rd r = rd_of(v);
	struct view list = rd_take(&r, rd_u16(&r));
	struct rd each = rd_of(list);

	if (r.bad || rd_left(&r) || list.len == 0)
		return "an ALPN whose lengths do not add up";
	while (rd_left(&each)) {
		if (rd_take(&each, rd_u8(&each)).len == 0)
			return "an ALPN whose lengths do not add up";
	}
	h->alpn = list;
	return NULL;
}

/* RFC 8446 4.2.1 */
static const char *
read_versions(struct view v, struct hello *h)
{
	struct rd r = rd_of(v);
	struct rd list = rd_of(rd_take(&r, rd_u8(&r)));

	if (r.bad || rd_left(&r) || rd_left(&list) < 2 || rd_left(&list) % 2)
		return "supported_versions whose lengths do not add up";
	while (rd_left(&list))
		h->tls13 |= rd_u16(&list) == TLS13;
	return NULL;
}

static const char *
read_extension(uint16_t type, struct view v, struct hello *h)
{
	switch (type) {
	case EXT_SERVER_NAME:
		return read_server_name(v, h);
	case EXT_ALPN:
		return read_alpn(v, h);
	case EXT_SUPPORTED_VERSIONS:
		return read_versions(v, h);
	case EXT_ECH:
	case EXT_ESNI:
		h->ech = true;
		return NULL;
	default:
		return NULL; /* also GREASE (RFC 8701) */
	}
}

static const char *
read_extensions(struct rd r, struct hello *h)
{
	uint8_t had[65536 / 8] = {0};

	while (rd_left(&r)) {
		uint16_t type = rd_u16(&r);
		struct view v = rd_take(&r, rd_u16(&r));

		if (r.bad)
			return "an extension that runs over the end";
		/* RFC 8446 4.2: at most one of each. */
		if (had[type / 8] & 1u << type % 8)
			return "an extension twice";
		had[type / 8] |= (uint8_t)(1u << type % 8);

		const char *why = read_extension(type, v, h);
		if (why)
			return why;
	}
	return NULL;
}

/* RFC 8446 4.1.2; a hello before TLS 1.3 has the same form, and may end before the extensions (RFC 5246 7.4.1.2). */
static const char *
read_message(struct view body, struct hello *h)
{
	struct rd r = rd_of(body);
	uint16_t version = rd_u16(&r);

	rd_take(&r, 32);
	struct view session = rd_take(&r, rd_u8(&r));
	struct view suites = rd_take(&r, rd_u16(&r));
	struct view compression = rd_take(&r, rd_u8(&r));
	if (r.bad || session.len > 32 || suites.len < 2 || suites.len % 2 || compression.len == 0)
		return "a ClientHello whose lengths do not add up";
	if (version >> 8 != VERSION_MAJOR)
		return "a ClientHello of an unknown version";
	if (rd_left(&r) == 0)
		return NULL;

	struct view extensions = rd_take(&r, rd_u16(&r));
	if (r.bad || rd_left(&r))
		return "extensions whose lengths do not add up";
	return read_extensions(rd_of(extensions), h);
}

/* --- records -------------------------------------------------------------------------------------------------------- */

static void
bad(struct hello_reader *r, const char *why)
{
	r->found = HELLO_BAD;
	r->hello = (struct hello){.why = why};
}

/* A record's head is complete: at `nhead` bytes what can be said is said. */
static void
read_record_head(struct hello_reader *r)
{
	uint16_t len = (uint16_t)(r->head[3] << 8 | r->head[4]);

	if (r->nhead == 1 && r->head[0] != TYPE_HANDSHAKE) {
		/* RFC 8446 5.1: no other type between the fragments of a message. */
		if (r->len > 0)
			bad(r, "another record in the middle of a ClientHello");
		else
			r->found = HELLO_NOT;
	} else if (r->nhead == 2 && r->head[1] != VERSION_MAJOR) {
		bad(r, "a record of an unknown version");
	} else if (r->nhead == RECORD_HEAD) {
		if (len == 0 || len > RECORD_MAX)
			bad(r, len ? "a record that is too long" : "an empty record");
		r->left = len;
		r->nhead = 0;
	}
}

static bool
make_room(struct hello_reader *r, uint32_t len)
{
	uint32_t room = r->room ? r->room : FIRST_ROOM;

	while (room < len)
		room *= 2;
	if (room == r->room)
		return true;

	uint8_t *p = realloc(r->msg, room);
	if (!p)
		return false;
	r->msg = p;
	r->room = room;
	return true;
}

/* The message's length with its head; as much as the head, until that is there. */
static uint32_t
message_len(const struct hello_reader *r)
{
	if (r->len < MESSAGE_HEAD)
		return MESSAGE_HEAD;
	return MESSAGE_HEAD + ((uint32_t)r->msg[1] << 16 | (uint32_t)r->msg[2] << 8 | r->msg[3]);
}

static void
read_whole(struct hello_reader *r)
{
	struct hello h = {.has_name = false};

	/* Nothing may follow before the server has answered; a second hello in the shadow of the first least of all. */
	const char *why = r->left ? "more than a ClientHello in its record"
				  : read_message(view_of(r->msg + MESSAGE_HEAD, r->len - MESSAGE_HEAD), &h);
	if (why) {
		bad(r, why);
		return;
	}
	r->hello = h;
	r->found = HELLO_DONE;
}

/* Some of a record's fragment; returns how many bytes were taken. */
static size_t
read_fragment(struct hello_reader *r, struct view bytes)
{
	size_t n = message_len(r) - r->len;

	n = n < r->left ? n : r->left;
	n = n < bytes.len ? n : bytes.len;
	if (!make_room(r, r->len + (uint32_t)n)) {
		bad(r, "no memory for a ClientHello");
		return n;
	}
	if (r->len == 0 && bytes.p[0] != CLIENT_HELLO) {
		bad(r, "a handshake that begins with another message");
		return n;
	}
	memcpy(r->msg + r->len, bytes.p, n);
	r->len += (uint32_t)n;
	r->left = (uint16_t)(r->left - n);
	if (message_len(r) > HELLO_MAX)
		bad(r, "a ClientHello that is too long");
	else if (r->len >= MESSAGE_HEAD && r->len == message_len(r))
		read_whole(r);
	return n;
}

enum hello_reading
hello_read(struct hello_reader *r, struct view bytes, struct hello *out)
{
	size_t at = 0;

	while (r->found == HELLO_MORE && at < bytes.len) {
		if (r->left > 0) {
			at += read_fragment(r, view_of(bytes.p + at, bytes.len - at));
		} else {
			r->head[r->nhead++] = bytes.p[at++];
			read_record_head(r);
		}
	}
	r->taken += at;
	*out = r->hello;
	return r->found;
}

struct view
hello_whole(const struct hello_reader *r)
{
	return r->found == HELLO_DONE ? view_of(r->msg, r->len) : view_of(NULL, 0);
}

size_t
hello_taken(const struct hello_reader *r)
{
	return r->found == HELLO_DONE ? r->taken : 0;
}

struct hello_reader *
hello_reader_new(void)
{
	return calloc(1, sizeof(struct hello_reader));
}

void
hello_reader_free(struct hello_reader *r)
{
	if (r)
		free(r->msg);
	free(r);
}
