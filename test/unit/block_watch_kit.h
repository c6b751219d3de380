/*
 * block_watch_kit.h - what the gateway's turns allocate, watched and refused
 *
 * For programs that the Makefile links with --wrap for the allocations and for gw_turn(), and with the archives of the libraries, so that
 * theirs count, too (but ldns's: dns/answer_make.c).  An allocation counts while in_turn is set; whoever includes this says which of
 * them fails (runs_out()).  Those made while `watching` are known until they are freed: in the end there is none.
 */
#ifndef TEST_UNIT_BLOCK_WATCH_KIT_H
#define TEST_UNIT_BLOCK_WATCH_KIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "proxy/gateway.h"
#define ALLOC_FREE
#include "test/unit/alloc_wrap_kit.h"
#include "test/unit/call_path_kit.h"

#define BLOCKS (1u << 16)

void __real_gw_turn(struct sluice *gw, bool link_ready, bool host_ready, usec_t now);
void __wrap_gw_turn(struct sluice *gw, bool link_ready, bool host_ready, usec_t now);

static bool in_turn, watching;
static unsigned nblock; /* made and not given back */
static void *block[BLOCKS];

/* Does this allocation fail?  Called in turns only. */
static bool runs_out(void);

static unsigned
block_place(const void *p)
{
	return (unsigned)((uintptr_t)p >> 4) * 2654435761u % BLOCKS;
}

static void *
block_made(void *p)
{
	unsigned i = block_place(p);

	if (!p || !in_turn || !watching)
		return p;
	while (block[i])
		i = (i + 1) % BLOCKS;
	block[i] = p;
	if (++nblock > BLOCKS / 2)
		__builtin_trap();
	return p;
}

/* Those behind it that are not where they would be move up. */
static void
block_gone(const void *p)
{
	unsigned i = block_place(p), hole;

	while (block[i] && block[i] != p)
		i = (i + 1) % BLOCKS;
	if (!block[i])
		return;
	nblock--;
	for (hole = i; block[i = (i + 1) % BLOCKS];) {
		unsigned from = block_place(block[i]);

		if ((i - from) % BLOCKS < (i - hole) % BLOCKS)
			continue;
		block[hole] = block[i];
		hole = i;
	}
	block[hole] = NULL;
}

static bool
alloc_fails(void)
{
	return in_turn && runs_out();
}

static void *
alloc_taken(void *p)
{
	return block_made(p);
}

static void
alloc_given(void *p)
{
	if (p && nblock > 0)
		block_gone(p);
}

/* Paths begin here, whoever turns it. */
void
__wrap_gw_turn(struct sluice *gw, bool link_ready, bool host_ready, usec_t now)
{
	path_top = (uintptr_t)__builtin_frame_address(0);
	in_turn = true;
	__real_gw_turn(gw, link_ready, host_ready, now);
	in_turn = false;
	path_top = UINTPTR_MAX;
}

static void
watch_begins(void)
{
	memset(block, 0, sizeof(block));
	nblock = 0;
	watching = true;
}

/* How many blocks were left. */
static unsigned
watch_ends(void)
{
	watching = false;
	return nblock;
}

#endif
