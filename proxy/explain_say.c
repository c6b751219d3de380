/*
 * explain_say.c - an explanation in words, and as one JSON object
 *
 * Names, rules and files come from people, and JSON is UTF-8: what is not is shown with '?'.  So are control
 * characters, which could play with the reader's terminal.
 */
#include <jansson.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/event.h"
#include "proxy/explain.h"
#include "sluice.h"

#define STEPS_SHOWN 40 /* in words; JSON has all */
#define LINE_MAX_BYTES 4096
#define RULE_PATH 256 /* bytes of a path that is proposed */

struct says {
	void (*out)(void *ctx, const char *text);
	void *ctx;
};

static void say(const struct says *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
say(const struct says *s, const char *fmt, ...)
{
	char line[LINE_MAX_BYTES];
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	for (char *c = line; *c; c++)
		if (((unsigned char)*c < 0x20 && *c != '\n') || *c == 0x7f)
			*c = '?';
	s->out(s->ctx, line);
}

/* --- words ------------------------------------------------------------------------------------------------- */

static const char *
protocol_word(const struct explanation *e)
{
	switch (e->question->protocol) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_ICMP:
		return "icmp";
	default:
		return "dns";
	}
}

static const char *
verdict_word(const struct explanation *e)
{
	if (!e->refused)
		return e->waits ? "peek" : "allow";
	return e->answer.verdict == VERDICT_DROP ? "drop" : "deny";
}

/* "tcp api.example:443", "icmp 192.0.2.1" */
static void
subject(const struct explanation *e, char *to, size_t size)
{
	const struct sluice_question *q = e->question;
	bool brackets = q->port && strchr(q->host, ':');

	if (e->asks && e->request.path[0] == '\0')
		snprintf(to, size, "%s of %s%s%s:%u", q->method, brackets ? "[" : "", q->host,
			 brackets ? "]" : "", q->port);
	else if (e->asks && q->port == (q->plain ? 80 : 443))
		snprintf(to, size, "%s http%s://%s%s%s%.250s", q->method, q->plain ? "" : "s",
			 brackets ? "[" : "", q->host, brackets ? "]" : "", e->request.path);
	else if (e->asks)
		snprintf(to, size, "%s http%s://%s%s%s:%u%.250s", q->method, q->plain ? "" : "s",
			 brackets ? "[" : "", q->host, brackets ? "]" : "", q->port, e->request.path);
	else if (q->ingress)
		snprintf(to, size, "%s from %s to port %u", protocol_word(e), q->host, q->port);
	else if (q->port)
		snprintf(to, size, "%s %s%s%s:%u", protocol_word(e), brackets ? "[" : "", q->host,
			 brackets ? "]" : "", q->port);
	else
		snprintf(to, size, "%s %s", protocol_word(e), q->host);
}

/* "cfg.yaml:7", "rule 2", "profile public"; those of the floor say so. */
static void
place(const struct rule *r, bool floor, char *to, size_t size)
{
	const char *of = floor ? "the floor's " : "";

	if (!r)
		snprintf(to, size, "%sno rule", of);
	else if (r->profile)
		snprintf(to, size, "%sprofile %s", of, r->profile);
	else if (r->at.file && r->at.line)
		snprintf(to, size, "%s%s:%u", of, r->at.file, r->at.line);
	else
		snprintf(to, size, "%srule %u", of, r->number);
}

/* Why, if not for a rule. */
static const char *
reason_phrase(const struct explanation *e)
{
	switch (e->reason) {
	case SLUICE_REASON_NO_EVIDENCE:
		return "a name is allowed there, and nothing says that it leads to this address: the guest "
		       "has to "
		       "ask the gateway for the name first";
	case SLUICE_REASON_NAME:
		return "the name that is told is not allowed there";
	case SLUICE_REASON_QUIC:
		return "a name decides, and QUIC does not show it: clients fall back to TCP";
	case SLUICE_REASON_NAME_SERVICE:
		return "names are asked on port 53; only a rule that names this port allows it";
	case SLUICE_REASON_NO_REQUEST:
		return e->closed
			   ? "requests are allowed there, and none is read: the name is on the bypass list"
			   : "requests are allowed there, and none is read";
	case SLUICE_REASON_REBIND:
		return "the answer is taken out: names may not lead to private and special addresses";
	default:
		return e->nowhere        ? "the gateway itself says that there is no such name"
		       : e->answer.floor ? "the floor does not allow it"
					 : "no rule allows it";
	}
}

/* --- the remedy -------------------------------------------------------------------------------------------- */

/* What a rule about this would call it. */
static void
target(const struct explanation *e, char *to, size_t size)
{
	char text[ADDR_TEXT];

	/* A name that was only told has not led there: no rule by that name would help. */
	bool another = e->refused && e->peeked && e->tells && !name_eq(&e->told, &e->name);
	bool by_name = e->named && !e->local && !another && e->reason != SLUICE_REASON_QUIC;
	if (by_name || e->question->protocol == 0) {
		char name[NAME_TEXT];
		snprintf(to, size, "%s", name_text(&e->name, name));
		return;
	}
	for (int fam = 0; fam < FAMILIES && !e->q.ingress; fam++)
		if (!addr_is_unspecified(&e->q.remote) && addr_eq(&e->q.remote, &e->where.dns[fam])) {
			snprintf(to, size, "@dns");
			return;
		}
	if (!e->q.ingress && group_of(&e->q.remote, &e->where) == GROUP_HOST)
		snprintf(to, size, "@host");
	else
		snprintf(to, size, "%s", addr_text(&e->q.remote, text));
}

/* As the path of a rule about whom: a star for what stands in none; "" if it is too long, or the request has none. */
static void
rule_path(const char *path, const char *whom, char *to, size_t size)
{
	struct addr a;
	size_t n = 0;
	bool star = false;

	to[0] = '\0';
	if (path[0] != '/')
		return;
	/* Behind an address it could be read as bits. */
	if (addr_parse(whom, &a))
		n = (size_t)snprintf(to, size, "/%d", addr_is_v4(&a) ? 32 : 128);
	for (; *path && n + 1 < size; path++) {
		bool odd = (unsigned char)*path <= ' ' || *path == 0x7f || strchr(",\"%?#\\*", *path);

		if (!odd || !star)
			to[n++] = odd ? '*' : *path;
		star = odd;
	}
	to[*path ? 0 : n] = '\0';
}

static void
suggested_request(const struct explanation *e, const char *action, char *to, size_t size)
{
	const struct sluice_question *q = e->question;
	char whom[NAME_TEXT], path[RULE_PATH] = "", ports[16] = "";

	target(e, whom, sizeof(whom));
	if (strcmp(whom, "@dns") != 0)
		rule_path(e->request.path, whom, path, sizeof(path));
	if (q->port != (q->plain ? 80 : 443))
		snprintf(ports, sizeof(ports), "/%u", q->port);
	snprintf(to, size, "%s http%s%s %s %s%s", action, q->plain ? "" : "s", ports, q->method, whom, path);
}

static void
suggested_rule(const struct explanation *e, const char *action, char *to, size_t size)
{
	char whom[NAME_TEXT], ports[16] = "";

	if (e->asks && !e->closed) {
		suggested_request(e, action, to, size);
		return;
	}

	target(e, whom, sizeof(whom));
	if (e->question->port)
		snprintf(ports, sizeof(ports), "/%u", e->question->port);
	if (e->question->protocol == 0)
		snprintf(to, size, "%s to %s", action, whom);
	else
		snprintf(to, size, "%s%s %s%s %s %s", action, e->q.ingress ? " ingress" : "",
			 protocol_word(e), ports, e->q.ingress ? "from" : "to", whom);
}

void
explain_remedy(const struct explanation *e, char *to, size_t size)
{
	char rule[NAME_TEXT + RULE_PATH + 64], at[512], name[NAME_TEXT];
	const struct rule *by = e->answer.rule;

	suggested_rule(e, e->refused ? "allow" : "deny", rule, sizeof(rule));
	if (by)
		place(by, e->answer.floor, at, sizeof(at));
	if (e->nowhere)
		snprintf(to, size, "give it an address: --host %s=ADDR", name_text(&e->name, name));
	else if (e->refused && e->reason == SLUICE_REASON_REBIND)
		snprintf(to, size, "allow its address with a rule, or --rebind-allow %s",
			 name_text(&e->name, name));
	else if (e->refused && e->answer.floor)
		snprintf(to, size, "only who owns the floor can allow it there: %s", rule);
	else if (by && !by->profile && (e->reason == SLUICE_REASON_RULE || !e->refused))
		snprintf(to, size, "put this before %s: %s", at, rule);
	else
		snprintf(to, size, "-r '%s'", rule);
}

/* --- for a person ------------------------------------------------------------------------------------------ */

static void
say_assumptions(const struct explanation *e, const struct says *s)
{
	char text[ADDR_TEXT], name[NAME_TEXT], where[640];
	const struct rule *r = e->name_answer.rule;

	if (!e->asked_name || e->name_answer.verdict != VERDICT_ALLOW || (!e->q.proto && !e->local))
		return;
	if (e->local)
		say(s, "  the gateway answers the name itself\n");
	else if (r) {
		place(r, e->name_answer.floor, where, sizeof(where));
		say(s, "  the name may be asked: %s\n", where);
	}
	if (e->question->protocol == 0 || e->nowhere)
		return;
	say(s, "  it leads to %s%s\n", addr_text(&e->q.remote, text),
	    e->assumed ? ", say, a public address (--address says another)" : "");
	if (e->peeked && e->tells)
		say(s, "  the connection tells the name %s (TLS SNI or HTTP Host)\n",
		    name_text(&e->told, name));
	else if (e->peeked)
		say(s, "  the connection tells no name\n");
}

static void
say_steps(const struct explanation *e, const struct says *s)
{
	const struct rule *by = e->answer.rule;
	size_t shown = 0, before = 0;

	for (size_t i = 0; i < e->nstep; i++) {
		const struct explained_step *step = &e->step[i];
		char where[640];
		if (by && step->rule == by && step->floor == e->answer.floor)
			break;
		/* The floor has its own say: what the other rules said before it is done. */
		if (before++ == 0)
			say(s, by ? "  before that:\n" : "  what each rule says:\n");
		if (++shown > STEPS_SHOWN)
			continue;
		place(step->rule, step->floor, where, sizeof(where));
		say(s, "    %s \"%.300s\": %s\n", where,
		    step->rule->text ? step->rule->text : step->rule->profile, step->why);
	}
	if (shown > STEPS_SHOWN)
		say(s, "    and %zu more\n", shown - STEPS_SHOWN);
}

bool
explain_text(const struct explanation *e, void (*out)(void *ctx, const char *text), void *ctx)
{
	const struct says s = {out, ctx};
	const struct rule *by = e->answer.rule;
	bool by_rule = by && (!e->refused || e->reason == SLUICE_REASON_RULE);
	char what[1024], where[640], remedy[NAME_TEXT + RULE_PATH + 600];

	subject(e, what, sizeof(what));
	say(&s, "%s: %s\n", e->refused ? "refused" : e->waits ? "its requests decide" : "allowed", what);
	if (by_rule) {
		place(by, e->answer.floor, where, sizeof(where));
		say(&s, "  by %s \"%.1000s\"\n", where, by->text ? by->text : by->profile);
		if (e->refused && e->asked_name && e->name_answer.verdict != VERDICT_ALLOW && e->q.proto)
			say(&s, "  already the name: the guest is not told where it leads\n");
	} else if (e->refused) {
		say(&s, "  %s\n", reason_phrase(e));
	} else {
		say(&s, "  no rule says anything about it\n");
	}
	say_assumptions(e, &s);
	say_steps(e, &s);
	if (e->waits) {
		say(&s, "  ask about one: sluice explain GET http%s://%s/PATH\n", e->q.port == 80 ? "" : "s",
		    e->question->host);
		return true;
	}
	explain_remedy(e, remedy, sizeof(remedy));
	say(&s, "  to %s it: %s\n", e->refused ? "allow" : "refuse", remedy);
	return true;
}

/* --- for a program ----------------------------------------------------------------------------------------- */

/* As UTF-8 with nothing odd in it. */
static json_t *
text_of(const char *text)
{
	json_t *one = json_string(text);

	if (one)
		return one;
	char *copy = strdup(text);
	for (char *c = copy; c && *c; c++)
		if ((unsigned char)*c >= 0x80)
			*c = '?';
	one = copy ? json_string(copy) : NULL;
	free(copy);
	return one;
}

static json_t *
rule_json(const struct rule *r, bool floor)
{
	json_t *one = json_object();

	json_object_set_new(one, "number", json_integer(r->number));
	json_object_set_new(one, "floor", json_boolean(floor));
	json_object_set_new(one, "text", text_of(r->text ? r->text : r->profile ? r->profile : ""));
	if (r->profile)
		json_object_set_new(one, "profile", text_of(r->profile));
	if (r->comment)
		json_object_set_new(one, "comment", text_of(r->comment));
	if (r->at.file) {
		json_object_set_new(one, "file", text_of(r->at.file));
		json_object_set_new(one, "line", json_integer(r->at.line));
		json_object_set_new(one, "column", json_integer(r->at.column));
	}
	return one;
}

static json_t *
steps_json(const struct explanation *e)
{
	json_t *all = json_array();

	for (size_t i = 0; i < e->nstep; i++) {
		const struct explained_step *s = &e->step[i];
		json_t *one = rule_json(s->rule, s->floor);
		json_object_set_new(one, "matches", json_boolean(s->matches));
		json_object_set_new(one, "why", text_of(s->why));
		json_array_append_new(all, one);
	}
	return all;
}

static json_t *
question_json(const struct explanation *e)
{
	const struct sluice_question *q = e->question;
	char text[ADDR_TEXT], name[NAME_TEXT];
	json_t *one = json_object();

	json_object_set_new(one, "protocol", text_of(protocol_word(e)));
	json_object_set_new(one, "host", text_of(q->host));
	json_object_set_new(one, "ingress", json_boolean(q->ingress));
	if (q->port)
		json_object_set_new(one, "port", json_integer(q->port));
	if (q->protocol) {
		json_object_set_new(one, "address", text_of(addr_text(&e->q.remote, text)));
		json_object_set_new(one, "assumed", json_boolean(e->assumed));
	}
	if (e->tells)
		json_object_set_new(one, "told", text_of(name_text(&e->told, name)));
	if (e->asks) {
		json_object_set_new(one, "method", text_of(q->method));
		json_object_set_new(one, "path", text_of(e->request.path));
		json_object_set_new(one, "tls", json_boolean(e->request.tls));
	}
	return one;
}

bool
explain_json(const struct explanation *e, void (*out)(void *ctx, const char *text), void *ctx)
{
	char remedy[NAME_TEXT + RULE_PATH + 600];
	json_t *all = json_object();
	bool by_rule = e->answer.rule && (!e->refused || e->reason == SLUICE_REASON_RULE);

	explain_remedy(e, remedy, sizeof(remedy));
	json_object_set_new(all, "v", json_integer(1));
	json_object_set_new(all, "verdict", text_of(verdict_word(e)));
	json_object_set_new(all, "reason", text_of(e->refused ? event_code(e->reason) : ""));
	if (!by_rule)
		json_object_set_new(
		    all, "text", text_of(e->refused ? reason_phrase(e) : "no rule says anything about it"));
	json_object_set_new(all, "question", question_json(e));
	json_object_set_new(all, "rule", by_rule ? rule_json(e->answer.rule, e->answer.floor) : json_null());
	if (e->asked_name && e->name_answer.rule)
		json_object_set_new(all, "name_rule", rule_json(e->name_answer.rule, e->name_answer.floor));
	json_object_set_new(all, "peeked", json_boolean(e->peeked));
	json_object_set_new(all, "waits", json_boolean(e->waits));
	json_object_set_new(all, "rules", steps_json(e));
	json_object_set_new(all, "remedy", text_of(remedy));
	char *text = json_dumps(all, JSON_COMPACT);
	json_decref(all);
	if (text) {
		out(ctx, text);
		out(ctx, "\n");
	}
	free(text);
	return text != NULL;
}
