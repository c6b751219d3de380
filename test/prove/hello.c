/* hello.c - proves: tls/hello.c (all of a message once it is whole; as policy/name.c and stack/addr.c are proved to be); options: -eva-no-builtins-auto -eva-slevel 10 -eva-partition-history 0 */
#include "tls/hello.c"
#include "kit.h"

/*
 * Those who read text, over bytes that may be read (their own proofs: `name`, `addr`).  A view ends with `input`, so that its
 * length is its own is the reader's contract.
 */
bool
name_parse(const char *text, size_t len, struct name *out)
{
	//@ check readable: \base_addr(text) == \base_addr(&input[0]);
	any_bytes(out, sizeof(*out));
	return ANY_BOOL();
}

bool
addr_parse(const char *text, struct addr *out)
{
	any_bytes(out, sizeof(*out));
	return ANY_BOOL();
}

void *
memchr(const void *p, int c, size_t n)
{
	//@ check readable: \base_addr(p) == \base_addr(&input[0]);
	return ANY_BOOL() ? NULL : (void *)p;
}

void *
memcpy(void *restrict to, const void *restrict from, size_t n)
{
	//@ check readable: \base_addr(from) == \base_addr(&input[0]);
	//@ check writable: \valid((uint8_t *)to + (0 .. n - 1));
	any_bytes(to, n);
	return to;
}

int
main(void)
{
	struct hello h = {.has_name = false};

	read_message(any_input(), &h);
	return 0;
}
