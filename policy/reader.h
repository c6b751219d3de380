/*
 * reader.h - what those who read rules share: the text at hand, where it stands, and the rule that comes of it
 *
 * A reader goes through one text.  Everything wrong in it is told with the place of the very word; reading goes on
 * behind the word, so that a rule with three mistakes makes three errors.  A rule with a mistake is not kept.
 */
#ifndef POLICY_READER_H
#define POLICY_READER_H

#include "policy/rule.h"

#define RULE_TEXT_MAX 16384u   /* bytes of one rule */
#define RULE_COMMENT_MAX 256u  /* ... of its comment */
#define RULE_TARGETS_MAX 1024u /* of one rule */
#define RULE_PORTS_MAX 256u    /* port ranges of one protocol of a rule */
#define RULES_MAX 100000u      /* of one policy; more belong into a list */
#define LISTS_MAX 256u         /* @file: and @doh of one policy */
#define LIST_ENTRIES_MAX 20000000u
#define LIST_ERRORS_TOLD 20u

#define RULE_METHODS_MAX 32u /* of one rule */
#define RULE_METHOD_MAX 32u  /* bytes of one */

#define RULE_PROTOS 5u /* tcp, udp, icmp, https, http */

struct rule_reader {
	struct rules *to;
	file_reader *read;
	void *read_ctx;
	struct diag_sink *d;
	const char *text;  /* not ended by a NUL */
	size_t len, at;    /* at: how far it has been read */
	struct mark place; /* of text[0] */
	bool
	    fixed_place; /* every error is told there, with `field` before it: the text is not what stands in the file */
	const char *field;

	struct rule rule;             /* what has been read of it */
	size_t proto_at[RULE_PROTOS]; /* where in text each protocol stands */
	unsigned errors;              /* in this rule */
};

/* text[from, from + len) is wrong; the sentence says what was expected. */
void reader_error(struct rule_reader *r, size_t from, size_t len, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void reader_warn(struct rule_reader *r, size_t from, size_t len, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void reader_no_memory(struct rule_reader *r);

/* The rule's parts; false (and told): no memory, or too many.  Takes over t->request in either case. */
bool reader_add_target(struct rule_reader *r, const struct rule_target *t);
/* Merged with what the rule has of that protocol; nport 0: all ports.  Takes over port, which is malloc()ed. */
bool reader_add_proto(struct rule_reader *r, uint8_t proto, struct port_range *port, unsigned nport,
		      size_t at);
/* The same for requests: TCP. */
bool reader_add_scheme(struct rule_reader *r, enum rule_scheme scheme, struct port_range *port,
		       unsigned nport, size_t at);
/* text[from, from + len) as a further method. */
bool reader_add_method(struct rule_reader *r, size_t from, size_t len);
/* A port from 1 to 65535 in decimal, the whole of text[from, from + len); 0: it is none. */
uint16_t reader_port(const char *text, size_t len);

/* One target of our grammar: an address, a network, a name, a suffix, a group, a list. */
bool reader_target(struct rule_reader *r, size_t from, size_t len, struct rule_target *out);
/* The same with the path of a rule about requests behind it. */
bool reader_request(struct rule_reader *r, size_t from, size_t len, struct rule_target *out);
/* Is text[from, from + len) how a method is written? */
bool is_method(const char *text, size_t len);
/* The same for what is known to be ... */
bool reader_net(struct rule_reader *r, size_t from, size_t len, struct rule_target *out);
bool reader_name(struct rule_reader *r, size_t from, size_t len, bool suffix, struct rule_target *out);

/*
 * The rule is read: can it be enforced?  Then it is kept, with text[from, from + len) as its text and its place, and
 * the next number; an unenforceable one is told.  Either way the reader is empty afterwards.
 */
void reader_finish(struct rule_reader *r, size_t from, size_t len);
void rule_free(struct rule *r);

/* The two forms of a rule in text: the whole text is read, and what comes of it is kept. */
void read_sentence(struct rule_reader *r);
bool is_msb_form(const char *text, size_t len);
void read_msb_form(struct rule_reader *r);

/* A copy the rule list owns, one for equal strings; NULL: no memory. */
const char *rules_keep_name(struct rules *to, const char *name, size_t len);

/* What is wrong with a name that name_parse() refuses; static. */
const char *name_trouble(const char *text, size_t len);
/* Is text, of at least one byte, an address or a network by its looks? */
bool looks_like_net(const char *text, size_t len);
/* "1.2.3", "0x7f.1", "1234": no address of ours, and some resolvers take it for one. */
bool ends_in_number(const char *text, size_t len);

/* The sets of @file:PATH and @doh, read once for a policy.  column: of the target.  False: told. */
bool list_read(struct rule_reader *r, size_t from, size_t len, struct rule_target *out);
/*
 * Names and networks of a list's bytes into list, whose sets are there and are sealed afterwards; file is what its
 * lines are told to be of.  False: it has errors, which were told, the first LIST_ERRORS_TOLD of them one by one.
 */
bool list_parse(const char *text, size_t len, const char *file, struct rule_list *list, struct diag_sink *d);
/* Well-known endpoints of DNS over HTTPS, one a line, as in a file. */
const char *doh_list(size_t *len);

/* The rules of the profiles ("public,host"), after those that are there. */
void read_profiles(struct rules *to, const char *profiles, struct diag_sink *d);

/* A rule in our grammar; NULL: no memory, or it is for both directions.  malloc()ed. */
char *rule_print(const struct rule *r);

#endif
