/*
 * value.h - the words a person types, as values
 *
 * Pure: text in, value out, nothing opened and nothing looked up.  They are strict: the whole text must be the
 * value, a number has no sign or space, and an address is written out.
 */
#ifndef CLI_VALUE_H
#define CLI_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/failure.h"

#define VALUE_ADDRESS_TEXT 46 /* INET6_ADDRSTRLEN */

struct address {
	bool v6;
	uint8_t bytes[16]; /* network order; IPv4 has the first four */
};

/* Decimal, min..max. */
bool value_number(const char *text, uint64_t min, uint64_t max, uint64_t *out);

/* Bytes, with K, M or G (binary) behind the number if wanted. */
bool value_size(const char *text, uint64_t *out);

bool value_address(const char *text, struct address *out);
void value_address_text(const struct address *a, char text[VALUE_ADDRESS_TEXT]);
bool value_address_equal(const struct address *a, const struct address *b);

/* ADDR/PLEN */
bool value_prefix(const char *text, struct address *out, unsigned *plen);
unsigned value_address_bits(const struct address *a); /* 32 or 128 */
bool value_in_prefix(const struct address *a, const struct address *net, unsigned plen);

/* ADDR, ADDR:PORT or [ADDR]:PORT */
bool value_endpoint(const char *text);

/* Six hexadecimal pairs with colons; an address one station can have (not a group's, not all zero). */
bool value_mac(const char *text, uint8_t mac[6]);

/* [BIND:]HOSTPORT[-END][:GUESTPORT][/udp] */
struct value_publish {
	char bind[VALUE_ADDRESS_TEXT]; /* "": none given */
	uint16_t host_first, host_last, guest_first;
	bool udp;
};
int value_publish(const char *text, struct value_publish *out, struct failure *f);

/* tap:IFNAME[@NETNS] */
struct value_link {
	char ifname[16];
	const char *netns; /* points into the text: a path, or a pid in digits; NULL: ours */
	bool netns_is_pid;
};
int value_link(const char *text, struct value_link *out, struct failure *f);

#endif
