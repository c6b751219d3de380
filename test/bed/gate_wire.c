/*
 * gate_wire.c - what guests and servers of the small world say
 */
#include "test/bed/gate_wire.h"

#include <stdio.h>

#include "test/bed/gate_rules.h"

/* --- TLS ---------------------------------------------------------------------------------------------------- */

enum { /* a hello */
       WITHOUT_NAME = 1,
       WITH_ECH = 2,
       IN_RECORDS = 4,
       WITH_GREASE = 8,
       TWO_NAMES = 16,
       LOUD = 32, /* upper case, a dot at the end */
       PADDED = 64,
       SPOILT = 128,
};

static void
put_extension(struct wr *w, uint16_t type, const void *p, size_t n)
{
	wr_u16(w, type);
	wr_u16(w, (uint16_t)n);
	wr_bytes(w, p, n);
}

static void
put_sni(struct wr *w, const char *name, uint8_t flags)
{
	char text[64];
	size_t n = (size_t)snprintf(text, sizeof(text), "%s%s", name, flags & LOUD ? "." : "");

	if (flags & LOUD)
		text[0] = (char)(text[0] & ~0x20);
	wr_u16(w, 0);
	wr_u16(w, (uint16_t)(n + 5));
	wr_u16(w, (uint16_t)(n + 3));
	wr_u8(w, 0);
	wr_u16(w, (uint16_t)n);
	wr_bytes(w, text, n);
}

size_t
gate_write_hello(uint8_t *to, const char *name, uint8_t flags)
{
	static const uint8_t zeros[1500], versions[] = {2, 3, 4};
	uint8_t msg[3072], ext[2048];
	struct wr e = wr_of(ext, sizeof(ext)), m = wr_of(msg, sizeof(msg)), w = wr_of(to, GATE_WIRE);

	if (flags & WITH_GREASE)
		put_extension(&e, 0x0a0a, NULL, 0);
	if (!(flags & WITHOUT_NAME))
		put_sni(&e, name, flags);
	if (flags & TWO_NAMES)
		put_sni(&e, "bad.test", 0);
	if (flags & WITH_ECH)
		put_extension(&e, 0xfe0d, zeros, 20);
	put_extension(&e, 43, versions, sizeof(versions));
	if (flags & PADDED)
		put_extension(&e, 21, zeros, 1400);
	size_t n = (size_t)(e.p - ext), body = 2 + 32 + 1 + 4 + 2 + 2 + n;
	wr_u8(&m, 1);
	wr_u8(&m, 0);
	wr_u16(&m, (uint16_t)(body + (flags & SPOILT ? 1 : 0)));
	wr_u16(&m, 0x0303);
	wr_bytes(&m, zeros, 33);
	wr_u32(&m, 0x00021301);
	wr_u16(&m, 0x0100);
	wr_u16(&m, (uint16_t)n);
	wr_bytes(&m, ext, n);
	size_t all = (size_t)(m.p - msg), piece = flags & IN_RECORDS ? 40 : all;
	for (size_t at = 0; at < all; at += piece) {
		size_t part = all - at < piece ? all - at : piece;

		wr_u8(&w, 22);
		wr_u16(&w, 0x0301);
		wr_u16(&w, (uint16_t)part);
		wr_bytes(&w, msg + at, part);
	}
	return (size_t)(w.p - to);
}

/* --- HTTP --------------------------------------------------------------------------------------------------- */

size_t
gate_write_request(char *text, struct rd *in)
{
	static const char *const methods[] = {"GET", "POST", "HEAD", "CONNECT", "OPTIONS", "get"};
	static const char *const paths[] = {"/",      "/x",  "/x/y",        "/x/../bad",
					    "/x/q/z", "//x", "/%78/a?b=/c", "/x/..%2fq"};
	static const char *const more[] = {"",
					   "Content-Length: 5\r\n",
					   "Transfer-Encoding: chunked\r\n",
					   "Host: bad.test\r\n",
					   "Upgrade: websocket\r\nConnection: upgrade\r\n",
					   "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
					   " folded\r\n",
					   "X-Host: bad.test\r\nhost : a.test\r\n"};
	static const char *const bodies[] = {"",
					     "hello",
					     "5\r\nhello\r\n0\r\n\r\n",
					     "5;x=y\r\nhello\r\n0\r\nT: 1\r\n\r\n",
					     "GET / HTTP/1.1\r\nHost: bad.test\r\n\r\n",
					     "\r\n",
					     "0\r\n\r\nGET /x HTTP/1.1\r\nHost: a.test\r\n\r\n",
					     "zz"};
	uint8_t how = rd_u8(in), host = rd_u8(in), form = rd_u8(in), rest = rd_u8(in);
	const char *method = methods[how % 6], *name = gate_name(host), *path = paths[how >> 5];
	char target[128], at[64];

	/* By name, with a port, an address, none. */
	snprintf(at, sizeof(at), "%s%s", host & 128 ? "93.184.216.1" : name, host & 64 ? ":443" : "");
	if (strcmp(method, "CONNECT") == 0)
		snprintf(target, sizeof(target), "%s%s", at, host & 64 ? "" : ":80");
	else
		snprintf(target, sizeof(target), "%s%s%s", form & 1 ? "http://" : "",
			 form & 1 ? gate_name(form >> 4) : "", path);
	return (size_t)snprintf(text, GATE_WIRE, "%s %s HTTP/1.%c\r\n%s%s%s%s\r\n%s", method, target,
				form & 2 ? '0' : '1', form & 4 ? "" : "Host: ", form & 4 ? "" : at,
				form & 4 ? "" : "\r\n", more[rest & 7], bodies[rest >> 3 & 7]);
}

/* --- names ---------------------------------------------------------------------------------------------------- */

static void
put_name(struct wr *w, const char *name, bool loud)
{
	while (*name) {
		size_t n = strcspn(name, ".");

		wr_u8(w, (uint8_t)n);
		for (size_t i = 0; i < n; i++)
			wr_u8(w, (uint8_t)(loud && i == 0 ? name[i] & ~0x20 : name[i]));
		name += n + (name[n] == '.');
	}
	wr_u8(w, 0);
}

static const uint16_t types[] = {1, 28, 65, 16, 255, 5, 252, 12};

size_t
gate_write_question(uint8_t *to, uint8_t name, uint8_t how, uint16_t id)
{
	struct wr w = wr_of(to, 512);

	wr_u16(&w, id);
	wr_u16(&w, how & 64 ? 0x0120 : 0x0100);
	wr_u16(&w, 1);
	wr_u32(&w, 0);
	wr_u16(&w, how & 8 ? 1 : 0);
	put_name(&w, gate_name(name), how & 128);
	wr_u16(&w, types[how & 7]);
	wr_u16(&w, 1);
	if (how & 8) {
		wr_u8(&w, 0);
		wr_u16(&w, 41);
		wr_u16(&w, how & 16 ? 512 : 1232);
		wr_u32(&w, how & 32 ? 0x8000 : 0);
		wr_u16(&w, 0);
	}
	return (size_t)(w.p - to);
}

enum { /* an answer */
       WRONG_ID = 1,
       WRONG_NAME = 2,
       TRUNCATED = 4,
       FAILED = 8,  /* the code is in `ttl` */
       STRAYS = 16, /* records that nobody asked for */
       LOOPED = 32,
       MANY = 64,
};

static void
put_record(struct wr *w, unsigned type, uint32_t ttl)
{
	wr_u16(w, (uint16_t)type);
	wr_u16(w, 1);
	wr_u32(w, ttl);
}

/* The owner is a pointer to the question, or a name. */
static void
put_address(const struct surroundings *where, struct wr *w, const char *owner, unsigned type, uint32_t ttl,
	    uint8_t which)
{
	struct addr a = gate_addr(which, where);
	bool v4 = addr_is_v4(&a);

	if (owner)
		put_name(w, owner, false);
	else
		wr_u16(w, 0xc00c);
	put_record(w, v4 ? 1 : type == 1 ? 1 : 28, ttl);
	/* What is of the other family is cut or left as it is: both are records. */
	wr_u16(w, v4 ? 4 : type == 1 ? 4 : 16);
	wr_bytes(w, a.b + (v4 || type == 1 ? 12 : 0), v4 || type == 1 ? 4 : 16);
}

size_t
gate_write_answer(uint8_t *to, struct rd *in, const struct surroundings *where, const struct gate_sock *s,
		  uint8_t how)
{
	static const uint32_t ttls[] = {300, 0, 30, 60, 4000, 0x80000001};
	struct wr w = wr_of(to, 2048);
	uint8_t chain = rd_u8(in), ttl = rd_u8(in), addrs[3] = {rd_u8(in), 0, 0};
	unsigned links = chain & 3, n = how & MANY ? 3 : 1;
	uint32_t life = ttls[(ttl & 15) % 6];
	const char *owner = NULL;

	for (unsigned i = 1; i < n; i++)
		addrs[i] = rd_u8(in);
	wr_u16(&w, (uint16_t)(s->id + (how & WRONG_ID ? 1 : 0)));
	wr_u16(&w, (uint16_t)(0x8180 | (how & TRUNCATED ? 0x0200 : 0) | (how & FAILED ? ttl >> 4 : 0)));
	wr_u16(&w, 1);
	wr_u16(&w, (uint16_t)(links + n + (how & STRAYS ? 1 : 0)));
	wr_u32(&w, how & STRAYS ? 1 : 0);
	if (how & WRONG_NAME)
		put_name(&w, gate_name(chain), false);
	else
		wr_bytes(&w, s->name.wire, s->name.len);
	wr_u16(&w, (uint16_t)s->type);
	wr_u16(&w, 1);
	for (unsigned i = 0; i < links; i++) {
		const char *next =
		    gate_name(how & LOOPED && i + 1 == links ? 0 : (uint8_t)((chain >> 2) + i));
		uint8_t name[128];
		struct wr nw = wr_of(name, sizeof(name));

		if (owner)
			put_name(&w, owner, false);
		else
			wr_u16(&w, 0xc00c);
		put_record(&w, 5, life + i);
		put_name(&nw, next, false);
		wr_u16(&w, (uint16_t)(nw.p - name));
		wr_bytes(&w, name, (size_t)(nw.p - name));
		owner = next;
	}
	for (unsigned i = 0; i < n; i++)
		put_address(where, &w, owner, s->type, life, addrs[i]);
	if (how & STRAYS) {
		put_address(where, &w, gate_name(ttl), s->type, life, (uint8_t)(chain + 1));
		put_address(where, &w, gate_name((uint8_t)(ttl + 1)), s->type, life, chain);
	}
	return (size_t)(w.p - to);
}
