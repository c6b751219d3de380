/*
 * exchange.c - what is spoken here, and what all exchanges share
 */
#include "http/exchange.h"

#include "http/head.h"

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"; /* RFC 9113 3.4 */

enum exchange_kind
exchange_guess(struct view first)
{
	struct http_reader r = {.at = 0};
	struct http_head h;
	size_t n = first.len < sizeof(preface) - 1 ? first.len : sizeof(preface) - 1;

	if (n == 0)
		return EXCHANGE_UNSURE;
	if (memcmp(first.p, preface, n) == 0)
		return n == sizeof(preface) - 1 ? EXCHANGE_H2 : EXCHANGE_UNSURE;
	switch (http_reader_read(&r, first, &h)) {
	case HTTP_NOT:
		return EXCHANGE_OTHER;
	case HTTP_MORE:
		/* The first line is whole once its method has a length. */
		return r.method ? EXCHANGE_H1 : EXCHANGE_UNSURE;
	default:
		return EXCHANGE_H1; /* also one that is to be refused as such */
	}
}
