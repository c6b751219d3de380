/*
 * servers.c - which nameserver is asked
 *
 * Two kinds of rows: the one for all names, and one for each suffix of the operator's.  A server that stands in
 * several rows is known in each of them.  All searches are linear: there are a handful of servers.
 */
#include "dns/servers.h"

#include <stdlib.h>

#define DNS_PORT 53u

struct server {
	struct dns_server is;
	unsigned lost;    /* queries in a row */
	usec_t bad_until; /* left alone before; 0: not */
};

struct row {
	struct name suffix; /* len 0: all names */
	unsigned n;
	struct server server[DNS_SERVERS];
};

struct dns_servers {
	bool from_file;
	unsigned nroute;
	struct row all;
	struct row *route;
};

static const struct mark nowhere = {NULL, 0, 0};

bool
dns_server_eq(const struct dns_server *a, const struct dns_server *b)
{
	return a->at.port == b->at.port && addr_eq(&a->at.addr, &b->at.addr) && a->tls == b->tls &&
	       name_eq(&a->name, &b->name);
}

/* --- what the operator wrote ------------------------------------------------------------------------------ */

static bool
parse_port(struct view text, uint16_t *port)
{
	uint32_t n = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (text.p[i] < '0' || text.p[i] > '9' || n > UINT16_MAX)
			return false;
		n = n * 10 + (uint32_t)(text.p[i] - '0');
	}
	*port = (uint16_t)n;
	return n >= 1 && n <= UINT16_MAX;
}

static size_t
find_byte(struct view text, uint8_t c)
{
	size_t at = 0;

	while (at < text.len && text.p[at] != c)
		at++;
	return at;
}

static struct view
part(struct view text, size_t from, size_t to)
{
	return view_of(text.p + from, to - from);
}

/* Where its address and its port are; false: it has not the form of one. */
static bool
cut(struct view text, struct view *addr, struct view *port)
{
	size_t colon = find_byte(text, ':');

	*addr = text;
	*port = view_of(NULL, 0);
	if (text.len && text.p[0] == '[') {
		size_t end = find_byte(text, ']');

		if (end == text.len || (end + 1 < text.len && text.p[end + 1] != ':'))
			return false;
		*addr = part(text, 1, end);
		if (end + 1 < text.len)
			*port = part(text, end + 2, text.len);
		return end + 2 != text.len;
	}
	if (colon < text.len && find_byte(part(text, colon + 1, text.len), ':') == text.len - colon - 1) {
		*addr = part(text, 0, colon);
		*port = part(text, colon + 1, text.len);
		return port->len > 0;
	}
	return true;
}

static bool
parse_addr(struct view text, struct addr *out)
{
	char copy[ADDR_TEXT];

	if (text.len >= sizeof(copy))
		return false;
	memcpy(copy, text.p, text.len);
	copy[text.len] = '\0';
	return strlen(copy) == text.len && addr_parse(copy, out);
}

/* out->port is what it is without one.  NULL, or what is wrong with it. */
static const char *
parse_endpoint(struct view text, struct endpoint *out)
{
	struct view addr, port;

	if (!cut(text, &addr, &port))
		return "a nameserver is written ADDR, ADDR:PORT, [ADDR]:PORT or tls://ADDR#NAME";
	if (!parse_addr(addr, &out->addr) || addr_is_unspecified(&out->addr) ||
	    addr_is_multicast(&out->addr) || addr_is_broadcast(&out->addr))
		return "not the address of a nameserver";
	/* Brackets are IPv6's, and an IPv4 address in its clothes is neither. */
	if (addr_is_v4(&out->addr) && (text.p[0] == '[' || find_byte(addr, ':') < addr.len))
		return "not the address of a nameserver";
	if (port.len && !parse_port(port, &out->port))
		return "the port of a nameserver is a number from 1 to 65535";
	return NULL;
}

/* A certificate's name is no address, and not the root. */
static bool
parse_name(struct view text, struct name *out)
{
	struct addr a;

	return !parse_addr(text, &a) && name_parse((const char *)text.p, text.len, out) && out->len > 1;
}

const char *
dns_server_parse(struct view text, struct dns_server *out)
{
	static const char scheme[] = "tls://";
	const size_t len = sizeof(scheme) - 1;

	*out = (struct dns_server){.at.port = DNS_PORT};
	if (text.len < len || memcmp(text.p, scheme, len) != 0)
		return parse_endpoint(text, &out->at);

	text = part(text, len, text.len);
	size_t end = find_byte(text, '#');
	*out = (struct dns_server){.at.port = DNS_TLS_PORT, .tls = true};
	if (end < text.len && !parse_name(part(text, end + 1, text.len), &out->name))
		return "what is behind '#' is not the name of a nameserver's certificate";
	return parse_endpoint(part(text, 0, end), &out->at);
}

static void
add(struct row *r, struct view text, const char *word, struct diag_sink *d)
{
	struct dns_server is;
	const char *why = dns_server_parse(text, &is);

	if (why)
		diag_error(d, &nowhere, word, "%s", why);
	else if (r->n == DNS_SERVERS)
		diag_error(d, &nowhere, word, "too many nameservers: at most %u", DNS_SERVERS);
	else
		r->server[r->n++] = (struct server){.is = is};
}

static void
read_suffix(struct dns_servers *s, struct row *r, struct view text, const char *word, struct diag_sink *d)
{
	if (text.len > 2 && text.p[0] == '*' && text.p[1] == '.')
		text = part(text, 2, text.len);
	if (!name_parse((const char *)text.p, text.len, &r->suffix)) {
		diag_error(d, &nowhere, word, "a route of names is written SUFFIX=ADDR[,ADDR...]");
		return;
	}
	for (const struct row *other = s->route; other < r; other++)
		if (name_eq(&other->suffix, &r->suffix))
			diag_error(d, &nowhere, word,
				   "this suffix has its nameservers already: write them as one route");
}

static void
read_route(struct dns_servers *s, const char *word, struct diag_sink *d)
{
	struct view text = view_of(word, strlen(word));
	struct row *r = &s->route[s->nroute];
	size_t at = find_byte(text, '=');

	read_suffix(s, r, part(text, 0, at), word, d);
	if (at == text.len)
		diag_error(d, &nowhere, word, "a route of names is written SUFFIX=ADDR[,ADDR...]");
	while (at < text.len) {
		struct view rest = part(text, at + 1, text.len);
		size_t len = find_byte(rest, ',');

		add(r, part(rest, 0, len), word, d);
		at += 1 + len;
	}
	s->nroute++;
}

struct dns_servers *
dns_servers_new(const char *const *nameservers, size_t n, const char *const *routes, size_t nroutes,
		struct diag_sink *d)
{
	struct dns_servers *s = calloc(1, sizeof(*s));
	unsigned errors = d->errors;

	if (!s)
		return NULL;
	if (nroutes > DNS_ROUTES)
		diag_error(d, &nowhere, NULL, "%zu routes of names are too many: at most %u", nroutes,
			   DNS_ROUTES);
	else if (nroutes && !(s->route = calloc(nroutes, sizeof(*s->route))))
		diag_error(d, &nowhere, NULL, "no memory for %zu routes of names", nroutes);
	if (n > DNS_SERVERS)
		diag_error(d, &nowhere, NULL, "%zu nameservers are too many: at most %u", n, DNS_SERVERS);
	for (size_t i = 0; i < n && i < DNS_SERVERS; i++)
		add(&s->all, view_of(nameservers[i], strlen(nameservers[i])), nameservers[i], d);
	for (size_t i = 0; s->route && i < nroutes; i++)
		read_route(s, routes[i], d);
	if (d->errors != errors) {
		dns_servers_free(s);
		return NULL;
	}
	s->from_file = n == 0;
	if (s->from_file)
		dns_servers_file(s, view_of(NULL, 0));
	return s;
}

void
dns_servers_free(struct dns_servers *s)
{
	if (!s)
		return;
	free(s->route);
	free(s);
}

/* --- resolv.conf ------------------------------------------------------------------------------------------ */

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
read_line(struct row *r, struct view line)
{
	struct rd rd = rd_of(line);
	struct dns_server is = {.at.port = DNS_PORT};

	if (!word_is(next_word(&rd), "nameserver") || r->n == DNS_SERVERS)
		return;
	if (parse_addr(next_word(&rd), &is.at.addr))
		r->server[r->n++] = (struct server){.is = is};
}

bool
dns_servers_want_file(const struct dns_servers *s)
{
	return s->from_file;
}

static struct server *
in_row(struct row *r, const struct dns_server *is)
{
	for (unsigned i = 0; i < r->n; i++)
		if (dns_server_eq(&r->server[i].is, is))
			return &r->server[i];
	return NULL;
}

void
dns_servers_file(struct dns_servers *s, struct view text)
{
	struct row fresh = {.n = 0};
	struct rd rd = rd_of(text);

	while (rd_left(&rd))
		read_line(&fresh, next_line(&rd));
	if (fresh.n == 0)
		fresh.server[fresh.n++].is.at = (struct endpoint){addr_v4(0x7f000001), DNS_PORT};
	for (unsigned i = 0; i < fresh.n; i++) {
		const struct server *known = in_row(&s->all, &fresh.server[i].is);

		if (known)
			fresh.server[i] = *known;
	}
	s->all = fresh;
}

bool
dns_servers_only_stub(const struct dns_servers *s)
{
	for (unsigned i = 0; i < s->all.n; i++) {
		const struct addr *a = &s->all.server[i].is.at.addr;

		if (!addr_is_v4(a) || (addr_to_v4(a) != 0x7f000035 && addr_to_v4(a) != 0x7f000036))
			return false;
	}
	return s->from_file;
}

/* --- asking ----------------------------------------------------------------------------------------------- */

static const struct row *
row_of(const struct dns_servers *s, const struct name *name)
{
	const struct row *best = &s->all;

	for (unsigned i = 0; i < s->nroute; i++)
		if (s->route[i].suffix.len > best->suffix.len && name_is_under(name, &s->route[i].suffix))
			best = &s->route[i];
	return best;
}

bool
dns_servers_pick(const struct dns_servers *s, const struct name *name, unsigned attempt, usec_t now,
		 struct dns_server *out)
{
	const struct row *r = row_of(s, name);

	/* The dead come last, in their order: where there is no other, they are asked all the same. */
	for (int dead = 0; dead < 2; dead++) {
		for (unsigned i = 0; i < r->n; i++) {
			if ((now < r->server[i].bad_until) != dead || attempt-- > 0)
				continue;
			*out = r->server[i].is;
			return true;
		}
	}
	return false;
}

bool
dns_servers_routed(const struct dns_servers *s, const struct name *name)
{
	return row_of(s, name) != &s->all;
}

static bool
any_tls(const struct row *r)
{
	for (unsigned i = 0; i < r->n; i++)
		if (r->server[i].is.tls)
			return true;
	return false;
}

bool
dns_servers_any_tls(const struct dns_servers *s)
{
	for (unsigned i = 0; i < s->nroute; i++)
		if (any_tls(&s->route[i]))
			return true;
	return any_tls(&s->all);
}

static void
lost(struct row *r, const struct dns_server *server, usec_t now)
{
	struct server *v = in_row(r, server);

	if (v && ++v->lost >= DNS_LOST) {
		v->lost = DNS_LOST;
		v->bad_until = now + DNS_BAD_FOR;
	}
}

void
dns_servers_lost(struct dns_servers *s, const struct dns_server *server, usec_t now)
{
	lost(&s->all, server, now);
	for (unsigned i = 0; i < s->nroute; i++)
		lost(&s->route[i], server, now);
}

static void
answered(struct row *r, const struct dns_server *server)
{
	struct server *v = in_row(r, server);

	if (v) {
		v->lost = 0;
		v->bad_until = 0;
	}
}

void
dns_servers_answered(struct dns_servers *s, const struct dns_server *server)
{
	answered(&s->all, server);
	for (unsigned i = 0; i < s->nroute; i++)
		answered(&s->route[i], server);
}
