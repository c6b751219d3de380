/*
 * authority.c - where a request goes
 */
#include "http/authority.h"

static struct view
part(struct view v, size_t from, size_t len)
{
	return view_of(v.p + from, len);
}

/* The place of c in v; v.len: it is not there. */
static size_t
find(struct view v, uint8_t c)
{
	const uint8_t *at = v.len ? memchr(v.p, c, v.len) : NULL;

	return at ? (size_t)(at - v.p) : v.len;
}

static bool
read_port(struct view v, uint16_t *out)
{
	uint32_t n = 0;

	if (v.len > 5)
		return false;
	for (size_t i = 0; i < v.len; i++) {
		if (v.p[i] < '0' || v.p[i] > '9')
			return false;
		n = n * 10 + (v.p[i] - '0');
	}
	*out = (uint16_t)n;
	return n <= UINT16_MAX && (n > 0 || v.len == 0);
}

static bool
read_addr(struct view v, struct addr *out)
{
	char text[ADDR_TEXT];

	if (v.len == 0 || v.len >= sizeof(text))
		return false;
	memcpy(text, v.p, v.len);
	text[v.len] = '\0';
	return memchr(text, '\0', v.len) == NULL && addr_parse(text, out);
}

bool
authority_read(struct view v, struct authority *out)
{
	size_t host = v.len && v.p[0] == '[' ? find(v, ']') + 1 : find(v, ':');

	*out = (struct authority){.port = 0};
	if (v.len == 0 || host > v.len)
		return false;
	if (host < v.len && (v.p[host] != ':' || !read_port(part(v, host + 1, v.len - host - 1), &out->port)))
		return false;
	if (v.p[0] == '[')
		return read_addr(part(v, 1, host - 2), &out->addr) && !addr_is_v4(&out->addr);
	return read_addr(part(v, 0, host), &out->addr) || name_parse((const char *)v.p, host, &out->name);
}

bool
authority_agree(const struct authority *a, const struct authority *b, uint16_t usual)
{
	uint16_t pa = a->port ? a->port : usual, pb = b->port ? b->port : usual;

	return name_eq(&a->name, &b->name) && addr_eq(&a->addr, &b->addr) && (pa == pb || !pa || !pb);
}
