/*
 * event_policy_test.c - what events say of policy: the verdict, the rule and its place, the name and where it came from
 */
#include "test/unit/judge_kit.h"

#include <sys/mman.h>
#include <unistd.h>

#define NAMED "allow tcp/443 udp/7 to *.good.example"

static const struct sluice_event *
opened(void)
{
	const struct sluice_event *e = find_event(SLUICE_EVENT_FLOW_OPENED);

	assert_string_equal(e->code, "none");
	assert_string_equal(e->text, "opened");
	return e;
}

static void
says(const struct sluice_event *e, const char *verdict, uint32_t number, const char *text, const char *name,
     const char *from)
{
	assert_string_equal(e->verdict, verdict);
	assert_int_equal(e->rule, number);
	assert_string_equal(e->rule_text, text);
	assert_string_equal(e->name, name);
	assert_string_equal(e->name_from, from);
}

static void
a_flow_says_which_rule_let_it(void **state)
{
	(void)state;
	rules("public", "allow tcp/80 to 10.0.0.0/8", NULL);
	begin();
	struct peer p = expect_open_tcp(40000, "10.1.2.3", 80);
	says(opened(), "allow", 1, "allow tcp/80 to 10.0.0.0/8", "", "");
	peer_send(&p, TCP_RST | TCP_ACK, NULL, 0);
	bed_settle(bed);
	says(flow_ended(SLUICE_EVENT_FLOW_CLOSED, SLUICE_REASON_GUEST_RESET), "allow", 1,
	     "allow tcp/80 to 10.0.0.0/8", "", "");
	/* A profile's rule has no number, and its name for text. */
	expect_open_tcp(40001, PUBLIC4, 80);
	says(opened(), "allow", 0, "public", "", "");
	end();
}

static void
a_name_that_evidence_has(void **state)
{
	(void)state;
	rules("none", NAMED, NULL);
	begin();
	resolved("www.good.example", PUBLIC4, 300);
	expect_open_udp(40000, PUBLIC4, 7);
	says(opened(), "allow", 1, NAMED, "www.good.example", "evidence");
	end();
}

/* While a name may still decide, no rule has: the first that could is not to be blamed. */
static void
a_name_that_will_decide(void **state)
{
	(void)state;
	rules("none", "deny to bad.example", NAMED, NULL);
	begin();
	resolved("www.good.example", PUBLIC4, 300);
	struct peer p = expect_open_tcp(40000, PUBLIC4, 443);
	assert_non_null(peer_flow(&p)->watch);
	const struct sluice_event *e = opened();
	assert_string_equal(e->verdict, "peek");
	assert_int_equal(e->rule, 0);
	assert_string_equal(e->rule_text, "");
	end();
}

static void
what_nothing_allows(void **state)
{
	(void)state;
	rules("none", "allow tcp/80 to 10.0.0.0/8", NULL);
	begin();
	expect_refused_tcp(40000, PUBLIC4, 25);
	const struct sluice_event *e = expect_refusal(SLUICE_REASON_RULE);
	says(e, "deny", 0, "", "", "");
	assert_string_equal(e->code, "rule");
	assert_string_equal(e->text, "tcp " PUBLIC4 ":25: no rule allows it");
	assert_string_equal(e->target, "");
	assert_false(e->floor);
	/* Each refusal is a flow with a number of its own. */
	uint64_t first = e->flow;
	expect_refused_tcp(40001, PUBLIC4, 25);
	assert_int_equal(expect_refusal(SLUICE_REASON_RULE)->flow, first + 1);
	end();
}

static void
a_query_that_is_refused(void **state)
{
	static const uint8_t query[] = "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
				       "\x03"
				       "Bad\x07"
				       "example\x00\x00\x01\x00\x01";
	struct endpoint dns = {.port = 53};

	(void)state;
	rules("public", "deny to *.example", NULL);
	begin();
	dns.addr = bed->gw->stack.cfg.net[FAMILY_V4].dns;
	guest_udp(40000, &dns, query, sizeof(query) - 1);
	pass_over();
	const struct sluice_event *e = find_event(SLUICE_EVENT_NAME_REFUSED);
	says(e, "deny", 1, "deny to *.example", "bad.example", "query");
	assert_int_equal(e->reason, SLUICE_REASON_RULE);
	assert_int_equal(e->protocol, 17);
	assert_int_equal(e->flow, 0);
	assert_string_equal(e->guest, "10.0.2.15:40000");
	end();
}

static void
a_reload_is_told(void **state)
{
	(void)state;
	rules("public", NULL);
	begin();
	reload("none", NULL);
	const struct sluice_event *e = find_event(SLUICE_EVENT_RELOADED);
	assert_int_equal(e->flow, 0);
	assert_true(e->text[0] != '\0');
	end();
}

/* The log as a gateway's hook: a line for each event, the refusal with its rule. */
static void
the_log_as_a_hook(void **state)
{
	int fd = memfd_create("events", MFD_CLOEXEC);
	struct sluice_event_log *log = sluice_event_log_new(fd);
	char text[8192] = "";

	(void)state;
	assert_non_null(log);
	rules("public", "deny tcp/25 to @any \"no \\ mail\"", NULL);
	conf.gateway.event = sluice_event_log_write;
	conf.gateway.hook_ctx = log;
	begin();
	expect_refused_tcp(40000, PUBLIC4, 25);
	expect_open_tcp(40001, PUBLIC4, 80);
	end();
	sluice_event_log_free(log);
	assert_true(pread(fd, text, sizeof(text) - 1, 0) > 0);
	close(fd);
	static const char *const parts[] = {
	    "\"event\":\"guest-up\"",
	    "\"event\":\"refused\",\"reason\":\"rule\"",
	    "\"rule\":1,\"rule_text\":\"deny tcp/25 to @any \\\"no \\\\ mail\\\"\"",
	    "\"event\":\"opened\"",
	    "\"event\":\"closed\",\"reason\":\"link\"",
	    "\"event\":\"guest-gone\"",
	};
	const char *from = text;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		from = strstr(from, parts[i]);
		if (!from)
			fail_msg("no %s in %s", parts[i], text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(a_flow_says_which_rule_let_it, fresh_events),
	    cmocka_unit_test_setup(a_name_that_evidence_has, fresh_events),
	    cmocka_unit_test_setup(a_name_that_will_decide, fresh_events),
	    cmocka_unit_test_setup(what_nothing_allows, fresh_events),
	    cmocka_unit_test_setup(a_query_that_is_refused, fresh_events),
	    cmocka_unit_test_setup(a_reload_is_told, fresh_events),
	    cmocka_unit_test_setup(the_log_as_a_hook, fresh_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
