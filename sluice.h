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
 * sluice_wake(), sluice_reload(), the guest's half of a port and sluice_virtio_*() may be called from others.  Two gateways
 * share nothing.
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
	/* virtio: the guest is in this process, and so are the queues of its virtio-net device */
	SLUICE_LINK_VIRTIO,
	/* The guest's VMM is another process, behind an AF_UNIX socket: link_path, or link_fd connected. */
	SLUICE_LINK_STREAM,     /* frames, each after its length in 4 big-endian bytes: QEMU, libkrun, muvm */
	SLUICE_LINK_DGRAM,      /* one frame a datagram: krunkit, vfkit, podman machine, QEMU dgram */
	SLUICE_LINK_VHOST_USER, /* its queues and memory are shared: QEMU, cloud-hypervisor, crosvm */
};

enum sluice_log_level { SLUICE_LOG_ERROR, SLUICE_LOG_WARNING, SLUICE_LOG_INFO, SLUICE_LOG_DEBUG };

/* One family of the guest's network.  What is NULL has the default in brackets. */
struct sluice_net {
	bool off;            /* true: the family does not exist for this guest */
	const char *guest;   /* "ADDR/PLEN" [10.0.2.15/24, fd73:6c75:6963:65::15/64] */
	const char *gateway; /* in the guest's subnet [host number 2 there, or the next that is free] */
	const char *dns;     /* where the guest asks names [host number 3, or the next that is free] */
};

/* Host ports that lead to the guest. */
struct sluice_publish {
	const char *bind;     /* an address of either family; NULL: the loopback of both */
	uint16_t host_first;  /* 1..65535 */
	uint16_t host_last;   /* >= host_first */
	uint16_t guest_first; /* 0: as host_first; a range maps one to one */
	bool udp;             /* false: TCP */
};

/* Hooks: see "hooks" below. */
struct sluice_event;
struct sluice_diagnostic;
struct sluice_connect;
struct sluice_route;
struct sluice_virtio;

/*
 * Policy: what the guest may reach, and who may reach it.  Rules are lines as in
 *
 *	allow tcp/443 to *.github.com, api.example.com "the build needs it"
 *	deny to @metadata
 *	allow ingress tcp/8080 from 192.0.2.0/24
 *
 * whose grammar is in docs/policy.md.  The first rule of the direction that matches decides; after them come the
 * profiles'; what nothing matches is denied, but for clients of published ports, who are let in.
 */
struct sluice_rule {
	const char *text;
	const char *file;      /* where it was written, for errors and events; NULL: it is called "rule N" */
	unsigned line, column; /* of its first character; 0: not known */
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

	/* Upstream resolvers for the DNS address, "ADDR", "ADDR:PORT" or "[ADDR]:PORT", tried in order.  "tls://" and one of these, with
	 * "#NAME" behind it: over TLS (RFC 7858; port 853), whose certificate must be for NAME, without it for the address.
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
	uint32_t max_ring; /* bytes each way a TCP flow may grow to, a power of two, at most [1048576] */
	uint32_t max_fragmented;  /* datagrams of the guest being reassembled, at most the default [64] */
	uint32_t fragment_memory; /* bytes of their fragments, 65536 to the default [262144] */
	uint32_t max_batch;       /* frames taken from the link a turn, at most the default [64] */
	uint32_t max_files;       /* descriptors the gateway may have open [RLIMIT_NOFILE - 32] */

	bool udp_endpoint_independent; /* one host port per guest port (RFC 4787 REQ-1), so that STUN works */

	int pcap_fd; /* -1: none.  Every frame both ways as pcapng; stays open and the caller's */

	/* One line of text without newline.  Called from the gateway's thread; NULL: lines are lost. */
	void (*log)(void *ctx, enum sluice_log_level level, const char *line);
	void *log_ctx;

	/* A guest behind a socket: STREAM, DGRAM, VHOST_USER. */
	const char
	    *link_path; /* where to listen (it is made, mode 0600, and removed at the end); NULL: link_fd */
	bool link_connect; /* STREAM, VHOST_USER: the VMM listens at link_path, connect to it */
	/* false: when a guest leaves, its flows end and the next one is waited for; with link_connect or link_fd
	 * there is no next.  true: the first guest that leaves ends the gateway (-ENOLINK). */
	bool link_one_off;
	struct sluice_virtio *virtio; /* VIRTIO: borrowed; outlives the gateway */

	/* What the guest is told by DHCP, DHCPv6 and router advertisements, besides its addresses. */
	bool no_dhcp;         /* none of DHCP and DHCPv6: the guest is configured otherwise */
	const char *hostname; /* a host name of up to 63 bytes; NULL: none is given */
	const char *const
	    *search; /* DNS search domains, at most SLUICE_SEARCH_MAX, 255 bytes as on the wire */
	size_t nsearch;

	/* Hooks, see below.  All are called from the gateway's thread, in the middle of a turn (and by sluice_new()
	 * and sluice_free()): they must not wait, nor call the gateway again but for sluice_stop() and
	 * sluice_wake().  NULL: there is none.  sluice_replay() calls event and frame only. */
	void (*event)(void *ctx, const struct sluice_event *e);
	/* Every frame both ways, as in a capture; the bytes may be in guest memory, which changes, and a frame of
	 * a link with offloads may be 64 KiB with its checksum unfinished. */
	void (*frame)(void *ctx, bool from_guest, const struct iovec *iov, int n, uint64_t now);
	/* Microseconds; NULL: CLOCK_MONOTONIC.  sluice_run() sleeps in real time, so a clock that runs at another
	 * rate goes with prepare and dispatch.  One that goes back stands still until it is ahead again. */
	uint64_t (*clock)(void *ctx);
	void (*random)(void *ctx, void *to,
		       size_t n); /* NULL: getrandom(2).  Must be unpredictable to the guest */
	int (*connect)(void *ctx, const struct sluice_connect *c, struct sluice_route *how);
	void *hook_ctx;

	/* --- policy: also replaced by sluice_reload(), as is the part about names */

	const struct sluice_rule *rules;
	size_t nrules;
	/* "public" (egress to @public and @dns), "private", "host", "none", "all", or several with commas between
	 * them; after the rules.  NULL: "public". */
	const char *profiles;
	/* A policy of whoever runs the machine: what it does not allow too is refused, whatever the rules above
	 * say.  nfloor 0 and floor_profiles NULL: there is none. */
	const struct sluice_rule *floor;
	size_t nfloor;
	const char *floor_profiles;
	/* After a reload flows live on, and requests on them are judged by the new policy; false: flows that it refuses end. */
	bool keep_flows;
	/* Each thing wrong in the policy and the names below (all, not only the first), and each warning: a rule
	 * that can never match, one shadowed by another.  Called by sluice_new(), sluice_reload() and sluice_check() in
	 * the caller's thread.  NULL: the first is what err says. */
	void (*diagnostic)(void *ctx, const struct sluice_diagnostic *d);
	void *diagnostic_ctx;

	/* --- names */

	/* "SUFFIX=SERVER[,SERVER...]", as nameservers are written: names at and below SUFFIX are asked there, nowhere else. */
	const char *const *dns_routes;
	size_t ndns_routes;
	/* "NAME=ADDR[,ADDR...]": answered by the gateway itself. */
	const char *const *hosts;
	size_t nhosts;
	/* Answers may not lead to private and special addresses, but for those an address rule allows and those
	 * of these names ("NAME", "*.SUFFIX"). */
	bool no_rebind_protection;
	const char *const *rebind_allow;
	size_t nrebind_allow;
	uint32_t dns_timeout; /* microseconds until a query that nobody answers is SERVFAIL [4500000] */
	uint32_t dns_cache;   /* answers kept [4096]; UINT32_MAX: none */

	uint32_t
	    max_flow_rate; /* flows the guest may begin a second, beyond which they are as if lost [no limit] */

	bool no_status_page; /* true: http://gateway.sluice.internal/ does not answer */

	/* --- TLS: also replaced by sluice_reload(), but for intercept_max and ca_dir */

	/* TLS to intercept_ports is opened, judged, and sealed again towards a server whose certificate verifies.  false: only
	 * where a secret or a rule about requests needs it. */
	bool intercept;
	const uint16_t *intercept_ports; /* [443] */
	size_t nintercept_ports;
	const char *const
	    *intercept_bypass; /* "NAME", "*.SUFFIX": passed on unopened, judged by name alone */
	size_t nintercept_bypass;
	uint32_t intercept_max; /* connections opened at once [256] */
	const char *
	    ca_dir; /* ca.pem and ca.key are there, or are made there; NULL: a CA of this gateway's own, in memory */
	/* Files of PEM certificates.  tls_roots NULL: the system's. */
	const char *tls_roots;
	const char *const *tls_extra_roots;
	size_t ntls_extra_roots;
	bool tls_only_13; /* nothing below TLS 1.3, either side */
	const struct sluice_tls_host *tls_hosts;
	size_t ntls_hosts;

	/* --- requests and secrets */

	bool request_log; /* SLUICE_EVENT_REQUEST for each request that could be read */
	const struct sluice_secret
	    *secrets; /* those there are from the start; not replaced by sluice_reload() */
	size_t nsecrets;
};

/* How servers of this name are met; the longest match counts. */
struct sluice_tls_host {
	size_t size;
	const char *match;       /* "NAME", "*.SUFFIX" */
	const char *roots;       /* a PEM file: these are trusted there, and no others; NULL */
	bool no_verify;          /* neither issuer, dates nor names are looked at; signatures are */
	const char *certificate; /* PEM files: what we show when asked; both or neither */
	const char *key;
};

/* Where a secret may be put in. */
#define SLUICE_SECRET_HEADERS 1u
#define SLUICE_SECRET_BASIC 2u
#define SLUICE_SECRET_QUERY 4u
#define SLUICE_SECRET_BODY 8u

enum sluice_secret_action {
	SLUICE_SECRET_BLOCK,     /* the request gets 403, and an event tells */
	SLUICE_SECRET_LOG,       /* it goes on with the placeholder, and an event tells */
	SLUICE_SECRET_TERMINATE, /* as BLOCK; the event says that the guest should be ended */
	SLUICE_SECRET_PASS,      /* it goes on with the placeholder */
};

/*
 * A secret the guest never has: it is given a placeholder, which becomes the value on the way to `hosts`, over TLS whose server
 * certificate verifies, where the name that TLS told, the one of the request and what this gateway resolved agree.
 */
struct sluice_secret {
	size_t size;
	const char
	    *name; /* 1 to 64 of letters, digits, '_': also the environment variable the guest gets it in */
	const void *
	    value; /* copied to memory that is locked and wiped; no NUL, CR, LF; 1 to 65,536 bytes, with redaction 8 to 8,192 */
	size_t value_len;
	const char *
	    placeholder; /* 8 to 1,024 bytes of printable ASCII without blanks, quotes, '\' and '%'; NULL: one that nobody can guess */
	const char *const *hosts; /* "NAME", "*.SUFFIX", "*": at least one */
	size_t nhosts;
	unsigned where;                   /* SLUICE_SECRET_..., 0: headers and Basic */
	enum sluice_secret_action action; /* for the placeholder anywhere else */
	const char *const *pass_hosts;    /* where the placeholder passes as it is, and nothing is told */
	size_t npass_hosts;
	bool plain; /* over plain HTTP, too */
	bool
	    no_redact; /* headers of responses that have the value keep it; false: they have the placeholder */
	bool redact_body; /* bodies of responses, too */
};

#define SLUICE_SEARCH_MAX 6

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

/* --- policy ---------------------------------------------------------------------------------------- */

/* One thing wrong with a rule, a list or a configuration file; valid during the call. */
struct sluice_diagnostic {
	size_t size;
	bool error;       /* false: a warning */
	const char *file; /* or "rule" */
	unsigned line, column;
	const char *word; /* what stands there; "" */
	const char *text; /* the whole sentence, with file, line and column before it */
};

/*
 * Replace policy and names by those of cfg, whose other fields are not looked at.  Everything is read and judged in
 * the caller's thread, which may be any; then the gateway takes it at its next turn.  0; or -1, a sentence, and
 * nothing has changed.
 */
SLUICE_API int sluice_reload(struct sluice *s, const struct sluice_config *cfg, char *err, size_t errlen);

/* Whether sluice_new() would take cfg's policy and names: 0, or -1 and a sentence; cfg->diagnostic has all. */
SLUICE_API int sluice_check(const struct sluice_config *cfg, char *err, size_t errlen);

/* What would become of a flow, and why. */
struct sluice_question {
	size_t size;
	int protocol;        /* IPPROTO_TCP, _UDP, _ICMP; 0: a DNS query for host */
	bool ingress;        /* a client at host, of a published port */
	const char *host;    /* a name, as if the guest had just resolved it to `address`, or an address */
	const char *address; /* host is a name: where it leads; NULL: a public address */
	uint16_t port;
	const char *sni; /* the name TLS will tell; NULL: that of host, if it is one; "": none */
	/* TCP: a request, as it is sent: "GET", "/repos/x?y"; method NULL: the flow alone, path NULL: "/". */
	const char *method, *path;
	bool plain; /* ... in the clear: http, not https */
};
/* Writes text for a person, or one JSON object, through out().  1: allowed; 0: refused; -1 and a sentence. */
SLUICE_API int sluice_explain(const struct sluice_config *cfg, const struct sluice_question *q, bool json,
			      void (*out)(void *ctx, const char *text), void *ctx, char *err, size_t errlen);

/* --- secrets --------------------------------------------------------------------------------------- */

/* Add one, or replace that of the same name (its placeholder stays if s->placeholder is NULL).  Requests from then on have it.  Any
 * thread.  0; or -1 and a sentence. */
SLUICE_API int sluice_secret_set(struct sluice *s, const struct sluice_secret *secret, char *err,
				 size_t errlen);
/* 0; -ENOENT: there is none; -ENOMEM: it is still there.  Any thread. */
SLUICE_API int sluice_secret_remove(struct sluice *s, const char *name);
/* Its placeholder, to give to the guest, NUL-terminated: its length; -ENOENT, -ENOSPC.  Any thread. */
SLUICE_API int sluice_secret_placeholder(struct sluice *s, const char *name, char *buf, size_t size);

/* --- TLS: what the guest must trust ------------------------------------------------------------------ */

/* The CA's certificate as PEM, NUL-terminated: its length; -ENOENT: nothing is opened; -ENOSPC.  Any thread. */
SLUICE_API int sluice_ca_certificate(struct sluice *s, char *buf, size_t size);
/* It and the host's roots in one PEM text, malloc()ed: for programs whose variable replaces what they trust.  NULL: no memory. */
SLUICE_API char *sluice_ca_bundle(struct sluice *s);
/* The variables that make programs trust a file of the guest's: "SSL_CERT_FILE" ..., NULL at the end; static.  Those of `adds` add to what
 * is trusted and want the CA's certificate alone; the others replace it and want the bundle. */
SLUICE_API const char *const *sluice_ca_variables(bool adds);
/* "Mbed TLS 3.6.6, TLS 1.2 and 1.3"; static. */
SLUICE_API const char *sluice_tls_library(void);

/* Make ca.pem and ca.key in dir (which is made, too) if they are not there, whoever else does the same at the same time; 0: they are there
 * now; or -1 and a sentence. */
SLUICE_API int sluice_ca_make(const char *dir, char *err, size_t errlen);

struct sluice_ca {
	size_t size;
	char subject[128];
	uint64_t from, until; /* seconds since 1970 */
	char sha256[96];      /* of its certificate, "AB:CD:..." */
	char pem[2048];       /* its certificate */
};
/* The CA in dir; out->size set before.  0; or -1 and a sentence. */
SLUICE_API int sluice_ca_read(const char *dir, struct sluice_ca *out, char *err, size_t errlen);

/* --- hooks ----------------------------------------------------------------------------------------- */

/*
 * Events.  What happens to a guest and its flows, as it happens.  The struct and all it points at are valid
 * during the call only; addresses are text, "10.0.2.15:40000" or "[fd00::15]:40000" (ping: the guest's port is
 * the echo identifier, the other's 0).  A flow that was opened is closed once, with the same number; one that was
 * refused was never opened.  A guest can bring about one FLOW_ event with each frame it sends.
 */
enum sluice_event_kind {
	SLUICE_EVENT_GUEST_UP, /* a guest is attached to the link (known by its MAC where a link cannot tell) */
	SLUICE_EVENT_GUEST_GONE,   /* it left: its flows have ended.  reason says why */
	SLUICE_EVENT_LEASE,        /* a guest took an address by DHCP or DHCPv6: guest has it, without port */
	SLUICE_EVENT_FLOW_OPENED,  /* a host connection (UDP, ping: socket) exists for it */
	SLUICE_EVENT_FLOW_REFUSED, /* it never came to be: reason */
	SLUICE_EVENT_FLOW_CLOSED,  /* the bytes it carried, how long it lived, and reason */
	SLUICE_EVENT_LIMIT, /* something was not served because of a limit; at most one a second each */
	SLUICE_EVENT_NAME_REFUSED,    /* a DNS query, or part of its answer: name, reason */
	SLUICE_EVENT_REQUEST_REFUSED, /* a request within a flow that was opened: name, reason */
	SLUICE_EVENT_RELOADED,        /* sluice_reload() has taken effect */
	SLUICE_EVENT_REQUEST, /* a request is over (request_log): method, name, path, status, bytes, times */
	SLUICE_EVENT_SECRET, /* a placeholder where it may not be: secret, name, method, path; reason NONE: it passed */
	SLUICE_EVENT_TLS_FAILED, /* no TLS with the server (reason CERTIFICATE, TLS), or with the guest (GUEST_TRUST) */
	SLUICE_EVENT_CONFINED, /* sluice_confine() of this gateway has taken away what confined says; detail: what is missing, in words */
};

enum sluice_reason {
	SLUICE_REASON_NONE,
	SLUICE_REASON_DONE,         /* both sides finished */
	SLUICE_REASON_GUEST_RESET,  /* the guest reset it */
	SLUICE_REASON_HOST_RESET,   /* the host's side did */
	SLUICE_REASON_REFUSED,      /* nobody listens there */
	SLUICE_REASON_UNREACHABLE,  /* no way to there */
	SLUICE_REASON_TIMED_OUT,    /* no answer, or quiet for too long */
	SLUICE_REASON_GUEST_SILENT, /* the guest stopped answering */
	SLUICE_REASON_FULL,         /* a table, descriptors, ports or memory ran out */
	SLUICE_REASON_HOOK,         /* the connect hook said no */
	SLUICE_REASON_PROXY,        /* the proxy named by the connect hook said no, or spoke nonsense */
	SLUICE_REASON_LINK,         /* the guest left, or the gateway ended */
	/* Refused by policy.  rule, file and line of the event say by which rule; rule 0: nothing allows it. */
	SLUICE_REASON_RULE,        /* a rule says so, or none allows it */
	SLUICE_REASON_NO_EVIDENCE, /* a name is allowed, but this gateway never resolved it to that address */
	SLUICE_REASON_NAME,        /* the name that TLS or HTTP told is not allowed there */
	SLUICE_REASON_NO_NAME,     /* a name was needed and the guest told none that can be read */
	SLUICE_REASON_ECH,         /* the name is encrypted (TLS ECH) where a name decides */
	SLUICE_REASON_QUIC,        /* QUIC where a name decides: TCP is to be used */
	SLUICE_REASON_NAME_SERVICE, /* another way to resolve names than port 53: DoT, DoQ, mDNS, LLMNR, NetBIOS */
	SLUICE_REASON_REBIND,       /* an answer led to a private or special address: taken out of it */
	SLUICE_REASON_BAD_QUERY,   /* a DNS message, ClientHello or HTTP request that breaks the protocol */
	SLUICE_REASON_RELOAD,      /* a reload brought a policy that does not allow it */
	SLUICE_REASON_CERTIFICATE, /* the server's certificate is not good: detail says why */
	SLUICE_REASON_TLS,         /* no TLS with the server */
	SLUICE_REASON_GUEST_TRUST, /* the guest does not take our certificate: a candidate for the bypass list */
	SLUICE_REASON_MISDIRECTED, /* a request for another host than TLS was told (421) */
	SLUICE_REASON_SECRET,      /* a placeholder where it may not be */
	SLUICE_REASON_NO_REQUEST,  /* requests decide, and there was none, or none that can be read */
};

struct sluice_event {
	size_t size;
	enum sluice_event_kind kind;
	enum sluice_reason reason;
	uint64_t now;       /* microseconds of the gateway's clock */
	const char *text;   /* reason, or what ran out, in words; never NULL */
	uint64_t flow;      /* FLOW_*: its number, never used twice; else 0 */
	int protocol;       /* IPPROTO_TCP, _UDP, _ICMP or _ICMPV6; 0: none */
	bool published;     /* opened from the host's side */
	const char *guest;  /* the guest's end; "" if there is none to name */
	const char *remote; /* the other end as the guest names it; "": an endpoint-independent mapping */
	const char *target; /* the other end as the host knows it; "": not known, or a mapping */
	uint64_t bytes_to_host, bytes_to_guest; /* payload; FLOW_CLOSED */
	uint64_t age;                           /* microseconds it lived; FLOW_CLOSED */
	uint8_t mac[6];                         /* GUEST_UP, LEASE: the guest's; zero: not known */
	/* What policy knew and said; also of flows that were opened. */
	const char *code; /* the reason in one word for programs, never changed: "rule", "no-evidence" ... */
	const char *name; /* of the remote end; "": none */
	const char *name_from; /* where it came from: "query", "evidence", "sni", "host"; "" */
	const char
	    *verdict; /* "allow", "deny", "drop"; "peek": a name the guest tells will decide; "": not asked */
	uint32_t rule;         /* the deciding one's number, from 1; 0: none matched */
	bool floor;            /* it is one of the floor's */
	const char *rule_text; /* as it was written, "public" for a profile's; "" */
	const char *file;      /* where; "" */
	uint32_t line;
	/* Requests, secrets and TLS. */
	const char *method, *path; /* path: normalised, without its query; "" */
	uint16_t status;           /* of the response; 0: none */
	uint64_t answered;  /* microseconds from the request's first byte to the response's head; 0: none */
	const char *secret; /* its name; "" */
	const char *where;  /* "header", "basic", "query", "body", "path" and the form: "body/base64"; "" */
	const char *detail; /* TLS_FAILED, CONFINED: what is wrong, in words; "" */
	bool terminate;     /* SECRET: the guest should be ended */
	unsigned confined;  /* CONFINED: the parts that hold, bits of enum sluice_confined */
};

/*
 * Events as JSON lines (docs/events.md has the schema, "v":1), to a descriptor that stays the caller's: a file, a
 * pipe, a socket.  Refusals are written at most 100 at once and 50 a second for each reason; of what is left out
 * the count follows.  Never waits: what the descriptor does not take is counted likewise.  As an event hook, with
 * the log as its ctx, or from one.  NULL: no memory.
 */
struct sluice_event_log;
SLUICE_API struct sluice_event_log *sluice_event_log_new(int fd);
SLUICE_API void sluice_event_log_write(void *log, const struct sluice_event *e);
SLUICE_API void sluice_event_log_free(struct sluice_event_log *log);

/* "refused", "timed out" ...; static. */
SLUICE_API const char *sluice_reason_name(enum sluice_reason r);

/*
 * How a host connection is made.  Called before a socket is opened for a flow of the guest (also for each
 * further address that is tried for one).  Return 0 to go on, with `how` filled in as wanted; a positive errno
 * to fail the flow as if the host had failed with it (ECONNREFUSED: the guest sees RST or port unreachable,
 * EHOSTUNREACH, ENETUNREACH, EACCES: the ICMP error, ETIMEDOUT: nothing at all), and no further address is tried.
 *
 * An answer that is of no use (a text that is no address, a bind address of another family than what is connected
 * to, a mark, device or address that cannot be had, a negative number) refuses the flow, and a log line names it:
 * nothing leaves another way than was asked for.  Clients of published ports are not asked about.
 *
 * With udp_endpoint_independent it is called for the remote end that makes a mapping, whose socket is made with
 * bind, device and mark, and again for each further one (of which the last 16 are remembered): all it can then
 * say is no.  target and socks5 refuse a mapping.
 */
struct sluice_connect {
	size_t size;
	int protocol;       /* IPPROTO_TCP, _UDP, _ICMP or _ICMPV6 */
	const char *guest;  /* "ADDR:PORT", the guest's end */
	const char *remote; /* where the guest wants to go */
	const char
	    *target; /* where sluice would connect to: the same, or the host's loopback, or a nameserver */
};

/* All zero, as it is handed to the hook: an ordinary socket.  Texts are read before the hook is called again. */
struct sluice_route {
	size_t size;
	const char *bind;   /* local address, of the target's family */
	const char *device; /* SO_BINDTODEVICE: an interface's name */
	uint32_t mark;      /* SO_MARK; needs CAP_NET_RAW, before Linux 5.17 CAP_NET_ADMIN */
	const char *
	    target; /* "ADDR:PORT", "[ADDR]:PORT": go there instead.  Ping: the same family, no port needed */
	const char
	    *socks5; /* TCP: "ADDR:PORT" of a SOCKS 5 proxy (RFC 1928, no authentication) that connects to
			     * the target.  The guest's SYN is answered when the proxy has.  UDP, ping: refused */
};

/* --- what the guest must be told ------------------------------------------------------------------- */

/*
 * The guest's network as the configuration decides it, for a VMM that writes it into a kernel command line, an
 * image or an agent's environment.  Unmodified images need none of it: DHCP, DHCPv6 and router advertisements
 * say the same.
 */
#define SLUICE_ADDR_TEXT 46

struct sluice_guest_route {
	char to[SLUICE_ADDR_TEXT + 4]; /* "0.0.0.0/0" */
	char via[SLUICE_ADDR_TEXT];    /* "": on the link */
};

struct sluice_guest_net {
	bool on;
	uint8_t plen;
	char address[SLUICE_ADDR_TEXT], gateway[SLUICE_ADDR_TEXT], dns[SLUICE_ADDR_TEXT];
	struct sluice_guest_route route[2]; /* in the order in which to add them */
	uint32_t nroute;
};

struct sluice_guest {
	size_t size;
	uint8_t mac[6]; /* zero: any */
	uint8_t gateway_mac[6];
	uint32_t mtu;
	struct sluice_guest_net ipv4, ipv6;
	char hostname[64];
	char search[256]; /* domains, a blank between two */
};

/* From a configuration, before or after sluice_new().  out->size set before.  0, or -1 and a sentence. */
SLUICE_API int sluice_guest_info(const struct sluice_config *cfg, struct sluice_guest *out, char *err,
				 size_t errlen);

/* The same as environment, a "NAME=value" each: n = 0, 1, ... until 0 is returned; else the text's length
 * (SLUICE_IPV4=10.0.2.15/24, SLUICE_IPV4_GATEWAY, SLUICE_IPV4_DNS, SLUICE_IPV6..., SLUICE_MTU, SLUICE_MAC,
 * SLUICE_HOSTNAME, SLUICE_SEARCH; what is not set is left out).  At most 320 bytes with the end. */
#define SLUICE_ENV_TEXT 320
SLUICE_API int sluice_guest_env(const struct sluice_guest *g, size_t n, char text[SLUICE_ENV_TEXT]);

/*
 * Addresses of a sandbox from its number.  The IPv4 pool is cut into /29 blocks (gateway first, then DNS, then
 * guest), the IPv6 pool into /64s (::2, ::3, ::15).  Any id is fine: beyond the pool's last block the blocks are
 * used again from the first, which is harmless, as no guest ever sees another, and `wrapped` says so.  MACs are
 * locally administered and differ for all ids below 2^40.
 */
struct sluice_pool {
	size_t size;
	const char *ipv4; /* "ADDR/PLEN", at most /29; NULL: 100.96.0.0/11 */
	const char *ipv6; /* at most /64; NULL: fd73:6c75:6963::/48 */
};

struct sluice_derived {
	size_t size;
	bool wrapped;
	uint8_t guest_mac[6], gateway_mac[6];
	char ipv4_guest[SLUICE_ADDR_TEXT + 4], ipv4_gateway[SLUICE_ADDR_TEXT], ipv4_dns[SLUICE_ADDR_TEXT];
	char ipv6_guest[SLUICE_ADDR_TEXT + 4], ipv6_gateway[SLUICE_ADDR_TEXT], ipv6_dns[SLUICE_ADDR_TEXT];
};

/* pool NULL: the defaults.  out->size set before.  0, or -1 and a sentence about the pool. */
SLUICE_API int sluice_derive(const struct sluice_pool *pool, uint64_t id, struct sluice_derived *out,
			     char *err, size_t errlen);
/* Point cfg at what was derived (borrowed: keep it until sluice_new()). */
SLUICE_API void sluice_config_derived(struct sluice_config *cfg, const struct sluice_derived *d);

/* --- options as text ------------------------------------------------------------------------------- */

/*
 * The options of the sluice program that describe a gateway (--publish, --mtu, --guest, --memory ...), for any
 * program that embeds one and wants to offer them as they are.
 *
 *	struct sluice_options *o = sluice_options_new();
 *	for each argument:
 *		r = sluice_options_take(o, argv[i], argv[i + 1], err, sizeof(err));
 *		r < 0: print err; r == 0: not one of these; else i += r;
 *	sluice_options_apply(o, &cfg);          cfg points into o, which is kept until sluice_new()
 */
struct sluice_options;
SLUICE_API struct sluice_options *sluice_options_new(void); /* NULL: no memory */
/* Arguments used: 1 (--name, --name=value, -pvalue), 2 (--name value); 0: arg is none of these options;
 * -1 and a sentence.  next may be NULL.  Texts are copied. */
SLUICE_API int sluice_options_take(struct sluice_options *o, const char *arg, const char *next, char *err,
				   size_t errlen);
SLUICE_API void sluice_options_apply(const struct sluice_options *o, struct sluice_config *cfg);
/*
 * A configuration file (YAML, docs/configuration.md): its keys are these options and more.  0; or -1 and the first
 * error, all of them told through diagnostic (may be NULL), and o is then only good to be freed.  To let options of a command line override the file's,
 * keep two, and apply the file's first: what applies later replaces, but rules go before those that are there.
 */
SLUICE_API int sluice_options_file(struct sluice_options *o, const char *path,
				   void (*diagnostic)(void *ctx, const struct sluice_diagnostic *d),
				   void *diagnostic_ctx, char *err, size_t errlen);
/*
 * Read the values of the secrets that were named, from where they come (files, the environment, which loses them, commands): before
 * sluice_new(), by a program that has one thread yet; else a gateway with such secrets cannot be made.  Forget them afterwards: the gateway has
 * its own copy.  0; or -1 and a sentence: nothing was kept.
 */
SLUICE_API int sluice_options_secrets(struct sluice_options *o,
				      void (*diagnostic)(void *ctx, const struct sluice_diagnostic *d),
				      void *diagnostic_ctx, char *err, size_t errlen);
SLUICE_API void sluice_options_forget(struct sluice_options *o);
/* What a file says of the program itself: where events go (logging.events; NULL: not said), and how much is logged
 * (logging.level, an enum sluice_log_level; -1: not said). */
SLUICE_API const char *sluice_options_events(const struct sluice_options *o);
SLUICE_API int sluice_options_level(const struct sluice_options *o);
/*
 * Every file that these options name and that a reload reads: configurations, rules, lists that rules name (@file:), PEM files.  Also of
 * options that were refused: what they had named by then.  For sluice_confine(); a file may be told twice.
 */
SLUICE_API void sluice_options_files(const struct sluice_options *o,
				     void (*told)(void *ctx, const char *path), void *ctx);
/* Lines for a --help, from the same table; static. */
SLUICE_API const char *sluice_options_help(void);
SLUICE_API void sluice_options_free(struct sluice_options *o);

/* --- confinement ----------------------------------------------------------------------------------- */

/* What can be taken away; docs/confinement.md has the whole. */
enum sluice_confined {
	SLUICE_CONFINED_PRIVILEGES = 1, /* no new privileges; capabilities, but for those the gateway needs */
	SLUICE_CONFINED_CALLS = 2,      /* system calls: an allow-list (seccomp(2)) */
	SLUICE_CONFINED_FILES = 4, /* files: what is named here, and the host's resolver file (landlock(7)) */
	SLUICE_CONFINED_VIEW = 8,  /* names of files: a root of its own with the same, and a way to each */
};
#define SLUICE_CONFINED_ALL 15u

struct sluice_confine {
	size_t size;
	/* What to leave as it is: bits of enum sluice_confined. */
	unsigned without;
	/* Every thread of the process, and not this one and those it starts from now on alone.  Where there are others, not
	 * all of it can be had (capabilities, files, the view): call it before they are started. */
	bool all_threads;
	/* The connect hook gives a mark or a device: what that wants is kept (CAP_NET_RAW; before Linux 5.17
	 * CAP_NET_ADMIN, too, by which routes can be changed). */
	bool ways;
	/* Paths that may still be read, files or directories with all that is or will be beneath them; and directories
	 * beneath which files may be made, written and removed, or files that may be written.  Files and sockets that may be
	 * removed (so may others beneath their directory, as far as they can be seen), or directories beneath which all may be; and nothing
	 * else.  Each must exist, and be named as it will be used later: links on the way to it are kept.  Each list ends with
	 * NULL, or is NULL. */
	const char *const *read, *const *write, *const *remove;
	/* System calls of the caller's own (of its hooks, of a loop of its own), whatever their arguments, by name as in
	 * "wait4"; those this machine does not have are passed over.  Ends with NULL, or is NULL. */
	const char *const *calls;
};
/* Everything, of this thread, with nothing besides.  Must be called before any field is set. */
SLUICE_API void sluice_confine_init(struct sluice_confine *c);
/*
 * From now on the calling thread, and those it starts, can do only what a running gateway does: no program is executed, no
 * file opened that is not named, no kind of socket made that a flow does not need, nobody else's memory looked at.  To be called by the
 * thread that runs the gateway, after sluice_new() and before its first turn; a call that is not allowed ends the process
 * (SIGSYS).  It cannot be undone, nor be made twice: a second call is one that is not allowed.
 * What a reload reads must be named, and be read by a thread that has this confinement or none.
 *
 * s: whose needs are met (its link, the resolver file); NULL: those of any gateway, but that of a guest which sends
 * datagrams to a socket's path: it is answered at a path of its own, so that there is no view to be had.  c NULL: the defaults.
 *
 * The parts that hold now, bits of enum sluice_confined: fewer than asked for where the kernel has none of it (the
 * sentence in err says what is missing; it is empty otherwise).  -1 and a sentence: the call itself is wrong, or something was
 * refused that this kernel has; what had been taken away by then stays so.
 */
SLUICE_API int sluice_confine(struct sluice *s, const struct sluice_confine *c, char *err, size_t errlen);
/* The name of the n-th part, "privileges" of the first (1 << 0); NULL behind the last. */
SLUICE_API const char *sluice_confined_name(unsigned n);

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
	uint64_t refused_by_policy; /* flows, datagrams, names and requests */
	uint64_t dns_queries, dns_cached, dns_forwarded;
	uint64_t confined; /* parts of sluice_confine() that hold: bits of enum sluice_confined */
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

/* --- a virtio-net device --------------------------------------------------------------------------- */

/*
 * The queues of a virtio-net device (virtio 1.2 section 5.1), serviced by the gateway's own thread straight from
 * and to guest memory: no thread hop, no copy but into the guest's receive buffers.  A VMM keeps the transport
 * (registers or PCI, interrupts) and tells the device what the driver did:
 *
 *	struct sluice_virtio *v = sluice_virtio_new(NULL, err, sizeof(err));
 *	sluice_virtio_set_memory(v, regions, n);               guest memory, once it is mapped
 *	cfg.link_kind = SLUICE_LINK_VIRTIO; cfg.virtio = v;    sluice_new(), a thread in sluice_run()
 *	sluice_virtio_features(v)                              what DeviceFeatures reads
 *	sluice_virtio_set_features(v, accepted)                at FEATURES_OK
 *	sluice_virtio_start(v, SLUICE_VIRTIO_RX, &rx); ...TX   at DRIVER_OK, with the queues' addresses
 *	sluice_virtio_reset(v)                                 when the driver writes 0 to the status
 *
 * Threads.  All of these may be called from any thread, also while the gateway runs: they wait for the turn that
 * is under way (microseconds), and once stop, reset or set_memory has returned, the gateway no longer touches
 * what was given before.  From inside a hook they return -EDEADLK.
 *
 * Trust.  Everything the driver writes is hostile: descriptor tables, indices, lengths, addresses, headers.  A
 * chain that loops, is too long, points outside of memory or nests indirect tables makes the queue broken: it is
 * no longer looked at until it is started again, `broken` says so (set DEVICE_NEEDS_RESET, 2.1.2, if you
 * like), and the gateway lives on.  Each address is checked against the memory table at each use.
 */
#define SLUICE_VIRTIO_RX 0u /* receiveq1: frames for the guest */
#define SLUICE_VIRTIO_TX 1u /* transmitq1: frames of the guest */
#define SLUICE_VIRTIO_QUEUES 2u
#define SLUICE_VIRTIO_QUEUE_MAX 32768u /* entries of one queue; 256 is plenty */
#define SLUICE_VIRTIO_REGIONS 64u      /* pieces of guest memory */

struct sluice_virtio_config {
	size_t size;
	uint64_t features; /* to offer, of those we have; 0: all.  VIRTIO_F_VERSION_1 is always offered */
	uint8_t mac[6]; /* offered with VIRTIO_NET_F_MAC; zero: not offered, the driver takes one by chance */
	uint16_t mtu;   /* offered with VIRTIO_NET_F_MTU; 0: not offered */
};
SLUICE_API void sluice_virtio_config_init(struct sluice_virtio_config *cfg);

/* cfg NULL: the defaults. */
SLUICE_API struct sluice_virtio *sluice_virtio_new(const struct sluice_virtio_config *cfg, char *err,
						   size_t errlen);
/* After the gateway was freed.  NULL is fine. */
SLUICE_API void sluice_virtio_free(struct sluice_virtio *v);

/* Feature bits that are offered (virtio 1.2 section 6 and 5.1.3). */
SLUICE_API uint64_t sluice_virtio_features(const struct sluice_virtio *v);
/* Bytes of the device configuration (struct virtio_net_config) from offset on; beyond its end zeros. */
SLUICE_API void sluice_virtio_read_config(const struct sluice_virtio *v, uint32_t offset, void *to,
					  uint32_t len);

/* Guest-physical [guest, guest + size) is at `base`.  Regions may not overlap. */
struct sluice_memory {
	uint64_t guest, size;
	void *base;
};
/* Replaces the table.  Queues that run go on with the new one.  0 or -EINVAL, -EDEADLK. */
SLUICE_API int sluice_virtio_set_memory(struct sluice_virtio *v, const struct sluice_memory *r, size_t n);

/* What the driver accepted: 0; -EINVAL: not offered, or VIRTIO_F_VERSION_1 missing; -EBUSY: a queue runs. */
SLUICE_API int sluice_virtio_set_features(struct sluice_virtio *v, uint64_t accepted);

struct sluice_virtqueue {
	size_t size;
	uint16_t num;               /* entries: a power of two, at most SLUICE_VIRTIO_QUEUE_MAX */
	uint64_t desc, avail, used; /* guest-physical */
	uint16_t next;              /* first available entry to look at; 0 after a reset */
	/* eventfd the VMM signals when the driver notifies; borrowed until stop, may be that of both queues.  It is
	 * watched and never read: its count means nothing.  -1: none */
	int kick_fd;
	int call_fd; /* eventfd the gateway signals to interrupt the driver; borrowed until stop.  -1: none */
};
/* 0; -EINVAL: senseless numbers or addresses outside of memory, -EBUSY: it runs (a broken one too), -EDEADLK;
 * another errno: kick_fd cannot be watched. */
SLUICE_API int sluice_virtio_start(struct sluice_virtio *v, unsigned queue, const struct sluice_virtqueue *q);
/* The next available entry it would have looked at, 0..65535, for a later start; -EINVAL, -EDEADLK.  Frames it
 * had not finished are lost, as on a wire. */
SLUICE_API int sluice_virtio_stop(struct sluice_virtio *v, unsigned queue);
/* Stop both queues and forget what the driver accepted: the guest's flows end.  0 or -EDEADLK. */
SLUICE_API int sluice_virtio_reset(struct sluice_virtio *v);

struct sluice_virtio_stats {
	size_t size;
	uint64_t frames_in, frames_out; /* from and to the guest */
	uint64_t refused;               /* of the guest's frames: too long, too short, in too many pieces */
	uint64_t no_room;               /* frames for the guest lost: too few receive buffers */
	uint64_t kicks, calls;          /* notifications taken and sent */
	uint32_t running, broken;       /* a bit for each queue */
};
SLUICE_API void sluice_virtio_get_stats(struct sluice_virtio *v, struct sluice_virtio_stats *st);

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
