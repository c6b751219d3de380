/*
 * ca_files_test.c - the CA in a directory: made once, whoever asks first, and refused where it is not what it should be
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

#include "sluice.h"

#define STARTERS 8

static char root[64], dir[128], err[512];

static int
begin(void **state)
{
	(void)state;
	snprintf(root, sizeof(root), "/tmp/sluice_ca_XXXXXX");
	assert_non_null(mkdtemp(root));
	snprintf(dir, sizeof(dir), "%s/a/b", root);
	return 0;
}

static const char *
in(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static int
end(void **state)
{
	static const char *const names[] = {"ca.pem", "ca.key", "lock", ""};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		remove(in(names[i]));
	remove(dir);
	*strrchr(dir, '/') = '\0';
	remove(dir);
	return remove(root);
}

static mode_t
mode_of(const char *name)
{
	struct stat st;

	assert_int_equal(stat(in(name), &st), 0);
	return st.st_mode & 07777;
}

static struct sluice_ca
read_it(void)
{
	struct sluice_ca ca = {.size = sizeof(ca)};

	if (sluice_ca_read(dir, &ca, err, sizeof(err)) < 0)
		fail_msg("%s", err);
	return ca;
}

static void
it_is_made_once(void **state)
{
	(void)state;
	assert_int_equal(sluice_ca_make(dir, err, sizeof(err)), 0);
	struct sluice_ca first = read_it();
	assert_int_equal(mode_of(""), 0700);
	assert_int_equal(mode_of("ca.key"), 0600);
	assert_int_equal(mode_of("ca.pem"), 0644);
	assert_memory_equal(first.pem, "-----BEGIN CERTIFICATE-----", 27);
	assert_int_equal(strlen(first.sha256), 95);
	assert_true(first.from < first.until);
	assert_int_equal(sluice_ca_make(dir, err, sizeof(err)), 0);
	struct sluice_ca again = read_it();
	assert_string_equal(first.pem, again.pem);
}

/* Of several that start at once one makes it, and all find the same. */
static void
starters_agree(void **state)
{
	pid_t pid[STARTERS];

	(void)state;
	for (int i = 0; i < STARTERS; i++) {
		pid[i] = fork();
		assert_true(pid[i] >= 0);
		if (pid[i] == 0) {
			struct sluice_ca ca = {.size = sizeof(ca)};
			bool good = sluice_ca_make(dir, err, sizeof(err)) == 0 &&
				    sluice_ca_read(dir, &ca, err, sizeof(err)) == 0;
			_exit(good ? ca.sha256[0] : 0);
		}
	}
	for (int i = 0; i < STARTERS; i++) {
		int status;

		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == read_it().sha256[0]);
	}
}

static void
says(const char *what)
{
	struct sluice_ca ca = {.size = sizeof(ca)};

	assert_int_equal(sluice_ca_read(dir, &ca, err, sizeof(err)), -1);
	if (!strstr(err, what))
		fail_msg("'%s' does not say '%s'", err, what);
}

static void
what_is_not_a_ca_is_refused(void **state)
{
	char other[300], was[280];

	(void)state;
	says("sluice ca make");
	assert_int_equal(sluice_ca_make(dir, err, sizeof(err)), 0);
	assert_int_equal(chmod(in("ca.key"), 0640), 0);
	says("can be read by others (mode 0640)");
	assert_int_equal(chmod(in("ca.key"), 0600), 0);
	snprintf(was, sizeof(was), "%s", in("ca.key"));
	snprintf(other, sizeof(other), "%s.away", was);
	assert_int_equal(rename(was, other), 0);
	says("ca.key: No such file");
	assert_int_equal(sluice_ca_make(dir, err, sizeof(err)), -1);
	assert_non_null(strstr(err, "only one of ca.pem and ca.key"));
	/* Another pair's key. */
	char first_dir[128];
	snprintf(first_dir, sizeof(first_dir), "%s", dir);
	assert_int_equal(rename(in("ca.pem"), other), 0);
	assert_int_equal(sluice_ca_make(dir, err, sizeof(err)), 0);
	snprintf(was, sizeof(was), "%s", in("ca.pem"));
	assert_int_equal(rename(other, was), 0);
	says(dir);
	/* No PEM at all. */
	FILE *f = fopen(in("ca.pem"), "w");
	assert_non_null(f);
	fputs("nothing\n", f);
	fclose(f);
	says(dir);
}

static void
a_place_that_cannot_be(void **state)
{
	FILE *f = fopen((snprintf(dir, sizeof(dir), "%s/file", root), dir), "w");

	(void)state;
	assert_non_null(f);
	fclose(f);
	snprintf(dir, sizeof(dir), "%s/file/ca", root);
	assert_int_equal(sluice_ca_make(dir, err, sizeof(err)), -1);
	assert_non_null(strstr(err, "cannot make the directory"));
	snprintf(dir, sizeof(dir), "%s/file", root);
	remove(dir);
	snprintf(dir, sizeof(dir), "%s/a/b", root);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
	    TEST(it_is_made_once),
	    TEST(starters_agree),
	    TEST(what_is_not_a_ca_is_refused),
	    TEST(a_place_that_cannot_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
