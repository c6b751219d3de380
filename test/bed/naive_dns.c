/*
 * naive_dns.c - a DNS message read the plain way
 */
#include "test/bed/naive_dns.h"

#include <string.h>

static unsigned
u16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

size_t
naive_name_read(const uint8_t *p, size_t len, size_t at, struct naive_name *out)
{
	size_t next = 0;

	out->len = 0;
	for (unsigned steps = 0; steps < 300; steps++) {
		if (at >= len)
			return 0;
		if (p[at] >= 0xc0) {
			if (at + 1 >= len)
				return 0;
			if (!next)
				next = at + 2;
			at = u16(p + at) & 0x3fff;
			continue;
		}
		unsigned label = p[at];
		if (label > 63 || at + 1 + label > len || out->len + 1 + label > 255)
			return 0;
		memcpy(out->wire + out->len, p + at, label + 1);
		out->len += label + 1;
		at += label + 1;
		if (label == 0)
			return next ? next : at;
	}
	return 0;
}

static unsigned
folded(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c + 32u : c;
}

bool
naive_name_eq(const struct naive_name *a, const struct naive_name *b)
{
	if (a->len != b->len)
		return false;
	for (unsigned i = 0; i < a->len; i++)
		if (folded(a->wire[i]) != folded(b->wire[i]))
			return false;
	return true;
}

static size_t
read_record(const uint8_t *p, size_t len, size_t at, struct naive_record *r)
{
	at = naive_name_read(p, len, at, &r->owner);
	if (!at || at + 10 > len)
		return 0;
	r->type = u16(p + at);
	r->class = u16(p + at + 2);
	r->ttl = (uint32_t)u16(p + at + 4) << 16 | u16(p + at + 6);
	r->len = u16(p + at + 8);
	r->at = at + 10;
	return r->at + r->len <= len ? r->at + r->len : 0;
}

bool
naive_dns_read(const uint8_t *p, size_t len, struct naive_dns *m)
{
	size_t at;

	if (len < 12)
		return false;
	m->id = u16(p);
	m->flags = u16(p + 2);
	m->n = 0;
	for (unsigned s = 0; s < 4; s++)
		m->count[s] = u16(p + 4 + 2 * (size_t)s);
	if (m->count[0] != 1)
		return false;
	at = naive_name_read(p, len, 12, &m->asked);
	if (!at || at + 4 > len)
		return false;
	m->type = u16(p + at);
	m->class = u16(p + at + 2);
	at += 4;
	for (unsigned s = 1; s < 4; s++) {
		for (unsigned i = 0; i < m->count[s]; i++) {
			if (m->n == NAIVE_RECORDS)
				return false;
			m->record[m->n].section = s;
			at = read_record(p, len, at, &m->record[m->n++]);
			if (!at)
				return false;
		}
	}
	return at == len;
}

const struct naive_record *
naive_dns_find(const struct naive_dns *m, unsigned section, unsigned type)
{
	for (unsigned i = 0; i < m->n; i++)
		if (m->record[i].section == section && m->record[i].type == type)
			return &m->record[i];
	return NULL;
}

unsigned
naive_dns_count(const struct naive_dns *m, unsigned section, unsigned type)
{
	unsigned n = 0;

	for (unsigned i = 0; i < m->n; i++)
		n += m->record[i].section == section && m->record[i].type == type;
	return n;
}

int
naive_dns_ede(const uint8_t *p, const struct naive_dns *m, char *text)
{
	const struct naive_record *opt = naive_dns_find(m, 3, 41);

	text[0] = '\0';
	for (size_t at = 0; opt && at + 4 <= opt->len;) {
		const uint8_t *o = p + opt->at + at;
		unsigned len = u16(o + 2);

		if (u16(o) == 15 && len >= 2 && len - 2 < 256 && at + 4 + len <= opt->len) {
			memcpy(text, o + 6, len - 2);
			text[len - 2] = '\0';
			return (int)u16(o + 4);
		}
		at += 4 + (size_t)len;
	}
	return -1;
}
