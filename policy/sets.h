/*
 * sets.h - many names, many networks: built once, then only asked
 *
 * A set of names answers "is this name in it, or below one of its suffixes"; a set of networks "is this address
 * in one of them".  Both are compact: a million names take at most 100 bytes each, text included, and a network at
 * most 32.  A name costs one hash and about one memory access for each of its labels however many there are, an
 * address one binary search.  Who writes a list or asks a question cannot make that worse: names are hashed by a key
 * that depends on all of the set.  Adding after sealing, and asking before it, is a mistake of ours.
 */
#ifndef POLICY_SETS_H
#define POLICY_SETS_H

#include "policy/name.h"
#include "stack/addr.h"

struct nameset;
struct netset;

struct nameset *nameset_new(void); /* NULL: no memory, as false below */
void nameset_free(struct nameset *s);
/* suffix: the name and all below it.  Adding one again is fine.  At most 4 GiB of names in all: false beyond. */
bool nameset_add(struct nameset *s, const struct name *n, bool suffix);
bool nameset_seal(struct nameset *s);
bool nameset_has(const struct nameset *s, const struct name *n);
size_t nameset_count(const struct nameset *s);  /* different names, once sealed; before, what was added */
size_t nameset_memory(const struct nameset *s); /* bytes it holds */

struct netset *netset_new(void);
void netset_free(struct netset *s);
/* plen counts in the family of net; bits beyond it are not looked at. */
bool netset_add(struct netset *s, const struct addr *net, unsigned plen);
bool netset_seal(struct netset *s);
/* Of its own family: an IPv4 address is in no IPv6 network, nor the other way round. */
bool netset_has(const struct netset *s, const struct addr *a);
size_t netset_count(const struct netset *s); /* what was added, those that are in others and again included */
size_t netset_memory(const struct netset *s);

#endif
