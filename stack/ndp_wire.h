/*
 * ndp_wire.h - neighbour discovery messages (RFC 4861 section 4, RFC 8106)
 *
 * All of them start after the 4 bytes of type, code and checksum; the parsers are given the bytes from
 * there on and refuse what section 6.1 and 7.1 call invalid, apart from what only the IP header knows
 * (hop limit 255, addresses) and the checksum, which are the caller's to check.
 */
#ifndef STACK_NDP_WIRE_H
#define STACK_NDP_WIRE_H

#include "stack/addr.h"
#include "stack/wire.h"

struct ndp_ns {
	struct addr target; /* never multicast */
	bool has_sllao;     /* source link-layer address option */
	struct mac sllao;
};

struct ndp_na {
	bool router, solicited, override;
	struct addr target;
	bool has_tllao;
	struct mac tllao;
};

struct ndp_rs {
	bool has_sllao;
	struct mac sllao;
};

/* A router advertisement as this gateway sends it. */
struct ndp_ra {
	uint8_t hop_limit;
	bool managed, other;      /* the M and O flags */
	uint16_t router_lifetime; /* seconds */
	struct mac sllao;
	uint32_t mtu;
	struct addr prefix;
	uint8_t prefix_len;        /* the L flag is set */
	bool autonomous;           /* the A flag: the guest may make itself addresses */
	uint32_t valid, preferred; /* seconds */
	bool has_rdnss;
	struct addr rdnss;
	uint32_t rdnss_lifetime; /* seconds */
	struct view dnssl;       /* names as on the wire (RFC 1035 3.1), borrowed; without bytes: none */
	uint32_t dnssl_lifetime; /* seconds */
};

bool ndp_ns_parse(struct view v, struct ndp_ns *out);
bool ndp_na_parse(struct view v, struct ndp_na *out);
bool ndp_rs_parse(struct view v, struct ndp_rs *out);
bool ndp_ra_parse(struct view v, struct ndp_ra *out); /* what ndp_ra_emit() writes; for tests and replay */

void ndp_ns_emit(struct wr *w, const struct ndp_ns *m);
void ndp_na_emit(struct wr *w, const struct ndp_na *m);
void ndp_rs_emit(struct wr *w, const struct ndp_rs *m);
void ndp_ra_emit(struct wr *w, const struct ndp_ra *m);

#endif
