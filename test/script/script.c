/*
 * script.c - runs scripts (README.md here describes them) against a whole gateway
 *
 *	script FILE...
 *
 * Every script runs over each family it is for, and for every pair of initial sequence numbers out of 0,
 * 2^31-1 and 2^32-1 (row T6: arithmetic that forgets to wrap shows there): the guest's are simply chosen,
 * the gateway's follow from the moment at which the run begins.  One result line for a script and family.
 * When a script has ended, the far ends go away, two hours pass, and nothing may be left of its flows.
 */
#include <stdio.h>
#include <stdlib.h>

#include "test/bed/play.h"

static bool
run_family(const struct script *s, const char *name, enum family fam)
{
	static const uint32_t isns[] = {0, 0x7fffffff, 0xffffffff};
	char why[1024];

	for (size_t g = 0; g < 3; g++)
		for (size_t w = 0; w < 3; w++)
			if (!play_script(s, fam, isns[g], isns[w], why, sizeof(why))) {
				printf("not ok %s v%d (guest ISN %u, gateway ISN %u) - %s\n", name,
				       fam == FAMILY_V4 ? 4 : 6, isns[g], isns[w], why);
				return false;
			}
	printf("ok %s v%d\n", name, fam == FAMILY_V4 ? 4 : 6);
	return true;
}

/* --- files -------------------------------------------------------------------------------------------- */

static char *
slurp(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = NULL;
	size_t n = 0;
	ssize_t got = f ? getdelim(&text, &n, '\0', f) : -1;

	if (f)
		fclose(f);
	if (got >= 0)
		return text;
	free(text);
	return NULL;
}

static unsigned
run_file(const char *path, unsigned *passed)
{
	struct script s = {0};
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	char *text = slurp(path);
	unsigned failed = 0;

	if (!text || !script_parse(&s, text)) {
		printf("not ok %s - %s\n", name, text ? s.error : "cannot be read");
		failed = 1;
	} else {
		for (int fam = 0; fam < FAMILIES; fam++) {
			if (!(fam == FAMILY_V4 ? s.v4 : s.v6))
				continue;
			if (run_family(&s, name, (enum family)fam))
				++*passed;
			else
				failed++;
		}
	}
	script_free(&s);
	free(text);
	return failed;
}

int
main(int argc, char **argv)
{
	unsigned failed = 0, passed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 1; i < argc; i++)
		failed += run_file(argv[i], &passed);
	printf("# %u passed, %u failed\n", passed, failed);
	return failed || !passed;
}
