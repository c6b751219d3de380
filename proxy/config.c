/*
 * config.c - reading what the embedder said about the guest's network
 *
 * Text becomes values here, or a sentence that names the text and what was expected of it.
 */
#include "proxy/config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "proxy/config_net.h"
#include "proxy/option_values.h"

enum {
	DOMAIN_BYTES = 253, /* of a name as text: 255 on the wire (RFC 1035 2.3.4) */
	SEARCH_BYTES =
	    255, /* of all of them on the wire: one option of DHCP, and with room in advertisements */
};

bool
wrong(struct setup *su, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(su->err, su->errlen, fmt, ap);
	va_end(ap);
	return false;
}

/* --- the guest's network ---------------------------------------------------------------------------------- */

static struct mac
mac_of(const uint8_t b[6])
{
	struct mac m;

	memcpy(m.b, b, sizeof(m.b));
	return m;
}

/* --- names ------------------------------------------------------------------------------------------------- */

/* A name's labels behind their lengths, and the root's that ends it (RFC 1035 3.1). */
static void
emit_name(struct wr *w, const char *name)
{
	for (const char *label = name;; label++) {
		size_t n = strcspn(label, ".");

		wr_u8(w, (uint8_t)n);
		wr_bytes(w, label, n);
		label += n;
		if (*label == '\0')
			break;
	}
	wr_u8(w, 0);
}

static bool
parse_search(struct setup *su, const struct sluice_config *cfg, struct stack_config *out)
{
	struct wr w = wr_of(out->search, SEARCH_BYTES);

	if (cfg->nsearch > SLUICE_SEARCH_MAX)
		return wrong(su, "%zu search domains are too many: at most %d", cfg->nsearch,
			     SLUICE_SEARCH_MAX);
	for (size_t i = 0; i < cfg->nsearch; i++) {
		/* What goes into a resolver's configuration must not be able to say anything else there. */
		if (!cfg->search[i] || !option_domain(cfg->search[i], DOMAIN_BYTES))
			return wrong(su,
				     "search domain '%s' is not labels of letters, digits, '-' and '_' "
				     "with dots between them, as in lab.example",
				     cfg->search[i] ? cfg->search[i] : "(null)");
		emit_name(&w, cfg->search[i]);
		if (w.bad)
			return wrong(su,
				     "search domains take more than %d bytes, with '%s': give fewer or "
				     "shorter ones",
				     SEARCH_BYTES, cfg->search[i]);
	}
	out->search_len = (uint16_t)(w.p - out->search);
	return true;
}

static bool
parse_names(struct setup *su, const struct sluice_config *cfg, struct stack_config *out)
{
	const char *hostname = cfg->hostname ? cfg->hostname : "";

	out->dhcp = !cfg->no_dhcp;
	if (*hostname && !option_domain(hostname, sizeof(out->hostname) - 1))
		return wrong(su, "host name '%s' is not up to %zu letters, digits, '-', '_' and '.'",
			     hostname, sizeof(out->hostname) - 1);
	memcpy(out->hostname, hostname, strlen(hostname) + 1);
	return parse_search(su, cfg, out);
}

/* --- all of it --------------------------------------------------------------------------------------------- */

bool
config_stack(struct setup *su, const struct sluice_config *cfg, struct stack_config *out)
{
	static const uint8_t gateway_mac[6] = {0x52, 0x55, 0x0a, 0x00, 0x02, 0x02};

	out->guest_mac = mac_of(cfg->guest_mac);
	out->mac = mac_of(cfg->gateway_mac);
	if (mac_is_zero(out->mac))
		out->mac = mac_of(gateway_mac);
	if (mac_is_group(out->mac) || mac_is_group(out->guest_mac))
		return wrong(
		    su,
		    "a MAC address of a host cannot be a group address (lowest bit of its first byte set)");
	if (mac_eq(out->mac, out->guest_mac))
		return wrong(su, "guest and gateway cannot have the same MAC address");
	if (cfg->ipv4.off && cfg->ipv6.off)
		return wrong(su, "both IPv4 and IPv6 are off: nothing is left to carry");
	return config_net(su, &cfg->ipv4, FAMILY_V4, &out->net[FAMILY_V4]) &&
	       config_net(su, &cfg->ipv6, FAMILY_V6, &out->net[FAMILY_V6]) && parse_names(su, cfg, out);
}
