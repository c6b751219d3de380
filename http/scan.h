/*
 * scan.h - placeholders in a stream, however it is cut
 *
 * One automaton (Aho-Corasick) holds all placeholders; it is run over the bytes as they are, percent-decoded, JSON-unescaped, and over
 * what base64 decodes to at each of the four alignments.  State is a few words: nothing is buffered.
 */
#ifndef HTTP_SCAN_H
#define HTTP_SCAN_H

#include "http/secret.h"

enum scan_form { SCAN_RAW, SCAN_PERCENT, SCAN_JSON, SCAN_BASE64, SCAN_FORMS };
const char *scan_form_name(enum scan_form f);

/* n patterns; owned copies.  NULL: no memory. */
struct scan_table *scan_table_new(const struct view *pattern, uint32_t n);
void scan_table_free(struct scan_table *t);
size_t scan_table_longest(const struct scan_table *t);

struct scan_hit {
	uint32_t which; /* the pattern */
	enum scan_form form;
	uint64_t end;   /* bytes of the stream up to and with its last one */
	uint64_t begin; /* SCAN_RAW: its first; else 0 */
};

struct scan {
	const struct scan_table *table;
	uint64_t at;                            /* bytes seen */
	uint32_t raw, percent, json, base64[4]; /* states of the automaton */
	struct {
		uint8_t step, hi;
	} pct;
	struct {
		uint8_t step;
		uint32_t code;
	} js;
	struct {
		uint8_t n;
		uint32_t bits;
	} b64[4];
};
/* All zero but the table.  t may be NULL: nothing is ever found. */
void scan_begin(struct scan *s, const struct scan_table *t);
/*
 * Up to max hits in these bytes, in order of their end; *used says how many bytes were looked at: all, unless there were max hits.
 * Of two patterns that end at the same byte the longest raw one is told first.
 */
uint32_t scan_bytes(struct scan *s, struct view bytes, struct scan_hit *hit, uint32_t max, size_t *used);
/* Bytes at the end of what was seen that a raw pattern may have begun with: not to be let out before more is known.  0: none. */
size_t scan_held(const struct scan *s);

#endif
