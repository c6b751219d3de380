/*
 * question.h - what sluice explain is asked
 */
#ifndef CLI_QUESTION_H
#define CLI_QUESTION_H

#include "cli/options.h"

/* Into o->question, from the operands; texts stay the caller's.  0, or -1 and a sentence. */
int question_read(struct options *o, const char *const *operand, size_t n, struct failure *f);

#endif
