/*
 * endpoint.c - an address and a port as text: RFC 3986 brackets for IPv6, as everywhere
 */
#include "proxy/endpoint.h"

#include <stdio.h>

char *
endpoint_text(const struct endpoint *e, char *buf)
{
	char addr[ADDR_TEXT];

	snprintf(buf, ENDPOINT_TEXT, addr_is_v4(&e->addr) ? "%s:%u" : "[%s]:%u", addr_text(&e->addr, addr),
		 e->port);
	return buf;
}

static bool
parse_port(const char *text, uint16_t *port)
{
	uint32_t n = 0;

	for (const char *c = text; *c; c++) {
		if (*c < '0' || *c > '9' || n > UINT16_MAX)
			return false;
		n = n * 10 + (uint32_t)(*c - '0');
	}
	*port = (uint16_t)n;
	return n >= 1 && n <= UINT16_MAX;
}

/* Where the address begins and ends, and where the port does; false: it has not the form of one. */
static bool
cut(const char *text, struct view *addr, const char **port)
{
	const char *from = text, *end = text + strlen(text), *colon = strchr(text, ':');

	*port = NULL;
	if (*text == '[') {
		from = text + 1;
		end = strchr(from, ']');
		if (!end || (end[1] && end[1] != ':'))
			return false;
		*port = end[1] ? end + 2 : NULL;
	} else if (colon && colon == strrchr(text, ':')) {
		end = colon;
		*port = colon + 1;
	}
	*addr = view_of(from, (size_t)(end - from));
	return addr->len < ADDR_TEXT;
}

enum endpoint_text_is
endpoint_parse(const char *text, uint16_t port, struct endpoint *out)
{
	struct endpoint e = {.port = port};
	const char *port_text;
	char addr[ADDR_TEXT];
	struct view v;

	if (!cut(text, &v, &port_text) || (!port_text && port == 0))
		return ENDPOINT_FORM;
	memcpy(addr, v.p, v.len);
	addr[v.len] = '\0';
	/* Brackets are IPv6's, and an IPv4 address in its clothes is neither. */
	if (!addr_parse(addr, &e.addr) || (addr_is_v4(&e.addr) && (strchr(addr, ':') || *text == '[')))
		return ENDPOINT_ADDR;
	if (port_text && !parse_port(port_text, &e.port))
		return ENDPOINT_PORT;
	*out = e;
	return ENDPOINT_OK;
}
