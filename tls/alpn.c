/*
 * alpn.c - the protocols of a ClientHello (RFC 7301 3.1)
 */
#include "tls/tls.h"

void
tls_alpn_read(struct view list, struct tls_alpn *out)
{
	struct rd r = rd_of(list);

	*out = (struct tls_alpn){.n = 0};
	while (rd_left(&r) && out->n < TLS_ALPN_MAX) {
		struct view name = rd_take(&r, rd_u8(&r));

		if (name.len == 0)
			return;
		/* A NUL would end it early on its way through the library: it would be offered as another name. */
		if (name.len >= sizeof(out->name[0]) || memchr(name.p, '\0', name.len))
			continue;
		memcpy(out->name[out->n++], name.p, name.len);
	}
}
