/*
 * craft.h - frames as a guest sends them, made from the stack's own structs
 *
 * Each function writes a whole Ethernet frame with right lengths and checksums into `to` and returns its
 * length.  Whoever wants a wrong one spoils it afterwards, or says so in struct craft.
 */
#ifndef TEST_BED_CRAFT_H
#define TEST_BED_CRAFT_H

#include "stack/addr.h"
#include "stack/frame.h"
#include "stack/icmp_wire.h"
#include "stack/ip_wire.h"
#include "stack/tcp_wire.h"

/* Where a frame comes from and goes to. */
struct craft {
	struct mac src_mac, dst_mac;
	struct addr src, dst;
	uint8_t ttl; /* 0: 64 */
	uint8_t tos;
	bool spoil_csum; /* the transport checksum is off by one */
};

/* A TCP header, options given as bytes instead of as fields, and data offset, if the case wants them odd. */
struct craft_tcp {
	struct tcp_hdr hdr;
	struct view options; /* appended to those of hdr, padded with zeros to a multiple of 4 */
	uint8_t data_offset; /* bytes as claimed; 0: what is true */
	struct view data;
};

size_t craft_tcp(uint8_t to[FRAME_MAX], const struct craft *c, const struct craft_tcp *t);
size_t craft_udp(uint8_t to[FRAME_MAX], const struct craft *c, uint16_t sport, uint16_t dport,
		 struct view data);
/* ICMP or, for IPv6 addresses, ICMPv6. */
size_t craft_icmp(uint8_t to[FRAME_MAX], const struct craft *c, const struct icmp *h, struct view body);
/* A fragment of a whole frame: bytes [from, from + len) of its IP payload, from and all but the last len
 * multiples of 8.  0: the frame is no whole IP packet. */
size_t craft_piece(uint8_t to[FRAME_MAX], struct view frame, uint32_t from, uint32_t len, uint32_t id);
/* Any transport, checksum and all as given. */
size_t craft_ip(uint8_t to[FRAME_MAX], const struct craft *c, uint8_t proto, struct view packet);

#endif
