/*
 * name.c - domain names from text and wire, and back
 */
#include "policy/name.h"

#define LABEL_MAX 63u

static uint8_t
lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

static bool
is_plain(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool
name_parse(const char *text, size_t len, struct name *out)
{
	struct name n;
	size_t at = 0, label = 0; /* where the present label's length goes, and what it is so far */

	if (len && text[len - 1] == '.')
		len--;
	if (len == 0 || len > NAME_MAX_WIRE - 2)
		return false;
	for (size_t i = 0; i <= len; i++) {
		uint8_t c = i < len ? lower((uint8_t)text[i]) : '.';

		if (c == '.') {
			if (label == 0)
				return false;
			n.wire[at] = (uint8_t)label;
			at += label + 1;
			label = 0;
		} else {
			if (!is_plain(c) || label == LABEL_MAX)
				return false;
			n.wire[at + 1 + label++] = c;
		}
	}
	n.wire[at++] = 0;
	n.len = (uint8_t)at;
	*out = n;
	return true;
}

bool
name_from_wire(struct view wire, struct name *out)
{
	struct name n;
	struct rd r = rd_of(wire);
	uint8_t label;

	if (wire.len == 0 || wire.len > NAME_MAX_WIRE)
		return false;
	n.len = 0;
	do {
		label = rd_u8(&r);
		if (r.bad || label > LABEL_MAX || label > rd_left(&r))
			return false;
		n.wire[n.len++] = label;
		for (uint8_t i = 0; i < label; i++)
			n.wire[n.len++] = lower(rd_u8(&r));
	} while (label);
	if (rd_left(&r))
		return false;
	*out = n;
	return true;
}

char *
name_text(const struct name *n, char *buf)
{
	char *to = buf;
	unsigned at = 0;

	while (at < n->len && n->wire[at]) {
		unsigned label = n->wire[at++];

		if (to != buf)
			*to++ = '.';
		for (; label && at < n->len; label--, at++) {
			uint8_t c = n->wire[at];

			if (is_plain(c)) {
				*to++ = (char)c;
			} else {
				*to++ = '\\';
				*to++ = (char)('0' + c / 100);
				*to++ = (char)('0' + c / 10 % 10);
				*to++ = (char)('0' + c % 10);
			}
		}
	}
	if (to == buf && n->len)
		*to++ = '.';
	*to = '\0';
	return buf;
}

bool
name_is_under(const struct name *n, const struct name *suffix)
{
	unsigned at = 0;

	while (n->len - at > suffix->len && n->wire[at])
		at += n->wire[at] + 1u;
	return n->len - at == suffix->len && memcmp(n->wire + at, suffix->wire, suffix->len) == 0;
}

unsigned
name_labels(const struct name *n)
{
	unsigned labels = 0;

	for (unsigned at = 0; at < n->len && n->wire[at]; at += n->wire[at] + 1u)
		labels++;
	return labels;
}
