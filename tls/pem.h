/*
 * pem.h - certificates in PEM (RFC 7468)
 *
 * For the files of tls/ alone.
 */
#ifndef TLS_PEM_H
#define TLS_PEM_H

#include "stack/wire.h"

/*
 * The next certificate's DER, into room bytes; *pem moves behind it.  False: there is none.  A block that
 * cannot be read has *len 0, and what follows it can be read all the same: each is decoded alone, between its
 * own two lines.
 */
bool pem_next(struct view *pem, uint8_t *der, size_t room, size_t *len);

#endif
