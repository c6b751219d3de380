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

/* An answer of ours, without a rule. */
void exchange_answer(struct request_answer *out, uint16_t status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
