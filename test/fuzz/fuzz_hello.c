/*
 * fuzz_hello.c - any bytes as what a guest begins a connection with, cut anywhere
 *
 * The input: one byte that says how it is cut, then the guest's bytes.  What is found does not depend on the cut; a name
 * that is found is one, and stands in the records' payload; what follows a whole hello changes nothing.
 */
#include "tls/hello.h"

#include "test/fuzz/wire_kit.h"

static enum hello_reading
feed(struct hello_reader *r, struct view in, size_t piece, struct hello *h, size_t *at)
{
	enum hello_reading got = HELLO_MORE;

	*h = (struct hello){.why = NULL};
	*at = 0;
	while (got == HELLO_MORE && *at < in.len) {
		size_t n = in.len - *at < piece ? in.len - *at : piece;

		got = hello_read(r, view_of(in.p + *at, n), h);
		*at += n;
	}
	return got;
}

/* The fragments of all records, put together by another hand. */
static size_t
payload(struct view in, uint8_t *out)
{
	size_t len = 0;

	for (size_t at = 0; at + 5 <= in.len;) {
		size_t n = (size_t)(in.p[at + 3] << 8 | in.p[at + 4]);

		at += 5;
		n = n < in.len - at ? n : in.len - at;
		memcpy(out + len, in.p + at, n);
		len += n;
		at += n;
	}
	return len;
}

static uint8_t
lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

static bool
holds(const uint8_t *in, size_t len, const char *text)
{
	size_t n = strlen(text);

	for (size_t i = 0; i + n <= len; i++) {
		size_t k = 0;

		while (k < n && lower(in[i + k]) == (uint8_t)text[k])
			k++;
		if (k == n)
			return true;
	}
	return false;
}

static void
check_name(const struct hello *h, struct view in)
{
	char text[NAME_TEXT];
	struct name again;
	uint8_t *all = malloc(in.len + 1);

	must(all && h->name.len > 0);
	name_text(&h->name, text);
	must(name_parse(text, strlen(text), &again) && name_eq(&again, &h->name));
	must(holds(all, payload(in, all), text));
	free(all);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hello whole, cut;
	size_t all, at;

	if (size < 1)
		return 0;
	struct view in = view_of(data + 1, size - 1);
	struct hello_reader *a = hello_reader_new(), *b = hello_reader_new();
	must(a && b);
	enum hello_reading got = feed(a, in, in.len ? in.len : 1, &whole, &all);
	must(feed(b, in, 1u + data[0], &cut, &at) == got);
	must(whole.has_name == cut.has_name && whole.ech == cut.ech && whole.tls13 == cut.tls13);
	must(whole.why == cut.why && (whole.why != NULL) == (got == HELLO_BAD));
	must_be_same(whole.alpn, cut.alpn);
	must(got == HELLO_DONE || (!whole.has_name && !whole.ech && !whole.tls13 && !whole.alpn.len));
	if (whole.has_name) {
		must(name_eq(&whole.name, &cut.name));
		check_name(&whole, in);
	}
	must((got == HELLO_NOT) == (in.len > 0 && in.p[0] != 22));
	hello_reader_free(a);
	hello_reader_free(b);
	return 0;
}
