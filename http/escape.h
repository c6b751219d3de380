/*
 * escape.h - a value written so that the text around it keeps its meaning; and where an escaped text began
 */
#ifndef HTTP_ESCAPE_H
#define HTTP_ESCAPE_H

#include "http/substitute.h"

void escape_percent(struct view value, struct clear *out); /* RFC 3986 2.1: all but unreserved characters */
void escape_json(struct view value, struct clear *out);    /* RFC 8259 7; bytes beyond ASCII stay */

/* Where in text, which was searched from its beginning, n decoded bytes begin that end at `end`. */
size_t escape_percent_begin(struct view text, size_t end, size_t n);
size_t escape_json_begin(struct view text, size_t end, size_t n);

#endif
