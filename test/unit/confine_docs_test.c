/*
 * confine_docs_test.c - the list of system calls in docs/confinement.md is the one that the kernel is given
 *
 * `confine_docs_test print` prints the rows as they must stand there.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/confine_int.h"

#define PAGE "docs/confinement.md"
#define BEGIN "<!-- system calls -->\n"
#define END "<!-- end of system calls -->\n"

static const char *
need(unsigned when)
{
	switch (when) {
	case NEED_WRITE:
		return "with `write`";
	case NEED_REMOVE:
		return "with `write` or `remove`";
	case NEED_WAYS:
		return "with `ways`";
	case NEED_SOCKET:
		return "guest behind a socket";
	case NEED_PEERS:
		return "guest that sends datagrams";
	}
	return "always";
}

static const char *
name_of(int error)
{
	switch (error) {
	case EACCES:
		return "EACCES";
	case EPERM:
		return "EPERM";
	case ENOSYS:
		return "ENOSYS";
	case EINVAL:
		return "EINVAL";
	}
	return "?";
}

static void
write_row(FILE *to, const struct confine_call *c)
{
	fprintf(to, "| `%s` | %s | ", c->name, c->arguments[0] ? c->arguments : "any");
	if (c->when == 0 && c->answer)
		fprintf(to, "never: %s", name_of(c->answer));
	else
		fprintf(to, "%s%s%s", need(c->when), c->answer ? ", else " : "",
			c->answer ? name_of(c->answer) : "");
	fprintf(to, " | %s |\n", c->why);
}

/* malloc()ed. */
static char *
rows(void)
{
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	fprintf(to, "| call | arguments | allowed | for |\n|---|---|---|---|\n");
	for (size_t i = 0; confine_call(i); i++)
		write_row(to, confine_call(i));
	fclose(to);
	return text;
}

static void
G7_the_page_has_the_list(void **state)
{
	static char page[1 << 17];
	FILE *f = fopen(PAGE, "re");
	char *want = rows(), *line = strtok(want, "\n"), *begin, *end;
	unsigned missing = 0, lines = 0;

	(void)state;
	assert_non_null(f);
	assert_true(fread(page, 1, sizeof(page) - 1, f) > 1000);
	fclose(f);
	begin = strstr(page, BEGIN);
	end = strstr(page, END);
	assert_true(begin && end && begin < end);
	begin += strlen(BEGIN);
	/* Line by line, so that what differs is said. */
	for (; line; line = strtok(NULL, "\n"), lines++) {
		size_t n = strlen(line);

		if (begin + n < end && memcmp(begin, line, n) == 0 && begin[n] == '\n') {
			begin += n + 1;
			continue;
		}
		print_message("# " PAGE ": here belongs: %s\n", line);
		missing++;
		begin = strchr(begin, '\n') ? strchr(begin, '\n') + 1 : end;
	}
	free(want);
	assert_int_equal(missing, 0);
	assert_true(begin == end && lines > 50);
}

/* A row says why, and one with conditions says which. */
static void
G7_each_row_is_whole(void **state)
{
	(void)state;
	for (size_t i = 0; confine_call(i); i++) {
		const struct confine_call *c = confine_call(i);

		if (!c->why || !c->why[0] || (c->arg[0].mask != 0) != (c->arguments[0] != '\0'))
			fail_msg("row %zu, %s: no reason, or conditions that are not said", i, c->name);
		for (size_t j = 0; j < CONFINE_ARGS; j++)
			assert_int_equal(c->arg[j].value & ~c->arg[j].mask, 0);
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(G7_the_page_has_the_list),
	    cmocka_unit_test(G7_each_row_is_whole),
	};

	if (argc > 1 && strcmp(argv[1], "print") == 0) {
		char *text = rows();

		fputs(text, stdout);
		free(text);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
