/*
 * status_page.h - http://gateway.sluice.internal/: the guest's own last refusals, for people and for programs
 *
 * The DNS address, TCP port 80.  GET / is text, or JSON for who accepts application/json; /refusals.json is JSON.  A
 * connection is one request; at most STATUS_PAGES are served at once, the next is reset.
 */
#ifndef PROXY_STATUS_PAGE_H
#define PROXY_STATUS_PAGE_H

#include "proxy/tcp_service.h"
#include "stack/addr.h"

#define STATUS_PAGE_PORT 80u
#define STATUS_PAGES 16u

/* Is a SYN to `to` one for the page?  False too when it is switched off. */
bool status_page_is_at(const struct sluice *gw, const struct endpoint *to);
extern const struct tcp_service status_page_service;

#endif
