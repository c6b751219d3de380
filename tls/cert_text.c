/*
 * cert_text.c - what a certificate says, for people: bounded, printable, whatever its bytes are
 */
#include <stdarg.h>
#include <stdio.h>

#include "stack/addr.h"
#include "tls/cert.h"

#define NAME_SHOWN 64u
#define NAMES_END ", ..."

void
text_add(struct text *t, const char *format, ...)
{
	va_list args;

	if (t->left == 0)
		return;
	va_start(args, format);
	int n = vsnprintf(t->at, t->left, format, args);
	va_end(args);
	size_t took = n < 0 ? 0 : (size_t)n < t->left ? (size_t)n : t->left - 1;
	t->at += took;
	t->left -= took;
}

static bool
is_shown_as_it_is(uint8_t c)
{
	return c >= 0x20 && c <= 0x7e && c != '"' && c != '\\';
}

static size_t
room_of(struct view v, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < v.len && i < max; i++)
		n += is_shown_as_it_is(v.p[i]) ? 1 : 4;
	return n + sizeof("...");
}

void
text_add_bytes(struct text *t, struct view v, size_t max)
{
	for (size_t i = 0; i < v.len && i < max; i++) {
		uint8_t c = v.p[i];

		text_add(t, is_shown_as_it_is(c) ? "%c" : "\\x%02x", c);
	}
	if (v.len > max)
		text_add(t, "...");
}

/* The next attribute of a Name.  False: there are no more. */
static bool
next_attribute(struct rd *sets, struct rd *set, uint8_t *type, struct view *value)
{
	uint8_t tag;

	while (rd_left(set) == 0 && rd_left(sets) && !sets->bad)
		*set = rd_of(der_take(sets, DER_SET));
	if (rd_left(set) == 0)
		return false;
	struct rd pair = rd_of(der_take(set, DER_SEQUENCE));
	struct view oid = der_take(&pair, DER_OID);
	bool is_x520 = oid.len == 3 && oid.p[0] == 0x55 && oid.p[1] == 0x04;

	*type = is_x520 ? oid.p[2] : 0;
	*value = der_any(&pair, &tag, NULL);
	return !pair.bad && !set->bad;
}

/* The last attribute of this type, X.520's (2.5.4.n). */
static struct view
attribute(struct view name, uint8_t wanted)
{
	struct rd sets = rd_of(name), set = rd_of(view_of(NULL, 0));
	struct view found = {NULL, 0}, value;
	uint8_t type;

	while (next_attribute(&sets, &set, &type, &value))
		if (type == wanted)
			found = value;
	return found;
}

void
text_add_subject(struct text *t, struct view name)
{
	static const char *const known[] = {
	    [3] = "CN", [6] = "C", [7] = "L", [8] = "ST", [10] = "O", [11] = "OU"};
	struct rd sets = rd_of(name), set = rd_of(view_of(NULL, 0));
	struct view value;
	uint8_t type;
	bool any = false;

	while (next_attribute(&sets, &set, &type, &value)) {
		if (type >= sizeof(known) / sizeof(known[0]) || !known[type])
			continue;
		text_add(t, "%s%s=", any ? ", " : "", known[type]);
		text_add_bytes(t, value, NAME_SHOWN);
		any = true;
	}
}

void
text_add_name(struct text *t, struct view name)
{
	struct view shown = attribute(name, 3); /* commonName */

	if (!shown.len)
		shown = attribute(name, 10); /* organizationName */
	text_add(t, "\"");
	text_add_bytes(t, shown, NAME_SHOWN);
	text_add(t, "\"");
}

static void
add_address(struct text *t, struct view v)
{
	struct addr a = {{[10] = 0xff, [11] = 0xff}};
	char text[ADDR_TEXT];

	memcpy(a.b + (v.len == 4 ? 12 : 0), v.p, v.len);
	text_add(t, "%s", addr_text(&a, text));
}

void
text_add_names(struct text *t, const struct cert *c)
{
	struct rd r = rd_of(c->alt);
	bool any = false;

	while (rd_left(&r) && !r.bad) {
		uint8_t tag;
		struct view v = der_any(&r, &tag, NULL);
		bool is_dns = tag == DER_CONTEXT + ALT_DNS;

		if (r.bad || (!is_dns && (tag != DER_CONTEXT + ALT_IP || (v.len != 4 && v.len != 16))))
			continue;
		if (t->left < 2 + (is_dns ? room_of(v, NAME_SHOWN) : ADDR_TEXT) + sizeof(NAMES_END)) {
			text_add(t, "%s", any ? NAMES_END : "...");
			return;
		}
		text_add(t, any ? ", " : "");
		any = true;
		if (is_dns)
			text_add_bytes(t, v, NAME_SHOWN);
		else
			add_address(t, v);
	}
	if (!any)
		text_add(t, "nobody");
}
