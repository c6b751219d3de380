/*
 * exchange.c - what is spoken here, and what all exchanges share
 */
#include "http/exchange_int.h"

#include <stdarg.h>
#include <stdio.h>

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

bool
exchange_may_leak(const struct exchange *x, const struct secret_plan *plan, struct substitution *found,
		  const struct request *r, struct request_answer *out)
{
	while (found->leak) {
		const struct request_leak l = {.secret = &plan->set->secret[found->leaked],
					       .place = found->place,
					       .form = scan_form_name(found->form)};

		*out = (struct request_answer){.status = 0};
		if (!x->env->leaked(x->env->ctx, r, &l, out)) {
			if (out->status == 0)
				exchange_answer(out, 403, "a placeholder of a secret may not go there");
			return false;
		}
		substitution_told(plan, found);
	}
	return true;
}

bool
exchange_hold(struct exchange *x, size_t bytes)
{
	const ptrdiff_t more = (ptrdiff_t)bytes - (ptrdiff_t)x->held;

	if (more && x->env->room && !x->env->room(x->env->ctx, more) && more > 0)
		return false;
	x->held = bytes;
	return true;
}

void
exchange_answer(struct request_answer *out, uint16_t status, const char *format, ...)
{
	va_list args;

	*out = (struct request_answer){.status = status};
	va_start(args, format);
	vsnprintf(out->text, sizeof(out->text), format, args);
	va_end(args);
}
