/*
 * strict.h - is this frame one that a gateway may send?
 *
 * An oracle for scripts, simulations and fuzz targets.  It shares value types with the stack and not one
 * line of its code: bytes are read and checksums are summed here anew, so that a mistake of the stack's own
 * readers and writers cannot hide itself.  It accepts much less than the RFCs allow: what this gateway has
 * no reason to send is an error here.
 */
#ifndef TEST_BED_STRICT_H
#define TEST_BED_STRICT_H

#include "stack/addr.h"
#include "stack/arp_wire.h"
#include "stack/frame.h"
#include "stack/icmp_wire.h"
#include "stack/ip_wire.h"
#include "stack/tcp_wire.h"
#include "stack/udp_wire.h"

enum strict_kind {
	STRICT_ARP,
	STRICT_TCP,
	STRICT_UDP,
	STRICT_ICMP,     /* of either family, but for neighbour discovery */
	STRICT_NDP,      /* neighbour and router messages */
	STRICT_FRAGMENT, /* a piece of a datagram: payload is the piece */
};

/* What a correct frame says. */
struct strict {
	enum strict_kind kind;
	struct mac dst, src;
	struct ip ip; /* all but ARP */
	union {
		struct arp arp;
		struct tcp_hdr tcp;
		struct udp udp;
		struct icmp icmp;
	};
	struct view payload;
};

/* Whose frame it ought to be. */
struct strict_wire {
	struct mac guest, gateway;
	struct link_limits lim;
};

/* NULL: correct, and *out is filled in.  Otherwise what is wrong with it, as a constant text. */
const char *strict_check(const struct strict_wire *w, const uint8_t *p, size_t len, const struct offload *off,
			 struct strict *out);

/* One line about a frame that passed, into buf; returns buf. */
char *strict_text(const struct strict *s, char *buf, size_t size);

#endif
