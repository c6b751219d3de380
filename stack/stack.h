/*
 * stack.h - the network the guest sees: frames in, packets up; segments down, frames out
 *
 * stack_input() takes one frame, answers by itself what the gateway answers by itself (ARP, neighbour
 * discovery, router solicitations, DHCP, echo of its own addresses, protocol errors) and hands the rest up as
 * a parsed `struct packet`.  The stack_send_*() functions are the way down.  No sockets, no clock, no
 * allocation, no randomness: the owner brings memory, time, and a secret.
 *
 * The gateway owns three addresses a family (itself, its DNS address, and in IPv6 its link-local one);
 * every other destination is somewhere beyond it.  There is one guest: its MAC is configured or taken
 * from its first valid frame, its IPv4 address is configured, its IPv6 addresses are fe80::/64 and the
 * prefix, less ours.
 */
#ifndef STACK_STACK_H
#define STACK_STACK_H

#include "stack/addr.h"
#include "stack/frag.h"
#include "stack/frame.h"
#include "stack/icmp_wire.h"
#include "stack/tcp_wire.h"
#include "stack/time.h"
#include "stack/udp_wire.h"

struct stack_net { /* one family */
	bool on;
	struct addr guest;
	uint8_t plen; /* of the guest's subnet: 0..32 or 0..128 */
	struct addr gateway;
	struct addr dns;
};

struct stack_config {
	struct mac mac;       /* the gateway's */
	struct mac guest_mac; /* zero: the first valid source locks it */
	struct stack_net net[FAMILIES];
	bool dhcp;         /* answer DHCPv4 and DHCPv6, and say so in router advertisements */
	char hostname[64]; /* told by DHCPv4; "": none */
	uint8_t search
	    [256]; /* DNS search list as on the wire (RFC 1035 3.1, no compression), told by all three */
	uint16_t search_len;
	uint8_t secret[16]; /* keys every hash and number that a guest must not predict */
};

/* Why a frame was dropped, or what was answered.  The names are printed by --stats: stack_count_name(). */
enum stack_count {
	COUNT_FRAMES_IN,
	COUNT_FRAMES_OUT,
	COUNT_BYTES_IN, /* Ethernet bytes of frames_in */
	COUNT_BYTES_OUT,
	COUNT_NO_ROOM,       /* answers not sent because the link had no room */
	COUNT_NO_GUEST,      /* frames not sent because the guest's MAC is not known yet */
	COUNT_DHCP_ANSWERED, /* of both families */
	COUNT_ETH_SHORT,     /* from here on: frames that were dropped */
	COUNT_ETH_SOURCE,    /* source MAC is not the guest's, is a group address, or ours */
	COUNT_ETH_DEST,      /* not to us, broadcast or a multicast group we listen to */
	COUNT_ETH_TYPE,
	COUNT_OFFLOAD, /* virtio-net header that contradicts its frame */
	COUNT_ARP_BAD,
	COUNT_ARP_IGNORED,
	COUNT_IP_TRUNCATED,
	COUNT_IP_VERSION,
	COUNT_IP_LENGTH,
	COUNT_IP_CHECKSUM,
	COUNT_IP_TTL,
	COUNT_IP_OPTION,
	COUNT_IP_EXTENSION,
	COUNT_IP_ADDRESS, /* mapped or compatible forms, or a family that is off */
	COUNT_IP_SOURCE,  /* source address is not the guest's */
	COUNT_IP_DEST,    /* unspecified, loopback, broadcast, multicast or reserved destination */
	COUNT_IP_PROTO,   /* a transport we do not speak */
	COUNT_FRAG_BAD,
	COUNT_FRAG_OVERLAP,
	COUNT_FRAG_FULL,
	COUNT_FRAG_TIMEOUT,
	COUNT_ICMP_BAD,
	COUNT_ICMP_IGNORED,
	COUNT_ICMP_LIMITED, /* errors not sent: rate limit */
	COUNT_NDP_BAD,
	COUNT_NDP_IGNORED,
	COUNT_DHCP_BAD, /* of both families */
	COUNT_DHCP_IGNORED,
	COUNT_UDP_BAD,
	COUNT_TCP_BAD,
	COUNT_L4_CHECKSUM,
	STACK_COUNTS,
};

enum stack_result {
	STACK_DONE, /* dropped and counted, or answered */
	STACK_TCP,  /* packet.tcp and its payload */
	STACK_UDP,  /* packet.udp and its payload */
	STACK_ECHO, /* an echo request to somewhere beyond: packet.icmp, payload = data after the 8 bytes */
	STACK_ICMP_ERROR, /* the guest reports trouble with something we sent: packet.error */
};

/* What an ICMP error from the guest says, already matched to nothing: the owner of the flow judges it. */
struct icmp_report {
	uint8_t type, code; /* as on the wire, of the packet's family */
	uint32_t mtu;       /* packet too big / fragmentation needed; else 0 */
	struct tuple flow;  /* the quoted packet: remote = its source, guest = its destination */
	uint32_t seq;       /* quoted TCP sequence number (RFC 5927 4.1) */
};

/* One packet for the layers above.  Views are valid until the frame is released. */
struct packet {
	struct addr src, dst;
	uint8_t proto; /* IP_PROTO_TCP, _UDP, _ICMP or _ICMPV6 */
	uint8_t ttl, tos;
	bool borrowable; /* payload may be kept as views until release; else it is in scratch: use it now */
	struct offload off; /* gso_type and gso_size matter: UDP payload may be several datagrams */
	struct view net;    /* from the IP header on, as much as is contiguous: what an ICMP error quotes */
	union {
		struct tcp_hdr tcp;
		struct udp udp;
		struct icmp icmp;
		struct icmp_report error;
	};
	uint32_t len; /* payload bytes */
	uint8_t npay;
	struct view pay[FRAME_SPANS];
};

/* Which error to tell the guest; each maps to type and code of the family (icmp.c has the table). */
enum icmp_error {
	ICMP_ERR_PORT,       /* port unreachable */
	ICMP_ERR_HOST,       /* host / address unreachable */
	ICMP_ERR_NET,        /* network unreachable / no route */
	ICMP_ERR_PROTO,      /* protocol unreachable / unknown next header */
	ICMP_ERR_PROHIBITED, /* communication administratively prohibited */
	ICMP_ERR_TOO_BIG,    /* fragmentation needed / packet too big; arg = MTU */
	ICMP_ERR_TTL,        /* time exceeded in transit */
	ICMP_ERR_REASSEMBLY, /* fragment reassembly time exceeded */
	ICMP_ERR_PARAM,      /* ICMPv6 parameter problem; arg = code << 24 | pointer */
	ICMP_ERRORS,
};

struct stack {
	struct stack_config cfg;
	struct frame_sink *out;
	uint64_t count[STACK_COUNTS];

	/* What is known of the guest. */
	struct mac guest_mac;
	bool guest_mac_known;
	bool guest_answers[FAMILIES];      /* the configured address has been heard */
	struct addr guest_heard[FAMILIES]; /* the address announced or used last; unspecified: none */
	struct addr link_local;            /* ours: fe80::/64 with the EUI-64 of cfg.mac */
	bool probe_wanted; /* something waits for the guest: ARP and NS probes go out at probe_at */
	usec_t probe_at;   /* not before: one a second */
	bool echo_judged
	    [FAMILIES];        /* an echo request to the gateway's address is handed up, not answered here */
	bool leased[FAMILIES]; /* a lease was given since the owner last looked (and cleared this) */
	usec_t ra_at;          /* next unsolicited router advertisement; TIME_NEVER: nobody to hear it */

	uint32_t ip_id;       /* counter whose keyed permutation gives the ids where we fragment */
	uint32_t icmp_tokens; /* RFC 1812 4.3.2.8 / RFC 4443 2.4(f) */
	usec_t icmp_tokens_at;

	struct frag_table frag;
	uint8_t head[FRAME_HEAD + 64];  /* private copy of an inbound frame's headers, where it must be one */
	uint8_t linear[FRAME_MAX + 64]; /* payload made contiguous: what is judged before it is passed on */
};

/* Prepares st (all zero before).  out stays the caller's and must outlive st. */
void stack_init(struct stack *st, const struct stack_config *cfg, struct frame_sink *out, usec_t now);

/* One frame from the guest.  pkt is written for every result but STACK_DONE. */
enum stack_result stack_input(struct stack *st, const struct frame *f, struct packet *pkt, usec_t now);

/* Reassembly timeouts, probes and router advertisements; call when stack_deadline() has come. */
void stack_timers(struct stack *st, usec_t now);
usec_t stack_deadline(const struct stack *st);

/* The guest left, and another may come: what was learnt of it goes, half-reassembled datagrams too. */
void stack_forget_guest(struct stack *st, usec_t now);

/* Is a one of the gateway's own addresses (gateway, DNS, link-local)? */
bool stack_is_ours(const struct stack *st, const struct addr *a);

/* May the guest send from this address? */
bool stack_is_guest(const struct stack *st, const struct addr *a);

/* Where published traffic of this family goes: --guest if it has been heard, else the address heard last,
 * else --guest all the same (and a probe goes out). */
struct addr stack_guest_addr(struct stack *st, enum family fam, usec_t now);

/* One TCP segment, of gso_size-byte pieces if gso_size > 0 (only with out->lim.tso).  h->csum is ours. */
void stack_send_tcp(struct stack *st, const struct addr *src, const struct addr *dst, const struct tcp_hdr *h,
		    const struct view *pay, int npay, uint16_t gso_size);

/* One datagram, or several of gso_size bytes with the last possibly shorter (only with out->lim.uso).
 * A datagram beyond the MTU is fragmented.  ttl 0: the default (64). */
void stack_send_udp(struct stack *st, const struct endpoint *src, const struct endpoint *dst,
		    const struct view *pay, int npay, uint16_t gso_size, uint8_t ttl, uint8_t tos);

/* An echo reply; rest is id << 16 | seq.  Fragmented beyond the MTU. */
void stack_send_echo_reply(struct stack *st, const struct addr *src, const struct addr *dst, uint32_t rest,
			   struct view data, uint8_t ttl, uint8_t tos);

/*
 * An ICMP error to the guest, from `from` (a router on the way; NULL: the gateway), about the packet whose
 * first bytes are `quote` (IP header on).  Rate-limited; never about an ICMP error, a group address or a
 * non-first fragment (RFC 1122 3.2.2, RFC 4443 2.4; an ICMPv6 parameter problem may be about either of
 * the last two).  At most 576 / 1,280 bytes.
 */
void stack_send_error(struct stack *st, enum icmp_error err, uint32_t arg, const struct addr *from,
		      struct view quote, usec_t now);

/* The same when the packet is long gone: the quote is rebuilt from the flow.  For TCP seq is the guest's
 * sequence number; for echo flows it is id << 16 | seq; for UDP the payload length. */
void stack_send_error_flow(struct stack *st, enum icmp_error err, uint32_t arg, const struct addr *from,
			   const struct tuple *flow, uint32_t seq, usec_t now);

/* The type and code an error has in a family: what replaces them in an error relayed from the host. */
void stack_icmp_type(enum icmp_error err, enum family fam, uint8_t *type, uint8_t *code);

const char *stack_count_name(enum stack_count c);

#endif
