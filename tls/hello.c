/*
 * hello.c - the name in a ClientHello
 */
#include "tls/hello.h"

#include <stdlib.h>

struct hello_reader {
	size_t len;
};

struct hello_reader *
hello_reader_new(void)
{
	return calloc(1, sizeof(struct hello_reader));
}

void
hello_reader_free(struct hello_reader *r)
{
	free(r);
}

enum hello_reading
hello_read(struct hello_reader *r, struct view bytes, struct hello *out)
{
	r->len += bytes.len;
	*out = (struct hello){.why = "not read"};
	return HELLO_BAD;
}
