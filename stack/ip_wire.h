/*
 * ip_wire.h - IPv4 (RFC 791) and IPv6 (RFC 8200) headers as one plain struct
 */
#ifndef STACK_IP_WIRE_H
#define STACK_IP_WIRE_H

#include "stack/addr.h"
#include "stack/wire.h"

enum {
	IP_PROTO_HOPOPTS = 0,
	IP_PROTO_ICMP = 1,
	IP_PROTO_TCP = 6,
	IP_PROTO_UDP = 17,
	IP_PROTO_ROUTING = 43,
	IP_PROTO_FRAGMENT = 44,
	IP_PROTO_ICMPV6 = 58,
	IP_PROTO_NONE = 59,
	IP_PROTO_DSTOPTS = 60,
};

#define IP4_HLEN 20u
#define IP6_HLEN 40u
#define IP6_FRAG_HLEN 8u
#define IP6_MIN_MTU 1280u

struct ip {
	struct addr src, dst;  /* mapped for IPv4 */
	uint8_t proto;         /* the transport, after all IPv6 extension headers */
	uint8_t ttl;           /* or hop limit */
	uint8_t tos;           /* or traffic class */
	bool fragment;         /* the payload is a piece: frag_off, more, id say which */
	bool more;             /* more fragments follow */
	bool df;               /* IPv4 only */
	uint16_t frag_off;     /* bytes, a multiple of 8 */
	uint32_t id;           /* 16 bits in IPv4 */
	uint16_t hlen;         /* bytes from the IP header to the payload: options and extensions included */
	uint16_t unfrag_len;   /* IPv6 fragments: bytes before the fragment header */
	uint16_t unfrag_nh_at; /* ... where the next-header byte that named it stands, from the IP header */
	uint32_t len;          /* bytes of payload after hlen; a frame's padding is not in it */
};

enum ip_parse_result {
	IP_OK,
	IP_BAD_TRUNCATED, /* shorter than its header or its length says */
	IP_BAD_VERSION,
	IP_BAD_LENGTH, /* header or total length impossible */
	IP_BAD_CHECKSUM,
	IP_BAD_TTL,       /* hop limit 0 */
	IP_BAD_OPTION,    /* source routing, or options that do not parse (RFC 7126 4.3-4.4) */
	IP_BAD_EXTENSION, /* extension headers out of order, too many or too long (RFC 8504 5.3) */
	IP_BAD_ADDRESS,   /* an IPv4-mapped or IPv4-compatible address on the wire */
	IP_BAD_FRAGMENT,  /* empty; or, IPv4, passes 65,535 bytes or is a middle piece not a multiple of 8 */
	IP_PARAM_PROBLEM, /* RFC 8200 4.2, 4.4 or 4.5 asks for an ICMPv6 error; out has the addresses */
	IP_PARSE_RESULTS,
};

struct ip_problem {   /* with IP_PARAM_PROBLEM */
	uint8_t code; /* 0 erroneous field, 1 unknown next header, 2 unknown option */
	uint32_t pointer;
};

/*
 * Reads the IP header that stands at the start of head, extension headers included.  head holds the
 * packet's first bytes, contiguous (all of it or at least FRAME_HEAD - ETH_HLEN bytes); total is how
 * many bytes the frame has after its Ethernet header.  The IPv4 header checksum is always verified.
 * A transport that is not one of ours is not an error here.
 */
enum ip_parse_result ip4_parse(struct view head, size_t total, struct ip *out);
enum ip_parse_result ip6_parse(struct view head, size_t total, struct ip *out, struct ip_problem *why);

/*
 * Writes a header without options: IPv4 with its checksum (id as given; df, more, frag_off honoured), or
 * IPv6, with a fragment header if out->fragment.  The family is that of src.  h->len is the payload that
 * follows; h->hlen is not read.
 */
void ip_emit(struct wr *w, const struct ip *h);

/* Bytes ip_emit() writes. */
static inline size_t
ip_emit_len(const struct ip *h)
{
	return addr_is_v4(&h->src) ? IP4_HLEN : IP6_HLEN + (h->fragment ? IP6_FRAG_HLEN : 0);
}

#endif
