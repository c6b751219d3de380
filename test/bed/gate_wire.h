/*
 * gate_wire.h - what guests and servers of the small world (gate_rules.h) say, out of a few bytes
 */
#ifndef TEST_BED_GATE_WIRE_H
#define TEST_BED_GATE_WIRE_H

#include "test/bed/gate.h"

#define GATE_WIRE 4096u /* bytes that any of them has room in */

/* A ClientHello; flags: of gate_wire.c.  All return how long it is. */
size_t gate_write_hello(uint8_t *to, const char *name, uint8_t flags);
/* A request, with a body or more behind it. */
size_t gate_write_request(char *text, struct rd *in);
size_t gate_write_question(uint8_t *to, uint8_t name, uint8_t how, uint16_t id);
/* The answer to what was asked on this socket; how: of gate_wire.c, but bit 7. */
size_t gate_write_answer(uint8_t *to, struct rd *in, const struct surroundings *where,
			 const struct gate_sock *s, uint8_t how);

#endif
