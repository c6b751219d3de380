/*
 * gate_rules.h - a small world of names and addresses, and policies about it out of a few bytes
 *
 * Rules are text, as people write them, in our form and in microsandbox's; a line that is an error by itself is left out.
 */
#ifndef TEST_BED_GATE_RULES_H
#define TEST_BED_GATE_RULES_H

#include "policy/rule.h"
#include "sluice.h"
#include "stack/wire.h"

#define GATE_RULES 8u
#define GATE_RULE_TEXT 320u

struct gate_list {
	unsigned n;
	char text[GATE_RULES][GATE_RULE_TEXT];
	const char *profiles;
};

struct gate_rules {
	struct gate_list own, floor;
	bool floored;
	struct sluice_rule rule[2][GATE_RULES];
};

/* Whatever the bytes are. */
void gate_rules_read(struct rd *in, struct gate_rules *out);
/* Into a configuration, which borrows them. */
void gate_rules_set(struct gate_rules *r, struct sluice_config *cfg);
/* For naive_policy.h: to be freed with rules_free(). */
void gate_rules_naive(const struct gate_rules *r, struct rules *own, struct rules *floor);

const char *gate_name(uint8_t n); /* "a.test" */
struct addr gate_addr(uint8_t n, const struct surroundings *where);
uint16_t gate_port(uint8_t n);

#endif
