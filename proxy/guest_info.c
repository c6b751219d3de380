/*
 * guest_info.c - what the guest must be told, as the configuration decides it
 *
 * The same functions decide here and in sluice_new(), so that a guest is never told anything else than what the
 * gateway then does.
 */
#include <stdio.h>
#include <string.h>

#include "proxy/gateway.h"
#include "proxy/link_open.h"

/* --- as data ------------------------------------------------------------------------------------------------- */

static void
put_addr(char out[SLUICE_ADDR_TEXT], const struct addr *a)
{
	char text[ADDR_TEXT];

	snprintf(out, SLUICE_ADDR_TEXT, "%.*s", SLUICE_ADDR_TEXT - 1, addr_text(a, text));
}

/* The gateway is always in the guest's subnet (config_net.c), so one route is all it needs. */
static void
put_net(struct sluice_guest_net *out, const struct stack_net *net)
{
	if (!net->on)
		return;
	out->on = true;
	out->plen = net->plen;
	put_addr(out->address, &net->guest);
	put_addr(out->gateway, &net->gateway);
	put_addr(out->dns, &net->dns);
	snprintf(out->route[0].to, sizeof(out->route[0].to), "%s",
		 addr_is_v4(&net->guest) ? "0.0.0.0/0" : "::/0");
	put_addr(out->route[0].via, &net->gateway);
	out->nroute = 1;
}

/* From names as on the wire (RFC 1035 3.1) to text with a blank between two: always shorter. */
static void
put_search(char *out, size_t room, struct view wire)
{
	struct rd r = rd_of(wire);
	struct wr w = wr_of((uint8_t *)out, room - 1);
	bool first = true, inside = false;

	while (rd_left(&r) > 0) {
		struct view label = rd_take(&r, rd_u8(&r));

		if (label.len == 0) {
			inside = false;
			continue;
		}
		if (inside || !first)
			wr_u8(&w, inside ? '.' : ' ');
		wr_bytes(&w, label.p, label.len);
		inside = true;
		first = false;
	}
	out[w.p - (uint8_t *)out] = '\0';
}

static bool
decide(struct setup *su, const struct sluice_config *cfg, struct sluice_guest *g)
{
	struct stack_config sc = {.dhcp = false};

	if (!link_mtu(su, cfg, &g->mtu) || !config_stack(su, cfg, &sc))
		return false;
	memcpy(g->mac, sc.guest_mac.b, sizeof(g->mac));
	memcpy(g->gateway_mac, sc.mac.b, sizeof(g->gateway_mac));
	put_net(&g->ipv4, &sc.net[FAMILY_V4]);
	put_net(&g->ipv6, &sc.net[FAMILY_V6]);
	memcpy(g->hostname, sc.hostname, sizeof(g->hostname));
	put_search(g->search, sizeof(g->search), view_of(sc.search, sc.search_len));
	return true;
}

int
sluice_guest_info(const struct sluice_config *cfg, struct sluice_guest *out, char *err, size_t errlen)
{
	struct setup su = {err, errlen};
	struct sluice_config whole = {0};
	struct sluice_guest g = {0};

	if (errlen)
		err[0] = '\0';
	if (out->size < offsetof(struct sluice_guest, gateway_mac)) {
		wrong(&su, "struct sluice_guest has a size of %zu: set it to sizeof() before the call",
		      out->size);
		return -1;
	}
	if (!gw_whole_config(&su, cfg, &whole) || !decide(&su, &whole, &g))
		return -1;
	g.size = out->size < sizeof(g) ? out->size : sizeof(g);
	memcpy(out, &g, g.size);
	return 0;
}

/* --- as environment ---------------------------------------------------------------------------------------------- */

struct prefix_text {
	char address[SLUICE_ADDR_TEXT + 4];
};

static const char *
prefix_of(const struct sluice_guest_net *net, struct prefix_text *e)
{
	if (!net->on)
		return "";
	snprintf(e->address, sizeof(e->address), "%s/%u", net->address, net->plen);
	return e->address;
}

static const char *
mac_text(const uint8_t mac[6], char text[18])
{
	static const uint8_t any[6];

	if (memcmp(mac, any, sizeof(any)) == 0)
		return "";
	snprintf(text, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	return text;
}

int
sluice_guest_env(const struct sluice_guest *given, size_t n, char text[SLUICE_ENV_TEXT])
{
	struct sluice_guest g = {0};
	struct prefix_text v4, v6;
	char mac[18], mtu[12] = "";

	memcpy(&g, given, given->size < sizeof(g) ? given->size : sizeof(g));
	if (g.mtu)
		snprintf(mtu, sizeof(mtu), "%u", g.mtu);

	const struct {
		const char *name, *value;
	} env[] = {
	    {"IPV4", prefix_of(&g.ipv4, &v4)},
	    {"IPV4_GATEWAY", g.ipv4.gateway},
	    {"IPV4_DNS", g.ipv4.dns},
	    {"IPV6", prefix_of(&g.ipv6, &v6)},
	    {"IPV6_GATEWAY", g.ipv6.gateway},
	    {"IPV6_DNS", g.ipv6.dns},
	    {"MTU", mtu},
	    {"MAC", mac_text(g.mac, mac)},
	    {"HOSTNAME", g.hostname},
	    {"SEARCH", g.search},
	};
	for (size_t i = 0; i < sizeof(env) / sizeof(env[0]); i++)
		if (env[i].value[0] && n-- == 0)
			return snprintf(text, SLUICE_ENV_TEXT, "SLUICE_%s=%s", env[i].name, env[i].value);
	text[0] = '\0';
	return 0;
}
