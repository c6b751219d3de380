/*
 * option_values.c - parsers of numbers, addresses, domains and published ports
 */
#include "proxy/option_values.h"

#include <string.h>

#include "dns/local.h"
#include "dns/servers.h"
#include "policy/name.h"

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
option_number(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	uint64_t n;
	size_t used = digits(text, &n);

	if (used == 0 || text[used] != '\0' || n < min || n > max)
		return false;
	*out = n;
	return true;
}

bool
option_size(const char *text, uint64_t *out)
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

bool
option_duration(const char *text, uint64_t *ms)
{
	uint64_t n, part = 0;
	size_t used = digits(text, &n);
	const char *at = text + used;

	if (used == 0 || n > UINT32_MAX)
		return false;
	if (strcmp(at, "ms") == 0) {
		*ms = n;
		return true;
	}
	if (*at == '.') {
		size_t places = digits(++at, &part);
		if (places == 0 || places > 3)
			return false;
		at += places;
		for (; places < 3; places++)
			part *= 10;
	}
	if (strcmp(at, "s") != 0)
		return false;
	*ms = n * 1000 + part;
	return true;
}

/* --- addresses ------------------------------------------------------------------------------------- */

bool
option_address(const char *text, struct addr *out)
{
	struct addr a;

	if (!addr_parse(text, &a) || (addr_is_v4(&a) && strchr(text, ':')))
		return false;
	*out = a;
	return true;
}

bool
option_prefix(const char *text, struct addr *out, unsigned *plen)
{
	const char *slash = strchr(text, '/');
	char head[ADDR_TEXT];
	struct addr a;
	uint64_t n;

	if (!slash || (size_t)(slash - text) >= sizeof(head))
		return false;
	memcpy(head, text, (size_t)(slash - text));
	head[slash - text] = '\0';
	if (!option_address(head, &a) || !option_number(slash + 1, 1, addr_is_v4(&a) ? 32 : 128, &n))
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
leading_address(const char *text, char addr[ADDR_TEXT])
{
	bool brackets = text[0] == '[';
	const char *from = text + brackets;
	size_t len = strcspn(from, brackets ? "]" : ":");
	struct addr a;

	if (len >= ADDR_TEXT || (brackets && from[len] != ']'))
		return NULL;
	memcpy(addr, from, len);
	addr[len] = '\0';
	if (!option_address(addr, &a) || addr_is_v4(&a) == brackets)
		return NULL;
	return from + len + brackets;
}

bool
option_nameserver(const char *text)
{
	struct dns_server is;

	return dns_server_parse(view_of(text, strlen(text)), &is) == NULL;
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
option_mac(const char *text, uint8_t mac[6])
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

/* --- domains --------------------------------------------------------------------------------------- */

static bool
is_label_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
	       c == '_';
}

bool
option_domain(const char *text, size_t max)
{
	size_t len = strlen(text);

	if (len == 0 || len > max)
		return false;
	for (const char *label = text;;) {
		size_t n = 0;
		while (is_label_byte(label[n]))
			n++;
		/* RFC 1035 2.3.4: 63 bytes; RFC 1123 2.1: neither end is a hyphen. */
		if (n == 0 || n > 63 || label[0] == '-' || label[n - 1] == '-')
			return false;
		if (label[n] == '\0')
			return true;
		if (label[n] != '.')
			return false;
		label += n + 1;
	}
}

bool
option_is_pattern(const char *text)
{
	struct name n;

	if (strncmp(text, "*.", 2) == 0)
		text += 2;
	return name_parse(text, strlen(text), &n) && n.len > 1;
}

/* Is each of the texts with commas between them what `is` says?  How many there are; 0: not all. */
static size_t
each(const char *list, bool (*is)(const char *text))
{
	char one[DNS_SERVER_TEXT]; /* the longest: a nameserver that is asked over TLS, with its name */
	size_t n = 0;

	for (;; list++) {
		size_t len = strcspn(list, ",");
		if (len >= sizeof(one))
			return 0;
		memcpy(one, list, len);
		one[len] = '\0';
		if (!is(one))
			return 0;
		n++;
		list += len;
		if (*list == '\0')
			return n;
	}
}

static bool
is_address(const char *text)
{
	struct addr a;

	return option_address(text, &a);
}

const char *
option_is_route(const char *text)
{
	struct name n;
	const char *eq = strchr(text, '=');

	if (!eq || !name_parse(text, (size_t)(eq - text), &n))
		return "not SUFFIX=ADDR[:PORT]; write it as in corp.example=192.0.2.1,192.0.2.2:5353";
	size_t servers = each(eq + 1, option_nameserver);
	if (servers == 0)
		return "what is behind '=' is not ADDR[:PORT] or tls://ADDR[:PORT]#NAME, or several with "
		       "commas between them; IPv6 with a port goes in brackets";
	return servers > DNS_SERVERS ? "more than 8 servers of one suffix; give fewer" : NULL;
}

const char *
option_is_host(const char *text)
{
	struct name n;
	const char *eq = strchr(text, '=');

	if (!eq || !name_parse(text, (size_t)(eq - text), &n) || n.len <= 1)
		return "not NAME=ADDR; write it as in db.example=192.0.2.7,2001:db8::7";
	size_t addresses = each(eq + 1, is_address);
	if (addresses == 0)
		return "what is behind '=' is not an address, or several with commas between them";
	return addresses > DNS_LOCAL_ADDRS ? "more than 16 addresses of one name; give fewer" : NULL;
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
static bool
publish_ports(struct setup *su, const char *text, const char *at, struct option_publish *p)
{
	if (!take_port(&at, &p->host_first))
		return wrong(su, "--publish %s: '%s' does not begin with a host port from 1 to 65535", text,
			     at);
	p->host_last = p->host_first;
	if (*at == '-') {
		at++;
		if (!take_port(&at, &p->host_last))
			return wrong(su, "--publish %s: '%s' is not the last port of a range, 1 to 65535",
				     text, at);
		if (p->host_last < p->host_first)
			return wrong(su, "--publish %s: the range ends before it begins; write %u-%u", text,
				     p->host_last, p->host_first);
	}
	p->guest_first = p->host_first;
	if (*at == ':') {
		at++;
		if (!take_port(&at, &p->guest_first))
			return wrong(su, "--publish %s: '%s' is not a guest port from 1 to 65535", text, at);
	}
	if (*at != '\0')
		return wrong(su,
			     "--publish %s: '%s' is left over; write [BIND:]HOSTPORT[-END][:GUESTPORT][/udp]",
			     text, at);
	if (p->guest_first + (p->host_last - p->host_first) > 65535)
		return wrong(su, "--publish %s: %d ports from guest port %u pass 65535; begin lower", text,
			     p->host_last - p->host_first + 1, p->guest_first);
	return true;
}

bool
option_publish(struct setup *su, const char *text, struct option_publish *out)
{
	struct option_publish p = {.udp = false};
	char body[80]; /* the longest: a v6 address in brackets, three ports */
	const char *slash = strrchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);

	if (slash && strcmp(slash, "/udp") != 0 && strcmp(slash, "/tcp") != 0)
		return wrong(su, "--publish %s: '%s' is neither /tcp nor /udp", text, slash);
	p.udp = slash && strcmp(slash, "/udp") == 0;
	if (len >= sizeof(body))
		return wrong(su, "--publish %s: too long; write [BIND:]HOSTPORT[-END][:GUESTPORT][/udp]",
			     text);
	memcpy(body, text, len);
	body[len] = '\0';

	/* Only an address has a dot or a bracket before the first colon; a port never has. */
	const char *at = body;
	size_t head = strcspn(body, ":");
	if (body[0] == '[' || memchr(body, '.', head)) {
		at = leading_address(body, p.bind);
		if (!at || *at != ':')
			return wrong(su,
				     "--publish %s: what is before the port is not an address; write "
				     "0.0.0.0:PORT or [::]:PORT",
				     text);
		at++;
	} else {
		const char *second = strchr(body + head + (body[head] == ':'), ':');
		if (second)
			return wrong(
			    su, "--publish %s: an IPv6 address goes in brackets, as in [::1]:8080:80", text);
	}
	if (!publish_ports(su, text, at, &p))
		return false;
	*out = p;
	return true;
}
