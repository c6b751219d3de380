/*
 * hello_kit.h - ClientHellos made by hand: the message, its extensions, the records around it
 */
#ifndef TEST_UNIT_HELLO_KIT_H
#define TEST_UNIT_HELLO_KIT_H

#include "tls/hello.h"

#define HELLO_BYTES 131072u /* room for any here, one byte a record too */

struct hello_bytes {
	size_t len;
	uint8_t b[HELLO_BYTES];
};

static inline void
hello_put(struct hello_bytes *h, const void *p, size_t n)
{
	if (n)
		memcpy(h->b + h->len, p, n);
	h->len += n;
}

static inline void
hello_put_u16(struct hello_bytes *h, size_t v)
{
	const uint8_t b[2] = {(uint8_t)(v >> 8), (uint8_t)v};

	hello_put(h, b, 2);
}

static inline void
hello_put_u8(struct hello_bytes *h, size_t v)
{
	const uint8_t b = (uint8_t)v;

	hello_put(h, &b, 1);
}

/* An extension. */
static inline void
hello_ext(struct hello_bytes *h, uint16_t type, const void *p, size_t n)
{
	hello_put_u16(h, type);
	hello_put_u16(h, n);
	hello_put(h, p, n);
}

/* A server_name with one entry. */
static inline void
hello_sni(struct hello_bytes *h, uint8_t type, const void *name, size_t n)
{
	hello_put_u16(h, 0);
	hello_put_u16(h, n + 5);
	hello_put_u16(h, n + 3);
	hello_put_u8(h, type);
	hello_put_u16(h, n);
	hello_put(h, name, n);
}

/* The handshake message with these extensions; NULL: it ends before them. */
static inline void
hello_message(struct hello_bytes *out, const struct hello_bytes *ext)
{
	static const uint8_t suites[] = {0x13, 0x01, 0xc0, 0x2f};
	size_t body = 2 + 32 + 1 + 32 + 2 + sizeof(suites) + 2 + (ext ? 2 + ext->len : 0);

	out->len = 0;
	hello_put_u8(out, 1);
	hello_put_u8(out, body >> 16);
	hello_put_u16(out, body);
	hello_put_u16(out, 0x0303);
	for (size_t i = 0; i < 32; i++)
		hello_put_u8(out, 0xa0 + i);
	hello_put_u8(out, 32);
	for (size_t i = 0; i < 32; i++)
		hello_put_u8(out, i);
	hello_put_u16(out, sizeof(suites));
	hello_put(out, suites, sizeof(suites));
	hello_put_u8(out, 1);
	hello_put_u8(out, 0);
	if (ext) {
		hello_put_u16(out, ext->len);
		hello_put(out, ext->b, ext->len);
	}
}

/* A message in records of at most `piece` bytes. */
static inline void
hello_records(struct hello_bytes *out, const struct hello_bytes *msg, size_t piece)
{
	out->len = 0;
	for (size_t at = 0; at < msg->len; at += piece) {
		size_t n = msg->len - at < piece ? msg->len - at : piece;

		hello_put_u8(out, 22);
		hello_put_u16(out, 0x0301);
		hello_put_u16(out, n);
		hello_put(out, msg->b + at, n);
	}
}

/* An ordinary one for a name (NULL: none), as a client of today sends it, padded with `pad` bytes. */
static inline void
hello_for(struct hello_bytes *out, const char *name, size_t pad, size_t piece)
{
	static struct hello_bytes ext, msg;
	static const uint8_t zeros[HELLO_MAX];

	ext.len = 0;
	hello_ext(&ext, 0x0a0a, NULL, 0); /* GREASE */
	if (name)
		hello_sni(&ext, 0, name, strlen(name));
	hello_ext(&ext, 16, "\0\x0c\2h2\x08http/1.1", 14);
	hello_ext(&ext, 43, "\4\x7a\x7a\3\4", 5);
	if (pad)
		hello_ext(&ext, 21, zeros, pad);
	hello_message(&msg, &ext);
	hello_records(out, &msg, piece);
}

#endif
