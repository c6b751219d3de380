/*
 * judge_kit.h - a gateway with a policy of its own, and what a refusal looks like from all sides
 *
 * After fresh_events(): rules("profile", "a rule", ..., NULL) before begin(); then say_*() and expect_*().  "Nothing of it
 * reached the host" is asked of the virtual host itself: no socket but the spare one.
 */
#ifndef TEST_UNIT_JUDGE_KIT_H
#define TEST_UNIT_JUDGE_KIT_H

#include "stack/icmp_wire.h"
#include "test/unit/event_kit.h"

#define RULES 16u

/* Public, and nobody's here. */
#define PUBLIC4 "93.184.216.34"
#define PUBLIC6 "2606:2800:220:1::1"

static struct sluice_rule rule[2][RULES];

/* Texts up to a NULL, and profiles after them, into cfg. */
static inline void
put_rules(struct sluice_config *cfg, const char *profiles, const char *const *text)
{
	size_t n = 0;

	for (; text[n]; n++) {
		assert_true(n < RULES);
		rule[0][n] = (struct sluice_rule){.text = text[n]};
	}
	cfg->rules = rule[0];
	cfg->nrules = n;
	cfg->profiles = profiles;
}

static inline void
put_floor(struct sluice_config *cfg, const char *profiles, const char *const *text)
{
	struct sluice_config c = {.rules = NULL};

	put_rules(&c, profiles, text);
	memcpy(rule[1], rule[0], sizeof(rule[1]));
	cfg->floor = rule[1];
	cfg->nfloor = c.nrules;
	cfg->floor_profiles = profiles;
}

/* For begin(): profiles, rules, NULL.  The floor first, if there is one. */
#define rules(profiles, ...) put_rules(&conf.gateway, profiles, (const char *const[]){__VA_ARGS__})
#define floor_rules(profiles, ...) put_floor(&conf.gateway, profiles, (const char *const[]){__VA_ARGS__})

/* A second gateway in one test. */
static inline void
begin_again(void)
{
	listen_events();
	begin();
}

/* For the gateway that runs; it has taken them. */
static inline void
take_rules(const char *profiles, const char *const *text)
{
	char err[256] = "";

	put_rules(&conf.gateway, profiles, text);
	assert_int_equal(sluice_reload(bed->gw, &conf.gateway, err, sizeof(err)), 0);
	assert_string_equal(err, "");
	bed_settle(bed);
}
#define reload(profiles, ...) take_rules(profiles, (const char *const[]){__VA_ARGS__})

static inline struct name
name_of(const char *text)
{
	struct name n;

	assert_true(name_parse(text, strlen(text), &n));
	return n;
}

/* The gateway has answered the guest that name is at address. */
static inline void
resolved(const char *name, const char *address, uint32_t ttl)
{
	struct name n = name_of(name);
	struct addr a = addr_of(address);

	evidence_add(bed->gw->evidence, &n, &a, ttl, bed_now(bed));
}

static inline void
own_addresses(const char *first, const char *second)
{
	struct addr a[2];
	size_t n = 0;

	if (first)
		a[n++] = addr_of(first);
	if (second)
		a[n++] = addr_of(second);
	assert_true(vhost_set_addrs(bed->vhost, a, n));
}

/* The host saw nothing: there is no socket but the one that is kept in reserve. */
static inline void
expect_no_socket(void)
{
	assert_int_equal(vhost_open_count(bed->vhost), bed->gw->files);
	assert_int_equal(bed->gw->files, bed->gw->nlistener + 1);
}

/* Whatever the gateway has said. */
static inline void
pass_over(void)
{
	struct bed_frame *f;

	while ((f = next_frame()))
		free(f);
}

/* --- TCP ------------------------------------------------------------------------------------------------- */

static inline void
expect_refused_tcp(uint16_t sport, const char *to, uint16_t port)
{
	struct peer p = peer_to(sport, at(to, port));

	peer_send(&p, TCP_SYN, NULL, 0);
	p.ack = 0;
	struct bed_frame *f = expect(STRICT_TCP);
	assert_true(addr_eq(&f->is.ip.src, &p.t.remote.addr));
	assert_int_equal(f->is.tcp.flags, TCP_RST | TCP_ACK);
	assert_int_equal(f->is.tcp.ack, p.seq);
	free(f);
	assert_null(peer_flow(&p));
}

static inline void
expect_dropped_tcp(uint16_t sport, const char *to, uint16_t port)
{
	struct peer p = peer_to(sport, at(to, port));

	peer_send(&p, TCP_SYN, NULL, 0);
	expect_silence();
	assert_null(peer_flow(&p));
}

static inline struct peer
expect_open_tcp(uint16_t sport, const char *to, uint16_t port)
{
	struct peer p = peer_to(sport, at(to, port));

	peer_open(&p);
	assert_non_null(peer_flow(&p));
	return p;
}

/* --- datagrams and echo ------------------------------------------------------------------------------------ */

static inline void
expect_prohibited(enum family fam)
{
	expect_error(fam == FAMILY_V4 ? ICMP4_UNREACHABLE : ICMP6_UNREACHABLE, fam == FAMILY_V4 ? 13 : 1, 0,
		     &bed->gateway[fam]);
}

static inline void
say_udp(uint16_t sport, const char *to, uint16_t port)
{
	struct endpoint e = at(to, port);

	guest_udp(sport, &e, "hello", 5);
	bed_settle(bed);
}

static inline void
expect_refused_udp(uint16_t sport, const char *to, uint16_t port)
{
	uint32_t before = open_flows(FLOW_UDP);

	say_udp(sport, to, port);
	expect_prohibited(strchr(to, ':') ? FAMILY_V6 : FAMILY_V4);
	assert_int_equal(open_flows(FLOW_UDP), before);
	wait_for(USEC_PER_SEC); /* errors are few */
}

static inline void
expect_open_udp(uint16_t sport, const char *to, uint16_t port)
{
	uint32_t before = open_flows(FLOW_UDP);

	say_udp(sport, to, port);
	expect_silence();
	assert_int_equal(open_flows(FLOW_UDP), before + 1);
}

static inline void
say_echo(uint16_t id, const char *to)
{
	struct addr a = addr_of(to);
	struct craft c = bed_craft(bed, &a);
	struct icmp h = {.type = addr_is_v4(&a) ? ICMP4_ECHO_REQUEST : ICMP6_ECHO_REQUEST,
			 .rest = (uint32_t)id << 16 | 1};

	bed_push(bed, buf, craft_icmp(buf, &c, &h, view_of("ping", 4)));
	bed_settle(bed);
}

/* --- what is told ---------------------------------------------------------------------------------------- */

/* The next refusal of a flow: its reason. */
static inline const struct sluice_event *
expect_refusal(enum sluice_reason reason)
{
	const struct sluice_event *e = flow_ended(SLUICE_EVENT_FLOW_REFUSED, reason);

	assert_true(strcmp(e->verdict, "deny") == 0 || strcmp(e->verdict, "drop") == 0);
	return e;
}

#endif
