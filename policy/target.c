/*
 * target.c - one target of a rule: an address, a network, a name, a suffix, a group, a list
 *
 * Addresses are read strictly: what two readers may take for different addresses (010.1.1.1, 127.1, ::ffff:1.2.3.4) is
 * an error that says how to write it.  So is a word that is a name by its letters and something else by its looks: a
 * URL, a name with a port, a group without its '@'.
 */
#include <stdio.h>
#include <stdlib.h>

#include "policy/path.h"
#include "policy/reader.h"

#define CIDR_TEXT 64u /* longer than any address and prefix */

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool
has(const char *text, size_t len, char c)
{
	return len && memchr(text, c, len);
}

static bool
only_digits(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!is_digit(text[i]))
			return false;
	return len > 0;
}

/* --- names ------------------------------------------------------------------------------------------------- */

bool
ends_in_number(const char *text, size_t len)
{
	size_t from;

	if (len && text[len - 1] == '.')
		len--;
	for (from = len; from > 0 && text[from - 1] != '.'; from--)
		;
	text += from, len -= from;
	if (len >= 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		for (size_t i = 2; i < len; i++)
			if (!is_hex(text[i]))
				return false;
		return true;
	}
	return only_digits(text, len);
}

static const char *
label_trouble(const char *text, size_t len)
{
	size_t label = 0;

	for (size_t i = 0; i <= len; i++) {
		if (i < len && text[i] != '.') {
			label++;
			continue;
		}
		if (label == 0 && i < len)
			return "has an empty label: a name is labels with single dots between them";
		if (label > 63)
			return "has a label of more than 63 bytes";
		label = 0;
	}
	if (len > 253)
		return "is longer than the 253 bytes a name may have";
	return "has a character that is in no name: letters, digits, '-' and '_' are";
}

const char *
name_trouble(const char *text, size_t len)
{
	if (len == 0)
		return "a name is expected";
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] >= 0x80)
			return "not ASCII: write it in its xn-- form, as `idn2 NAME` prints it";
	if (has(text, len, '/'))
		return "a URL or a path: write the name of the host alone";
	if (has(text, len, '*'))
		return "'*' may only stand for all below a name, as in *.example.com";
	if (has(text, len, ':'))
		return "a name has no port: ports stand with the protocol, as in tcp/443 to example.com";
	if (has(text, len, '@'))
		return "'@' begins a group or a list and is in no name";
	if (text[0] == '.')
		return "begins with a dot: *.example.com is example.com and all below it";
	if (ends_in_number(text, len))
		return "neither a name nor an address: that is four numbers from 0 to 255 without leading "
		       "zeros";
	return label_trouble(text, len);
}

bool
reader_name(struct rule_reader *r, size_t from, size_t len, bool suffix, struct rule_target *out)
{
	const char *text = r->text + from;

	out->kind = suffix ? TARGET_SUFFIX : TARGET_NAME;
	if (ends_in_number(text, len) || !name_parse(text, len, &out->name)) {
		reader_error(r, from, len, "%s", name_trouble(text, len));
		return false;
	}
	if (suffix && r->rule.action == RULE_ALLOW && name_labels(&out->name) < 2) {
		size_t star = from >= 2 && memcmp(text - 2, "*.", 2) == 0 ? 2 : 0;

		reader_error(
		    r, from - star, len + star,
		    "allows all below a top-level domain; name a domain below it, as in *.example.com");
		return false;
	}
	return true;
}

/* --- addresses and networks -------------------------------------------------------------------------------- */

static void
clear_host_bits(struct rule_target *t)
{
	unsigned keep = addr_is_v4(&t->net) ? 96u + t->plen : t->plen;

	for (unsigned i = 0; i < sizeof(t->net.b); i++) {
		unsigned bits = keep > 8 * i ? keep - 8 * i : 0;

		if (bits < 8)
			t->net.b[i] &= (uint8_t)(0xff00u >> bits);
	}
}

static const char *
address_trouble(const char *text, size_t len)
{
	if (has(text, len, '%'))
		return "an address without its zone is expected";
	if (has(text, len, ':'))
		return "not an IPv6 address";
	return "not an address: that is four numbers from 0 to 255 without leading zeros";
}

/* The address in text[from, from + len), without brackets. */
static bool
read_addr(struct rule_reader *r, size_t from, size_t len, struct addr *out)
{
	char text[CIDR_TEXT] = "";
	char plain[ADDR_TEXT];

	if (len < sizeof(text)) {
		memcpy(text, r->text + from, len);
		text[len] = '\0';
	}
	if (len >= sizeof(text) || strlen(text) != len || !addr_parse(text, out)) {
		reader_error(r, from, len, "%s", address_trouble(r->text + from, len));
		return false;
	}
	if (addr_is_v4(out) && has(text, len, ':')) {
		reader_error(r, from, len, "an IPv4 address in IPv6 clothes; write %s",
			     addr_text(out, plain));
		return false;
	}
	return true;
}

/* "/24": its number, or -1 and told. */
static int
read_plen(struct rule_reader *r, size_t from, size_t len, int most)
{
	const char *text = r->text + from;
	int n = 0;

	for (size_t i = 1; i < len && n <= most; i++)
		n = is_digit(text[i]) ? 10 * n + (text[i] - '0') : most + 1;
	if (len < 2 || len > 4 || n > most || (text[1] == '0' && len > 2)) {
		reader_error(r, from, len, "not a prefix length: a number from 0 to %d is expected", most);
		return -1;
	}
	return n;
}

bool
reader_net(struct rule_reader *r, size_t from, size_t len, struct rule_target *out)
{
	bool around =
	    len >= 2 && r->text[from] == '[' && r->text[from + len - 1] == ']'; /* [2001:db8::/32] */
	const char *text = r->text + (from += around), *slash;
	size_t addr, at = from;
	int plen;

	len -= around ? 2 : 0;
	slash = len ? memchr(text, '/', len) : NULL;
	addr = slash ? (size_t)(slash - text) : len;
	out->kind = TARGET_NET;
	if (addr >= 2 && text[0] == '[' && text[addr - 1] == ']')
		at++, addr -= 2;
	if (!read_addr(r, at, addr, &out->net))
		return false;
	plen = addr_is_v4(&out->net) ? 32 : 128;
	if (slash) {
		size_t before = (size_t)(slash - text);

		plen = read_plen(r, from + before, len - before, plen);
		if (plen < 0)
			return false;
	}
	out->plen = (uint8_t)plen;

	struct addr written = out->net;
	char plain[ADDR_TEXT];

	clear_host_bits(out);
	if (!addr_eq(&written, &out->net))
		reader_warn(r, from, len, "what follows the first %d bits is not looked at; it is %s/%d",
			    plen, addr_text(&out->net, plain), plen);
	return true;
}

/* --- which of them it is ----------------------------------------------------------------------------------- */

/* "@public", "@dns", "@file:..." */
static bool
read_at(struct rule_reader *r, size_t from, size_t len, struct rule_target *out)
{
	const char *word = r->text + from + 1;
	size_t n = len - 1;

	if (n == 3 && memcmp(word, "any", 3) == 0) {
		out->kind = TARGET_ANY;
		return true;
	}
	if (n == 3 && memcmp(word, "dns", 3) == 0) {
		out->kind = TARGET_DNS;
		return true;
	}
	if ((n == 3 && memcmp(word, "doh", 3) == 0) || (n >= 5 && memcmp(word, "file:", 5) == 0)) {
		out->kind = TARGET_LIST;
		return list_read(r, from, len, out);
	}
	out->kind = TARGET_GROUP;
	out->group = group_named(word, n);
	if (out->group == GROUPS) {
		reader_error(
		    r, from, len,
		    "not a group: @public, @private, @loopback, @link-local, @metadata, @multicast, @host, "
		    "@any, @dns, @doh or @file:PATH is expected");
		return false;
	}
	return true;
}

/* host:443, 1.2.3.4:443, [::1]:443: somebody is used to that. */
static bool
has_port(const char *text, size_t len)
{
	size_t port = len;

	while (port > 0 && is_digit(text[port - 1]))
		port--;
	if (port == 0 || port == len || text[port - 1] != ':')
		return false;
	return !has(text, port - 1, ':') || text[port - 2] == ']';
}

static bool
is_keyword(const char *text, size_t len)
{
	return (len == 3 && (memcmp(text, "any", 3) == 0 || memcmp(text, "dns", 3) == 0 ||
			     memcmp(text, "doh", 3) == 0)) ||
	       group_named(text, len) != GROUPS;
}

bool
looks_like_net(const char *text, size_t len)
{
	const char *slash = memchr(text, '/', len), *colon = memchr(text, ':', len);

	if (text[0] == '[')
		return true;
	if (colon && (is_hex(text[0]) || text[0] == ':'))
		return has(colon + 1, len - (size_t)(colon + 1 - text), ':');
	return !colon && ends_in_number(text, slash ? (size_t)(slash - text) : len);
}

/* How much of a word is its host: "10.0.0.0/8" of "10.0.0.0/8/x", "a.example" of "a.example/8". */
static size_t
host_len(const char *text, size_t len)
{
	const char *slash, *end = text + len;

	if (len > 7 && memcmp(text, "@file:\"", 7) == 0) {
		const char *quote = memchr(text + 7, '"', len - 7);

		return quote ? (size_t)(quote + 1 - text) : len;
	}
	if (len >= 6 && memcmp(text, "@file:", 6) == 0)
		return len;
	slash = memchr(text, '/', len);
	if (!slash || slash == text || !looks_like_net(text, (size_t)(slash - text)))
		return slash ? (size_t)(slash - text) : len;

	const char *bits = slash + 1;
	while (bits < end && is_digit(*bits))
		bits++;
	if (bits > slash + 1 && (bits == end || *bits == '/' || *bits == ']'))
		slash = bits < end && *bits == ']' ? bits + 1 : bits;
	return (size_t)(slash - text);
}

static bool
read_path(struct rule_reader *r, size_t from, size_t len, struct rule_target *out)
{
	const char *why;

	out->request = malloc(len + 1);
	if (!out->request) {
		reader_no_memory(r);
		return false;
	}
	memcpy(out->request, r->text + from, len);
	out->request[len] = '\0';
	why = path_pattern_check(out->request);
	if (!why)
		return true;
	reader_error(r, from, len, "%s", why);
	free(out->request);
	out->request = NULL;
	return false;
}

bool
reader_request(struct rule_reader *r, size_t from, size_t len, struct rule_target *out)
{
	const char *text = r->text + from;
	size_t host = host_len(text, len);

	if (len > 8 && (memcmp(text, "https://", 8) == 0 || memcmp(text, "http://", 7) == 0)) {
		reader_error(r, from, len,
			     "not a URL: the protocol stands before it, then HOST/PATH, as in https GET "
			     "api.example.com/repos/**");
		return false;
	}
	if (host == 0) {
		reader_error(r, from, len,
			     "a host is expected before the path; @any/PATH is that path of every host");
		return false;
	}
	if (!reader_target(r, from, host, out))
		return false;
	return host == len || read_path(r, from + host, len - host, out);
}

bool
reader_target(struct rule_reader *r, size_t from, size_t len, struct rule_target *out)
{
	const char *text = r->text + from;

	*out = (struct rule_target){.column = (unsigned)from + 1};
	if (text[0] == '@')
		return read_at(r, from, len, out);
	if (has_port(text, len)) {
		reader_error(r, from, len, "ports stand with the protocol: write %s/PORT before it",
			     r->rule.https  ? "https"
			     : r->rule.http ? "http"
					    : "tcp/PORT or udp");
		return false;
	}
	if (looks_like_net(text, len))
		return reader_net(r, from, len, out);
	if (len >= 2 && text[0] == '*' && text[1] == '.')
		return reader_name(r, from + 2, len - 2, true, out);
	if (len == 1 && text[0] == '*') {
		reader_error(r, from, len, "@any is everything, *.example.com all below a name");
		return false;
	}
	if (!rule_is_about_requests(&r->rule) && has(text, len, '/') && !has(text, len, ':')) {
		reader_error(
		    r, from, len,
		    "a path: rules about requests have them, as in https HOST/PATH; elsewhere write the "
		    "name of the host alone");
		return false;
	}
	if (is_keyword(text, len)) {
		reader_error(r, from, len,
			     "a group is written with '@': @%.*s; a host of that name with a dot: %.*s.",
			     (int)len, text, (int)len, text);
		return false;
	}
	return reader_name(r, from, len, false, out);
}
