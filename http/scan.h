/*
 * scan.h - placeholders in a stream, however it is cut
 *
 * One automaton (Aho-Corasick) holds all patterns.  The stream is read in three ways at once, as it is, percent-decoded and
 * JSON-unescaped, and each of these also as base64 (both alphabets, all four alignments, line ends left out).  State is a few
 * words: nothing is buffered.  What each form takes in, and what is not found: docs/secrets.md.
 */
#ifndef HTTP_SCAN_H
#define HTTP_SCAN_H

#include "http/secret.h"

enum scan_form { SCAN_RAW, SCAN_PERCENT, SCAN_JSON, SCAN_BASE64, SCAN_FORMS };
const char *scan_form_name(enum scan_form f);

#define SCAN_PATTERN_MAX 8192u /* bytes of one */

/*
 * At most SECRETS patterns, whose bytes are copied; an empty one is never found, and of equal ones only the first is.  forms: all
 * are looked for; the patterns have then at least SECRET_PLACEHOLDER_MIN bytes, 0x21 to 0x7e but for '"', '%' and '\\'.  Else
 * only SCAN_RAW.
 *
 * The table is one block of scan_table_size() bytes and lies in `room`, which is aligned as malloc()'s memory is.  False: no
 * memory for what the making needs.  scan_table_new() and _free() have it on the heap; the block is wiped.
 */
size_t scan_table_size(const struct view *pattern, uint32_t n);
bool scan_table_make(struct scan_table *room, const struct view *pattern, uint32_t n, bool forms);
struct scan_table *scan_table_new(const struct view *pattern, uint32_t n, bool forms);
void scan_table_free(struct scan_table *t);
size_t scan_table_longest(const struct scan_table *t);

struct scan_hit {
	uint32_t which; /* the pattern */
	enum scan_form form;
	uint64_t end;   /* bytes of the stream up to and with its last one */
	uint64_t begin; /* SCAN_RAW: its first; else 0 */
};

/* One way of reading the stream: states of the automaton for its bytes, and for what base64 makes of them. */
struct scan_lane {
	uint32_t plain, base64[4];
	uint8_t last;  /* 1 + the value of the base64 character before; 0: there is none */
	uint8_t phase; /* number of the next, modulo 4 */
	bool fresh;    /* the byte before was one, and went on from another */
};

struct scan {
	const struct scan_table *table;
	uint64_t at; /* bytes seen */
	struct scan_lane raw, percent, json;
	bool percent_apart, json_apart; /* else that lane is as raw is */
	uint8_t percent_step, json_step;
	uint8_t percent_digit; /* what an escape has had so far */
	uint8_t json_digits[4];
};
/* All zero but the table.  t may be NULL: nothing is ever found. */
void scan_begin(struct scan *s, const struct scan_table *t);
/*
 * The hits in these bytes, in order of their end, and of those that end at the same byte raw ones first, the longest first.  A
 * pattern that is found in several forms at one byte is told once, in the first of SCAN_RAW ... SCAN_BASE64.  *used says how many
 * bytes were looked at; while it is less than bytes.len call again with the rest.  room: of hit, at least SCAN_HITS.
 */
#define SCAN_HITS SECRETS
uint32_t scan_bytes(struct scan *s, struct view bytes, struct scan_hit *hit, uint32_t room, size_t *used);
/* Bytes at the end of what was seen that a raw pattern may have begun with: not to be let out before more is known.  0: none. */
size_t scan_held(const struct scan *s);

#endif
