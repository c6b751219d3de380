/*
 * ca_files.h - the CA in a directory: ca.pem and ca.key, made once whoever asks first
 *
 * Several programs may start at the same moment: one makes the pair under a lock (the file "lock" beside them), the others find it.
 * Each file is written whole under another name first, the key before the certificate, so that a certificate is never there without its
 * key.  The directory is made with mode 0700, the key with 0600; a key that others may read is refused.
 */
#ifndef PROXY_CA_FILES_H
#define PROXY_CA_FILES_H

#include "tls/ca.h"

/* now: seconds since 1970.  False and a sentence. */
bool ca_files_make(struct tls *t, const char *dir, uint64_t now, char *err, size_t errlen);
/* The CA that is there; NULL and a sentence.  pem (CA_PEM bytes, NULL: not asked): its certificate, NUL-terminated. */
struct tls_ca *ca_files_read(struct tls *t, const char *dir, uint64_t now, char *pem, char *err,
			     size_t errlen);

#endif
