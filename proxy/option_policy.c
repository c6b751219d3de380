/*
 * option_policy.c - the options about policy and names
 *
 * Rules are kept as texts with their places: rules_read() judges them when the gateway is built, all at once, and
 * knows then which file and line to name.  What is one value by itself (a profile, a route, a host) is judged here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/options.h"

/* --- lists that grow --------------------------------------------------------------------------------------- */

/* Room for one more of `size` bytes; false: no memory. */
static bool
make_room(void **list, size_t n, size_t *room, size_t size)
{
	if (n < *room)
		return true;
	size_t more = *room ? *room * 2 : 8;
	void *grown = realloc(*list, more * size);
	if (!grown)
		return false;
	*list = grown;
	*room = more;
	return true;
}

char *
option_copy(const char *text, size_t len)
{
	char *copy = malloc(len + 1);

	if (!copy)
		return NULL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

bool
option_add_text(struct option_texts *t, const char *text)
{
	void *list = t->text;

	if (!make_room(&list, t->n, &t->room, sizeof(*t->text)))
		return false;
	t->text = list;
	char *copy = option_copy(text, strlen(text));
	if (copy)
		t->text[t->n++] = copy;
	return copy != NULL;
}

void
option_texts_free(struct option_texts *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->text[i]);
	free(t->text);
	*t = (struct option_texts){0};
}

/* Up to max of them; NULL, or what is wrong. */
static const char *
add_up_to(struct option_texts *t, const char *text, size_t max)
{
	if (t->n >= max)
		return "too many of them; give fewer";
	return option_add_text(t, text) ? NULL : "no memory to keep it";
}

/* --- rules ------------------------------------------------------------------------------------------------- */

const char *
option_add_rule(struct option_rules *r, const char *text, size_t len, const struct mark *at)
{
	void *list = r->rule;

	if (len == 0)
		return "is empty; write a rule as in: allow tcp/443 to *.github.com";
	if (len > OPTION_RULE_TEXT)
		return "longer than 65536 bytes; put its targets into a list (@file:PATH)";
	if (memchr(text, '\0', len))
		return "has a zero byte in it";
	if (r->n == OPTION_RULES)
		return "more than 65536 rules; put targets into lists (@file:PATH)";
	if (!make_room(&list, r->n, &r->room, sizeof(*r->rule)))
		return "no memory to keep it";
	r->rule = list;
	char *copy = option_copy(text, len);
	if (!copy)
		return "no memory to keep it";
	r->rule[r->n++] = (struct sluice_rule){copy, at->file, at->line, at->column};
	r->given = true;
	return NULL;
}

/* What it says is judged with all the others, when there is a gateway to be: so all that is wrong is told at once. */
bool
option_rule(struct setup *su, struct sluice_options *o, const char *value)
{
	const char *text = value + strspn(value, " \t\n"), *why;

	why = option_add_rule(&o->policy, text, strlen(text), &(struct mark){0});
	return why ? wrong(su, "--rule %.100s: %s", value, why) : true;
}

const char *
option_add_profile(struct option_rules *r, const char *name, size_t len)
{
	static const char *const profile[] = {"public", "private", "host", "none", "all"};
	size_t used = strlen(r->profiles);

	for (size_t i = 0; i < sizeof(profile) / sizeof(profile[0]); i++) {
		if (strlen(profile[i]) != len || memcmp(profile[i], name, len) != 0)
			continue;
		for (const char *p = r->profiles; *p; p += strspn(p, ",")) {
			size_t n = strcspn(p, ",");
			if (n == len && memcmp(p, name, len) == 0)
				return NULL;
			p += n;
		}
		/* Each at most once: they fit. */
		snprintf(r->profiles + used, sizeof(r->profiles) - used, "%s%s", used ? "," : "", profile[i]);
		r->given = true;
		return NULL;
	}
	return "not a profile; give public, private, host, none, all, or several with commas between them";
}

bool
option_profile(struct setup *su, struct sluice_options *o, const char *value)
{
	for (const char *p = value;; p++) {
		size_t len = strcspn(p, ",");
		const char *why = option_add_profile(&o->policy, p, len);
		if (why)
			return wrong(su, "--profile %s: '%.*s' is %s", value, (int)len, p, why);
		p += len;
		if (*p == '\0')
			return true;
	}
}

static bool
take_file(struct setup *su, struct sluice_options *o, struct option_rules *to, const char *name,
	  const char *path)
{
	struct diag_sink d = {.told = NULL};

	if (*path == '\0')
		return wrong(su, "--%s: the file's name is empty; give one", name);
	if (option_rule_file(o, to, path, NULL, option_read_file, NULL, &d))
		return true;
	if (d.errors > 1)
		return wrong(su, "--%s %s: %s (and %u more)", name, path, d.first, d.errors - 1);
	return wrong(su, "--%s %s: %s", name, path, d.first);
}

bool
option_policy(struct setup *su, struct sluice_options *o, const char *value)
{
	return take_file(su, o, &o->policy, "policy", value);
}

bool
option_floor(struct setup *su, struct sluice_options *o, const char *value)
{
	return take_file(su, o, &o->floor, "floor", value);
}

bool
option_keep_flows(struct setup *su, struct sluice_options *o, const char *value)
{
	(void)su, (void)value;
	o->keep_flows = true;
	return true;
}

/* --- names ------------------------------------------------------------------------------------------------- */

bool
option_dns_route(struct setup *su, struct sluice_options *o, const char *value)
{
	const char *why = option_is_route(value);

	if (!why)
		why = add_up_to(&o->routes, value, DNS_ROUTES);
	return why ? wrong(su, "--dns-route %s: %s", value, why) : true;
}

bool
option_host(struct setup *su, struct sluice_options *o, const char *value)
{
	const char *why = option_is_host(value);

	if (!why)
		why = add_up_to(&o->hosts, value, OPTION_HOSTS);
	return why ? wrong(su, "--host %s: %s", value, why) : true;
}

bool
option_rebind_allow(struct setup *su, struct sluice_options *o, const char *value)
{
	const char *why = option_is_pattern(value)
			      ? NULL
			      : "not a name; write one as in nas.example, or *.lan.example for all of them";

	if (!why)
		why = add_up_to(&o->rebind_allow, value, OPTION_REBIND);
	return why ? wrong(su, "--rebind-allow %s: %s", value, why) : true;
}

bool
option_no_rebind(struct setup *su, struct sluice_options *o, const char *value)
{
	(void)su, (void)value;
	o->no_rebind_protection = true;
	return true;
}

bool
option_dns_timeout(struct setup *su, struct sluice_options *o, const char *value)
{
	uint64_t ms;

	if (!option_duration(value, &ms) || ms < OPTION_TIMEOUT_MIN || ms > OPTION_TIMEOUT_MAX)
		return wrong(su, "--dns-timeout %s: give a time from 100ms to 30s, as in 4500ms or 4.5s",
			     value);
	o->dns_timeout = (uint32_t)ms * 1000;
	return true;
}

bool
option_dns_cache(struct setup *su, struct sluice_options *o, const char *value)
{
	uint64_t n;

	if (strcmp(value, "off") == 0)
		n = 0;
	else if (!option_number(value, 0, OPTION_CACHE, &n))
		return wrong(su, "--dns-cache %s: give a number of answers from 1 to %u, or off", value,
			     OPTION_CACHE);
	o->dns_cache = n ? (uint32_t)n : UINT32_MAX;
	return true;
}

bool
option_no_status_page(struct setup *su, struct sluice_options *o, const char *value)
{
	(void)su, (void)value;
	o->no_status_page = true;
	return true;
}
