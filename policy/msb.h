/*
 * msb.h - a rule of microsandbox's, between its two forms (a token, JSON) and ours
 */
#ifndef POLICY_MSB_H
#define POLICY_MSB_H

#include "policy/reader.h"

#define MSB_PORTS_MAX 128u

enum msb_proto { MSB_TCP, MSB_UDP, MSB_ICMPV4, MSB_ICMPV6, MSB_PROTOS };

struct msb_rule {
	enum rule_action action;
	bool egress, ingress;
	bool proto[MSB_PROTOS]; /* none: all */
	size_t proto_len;       /* of the word, for what is told */
	struct port_range port[MSB_PORTS_MAX];
	unsigned nport;
};

enum msb_proto msb_proto_named(const char *text, size_t len); /* MSB_PROTOS: it is none */

/* text[from, from + len) as a group, any or dns, into r's rule; false: it is none of them.  m is whole. */
bool msb_add_group(struct rule_reader *r, const struct msb_rule *m, size_t from, size_t len);

/* The rest of m into r's rule, whose targets are there.  proto_at: where in the text the protocol stands. */
void msb_finish(struct rule_reader *r, const struct msb_rule *m, size_t proto_at);

#endif
