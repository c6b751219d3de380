/*
 * value.c - parsers of addresses, ports, sizes and links
 *
 * Where only one thing can be wrong the answer is yes or no and the caller makes the sentence; a PUBLISH or a
 * LINK has parts, so they make their own.
 */
#include "cli/value.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* --- numbers --------------------------------------------------------------------------------------- */

/* The digits at the front; how many there were, or 0 if none or too many. */
static size_t
digits(const char *text, uint64_t *out)
{
	uint64_t n = 0;
	size_t i = 0;

	/* 18 digits always fit 64 bits, and nothing here is longer. */
	for (; text[i] >= '0' && text[i] <= '9'; i++) {
		if (i == 18)
			return 0;
		n = n * 10 + (uint64_t)(text[i] - '0');
	}
	*out = n;
	return i;
}

bool
value_number(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	uint64_t n;
	size_t used = digits(text, &n);

	if (used == 0 || text[used] != '\0' || n < min || n > max)
		return false;
	*out = n;
	return true;
}

bool
value_size(const char *text, uint64_t *out)
{
	uint64_t n;
	size_t used = digits(text, &n);
	unsigned shift = 0;

	if (used == 0)
		return false;
	switch (text[used]) {
	case 'G':
	case 'g':
		shift = 30;
		break;
	case 'M':
	case 'm':
		shift = 20;
		break;
	case 'K':
	case 'k':
		shift = 10;
		break;
	}
	if (text[used + (shift != 0)] != '\0' || n > UINT64_MAX >> shift)
		return false;
	*out = n << shift;
	return true;
}

/* --- addresses ------------------------------------------------------------------------------------- */

bool
value_address(const char *text, struct address *out)
{
	struct address a = {.v6 = strchr(text, ':') != NULL};

	if (inet_pton(a.v6 ? AF_INET6 : AF_INET, text, a.bytes) != 1)
		return false;
	*out = a;
	return true;
}

void
value_address_text(const struct address *a, char text[VALUE_ADDRESS_TEXT])
{
	inet_ntop(a->v6 ? AF_INET6 : AF_INET, a->bytes, text, VALUE_ADDRESS_TEXT);
}

unsigned
value_address_bits(const struct address *a)
{
	return a->v6 ? 128 : 32;
}

bool
value_address_equal(const struct address *a, const struct address *b)
{
	return a->v6 == b->v6 && memcmp(a->bytes, b->bytes, value_address_bits(a) / 8) == 0;
}

bool
value_in_prefix(const struct address *a, const struct address *net, unsigned plen)
{
	if (a->v6 != net->v6)
		return false;
	unsigned whole = plen / 8, rest = plen % 8;
	if (memcmp(a->bytes, net->bytes, whole) != 0)
		return false;
	return rest == 0 || ((a->bytes[whole] ^ net->bytes[whole]) & (0xff00u >> rest)) == 0;
}

bool
value_prefix(const char *text, struct address *out, unsigned *plen)
{
	const char *slash = strchr(text, '/');
	char head[VALUE_ADDRESS_TEXT];
	struct address a;
	uint64_t n;

	if (!slash || (size_t)(slash - text) >= sizeof(head))
		return false;
	memcpy(head, text, (size_t)(slash - text));
	head[slash - text] = '\0';
	if (!value_address(head, &a) || !value_number(slash + 1, 1, value_address_bits(&a), &n))
		return false;
	*out = a;
	*plen = (unsigned)n;
	return true;
}

/*
 * The address in front of a port: "A.B.C.D" or "[v6]", up to and without the colon (or the end).  NULL if it
 * is neither; otherwise what follows it.
 */
static const char *
leading_address(const char *text, char addr[VALUE_ADDRESS_TEXT])
{
	bool brackets = text[0] == '[';
	const char *from = text + brackets;
	size_t len = strcspn(from, brackets ? "]" : ":");
	struct address a;

	if (len >= VALUE_ADDRESS_TEXT || (brackets && from[len] != ']'))
		return NULL;
	memcpy(addr, from, len);
	addr[len] = '\0';
	if (!value_address(addr, &a) || a.v6 != brackets)
		return NULL;
	return from + len + brackets;
}

bool
value_endpoint(const char *text)
{
	char addr[VALUE_ADDRESS_TEXT];
	struct address a;
	uint64_t port;

	if (value_address(text, &a))
		return true;
	const char *rest = leading_address(text, addr);
	return rest && (*rest == '\0' || (*rest == ':' && value_number(rest + 1, 1, 65535, &port)));
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool
value_mac(const char *text, uint8_t mac[6])
{
	static const uint8_t zero[6];
	uint8_t m[6];

	if (strlen(text) != 17)
		return false;
	for (size_t i = 0; i < 6; i++) {
		int hi = hex_digit(text[3 * i]), lo = hex_digit(text[3 * i + 1]);
		if (hi < 0 || lo < 0 || text[3 * i + 2] != (i < 5 ? ':' : '\0'))
			return false;
		m[i] = (uint8_t)(hi << 4 | lo);
	}
	if ((m[0] & 1) || memcmp(m, zero, 6) == 0)
		return false;
	memcpy(mac, m, 6);
	return true;
}

/* --- published ports ------------------------------------------------------------------------------- */

/* A port at the front of *at, which moves past it. */
static bool
take_port(const char **at, uint16_t *port)
{
	uint64_t n;
	size_t used = digits(*at, &n);

	if (used == 0 || n < 1 || n > 65535)
		return false;
	*at += used;
	*port = (uint16_t)n;
	return true;
}

/* HOSTPORT[-END][:GUESTPORT] up to the end. */
static int
publish_ports(const char *text, const char *at, struct value_publish *p, struct failure *f)
{
	if (!take_port(&at, &p->host_first))
		return failed(f, "--publish %s: '%s' does not begin with a host port from 1 to 65535", text,
			      at);
	p->host_last = p->host_first;
	if (*at == '-') {
		at++;
		if (!take_port(&at, &p->host_last))
			return failed(f, "--publish %s: '%s' is not the last port of a range, 1 to 65535",
				      text, at);
		if (p->host_last < p->host_first)
			return failed(f, "--publish %s: the range ends before it begins; write %u-%u", text,
				      p->host_last, p->host_first);
	}
	p->guest_first = p->host_first;
	if (*at == ':') {
		at++;
		if (!take_port(&at, &p->guest_first))
			return failed(f, "--publish %s: '%s' is not a guest port from 1 to 65535", text, at);
	}
	if (*at != '\0')
		return failed(
		    f, "--publish %s: '%s' is left over; write [BIND:]HOSTPORT[-END][:GUESTPORT][/udp]", text,
		    at);
	if (p->guest_first + (p->host_last - p->host_first) > 65535)
		return failed(f, "--publish %s: %d ports from guest port %u pass 65535; begin lower", text,
			      p->host_last - p->host_first + 1, p->guest_first);
	return 0;
}

int
value_publish(const char *text, struct value_publish *out, struct failure *f)
{
	struct value_publish p = {.udp = false};
	char body[80]; /* the longest: a v6 address in brackets, three ports */
	const char *slash = strrchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);

	if (slash && strcmp(slash, "/udp") != 0 && strcmp(slash, "/tcp") != 0)
		return failed(f, "--publish %s: '%s' is neither /tcp nor /udp", text, slash);
	p.udp = slash && strcmp(slash, "/udp") == 0;
	if (len >= sizeof(body))
		return failed(f, "--publish %s: too long; write [BIND:]HOSTPORT[-END][:GUESTPORT][/udp]",
			      text);
	memcpy(body, text, len);
	body[len] = '\0';

	/* Only an address has a dot or a bracket before the first colon; a port never has. */
	const char *at = body;
	size_t head = strcspn(body, ":");
	if (body[0] == '[' || memchr(body, '.', head)) {
		at = leading_address(body, p.bind);
		if (!at || *at != ':')
			return failed(f,
				      "--publish %s: what is before the port is not an address; write "
				      "0.0.0.0:PORT or [::]:PORT",
				      text);
		at++;
	} else {
		const char *second = strchr(body + head + (body[head] == ':'), ':');
		if (second)
			return failed(
			    f, "--publish %s: an IPv6 address goes in brackets, as in [::1]:8080:80", text);
	}
	if (publish_ports(text, at, &p, f) < 0)
		return -1;
	*out = p;
	return 0;
}

/* --- links ----------------------------------------------------------------------------------------- */

int
value_link(const char *text, struct value_link *out, struct failure *f)
{
	struct value_link l = {.netns = NULL};

	if (strncmp(text, "tap:", 4) != 0)
		return failed(f, "%s: not a link sluice knows; write tap:IFNAME or tap:IFNAME@NETNS", text);
	const char *name = text + 4;
	size_t len = strcspn(name, "@");
	if (len == 0 || len >= sizeof(l.ifname))
		return failed(f, "%s: an interface name has 1 to 15 characters, as in tap:tap0", text);
	for (size_t i = 0; i < len; i++)
		if (!isgraph((unsigned char)name[i]) || strchr("/:%", name[i]))
			return failed(f,
				      "%s: '%c' cannot be in an interface name; write letters and digits, as "
				      "in tap:tap0",
				      text, name[i]);
	memcpy(l.ifname, name, len);
	if (strcmp(l.ifname, ".") == 0 || strcmp(l.ifname, "..") == 0)
		return failed(
		    f, "%s: '%s' cannot be an interface name; write letters and digits, as in tap:tap0", text,
		    l.ifname);

	if (name[len] == '@') {
		uint64_t pid;
		l.netns = name + len + 1;
		if (*l.netns == '\0')
			return failed(
			    f, "%s: no namespace behind the @; give a path such as /run/netns/x, or a pid",
			    text);
		l.netns_is_pid = value_number(l.netns, 1, INT_MAX, &pid);
		if (!l.netns_is_pid && !strchr(l.netns, '/'))
			return failed(f, "%s: '%s' is neither a path nor a pid; did you mean /run/netns/%s?",
				      text, l.netns, l.netns);
	}
	*out = l;
	return 0;
}
