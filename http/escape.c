#include "http/escape.h"

static const char digits[] = "0123456789ABCDEF";

static bool
is_unreserved(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
	       c == '.' || c == '_' || c == '~';
}

void
escape_percent(struct view value, struct clear *out)
{
	for (size_t i = 0; i < value.len; i++) {
		uint8_t c = value.p[i];
		const char text[3] = {'%', digits[c >> 4], digits[c & 15]};

		if (is_unreserved(c))
			clear_add(out, &c, 1);
		else
			clear_add(out, text, sizeof(text));
	}
}

void
escape_json(struct view value, struct clear *out)
{
	for (size_t i = 0; i < value.len; i++) {
		uint8_t c = value.p[i];
		const char text[6] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]};

		if (c < 0x20)
			clear_add(out, text, sizeof(text));
		else if (c == '"' || c == '\\')
			clear_add(out, (const char[]){'\\', (char)c}, 2);
		else
			clear_add(out, &c, 1);
	}
}

static bool
is_hex(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!((p[i] >= '0' && p[i] <= '9') || (p[i] >= 'A' && p[i] <= 'F') ||
		      (p[i] >= 'a' && p[i] <= 'f')))
			return false;
	return true;
}

/* A '%' is never part of an escape but as its first byte, so reading backwards leaves no doubt. */
size_t
escape_percent_begin(struct view text, size_t end, size_t n)
{
	while (n-- > 0 && end > 0)
		end -= end >= 3 && text.p[end - 3] == '%' && is_hex(text.p + end - 2, 2) ? 3 : 1;
	return end;
}

/* A backslash at `at` begins an escape if those before it are all used up in pairs. */
static bool
begins_escape(struct view text, size_t at)
{
	size_t n = 0;

	while (n < at && text.p[at - n - 1] == '\\')
		n++;
	return n % 2 == 0;
}

static size_t
json_length(struct view text, size_t end)
{
	if (end >= 6 && text.p[end - 6] == '\\' && text.p[end - 5] == 'u' && is_hex(text.p + end - 4, 4) &&
	    begins_escape(text, end - 6))
		return 6;
	/* Of the others only the slash may stand in a placeholder. */
	return end >= 2 && text.p[end - 2] == '\\' && text.p[end - 1] == '/' && begins_escape(text, end - 2)
		   ? 2
		   : 1;
}

size_t
escape_json_begin(struct view text, size_t end, size_t n)
{
	while (n-- > 0 && end > 0)
		end -= json_length(text, end);
	return end;
}
