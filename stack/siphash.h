/*
 * siphash.h - SipHash-2-4, a keyed hash of short inputs
 *
 * Whoever does not know the key can neither predict a value nor choose inputs that collide.  That makes
 * it the stack's one hash: flow table buckets, initial sequence numbers (RFC 6528 3), fragment ids.
 */
#ifndef STACK_SIPHASH_H
#define STACK_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

#define SIPHASH_KEY 16u /* bytes */

uint64_t siphash(const uint8_t key[SIPHASH_KEY], const void *p, size_t n);

#endif
