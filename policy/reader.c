/*
 * reader.c - rules as they are read: kept, checked for what cannot be enforced, numbered, given back
 */
#include "policy/reader.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "stack/ip_wire.h"

#define WORD_MAX 80u
#define SENTENCE_MAX 400u

/* --- telling ----------------------------------------------------------------------------------------------- */

static void
tell(struct rule_reader *r, bool error, size_t from, size_t len, const char *fmt, va_list args)
{
	char word[WORD_MAX], sentence[SENTENCE_MAX];
	struct mark at = r->place;

	len = len < sizeof(word) ? len : sizeof(word) - 1;
	memcpy(word, r->text + from, len);
	word[len] = '\0';
	vsnprintf(sentence, sizeof(sentence), fmt, args);
	if (!r->fixed_place)
		at.column += (unsigned)from;
	if (error)
		r->errors++;
	(error ? diag_error : diag_warn)(r->d, &at, word, "%s%s%s", r->field ? r->field : "",
					 r->field ? ": " : "", sentence);
}

void
reader_error(struct rule_reader *r, size_t from, size_t len, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	tell(r, true, from, len, fmt, args);
	va_end(args);
}

void
reader_warn(struct rule_reader *r, size_t from, size_t len, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	tell(r, false, from, len, fmt, args);
	va_end(args);
}

void
reader_no_memory(struct rule_reader *r)
{
	reader_error(r, 0, 0, "no memory for the rule");
}

/* --- the parts of a rule ----------------------------------------------------------------------------------- */

void
rule_free(struct rule *r)
{
	for (unsigned i = 0; i < r->nproto; i++)
		free(r->proto[i].port);
	for (unsigned i = 0; i < r->ntarget; i++)
		free(r->target[i].request);
	for (unsigned i = 0; i < r->nmethod; i++)
		free(r->method[i]);
	free(r->proto);
	free(r->method);
	free(r->target);
	free(r->comment);
	free(r->text);
	*r = (struct rule){0};
}

bool
reader_add_target(struct rule_reader *r, const struct rule_target *t)
{
	struct rule *rule = &r->rule;

	if (rule->ntarget == RULE_TARGETS_MAX) {
		reader_error(r, t->column ? t->column - 1 : 0, 0,
			     "a rule has at most %u targets; more belong into a list: @file:PATH",
			     RULE_TARGETS_MAX);
		free(t->request);
		return false;
	}
	/* Room grows at powers of two. */
	if ((rule->ntarget & (rule->ntarget - 1)) == 0) {
		size_t room = rule->ntarget ? 2 * (size_t)rule->ntarget : 1;
		struct rule_target *more = realloc(rule->target, room * sizeof(*more));

		if (!more) {
			reader_no_memory(r);
			free(t->request);
			return false;
		}
		rule->target = more;
	}
	rule->target[rule->ntarget++] = *t;
	return true;
}

static unsigned
proto_slot(uint8_t proto, enum rule_scheme scheme)
{
	if (scheme != SCHEME_NONE)
		return scheme == SCHEME_HTTPS ? 3 : 4;
	return proto == IP_PROTO_TCP ? 0 : proto == IP_PROTO_UDP ? 1 : 2;
}

/* What a rule has of proto; NULL: nothing yet. */
static struct rule_proto *
find_proto(struct rule *rule, uint8_t proto, enum rule_scheme scheme)
{
	for (unsigned i = 0; i < rule->nproto; i++)
		if (rule->proto[i].proto == proto && rule->proto[i].scheme == scheme)
			return &rule->proto[i];
	return NULL;
}

/* Takes over port. */
static bool
merge_ports(struct rule_reader *r, struct rule_proto *into, struct port_range *port, unsigned nport,
	    size_t at)
{
	struct port_range *all = NULL;
	bool good = true;

	if (nport == 0 || into->nport == 0) { /* all ports include any */
		free(into->port);
		into->port = NULL;
		into->nport = 0;
	} else if (into->nport + nport > RULE_PORTS_MAX) {
		reader_error(r, at, 0, "a rule has at most %u ports and ranges of ports a protocol",
			     RULE_PORTS_MAX);
		good = false;
	} else if (!(all = realloc(into->port, (into->nport + nport) * sizeof(*all)))) {
		reader_no_memory(r);
		good = false;
	} else {
		memcpy(all + into->nport, port, nport * sizeof(*all));
		into->port = all;
		into->nport += nport;
	}
	free(port);
	return good;
}

static bool
add_proto(struct rule_reader *r, uint8_t proto, enum rule_scheme scheme, struct port_range *port,
	  unsigned nport, size_t at)
{
	struct rule *rule = &r->rule;
	struct rule_proto *p = find_proto(rule, proto, scheme);

	if (p)
		return merge_ports(r, p, port, nport, at);
	if (!rule->proto)
		rule->proto = calloc(RULE_PROTOS, sizeof(*rule->proto));
	if (!rule->proto || nport > RULE_PORTS_MAX) {
		reader_error(r, at, 0,
			     rule->proto ? "a rule has at most %u ports and ranges of ports a protocol"
					 : "no memory for %u protocols",
			     rule->proto ? RULE_PORTS_MAX : RULE_PROTOS);
		free(port);
		return false;
	}
	rule->proto[rule->nproto++] = (struct rule_proto){proto, port, nport, scheme};
	r->proto_at[proto_slot(proto, scheme)] = at;
	rule->https |= scheme == SCHEME_HTTPS;
	rule->http |= scheme == SCHEME_HTTP;
	return true;
}

bool
reader_add_proto(struct rule_reader *r, uint8_t proto, struct port_range *port, unsigned nport, size_t at)
{
	return add_proto(r, proto, SCHEME_NONE, port, nport, at);
}

bool
reader_add_scheme(struct rule_reader *r, enum rule_scheme scheme, struct port_range *port, unsigned nport,
		  size_t at)
{
	uint16_t usual = scheme == SCHEME_HTTPS ? 443 : 80;

	if (nport == 0) {
		port = malloc(sizeof(*port));
		if (!port) {
			reader_no_memory(r);
			return false;
		}
		*port = (struct port_range){usual, usual};
		nport = 1;
	}
	return add_proto(r, IP_PROTO_TCP, scheme, port, nport, at);
}

bool
reader_add_method(struct rule_reader *r, size_t from, size_t len)
{
	struct rule *rule = &r->rule;

	if (!is_method(r->text + from, len)) {
		reader_error(
		    r, from, len,
		    "not a method: up to %u capital letters, digits, '-' and '_' are expected, as in "
		    "GET or GET,HEAD",
		    RULE_METHOD_MAX);
		return false;
	}
	if (rule->nmethod == RULE_METHODS_MAX) {
		reader_error(r, from, len, "a rule has at most %u methods", RULE_METHODS_MAX);
		return false;
	}
	if (!rule->method)
		rule->method = calloc(RULE_METHODS_MAX, sizeof(*rule->method));

	char *own = rule->method ? malloc(len + 1) : NULL;
	if (!own) {
		reader_no_memory(r);
		return false;
	}
	memcpy(own, r->text + from, len);
	own[len] = '\0';
	rule->method[rule->nmethod++] = own;
	return true;
}

uint16_t
reader_port(const char *text, size_t len)
{
	unsigned n = 0;

	if (len == 0 || len > 5 || text[0] == '0')
		return 0;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return 0;
		n = 10 * n + (unsigned)(text[i] - '0');
	}
	return n <= UINT16_MAX ? (uint16_t)n : 0;
}

/* --- what cannot be enforced ------------------------------------------------------------------------------- */

static size_t
word_at(const struct rule_reader *r, size_t from)
{
	size_t n = 0;

	while (!r->fixed_place && from + n < r->len && !strchr(" \t,", r->text[from + n]))
		n++;
	return r->fixed_place && from == 0 ? r->len : n;
}

static void
unenforceable(struct rule_reader *r, const struct rule_target *t, const char *why)
{
	size_t from = t->column ? t->column - 1 : 0;

	reader_error(r, from, word_at(r, from), "%s", why);
}

static bool
asks_dns(const struct rule *rule)
{
	bool any = rule->nproto == 0;

	if (rule_is_about_requests(rule))
		return false;
	for (unsigned i = 0; i < rule->nproto; i++) {
		const struct rule_proto *p = &rule->proto[i];

		if (p->proto == IP_PROTO_ICMP)
			continue;
		any |= p->nport == 0;
		for (unsigned k = 0; k < p->nport; k++)
			any |= p->port[k].first <= 53 && p->port[k].last >= 53;
	}
	return any;
}

static void
check_ingress(struct rule_reader *r, const struct rule_target *t)
{
	if (t->kind == TARGET_NAME || t->kind == TARGET_SUFFIX)
		unenforceable(r, t,
			      "cannot be enforced: clients come from addresses, nothing tells their name; an "
			      "address, a network or a group is expected");
	else if (t->kind == TARGET_DNS)
		unenforceable(r, t, "cannot be enforced: the gateway's resolver is nobody's client");
	else if (t->kind == TARGET_LIST && nameset_count(t->names))
		unenforceable(r, t,
			      "cannot be enforced: the list has names, and nothing tells a client's name; a "
			      "list of addresses and networks is expected");
}

static void
check_allow(struct rule_reader *r, const struct rule_target *t)
{
	unsigned whole = addr_is_v4(&t->net) ? 32 : 128;

	if (t->kind != TARGET_NET)
		return;
	if (t->plen == whole && addr_is_unspecified(&t->net))
		unenforceable(r, t,
			      "cannot be enforced: no flow leads to the unspecified address; @any is every "
			      "address, @host the host");
	else if (net_carries_v4(&t->net, t->plen))
		unenforceable(
		    r, t,
		    "cannot be enforced: these addresses are judged by the IPv4 address they carry; "
		    "allow that one");
}

static void
check_requests(struct rule_reader *r)
{
	const struct rule *rule = &r->rule;
	const size_t at = r->proto_at[rule->https ? 3 : 4];

	for (unsigned i = 0; i < rule->nproto; i++) {
		const struct rule_proto *p = &rule->proto[i];
		const size_t other = r->proto_at[proto_slot(p->proto, p->scheme)];

		if (p->scheme == SCHEME_NONE)
			reader_error(r, other, word_at(r, other),
				     "https and http are about requests, and stand in rules of their own: "
				     "write another rule for this");
	}
	if (rule->ingress)
		reader_error(
		    r, at, word_at(r, at),
		    "cannot be enforced: what clients of published ports ask is not read; tcp or udp is "
		    "expected");
}

static void
check_rule(struct rule_reader *r)
{
	const struct rule *rule = &r->rule;
	struct rule_proto *icmp = find_proto(&r->rule, IP_PROTO_ICMP, SCHEME_NONE);

	if (rule_is_about_requests(rule))
		check_requests(r);

	if (rule->ingress && icmp)
		reader_error(
		    r, r->proto_at[2], word_at(r, r->proto_at[2]),
		    "cannot be enforced: no port is published for ICMP, so none comes in; tcp or udp is "
		    "expected");
	for (unsigned i = 0; i < rule->ntarget; i++) {
		const struct rule_target *t = &rule->target[i];

		if (rule->ingress)
			check_ingress(r, t);
		if (rule->action == RULE_ALLOW)
			check_allow(r, t);
		if (t->kind == TARGET_DNS && rule->egress && !asks_dns(rule))
			unenforceable(
			    r, t, "cannot be enforced: the resolver is asked over udp/53 and tcp/53 alone");
	}
}

/* --- the list of rules ------------------------------------------------------------------------------------- */

const char *
rules_keep_name(struct rules *to, const char *name, size_t len)
{
	for (uint32_t i = to->nfile; i > 0; i--)
		if (strlen(to->file[i - 1]) == len && memcmp(to->file[i - 1], name, len) == 0)
			return to->file[i - 1];

	char **more = realloc(to->file, (to->nfile + 1) * sizeof(*more));
	char *own = more ? malloc(len + 1) : NULL;

	if (more)
		to->file = more;
	if (!own)
		return NULL;
	memcpy(own, name, len);
	own[len] = '\0';
	return to->file[to->nfile++] = own;
}

/* Takes over the rule on success. */
static bool
keep(struct rules *to, struct rule *rule)
{
	if (to->n == to->room) {
		uint32_t room = to->room ? 2 * to->room : 16;
		struct rule *more = realloc(to->rule, room * sizeof(*more));

		if (!more)
			return false;
		to->rule = more;
		to->room = room;
	}
	to->rule[to->n++] = *rule;
	*rule = (struct rule){0};
	return true;
}

void
reader_finish(struct rule_reader *r, size_t from, size_t len)
{
	struct rules *to = r->to;
	struct rule *rule = &r->rule;

	if (!rule->profile)
		to->number++;
	if (!r->errors)
		check_rule(r);
	if (!r->errors && to->n == RULES_MAX)
		reader_error(r, from, len,
			     "more than %u rules; what they have in common belongs into a list: @file:PATH",
			     RULES_MAX);
	if (!r->errors) {
		rule->number = rule->profile ? 0 : to->number;
		rule->at = r->place;
		if (!r->fixed_place)
			rule->at.column += (unsigned)from;
		if (!rule->text)
			rule->text = malloc(len + 1);
		if (rule->text && len) {
			memcpy(rule->text, r->text + from, len);
			rule->text[len] = '\0';
		}
		for (unsigned i = 0; i < rule->ntarget; i++)
			rule->target[i].column -= (unsigned)(rule->target[i].column ? from : 0);
		if (!rule->text || !keep(to, rule))
			reader_no_memory(r);
	}
	rule_free(rule);
	r->errors = 0;
	memset(r->proto_at, 0, sizeof(r->proto_at));
}

void
rules_free(struct rules *r)
{
	for (uint32_t i = 0; i < r->n; i++)
		rule_free(&r->rule[i]);
	for (uint32_t i = 0; i < r->nlist; i++) {
		free(r->list[i].path);
		nameset_free(r->list[i].names);
		netset_free(r->list[i].nets);
	}
	for (uint32_t i = 0; i < r->nfile; i++)
		free(r->file[i]);
	free(r->rule);
	free(r->list);
	free(r->file);
	*r = (struct rules){0};
}

bool
rules_read(struct rules *to, const struct rule_source *src, size_t n, const char *profiles, file_reader *read,
	   void *read_ctx, struct diag_sink *d)
{
	unsigned before = d->errors;

	for (size_t i = 0; i < n; i++) {
		struct rule_reader r = {.to = to,
					.read = read,
					.read_ctx = read_ctx,
					.d = d,
					.text = src[i].text,
					.place = src[i].at};

		r.len = strlen(r.text);
		if (r.place.file &&
		    !(r.place.file = rules_keep_name(to, r.place.file, strlen(r.place.file)))) {
			diag_error(d, &src[i].at, NULL, "no memory for the rule");
			continue;
		}
		if (!r.place.file && r.place.line == 0)
			r.place.line = to->number + 1;
		if (r.place.column == 0)
			r.place.column = 1;
		if (is_msb_form(r.text, r.len))
			read_msb_form(&r);
		else
			read_sentence(&r);
	}
	read_profiles(to, profiles, d);
	return d->errors == before;
}
