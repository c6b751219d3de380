/*
 * dhcp6_wire.h - DHCPv6 messages between client and server (RFC 8415 8, 21; RFC 3646)
 *
 * One struct for questions and answers, so that the tests can play the client and read what was said.  DUIDs
 * and lists are views of the message they were read from.  Relays' messages are none of these.
 */
#ifndef STACK_DHCP6_WIRE_H
#define STACK_DHCP6_WIRE_H

#include "stack/addr.h"
#include "stack/wire.h"

#define DHCP6_CLIENT_PORT 546
#define DHCP6_SERVER_PORT 547

#define DHCP6_IAS 4u   /* identity associations in one message: a client with more is not served */
#define DHCP6_ADDRS 4u /* and addresses in one of them */

enum { DHCP6_DUID_MIN = 3, DHCP6_DUID_MAX = 130 }; /* bytes, with their type (RFC 8415 11.1) */

enum dhcp6_type { /* RFC 8415 7.3 */
		  DHCP6_SOLICIT = 1,
		  DHCP6_ADVERTISE,
		  DHCP6_REQUEST,
		  DHCP6_CONFIRM,
		  DHCP6_RENEW,
		  DHCP6_REBIND,
		  DHCP6_REPLY,
		  DHCP6_RELEASE,
		  DHCP6_DECLINE,
		  DHCP6_RECONFIGURE,
		  DHCP6_INFORMATION_REQUEST,
};

enum dhcp6_option {
	DHCP6_OPT_CLIENT_ID = 1,
	DHCP6_OPT_SERVER_ID = 2,
	DHCP6_OPT_IA_NA = 3,
	DHCP6_OPT_IA_TA = 4,
	DHCP6_OPT_IAADDR = 5,
	DHCP6_OPT_WANTED = 6, /* option request option */
	DHCP6_OPT_PREFERENCE = 7,
	DHCP6_OPT_STATUS = 13,
	DHCP6_OPT_RAPID_COMMIT = 14,
	DHCP6_OPT_DNS = 23,
	DHCP6_OPT_SEARCH = 24,
	DHCP6_OPT_IA_PD = 25,
	DHCP6_OPT_REFRESH = 32,
};

enum dhcp6_status { /* RFC 8415 21.13 */
		    DHCP6_SUCCESS = 0,
		    DHCP6_NO_ADDRS_AVAIL = 2,
		    DHCP6_NO_BINDING = 3,
		    DHCP6_NOT_ON_LINK = 4,
		    DHCP6_USE_MULTICAST = 5,
		    DHCP6_NO_PREFIX_AVAIL = 6,
};

struct dhcp6_addr {
	struct addr addr;
	uint32_t preferred, valid; /* seconds */
};

struct dhcp6_ia {
	uint16_t kind; /* DHCP6_OPT_IA_NA, _TA or _PD: of the last one prefixes are not read */
	uint32_t iaid;
	uint32_t t1, t2; /* seconds; not of a TA */
	uint8_t naddr;
	struct dhcp6_addr addr[DHCP6_ADDRS];
	bool has_status;
	uint16_t status;
};

/* An option that is not there: a view without bytes, or false. */
struct dhcp6 {
	uint8_t type;
	uint32_t xid; /* 24 bits */
	struct view client_id, server_id;
	struct view wanted; /* the client's option requests, 2 bytes each */
	bool rapid_commit;
	uint8_t nia;
	struct dhcp6_ia ia[DHCP6_IAS];
	bool has_preference, has_status, has_dns, has_refresh;
	uint8_t preference;
	uint16_t status;
	struct addr dns;
	uint32_t refresh;   /* seconds */
	struct view search; /* names as on the wire */
};

/* False: no such message, or one with options that run over or are of an impossible length, DUIDs beyond their
 * bounds, more associations or addresses than there are places, or a mapped address.  Of an option that may come
 * only once the first counts. */
bool dhcp6_parse(struct view v, struct dhcp6 *out);
void dhcp6_emit(struct wr *w, const struct dhcp6 *m);

/* Has the client asked for this option?  Who asks for none in particular takes what there is. */
bool dhcp6_wants(const struct dhcp6 *m, enum dhcp6_option code);

#endif
