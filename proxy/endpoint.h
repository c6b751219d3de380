/*
 * endpoint.h - an address and a port as an embedder writes and reads them
 */
#ifndef PROXY_ENDPOINT_H
#define PROXY_ENDPOINT_H

#include "stack/addr.h"

#define ENDPOINT_TEXT (ADDR_TEXT + 8) /* "[ADDR]:65535" and its end */

enum endpoint_text_is { ENDPOINT_OK, ENDPOINT_FORM, ENDPOINT_ADDR, ENDPOINT_PORT };

/* "ADDR:PORT" or "[ADDR]:PORT", of at most ENDPOINT_TEXT bytes with its end; returns buf. */
char *endpoint_text(const struct endpoint *e, char *buf);

/*
 * "ADDR", "ADDR:PORT" or "[ADDR]:PORT".  Without a port it is `port`; port 0: it must have one.  What is wrong with
 * it: its form, the address, the port (a number from 1 to 65535).  out is written only when nothing is.
 */
enum endpoint_text_is endpoint_parse(const char *text, uint16_t port, struct endpoint *out);

#endif
