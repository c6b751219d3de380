/*
 * policy_list_test.c - lists of names and networks: forms, mistakes, and as targets of rules
 */
#include "test/unit/policy_kit.h"

#include "policy/reader.h"

struct list {
	struct rule_list list;
	struct diag_sink sink;
	struct told told;
	bool good;
};

static struct list *
parse(const char *text, size_t len)
{
	struct list *l = calloc(1, sizeof(*l));

	assert_non_null(l);
	l->list.names = nameset_new();
	l->list.nets = netset_new();
	l->sink = (struct diag_sink){.told = kit_told, .ctx = &l->told};
	l->good = list_parse(text, len, "ads.txt", &l->list, &l->sink);
	assert_int_equal(l->good, l->sink.errors == 0);
	return l;
}

static void
list_free(struct list *l)
{
	nameset_free(l->list.names);
	netset_free(l->list.nets);
	free(l);
}

static bool
has_name(const struct list *l, const char *text)
{
	struct name n = kit_name(text);

	return nameset_has(l->list.names, &n);
}

static bool
has_addr(const struct list *l, const char *text)
{
	struct addr a = kit_addr(text);

	return netset_has(l->list.nets, &a);
}

static void
every_form_is_understood(void **state)
{
	static const char text[] = "\xef\xbb\xbf# a list\r\n"
				   "\r\n"
				   "ads.example\n"
				   "  Mixed.Example.  # said\n"
				   "*.tracker.example\r\n"
				   "*.zip\n"
				   "192.0.2.7\n"
				   "198.51.100.0/24\n"
				   "2001:db8:1::/48\n"
				   "0.0.0.0 one.example two.example\n"
				   "127.0.0.1\tlocalhost localhost.localdomain local\n"
				   "::1 localhost ip6-localhost\n"
				   "fe80::1%lo0 localhost\n"
				   "255.255.255.255 broadcasthost\n"
				   "0.0.0.0 0.0.0.0\n"
				   "ff02::1 ip6-allnodes\n"
				   "last.example";
	struct list *l = parse(text, sizeof(text) - 1);

	(void)state;
	assert_string_equal(l->told.text, "");
	assert_int_equal(nameset_count(l->list.names), 7);
	assert_int_equal(netset_count(l->list.nets), 3);
	assert_true(has_name(l, "ads.example"));
	assert_false(has_name(l, "x.ads.example"));
	assert_true(has_name(l, "mixed.example"));
	assert_true(has_name(l, "tracker.example") && has_name(l, "a.b.tracker.example"));
	assert_false(has_name(l, "xtracker.example"));
	assert_true(has_name(l, "anything.zip"));
	assert_true(has_name(l, "one.example") && has_name(l, "two.example") && has_name(l, "last.example"));
	assert_false(has_name(l, "localhost"));
	assert_true(has_addr(l, "192.0.2.7") && has_addr(l, "198.51.100.255") &&
		    has_addr(l, "2001:db8:1::5"));
	assert_false(has_addr(l, "192.0.2.8"));
	assert_false(has_addr(l, "0.0.0.0"));
	assert_int_equal(l->list.broad, 6);
	list_free(l);
}

static void
mistakes_have_the_lists_lines(void **state)
{
	static const char text[] = "good.example\n"
				   "two names\n"
				   "  https://x.example/\n"
				   "b\xc3\xbc"
				   "cher.example\n"
				   "||ads.example^\n"
				   "10.0.0.0/33\n"
				   "0.0.0.0 ok.example a..b 10.0.0.1\n"
				   "010.0.0.1\n";
	struct list *l = parse(text, sizeof(text) - 1);

	(void)state;
	assert_string_equal(
	    l->told.text,
	    "E ads.txt:2:5: 'names': one name or network a line is expected, or an address and names as in a "
	    "hosts file\n"
	    "E ads.txt:3:3: 'https://x.example/': a URL or a path: write the name of the host alone\n"
	    "E ads.txt:4:1: 'b\xc3\xbc"
	    "cher.example': not ASCII: write it in its xn-- form, as `idn2 NAME` prints it\n"
	    "E ads.txt:5:1: '||ads.example^': has a character that is in no name: letters, digits, '-' and "
	    "'_' are\n"
	    "E ads.txt:6:9: '/33': not a prefix length: a number from 0 to 32 is expected\n"
	    "E ads.txt:7:20: 'a..b': has an empty label: a name is labels with single dots between them\n"
	    "E ads.txt:7:25: '10.0.0.1': neither a name nor an address: that is four numbers from 0 to 255 "
	    "without "
	    "leading zeros\n"
	    "E ads.txt:8:1: '010.0.0.1': not an address: that is four numbers from 0 to 255 without leading "
	    "zeros\n");
	list_free(l);
}

static void
many_mistakes_become_a_count(void **state)
{
	char text[100 * 4 + 1];
	unsigned lines = 0;

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		memcpy(text + 4 * i, "a b\n", 5);
	struct list *l = parse(text, 400);
	for (const char *p = l->told.text; *p; p++)
		lines += *p == '\n';
	assert_int_equal(lines, LIST_ERRORS_TOLD + 1);
	assert_non_null(strstr(l->told.text, "E ads.txt: 80 more lines are wrong\n"));
	list_free(l);
}

static void
an_empty_list_is_a_list(void **state)
{
	struct list *l = parse("", 0);

	(void)state;
	assert_true(l->good);
	assert_int_equal(nameset_count(l->list.names) + netset_count(l->list.nets), 0);
	list_free(l);
}

static void
lists_are_targets(void **state)
{
	static const struct kit_file files[] = {
	    {"conf/ads.txt", "ads.example\n198.51.100.0/24\n"},
	    {"/abs/nets", "10.0.0.0/8\n"},
	    {"conf/a b,c", "*.zip\n"},
	    {"ads.txt", "other.example\n"},
	    {NULL, NULL},
	};
	static const char *const text[] = {"deny to @file:ads.txt, x.example", "deny udp to @file:ads.txt",
					   "deny ingress from @file:/abs/nets",
					   "deny to @file:\"a b,c\" \"quoted\""};
	struct kit_rules *k = kit_rules_of(text, 4, "conf/sluice.yaml", "none", files);
	struct name ads = kit_name("ads.example"), other = kit_name("other.example");

	(void)state;
	assert_string_equal(k->told.text, "");
	assert_int_equal(k->rules.nlist, 3); /* one file is read once */
	assert_int_equal(k->rules.rule[0].target[0].kind, TARGET_LIST);
	assert_string_equal(k->rules.rule[0].target[0].path, "ads.txt");
	assert_ptr_equal(k->rules.rule[0].target[0].names, k->rules.rule[1].target[0].names);
	assert_true(nameset_has(k->rules.rule[0].target[0].names, &ads));
	assert_string_equal(k->rules.rule[3].target[0].path, "a b,c");
	assert_string_equal(k->rules.rule[3].comment, "quoted");
	kit_free(k);

	/* Of the command line: from where the program runs. */
	k = kit_rules_of(text, 1, NULL, "none", files);
	assert_true(nameset_has(k->rules.rule[0].target[0].names, &other));
	kit_free(k);
}

static void
lists_that_cannot_be_enforced(void **state)
{
	static const struct kit_file files[] = {
	    {"names", "a.example\n"}, {"broad", "a.example\n*.zip\n"}, {"bad", "a b\n"}, {NULL, NULL}};
	static const char *const text[] = {"deny ingress from @file:names",
					   "allow to @file:broad",
					   "deny to @file:broad",
					   "deny to @file:bad",
					   "deny to @file:bad",
					   "deny to @file:gone"};
	struct kit_rules *k = kit_rules_of(text, KIT_COUNT(text), NULL, "none", files);

	(void)state;
	assert_string_equal(k->told.text,
			    "E rule 1, column 19: '@file:names': cannot be enforced: the list has names, and "
			    "nothing tells a client's "
			    "name; a list of addresses and networks is expected\n"
			    "E rule 2, column 10: '@file:broad': its line 2 allows everything below a whole "
			    "top-level domain; name a "
			    "domain below it\n"
			    "E bad:1:3: 'b': one name or network a line is expected, or an address and names "
			    "as in a hosts file\n"
			    "E rule 6, column 9: '@file:gone': cannot be read: No such file or directory\n");
	assert_int_equal(k->rules.n, 1);
	kit_free(k);
}

static void
a_policy_has_so_many_lists(void **state)
{
	const char *text[LISTS_MAX + 1];
	struct kit_file files[LISTS_MAX + 2] = {{NULL, NULL}};
	char *made = malloc((LISTS_MAX + 1) * 40);

	(void)state;
	for (unsigned i = 0; i <= LISTS_MAX; i++) {
		sprintf(made + i * (size_t)40, "deny to @file:%u", i);
		text[i] = made + i * (size_t)40;
		files[i] = (struct kit_file){text[i] + 14, "a.example\n"};
	}
	struct kit_rules *k = kit_rules_of(text, LISTS_MAX + 1, NULL, "none", files);
	assert_string_equal(k->told.text,
			    "E rule 257, column 9: '@file:256': a policy has at most 256 lists\n");
	assert_int_equal(k->rules.n, LISTS_MAX);
	kit_free(k);
	free(made);
}

static void
doh_endpoints_are_known(void **state)
{
	static const char *const names[] = {"dns.google",
					    "cloudflare-dns.com",
					    "mozilla.cloudflare-dns.com",
					    "one.one.one.one",
					    "dns.quad9.net",
					    "doh.opendns.com",
					    "dns.adguard-dns.com",
					    "dns.nextdns.io",
					    "abc123.dns.nextdns.io",
					    "doh.cleanbrowsing.org",
					    "dns.mullvad.net",
					    "base.dns.mullvad.net"};
	static const char *const addrs[] = {"8.8.8.8", "1.1.1.1", "9.9.9.9", "2606:4700:4700::1111",
					    "45.90.28.77"};
	struct kit_rules *k = kit_rule("deny tcp/443 udp/443 to @doh");
	const struct rule_target *t = &k->rules.rule[0].target[0];

	(void)state;
	assert_string_equal(k->told.text, "");
	assert_string_equal(t->path, "@doh");
	for (size_t i = 0; i < KIT_COUNT(names); i++) {
		struct name n = kit_name(names[i]);

		if (!nameset_has(t->names, &n))
			fail_msg("%s is missing", names[i]);
	}
	for (size_t i = 0; i < KIT_COUNT(addrs); i++) {
		struct addr a = kit_addr(addrs[i]);

		assert_true(netset_has(t->nets, &a));
	}
	struct name not = kit_name("google.com");
	assert_false(nameset_has(t->names, &not ));
	kit_free(k);
}

/* A big list is read in one go; how fast is for the benchmark to say. */
static void
a_long_list_is_read_whole(void **state)
{
	const unsigned lines = 100000;
	char *text = malloc(lines * (size_t)40);
	size_t len = 0;

	(void)state;
	for (unsigned i = 0; i < lines; i++)
		len += (size_t)(i % 10 ? sprintf(text + len, "0.0.0.0 host%u.ads%u.example\n", i, i % 977)
				       : sprintf(text + len, "10.%u.%u.0/24\n", i / 10 >> 8 & 255,
						 i / 10 & 255));
	struct list *l = parse(text, len);
	assert_true(l->good);
	assert_int_equal(nameset_count(l->list.names), lines / 10 * 9);
	assert_true(has_name(l, "host99999.ads345.example"));
	assert_true(has_addr(l, "10.39.15.9"));
	list_free(l);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_form_is_understood),
	    cmocka_unit_test(mistakes_have_the_lists_lines),
	    cmocka_unit_test(many_mistakes_become_a_count),
	    cmocka_unit_test(an_empty_list_is_a_list),
	    cmocka_unit_test(lists_are_targets),
	    cmocka_unit_test(lists_that_cannot_be_enforced),
	    cmocka_unit_test(a_policy_has_so_many_lists),
	    cmocka_unit_test(doh_endpoints_are_known),
	    cmocka_unit_test(a_long_list_is_read_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
