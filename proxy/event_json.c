/*
 * event_json.c - a text of unknown origin as a JSON string
 */
#include <stdio.h>
#include <string.h>

#include "proxy/event.h"

/* Bytes of the UTF-8 character at p (RFC 3629: shortest form, no surrogates, up to U+10FFFF); 0: it is none. */
static size_t
utf8_len(const unsigned char *p)
{
	if (p[0] < 0x80)
		return 1;

	size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
	    (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

/* Controls, C1 among them, and what ends a line to some (U+2028, U+2029) or turns its direction (U+202A to U+202E,
 * U+2066 to U+2069). */
static unsigned
unprintable(const unsigned char *p, size_t n)
{
	if (n == 1 && (p[0] < 0x20 || p[0] == 0x7f))
		return p[0];
	if (n == 2 && p[0] == 0xc2 && p[1] < 0xa0)
		return p[1];
	if (n == 3 && p[0] == 0xe2 && p[1] == 0x80 && p[2] >= 0xa8 && p[2] <= 0xae)
		return 0x2000u + (p[2] - 0x80u);
	if (n == 3 && p[0] == 0xe2 && p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9)
		return 0x2040u + (p[2] - 0x80u);
	return 0;
}

size_t
event_json(const char *text, size_t max, char *out)
{
	const unsigned char *p = (const unsigned char *)text, *end = p + strnlen(text, max);
	char *o = out;

	*o++ = '"';
	while (p < end) {
		size_t n = utf8_len(p);

		if (n == 0) {
			o += sprintf(o, "\\ufffd");
			p++;
			continue;
		}
		if (n > (size_t)(end - p)) /* cut in the middle of a character */
			break;
		unsigned odd = unprintable(p, n);
		if (odd || (*p < 0x20))
			o += sprintf(o, "\\u%04x", odd);
		else if (*p == '"' || *p == '\\')
			o += sprintf(o, "\\%c", *p);
		else
			memcpy(o, p, n), o += n;
		p += n;
	}
	*o++ = '"';
	return (size_t)(o - out);
}
