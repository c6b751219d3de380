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
#include "tls/tls.h"

#define REFUSED_PAGE_WAIT (5 * USEC_PER_SEC)

/* tf is handed over to a page that says a fatal alert (TLS_ALERT_...).  False: no memory, nothing happened. */
bool refused_with_alert(struct sluice *gw, struct tcp_flow *tf, uint8_t alert, usec_t now);
/* ... that answers an HTTP request: "403 Forbidden", and text as its body, without one if it was HEAD. */
bool refused_with_page(struct sluice *gw, struct tcp_flow *tf, const char *status, const char *text,
		       bool head, usec_t now);

#endif
