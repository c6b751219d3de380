/*
 * drain.c - reading send queues from /proc/net/tcp (proc(5))
 *
 *	sl  local_address rem_address   st tx_queue rx_queue ...
 *	 0: 0F02000A:CA5E 0202000A:1B5A 04 0000F8A1:00000000 ...
 *
 * A process that has ended leaves what it wrote to its kernel.  The queue counts a FIN that is not acknowledged.
 */
#include "cli/drain.h"

#include <stdio.h>

#define STATE_LISTEN 0x0a /* its queues mean something else */

bool
drain_is_pending(const char *line)
{
	unsigned state;
	unsigned long unsent;

	if (sscanf(line, " %*u: %*s %*s %x %lx:", &state, &unsent) != 2)
		return false;
	return state != STATE_LISTEN && unsent > 0;
}

static bool
is_done(const char *table)
{
	char line[512];
	bool pending = false;
	FILE *from = fopen(table, "re");

	while (from && !pending && fgets(line, sizeof(line), from))
		pending = drain_is_pending(line);
	if (from)
		fclose(from);
	return !pending;
}

bool
drain_is_done(void)
{
	return is_done("/proc/self/net/tcp") && is_done("/proc/self/net/tcp6");
}
