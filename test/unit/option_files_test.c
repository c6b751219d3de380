/*
 * option_files_test.c - the files that options name: all of them, and those that were named by what was refused
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "sluice.h"

static char dir[64], told[4096], err[512];

static void
note(void *ctx, const char *path)
{
	assert_ptr_equal(ctx, told);
	strcat(strcat(told, path + (strncmp(path, dir, strlen(dir)) == 0 ? strlen(dir) + 1 : 0)), " ");
}

static const char *
files_of(const struct sluice_options *o)
{
	told[0] = '\0';
	sluice_options_files(o, note, told);
	return told;
}

static const char *
in_dir(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void
write_file(const char *name, const char *text)
{
	FILE *f = fopen(in_dir(name), "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static int
begin(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/option_files.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	write_file("a.rules", "deny to @file:lists/a\nallow to 192.0.2.1\n");
	write_file("empty.rules", "# nothing yet\n");
	write_file("b.yaml",
		   "policy: {rules: ['deny to @file:\"lists/b c\", @file:/abs/list'], files: [a.rules]}\n"
		   "tls: {roots: roots.pem, extra_roots: [extra.pem]}\n");
	write_file("bad.yaml", "policy: {rules: [alow], files: [a.rules, missing.rules]}\n");
	return 0;
}

static int
end(void **state)
{
	static const char *const names[] = {"a.rules", "empty.rules", "b.yaml", "bad.yaml"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(in_dir(names[i]));
	return rmdir(dir);
}

static void
of_options(void **state)
{
	struct sluice_options *o = sluice_options_new();

	(void)state;
	assert_non_null(o);
	assert_string_equal(files_of(o), "");
	assert_int_equal(sluice_options_take(o, "--policy", in_dir("a.rules"), err, sizeof(err)), 2);
	assert_int_equal(sluice_options_take(o, "--floor", in_dir("empty.rules"), err, sizeof(err)), 2);
	assert_int_equal(sluice_options_take(o, "--rule", "deny to @file:here", err, sizeof(err)), 2);
	assert_int_equal(sluice_options_take(o, "--tls-host-roots", "x.example=/h.pem", err, sizeof(err)), 2);
	assert_int_equal(
	    sluice_options_take(o, "--tls-certificate", "x.example=/c.pem,/k.pem", err, sizeof(err)), 2);
	/* The CA is not read again. */
	assert_int_equal(sluice_options_take(o, "--ca", "/ca", err, sizeof(err)), 2);
	assert_string_equal(files_of(o), "a.rules empty.rules lists/a here /h.pem /c.pem /k.pem ");
	sluice_options_free(o);
}

static void
of_a_configuration(void **state)
{
	struct sluice_options *o = sluice_options_new();

	(void)state;
	assert_non_null(o);
	assert_int_equal(sluice_options_file(o, in_dir("b.yaml"), NULL, NULL, err, sizeof(err)), 0);
	assert_string_equal(files_of(o), "b.yaml a.rules lists/b c /abs/list lists/a roots.pem extra.pem ");
	sluice_options_free(o);
}

static void
of_what_was_refused(void **state)
{
	struct sluice_options *o = sluice_options_new();

	(void)state;
	assert_non_null(o);
	assert_int_equal(sluice_options_file(o, in_dir("bad.yaml"), NULL, NULL, err, sizeof(err)), -1);
	assert_string_equal(files_of(o), "bad.yaml a.rules missing.rules lists/a ");
	assert_int_equal(sluice_options_take(o, "--policy", in_dir("nowhere.rules"), err, sizeof(err)), -1);
	assert_non_null(strstr(files_of(o), "nowhere.rules"));
	sluice_options_free(o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(of_options),
	    cmocka_unit_test(of_a_configuration),
	    cmocka_unit_test(of_what_was_refused),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
