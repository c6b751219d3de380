/*
 * sluice.h - the network of a microVM as a library
 *
 * A gateway is one `struct sluice`: it takes Ethernet frames from one guest, terminates every flow in
 * them, and carries each on with an ordinary nonblocking host socket.  The life of one:
 *
 *	struct sluice_config cfg;
 *	sluice_config_init(&cfg);
 *	cfg.link_kind = SLUICE_LINK_TAP;
 *	cfg.link_fd = sluice_tap_open(name, err, sizeof(err));
 *	struct sluice *s = sluice_new(&cfg, err, sizeof(err));
 *	sluice_run(s);                  until sluice_stop(s), or the link is gone
 *	sluice_free(s);
 *
 * Conventions
 *
 * Threads.  A gateway belongs to one thread at a time: the one that runs it.  Only sluice_stop(),
 * sluice_wake() and the guest's half of a port may be called from others.  Two gateways share nothing.
 * The library starts no thread, installs no signal handler and changes no process-wide setting.
 *
 * Errors.  Only setup fails.  A function that can fail takes (err, errlen) and writes one sentence there
 * that names the value and the remedy, always terminated; it may be NULL, 0.  Once a gateway runs, a
 * flow's trouble ends that flow and is counted; only the loss of its link ends the gateway.
 *
 * Ownership.  What a config points at is copied by sluice_new() unless said otherwise.  Descriptors
 * given to a gateway are its own from success on.
 *
 * Growth.  Structs that can grow start with their size, set by their _init(); fields are only ever
 * added at the end, and a field that is all zero has its default.
 *
 * Addresses are text ("10.0.2.2", "fd00::2"), ports are in host order, times are microseconds, sizes are
 * bytes, unless a name says otherwise.
 */
#ifndef SLUICE_H
#define SLUICE_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define SLUICE_API __attribute__((visibility("default")))
#else
#define SLUICE_API
#endif

#define SLUICE_VERSION_MAJOR 0
#define SLUICE_VERSION_MINOR 1
#define SLUICE_VERSION_PATCH 0

/* "0.1.0"; static. */
SLUICE_API const char *sluice_version(void);

struct sluice;      /* a gateway */
struct sluice_port; /* an in-process link */

/* --- configuration --------------------------------------------------------------------------------- */

enum sluice_link_kind {
	SLUICE_LINK_NONE, /* refused by sluice_new() */
	SLUICE_LINK_TAP,  /* link_fd: a tap with a 12-byte virtio-net header, as sluice_tap_open() makes it */
	SLUICE_LINK_PORT, /* port: the guest is in this process */
};

enum sluice_log_level { SLUICE_LOG_ERROR, SLUICE_LOG_WARNING, SLUICE_LOG_INFO, SLUICE_LOG_DEBUG };

/* One family of the guest's network.  All NULL: the defaults below. */
struct sluice_net {
	bool off;            /* true: the family does not exist for this guest */
	const char *guest;   /* "ADDR/PLEN"; 10.0.2.15/24, fd73:6c75:6963:65::15/64 */
	const char *gateway; /* 10.0.2.2, fd73:6c75:6963:65::2 */
	const char *dns;     /* 10.0.2.3, fd73:6c75:6963:65::3 */
};

/* Host ports that lead to the guest. */
struct sluice_publish {
	const char *bind;     /* an address of either family; NULL: the loopback of both */
	uint16_t host_first;  /* 1..65535 */
	uint16_t host_last;   /* >= host_first */
	uint16_t guest_first; /* 0: as host_first; a range maps one to one */
	bool udp;             /* false: TCP */
};

struct sluice_config {
	size_t size; /* of this struct, set by sluice_config_init() */

	enum sluice_link_kind link_kind;
	int link_fd;              /* owned by the gateway from success on */
	struct sluice_port *port; /* borrowed; outlives the gateway */

	struct sluice_net ipv4, ipv6;
	uint32_t mtu;           /* IP bytes, 1280..65520; 0: 1500.  For a tap: the interface's MTU */
	uint8_t guest_mac[6];   /* zero: the first valid source address locks it */
	uint8_t gateway_mac[6]; /* zero: 52:55:0a:00:02:02 */

	/* Upstream resolvers for the DNS address, "ADDR", "ADDR:PORT" or "[ADDR]:PORT", tried in order.
	 * None: those of /etc/resolv.conf, read again when the file changes. */
	const char *const *nameservers;
	size_t nnameservers;

	const struct sluice_publish *publish;
	size_t npublish;

	/* Limits; 0 has the default in brackets. */
	uint32_t max_tcp;   /* TCP flows [4096] */
	uint32_t max_udp;   /* UDP flows [1024] */
	uint32_t max_ping;  /* echo flows [64] */
	uint64_t memory;    /* bytes of the data pool, reserved, committed as used [134217728] */
	uint32_t max_ring;  /* bytes each way a TCP flow may grow to, a power of two [262144], <= 1 MiB */
	uint32_t max_files; /* descriptors the gateway may have open [RLIMIT_NOFILE - 32] */

	bool udp_endpoint_independent; /* one host port per guest port (RFC 4787 REQ-1), so that STUN works */

	int pcap_fd; /* -1: none.  Every frame both ways as pcapng; owned by the gateway */

	/* One line of text without newline.  Called from the gateway's thread; NULL: lines are lost. */
	void (*log)(void *ctx, enum sluice_log_level level, const char *line);
	void *log_ctx;
};

/* All defaults, link_fd and pcap_fd -1.  Must be called before any field is set. */
SLUICE_API void sluice_config_init(struct sluice_config *cfg);

/* --- life ------------------------------------------------------------------------------------------ */

/*
 * Build a gateway: memory is reserved, published ports are bound.  NULL, a sentence in err, and nothing
 * left behind (descriptors in cfg stay the caller's) if anything is wrong.
 */
SLUICE_API struct sluice *sluice_new(const struct sluice_config *cfg, char *err, size_t errlen);

/* Run until sluice_stop() (returns 0) or the link is gone (a negative errno; sluice_error() explains). */
SLUICE_API int sluice_run(struct sluice *s);

/*
 * Or keep your own loop.  prepare() fills up to SLUICE_POLLFDS entries and the time that poll may sleep
 * (milliseconds, -1: for ever) and returns how many entries; after poll(2), dispatch() does one bounded
 * turn.  The descriptors are the same from call to call, whatever the number of flows.  dispatch()
 * returns 0, 1 after sluice_stop(), or a negative errno when the link is gone.
 */
#define SLUICE_POLLFDS 4
SLUICE_API int sluice_prepare(struct sluice *s, struct pollfd fds[SLUICE_POLLFDS], int *timeout_ms);
SLUICE_API int sluice_dispatch(struct sluice *s, const struct pollfd *fds, int nfds);

/* From any thread and from a signal handler. */
SLUICE_API void sluice_stop(struct sluice *s);
SLUICE_API void sluice_wake(struct sluice *s);

/* Why the gateway ended, as a sentence; "" if nothing is wrong.  Valid until sluice_free(). */
SLUICE_API const char *sluice_error(const struct sluice *s);

/* Resets every flow towards both sides, closes what it owns.  NULL is fine; cannot fail. */
SLUICE_API void sluice_free(struct sluice *s);

/* --- what it is doing ------------------------------------------------------------------------------ */

struct sluice_stats {
	size_t size;
	uint64_t frames_in, frames_out;             /* from and to the guest */
	uint64_t bytes_to_host, bytes_to_guest;     /* payload that crossed, TCP and UDP */
	uint64_t tcp_opened, tcp_refused, tcp_open; /* flows: ever, refused, now */
	uint64_t udp_opened, udp_open;
	uint64_t ping_opened, ping_open;
	uint64_t published;                /* connections and UDP flows that came in */
	uint64_t dropped;                  /* malformed or forbidden frames, all reasons */
	uint64_t limited;                  /* SYNs, datagrams and errors not served because of a limit */
	uint64_t memory_used, memory_peak; /* bytes of the data pool */
	uint64_t turns;
};
SLUICE_API void sluice_get_stats(const struct sluice *s, struct sluice_stats *st); /* st->size set before */

/* Every counter by name, for printing: n = 0, 1, ... until NULL.  *value is the count. */
SLUICE_API const char *sluice_counter(const struct sluice *s, size_t n, uint64_t *value);

/* --- links ----------------------------------------------------------------------------------------- */

/*
 * Create or attach to a tap in the calling thread's network namespace.  name holds the wanted name or ""
 * and is filled in (at least 16 bytes).  A descriptor, or -1 and a sentence.
 */
SLUICE_API int sluice_tap_open(char *name, char *err, size_t errlen);

/* (the in-process port follows: see below) */

/* --- replay ---------------------------------------------------------------------------------------- */

struct sluice_replay_stats {
	size_t size;
	uint64_t frames_in;    /* guest frames fed */
	uint64_t frames_other; /* frames in the capture that were not the guest's */
	uint64_t frames_out;   /* frames written */
	uint64_t virtual_us;   /* time that passed on the virtual clock */
};

/*
 * Feed the guest's frames of a capture (pcap or pcapng, Ethernet) through a gateway on a virtual clock and
 * a virtual host, and write what it answers as pcapng.  The same input and cfg give the same output, byte
 * for byte.  The guest is cfg->guest_mac or the capture's first IPv4/IPv6/ARP source that is not
 * gateway_mac.  The virtual host plays its part from the capture's other direction.  link_* and pcap_fd
 * of cfg are not used.  0, or -1 and a sentence.
 */
SLUICE_API int sluice_replay(const struct sluice_config *cfg, const char *in_path, const char *out_path,
			     struct sluice_replay_stats *st, char *err, size_t errlen);

#ifdef __cplusplus
}
#endif

#endif
