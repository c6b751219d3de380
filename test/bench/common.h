/*
 * common.h - what the benchmark's programs share: time, addresses, latencies, and the UDP test's messages
 */
#ifndef TEST_BENCH_COMMON_H
#define TEST_BENCH_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* "program: what: strerror" and exit 1. */
void die(const char *what) __attribute__((noreturn));

/* CLOCK_MONOTONIC. */
double seconds_now(void);
void sleep_for(double seconds);

/* Asks for as many descriptors as the hard limit allows. */
void raise_file_limit(void);

/* A literal address of either family; exits if it is none. */
socklen_t address(struct sockaddr_storage *ss, const char *text, int port);

/* A number in [low, high], or a sentence naming the option and exit 2. */
double number(const char *option, const char *text, double low, double high);

struct latencies {
	float *us;
	size_t n, room;
};
void latencies_add(struct latencies *l, double seconds);
/* As the members "p50", "p99" and "max" of a JSON object, microseconds. */
void latencies_print(struct latencies *l);

/*
 * Every datagram of the UDP test is one of these, data padded to the wanted size.  Both ends are this
 * machine, so it travels in host order.
 */
enum message_kind {
	MSG_ECHO = 1, /* sent back as it is */
	MSG_DATA,     /* counted for its session */
	MSG_COUNT,    /* asks for the count; answered with packets and bytes filled in */
	MSG_SEND,     /* asks for a stream of `size` bytes a datagram at `kbit` for `millis` */
	MSG_END,      /* that stream is over: packets, bytes were sent */
};

struct message {
	uint32_t kind, session;
	uint64_t packets, bytes;
	uint32_t kbit, millis, size, serial;
};

/* Send datagrams evenly at m->kbit (0: as fast as the socket takes them); how many the kernel took. */
uint64_t send_paced(int fd, const struct sockaddr *to, socklen_t tolen, const struct message *m);

#endif
