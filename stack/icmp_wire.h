/*
 * icmp_wire.h - ICMP (RFC 792, 1191) and ICMPv6 (RFC 4443) headers
 */
#ifndef STACK_ICMP_WIRE_H
#define STACK_ICMP_WIRE_H

#include "stack/wire.h"

#define ICMP_HLEN 8u

enum { /* ICMP types */
       ICMP4_ECHO_REPLY = 0,
       ICMP4_UNREACHABLE = 3,
       ICMP4_SOURCE_QUENCH = 4,
       ICMP4_ECHO_REQUEST = 8,
       ICMP4_TIME_EXCEEDED = 11,
       ICMP4_PARAM_PROBLEM = 12,
};

enum { /* ICMPv6 types */
       ICMP6_UNREACHABLE = 1,
       ICMP6_TOO_BIG = 2,
       ICMP6_TIME_EXCEEDED = 3,
       ICMP6_PARAM_PROBLEM = 4,
       ICMP6_ECHO_REQUEST = 128,
       ICMP6_ECHO_REPLY = 129,
       ICMP6_MLD_QUERY = 130,
       ICMP6_RS = 133,
       ICMP6_RA = 134,
       ICMP6_NS = 135,
       ICMP6_NA = 136,
       ICMP6_REDIRECT = 137,
};

struct icmp {
	uint8_t type, code;
	uint16_t csum;
	uint32_t rest; /* echo: id << 16 | seq; too big: MTU; ICMP frag needed: low 16 bits MTU; pointer */
};

/* Reads the first 8 bytes and leaves r at the body. */
bool icmp_parse(struct rd *r, struct icmp *h);
void icmp_emit(struct wr *w, const struct icmp *h);

#endif
