/*
 * gate_int.h - what the files of the gate share
 *
 *	gate.c       the life of it, judgments, connections, datagrams, clients
 *	gate_dns.c   questions, answers, evidence
 *	gate_said.c  what a connection's bytes say, and how many may pass
 *	gate_must.c  what is not to be refused
 */
#ifndef TEST_BED_GATE_INT_H
#define TEST_BED_GATE_INT_H

#include "test/bed/gate.h"

void gate_complain(struct gate *g, const char *what, const char *about);
void gate_digest(struct gate *g, const void *p, size_t n);
/* More of a buffer that grows. */
void gate_append(uint8_t **to, size_t *n, size_t *room, struct view bytes);

/* Names known now for a. */
unsigned gate_names(const struct gate *g, const struct addr *a, struct name *out, unsigned max);
struct naive_policy gate_naive(const struct gate *g, bool told);
/* The mildest of all readings; proofs count as evidence. */
enum verdict gate_mildest(struct gate *g, const struct policy_question *q, const struct name *proof,
			  unsigned n);
/* The sternest, without any. */
enum verdict gate_strictest(struct gate *g, const struct policy_question *q);
/* The question about one of the guest's connections. */
struct policy_question gate_question(const struct gate_conn *c);
void gate_add_proofs(const struct gate *g, const struct addr *a, struct name *proof, unsigned *n);

/* gate_dns.c */
void gate_dns_asked(struct gate *g, struct gate_sock *s, struct view msg);
void gate_dns_answered(struct gate *g, struct gate_sock *s, struct view msg);
void gate_dns_told(struct gate *g, const struct strict *is, struct view msg);
bool gate_is_server(const struct addr *a);

/* gate_said.c */
void gate_measure(struct gate *g, struct gate_conn *c);
void gate_given(struct gate *g, struct gate_conn *c);

#endif
