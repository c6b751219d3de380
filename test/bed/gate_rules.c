/*
 * gate_rules.c - a small world of names and addresses, and policies about it
 */
#include "test/bed/gate_rules.h"

#include <stdio.h>
#include <stdlib.h>

#include "policy/policy.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const char *const names[] = {
    "a.test",
    "b.a.test",
    "c.b.a.test",
    "bad.test",
    "ba.test",
    "x.y.test",
    "y.test",
    "github.com",
    "api.github.com",
    "host.sluice.internal",
    "gateway.sluice.internal",
    "static.test",
};

/* The first four stand for where the gateway is: its own addresses and its resolver's. */
static const char *const addrs[] = {
    "",
    "",
    "",
    "",
    "93.184.216.1",
    "93.184.216.2",
    "1.1.1.1",
    "8.8.8.8",
    "2a00:1::1",
    "2a00:1::2",
    "10.1.1.1",
    "192.168.1.1",
    "169.254.169.254",
    "169.254.1.1",
    "100.64.0.1",
    "203.0.113.5",
    "93.184.216.50",
    "2a00:9::1",
    "fd00:1::1",
    "64:ff9b::5db8:d801",
    "64:ff9b::a01:101",
    "2002:a01:101::1",
    "2001:db8::9",
    "2a00:1::5efe:a01:101",
    "64:ff9b:1::a00:202",
    "2001:0:1:2:3:4:f5fe:fefe",
    "127.0.0.1",
    "224.0.0.1",
    "fd00:ec2::254",
    "10.9.9.9",
    "0.0.0.1",
    "fe80::5",
};

static const uint16_t ports[] = {443, 80, 22, 8080, 53, 853, 5353, 123};

static const char *const targets[] = {
    "@any",
    "@public",
    "@private",
    "@host",
    "@dns",
    "@metadata",
    "@loopback",
    "@link-local",
    "@multicast",
    "@doh",
    "a.test",
    "*.a.test",
    "b.a.test",
    "bad.test",
    "*.test.example",
    "*.y.test",
    "x.y.test",
    "github.com",
    "*.github.com",
    "host.sluice.internal",
    "static.test",
    "93.184.216.1",
    "93.184.216.0/24",
    "1.1.1.1",
    "8.8.8.8, 1.1.1.1",
    "2a00:1::/32",
    "2a00:1::1",
    "10.0.0.0/8",
    "10.1.1.1",
    "192.168.0.0/16",
    "169.254.169.254",
    "100.64.0.0/10",
    "203.0.113.0/24",
    "0.0.0.0/0",
    "::/0",
    "fd00::/8",
    "64:ff9b::/96",
    "2002::/16",
    "2001:db8::/32",
    "10.0.2.2",
    "*.sluice.internal",
    "ba.test, y.test",
    "93.184.216.50",
    "10.9.9.9",
    "*.internal",
    "127.0.0.0/8",
    "a.test, 10.1.1.1",
    "bad.test, @metadata",
};

static const char *const protos[] = {
    "",        "tcp",           "udp",           "icmp",        "tcp/443", "tcp/80",
    "udp/443", "tcp/53 udp/53", "tcp/22,80-443", "udp/1-65535", "tcp/853", "udp/5353 tcp/1-1000",
    "tcp udp", "tcp/80 icmp",   "tcp/8080",      "udp/123",
};
static const char *const schemes[] = {"http", "http", "http/8080", "https", "http https", "http/80,8080"};
static const char *const methods[] = {"", "GET", "POST", "GET,HEAD", "*"};
static const char *const paths[] = {"", "/x", "/x/**", "/*", "/**", "/x/*/z", "/x*"};

static const char *const foreign[] = {"any",           "dns",       "public",        "private",
				      "host",          "meta",      "10.0.0.0/8",    "93.184.216.1",
				      "a.test",        "*.a.test",  "suffix=y.test", "domain=bad.test",
				      "[2a00:1::]/32", "github.com"};
static const char *const foreign_protos[] = {"",     ":tcp:443",    ":tcp",   ":udp:53",
					     ":any", ":tcp:80,443", ":icmpv4"};
static const char *const profiles[] = {"none",    "public", "all",  "public,host",
				       "private", "host",   "none", "none"};

const char *
gate_name(uint8_t n)
{
	return names[n % COUNT(names)];
}

struct addr
gate_addr(uint8_t n, const struct surroundings *where)
{
	struct addr a;

	n = (uint8_t)(n % COUNT(addrs));
	if (n < 4)
		return n & 2 ? where->dns[n & 1] : where->gateway[n & 1];
	if (!addr_parse(addrs[n], &a))
		abort();
	return a;
}

uint16_t
gate_port(uint8_t n)
{
	return ports[n % COUNT(ports)];
}

/* --- a line --------------------------------------------------------------------------------------------------- */

static void
write_rule(struct rd *in, char text[GATE_RULE_TEXT])
{
	static const char *const actions[] = {"allow", "allow", "deny", "drop"};
	uint8_t how = rd_u8(in), what = rd_u8(in), to = rd_u8(in), also = rd_u8(in);
	const char *action = actions[how & 3], *target = targets[to % COUNT(targets)];
	bool ingress = how & 16;

	switch (how >> 2 & 3) {
	case 2:
		snprintf(text, GATE_RULE_TEXT, "%s %s %s %s%s", action, schemes[what % COUNT(schemes)],
			 methods[what / 16 % COUNT(methods)], target, paths[also % COUNT(paths)]);
		break;
	case 3:
		snprintf(text, GATE_RULE_TEXT, "%s%s@%s%s", how & 2 ? "deny" : "allow",
			 how & 32  ? ":any"
			 : ingress ? ":ingress"
				   : "",
			 foreign[to % COUNT(foreign)], foreign_protos[what % COUNT(foreign_protos)]);
		break;
	default:
		snprintf(text, GATE_RULE_TEXT, "%s%s %s %s %s%s%s", action, ingress ? " ingress" : "",
			 protos[what % COUNT(protos)], ingress ? "from" : "to", target,
			 also & 128 ? ", " : "", also & 128 ? targets[also % COUNT(targets)] : "");
		break;
	}
}

static char *
read_no_file(void *ctx, const char *path, size_t *len, const char **why)
{
	(void)ctx, (void)path, (void)len;
	*why = "there are no files here";
	return NULL;
}

static bool
read_list(struct rules *to, const char *const *text, unsigned n, const char *with)
{
	struct rule_source src[GATE_RULES] = {{.text = NULL}};
	struct diag_sink d = {.told = NULL};

	*to = (struct rules){.n = 0};
	for (unsigned i = 0; i < n; i++)
		src[i].text = text[i];
	return rules_read(to, src, n, with, read_no_file, NULL, &d);
}

static bool
is_good(const char *text)
{
	struct rules r;
	struct diag_sink d = {.told = NULL};
	struct policy *p = read_list(&r, &text, 1, "none") ? policy_build(&r, NULL, &d) : NULL;
	bool good = p != NULL;

	policy_free(p);
	rules_free(&r);
	return good;
}

static void
read_rules(struct rd *in, unsigned n, struct gate_list *l)
{
	l->n = 0;
	for (unsigned i = 0; i < n && i < GATE_RULES; i++) {
		write_rule(in, l->text[l->n]);
		l->n += is_good(l->text[l->n]);
	}
}

void
gate_rules_read(struct rd *in, struct gate_rules *out)
{
	uint8_t shape = rd_u8(in), floor = rd_u8(in);

	out->own.profiles = profiles[shape >> 4 & 7];
	out->floor.profiles = profiles[floor >> 4 & 7];
	out->floored = floor & 128;
	read_rules(in, shape & 7, &out->own);
	read_rules(in, out->floored ? floor & 3 : 0, &out->floor);
}

void
gate_rules_set(struct gate_rules *r, struct sluice_config *cfg)
{
	const struct gate_list *l[2] = {&r->own, &r->floor};

	for (unsigned which = 0; which < 2; which++)
		for (unsigned i = 0; i < l[which]->n; i++)
			r->rule[which][i] = (struct sluice_rule){.text = l[which]->text[i]};
	cfg->rules = r->rule[0];
	cfg->nrules = r->own.n;
	cfg->profiles = r->own.profiles;
	cfg->floor = r->floored ? r->rule[1] : NULL;
	cfg->nfloor = r->floored ? r->floor.n : 0;
	cfg->floor_profiles = r->floored ? r->floor.profiles : NULL;
}

static void
naive_list(const struct gate_list *l, struct rules *out)
{
	const char *text[GATE_RULES];

	for (unsigned i = 0; i < l->n; i++)
		text[i] = l->text[i];
	if (!read_list(out, text, l->n, l->profiles))
		abort();
}

void
gate_rules_naive(const struct gate_rules *r, struct rules *own, struct rules *floor)
{
	naive_list(&r->own, own);
	if (r->floored)
		naive_list(&r->floor, floor);
	else
		*floor = (struct rules){.n = 0};
}
