/*
 * fuzz_rule.c - any text becomes rules, or sentences with places; a rule that was read is read again from its own text
 *
 * The first byte says what the rest is: lines of rules (sentences and tokens), a list, a policy as JSON.  What comes
 * out is looked through by rules_lint() and, where it has errors, each has a place and can be shown.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policy/path.h"
#include "policy/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LINES_MAX 64

static void
require(bool holds)
{
	if (!holds)
		abort();
}

static void
told(void *ctx, const struct diag *d)
{
	unsigned *n = ctx;

	require(d->text[0] != '\0' && strlen(d->text) < DIAG_TEXT);
	for (const unsigned char *p = (const unsigned char *)d->text; *p; p++)
		require(*p >= 0x20 && *p != 0x7f);
	*n += d->error;
}

/* Any path is a list of two lines. */
static char *
read_file(void *ctx, const char *path, size_t *len, const char **why)
{
	static const char list[] = "a.example\n10.0.0.0/8\n";
	char *copy;

	(void)ctx;
	*why = "not there";
	if (path[0] == 'n')
		return NULL;
	copy = malloc(sizeof(list));
	*len = sizeof(list) - 1;
	return copy ? memcpy(copy, list, sizeof(list)) : NULL;
}

/* --- the oracle -------------------------------------------------------------------------------------------- */

static bool
same_target(const struct rule_target *a, const struct rule_target *b)
{
	if (a->kind != b->kind || !a->request != !b->request)
		return false;
	if (a->request && strcmp(a->request, b->request) != 0)
		return false;
	switch (a->kind) {
	case TARGET_NET:
		return addr_eq(&a->net, &b->net) && a->plen == b->plen;
	case TARGET_NAME:
	case TARGET_SUFFIX:
		return name_eq(&a->name, &b->name);
	case TARGET_GROUP:
		return a->group == b->group;
	case TARGET_LIST:
		return strcmp(a->path, b->path) == 0;
	case TARGET_ANY:
	case TARGET_DNS:
		break;
	}
	return true;
}

static bool
same_proto(const struct rule_proto *a, const struct rule_proto *b)
{
	return a->proto == b->proto && a->scheme == b->scheme && a->nport == b->nport &&
	       (a->nport == 0 || memcmp(a->port, b->port, a->nport * sizeof(*a->port)) == 0);
}

static void
require_same(const struct rule *a, const struct rule *b)
{
	require(a->action == b->action && a->egress == b->egress && a->ingress == b->ingress);
	require(a->nproto == b->nproto && a->ntarget == b->ntarget);
	require(a->https == b->https && a->http == b->http && a->nmethod == b->nmethod);
	for (unsigned i = 0; i < a->nmethod; i++)
		require(strcmp(a->method[i], b->method[i]) == 0);
	for (unsigned i = 0; i < a->nproto; i++)
		require(same_proto(&a->proto[i], &b->proto[i]));
	for (unsigned i = 0; i < a->ntarget; i++)
		require(same_target(&a->target[i], &b->target[i]));
	require(!a->comment == !b->comment && (!a->comment || strcmp(a->comment, b->comment) == 0));
}

/* From its text, and from what rule_print() makes of it. */
static void
read_again(const struct rule *rule)
{
	char *printed = rule_print(rule);
	struct rule_source src[2] = {{rule->text, {rule->at.file, 1, 1}}, {printed, {rule->at.file, 2, 1}}};
	struct rules again = {0};
	unsigned errors = 0;
	struct diag_sink sink = {.told = told, .ctx = &errors};
	size_t n = printed ? 2 : 1;

	require(printed || (rule->egress && rule->ingress));
	require(rules_read(&again, src, n, NULL, read_file, NULL, &sink));
	require(again.n == n);
	for (size_t i = 0; i < n; i++)
		require_same(rule, &again.rule[i]);
	rules_free(&again);
	free(printed);
}

/* A pattern covers itself, and does what it says of itself. */
static void
check_target(const struct rule *rule, const struct rule_target *t)
{
	require(t->column <= strlen(rule->text));
	if (!t->request)
		return;
	require(rule_is_about_requests(rule) && !path_pattern_check(t->request));
	require(path_covers(t->request, t->request) && path_covers("/**", t->request));
	require(path_match("/**", t->request));
	if (!strchr(t->request, '*'))
		require(path_match(t->request, t->request));
}

static void
check(const struct rules *r, bool good, unsigned errors, struct diag_sink *sink)
{
	require(good == (errors == 0));
	for (uint32_t i = 0; i < r->n; i++) {
		const struct rule *rule = &r->rule[i];

		require(rule->ntarget > 0 && rule->nproto <= RULE_PROTOS && (rule->egress || rule->ingress));
		require(rule->number > 0 && rule->number <= r->number && rule->text);
		require(rule->nmethod <= RULE_METHODS_MAX);
		for (unsigned k = 0; k < rule->ntarget; k++)
			check_target(rule, &rule->target[k]);
		read_again(rule);
	}
	rules_lint(r, sink);
	require(sink->errors == errors);
}

/* --- the three readers ------------------------------------------------------------------------------------- */

static void
lines(char *text, bool in_file)
{
	struct rule_source src[LINES_MAX];
	struct rules r = {0};
	unsigned errors = 0;
	struct diag_sink sink = {.told = told, .ctx = &errors};
	size_t n = 0;

	for (char *line = text, *next; line && n < LINES_MAX; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		src[n] = (struct rule_source){
		    line, {in_file ? "d/f" : NULL, in_file ? (unsigned)n + 1 : 0, in_file}};
		n++;
	}
	bool good = rules_read(&r, src, n, NULL, read_file, NULL, &sink);
	check(&r, good, errors, &sink);
	rules_free(&r);
}

static void
list(const char *text, size_t len)
{
	struct rule_list l = {.names = nameset_new(), .nets = netset_new()};
	unsigned errors = 0;
	struct diag_sink sink = {.told = told, .ctx = &errors};

	if (l.names && l.nets) {
		require(list_parse(text, len, "list", &l, &sink) == (errors == 0));
		require(errors <= LIST_ERRORS_TOLD + 1);
	}
	nameset_free(l.names);
	netset_free(l.nets);
}

static void
json(const char *text, size_t len)
{
	struct rules r = {0};
	unsigned errors = 0;
	struct diag_sink sink = {.told = told, .ctx = &errors};
	bool good = rules_read_msb(&r, text, len, "p.json", &sink);

	check(&r, good, errors, &sink);
	rules_free(&r);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = size ? malloc(size) : NULL; /* a NUL in place of the first byte, at the end */

	if (!text)
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	switch (data[0]) {
	case 'l':
		list(text, size - 1);
		break;
	case 'j':
		json(text, size - 1);
		break;
	default:
		lines(text, data[0] == 'f');
	}
	free(text);
	return 0;
}
