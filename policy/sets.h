/*
 * sets.h - many names, many networks: built once, then only asked
 *
 * A set of names answers "is this name in it, or below one of its suffixes"; a set of networks "is this address
 * in one of them".  Both are compact (a million names take at most 100 bytes each, text included) and answer in a few
 * memory accesses however many they hold.  Adding after sealing, and asking before it, is a mistake of ours.
 */
#ifndef POLICY_SETS_H
#define POLICY_SETS_H

#include "policy/name.h"
#include "stack/addr.h"

struct nameset;
struct netset;

struct nameset *nameset_new(void); /* NULL: no memory, as false below */
void nameset_free(struct nameset *s);
/* suffix: the name and all below it.  Adding one again is fine. */
bool nameset_add(struct nameset *s, const struct name *n, bool suffix);
bool nameset_seal(struct nameset *s);
bool nameset_has(const struct nameset *s, const struct name *n);
size_t nameset_count(const struct nameset *s);
size_t nameset_memory(const struct nameset *s); /* bytes it holds */

struct netset *netset_new(void);
void netset_free(struct netset *s);
/* plen counts in the family of net; bits beyond it are not looked at. */
bool netset_add(struct netset *s, const struct addr *net, unsigned plen);
bool netset_seal(struct netset *s);
bool netset_has(const struct netset *s, const struct addr *a);
size_t netset_count(const struct netset *s);
size_t netset_memory(const struct netset *s);

#endif
