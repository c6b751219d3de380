/*
 * coverage_table_test.c - the coverage tables of docs/testing.md speak of the folders that there are
 *
 * Which are the Makefile's: those of the library, the program's and the small VMM's.  The figures are not looked at:
 * they are what `make coverage` measured when it ran last.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FOLDERS = 32, NAME = 32 };

struct folders {
	unsigned n;
	char name[FOLDERS][NAME];
};

static char *
read_all(const char *path)
{
	FILE *f = fopen(path, "re");
	char *text = calloc(1, 1 << 20);

	if (!f)
		fail_msg("%s: it cannot be opened", path);
	assert_non_null(text);
	assert_true(fread(text, 1, (1 << 20) - 1, f) > 1000);
	fclose(f);
	return text;
}

static void
add(struct folders *to, const char *name, size_t len)
{
	assert_true(to->n < FOLDERS && len > 0 && len < NAME);
	memcpy(to->name[to->n], name, len);
	to->name[to->n++][len] = '\0';
}

/* The words after a variable's :=, on one line. */
static void
add_words(struct folders *to, const char *makefile, const char *variable)
{
	const char *p = strstr(makefile, variable);

	assert_non_null(p);
	p += strlen(variable);
	for (;;) {
		p += strspn(p, " :=");
		size_t len = strcspn(p, " \n");

		if (!len)
			return;
		add(to, p, len);
		p += len;
	}
}

static struct folders
of_makefile(void)
{
	struct folders f = {0};
	char *text = read_all("Makefile");

	add_words(&f, text, "\nLAYERS ");
	assert_non_null(strstr(text, "build/cov $(LAYERS) cli vmm\n"));
	add(&f, "cli", 3);
	add(&f, "vmm", 3);
	free(text);
	return f;
}

/* The first column of the rows under a head, where it is a folder. */
static struct folders
of_table(const char *page, const char *head)
{
	struct folders f = {0};
	const char *p = strstr(page, head);

	if (!p)
		fail_msg("no table with the head %s", head);
	for (p = strchr(p, '\n') + 1; *p == '|'; p = strchr(p, '\n') + 1) {
		const char *end = strchr(p, '/'), *line = strchr(p, '\n');

		assert_non_null(line);
		if (end && end < line && p[1] == ' ' && memchr(p, '-', 4) == NULL)
			add(&f, p + 2, (size_t)(end - p) - 2);
	}
	return f;
}

static void
same(const struct folders *want, const struct folders *got)
{
	assert_int_equal(got->n, want->n);
	for (unsigned i = 0; i < want->n; i++)
		assert_string_equal(got->name[i], want->name[i]);
}

static void
tables_have_the_folders(void **state)
{
	struct folders want = of_makefile();
	char *page = read_all("docs/testing.md"), *from = strstr(page, "<!-- coverage:");

	(void)state;
	assert_non_null(from);
	char *to = strstr(from, "<!-- /coverage -->");

	assert_non_null(to);
	*to = '\0';
	assert_true(want.n >= 9);

	struct folders measured = of_table(from, "| folder | files | lines % | branches % |");
	struct folders least = of_table(from, "| folder | least covered:");

	same(&want, &measured);
	same(&want, &least);
	free(page);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tables_have_the_folders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
