/*
 * replay_main.c - a main() that feeds files to a fuzz target
 *
 * What a fuzzer found once is fed again by `make test`, in builds that have no libFuzzer: gcc's sanitizer
 * build, and the release build, where an assert or a loop without end is all that can be seen.  Arguments
 * are files and folders; the empty input always goes first.  Each input lies in a heap block of exactly
 * its size, so that reading one byte too far is seen.
 */
#include <errno.h>
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

static unsigned long inputs;

static int
feed(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)ftw;
	if (type != FTW_F)
		return 0;

	size_t size = (size_t)st->st_size;
	uint8_t *data = malloc(size ? size : 1);
	FILE *f = fopen(path, "rb");

	if (!data || !f || fread(data, 1, size, f) != size) {
		fprintf(stderr, "%s: cannot be read: %s\n", path, strerror(errno));
		exit(2);
	}
	fclose(f);
	/* Named before it runs: if it crashes, the last line says which one it was. */
	fprintf(stderr, "%s\n", path);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	inputs++;
	return 0;
}

int
main(int argc, char **argv)
{
	if (LLVMFuzzerInitialize)
		LLVMFuzzerInitialize(&argc, &argv);
	LLVMFuzzerTestOneInput(NULL, 0);
	for (int i = 1; i < argc; i++) {
		if (nftw(argv[i], feed, 16, FTW_PHYS) != 0) {
			fprintf(stderr, "%s: cannot be read: %s\n", argv[i], strerror(errno));
			return 2;
		}
	}
	printf("%lu inputs\n", inputs);
	return 0;
}
