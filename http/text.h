/*
 * text.h - characters, tokens and lists, as HTTP/1's readers see them (RFC 9110 5.6)
 */
#ifndef HTTP_TEXT_H
#define HTTP_TEXT_H

#include "stack/wire.h"

static inline uint8_t
text_lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

static inline bool
text_is_letter(uint8_t c)
{
	return text_lower(c) >= 'a' && text_lower(c) <= 'z';
}

static inline bool
text_is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static inline bool
text_is_token(uint8_t c)
{
	return text_is_letter(c) || text_is_digit(c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static inline bool
text_is_control(uint8_t c)
{
	return c < ' ' || c == 0x7f;
}

/* The value of a hex digit; -1: it is none. */
static inline int
text_hex(uint8_t c)
{
	if (text_is_digit(c))
		return c - '0';
	c = text_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* text is in lower case; v in any. */
static inline bool
text_same(struct view v, const char *text)
{
	size_t i = 0;

	for (; i < v.len && text[i]; i++) {
		if (text_lower(v.p[i]) != (uint8_t)text[i])
			return false;
	}
	return i == v.len && !text[i];
}

static inline struct view
text_part(struct view v, size_t from, size_t len)
{
	return (struct view){.p = v.p + from, .len = len};
}

static inline struct view
text_trimmed(struct view v)
{
	while (v.len && (v.p[0] == ' ' || v.p[0] == '\t'))
		v = text_part(v, 1, v.len - 1);
	while (v.len && (v.p[v.len - 1] == ' ' || v.p[v.len - 1] == '\t'))
		v.len--;
	return v;
}

/* The place of c in v; v.len: it is not there. */
static inline size_t
text_find(struct view v, uint8_t c)
{
	const uint8_t *at = v.len ? memchr(v.p, c, v.len) : NULL;

	return at ? (size_t)(at - v.p) : v.len;
}

/* What stands before the next `by`, trimmed; *list becomes what stands behind it.  False: there is no more. */
static inline bool
text_next(struct view *list, uint8_t by, struct view *item)
{
	if (list->len == 0)
		return false;
	size_t end = text_find(*list, by);
	*item = text_trimmed(text_part(*list, 0, end));
	*list = end == list->len ? view_of(NULL, 0) : text_part(*list, end + 1, list->len - end - 1);
	return true;
}

/* Does a list of tokens have this one? */
static inline bool
text_lists(struct view value, const char *token)
{
	struct view item;

	while (text_next(&value, ',', &item)) {
		if (text_same(item, token))
			return true;
	}
	return false;
}

#endif
