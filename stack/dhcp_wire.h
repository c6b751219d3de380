/*
 * dhcp_wire.h - DHCPv4 messages (RFC 2131 2, RFC 2132)
 *
 * One struct for questions and answers, so that the tests can play the client and read what was said.  Texts
 * and lists are views of the message they were read from.
 */
#ifndef STACK_DHCP_WIRE_H
#define STACK_DHCP_WIRE_H

#include "stack/addr.h"
#include "stack/wire.h"

#define DHCP_SERVER_PORT 67
#define DHCP_CLIENT_PORT 68

#define DHCP_PADDED 300u /* shortest message that is sent: RFC 951 3 */
#define DHCP_ROUTES 2u   /* read and written of option 121 */

enum dhcp_type { /* RFC 2132 9.6 */
		 DHCP_DISCOVER = 1,
		 DHCP_OFFER,
		 DHCP_REQUEST,
		 DHCP_DECLINE,
		 DHCP_ACK,
		 DHCP_NAK,
		 DHCP_RELEASE,
		 DHCP_INFORM,
};

enum dhcp_option {
	DHCP_OPT_PAD = 0,
	DHCP_OPT_MASK = 1,
	DHCP_OPT_ROUTER = 3,
	DHCP_OPT_DNS = 6,
	DHCP_OPT_HOSTNAME = 12,
	DHCP_OPT_DOMAIN = 15,
	DHCP_OPT_MTU = 26,
	DHCP_OPT_BROADCAST = 28,
	DHCP_OPT_REQUESTED = 50,
	DHCP_OPT_LEASE = 51,
	DHCP_OPT_TYPE = 53,
	DHCP_OPT_SERVER = 54,
	DHCP_OPT_WANTED = 55,
	DHCP_OPT_MESSAGE = 56,
	DHCP_OPT_MAX_SIZE = 57,
	DHCP_OPT_T1 = 58,
	DHCP_OPT_T2 = 59,
	DHCP_OPT_CLIENT_ID = 61,
	DHCP_OPT_RAPID_COMMIT = 80, /* RFC 4039 */
	DHCP_OPT_SEARCH = 119,      /* RFC 3397 */
	DHCP_OPT_ROUTES = 121,      /* RFC 3442 */
	DHCP_OPT_END = 255,
};

struct dhcp_route {
	struct addr net;
	uint8_t plen;    /* 0..32 */
	struct addr via; /* 0.0.0.0: on the link */
};

/* An option that is not there: the unspecified address, 0, a view without bytes. */
struct dhcp {
	bool reply; /* BOOTREPLY, else BOOTREQUEST */
	uint32_t xid;
	bool broadcast; /* the client cannot take unicast yet */
	struct addr ciaddr, yiaddr, giaddr;
	struct mac chaddr;

	uint8_t type; /* enum dhcp_type; 0: plain BOOTP */
	bool rapid_commit;
	uint16_t max_size; /* of the client's: bytes of an IP packet */
	struct addr requested, server;
	struct view client_id;
	struct view wanted; /* the client's parameter request list */

	uint32_t lease, t1, t2; /* seconds */
	struct addr mask, router, dns, broadcast_addr;
	uint16_t mtu;
	struct view hostname, domain, message; /* text */
	struct view search;                    /* names as on the wire */
	uint8_t nroute;
	struct dhcp_route route[DHCP_ROUTES];
};

/*
 * False: not a DHCP message of an Ethernet, or one whose options run over, end without their end mark, or
 * are of an impossible length.  Of an option that comes twice the first counts (nothing that is read here is
 * ever so long that RFC 3396 would split it).
 */
bool dhcp_parse(struct view v, struct dhcp *out);

/*
 * Writes m, filled up to DHCP_PADDED.  What has no room in w is left out, the least important first: the
 * order is that of the function.  w must have room for DHCP_PADDED bytes.
 */
void dhcp_emit(struct wr *w, const struct dhcp *m);

/* Is this option on the client's list?  Who has no list takes what there is. */
bool dhcp_wants(const struct dhcp *m, enum dhcp_option code);

#endif
