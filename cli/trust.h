/*
 * trust.h - a command trusts the gateway's CA and is given placeholders: what sluice tells its helper before it starts it
 */
#ifndef CLI_TRUST_H
#define CLI_TRUST_H

#include "cli/guest.h"
#include "cli/options.h"

/* Where this system keeps the certificates it trusts, an existing file; NULL: nowhere. */
const char *trust_list(void);

/* In sluice: over the channel to the helper, before CHANNEL_GO.  0, or -1 and f. */
int trust_send(int channel, struct sluice *s, const struct options *o, struct failure *f);

/* In the helper, in the guest's namespaces: a message of the two kinds; takes the descriptor.  What cannot be done is logged: the command
 * runs without. */
struct channel_message;
void trust_take(const struct channel_message *m, struct guest_mounts *mounts, const struct log *log);

#endif
