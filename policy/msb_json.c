/*
 * msb_json.c - a policy of microsandbox's as it is kept: JSON
 *
 *     {"default_egress": "deny", "default_ingress": "allow", "rules": [
 *         {"direction": "egress", "destination": {"domain_suffix": "example.com"}, "protocols": ["tcp"],
 *          "ports": [{"start": 443, "end": 443}], "action": "allow"}]}
 *
 * Each rule becomes one of ours (two, if it is for both directions), the defaults become rules at the end: what is not
 * given is deny, as it is with them.  jansson reads it and says nothing of where its values stand, so the text is gone
 * through once more beside it, to give each rule its line and column.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "policy/msb.h"

#define JSON_MAX ((size_t)64 << 20)
#define FIELD_MAX 64

/* --- where the rules stand --------------------------------------------------------------------------------- */

/* A walk over text that is known to be JSON: strings are skipped, braces counted. */
struct walk {
	const char *p, *end;
	unsigned line, column, depth;
};

static void
step(struct walk *w)
{
	if (*w->p == '\n') {
		w->line++;
		w->column = 0;
	}
	w->column++;
	w->p++;
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void
skip_space(struct walk *w)
{
	while (w->p < w->end && is_space(*w->p))
		step(w);
}

static void
skip_string(struct walk *w)
{
	step(w);
	while (w->p < w->end && *w->p != '"') {
		if (*w->p == '\\' && w->p + 1 < w->end)
			step(w);
		step(w);
	}
	if (w->p < w->end)
		step(w);
}

/* Over one token. */
static void
skip_token(struct walk *w)
{
	if (*w->p == '"') {
		skip_string(w);
		return;
	}
	if (*w->p == '{' || *w->p == '[')
		w->depth++;
	if ((*w->p == '}' || *w->p == ']') && w->depth > 0)
		w->depth--;
	step(w);
}

/* To the first byte behind the '[' of "rules"; false: it is not to be found (its name has escapes). */
static bool
find_rules(struct walk *w)
{
	static const char key[] = "\"rules\"";

	while (skip_space(w), w->p < w->end) {
		bool found = w->depth == 1 && (size_t)(w->end - w->p) >= sizeof(key) - 1 &&
			     memcmp(w->p, key, sizeof(key) - 1) == 0;

		skip_token(w);
		skip_space(w);
		if (!found || w->p == w->end || *w->p != ':')
			continue;
		step(w);
		skip_space(w);
		if (w->p < w->end && *w->p == '[') {
			skip_token(w);
			return true;
		}
	}
	return false;
}

/* The place of the next element of the array; behind it afterwards. */
static struct mark
next_place(struct walk *w, const char *file)
{
	struct mark at = {file, 0, 0};
	unsigned depth = w->depth;

	while (skip_space(w), w->p < w->end && *w->p == ',')
		step(w);
	if (w->p < w->end && depth > 0)
		at = (struct mark){file, w->line, w->column};
	while (w->p < w->end && !(w->depth == depth && *w->p == ',') && w->depth >= depth)
		skip_token(w);
	return at;
}

/* --- a rule ------------------------------------------------------------------------------------------------ */

struct json_rule {
	struct rule_reader r; /* text: the value at hand, for what is told */
	struct msb_rule m;
	bool both;
	size_t index;
	char field[FIELD_MAX];
};

/* What is told next is about this field and this text. */
static void
look_at(struct json_rule *j, const char *field, const char *text)
{
	snprintf(j->field, sizeof(j->field), "rules[%zu]%s%s", j->index, field[0] ? "." : "", field);
	j->r.field = j->field;
	j->r.text = text ? text : "";
	j->r.len = strlen(j->r.text);
}

static void
wrong(struct json_rule *j, const char *field, const json_t *v, const char *expected)
{
	look_at(j, field, json_string_value(v));
	reader_error(&j->r, 0, j->r.len, "%s is expected", expected);
}

static bool
is_string(const json_t *v, const char *text)
{
	const char *s = json_string_value(v);

	return s && strcmp(s, text) == 0;
}

static void
get_action(struct json_rule *j, const json_t *v)
{
	if (is_string(v, "allow"))
		j->m.action = RULE_ALLOW;
	else if (is_string(v, "deny"))
		j->m.action = RULE_DENY;
	else
		wrong(j, "action", v, "\"allow\" or \"deny\"");
}

static void
get_direction(struct json_rule *j, const json_t *v)
{
	j->both = is_string(v, "any");
	j->m.egress = j->both || is_string(v, "egress");
	j->m.ingress = is_string(v, "ingress");
	if (!j->m.egress && !j->m.ingress)
		wrong(j, "direction", v, "\"egress\", \"ingress\" or \"any\"");
}

static void
get_protocols(struct json_rule *j, const json_t *list)
{
	json_t *v;
	size_t i;

	if (list && !json_is_array(list))
		wrong(j, "protocols", list, "a list");
	json_array_foreach(list, i, v)
	{
		const char *s = json_string_value(v);
		enum msb_proto p = s ? msb_proto_named(s, strlen(s)) : MSB_PROTOS;

		if (p == MSB_PROTOS)
			wrong(j, "protocols", v, "\"tcp\", \"udp\", \"icmpv4\" or \"icmpv6\"");
		else
			j->m.proto[p] = true;
	}
}

static uint16_t
get_port(const json_t *v)
{
	json_int_t n = json_integer_value(v);

	return n > 0 && n <= UINT16_MAX ? (uint16_t)n : 0;
}

/* {"start": 1, "end": 2}, or a number. */
static void
get_ports(struct json_rule *j, const json_t *list)
{
	json_t *v;
	size_t i;

	if (list && !json_is_array(list))
		wrong(j, "ports", list, "a list");
	json_array_foreach(list, i, v)
	{
		struct port_range p = {get_port(v), get_port(v)};

		if (json_is_object(v))
			p = (struct port_range){get_port(json_object_get(v, "start")),
						get_port(json_object_get(v, "end"))};
		if (!p.first || !p.last || p.first > p.last)
			wrong(j, "ports", v, "{\"start\": LOW, \"end\": HIGH} with ports from 1 to 65535");
		else if (j->m.nport == MSB_PORTS_MAX)
			wrong(j, "ports", v, "a shorter list");
		else
			j->m.port[j->m.nport++] = p;
	}
}

/* As they do: dots before a name are nothing. */
static void
name_destination(struct json_rule *j, bool suffix)
{
	struct rule_target t = {.kind = TARGET_NAME};
	size_t dots = strspn(j->r.text, ".");

	j->r.text += dots;
	j->r.len -= dots;
	j->r.rule.action = j->m.action;
	if (reader_name(&j->r, 0, j->r.len, suffix, &t))
		reader_add_target(&j->r, &t);
}

static void
get_destination(struct json_rule *j, const json_t *v)
{
	static const char *const forms[] = {"cidr", "domain", "domain_suffix", "group"};
	struct rule_target t = {.kind = TARGET_ANY};
	const char *text = NULL;
	unsigned form = 0;

	if (is_string(v, "any")) {
		reader_add_target(&j->r, &t);
		return;
	}
	for (; form < 4 && !text; form++)
		text = json_string_value(json_object_get(v, forms[form]));
	if (!text || json_object_size(v) != 1) {
		wrong(j, "destination", v,
		      "\"any\", {\"cidr\": ...}, {\"domain\": ...}, {\"domain_suffix\": ...} or {\"group\": "
		      "...}");
		return;
	}
	look_at(j, "destination", text);
	if (form == 1) {
		if (reader_net(&j->r, 0, j->r.len, &t))
			reader_add_target(&j->r, &t);
	} else if (form == 2 || form == 3) {
		name_destination(j, form == 3);
	} else if (group_named(text, j->r.len) == GROUPS || !msb_add_group(&j->r, &j->m, 0, j->r.len)) {
		reader_error(&j->r, 0, j->r.len,
			     "not a group: public, private, loopback, link_local, metadata, multicast or "
			     "host is expected");
	}
}

static void
refuse_others(struct json_rule *j, json_t *rule)
{
	static const char *const known[] = {"direction", "destination", "protocols", "ports", "action"};
	const char *key;
	json_t *v;

	json_object_foreach(rule, key, v)
	{
		bool good = false;

		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			good |= strcmp(key, known[i]) == 0;
		if (!good) {
			look_at(j, "", key);
			reader_error(
			    &j->r, 0, j->r.len,
			    "no such key: direction, destination, protocols, ports or action is expected");
		}
	}
}

static void
read_direction(struct json_rule *j, const json_t *rule)
{
	get_destination(j, json_object_get(rule, "destination"));
	look_at(j, "", NULL);
	msb_finish(&j->r, &j->m, 0);
	if (!j->r.errors && !(j->r.rule.text = rule_print(&j->r.rule)))
		reader_no_memory(&j->r);
	reader_finish(&j->r, 0, 0);
}

static void
read_rule(struct json_rule *j, json_t *rule)
{
	if (!json_is_object(rule)) {
		wrong(j, "", rule, "an object");
		return;
	}
	refuse_others(j, rule);
	get_direction(j, json_object_get(rule, "direction"));
	get_action(j, json_object_get(rule, "action"));
	get_protocols(j, json_object_get(rule, "protocols"));
	get_ports(j, json_object_get(rule, "ports"));
	if (j->r.errors) {
		get_destination(j, json_object_get(rule, "destination"));
		reader_finish(&j->r, 0, 0);
		return;
	}
	if (j->both && (json_object_get(json_object_get(rule, "destination"), "domain") ||
			json_object_get(json_object_get(rule, "destination"), "domain_suffix"))) {
		look_at(j, "destination", NULL);
		reader_warn(&j->r, 0, 0, "is for egress alone: nothing tells a client's name");
		j->both = false;
	}
	read_direction(j, rule);
	if (j->both) {
		j->m.egress = false;
		j->m.ingress = true;
		read_direction(j, rule);
	}
}

/* --- the policy -------------------------------------------------------------------------------------------- */

static void
read_default(struct rules *to, const json_t *root, const char *key, const char *file, struct diag_sink *d)
{
	bool egress = strcmp(key, "default_egress") == 0;
	const json_t *v = json_object_get(root, key);
	struct rule_reader r = {.to = to, .d = d, .place = {file, 0, 0}, .fixed_place = true, .text = key};

	if (v && !is_string(v, "allow") && !is_string(v, "deny")) {
		diag_error(d, &r.place, key, "\"allow\" or \"deny\" is expected");
		return;
	}
	if (is_string(v, "allow"))
		r.text = egress ? "allow to @any \"default_egress\""
				: "allow ingress from @any \"default_ingress\"";
	else
		r.text =
		    egress ? "deny to @any \"default_egress\"" : "deny ingress from @any \"default_ingress\"";
	r.len = strlen(r.text);
	read_sentence(&r);
}

static void
read_rules(struct rules *to, const json_t *root, struct walk *w, const char *file, struct diag_sink *d)
{
	json_t *list = json_object_get(root, "rules"), *v;
	bool placed = find_rules(w);
	size_t i;

	if (list && !json_is_array(list))
		diag_error(d, &(struct mark){file, 0, 0}, "rules", "a list is expected");
	json_array_foreach(list, i, v)
	{
		struct json_rule j = {.index = i, .m.action = RULE_DENY};

		j.r = (struct rule_reader){.to = to, .d = d, .place = {file, 0, 0}, .fixed_place = true};
		if (placed)
			j.r.place = next_place(w, file);
		look_at(&j, "", NULL);
		read_rule(&j, v);
	}
}

bool
rules_read_msb(struct rules *to, const char *json, size_t len, const char *file, struct diag_sink *d)
{
	unsigned before = d->errors;
	struct mark at = {file, 0, 0};
	struct walk w = {json, json + len, 1, 1, 0};
	json_error_t e = {.line = 0};
	json_t *root = len <= JSON_MAX ? json_loadb(json, len, JSON_REJECT_DUPLICATES, &e) : NULL;
	const char *key;
	json_t *v;

	if (file && !(at.file = rules_keep_name(to, file, strlen(file))))
		diag_error(d, &at, NULL, "no memory for the rules");
	if (!root) {
		at.line = e.line > 0 ? (unsigned)e.line : 0;
		at.column = e.line > 0 && e.column > 0 ? (unsigned)e.column : 0;
		diag_error(d, &at, NULL, "not JSON: %s", len <= JSON_MAX ? e.text : "longer than 64 MiB");
		return false;
	}
	if (!json_is_object(root))
		diag_error(d, &at, NULL,
			   "an object with default_egress, default_ingress and rules is expected");
	json_object_foreach(root, key, v)
	{
		if (strcmp(key, "default_egress") != 0 && strcmp(key, "default_ingress") != 0 &&
		    strcmp(key, "rules") != 0)
			diag_error(d, &at, key,
				   "no such key: default_egress, default_ingress or rules is expected");
	}
	if (json_is_object(root)) {
		read_rules(to, root, &w, at.file, d);
		read_default(to, root, "default_egress", at.file, d);
		read_default(to, root, "default_ingress", at.file, d);
	}
	json_decref(root);
	return d->errors == before;
}
