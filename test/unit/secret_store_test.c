/*
 * secret_store_test.c - secrets set, changed and removed; what is refused; and that values are nowhere but where they belong
 */
#include "test/unit/secret_store_kit.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proxy/locked.h"

static void
set(struct secret_store *s, const char *name, const char *value)
{
	struct sluice_secret g = kit_secret(name, value);
	char err[256] = "";

	assert_int_equal(secret_store_set(s, &g, err, sizeof(err)), 0);
}

static void
set_change_remove(void **state)
{
	struct secret_store *s = kit_store();
	char first[1100], second[1100];

	(void)state;
	assert_false(secret_store_any(s));
	assert_null(secret_store_take(s));
	assert_int_equal(secret_store_placeholder(s, "KEY", first, sizeof(first)), -ENOENT);
	set(s, "KEY", "value-of-key");
	set(s, "OTHER", "value-of-other");
	assert_true(secret_store_any(s));
	struct secret_set *old = secret_store_take(s);
	assert_int_equal(old->n, 2);

	/* Changed: the same placeholder, another value; who had the old one has it still. */
	int n = secret_store_placeholder(s, "KEY", first, sizeof(first));
	assert_int_equal(n, strlen("SLUICE_KEY_") + 32);
	assert_int_equal(secret_store_placeholder(s, "KEY", second, (size_t)n), -ENOSPC);
	set(s, "KEY", "another-value");
	assert_int_equal(secret_store_placeholder(s, "KEY", second, (size_t)n + 1), n);
	assert_string_equal(first, second);
	assert_memory_equal(old->secret[0].value.p, "value-of-key", 12);
	struct secret_set *now = secret_store_take(s);
	assert_int_equal(now->n, 2);
	assert_memory_equal(now->secret[1].value.p, "another-value", 13);
	assert_memory_equal(now->secret[1].placeholder.p, first, (size_t)n);
	assert_true(now->secret[1].redact_headers && !now->secret[1].redact_body);
	assert_int_equal(now->secret[1].places, SECRET_HEADER | SECRET_BASIC);
	secret_set_drop(now);

	assert_int_equal(secret_store_remove(s, "NONE"), -ENOENT);
	assert_int_equal(secret_store_remove(s, NULL), -ENOENT);
	assert_int_equal(secret_store_remove(s, "OTHER"), 0);
	assert_int_equal(secret_store_remove(s, "OTHER"), -ENOENT);
	assert_true(secret_store_any(s));
	assert_int_equal(secret_store_remove(s, "KEY"), 0);
	assert_false(secret_store_any(s));
	assert_null(secret_store_take(s));
	/* Removed and set again it has another placeholder. */
	set(s, "KEY", "value-of-key");
	assert_int_equal(secret_store_placeholder(s, "KEY", second, sizeof(second)), n);
	assert_string_not_equal(first, second);
	secret_store_free(s);
	assert_memory_equal(old->secret[1].value.p, "value-of-other", 14);
	secret_set_drop(old);
	secret_store_free(NULL);
}

static void
all_that_is_said_of_one(void **state)
{
	const char *const all[] = {"*"}, *const pass[] = {"log.test"};
	struct sluice_secret g = kit_secret("KEY", "value-of-key");
	struct secret_store *s = kit_store();
	struct name name;

	(void)state;
	g.placeholder = "$MSB_KEY";
	g.where = SLUICE_SECRET_QUERY | SLUICE_SECRET_BODY;
	g.action = SLUICE_SECRET_TERMINATE;
	g.pass_hosts = pass;
	g.npass_hosts = 1;
	g.plain = g.no_redact = g.redact_body = true;
	assert_int_equal(secret_store_set(s, &g, NULL, 0), 0);
	struct secret_set *set = secret_store_take(s);
	const struct secret *one = &set->secret[0];
	assert_int_equal(one->places, SECRET_QUERY | SECRET_BODY);
	assert_int_equal(one->action, SECRET_TERMINATE);
	assert_true(one->plain && !one->redact_headers && one->redact_body && !one->any_host);
	assert_true(name_parse("log.test", 8, &name) && nameset_has(one->pass_hosts, &name));
	assert_false(nameset_has(one->hosts, &name));
	assert_true(name_parse("a.more.test", 11, &name) && nameset_has(one->hosts, &name));
	assert_true(name_parse("more.test", 9, &name) && nameset_has(one->hosts, &name));
	assert_true(name_parse("api.test", 8, &name) && nameset_has(one->hosts, &name));
	assert_true(name_parse("x.api.test", 10, &name) && !nameset_has(one->hosts, &name));
	secret_set_drop(set);

	/* A caller of an earlier library knows nothing of what follows its hosts. */
	g = kit_secret("KEY", "value-of-key");
	g.hosts = all;
	g.nhosts = 1;
	g.size = offsetof(struct sluice_secret, where);
	g.where = ~0u;
	assert_int_equal(secret_store_set(s, &g, NULL, 0), 0);
	set = secret_store_take(s);
	assert_true(set->secret[0].any_host);
	assert_int_equal(set->secret[0].places, SECRET_HEADER | SECRET_BASIC);
	secret_set_drop(set);
	secret_store_free(s);
}

/* One thing wrong, a sentence that has the word, and nothing of the value. */
static void
refused(struct secret_store *s, const struct sluice_secret *g, const char *word)
{
	char err[512] = "", other[512];

	assert_int_equal(secret_store_set(s, g, err, sizeof(err)), -1);
	if (!strstr(err, word))
		fail_msg("\"%s\" says nothing of \"%s\"", err, word);
	assert_null(strstr(err, "TheValue"));
	if (strstr(word, "placeholder of") || strstr(word, "too many"))
		return;
	assert_string_equal(secret_check(g, other, sizeof(other)), err);
}

#define REFUSED(word, change)                                                 \
	do {                                                                  \
		struct sluice_secret g = kit_secret("KEY", "TheValue-of-it"); \
		change;                                                       \
		refused(s, &g, word);                                         \
	} while (0)

static void
what_is_refused(void **state)
{
	static char longer[65538], name[66];
	const char *const bad[] = {"a.test", "no host"}, *const star[] = {"*"};
	struct secret_store *s = kit_store();
	char err[256];

	(void)state;
	memset(longer, 'v', sizeof(longer) - 1);
	memset(name, 'N', sizeof(name) - 1);
	assert_int_equal(secret_store_set(s, NULL, err, sizeof(err)), -1);
	REFUSED("sizeof", g.size = 8);
	REFUSED("name", g.name = NULL);
	REFUSED("name", g.name = "");
	REFUSED("name", g.name = "A-B");
	REFUSED("name", g.name = name);
	REFUSED("no value", g.value_len = 0);
	REFUSED("no value", g.value = NULL);
	REFUSED("65537", (g.value = longer, g.value_len = 65537));
	REFUSED("its byte 9", g.value = "TheValue\nx");
	REFUSED("its byte 9", (g.value = "TheValue\0x", g.value_len = 10));
	REFUSED("fewer than 8", g.value_len = 7);
	REFUSED("at most 8192", (g.value = longer, g.value_len = 8193));
	REFUSED("8 to 1024", g.placeholder = "1234567");
	REFUSED("its byte 4", g.placeholder = "abc efgh");
	REFUSED("its byte 4", g.placeholder = "abc%efgh");
	REFUSED("its byte 1", g.placeholder = "\"abcefgh");
	REFUSED("its own placeholder",
		(g.value = "x-abcdefgh", g.value_len = 10, g.placeholder = "abcdefgh"));
	REFUSED("no host", g.nhosts = 0);
	REFUSED("1025", g.nhosts = 1025);
	REFUSED("\"no host\"", g.hosts = bad);
	REFUSED("passes", (g.pass_hosts = star, g.npass_hosts = 1));
	REFUSED("0x10", g.where = 16);
	REFUSED("no action", g.action = (enum sluice_secret_action)7);
	assert_false(secret_store_any(s));

	/* Not too short or too long where nothing is looked for. */
	struct sluice_secret g = kit_secret("PIN", "1234");
	g.no_redact = true;
	assert_int_equal(secret_store_set(s, &g, err, sizeof(err)), 0);
	g = kit_secret("LONG", "x");
	g.no_redact = true;
	g.value = longer;
	g.value_len = 65536;
	assert_int_equal(secret_store_set(s, &g, err, sizeof(err)), 0);
	secret_store_free(s);
}

static void
placeholders_stand_alone(void **state)
{
	struct secret_store *s = kit_store();
	struct sluice_secret a = kit_secret("A", "value-of-a"), b = kit_secret("B", "value-of-b");

	(void)state;
	a.placeholder = "$MSB_AAA_A";
	assert_int_equal(secret_store_set(s, &a, NULL, 0), 0);
	b.placeholder = "$MSB_AAA_A";
	refused(s, &b, "placeholder of");
	b.placeholder = "$MSB_AAA_AB";
	refused(s, &b, "placeholder of");
	b.placeholder = "MSB_AAA_";
	refused(s, &b, "placeholder of");
	/* Its own may become longer. */
	a.placeholder = "$MSB_AAA_AB";
	assert_int_equal(secret_store_set(s, &a, NULL, 0), 0);
	b.placeholder = "$MSB_AAA_B";
	assert_int_equal(secret_store_set(s, &b, NULL, 0), 0);
	secret_store_free(s);
}

static void
as_many_as_there_may_be(void **state)
{
	struct secret_store *s = kit_store();
	struct sluice_secret g;
	char name[16];

	(void)state;
	for (unsigned i = 0; i < SECRETS; i++) {
		snprintf(name, sizeof(name), "KEY_%u", i);
		set(s, name, "value-of-any");
	}
	g = kit_secret("ONE_MORE", "value-of-any");
	refused(s, &g, "too many");
	set(s, "KEY_63", "another-value");
	assert_int_equal(secret_store_remove(s, "KEY_0"), 0);
	set(s, "ONE_MORE", "value-of-any");
	secret_store_free(s);
}

static void
given_at_the_start(void **state)
{
	struct sluice_secret both[] = {kit_secret("A", "value-of-a"), kit_secret("B", "value-of-b")};
	struct sluice_config cfg;
	char err[256];

	(void)state;
	sluice_config_init(&cfg);
	cfg.secrets = both;
	cfg.nsecrets = 2;
	struct secret_store *s = secret_store_new(&cfg, &kit_host, err, sizeof(err));
	assert_non_null(s);
	assert_true(secret_store_any(s));
	secret_store_free(s);
	both[1].name = "A";
	assert_null(secret_store_new(&cfg, &kit_host, err, sizeof(err)));
	assert_non_null(strstr(err, "twice"));
	both[1].name = "";
	assert_null(secret_store_new(&cfg, &kit_host, err, sizeof(err)));
}

/* The sanitizers make mlock(2) do nothing. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LOCKS false
#else
#define LOCKS true
#endif

/* --- memory --------------------------------------------------------------------------------------------------------- */

static void
pages_that_are_locked(void **state)
{
	struct locked l;

	(void)state;
	assert_int_equal(locked_open(&l, 5000), 0);
	assert_int_equal(l.size % 4096, 0);
	uint8_t *a = locked_take(&l, 3), *b = locked_take(&l, 4000);
	assert_true(a && b && b - a == 16);
	assert_null(locked_take(&l, l.size));
	memset(a, 0xaa, 3);
	memset(b, 0xbb, 4000);
	locked_wipe(&l);
	for (size_t i = 0; i < l.size; i++)
		assert_int_equal(l.p[i], 0);
	locked_close(&l);
	assert_null(l.p);
	locked_close(&l);
}

#define MASK 0x33 /* the value as the test keeps it, so that the test is not what is found */

static size_t
count_in(const uint8_t *p, size_t n, const uint8_t *masked, size_t len)
{
	size_t found = 0;

	for (size_t i = 0; i + len <= n; i++) {
		size_t k = 0;

		while (k < len && (p[i + k] ^ MASK) == masked[k])
			k++;
		found += k == len;
	}
	return found;
}

/* How often the value is in this process's memory. */
static size_t
in_memory(const uint8_t *masked, size_t len)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	char line[512], mode[8];
	unsigned long from, to;
	size_t found = 0;

	assert_non_null(maps);
	assert_true(mem >= 0);
	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx %7s", &from, &to, mode) != 3 || mode[0] != 'r' || mode[1] != 'w' ||
		    to - from > 64u << 20)
			continue;
		/* Not the heap: what is read must not be read again. */
		uint8_t *copy =
		    mmap(NULL, to - from, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		assert_ptr_not_equal(copy, MAP_FAILED);
		ssize_t n = pread(mem, copy, to - from, (off_t)from);
		if (n > 0)
			found += count_in(copy, (size_t)n, masked, len);
		explicit_bzero(copy, to - from);
		munmap(copy, to - from);
	}
	fclose(maps);
	close(mem);
	return found;
}

/* The flags of the mapping that has the address: "lo" locked, "dd" not dumped. */
static bool
has_flag(const void *p, const char *flag)
{
	FILE *maps = fopen("/proc/self/smaps", "re");
	unsigned long from = 0, to = 0, at = (unsigned long)(uintptr_t)p;
	char line[512];
	bool has = false;

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps)) {
		unsigned long a, b;

		if (sscanf(line, "%lx-%lx ", &a, &b) == 2)
			from = a, to = b;
		if (strncmp(line, "VmFlags:", 8) == 0 && at >= from && at < to)
			has = strstr(line, flag);
	}
	fclose(maps);
	return has;
}

static void
values_are_nowhere_else(void **state)
{
	static uint8_t masked[24];
	struct secret_store *s = kit_store();
	struct secret_plan plan;
	struct name host;
	char err[256];

	(void)state;
	for (size_t i = 0; i < sizeof(masked); i++)
		masked[i] = (uint8_t)(('a' + i) ^ MASK);
	char *value = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(value, MAP_FAILED);
	for (size_t i = 0; i < sizeof(masked); i++)
		value[i] = (char)(masked[i] ^ MASK);
	struct sluice_secret g = kit_secret("KEY", value);
	assert_int_equal(secret_store_set(s, &g, err, sizeof(err)), 0);
	explicit_bzero(value, 4096);
	set(s, "OTHER", "value-of-other");
	assert_int_equal(secret_store_remove(s, "OTHER"), 0);

	struct secret_set *kept = secret_store_take(s);
	assert_int_equal(has_flag(kept->secret[0].value.p, " lo"), LOCKS);
	assert_true(has_flag(kept->secret[0].value.p, " dd"));
	assert_int_equal(has_flag(kept->values, " lo"), LOCKS);
	assert_int_equal(in_memory(masked, sizeof(masked)), 1);

	/* Used: put into a header, and taken out of one. */
	assert_true(name_parse("api.test", 8, &host));
	secret_plan_for(&plan, kept, &host, true, true);
	struct clear out = {.max = 4096}, back = {.max = 4096};
	struct substitution found = {.replaced = 0};
	const struct view placeholder = kept->secret[0].placeholder;
	substitute_header(&plan, view_of("x", 1), placeholder, &out, &found);
	assert_int_equal(found.replaced, 1);
	assert_int_equal(in_memory(masked, sizeof(masked)), 2);
	redact_header(&plan, view_of(out.p, out.len), &back);
	assert_int_equal(back.len, placeholder.len);
	clear_free(&out);
	clear_free(&back);
	assert_int_equal(in_memory(masked, sizeof(masked)), 1);

	secret_set_drop(kept);
	assert_int_equal(secret_store_remove(s, "KEY"), 0);
	assert_int_equal(in_memory(masked, sizeof(masked)), 0);
	secret_store_free(s);
	munmap(value, 4096);
}

static void
what_cannot_be_locked_is_refused(void **state)
{
	const struct rlimit none = {.rlim_cur = 0, .rlim_max = 0};
	struct secret_store *s = kit_store();
	char err[512] = "";

	(void)state;
	if (!LOCKS) {
		secret_store_free(s);
		skip();
	}
	/* In a child: a limit that was lowered stays so.  Root is bound by none. */
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct sluice_secret g = kit_secret("KEY", "TheValue-of-it");
		bool good = setrlimit(RLIMIT_MEMLOCK, &none) == 0 && (geteuid() != 0 || setuid(65534) == 0) &&
			    secret_store_set(s, &g, err, sizeof(err)) == -1 &&
			    strstr(err, "RLIMIT_MEMLOCK") && !secret_store_any(s);
		_exit(good ? 0 : 1);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	secret_store_free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(set_change_remove),
	    cmocka_unit_test(all_that_is_said_of_one),
	    cmocka_unit_test(what_is_refused),
	    cmocka_unit_test(placeholders_stand_alone),
	    cmocka_unit_test(as_many_as_there_may_be),
	    cmocka_unit_test(given_at_the_start),
	    cmocka_unit_test(pages_that_are_locked),
	    cmocka_unit_test(values_are_nowhere_else),
	    cmocka_unit_test(what_cannot_be_locked_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
