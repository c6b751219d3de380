/*
 * rule.h - a rule as it was read, and the list of rules that a policy is built from
 *
 * Readers (parse.c for our grammar, msb.c for microsandbox's forms) make these; lint.c looks for rules that
 * cannot matter; policy.c builds the thing that decides.
 */
#ifndef POLICY_RULE_H
#define POLICY_RULE_H

#include "policy/diag.h"
#include "policy/group.h"
#include "policy/name.h"
#include "policy/sets.h"

enum rule_action { RULE_ALLOW, RULE_DENY, RULE_DROP };

enum target_kind {
	TARGET_ANY,    /* @any */
	TARGET_NET,    /* an address or a CIDR */
	TARGET_NAME,   /* exactly this name */
	TARGET_SUFFIX, /* this name and all below */
	TARGET_GROUP,  /* @public ... */
	TARGET_DNS,    /* @dns: the gateway's resolver */
	TARGET_LIST,   /* @file:PATH, @doh: names and networks, in sets */
};

struct rule_target {
	enum target_kind kind;
	unsigned column; /* in the rule's text, from 1 */
	struct addr net;
	uint8_t plen; /* in net's family */
	enum group group;
	struct name name;
	const struct nameset *names; /* TARGET_LIST: both there and sealed; owned by the rule list */
	const struct netset *nets;
	const char *path; /* TARGET_LIST: as it was written, "@doh"; owned by the rule list */
	/* A rule about requests: the pattern of their paths (path.h); NULL: any, or no such rule.  Owned by the rule. */
	char *request;
};

struct port_range {
	uint16_t first, last;
};

/* How requests come: over TLS (`https`), or in the clear (`http`). */
enum rule_scheme { SCHEME_NONE, SCHEME_HTTPS, SCHEME_HTTP };

/* One of the protocols of a rule. */
struct rule_proto {
	uint8_t proto;           /* IP_PROTO_TCP, _UDP, _ICMP (which stands for ICMPv6 as well) */
	struct port_range *port; /* nport 0: any */
	unsigned nport;
	enum rule_scheme scheme; /* of IP_PROTO_TCP: with ports, then */
};

struct rule {
	enum rule_action action;
	bool egress, ingress; /* at least one */
	/* About requests: all its protocols are `https` and `http`, as TCP with their ports (443, 80 if none are given). */
	bool https, http;
	char **method; /* nmethod 0: any; owned, each of them */
	unsigned nmethod;
	struct rule_proto *proto; /* nproto 0: any */
	unsigned nproto;
	struct rule_target *target; /* ntarget >= 1 */
	unsigned ntarget;
	char *comment;       /* NULL: none */
	char *text;          /* as it was written, without surrounding blanks */
	const char *profile; /* static: it comes from this profile; NULL: it was written */
	struct mark at;      /* file is owned by the rule list */
	uint32_t number;     /* from 1 in its policy; a profile's: 0 */
};

static inline bool
rule_is_about_requests(const struct rule *r)
{
	return r->https || r->http;
}

/* A list that rules have as a target; the same file is read once. */
struct rule_list {
	char *path;            /* where it was found */
	struct nameset *names; /* NULL, as nets: it has errors */
	struct netset *nets;
	uint32_t broad; /* line of a suffix of one label (*.com), which no allow may have; 0: there is none */
};

struct rules {
	struct rule *rule;
	uint32_t n, room;
	uint32_t number; /* of the last rule that was written, good or not */
	char **file;     /* names that marks and targets point at */
	uint32_t nfile;
	struct rule_list *list;
	uint32_t nlist;
};

/* How @file: lists are read: a whole file, as malloc()ed bytes the reader frees; NULL and a short reason. */
typedef char *file_reader(void *ctx, const char *path, size_t *len, const char **why);

struct rule_source {
	const char *text;
	struct mark at; /* file NULL, line 0: numbered as it comes */
};

/*
 * Read n rules and add them to `to` (all zero before the first call), then those of the profiles.  Everything wrong
 * is told to d; reading goes on behind it.  A relative path of a list is taken as from the folder of the file the rule
 * stands in.  False: something was wrong.
 */
bool rules_read(struct rules *to, const struct rule_source *src, size_t n, const char *profiles,
		file_reader *read, void *read_ctx, struct diag_sink *d);
void rules_free(struct rules *r);

/* Rules that can never match or are shadowed by an earlier one: warnings, with both places. */
void rules_lint(const struct rules *r, struct diag_sink *d);

/* A policy file of microsandbox's (JSON) as rules of ours, in its order with its defaults at the end. */
bool rules_read_msb(struct rules *to, const char *json, size_t len, const char *file, struct diag_sink *d);

#endif
