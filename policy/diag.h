/*
 * diag.h - what is wrong with a policy, a list or a configuration file: all of it, each with its place
 *
 * A mark is a place in what a person wrote.  Whoever reads text tells every error and every warning here and goes
 * on reading; whoever started it looks at the counts at the end.
 */
#ifndef POLICY_DIAG_H
#define POLICY_DIAG_H

#include <stdbool.h>
#include <stddef.h>

#define DIAG_TEXT 512

struct mark {
	const char *file;      /* borrowed; NULL: a rule of the command line or the API */
	unsigned line, column; /* from 1; 0: not known.  A rule without file has its number as line */
};

struct diag {
	bool error; /* false: a warning */
	struct mark at;
	const char *word;     /* what stands there, cut to what is sensible; "" */
	char text[DIAG_TEXT]; /* the sentence, "FILE:LINE:COLUMN: " before it */
};

struct diag_sink {
	void (*told)(void *ctx, const struct diag *d); /* NULL: only counted */
	void *ctx;
	unsigned errors, warnings;
	char first[DIAG_TEXT]; /* of the errors */
};

/* One that was made for another sink: told and counted here. */
void diag_pass(struct diag_sink *s, const struct diag *d);

/* word may be NULL.  The sentence says what was expected and needs neither place nor word: "'wrod': not a ..." */
void diag_error(struct diag_sink *s, const struct mark *at, const char *word, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void diag_warn(struct diag_sink *s, const struct mark *at, const char *word, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#endif
