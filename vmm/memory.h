/*
 * memory.h - the guest's memory: one mapping of ours, two pieces of the guest's around the hole below 4 GiB
 */
#ifndef VMM_MEMORY_H
#define VMM_MEMORY_H

#include <stdint.h>

#include "sluice.h"
#include "vmm/why.h"

#define MEMORY_PAGE 4096u
#define MEMORY_MIN (UINT64_C(32) << 20)
#define MEMORY_PIECES 2

struct memory {
	uint8_t *base;      /* low bytes first, then high ones */
	uint64_t low, high; /* bytes from 0 on, and from 4 GiB on */
};

/* Zeros, committed as the guest touches them.  size: a multiple of the page, at least MEMORY_MIN. */
int memory_new(struct memory *m, uint64_t size, struct why *why);
void memory_free(struct memory *m);

/* len bytes at a guest-physical address, all in one piece; NULL: they are not. */
void *memory_at(const struct memory *m, uint64_t at, uint64_t len);

/* The pieces, for KVM and for the network card; returns how many. */
uint32_t memory_pieces(const struct memory *m, struct sluice_memory piece[MEMORY_PIECES]);

#endif
