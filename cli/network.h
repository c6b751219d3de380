/*
 * network.h - the guest's network with every address decided
 *
 * The library would fill in defaults by itself, but the program also has to configure the guest's interface,
 * routes, resolv.conf and hosts, so it decides them first and tells the library exactly those.
 */
#ifndef CLI_NETWORK_H
#define CLI_NETWORK_H

#include "cli/value.h"
#include "sluice.h"

struct family {
	bool on;
	struct address guest, gateway, dns;
	unsigned plen;
	/* The same as text, for sluice.h; guest_text has the prefix length behind it. */
	char guest_text[VALUE_ADDRESS_TEXT + 4], gateway_text[VALUE_ADDRESS_TEXT],
	    dns_text[VALUE_ADDRESS_TEXT];
};

struct network {
	struct family v4, v6;
};

/*
 * From what the user gave (NULL: not given).  A gateway and DNS address that were not given are taken from
 * the guest's prefix: host numbers 2 and 3, or the next that are free.  -1 and a sentence when the addresses
 * do not go together.
 */
int network_decide(const struct sluice_net *v4, const struct sluice_net *v6, struct network *net,
		   struct failure *f);

/* The texts as the library wants them; borrowed from net. */
struct sluice_net network_for_library(const struct family *fam);

#endif
