/*
 * config_names_test.c - host name and search domains of a configuration: what is told, and what is refused with a
 * sentence that names it
 */
#include "proxy/config.h"

#include "test/unit/wire_kit.h"

static struct stack_config out;
static char err[300];

static bool
reads(const struct sluice_config *cfg)
{
	struct setup su = {err, sizeof(err)};

	memset(&out, 0, sizeof(out));
	err[0] = '\0';
	return config_stack(&su, cfg, &out);
}

static void
names_are_told(void **state)
{
	static const char *const search[] = {"lab.example", "x", "_tcp.a-b.TEST"};
	static const char wire[] = "\3lab\7example\0\1x\0\4_tcp\3a-b\4TEST";
	struct sluice_config cfg;

	(void)state;
	sluice_config_init(&cfg);
	assert_true(reads(&cfg));
	assert_true(out.dhcp && out.hostname[0] == '\0' && out.search_len == 0);
	cfg.no_dhcp = true;
	cfg.hostname = "box.lab";
	cfg.search = search;
	cfg.nsearch = 3;
	assert_true(reads(&cfg));
	assert_false(out.dhcp);
	assert_string_equal(out.hostname, "box.lab");
	assert_int_equal(out.search_len, sizeof(wire));
	assert_memory_equal(out.search, wire, sizeof(wire));
}

static void
names_are_refused(void **state)
{
	static const char *const bad[] = {
	    "a b",  "a\nnameserver 192.0.2.1",
	    ".",    "a.",
	    ".a",   "a..b",
	    "-a",   "a-",
	    "a/b",  "\303\244",
	    "a\tb", "0123456789012345678901234567890123456789012345678901234567890123",
	};
	struct sluice_config cfg;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		sluice_config_init(&cfg);
		cfg.hostname = bad[i];
		assert_false(reads(&cfg));
		assert_non_null(strstr(err, bad[i]));
		cfg.hostname = NULL;
		cfg.search = &bad[i];
		cfg.nsearch = 1;
		assert_false(reads(&cfg));
		assert_non_null(strstr(err, bad[i]));
	}
}

/* Six domains, 255 bytes in all, and not one more. */
static void
limits(void **state)
{
	static char label[] = "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabc"; /* 63 */
	static char name[4 * 64 + 1];
	const char *many[SLUICE_SEARCH_MAX + 1] = {"a", "b", "c", "d", "e", "f", "g"};
	struct sluice_config cfg;

	(void)state;
	sluice_config_init(&cfg);
	cfg.hostname = label;
	assert_true(reads(&cfg));
	cfg.search = many;
	cfg.nsearch = SLUICE_SEARCH_MAX;
	assert_true(reads(&cfg));
	cfg.nsearch++;
	assert_false(reads(&cfg));
	assert_non_null(strstr(err, "7"));

	/* A name of 253 bytes takes all the room: three labels of 63 bytes and one of 61. */
	for (int i = 0; i < 4; i++) {
		memcpy(name + 64 * i, label, 63);
		name[64 * i + 63] = '.';
	}
	name[253] = '\0';
	many[0] = name;
	cfg.nsearch = 1;
	assert_true(reads(&cfg));
	assert_int_equal(out.search_len, 255);
	cfg.nsearch = 2;
	assert_false(reads(&cfg));
	assert_non_null(strstr(err, "255"));
	name[253] = 'x';
	name[254] = '\0';
	cfg.nsearch = 1;
	assert_false(reads(&cfg));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_are_told),
	    cmocka_unit_test(names_are_refused),
	    cmocka_unit_test(limits),
	};

	return cmocka_run_group_tests_name("config_names", tests, NULL, NULL);
}
