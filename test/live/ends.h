/*
 * ends.h - what the two programs that stand at the ends of live tests share: addresses, and errors by name
 */
#ifndef TEST_LIVE_ENDS_H
#define TEST_LIVE_ENDS_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* The names that tests ask for; strerror(3) has sentences, and strerrorname_np(3) is glibc's alone. */
static inline const char *
error_name(int error)
{
	static const struct {
		int error;
		const char *name;
	} names[] = {
	    {EACCES, "EACCES"},
	    {EADDRINUSE, "EADDRINUSE"},
	    {EADDRNOTAVAIL, "EADDRNOTAVAIL"},
	    {ECONNABORTED, "ECONNABORTED"},
	    {ECONNREFUSED, "ECONNREFUSED"},
	    {ECONNRESET, "ECONNRESET"},
	    {EHOSTUNREACH, "EHOSTUNREACH"},
	    {EMFILE, "EMFILE"},
	    {EMSGSIZE, "EMSGSIZE"},
	    {ENETUNREACH, "ENETUNREACH"},
	    {EPIPE, "EPIPE"},
	    {ETIMEDOUT, "ETIMEDOUT"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].error == error)
			return names[i].name;
	return strerror(error);
}

static inline _Noreturn void
die(const char *what)
{
	printf("%s: %s\n", what, error_name(errno));
	exit(1);
}

static inline socklen_t
parse(const char *addr, const char *port, struct sockaddr_storage *out)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = in.sin_port};

	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, addr, &in.sin_addr) == 1) {
		memcpy(out, &in, sizeof(in));
		return sizeof(in);
	}
	if (inet_pton(AF_INET6, addr, &in6.sin6_addr) != 1) {
		errno = EADDRNOTAVAIL;
		die(addr);
	}
	memcpy(out, &in6, sizeof(in6));
	return sizeof(in6);
}
#endif
