/*
 * pem.c - blocks of base64 between two lines
 */
#include "tls/pem.h"
#include "tls/lib.h"

static const char begins[] = "-----BEGIN CERTIFICATE-----", ends[] = "-----END CERTIFICATE-----";

/* v from behind the first `mark` on; p NULL: it is not there. */
static struct view
behind(struct view v, const char *mark)
{
	const uint8_t *at = v.len ? memmem(v.p, v.len, mark, strlen(mark)) : NULL;

	if (!at)
		return view_of(NULL, 0);
	at += strlen(mark);
	return view_of(at, v.len - (size_t)(at - v.p));
}

bool
pem_next(struct view *pem, uint8_t *der, size_t room, size_t *len)
{
	struct view in = behind(*pem, begins);

	*len = 0;
	if (!in.p)
		return false;
	/* One that does not end before the next begins is none. */
	struct view next = behind(in, begins);
	struct view one = view_of(in.p, next.p ? (size_t)(next.p - in.p) - strlen(begins) : in.len);
	struct view after = behind(one, ends);
	size_t text = after.p ? (size_t)(after.p - one.p) - strlen(ends) : 0;

	if (mbedtls_base64_decode(der, room, len, one.p, text))
		*len = 0;
	*pem = view_of(in.p + one.len, in.len - one.len);
	return true;
}
