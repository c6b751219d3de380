#include "test/bed/naive_scan.h"

#include <assert.h>
#include <stdlib.h>

/* Decoded bytes, and for each how many bytes of the stream it took to know it. */
struct text {
	uint8_t *p;
	uint64_t *end;
	size_t len;
};

struct found {
	const struct view *pattern;
	uint32_t n;
	struct scan_hit *hit;
	size_t hits, room;
};

static struct text
text_new(size_t room)
{
	struct text t = {malloc(room + 1), malloc((room + 1) * sizeof(uint64_t)), 0};

	assert(t.p && t.end);
	return t;
}

static void
text_free(struct text *t)
{
	free(t->p);
	free(t->end);
}

static void
put(struct text *t, uint8_t c, uint64_t end)
{
	t->p[t->len] = c;
	t->end[t->len++] = end;
}

static int
digit(uint8_t c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c >= 'A' && c <= 'F' ? strchr(digits, c + 32) : c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

static struct text
percent(struct view v)
{
	struct text t = text_new(v.len);

	for (size_t i = 0; i < v.len; i++)
		if (v.p[i] == '%' && i + 2 < v.len && digit(v.p[i + 1]) >= 0 && digit(v.p[i + 2]) >= 0) {
			put(&t, (uint8_t)(digit(v.p[i + 1]) * 16 + digit(v.p[i + 2])), i + 3);
			i += 2;
		} else {
			put(&t, v.p[i], i + 1);
		}
	return t;
}

static struct text
json(struct view v)
{
	static const char letters[] = "\"\\/bfnrt", is[] = "\"\\/\b\f\n\r\t";
	struct text t = text_new(v.len);

	for (size_t i = 0; i < v.len; i++) {
		const char *l =
		    v.p[i] == '\\' && i + 1 < v.len && v.p[i + 1] ? strchr(letters, v.p[i + 1]) : NULL;
		int code = v.p[i] == '\\' && i + 5 < v.len && v.p[i + 1] == 'u' ? 0 : -1;

		for (size_t k = 2; code >= 0 && k < 6; k++)
			code = digit(v.p[i + k]) < 0 ? -1 : code * 16 + digit(v.p[i + k]);
		if (l) {
			put(&t, (uint8_t)is[l - letters], i + 2);
			i++;
		} else if (code >= 0) {
			put(&t, code < 128 ? (uint8_t)code : 0xff, i + 6);
			i += 5;
		} else {
			put(&t, v.p[i], i + 1);
		}
	}
	return t;
}

static int
sextet(uint8_t c)
{
	static const char all[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = strchr(all, c == '-' ? '+' : c == '_' ? '/' : c);

	return c && at ? (int)(at - all) : -1;
}

static void
search(struct found *f, const struct text *t, enum scan_form form)
{
	for (uint32_t w = 0; w < f->n; w++) {
		struct view v = f->pattern[w];
		bool again = v.len == 0;

		for (uint32_t k = 0; k < w && !again; k++)
			again = f->pattern[k].len == v.len && memcmp(f->pattern[k].p, v.p, v.len) == 0;
		for (size_t i = 0; !again && i + v.len <= t->len; i++) {
			if (memcmp(t->p + i, v.p, v.len) != 0)
				continue;
			uint64_t end = t->end[i + v.len - 1];
			size_t k = 0;

			while (k < f->hits && (f->hit[k].which != w || f->hit[k].end != end))
				k++;
			if (k < f->hits)
				continue;
			if (f->hits == f->room) {
				f->room = f->room * 2 + 16;
				f->hit = realloc(f->hit, f->room * sizeof(f->hit[0]));
				assert(f->hit);
			}
			f->hit[f->hits++] =
			    (struct scan_hit){w, form, end, form == SCAN_RAW ? end - v.len : 0};
		}
	}
}

/* The four ways to cut a run into quads; the first and the last quad may be pieces. */
static void
search_base64(struct found *f, const struct text *t)
{
	struct text run = text_new(t->len), out = text_new(t->len);

	for (size_t i = 0; i <= t->len; i++) {
		if (i < t->len && sextet(t->p[i]) >= 0) {
			put(&run, (uint8_t)sextet(t->p[i]), t->end[i]);
			continue;
		}
		if (i < t->len && (t->p[i] == '\r' || t->p[i] == '\n'))
			continue;
		for (size_t a = 0; a < 4; a++) {
			out.len = 0;
			for (size_t k = 1; k < run.len; k++) {
				unsigned x = run.p[k - 1], y = run.p[k], step = (unsigned)((k + a) % 4);

				if (step)
					put(&out, (uint8_t)(x << step * 2 | y >> (6 - step * 2)), run.end[k]);
			}
			search(f, &out, SCAN_BASE64);
		}
		run.len = 0;
	}
	text_free(&run);
	text_free(&out);
}

void
naive_scan_sort(struct scan_hit *hit, size_t n, const struct view *pattern)
{
	for (size_t i = 1; i < n; i++)
		for (size_t k = i; k > 0; k--) {
			struct scan_hit *a = &hit[k - 1], *b = &hit[k], was = *a;
			size_t la = pattern[a->which].len, lb = pattern[b->which].len;
			bool after = a->end != b->end     ? a->end > b->end
				     : a->form != b->form ? a->form > b->form
				     : la != lb           ? la < lb
							  : a->which > b->which;

			if (!after)
				break;
			*a = *b;
			*b = was;
		}
}

struct scan_hit *
naive_scan(const struct view *pattern, uint32_t n, bool forms, struct view whole, size_t *count)
{
	struct found f = {.pattern = pattern, .n = n};
	struct text lane[3] = {text_new(whole.len), percent(whole), json(whole)};

	for (size_t i = 0; i < whole.len; i++)
		put(&lane[0], whole.p[i], i + 1);
	for (int i = 0; i < (forms ? 3 : 1); i++)
		search(&f, &lane[i], (enum scan_form)i);
	for (int i = 0; forms && i < 3; i++)
		search_base64(&f, &lane[i]);
	for (int i = 0; i < 3; i++)
		text_free(&lane[i]);
	naive_scan_sort(f.hit, f.hits, pattern);
	*count = f.hits;
	return f.hit;
}
