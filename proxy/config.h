/*
 * config.h - reading what the embedder said about the guest's network
 */
#ifndef PROXY_CONFIG_H
#define PROXY_CONFIG_H

#include "sluice.h"
#include "stack/stack.h"

/* Where a sentence about what is wrong goes; errlen may be 0. */
struct setup {
	char *err;
	size_t errlen;
};

/* Writes the sentence and returns false. */
bool wrong(struct setup *su, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Addresses, MACs, families and names; out (all zero before) is to be used only if true; out->secret is not touched. */
bool config_stack(struct setup *su, const struct sluice_config *cfg, struct stack_config *out);

#endif
