/*
 * kit.h - what the drivers of tools/prove.sh are made of: any bytes, any length, any number
 */
#ifndef PROVE_KIT_H
#define PROVE_KIT_H

#include "__fc_builtin.h"
#include "stack/wire.h"

/* Any bytes, of any length that a frame, a datagram or a message can have. */
struct view any_input(void);
/* The same, as a reader. */
struct rd any_reader(void);
/* Somewhere to write, with any room up to `most`. */
struct wr any_room(size_t most);
/* Any bytes. */
void any_bytes(void *p, size_t len);

#define ANY_BOOL() ((bool)Frama_C_interval(0, 1))

#endif
