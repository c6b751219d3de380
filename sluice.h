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
#include <sys/uio.h>

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
	uint32_t max_tcp;  /* TCP flows [4096] */
	uint32_t max_udp;  /* UDP flows [1024] */
	uint32_t max_ping; /* echo flows [64] */
	uint64_t memory;   /* bytes of the data pool, reserved, committed as used [134217728] */
	uint32_t max_ring; /* bytes each way a TCP flow may grow to, a power of two [262144], <= 1 MiB */
	uint32_t max_fragmented;  /* datagrams of the guest being reassembled, at most the default [64] */
	uint32_t fragment_memory; /* bytes of their fragments, 65536 to the default [262144] */
	uint32_t max_batch;       /* frames taken from the link a turn, at most the default [64] */
	uint32_t max_files;       /* descriptors the gateway may have open [RLIMIT_NOFILE - 32] */

	bool udp_endpoint_independent; /* one host port per guest port (RFC 4787 REQ-1), so that STUN works */

	int pcap_fd; /* -1: none.  Every frame both ways as pcapng; stays open and the caller's */

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

/* --- the in-process port --------------------------------------------------------------------------- */

/*
 * A port is a link whose guest lives in this process: a VMM with its virtqueues, a unikernel, a test.
 * It is two pairs of lock-free rings, and memory is borrowed both ways:
 *
 *	  the guest's thread                                       the gateway's thread
 *	  sluice_port_send()      frames, as gather lists ------>  reads them where they lie
 *	  sluice_port_sent()      <------ their cookies, in order  when it is done with them
 *	  sluice_port_lend()      empty buffers ---------------->  copies frames into them
 *	  sluice_port_received()  <------ filled buffers, in order
 *
 *	struct sluice_port_config pc;
 *	sluice_port_config_init(&pc);
 *	struct sluice_port *port = sluice_port_new(&pc, err, sizeof(err));
 *	cfg.link_kind = SLUICE_LINK_PORT;
 *	cfg.port = port;
 *	struct sluice *s = sluice_new(&cfg, err, sizeof(err));
 *	... a thread in sluice_run(s), the guest's thread using the port ...
 *	sluice_free(s);
 *	sluice_port_free(port);
 *
 * Threads.  The sending pair (send, sent) belongs to one thread at a time, the receiving pair (lend,
 * received) to one, which may be another; sluice_port_arm() goes with the pair whose queue it names.
 * They may share the gateway's thread too.  No call of the guest's half ever waits.
 *
 * Ownership.  What was sent may not be unmapped, and what was lent may not be touched, until its cookie
 * is back.  All of it is back after sluice_free().  What was sent *may* be rewritten meanwhile, as a
 * hostile guest will: the gateway copies headers before it judges them and takes payload as it finds it
 * (`private_memory` says that this cannot happen and saves the copy).
 *
 * Trust.  Pointers are trusted: whoever turns a guest's addresses into pointers checks them.  Everything
 * else (lengths, counts, checksum and segmentation facts, bytes) may be a guest's own numbers unseen: a
 * frame that makes no sense is refused, counted and comes back through sluice_port_sent() as any other.
 * If a ring itself is overwritten the port dies: every call on it returns -EPROTO, the gateway ends with
 * that error, and what was borrowed is free after sluice_free() with no cookie to say so.
 *
 * Errors.  Functions that return int return a count >= 0, or a negative errno.
 */

#define SLUICE_PORT_SPANS 18        /* pieces of one frame that is sent */
#define SLUICE_PORT_FRAME_MAX 65550 /* bytes of one frame, either way */

/* What flags and gso_type hold: the numbers of virtio_net_hdr. */
#define SLUICE_NEEDS_CSUM 1 /* the transport checksum is unfinished: it holds the pseudo-header's sum */
#define SLUICE_CSUM_VALID 2 /* the transport checksum need not be verified */
#define SLUICE_GSO_NONE 0
#define SLUICE_GSO_TCPV4 1
#define SLUICE_GSO_TCPV6 4
#define SLUICE_GSO_UDP 5 /* VIRTIO_NET_HDR_GSO_UDP_L4; the older UFO (3) is refused */

/* The first ten bytes of a virtio-net header, in host order.  All zero: an ordinary, complete frame. */
struct sluice_offload {
	uint8_t flags;
	uint8_t gso_type;
	uint16_t hdr_len; /* Ethernet, IP and transport header; a hint from the guest, exact to it */
	uint16_t gso_size;
	uint16_t csum_start, csum_offset;
};

struct sluice_frame {
	const struct iovec *iov; /* read before the call returns; the bytes it points at are borrowed */
	uint32_t niov;           /* 1..SLUICE_PORT_SPANS; empty pieces are allowed */
	struct sluice_offload off;
	uint64_t cookie; /* anything; comes back */
};

struct sluice_buffer {
	void *base;
	uint32_t len;
	uint64_t cookie;
};

struct sluice_filled {
	uint64_t cookie;
	uint32_t len;              /* bytes written; 0: the buffer comes back unused */
	uint16_t nbuf;             /* first buffer of a frame: how many it fills.  Further ones: 0 */
	struct sluice_offload off; /* of the frame, in its first buffer */
};

struct sluice_port_config {
	size_t size;            /* of this struct, set by sluice_port_config_init() */
	uint32_t send_slots;    /* frames that may be under way: a power of two, 64..32768 [256] */
	uint32_t receive_slots; /* buffers that may be lent: a power of two, 64..32768 [1024] */
	bool csum;              /* the guest takes frames with SLUICE_NEEDS_CSUM */
	bool tso;               /* ... and with SLUICE_GSO_TCPV4 and _TCPV6; needs csum */
	bool uso;               /* ... and with SLUICE_GSO_UDP; needs csum */
	bool private_memory;    /* what is sent does not change until it is back */
	/* > 0: the port brings buffers of its own for sluice_port_send_copy(), frames of up to so many bytes,
	 * and for sluice_port_recv_copy(); send, sent, lend and received are then -EINVAL. */
	uint32_t copy_frame;
};

/* All defaults.  Must be called before any field is set. */
SLUICE_API void sluice_port_config_init(struct sluice_port_config *cfg);

/*
 * A port with nobody at its other end yet; what is sent waits for the gateway.  Memory: 320 bytes for each
 * send slot, 80 for each receive slot; with copy_frame also that for each send slot and 2,048 for each
 * receive slot.  Three descriptors.  NULL and a sentence in err on failure.
 */
SLUICE_API struct sluice_port *sluice_port_new(const struct sluice_port_config *cfg, char *err,
					       size_t errlen);

/* After the gateway was freed (a port serves one gateway at a time, and another may follow).  NULL is fine. */
SLUICE_API void sluice_port_free(struct sluice_port *p);

/* Queue up to n frames.  Returns how many were taken: fewer than n when all send slots are under way (wait
 * for SLUICE_PORT_SENT).  -EPROTO: the port is dead. */
SLUICE_API int sluice_port_send(struct sluice_port *p, const struct sluice_frame *frames, int n);

/* Cookies of frames the gateway is done with, in the order they were sent.  Returns how many, at most max. */
SLUICE_API int sluice_port_sent(struct sluice_port *p, uint64_t *cookies, int max);

/*
 * Lend up to n empty buffers of any size.  Returns how many were taken: fewer than n when all receive
 * slots are lent.  They are filled in this order, each used for one frame only, a frame over as many as it
 * needs.  Nothing can be sent to the guest while less than the longest frame fits: keep
 * SLUICE_PORT_FRAME_MAX bytes lent with tso or uso, else the MTU and 14, several times over for speed.
 */
SLUICE_API int sluice_port_lend(struct sluice_port *p, const struct sluice_buffer *bufs, int n);

/* Buffers that came back, at most max; returns how many.  All buffers of a frame are there at once: if max
 * cuts a frame, the next call has the rest. */
SLUICE_API int sluice_port_received(struct sluice_port *p, struct sluice_filled *out, int max);

/* Ask for all lent buffers back: those not filled by then come out of sluice_port_received() with len 0
 * after the gateway's next turn (device reset, snapshot).  From either thread of the guest's half. */
SLUICE_API void sluice_port_recall(struct sluice_port *p);

/*
 * Sleeping.  Each queue has a descriptor that becomes readable when the queue has something, but only
 * after it was armed, and once for each time: a side that is awake is not interrupted.
 *
 *	while ((n = sluice_port_received(p, out, 64)) > 0)
 *		...;
 *	if (sluice_port_arm(p, SLUICE_PORT_RECEIVED) == 0)
 *		poll(&(struct pollfd){sluice_port_fd(p, SLUICE_PORT_RECEIVED), POLLIN, 0}, 1, -1);
 *
 * The descriptors are the port's: poll them, never read, write or close them (sent and received do what is
 * needed).  A spurious wake-up is possible.
 */
#define SLUICE_PORT_SENT 1u     /* sluice_port_sent() has something: so there is room to send, too */
#define SLUICE_PORT_RECEIVED 2u /* sluice_port_received() has something */
SLUICE_API int sluice_port_fd(const struct sluice_port *p, unsigned queue);

/* Arm one or both queues.  Returns those that have something already (or the port is dead): do not sleep. */
SLUICE_API unsigned sluice_port_arm(struct sluice_port *p, unsigned queues);

/*
 * The copying pair, for ports made with copy_frame: plain whole frames, no offloads, nothing borrowed.
 * On -EAGAIN the queue is armed: poll SLUICE_PORT_SENT (send) or SLUICE_PORT_RECEIVED (recv) and call again.
 * send: 0; -EAGAIN full; -EMSGSIZE beyond copy_frame or empty.
 * recv: the frame's length; -EAGAIN none; -EMSGSIZE it was longer than size and is lost.
 */
SLUICE_API int sluice_port_send_copy(struct sluice_port *p, const void *frame, size_t len);
SLUICE_API int sluice_port_recv_copy(struct sluice_port *p, void *buf, size_t size);

struct sluice_port_stats {
	size_t size;
	uint64_t sent;          /* frames taken from the guest */
	uint64_t refused;       /* of these: senseless, see Trust */
	uint64_t lent;          /* buffers taken from the guest */
	uint64_t received;      /* buffers filled, or given back unused */
	uint64_t no_room;       /* frames for the guest lost because too little was lent */
	uint64_t gateway_wakes; /* writes to the gateway's eventfd */
	uint64_t guest_wakes;   /* writes to the guest's */
};
/* From any thread; st->size set before. */
SLUICE_API void sluice_port_get_stats(const struct sluice_port *p, struct sluice_port_stats *st);

/* --- replay ---------------------------------------------------------------------------------------- */

struct sluice_replay_stats {
	size_t size;
	uint64_t frames_in;    /* guest frames fed */
	uint64_t frames_other; /* frames in the capture that were not the guest's */
	uint64_t frames_out;   /* frames written */
	uint64_t virtual_us;   /* time that passed on the virtual clock */
};

/*
 * Feed the guest's frames of a capture (pcap or pcapng, Ethernet, whole frames, up to 1 GiB and 30 days)
 * through a gateway on a virtual clock and a virtual host, and write what it answers as pcapng, with the
 * capture's own times.  The same input and cfg give the same output, byte for byte.
 *
 * The guest is cfg->guest_mac or the capture's first IPv4/IPv6/ARP source that is not gateway_mac (and, if
 * the frames say which way they went, is inbound).  Where cfg names no gateway_mac, the gateway takes the one
 * that the guest first sends a frame to.  The virtual host plays its part from the capture's other direction;
 * in a capture without one every connect succeeds and hosts are silent.  Ports of the guest that somebody in
 * the capture turned to are published, if cfg does not do so.  link_* and pcap_fd of cfg are not used; the
 * limits of this machine play no part.  0, or -1 and a sentence; an output begun by then is not whole.
 */
SLUICE_API int sluice_replay(const struct sluice_config *cfg, const char *in_path, const char *out_path,
			     struct sluice_replay_stats *st, char *err, size_t errlen);

#ifdef __cplusplus
}
#endif

#endif
