/*
 * diag.c - an error or a warning becomes a sentence with its place
 */
#include "policy/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define WORD_SHOWN 64

static size_t
place(const struct mark *at, char *to, size_t size)
{
	int n = 0;

	if (!at->file && at->line)
		n = at->column ? snprintf(to, size, "rule %u, column %u: ", at->line, at->column)
			       : snprintf(to, size, "rule %u: ", at->line);
	else if (at->file && at->column)
		n = snprintf(to, size, "%s:%u:%u: ", at->file, at->line, at->column);
	else if (at->file && at->line)
		n = snprintf(to, size, "%s:%u: ", at->file, at->line);
	else if (at->file)
		n = snprintf(to, size, "%s: ", at->file);
	return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

/*
 * The word as it may be shown on a terminal: it may come from a list somebody else wrote.  Control characters become
 * '?', also those beyond ASCII, and a cut never leaves half a character.
 */
static size_t
show(const char *word, char to[WORD_SHOWN + 1])
{
	size_t len = word ? strnlen(word, WORD_SHOWN + 1) : 0;

	if (len > WORD_SHOWN)
		for (len = WORD_SHOWN; len > 0 && ((unsigned char)word[len] & 0xc0) == 0x80; len--)
			;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)word[i];
		bool c1 = (c == 0xc2 && (unsigned char)word[i + 1] < 0xa0) ||
			  (i > 0 && (unsigned char)word[i - 1] == 0xc2 && c < 0xa0);

		to[i] = c < 0x20 || c == 0x7f || c1 ? '?' : word[i];
	}
	to[len] = '\0';
	return len;
}

static void
tell(struct diag_sink *s, struct diag *d, const char *fmt, va_list args)
{
	char word[WORD_SHOWN + 1];
	size_t len = show(d->word, word);

	d->word = word;

	size_t at = place(&d->at, d->text, sizeof(d->text));
	if (len)
		at += (size_t)snprintf(d->text + at, sizeof(d->text) - at, "'%s': ", word);
	if (at < sizeof(d->text))
		vsnprintf(d->text + at, sizeof(d->text) - at, fmt, args);
	diag_pass(s, d);
}

void
diag_pass(struct diag_sink *s, const struct diag *d)
{
	if (d->error && s->errors++ == 0)
		memcpy(s->first, d->text, sizeof(s->first));
	if (!d->error)
		s->warnings++;
	if (s->told)
		s->told(s->ctx, d);
}

void
diag_error(struct diag_sink *s, const struct mark *at, const char *word, const char *fmt, ...)
{
	struct diag d = {.error = true, .at = *at, .word = word};
	va_list args;

	va_start(args, fmt);
	tell(s, &d, fmt, args);
	va_end(args);
}

void
diag_warn(struct diag_sink *s, const struct mark *at, const char *word, const char *fmt, ...)
{
	struct diag d = {.at = *at, .word = word};
	va_list args;

	va_start(args, fmt);
	tell(s, &d, fmt, args);
	va_end(args);
}
