/*
 * cli_sandbox_test.c - which folders a confined program may still read: those of its files, and none of everybody's
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

#include "cli/sandbox_int.h"

static char dir[64], said[4096], said_names[4096];

static const char *
in_dir(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void
make_file(const char *path)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fclose(f);
}

/* Each with a blank behind it, the folder of this test left out; takes the list. */
static const char *
listed(struct sandbox_paths *p, char *to)
{
	assert_false(p->failed);
	to[0] = '\0';
	for (size_t i = 0; i < p->n; i++) {
		bool ours = strncmp(p->text[i], dir, strlen(dir)) == 0;
		strcat(strcat(to, ours ? p->text[i] + strlen(dir) : p->text[i]), " ");
	}
	assert_true(p->n == 0 || !p->text[p->n]);
	sandbox_paths_free(p);
	return to;
}

/* What a file leads to; `said_names` gets what it is asked for by. */
static const char *
paths_of(const char *file)
{
	struct sandbox_paths p = {0}, names = {0};

	sandbox_paths_add_file(&p, &names, file);
	listed(&names, said_names);
	return listed(&p, said);
}

static int
begin(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/cli_sandbox.XXXXXX");
	if (!mkdtemp(dir) || mkdir(in_dir("conf"), 0700) < 0 || mkdir(in_dir("real"), 0700) < 0)
		return -1;
	make_file(in_dir("conf/one"));
	make_file(in_dir("real/target"));
	return symlink("../real/target", in_dir("conf/link"));
}

static int
end(void **state)
{
	static const char *const names[] = {"conf/one", "conf/link", "real/target"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(in_dir(names[i]));
	rmdir(in_dir("conf"));
	rmdir(in_dir("real"));
	return rmdir(dir);
}

static void
the_folder(void **state)
{
	(void)state;
	assert_string_equal(paths_of(in_dir("conf/one")), "/conf ");
	assert_string_equal(paths_of(in_dir("conf/../conf/one")), "/conf ");
	/* One that is not there yet may come. */
	assert_string_equal(paths_of(in_dir("conf/later")), "/conf ");
	assert_string_equal(paths_of(in_dir("nowhere/later")), "");
	/* What it is a link to, too. */
	assert_string_equal(paths_of(in_dir("conf/link")), "/conf /real ");
}

static void
the_name_it_is_asked_for_by(void **state)
{
	(void)state;
	paths_of(in_dir("conf/link"));
	assert_string_equal(said_names, "/conf/link ");
	paths_of(in_dir("conf/../conf/one"));
	assert_string_equal(said_names, "/conf/../conf/one ");
	paths_of(in_dir("conf/later"));
	assert_string_equal(said_names, "");
}

static void
not_everybodys(void **state)
{
	(void)state;
	assert_string_equal(paths_of("/etc/passwd"), "/etc/passwd ");
	assert_string_equal(paths_of("/dev/null"), "/dev/null ");
	assert_string_equal(paths_of("/etc/no-such-file-of-anybodys"), "");
	/* A home is whichever this user's is. */
	assert_int_equal(setenv("HOME", in_dir("conf"), 1), 0);
	char home_file[128];
	snprintf(home_file, sizeof(home_file), "%s ", "/conf/one");
	assert_string_equal(paths_of(in_dir("conf/one")), home_file);
	assert_int_equal(setenv("HOME", "/", 1), 0);
}

static void
relative_names(void **state)
{
	char before[512];

	(void)state;
	assert_non_null(getcwd(before, sizeof(before)));
	assert_int_equal(chdir(in_dir("conf")), 0);
	assert_string_equal(paths_of("one"), "/conf ");
	assert_string_equal(paths_of("./one"), "/conf ");
	assert_string_equal(paths_of("../real/target"), "/real ");
	assert_int_equal(chdir("/"), 0);
	assert_string_equal(paths_of("etc/passwd"), "etc/passwd /etc/passwd ");
	assert_int_equal(chdir(before), 0);
}

static void
once_each(void **state)
{
	struct sandbox_paths p = {0}, names = {0}, all = {0};

	(void)state;
	for (int i = 0; i < 2; i++) {
		sandbox_paths_add_file(&p, &names, in_dir("conf/one"));
		sandbox_paths_add_file(&p, &names, in_dir("conf/link"));
	}
	assert_int_equal(p.n, 2);
	assert_int_equal(names.n, 2);
	sandbox_paths_add(&p, in_dir("no such file"));
	assert_int_equal(p.n, 2);
	sandbox_paths_append(&all, &p);
	sandbox_paths_append(&all, &names);
	sandbox_paths_append(&all, &p);
	sandbox_paths_free(&p);
	sandbox_paths_free(&names);
	assert_string_equal(listed(&all, said), "/conf /real /conf/one /conf/link ");
	assert_null(all.text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_folder),     cmocka_unit_test(the_name_it_is_asked_for_by),
	    cmocka_unit_test(not_everybodys), cmocka_unit_test(relative_names),
	    cmocka_unit_test(once_each),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
