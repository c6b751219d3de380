/*
 * option_values.h - the words a person types about a gateway, as values
 *
 * Pure: text in, value out, nothing opened and nothing looked up.  They are strict: the whole text must be the
 * value, a number has no sign or space, and an address is written out.  A refusal leaves *out alone.
 *
 * Where only one thing can be wrong the answer is yes or no and the caller makes the sentence; a PUBLISH has
 * parts, so it makes its own.
 */
#ifndef PROXY_OPTION_VALUES_H
#define PROXY_OPTION_VALUES_H

#include "proxy/config.h"
#include "stack/addr.h"

/* Decimal, min..max. */
bool option_number(const char *text, uint64_t min, uint64_t max, uint64_t *out);

/* Bytes, with K, M or G (binary) behind the number if wanted. */
bool option_size(const char *text, uint64_t *out);

/* ADDR; an IPv4 address in IPv6's clothes (::ffff:...) is neither. */
bool option_address(const char *text, struct addr *out);

/* ADDR/PLEN, PLEN from 1 up */
bool option_prefix(const char *text, struct addr *out, unsigned *plen);

/* ADDR, ADDR:PORT or [ADDR]:PORT; the same behind "tls://", with or without "#NAME". */
bool option_nameserver(const char *text);

/* Six hexadecimal pairs with colons; an address one station can have (not a group's, not all zero). */
bool option_mac(const char *text, uint8_t mac[6]);

/* A domain as it is searched: labels of letters, digits, '-' and '_', at most `max` bytes, not ending in a dot. */
bool option_domain(const char *text, size_t max);

/* Milliseconds, from "4500ms", "4.5s" or "4s"; at most three digits behind the dot. */
bool option_duration(const char *text, uint64_t *ms);

/* NAME, or *.SUFFIX: as policy compares names, so '_' and a dot at the end are fine. */
bool option_is_pattern(const char *text);

/* SUFFIX=SERVER[,SERVER...], as option_nameserver() has them, and NAME=ADDR[,ADDR...].  NULL; or what is wrong, static. */
const char *option_is_route(const char *text);
const char *option_is_host(const char *text);

/* [BIND:]HOSTPORT[-END][:GUESTPORT][/udp] */
struct option_publish {
	char bind[ADDR_TEXT]; /* "": none given */
	uint16_t host_first, host_last, guest_first;
	bool udp;
};
bool option_publish(struct setup *su, const char *text, struct option_publish *out);

#endif
