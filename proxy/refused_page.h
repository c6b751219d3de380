/*
 * refused_page.h - the last words to a guest whose first flight or request was refused, in its own protocol
 *
 * A service (tcp_service.h) that says them, closes, and lets go of whatever the guest still sends, so that no reset
 * overtakes them; a guest that has not closed after REFUSED_PAGE_WAIT is reset.
 */
#ifndef PROXY_REFUSED_PAGE_H
#define PROXY_REFUSED_PAGE_H

#include <stdbool.h>

#include "proxy/tcp_service.h"

#define REFUSED_PAGE_WAIT (5 * USEC_PER_SEC)

enum tls_alert { TLS_ALERT_ACCESS_DENIED = 49, TLS_ALERT_DECODE_ERROR = 50 }; /* RFC 8446 6.2 */

/* tf is handed over to a page that says a fatal alert.  False: no memory, nothing happened. */
bool refused_with_alert(struct sluice *gw, struct tcp_flow *tf, enum tls_alert alert, usec_t now);
/* ... that answers an HTTP request: "403 Forbidden", and text as its body, without one if it was HEAD. */
bool refused_with_page(struct sluice *gw, struct tcp_flow *tf, const char *status, const char *text,
		       bool head, usec_t now);

#endif
