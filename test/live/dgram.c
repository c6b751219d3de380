/*
 * dgram.c - UDP ends for the live tests: content that is checked, errors by name
 *
 *	dgram echo ADDR PORT [ADDR PORT...]    answers every datagram with itself
 *	dgram name ADDR PORT [ADDR PORT...]    answers every datagram with "ADDR PORT" of who sent it
 *	dgram ask ADDR PORT SIZE...            for each size: "SIZE right|wrong|silent|ECONNREFUSED|..."
 *	dgram names ADDR PORT [ADDR PORT...]   from one socket to each: prints the answers
 *	dgram whole ADDR PORT SIZE             may not be fragmented: "EMSGSIZE MTU" when a router says so
 *
 * A datagram's bytes follow from its size.  One that gets no answer is sent again, TRIES times in all.
 */
#include <poll.h>
#include <stdbool.h>
#include <unistd.h>

#include "test/live/ends.h"

#define LARGEST 65536
#define TRIES 4
#define ANSWER_MS 1500
#define SERVERS 8

static uint8_t buf[LARGEST], sent[LARGEST];

/* --- servers ------------------------------------------------------------------------------------------ */

static size_t
name_of(const struct sockaddr_storage *sa, char *out, size_t outlen)
{
	char text[INET6_ADDRSTRLEN];
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	int n;

	memcpy(&in, sa, sizeof(in));
	memcpy(&in6, sa, sizeof(in6));
	if (sa->ss_family == AF_INET)
		n = snprintf(out, outlen, "%s %u", inet_ntop(AF_INET, &in.sin_addr, text, sizeof(text)),
			     ntohs(in.sin_port));
	else
		n = snprintf(out, outlen, "%s %u", inet_ntop(AF_INET6, &in6.sin6_addr, text, sizeof(text)),
			     ntohs(in6.sin6_port));
	return (size_t)n;
}

static void
answer(int fd, bool by_name)
{
	struct sockaddr_storage from;
	socklen_t fromlen = sizeof(from);
	ssize_t n = recvfrom(fd, buf, sizeof(buf), MSG_DONTWAIT, (struct sockaddr *)&from, &fromlen);
	char name[80];

	if (n < 0)
		return; /* an ICMP error of an earlier answer */
	if (by_name)
		sendto(fd, name, name_of(&from, name, sizeof(name)), 0, (struct sockaddr *)&from, fromlen);
	else
		sendto(fd, buf, (size_t)n, 0, (struct sockaddr *)&from, fromlen);
}

static _Noreturn void
serve(int argc, char **argv, bool by_name)
{
	struct pollfd p[SERVERS];
	nfds_t n = 0;

	for (int i = 2; i + 1 < argc && n < SERVERS; i += 2) {
		struct sockaddr_storage sa;
		socklen_t len = parse(argv[i], argv[i + 1], &sa);
		int fd = socket(sa.ss_family, SOCK_DGRAM, 0), room = 4 << 20, one = 1;

		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)); /* IPv4 says no */
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
		if (bind(fd, (struct sockaddr *)&sa, len) < 0)
			die("bind");
		p[n++] = (struct pollfd){.fd = fd, .events = POLLIN};
	}
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		poll(p, n, -1);
		for (nfds_t i = 0; i < n; i++)
			if (p[i].revents)
				answer(p[i].fd, by_name);
	}
}

/* --- clients ------------------------------------------------------------------------------------------ */

static int
connected(const char *addr, const char *port)
{
	struct sockaddr_storage sa;
	socklen_t len = parse(addr, port, &sa);
	int fd = socket(sa.ss_family, SOCK_DGRAM, 0), one = 1;

	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, len) < 0)
		die("connect");
	/* Else a kernel keeps "unreachable" to itself: it might pass (RFC 1122 4.1.3.3). */
	setsockopt(fd, IPPROTO_IP, IP_RECVERR, &one, sizeof(one));
	setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &one, sizeof(one));
	return fd;
}

/* One try: what came of it, or NULL if nothing did. */
static const char *
ask_once(int fd, size_t size)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	if (send(fd, sent, size, 0) < 0)
		return error_name(errno);
	while (poll(&p, 1, ANSWER_MS) > 0) {
		ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (n < 0)
			return error_name(errno);
		/* A late answer to an earlier question has another size. */
		if ((size_t)n == size)
			return memcmp(buf, sent, size) == 0 ? "right" : "wrong";
	}
	return NULL;
}

static int
ask(int argc, char **argv)
{
	int fd = connected(argv[2], argv[3]);

	for (int i = 4; i < argc; i++) {
		size_t size = strtoul(argv[i], NULL, 10);
		const char *result = NULL;

		for (size_t k = 0; k < size; k++)
			sent[k] = (uint8_t)((k * 2654435761u + size) >> 9);
		for (int try = 0; try < TRIES && !result; try++)
			result = ask_once(fd, size);
		printf("%zu %s\n", size, result ? result : "silent");
	}
	close(fd);
	return 0;
}

static int
names(int argc, char **argv)
{
	int fd = -1;

	for (int i = 2; i + 1 < argc; i += 2) {
		struct sockaddr_storage sa;
		socklen_t len = parse(argv[i], argv[i + 1], &sa);
		ssize_t n = -1;

		if (fd < 0)
			fd = socket(sa.ss_family, SOCK_DGRAM, 0);
		for (int try = 0; try < TRIES && n < 0; try++) {
			sendto(fd, "who", 3, 0, (struct sockaddr *)&sa, len);
			if (poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, ANSWER_MS) > 0)
				n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
		}
		printf("%.*s\n", n < 0 ? 6 : (int)n, n < 0 ? "silent" : (const char *)buf);
	}
	return 0;
}

/* The first datagram finds the narrow place and is lost; the kernel then knows the path's MTU. */
static int
whole(char **argv)
{
	int fd = connected(argv[2], argv[3]), mtu = 0;
	bool v6 = strchr(argv[2], ':');
	int level = v6 ? IPPROTO_IPV6 : IPPROTO_IP, value = v6 ? IPV6_PMTUDISC_DO : IP_PMTUDISC_DO;
	socklen_t len = sizeof(mtu);
	const char *result = NULL;

	setsockopt(fd, level, v6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER, &value, sizeof(value));
	for (int try = 0; try < TRIES && !result; try++)
		result = ask_once(fd, strtoul(argv[4], NULL, 10));
	getsockopt(fd, level, v6 ? IPV6_MTU : IP_MTU, &mtu, &len);
	printf("%s %d\n", result ? result : "silent", mtu);
	close(fd);
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc < 4) {
		fprintf(stderr, "usage: dgram echo|name|ask|names|whole ADDR PORT ...\n");
		return 2;
	}
	if (strcmp(argv[1], "echo") == 0 || strcmp(argv[1], "name") == 0)
		serve(argc, argv, strcmp(argv[1], "name") == 0);
	if (strcmp(argv[1], "names") == 0)
		return names(argc, argv);
	if (strcmp(argv[1], "whole") == 0 && argc > 4)
		return whole(argv);
	return ask(argc, argv);
}
