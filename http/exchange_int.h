/*
 * exchange_int.h - what the kinds of exchange share
 */
#ifndef HTTP_EXCHANGE_INT_H
#define HTTP_EXCHANGE_INT_H

#include "http/exchange.h"
#include "http/substitute.h"

/*
 * Have all leaks that were found been told, and may all of them pass?  False: *out is the answer, 403 if the env set none.  r NULL:
 * bytes that are no request.
 */
bool exchange_may_leak(const struct exchange *x, const struct secret_plan *plan, struct substitution *found,
		       const struct request *r, struct request_answer *out);

/* All bodies that are gathered have so many bytes now, or are about to.  False: there is no room for more, and nothing has changed. */
bool exchange_hold(struct exchange *x, size_t bytes);
#define EXCHANGE_NO_ROOM                                                                                  \
	"secrets may be put into this request's body, and too many such bodies are under way: try again " \
	"later"

/* An answer of ours, without a rule. */
void exchange_answer(struct request_answer *out, uint16_t status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
