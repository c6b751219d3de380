/*
 * fields.c - field lines of heads and trailers (RFC 9112 5)
 */
#include "http/head.h"
#include "http/text.h"

const char *
http_field_read(struct view line, struct view *name, struct view *value)
{
	size_t colon = text_find(line, ':');

	if (line.len && (line.p[0] == ' ' || line.p[0] == '\t'))
		return "a folded line";
	if (colon == 0 || colon == line.len)
		return "a line that is no field";
	for (size_t i = 0; i < colon; i++) {
		if (!text_is_token(line.p[i]))
			return "a blank or an odd character in a field's name";
	}
	for (size_t i = colon + 1; i < line.len; i++) {
		if (text_is_control(line.p[i]) && line.p[i] != '\t')
			return "a control character in a field";
	}
	*name = text_part(line, 0, colon);
	*value = text_trimmed(text_part(line, colon + 1, line.len - colon - 1));
	return NULL;
}

const char *
http_length_read(struct view value, uint64_t *length)
{
	uint64_t n = 0;

	if (value.len == 0)
		return "Content-Length is no number";
	for (size_t i = 0; i < value.len; i++) {
		if (!text_is_digit(value.p[i]))
			return "Content-Length is no number";
		if (n > (INT64_MAX - 9) / 10)
			return "Content-Length is too large";
		n = n * 10 + (value.p[i] - '0');
	}
	*length = n;
	return NULL;
}

/* The line that begins at rest, its CRLF left out; false: the empty one, or there is none. */
static bool
next_line(struct view *rest, struct view *line)
{
	size_t end = text_find(*rest, '\n');

	if (end == rest->len || end < 2)
		return false;
	*line = text_part(*rest, 0, end - 1);
	*rest = text_part(*rest, end + 1, rest->len - end - 1);
	return true;
}

struct view
http_fields_of(struct view head)
{
	struct view line;

	next_line(&head, &line);
	return head;
}

bool
http_fields_next(struct view *rest, struct view *name, struct view *value)
{
	struct view line;

	return next_line(rest, &line) && http_field_read(line, name, value) == NULL;
}
