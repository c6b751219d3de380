/*
 * policy_docs_test.c - the examples of docs/policy.md are rules, and what it says of limits and profiles is so
 */
#include "test/unit/policy_kit.h"

#include "policy/evidence.h"
#include "policy/path.h"
#include "policy/reader.h"

static char *
read_doc(void)
{
	FILE *f = fopen("docs/policy.md", "re");
	char *text = calloc(1, 1 << 20);

	assert_non_null(f);
	assert_non_null(text);
	assert_true(fread(text, 1, (1 << 20) - 1, f) > 1000);
	fclose(f);
	return text;
}

static void
examples_are_rules(void **state)
{
	static const struct kit_file files[] = {{"blocklist.txt", "ads.example\n"}, {NULL, NULL}};
	char *doc = read_doc(), *next;
	unsigned blocks = 0, rules = 0;

	(void)state;
	for (char *p = doc; (p = strstr(p, "\n```rules\n")); p = next) {
		char *end = strstr(p + 10, "\n```");

		assert_non_null(end);
		*end = '\0';
		next = end + 1;
		blocks++;
		for (char *line = strtok(p + 10, "\n"); line; line = strtok(NULL, "\n")) {
			const char *text = line;
			struct kit_rules *k = kit_rules_of(&text, 1, NULL, "none", files);

			if (!k->good || k->sink.warnings || k->rules.n != 1)
				fail_msg("%s: %s", line, k->told.text);
			rules++;
			kit_free(k);
		}
	}
	assert_true(blocks >= 7 && rules >= 20);
	free(doc);
}

/* A number as people write it: 16,384. */
static const char *
with_commas(unsigned n, char to[24])
{
	if (n >= 1000000)
		snprintf(to, 24, "%u,%03u,%03u", n / 1000000, n / 1000 % 1000, n % 1000);
	else if (n >= 1000)
		snprintf(to, 24, "%u,%03u", n / 1000, n % 1000);
	else
		snprintf(to, 24, "%u", n);
	return to;
}

static void
limits_are_as_told(void **state)
{
	static const struct {
		const char *row;
		unsigned limit;
	} rows[] = {
	    {"\n| a rule | 16 KiB, ", RULE_TARGETS_MAX},
	    {" targets, ", RULE_PORTS_MAX},
	    {"a comment of ", RULE_COMMENT_MAX},
	    {"\n| a rule about requests | ", RULE_METHODS_MAX},
	    {" methods of ", RULE_METHOD_MAX},
	    {" bytes, paths of ", PATH_PATTERN_MAX},
	    {"\n| rules of a policy | ", RULES_MAX},
	    {"\n| lists of a policy | ", LISTS_MAX},
	    {"\n| entries of a list | ", LIST_ENTRIES_MAX},
	    {"\n| mistakes told of one list | ", LIST_ERRORS_TOLD},
	    {"\n| evidence | ", EVIDENCE_ENTRIES},
	    {"pairs of name and address; ", EVIDENCE_NAMES},
	    {"names of an address, ", EVIDENCE_ADDRS},
	};
	char *doc = read_doc(), number[24];

	(void)state;
	assert_int_equal(RULE_TEXT_MAX, 16 * 1024);
	for (size_t i = 0; i < KIT_COUNT(rows); i++) {
		const char *limits = strstr(doc, "\n## Limits"), *at = strstr(limits, rows[i].row);

		assert_non_null(at);
		at += strlen(rows[i].row);
		with_commas(rows[i].limit, number);
		if (strncmp(at, number, strlen(number)) != 0 || strchr("0123456789,", at[strlen(number)]))
			if (at[strlen(number)] != ',' || at[strlen(number) + 1] != ' ')
				fail_msg("%s is %s", rows[i].row, number);
	}
	free(doc);
}

/* Each profile's rules stand in its row, as they are. */
static void
profiles_are_as_told(void **state)
{
	static const char *const profiles[] = {"public", "private", "host", "all"};
	char *doc = read_doc();

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(profiles); i++) {
		struct kit_rules *k = kit_rules_of(NULL, 0, NULL, profiles[i], NULL);
		char start[32], quoted[80];

		snprintf(start, sizeof(start), "\n| `%s`", profiles[i]);
		const char *row = strstr(doc, start);
		assert_non_null(row);
		for (uint32_t n = 0; n < k->rules.n; n++) {
			snprintf(quoted, sizeof(quoted), "`%s`", k->rules.rule[n].text);
			const char *at = strstr(row + 1, quoted), *end = strchr(row + 1, '\n');

			assert_true(at && at < end);
		}
		kit_free(k);
	}
	free(doc);
}

/* The networks of each row of the table of groups are of that group, from their first address on. */
static void
groups_are_as_told(void **state)
{
	static const struct {
		const char *row;
		enum group group;
	} rows[] = {
	    {"\n| 1 | none |", GROUP_NONE},
	    {"\n| 5 | `@loopback` |", GROUP_LOOPBACK},
	    {"\n| 6 | `@private` |", GROUP_PRIVATE},
	    {"\n| 7 | `@link-local` |", GROUP_LINK_LOCAL},
	    {"\n| 8 | `@multicast` |", GROUP_MULTICAST},
	    {"\n| 3 | `@metadata` |", GROUP_METADATA},
	    {"\n| 9 | none |", GROUP_NONE},
	};
	unsigned nets = 0;

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(rows); i++) {
		char *doc = read_doc(), *row = strstr(doc, rows[i].row), *p;

		assert_non_null(row);
		*strchr(row + 1, '\n') = '\0';
		p = row + strlen(rows[i].row);
		while ((p = strchr(p, '`'))) {
			char *end = strchr(++p, '`');
			struct addr a;

			assert_non_null(end);
			*end = '\0';
			if (strchr(p, '/'))
				*strchr(p, '/') = '\0';
			/* "::253" stands for the same network as the one before it; 2000::/3 for what is not in it. */
			bool whole = rows[i].group != GROUP_METADATA || p[0] != ':';
			if (whole && strcmp(p, "2000::") != 0) {
				assert_true(addr_parse(p, &a));
				if (group_of(&a, NULL) != rows[i].group)
					fail_msg("%s is @%s", p, group_name(group_of(&a, NULL)));
				nets++;
			}
			p = end + 1;
		}
		free(doc);
	}
	assert_true(nets > 35);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(examples_are_rules),
	    cmocka_unit_test(limits_are_as_told),
	    cmocka_unit_test(profiles_are_as_told),
	    cmocka_unit_test(groups_are_as_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
