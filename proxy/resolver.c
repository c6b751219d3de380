/*
 * resolver.c - which nameserver a query to the gateway's DNS address goes to
 */
#include "proxy/resolver.h"

#define DNS_PORT 53u
#define FILE_MAX 8192u /* of resolv.conf; more is not read */

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The next word of a line; empty at its end. */
static struct view
next_word(struct rd *r)
{
	while (rd_left(r) && is_blank(*r->p))
		rd_u8(r);

	const uint8_t *from = r->p;
	while (rd_left(r) && !is_blank(*r->p))
		rd_u8(r);
	return view_of(from, (size_t)(r->p - from));
}

static struct view
next_line(struct rd *r)
{
	const uint8_t *from = r->p;

	while (rd_left(r) && *r->p != '\n')
		rd_u8(r);
	struct view line = view_of(from, (size_t)(r->p - from));
	if (rd_left(r))
		rd_u8(r);
	return line;
}

static bool
word_is(struct view w, const char *text)
{
	return w.len == strlen(text) && memcmp(w.p, text, w.len) == 0;
}

static void
parse_line(struct resolver *r, struct view line)
{
	struct rd rd = rd_of(line);
	char text[ADDR_TEXT];

	if (!word_is(next_word(&rd), "nameserver") || r->n == RESOLVER_SERVERS)
		return;

	struct view word = next_word(&rd);
	if (word.len >= sizeof(text))
		return;
	memcpy(text, word.p, word.len);
	text[word.len] = '\0';
	if (addr_parse(text, &r->server[r->n].addr))
		r->server[r->n++].port = DNS_PORT;
}

void
resolver_parse(struct resolver *r, struct view text)
{
	struct rd rd = rd_of(text);

	r->n = 0;
	while (rd_left(&rd))
		parse_line(r, next_line(&rd));
	if (r->n == 0)
		r->server[r->n++] = (struct endpoint){addr_v4(0x7f000001), DNS_PORT};
}

static void
look_at_file(struct resolver *r, struct host *h, usec_t now)
{
	uint8_t text[FILE_MAX];

	if (now < r->look_at)
		return;
	r->look_at = now + USEC_PER_SEC;

	int64_t version = h->ops->file_version(h, RESOLV_CONF);
	if (r->n && version == r->version)
		return;
	r->version = version;

	ssize_t n = h->ops->file_read(h, RESOLV_CONF, text, sizeof(text));
	resolver_parse(r, view_of(text, n > 0 ? (size_t)n : 0));
}

bool
resolver_pick(struct resolver *r, struct host *h, unsigned attempt, usec_t now, struct endpoint *out)
{
	if (r->from_file)
		look_at_file(r, h, now);
	if (attempt >= r->n)
		return false;
	*out = r->server[0];
	return true;
}

void
resolver_failed(struct resolver *r, const struct endpoint *server)
{
	for (unsigned i = 0; i + 1 < r->n; i++) {
		if (r->server[i].port != server->port || !addr_eq(&r->server[i].addr, &server->addr))
			continue;

		struct endpoint bad = r->server[i];
		memmove(&r->server[i], &r->server[i + 1], (r->n - i - 1) * sizeof(bad));
		r->server[r->n - 1] = bad;
		return;
	}
}
