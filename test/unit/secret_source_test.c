/*
 * secret_source_test.c - secrets as a person types them, and their values from the environment, files and commands
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "proxy/secret_option.h"
#include "proxy/secret_source.h"

static void
reads(const char *source, const char *want, size_t len)
{
	char err[512] = "", warning[512];
	struct setup su = {err, sizeof(err)};
	struct locked value;

	if (!secret_source_read(&su, "KEY", source, &value, warning, sizeof(warning)))
		fail_msg("%s: %s", source, err);
	assert_int_equal(value.used, len);
	assert_memory_equal(value.p, want, len);
	assert_string_equal(warning, "");
	locked_close(&value);
}

static void
does_not_read(const char *source, const char *word)
{
	char err[512] = "", warning[512];
	struct setup su = {err, sizeof(err)};
	struct locked value;

	assert_false(secret_source_read(&su, "KEY", source, &value, warning, sizeof(warning)));
	if (!strstr(err, word))
		fail_msg("\"%s\" says nothing of \"%s\"", err, word);
	assert_null(value.p);
}

static void
from_the_environment(void **state)
{
	(void)state;
	assert_int_equal(setenv("SECRET_SOURCE_TEST", "the value\n", 1), 0);
	reads("env:SECRET_SOURCE_TEST", "the value", 9);
	assert_null(getenv("SECRET_SOURCE_TEST"));
	does_not_read("env:SECRET_SOURCE_TEST", "no variable SECRET_SOURCE_TEST");
	assert_int_equal(setenv("SECRET_SOURCE_TEST", "", 1), 0);
	does_not_read("env:SECRET_SOURCE_TEST", "empty");
}

/* /proc/PID/environ shows the bytes the program began with: a program begun with the variable wipes them. */
static void
the_variable_is_wiped(void **state)
{
	char text[] = "SECRET_SOURCE_TEST=the value";
	char err[64], warning[64];
	struct setup su = {err, sizeof(err)};
	struct locked value;

	(void)state;
	assert_int_equal(putenv(text), 0);
	assert_true(
	    secret_source_read(&su, "KEY", "env:SECRET_SOURCE_TEST", &value, warning, sizeof(warning)));
	locked_close(&value);
	for (size_t i = strlen("SECRET_SOURCE_TEST="); i < sizeof(text); i++)
		assert_int_equal(text[i], 0);
}

static void
write_file(const char *path, const char *text, size_t len, mode_t mode)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void
from_a_file(void **state)
{
	char path[] = "/tmp/secret_source_test.XXXXXX", source[64], err[512] = "", warning[512];
	struct setup su = {err, sizeof(err)};
	struct locked value;
	char *big = calloc(1, 70000);

	(void)state;
	assert_non_null(big);
	memset(big, 'v', 69999);
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	snprintf(source, sizeof(source), "file:%s", path);
	write_file(path, "the value\n", 10, 0600);
	reads(source, "the value", 9);
	write_file(path, "the value\r\n", 11, 0640);
	reads(source, "the value", 9);
	/* Only one end of a line; the rest is for secret_check() to refuse. */
	write_file(path, "a\n\n", 3, 0600);
	reads(source, "a\n", 2);
	write_file(path, big, 65536, 0600);
	reads(source, big, 65536);
	write_file(path, big, 65539, 0600);
	does_not_read(source, "65536");
	write_file(path, "\n", 1, 0600);
	does_not_read(source, "empty");

	write_file(path, "the value", 9, 0644);
	assert_true(secret_source_read(&su, "KEY", source, &value, warning, sizeof(warning)));
	assert_non_null(strstr(warning, "everybody can read"));
	assert_null(strstr(warning, "the value"));
	locked_close(&value);
	unlink(path);
	does_not_read(source, "cannot open");
	does_not_read("file:/", "cannot read");
	free(big);
}

static void
from_a_command(void **state)
{
	(void)state;
	reads("command:echo the value", "the value", 9);
	reads("command:printf 'a;b@c'; exit 0", "a;b@c", 5);
	reads("command:cat; echo end", "end", 3);
	reads("command:head -c 60000 /dev/zero | tr '\\0' v | tail -c 2; sleep 0.05", "vv", 2);
	does_not_read("command:echo the value; exit 3", "status 3");
	does_not_read("command:kill -9 $$", "signal 9");
	does_not_read("command:true", "empty");
	does_not_read("command:cat /dev/zero", "65536");
	does_not_read("command:exec 2>/dev/null; /no/such/program", "status 127");
}

static void
what_is_no_source(void **state)
{
	(void)state;
	does_not_read("the-value-itself", "never from the command line");
	does_not_read("env:", "never");
	does_not_read("", "never");
}

static void
options(void **state)
{
	struct secret_option o;
	char why[512];

	(void)state;
	assert_true(secret_option_parse("API_KEY=env:OPENAI_API_KEY@api.openai.com", &o, why, sizeof(why)));
	assert_string_equal(o.secret.name, "API_KEY");
	assert_string_equal(o.source, "env:OPENAI_API_KEY");
	assert_int_equal(o.secret.nhosts, 1);
	assert_string_equal(o.secret.hosts[0], "api.openai.com");
	assert_true(!o.secret.where && !o.secret.plain && !o.secret.no_redact && !o.secret.redact_body &&
		    !o.secret.placeholder && !o.secret.value && !o.secret.npass_hosts);
	assert_int_equal(o.secret.action, SLUICE_SECRET_BLOCK);
	secret_option_free(&o);
	assert_null(o.text);

	assert_true(secret_option_parse("K=command:ssh a@b; x@a.test,*.b.test;in=query,body;leak=terminate;"
					"pass=c.test,d.test;plain;placeholder=$MSB_KEY;redact=headers,body",
					&o, why, sizeof(why)));
	assert_string_equal(o.source, "command:ssh a@b; x");
	assert_int_equal(o.secret.nhosts, 2);
	assert_string_equal(o.secret.hosts[1], "*.b.test");
	assert_int_equal(o.secret.where, SLUICE_SECRET_QUERY | SLUICE_SECRET_BODY);
	assert_int_equal(o.secret.action, SLUICE_SECRET_TERMINATE);
	assert_int_equal(o.secret.npass_hosts, 2);
	assert_string_equal(o.secret.pass_hosts[1], "d.test");
	assert_string_equal(o.secret.placeholder, "$MSB_KEY");
	assert_true(o.secret.plain && !o.secret.no_redact && o.secret.redact_body);
	secret_option_free(&o);

	assert_true(secret_option_parse("K=file:/x@*;redact=none;leak=pass", &o, why, sizeof(why)));
	assert_true(o.secret.no_redact && !o.secret.redact_body);
	secret_option_free(&o);
	assert_true(secret_option_parse("K=file:/x@*;redact=body", &o, why, sizeof(why)));
	assert_true(o.secret.no_redact && o.secret.redact_body);
	secret_option_free(&o);
}

static void
what_is_no_option(void **state)
{
	static const char *const bad[][2] = {
	    {"", "NAME=SOURCE@HOST"},
	    {"K", "NAME=SOURCE@HOST"},
	    {"K=env:X", "NAME=SOURCE@HOST"},
	    {"K@a.test=env:X", "NAME=SOURCE@HOST"},
	    {"K=TheValue@a.test", "never from the command line"},
	    {"K-K=env:X@a.test", "no name"},
	    {"=env:X@a.test", "no name"},
	    {"K=env:X@", "no host"},
	    {"K=env:X@a.test,", "no host"},
	    {"K=env:X@a b", "no host"},
	    {"K=env:X@a.test;", "none of"},
	    {"K=env:X@a.test;what", "none of"},
	    {"K=env:X@a.test;plain=1", "none of"},
	    {"K=env:X@a.test;in=", "none of"},
	    {"K=env:X@a.test;in=path", "headers, basic"},
	    {"K=env:X@a.test;leak=x", "block, log"},
	    {"K=env:X@a.test;redact=none,body", "redact is"},
	    {"K=env:X@a.test;placeholder=short", "8 to 1024"},
	    {"K=env:X@a.test;pass=*", "passes to"},
	    {"K=env:X@a.test;pass=a.test;pass=b.test", "none of"},
	};
	struct secret_option o;
	char why[512];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(secret_option_parse(bad[i][0], &o, why, sizeof(why)));
		if (!strstr(why, bad[i][1]) || strstr(why, "TheValue"))
			fail_msg("%s: %s", bad[i][0], why);
		assert_null(o.text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(from_the_environment), cmocka_unit_test(the_variable_is_wiped),
	    cmocka_unit_test(from_a_file),          cmocka_unit_test(from_a_command),
	    cmocka_unit_test(what_is_no_source),    cmocka_unit_test(options),
	    cmocka_unit_test(what_is_no_option),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
