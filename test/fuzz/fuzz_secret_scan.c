/*
 * fuzz_secret_scan.c - a stream cut anywhere, searched for placeholders, against searching it whole and decoded
 *
 * The input: one byte that chooses the patterns, one that seeds the cuts, then a little language that makes what is near to a hit
 * frequent: bytes from 0xE0 on put in a piece of a pattern in one form or another, all others stand for themselves.
 */
#include "test/bed/naive_scan.h"
#include "test/fuzz/wire_kit.h"

#include "http/base64.h"

#define TEXT 8192u

static const char *const choice[][4] = {
    {"SLUICE_A_K3VJ", "SLUICE_AB_K3VJ", "SLUICE_A_K3VX", "A_K3VJSLUI"},
    {"$MSB_TOKEN", "$MSB_TOKEN_TWO", "SB_TOKEN", "TOKEN_TWO"},
    {"aaaaaaaa", "aaaaaaaaaaaa", "abababab", "babababa"},
    {"U0xVSUNFX0E=", "SLUICE_A", "20202020", "/a/b/c/d"},
};
#define CHOICES (sizeof(choice) / sizeof(choice[0]))

struct text {
	uint8_t p[TEXT];
	size_t len;
};

static void
put(struct text *t, uint8_t c)
{
	if (t->len < TEXT)
		t->p[t->len++] = c;
}

static void
put_hex(struct text *t, uint8_t c, bool upper)
{
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";

	put(t, (uint8_t)digits[c >> 4]);
	put(t, (uint8_t)digits[c & 15]);
}

static void
put_escaped(struct text *t, uint8_t c, unsigned how)
{
	switch (how & 7) {
	case 1:
		put(t, '%');
		put_hex(t, c, how & 8);
		break;
	case 2:
		put(t, '\\');
		put(t, 'u');
		put_hex(t, 0, true);
		put_hex(t, c, how & 8);
		break;
	case 3:
		put(t, '\\');
		put(t, c);
		break;
	case 4:
		put(t, c);
		put(t, how & 8 ? '\r' : '\n');
		break;
	default:
		put(t, c);
	}
}

/* A piece of a pattern: from, how long, how it is written, how it is escaped. */
static void
put_piece(struct text *t, struct rd *r, const char *pattern)
{
	size_t len = strlen(pattern), from = rd_u8(r) % len, n = rd_u8(r) % (len - from) + 1;
	uint8_t how = rd_u8(r), seed = rd_u8(r);
	uint8_t piece[64], text[96];
	size_t shift = how >> 6, k = 0;

	memset(piece, 'x', shift);
	memcpy(piece + shift, pattern + (how & 1 ? from : 0), how & 1 ? n : len);
	n = shift + (how & 1 ? n : len);
	if (how & 2) {
		base64_encode((struct view){piece, n}, text);
		n = base64_length(n);
	} else {
		memcpy(text, piece, n);
	}
	for (; k < n; k++) {
		unsigned mix = (unsigned)((seed + 1u) * (k + 3u) >> 2);

		put_escaped(t, text[k], how & 4 ? mix : how & 8 ? how >> 4 : 0);
	}
}

static void
check(const struct view *pattern, const struct text *t, uint32_t seed, bool forms)
{
	struct scan_table *table = scan_table_new(pattern, 4, forms);
	struct view whole = {t->p, t->len};
	struct scan s;
	size_t want, got = 0, at = 0;
	struct scan_hit *all = naive_scan(pattern, 4, forms, whole, &want), hit[SCAN_HITS + 3];
	struct scan_hit *mine = malloc((want + SCAN_HITS + 3) * sizeof(*mine));

	must(table && mine);
	scan_begin(&s, table);
	while (at < t->len) {
		seed = seed * 1664525u + 1013904223u;
		size_t n = 1 + (seed >> 16) % (seed & 64 ? 7 : 700), used;

		n = n < t->len - at ? n : t->len - at;
		uint32_t hits = scan_bytes(&s, (struct view){t->p + at, n}, hit, SCAN_HITS + 3, &used);
		must(used <= n && (used == n || hits > 3) && got + hits <= want);
		memcpy(mine + got, hit, hits * sizeof(hit[0]));
		got += hits;
		at += used;
		/* What is held is the beginning of a pattern. */
		size_t held = scan_held(&s);
		bool is = held == 0;
		for (int i = 0; i < 4; i++)
			is |= held <= pattern[i].len && memcmp(pattern[i].p, t->p + at - held, held) == 0;
		must(is && s.at == at);
	}
	for (size_t i = 1; i < got; i++)
		must(mine[i - 1].end < mine[i].end ||
		     (mine[i - 1].end == mine[i].end && mine[i - 1].form <= mine[i].form));
	naive_scan_sort(mine, got, pattern);
	must(got == want);
	for (size_t i = 0; i < got; i++)
		must(mine[i].which == all[i].which && mine[i].form == all[i].form &&
		     mine[i].end == all[i].end && mine[i].begin == all[i].begin);
	free(all);
	free(mine);
	scan_table_free(table);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd r = rd_of((struct view){data, size});
	uint8_t which = rd_u8(&r), seed = rd_u8(&r);
	const char *const *chosen = choice[which % CHOICES];
	struct view pattern[4];
	struct text t = {.len = 0};

	if (size > 2048)
		return 0;
	for (int i = 0; i < 4; i++)
		pattern[i] = (struct view){(const uint8_t *)chosen[i], strlen(chosen[i])};
	while (rd_left(&r) > 0) {
		uint8_t c = rd_u8(&r);

		if (c >= 0xe0)
			put_piece(&t, &r, chosen[c & 3]);
		else
			put(&t, c);
	}
	check(pattern, &t, seed, true);
	check(pattern, &t, seed, false);
	return 0;
}
