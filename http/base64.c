#include "http/base64.h"

static const char characters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

const uint8_t base64_values[256] = {
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 62, 64, 62, 64, 63, 52, 53, 54, 55,
    56, 57, 58, 59, 60, 61, 64, 64, 64, 64, 64, 64, 64, 0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12,
    13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 64, 64, 64, 64, 63, 64, 26, 27, 28, 29, 30, 31, 32,
    33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
};

uint8_t
base64_character(uint8_t value)
{
	return (uint8_t)characters[value & 63];
}

bool
base64_decode(struct view text, uint8_t *to, size_t *len)
{
	uint32_t bits = 0;
	size_t n = text.len;

	/* Padding makes the length a multiple of four (RFC 4648 3.2). */
	if (n > 0 && n % 4 == 0)
		for (int i = 0; i < 2 && text.p[n - 1] == '='; i++)
			n--;
	*len = 0;
	if (n % 4 == 1)
		return false;
	for (size_t i = 0; i < n; i++) {
		uint8_t v = base64_value(text.p[i]);

		if (v == BASE64_NONE)
			return false;
		bits = bits << 6 | v;
		if (i % 4 != 0)
			to[(*len)++] = (uint8_t)(bits >> (6 - i % 4 * 2));
	}
	return true;
}

void
base64_encode(struct view bytes, uint8_t *to)
{
	struct rd r = rd_of(bytes);

	while (rd_left(&r) > 0) {
		size_t n = rd_left(&r) < 3 ? rd_left(&r) : 3;
		uint32_t a = rd_u8(&r), b = n > 1 ? rd_u8(&r) : 0, c = n > 2 ? rd_u8(&r) : 0;
		uint32_t bits = a << 16 | b << 8 | c;

		*to++ = base64_character((uint8_t)(bits >> 18));
		*to++ = base64_character((uint8_t)(bits >> 12 & 63));
		*to++ = n > 1 ? base64_character((uint8_t)(bits >> 6 & 63)) : '=';
		*to++ = n > 2 ? base64_character((uint8_t)(bits & 63)) : '=';
	}
}
