/*
 * print.c - a rule as a sentence of our grammar
 *
 * For rules that were not written in it: reading the sentence gives the same rule.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "policy/reader.h"
#include "stack/ip_wire.h"

struct text {
	char *p;
	size_t len, room;
	bool failed;
};

static void put(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
put(struct text *t, const char *fmt, ...)
{
	va_list args, again;
	int n;

	va_start(args, fmt);
	va_copy(again, args);
	n = t->failed ? -1 : vsnprintf(t->p + t->len, t->room - t->len, fmt, args);
	if (n >= 0 && (size_t)n >= t->room - t->len) {
		size_t room = 2 * (t->len + (size_t)n + 1);
		char *more = realloc(t->p, room);

		if (more) {
			t->p = more;
			t->room = room;
			n = vsnprintf(t->p + t->len, t->room - t->len, fmt, again);
		} else {
			n = -1;
		}
	}
	va_end(again);
	va_end(args);
	if (n < 0)
		t->failed = true;
	else
		t->len += (size_t)n;
}

static void
put_proto(struct text *t, const struct rule_proto *p)
{
	static const char *const schemes[] = {[SCHEME_HTTPS] = "https", [SCHEME_HTTP] = "http"};
	const char *word = p->proto == IP_PROTO_TCP ? "tcp" : p->proto == IP_PROTO_UDP ? "udp" : "icmp";

	put(t, " %s", p->scheme == SCHEME_NONE ? word : schemes[p->scheme]);
	if (p->nport == 1 && p->port[0].first == p->port[0].last &&
	    ((p->scheme == SCHEME_HTTPS && p->port[0].first == 443) ||
	     (p->scheme == SCHEME_HTTP && p->port[0].first == 80)))
		return;
	for (unsigned i = 0; i < p->nport; i++) {
		put(t, "%c%u", i ? ',' : '/', p->port[i].first);
		if (p->port[i].last != p->port[i].first)
			put(t, "-%u", p->port[i].last);
	}
}

/* A name that would be read as something else has its last dot. */
static void
put_name(struct text *t, const struct name *n)
{
	char text[NAME_TEXT];
	bool dot;

	name_text(n, text);
	dot = group_named(text, strlen(text)) != GROUPS || strcmp(text, "any") == 0 ||
	      strcmp(text, "dns") == 0 || strcmp(text, "doh") == 0;
	put(t, "%s%s", text, dot ? "." : "");
}

static void
put_target(struct text *t, const struct rule_target *to)
{
	char addr[ADDR_TEXT];

	switch (to->kind) {
	case TARGET_ANY:
		put(t, "@any");
		break;
	case TARGET_DNS:
		put(t, "@dns");
		break;
	case TARGET_GROUP:
		put(t, "@%s", group_name(to->group));
		break;
	case TARGET_NET:
		put(t, "%s", addr_text(&to->net, addr));
		/* A path that begins with a number would be read as bits. */
		if (to->plen != (addr_is_v4(&to->net) ? 32 : 128) || to->request)
			put(t, "/%u", to->plen);
		break;
	case TARGET_SUFFIX:
		put(t, "*.");
		put_name(t, &to->name);
		break;
	case TARGET_NAME:
		put_name(t, &to->name);
		break;
	case TARGET_LIST:
		if (strcmp(to->path, "@doh") == 0)
			put(t, "@doh");
		else
			put(t, "@file:\"%s\"", to->path);
		break;
	}
}

char *
rule_print(const struct rule *r)
{
	static const char *const actions[] = {
	    [RULE_ALLOW] = "allow", [RULE_DENY] = "deny", [RULE_DROP] = "drop"};
	struct text t = {.p = malloc(64), .room = 64};

	if (!t.p || (r->egress && r->ingress)) {
		free(t.p);
		return NULL;
	}
	put(&t, "%s%s", actions[r->action], r->ingress ? " ingress" : "");
	for (unsigned i = 0; i < r->nproto; i++)
		put_proto(&t, &r->proto[i]);
	for (unsigned i = 0; i < r->nmethod; i++)
		put(&t, "%c%s", i ? ',' : ' ', r->method[i]);
	put(&t, r->ingress ? " from " : " to ");
	for (unsigned i = 0; i < r->ntarget; i++) {
		put(&t, "%s", i ? ", " : "");
		put_target(&t, &r->target[i]);
		if (r->target[i].request)
			put(&t, "%s", r->target[i].request);
	}
	if (r->comment)
		put(&t, " \"%s\"", r->comment);
	if (t.failed) {
		free(t.p);
		return NULL;
	}
	return t.p;
}
