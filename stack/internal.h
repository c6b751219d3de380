/*
 * internal.h - what the files of the network layer share with each other and with nobody else
 *
 * A frame goes up through stack.c (Ethernet), then arp.c or ip_input.c, then icmp.c and ndp.c; it goes
 * down through ip_output.c.  stack.h is the view from outside.
 */
#ifndef STACK_INTERNAL_H
#define STACK_INTERNAL_H

#include "stack/eth_wire.h"
#include "stack/stack.h"

#define TTL_DEFAULT 64 /* RFC 1700; the guest is one hop away */
#define TTL_NDP 255    /* RFC 4861 6.1, 7.1: nobody forwarded it */

#define RA_INTERVAL (1800 * USEC_PER_SEC) /* RFC 4861 6.2.1 allows 4 s to 1,800 s */

/* One IP packet on its way up.  Judged bytes are private: either ours or unshared memory of the link. */
struct inbound {
	const struct frame *f; /* NULL: reassembled, whole is the payload */
	struct mac from;
	bool to_group;   /* the Ethernet destination was broadcast or multicast */
	struct view net; /* from the IP header on, as much as is contiguous; nothing after the packet's end */
	struct ip ip;
	struct view whole;
};

/* A transport header on its way down, checksum field zero, and the payload that follows it. */
struct transport {
	uint8_t hdr[FRAME_HEAD - ETH_HLEN - IP6_HLEN - IP6_FRAG_HLEN];
	uint8_t hlen;
	uint8_t csum_at;
	bool summed;      /* the checksum is finished here whatever the link takes */
	uint8_t gso_type; /* enum gso_type */
	uint16_t gso_size;
	const struct view *pay;
	int npay;
	uint32_t len; /* bytes of payload */
};

static inline enum stack_result
drop(struct stack *st, enum stack_count why)
{
	st->count[why]++;
	return STACK_DONE;
}

static inline size_t
min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* --- stack.c -------------------------------------------------------------------------------------- */

/* The guest has used or announced one of its addresses: locks its MAC and remembers the address. */
void guest_seen(struct stack *st, const struct addr *a, struct mac from, usec_t now);

/* The guest has said something that was answered, if not from an address of its own: locks its MAC. */
void guest_lock(struct stack *st, struct mac from, usec_t now);

/* Something waits for a guest that is not known (well enough) yet. */
void guest_wanted(struct stack *st);

/* Is it the first or last address of the guest's IPv4 subnet, which name no host (RFC 1122 3.2.1.3)? */
bool is_subnet_edge(const struct stack *st, const struct addr *a);

/* --- arp.c, ndp.c, icmp.c -------------------------------------------------------------------------- */

enum stack_result arp_input(struct stack *st, const struct eth *eth, struct view body, usec_t now);
void arp_probe(struct stack *st);

/* msg is the whole ICMPv6 message, checksum verified. */
enum stack_result ndp_input(struct stack *st, const struct inbound *in, struct view msg, usec_t now);
void ndp_probe(struct stack *st);
void ndp_advertise(struct stack *st);

/* msg is the whole ICMP or ICMPv6 message, contiguous and private; in scratch unless borrowable. */
enum stack_result icmp_input(struct stack *st, const struct inbound *in, struct view msg, bool borrowable,
			     struct packet *pkt, usec_t now);

/* stack_send_error() for a packet that is already parsed; from is the gateway. */
void icmp_send_error(struct stack *st, enum icmp_error err, uint32_t arg, const struct ip *about,
		     struct view quote, usec_t now);

/* The transport of an IPv6 packet is unknown: where is the byte that named it (RFC 8200 4)? */
uint32_t icmp6_next_header_at(struct view net, const struct ip *h);

/* --- dhcp.c, dhcp6.c ------------------------------------------------------------------------------------ */

/* Is this whole datagram for the gateway's own server?  Then its addresses may be such as nobody else may have,
 * and only the server judges them. */
bool dhcp_claims(const struct stack *st, const struct inbound *in, const struct udp *h);
bool dhcp6_claims(const struct stack *st, const struct inbound *in, const struct udp *h);

/* msg is the datagram's payload, contiguous and private. */
enum stack_result dhcp_input(struct stack *st, const struct inbound *in, struct view msg, usec_t now);
enum stack_result dhcp6_input(struct stack *st, const struct inbound *in, struct view msg, usec_t now);

/* --- ip_input.c ------------------------------------------------------------------------------------ */

/* in->f, from, to_group and net (to the end of what is contiguous) are filled in. */
enum stack_result ip_input(struct stack *st, struct inbound *in, enum family fam, struct packet *pkt,
			   usec_t now);

/* Sets whose time has come are told to the guest. */
void ip_expire_fragments(struct stack *st, usec_t now);

/* What all packets for the layers above begin with. */
void packet_open(struct packet *pkt, const struct inbound *in);

/* --- ip_output.c ----------------------------------------------------------------------------------- */

/* Every frame leaves here: asks for room, pads, counts. */
void frame_output(struct stack *st, struct frame *f);

/* One packet: h has addresses, proto, ttl and tos; the rest of it is filled in here.  to NULL: the guest.
 * Fragmented beyond the MTU.  The payload must stay as it is until the link is flushed. */
void ip_output(struct stack *st, const struct mac *to, struct ip *h, struct transport *t);

/*
 * One datagram of the gateway's own to this MAC (NULL: the guest's); it is gone when this returns.  Its checksum
 * is always finished: who has no address yet reads whole frames, and may not know of unfinished ones.
 */
void udp_output(struct stack *st, const struct mac *to, const struct endpoint *src,
		const struct endpoint *dst, struct view data);

/* The payload was in scratch that the next frame will overwrite: let the link have it now. */
void output_now(struct stack *st);

/* The next of a row of numbers of 2 * half bits (<= 32) that the guest cannot predict and that does not
 * repeat before all of them were used. */
uint32_t next_id(struct stack *st, unsigned half);

#endif
