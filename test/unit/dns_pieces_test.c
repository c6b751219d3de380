/*
 * dns_pieces_test.c - questions that come several in one frame of a guest with UDP segmentation, or in spans of a few bytes
 *
 * Both are the guest's choice: whatever it makes of its frames, each datagram is one question, read to its end and no further.
 */
#include "test/unit/dns_service_kit.h"

static int
fresh_pieces(void **state)
{
	fresh_dns(state);
	conf.lim.mtu = 65520;
	return 0;
}

/* One frame of the guest's from port 5001: `len` bytes, in datagrams of `piece` each; the last may be shorter. */
static void
run_of(const uint8_t *bytes, size_t len, size_t piece)
{
	struct endpoint dns = dns_at(FAMILY_V4);
	struct craft c = bed_craft(bed, &dns.addr);
	size_t n = craft_udp(buf, &c, 5001, 53, view_of(bytes, len));

	bed_push_offload(
	    bed, buf, n,
	    &(struct offload){
		.csum_valid = true, .gso_type = GSO_UDP_L4, .gso_size = (uint16_t)piece, .hdr_len = 42});
	bed_settle(bed);
}

static size_t
add_question(struct wr *w, const char *name)
{
	const struct message *m = question(1, name, DNS_A, 1232);

	wr_bytes(w, m->bytes, m->len);
	return m->len;
}

static void
each_of_a_run_is_asked(void **state)
{
	static const char *const names[] = {"a.example", "b.example", "c.example"};
	uint8_t run[256];
	struct wr w = wr_of(run, sizeof(run));
	size_t piece = 0;

	(void)state;
	begin();
	for (unsigned i = 0; i < 3; i++)
		piece = add_question(&w, names[i]);
	run_of(run, 3 * piece, piece);
	assert_int_equal(counted(GW_DNS_QUERIES), 3);
	assert_int_equal(server_sockets(HOST_UDP), 3);
	for (unsigned i = 0; i < 3; i++) {
		/* Those that were answered go: the first is another one each time. */
		resolves(udp(0), 1, "93.184.216.1");
	}
	expect_silence();
	end();
}

/* Less than a question at the end: the others are asked, it is not made longer by what lies behind it. */
static void
the_last_may_be_cut(void **state)
{
	uint8_t run[256];
	struct wr w = wr_of(run, sizeof(run));

	(void)state;
	begin();
	size_t piece = add_question(&w, "a.example");
	add_question(&w, "b.example");
	run_of(run, 2 * piece - 12, piece);
	assert_int_equal(server_sockets(HOST_UDP), 1);
	assert_int_equal(counted(GW_DNS_BAD), 1);
	server_answers(udp(0), "93.184.216.1");
	hears_rcode(1, DNS_FORMERR);
	hears_address(1, "93.184.216.1");
	expect_silence();
	end();
}

/* 128 pieces of a byte each are nothing anybody is asked or told. */
static void
crumbs(void **state)
{
	static const uint8_t crumb[128];

	(void)state;
	begin();
	run_of(crumb, sizeof(crumb), 1);
	assert_int_equal(server_sockets(HOST_UDP), 0);
	assert_int_equal(counted(GW_DNS_BAD), sizeof(crumb));
	expect_silence();
	end();
}

/* Questions of all lengths, in spans of all sizes, of memory that is the gateway's for the turn and of the guest's own. */
static void
in_spans(void **state)
{
	(void)state;
	begin();
	for (uint16_t span = 1, id = 1; span < 64; span++) {
		for (int shared = 0; shared < 2; shared++, id++) {
			char name[32];

			snprintf(name, sizeof(name), "n%u.example", id);
			memlink_lend(bed->mem, shared, span);
			answered_by(SERVER_A, id, name);
		}
	}
	end();
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, fresh_pieces)
	const struct CMUnitTest tests[] = {
	    TEST(each_of_a_run_is_asked),
	    TEST(the_last_may_be_cut),
	    TEST(crumbs),
	    TEST(in_spans),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
