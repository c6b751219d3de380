/*
 * resolve.c - what the C library says to a name: its addresses in the order of their text, or what is wrong
 *
 * Built with glibc by the Makefile and with musl by dns_test.sh.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define ADDRS 64

static int
by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

int
main(int argc, char **argv)
{
	static char text[ADDRS][INET6_ADDRSTRLEN];
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *found;
	size_t n = 0;

	if (argc != 2) {
		fputs("usage: resolve NAME\n", stderr);
		return 2;
	}
	int rc = getaddrinfo(argv[1], NULL, &hints, &found);
	if (rc) {
		bool none = rc == EAI_NONAME;

#ifdef EAI_NODATA
		none |= rc == EAI_NODATA;
#endif
		puts(none ? "no such name" : rc == EAI_AGAIN ? "no answer" : gai_strerror(rc));
		return 1;
	}
	for (const struct addrinfo *a = found; a && n < ADDRS; a = a->ai_next)
		if (getnameinfo(a->ai_addr, a->ai_addrlen, text[n], sizeof(text[n]), NULL, 0,
				NI_NUMERICHOST) == 0)
			n++;
	freeaddrinfo(found);
	qsort(text, n, sizeof(text[0]), by_text);
	for (size_t i = 0; i < n; i++)
		printf("%s%s", i ? " " : "", text[i]);
	putchar('\n');
	return 0;
}
