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
 * Text as it may be shown on a terminal: words, names of files and a JSON reader's complaints may come from somebody
 * else.  Control characters become '?', also those beyond ASCII.
 */
static void
make_fit(char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)text[0], next = (unsigned char)text[1];

		if (c < 0x20 || c == 0x7f)
			*text = '?';
		else if (c == 0xc2 && next >= 0x80 && next < 0xa0)
			*text++ = '?', *text = '?';
	}
}

/* Bytes of text that fit into most, without half a UTF-8 character at the end. */
static size_t
cut(const char *text, size_t most)
{
	size_t len = strnlen(text, most + 1);

	if (len > most)
		for (len = most; len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80; len--)
			;
	return len;
}

static void
tell(struct diag_sink *s, struct diag *d, const char *fmt, va_list args)
{
	char word[WORD_SHOWN + 1], text[2 * DIAG_TEXT];
	size_t len = d->word ? cut(d->word, WORD_SHOWN) : 0;

	memcpy(word, d->word ? d->word : "", len);
	word[len] = '\0';
	make_fit(word);
	d->word = word;

	size_t at = place(&d->at, text, sizeof(text));
	if (len)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "'%s': ", word);
	if (at < sizeof(text))
		vsnprintf(text + at, sizeof(text) - at, fmt, args);
	make_fit(text);
	len = cut(text, sizeof(d->text) - 1);
	memcpy(d->text, text, len);
	d->text[len] = '\0';
	diag_pass(s, d);
	d->word = ""; /* it was lent */
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
