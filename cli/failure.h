/*
 * failure.h - why something could not be done, as one sentence
 *
 * Setup reports to a person.  A function that can fail takes a `struct failure` and returns failed(...), which
 * is -1; the sentence names the value and the remedy and has no full stop, because main prefixes it with
 * "sluice: " and that is the whole message.
 */
#ifndef CLI_FAILURE_H
#define CLI_FAILURE_H

struct failure {
	char text[512];
};

/* Always -1, so that a parser can `return failed(f, ...)`. */
int failed(struct failure *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
