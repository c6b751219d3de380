/*
 * msb.c - microsandbox's form of a rule: ACTION[:DIRECTION]@TARGET[:PROTO[:PORTS]]
 *
 * So that people can bring what they have.  Their `host` is the gateway and the resolver it has (they name it by that),
 * their direction `any` both; tokens with commas between them are several rules.  Beyond their grammar, ports may be
 * a list and IPv6 addresses stand in brackets.
 */
#include <stdlib.h>

#include "policy/msb.h"
#include "policy/reader.h"
#include "stack/ip_wire.h"

static bool
is_word(const char *text, size_t len, const char *word)
{
	return strlen(word) == len && memcmp(text, word, len) == 0;
}

bool
is_msb_form(const char *text, size_t len)
{
	size_t i = 0;

	while (i < len && (text[i] == ' ' || text[i] == '\t'))
		i++;
	size_t from = i;
	while (i < len && text[i] >= 'a' && text[i] <= 'z')
		i++;
	return i > from && i < len && (text[i] == '@' || (text[i] == ':' && memchr(text + i, '@', len - i)));
}

/* --- protocols --------------------------------------------------------------------------------------------- */

enum msb_proto
msb_proto_named(const char *text, size_t len)
{
	static const char *const names[] = {
	    [MSB_TCP] = "tcp", [MSB_UDP] = "udp", [MSB_ICMPV4] = "icmpv4", [MSB_ICMPV6] = "icmpv6"};

	for (unsigned i = 0; i < MSB_PROTOS; i++)
		if (is_word(text, len, names[i]))
			return (enum msb_proto)i;
	return MSB_PROTOS;
}

static bool
add_ports(struct rule_reader *r, uint8_t proto, const struct msb_rule *m, size_t at)
{
	struct port_range *port = NULL;

	if (m->nport) {
		port = malloc(m->nport * sizeof(*port));
		if (!port) {
			reader_no_memory(r);
			return false;
		}
		memcpy(port, m->port, m->nport * sizeof(*port));
	}
	return reader_add_proto(r, proto, port, m->nport, at);
}

/*
 * Their ports are of every protocol that has some, and keep ICMP out.  Ours has one ICMP for both families, so one of
 * theirs alone takes its family from the target: any becomes all addresses of the family.
 */
static void
add_protos(struct rule_reader *r, const struct msb_rule *m, size_t at)
{
	bool all = !m->proto[MSB_TCP] && !m->proto[MSB_UDP] && !m->proto[MSB_ICMPV4] && !m->proto[MSB_ICMPV6];
	bool v4 = m->proto[MSB_ICMPV4], v6 = m->proto[MSB_ICMPV6];

	if (m->proto[MSB_TCP] || (all && m->nport))
		add_ports(r, IP_PROTO_TCP, m, at);
	if (m->proto[MSB_UDP] || (all && m->nport))
		add_ports(r, IP_PROTO_UDP, m, at);
	if (!v4 && !v6)
		return;
	if (m->nport) {
		reader_warn(r, at, m->proto_len, "ICMP has no ports: this rule never matches it");
		if (!m->proto[MSB_TCP] && !m->proto[MSB_UDP])
			reader_error(r, at, m->proto_len, "can never match: ICMP has no ports");
		return;
	}
	reader_add_proto(r, IP_PROTO_ICMP, NULL, 0, at);
	for (unsigned i = 0; i < r->rule.ntarget && v4 != v6; i++) {
		struct rule_target *t = &r->rule.target[i];
		bool alone = r->rule.nproto == 1;

		if (t->kind == TARGET_ANY && alone)
			*t = (struct rule_target){.kind = TARGET_NET,
						  .column = t->column,
						  .net = v4 ? addr_v4(0) : (struct addr){{0}}};
		else if (t->kind != TARGET_NET)
			reader_warn(r, at, m->proto_len, "is taken for icmp, which is ICMP and ICMPv6");
	}
}

/* --- targets ----------------------------------------------------------------------------------------------- */

static bool
covers_dns(const struct msb_rule *m)
{
	bool all = !m->proto[MSB_ICMPV4] && !m->proto[MSB_ICMPV6];
	bool port = m->nport == 0;

	for (unsigned i = 0; i < m->nport; i++)
		port |= m->port[i].first <= 53 && m->port[i].last >= 53;
	return port && (m->proto[MSB_TCP] || m->proto[MSB_UDP] || all);
}

bool
msb_add_group(struct rule_reader *r, const struct msb_rule *m, size_t from, size_t len)
{
	const char *text = r->text + from;
	struct rule_target t = {.column = (unsigned)from + 1};

	t.group = group_named(text, len);
	if (is_word(text, len, "any"))
		t.kind = TARGET_ANY;
	else if (is_word(text, len, "dns"))
		t.kind = TARGET_DNS;
	else if (t.group != GROUPS)
		t.kind = TARGET_GROUP;
	else
		return false;
	reader_add_target(r, &t);
	if (t.kind == TARGET_GROUP && t.group == GROUP_HOST && covers_dns(m) && m->egress && !m->ingress) {
		t.kind = TARGET_DNS;
		reader_add_target(r, &t);
	}
	return true;
}

void
msb_finish(struct rule_reader *r, const struct msb_rule *m, size_t proto_at)
{
	struct rule *rule = &r->rule;

	rule->action = m->action;
	rule->egress = m->egress;
	rule->ingress = m->ingress;
	add_protos(r, m, proto_at);
	for (unsigned i = 0; i < rule->ntarget; i++) {
		struct rule_target *t = &rule->target[i];

		/* "dns" is what `allow_dns` makes: port 53 of both. */
		if (t->kind == TARGET_DNS && rule->ntarget == 1 && rule->nproto == 0) {
			struct msb_rule port53 = {.proto = {true, true}, .nport = 1, .port = {{53, 53}}};

			add_protos(r, &port53, proto_at);
		}
		if (rule->egress && rule->ingress && (t->kind == TARGET_NAME || t->kind == TARGET_SUFFIX)) {
			reader_warn(r, t->column ? t->column - 1 : 0, 0,
				    "is for egress alone: nothing tells a client's name");
			rule->ingress = false;
		}
	}
}

/* --- the token --------------------------------------------------------------------------------------------- */

static size_t
until(const struct rule_reader *r, size_t from, size_t end, const char *any)
{
	while (from < end && !strchr(any, r->text[from]))
		from++;
	return from;
}

static void
read_head(struct rule_reader *r, size_t from, size_t end, struct msb_rule *m)
{
	size_t colon = until(r, from, end, ":");
	const char *action = r->text + from, *way = r->text + colon + 1;
	size_t len = colon < end ? end - colon - 1 : 0;

	if (is_word(action, colon - from, "allow"))
		m->action = RULE_ALLOW;
	else if (is_word(action, colon - from, "deny"))
		m->action = RULE_DENY;
	else if (is_word(action, colon - from, "drop"))
		m->action = RULE_DROP;
	else
		reader_error(r, from, colon - from,
			     "not an action: allow, deny or drop is expected before '@'");
	m->egress = colon == end || is_word(way, len, "egress") || is_word(way, len, "any");
	m->ingress = colon < end && (is_word(way, len, "ingress") || is_word(way, len, "any"));
	if (!m->egress && !m->ingress)
		reader_error(r, colon + 1, len, "not a direction: egress, ingress or any is expected");
}

static void
read_token_target(struct rule_reader *r, size_t from, size_t end, const struct msb_rule *m)
{
	const char *text = r->text + from;
	size_t len = end - from;
	struct rule_target t;
	bool good;

	r->rule.action = m->action;
	if (len == 0) {
		reader_error(
		    r, from, 0,
		    "a target is expected behind '@': any, a group, an address, a network or a name");
		return;
	}
	if (msb_add_group(r, m, from, len))
		return;
	t = (struct rule_target){.column = (unsigned)from + 1};
	if (len >= 7 && memcmp(text, "domain=", 7) == 0)
		good = reader_name(r, from + 7, len - 7, false, &t);
	else if (len >= 7 && memcmp(text, "suffix=", 7) == 0)
		good = reader_name(r, from + 7, len - 7, true, &t);
	else if (!memchr(text, '.', len) && !memchr(text, '/', len) && !memchr(text, ':', len)) {
		reader_error(r, from, len,
			     "neither a group nor a name with a dot; a host of that name is domain=%.*s",
			     (int)len, text);
		return;
	} else
		good = reader_target(r, from, len, &t);
	if (good)
		reader_add_target(r, &t);
}

static void
read_token_ports(struct rule_reader *r, size_t from, size_t end, struct msb_rule *m)
{
	if (is_word(r->text + from, end - from, "any"))
		return;
	for (size_t at = from; at <= end;) {
		size_t stop = until(r, at, end, ","), dash = until(r, at, stop, "-");
		struct port_range p = {reader_port(r->text + at, dash - at), 0};

		p.last = dash < stop ? reader_port(r->text + dash + 1, stop - dash - 1) : p.first;
		if (!p.first || !p.last || p.first > p.last)
			reader_error(r, at, stop - at,
				     "not a port: any, a number from 1 to 65535 or LOW-HIGH is expected");
		else if (m->nport == MSB_PORTS_MAX)
			reader_error(r, at, stop - at, "a rule has at most %u ports", MSB_PORTS_MAX);
		else
			m->port[m->nport++] = p;
		at = stop + 1;
	}
}

static void
read_token(struct rule_reader *r, size_t from, size_t end)
{
	struct msb_rule m = {.action = RULE_DENY};
	size_t at = until(r, from, end, "@"), target = at < end ? at + 1 : end, stop = target, proto, ports;

	read_head(r, from, at, &m);
	if (at == end)
		reader_error(r, from, end - from,
			     "'@' and a target are expected, as in allow@example.com:tcp:443");
	/* Colons inside of brackets are the address's. */
	if (stop < end && r->text[stop] == '[')
		stop = until(r, stop, end, "]");
	stop = until(r, stop, end, ":");
	proto = stop < end ? stop + 1 : end;
	ports = until(r, proto, end, ":");
	m.proto_len = ports - proto;
	if (stop < end && !is_word(r->text + proto, ports - proto, "any")) {
		enum msb_proto p = msb_proto_named(r->text + proto, ports - proto);

		if (p == MSB_PROTOS)
			reader_error(r, proto, ports - proto,
				     "not a protocol: any, tcp, udp, icmpv4 or icmpv6 is expected");
		else
			m.proto[p] = true;
	}
	if (ports < end)
		read_token_ports(r, ports + 1, end, &m);
	if (at < end)
		read_token_target(r, target, stop, &m);
	msb_finish(r, &m, proto < end ? proto : from);
	reader_finish(r, from, end - from);
}

/* A comma ends a token if another begins behind it: ports have commas too. */
static size_t
token_end(const struct rule_reader *r)
{
	for (size_t i = r->at; i < r->len; i++) {
		size_t next = i + 1;

		while (r->text[i] == ',' && next < r->len && (r->text[next] == ' ' || r->text[next] == '\t'))
			next++;
		if (r->text[i] == ',' && next < r->len && is_msb_form(r->text + next, r->len - next))
			return i;
	}
	return r->len;
}

void
read_msb_form(struct rule_reader *r)
{
	while (r->len > 0 && strchr(" \t\r\n", r->text[r->len - 1]))
		r->len--;
	if (r->len > RULE_TEXT_MAX) {
		reader_error(r, 0, 0, "a rule has at most %u bytes", RULE_TEXT_MAX);
		return;
	}
	while (r->at < r->len) {
		size_t end = token_end(r), from = r->at;

		while (from < end && (r->text[from] == ' ' || r->text[from] == '\t'))
			from++;
		r->at = end + 1;
		while (end > from && (r->text[end - 1] == ' ' || r->text[end - 1] == '\t'))
			end--;
		read_token(r, from, end);
	}
}
