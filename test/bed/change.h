/*
 * change.h - another policy, or another address of the host's, for a gateway that runs
 */
#ifndef TEST_BED_CHANGE_H
#define TEST_BED_CHANGE_H

#include "test/bed/bed.h"

/*
 * The n-th of a few policies (the low bits; bit 6: flows are kept), or with bit 7 the n-th of a few lists of own
 * addresses.  True: a name decides in it, so that the gateway may answer on a connection itself.
 */
bool bed_change(struct bed *b, uint8_t n);

#endif
