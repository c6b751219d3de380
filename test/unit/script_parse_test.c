/*
 * script_parse_test.c - the notation of test/script: what is read, and how mistakes are told
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stack/tcp_wire.h"
#include "test/bed/script.h"

static void
test_segment(void **state)
{
	struct script s;
	const struct script_segment *seg;

	(void)state;
	assert_true(script_parse(&s, "family v6\n"
				     "# a comment\n"
				     "\n"
				     "0.5..1.25 guest3 < FP. seq -1+2*M ack >=7 win * mss none sackok "
				     "sack 1:E,5:M-1 # why\n"
				     "+0.1 guest > - data 'a b' opt 01ff badsum\n"));
	assert_int_equal(s.nline, 2);
	assert_false(s.v4);
	assert_true(s.v6);
	assert_int_equal(s.line[0].number, 4);
	assert_int_equal(s.line[0].from, 500000);
	assert_int_equal(s.line[0].until, 1250000);
	assert_int_equal(s.line[0].verb, WANT_SEGMENT);
	assert_int_equal(s.line[0].flow, 2);
	seg = &s.line[0].seg;
	assert_int_equal(seg->flags, TCP_FIN | TCP_PSH | TCP_ACK);
	assert_int_equal(seg->seq.match, MATCH_EQ);
	assert_int_equal(seg->seq.k, -1);
	assert_int_equal(seg->seq.m, 2);
	assert_int_equal(seg->ack.match, MATCH_GE);
	assert_int_equal(seg->ack.k, 7);
	assert_int_equal(seg->win.match, MATCH_ANY);
	assert_int_equal(seg->mss.match, MATCH_NONE);
	assert_int_equal(seg->sackok.match, MATCH_ANY);
	assert_int_equal(seg->len.match, MATCH_UNSAID);
	assert_int_equal(seg->nsack, 2);
	assert_int_equal(seg->sack[0].right.e, 1);
	assert_int_equal(seg->sack[1].right.k, -1);
	assert_int_equal(s.line[1].from, 1350000);
	assert_int_equal(s.line[1].verb, DO_SEND);
	seg = &s.line[1].seg;
	assert_int_equal(seg->flags, 0);
	assert_int_equal(seg->len.k, 3);
	assert_string_equal(s.line[1].text, "a b");
	assert_int_equal(seg->nopt, 2);
	assert_int_equal(seg->opt[1], 0xff);
	assert_true(seg->badsum);
	script_free(&s);
}

static void
test_verbs(void **state)
{
	struct script s;

	(void)state;
	assert_true(script_parse(&s, "host refuses\nhost refuses udp\nhost reads nothing\nhost reads 5\n"
				     "client2 sends 'x'\ngateway state LISTEN\nguest < nothing\nguest opens\n"
				     "guest > icmp too-big mtu 1300 seq 1\n"));
	assert_int_equal(s.nline, 9);
	assert_int_equal(s.line[0].verb, HOST_SETTLES);
	assert_true(s.line[0].n.k > 0);
	assert_int_equal(s.line[1].verb, HOST_REFUSES_UDP);
	assert_int_equal(s.line[2].n.k, 0);
	assert_int_equal(s.line[3].n.k, 5);
	assert_int_equal(s.line[4].flow, 1);
	assert_string_equal(s.line[5].text, "LISTEN");
	assert_int_equal(s.line[7].verb, GUEST_OPENS);
	assert_int_equal(s.line[7].seg.mss.m, 1);
	assert_int_equal(s.line[8].mtu.k, 1300);
	script_free(&s);
}

static void
test_mistakes(void **state)
{
	static const struct {
		const char *text, *error;
	} wrong[] = {
	    {"", "line 1: nothing happens in this script ''"},
	    {"1 guest > Q.\n", "line 1: expected flags out of FSRP.UEC, or - for none, not 'Q.'"},
	    {"1 guest > . seq x\n", "line 1: expected a number, not 'x'"},
	    {"1 guest > . seq 1+\n", "line 1: expected a number, not '1+'"},
	    {"1 guest > . sek 1\n", "line 1: a segment has no 'sek'"},
	    {"\n1 guests > .\n", "line 2: a line is about guest, host, client or gateway, not 'guests'"},
	    {"2 guest > .\n1 guest > .\n", "line 2: time goes backwards: '1'"},
	    {"1 host naps\n", "line 1: the host does not know how to 'naps'"},
	    {"1 host accepts twice\n", "line 1: nothing may follow here, but there is 'twice'"},
	    {"1 guest > . data 'abc\n", "line 1: no closing quote in 'abc'"},
	    {"1 guest > . opt 0g\n", "line 1: expected up to 40 bytes in hexadecimal, not '0g'"},
	    {"1 guest > . sack 1-2\n", "line 1: expected LEFT:RIGHT, not '1-2'"},
	    {"1 host accepts\nmtu 1280\n", "line 2: settings come before the first line: 'mtu 1280'"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct script s;

		assert_false(script_parse(&s, wrong[i].text));
		assert_string_equal(s.error, wrong[i].error);
		script_free(&s);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_segment),
	    cmocka_unit_test(test_verbs),
	    cmocka_unit_test(test_mistakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
