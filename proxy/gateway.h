/*
 * gateway.h - one gateway: everything that `struct sluice` is, for the files of proxy/
 *
 * The loop (loop.c) owns the turn; tcp_flow.c, udp_flow.c, ping_flow.c are the kinds of flow; publish.c
 * lets host clients in; judge.c asks policy first; dns_service.c answers names; dial.c says where a guest's
 * destination really is, tcp_dial.c makes the connection;
 * trouble.c says what an errno means to a guest, event.c tells the embedder.
 */
#ifndef PROXY_GATEWAY_H
#define PROXY_GATEWAY_H

#include <stdatomic.h>

#include "link/link.h"
#include "link/pcapng.h"
#include "proxy/dns_service.h"
#include "proxy/event.h"
#include "proxy/flow.h"
#include "proxy/intercept.h"
#include "proxy/judge.h"
#include "proxy/pace.h"
#include "proxy/refusals.h"
#include "proxy/secrets.h"
#include "proxy/settings.h"
#include "proxy/socks.h"
#include "proxy/tcp_service.h"
#include "proxy/tunnel.h"
#include "proxy/watch.h"
#include "sluice.h"
#include "stack/pool.h"
#include "stack/stack.h"
#include "stack/tcp.h"
#include "stack/tcp_timewait.h"

#define TURN_EVENTS 256u             /* host events taken a turn */
#define TURN_FLOW_BYTES (512u << 10) /* bytes one flow moves a turn, each direction */
#define UDP_BATCH 64u                /* datagrams gathered for one sendmmsg(2) */
#define UDP_SLOT 65536u              /* room for the largest datagram, or what UDP_GRO made of several */
#define UDP_SLOTS 32u                /* datagrams of one recvmmsg(2) */

/* Counted by the gateway itself; the stack has counters of its own.  Names: gateway_count_name(). */
enum gateway_count {
	GW_TURNS,
	GW_TCP_OPENED,
	GW_TCP_REFUSED,     /* the host refused: RST to the guest */
	GW_TCP_UNREACHABLE, /* ICMP to the guest */
	GW_TCP_TIMED_OUT,   /* the dial ended in silence */
	GW_TCP_RESET_BY_GUEST,
	GW_TCP_RESET_BY_HOST,
	GW_TCP_GAVE_UP, /* the guest stopped answering */
	GW_TCP_FULL,    /* SYNs not served: flow table, descriptors, ports or memory */
	GW_TCP_EVICTED, /* half-open flows that made room */
	GW_UDP_OPENED,
	GW_UDP_EVICTED,
	GW_UDP_FULL,   /* datagrams not served: descriptors, ports */
	GW_UDP_LOST,   /* datagrams the host socket or the link did not take */
	GW_UDP_ERRORS, /* host ICMP errors passed on */
	GW_PING_OPENED,
	GW_PING_EVICTED,
	GW_PING_FULL,      /* echo requests not served: descriptors, memory */
	GW_PING_FORBIDDEN, /* the host does not let us open ping sockets */
	GW_PUBLISHED,
	GW_PUBLISH_FULL,
	GW_ICMP_REPORTS,   /* ICMP errors of the guest that belonged to a flow */
	GW_HOOK_BAD,       /* answers of the connect hook that were of no use */
	GW_POLICY_REFUSED, /* flows, datagrams, names and requests */
	GW_POLICY_DROPPED, /* of these: without a word */
	GW_POLICY_PEEKED,
	GW_POLICY_REJUDGED, /* flows that ended because of a reload */
	GW_PACED,           /* flows not begun: too many in a second */
	GW_DNS_QUERIES,
	GW_DNS_BAD, /* not answered, or only with an error, for what they are */
	GW_DNS_LOCAL,
	GW_DNS_CACHED,
	GW_DNS_FORWARDED,
	GW_DNS_FAILED,     /* SERVFAIL of our own: nobody answered, or nonsense */
	GW_DNS_FULL,       /* queries that made room for others */
	GW_DNS_FILTERED,   /* answers something was taken out of */
	GW_DNS_STRAY,      /* messages of nameservers that answer nothing that was asked */
	GW_DNS_TLS_OPENED, /* connections to nameservers that are asked over TLS */
	GW_DNS_TLS_FAILED, /* ... that failed for what the server is */
	GW_TLS_OPENED,     /* connections that were intercepted */
	GW_TLS_BYPASSED,   /* passed on unopened, by the bypass list */
	GW_TLS_FULL,       /* not opened: at the limit, or no memory */
	GW_TLS_BAD_SERVER,
	GW_TLS_UNTRUSTED, /* the guest did not take our certificate */
	GW_TLS_RESUMED,   /* of either side */
	GW_REQUESTS,
	GW_REQUESTS_REFUSED,
	GW_SECRETS_REFUSED,
	GW_BODIES_FULL, /* requests refused: no room for their bodies */
	GW_BYTES_TO_HOST,
	GW_BYTES_TO_GUEST,
	GW_COUNTS,
};

struct listener {
	struct endpoint at;
	uint16_t guest_port;
	bool udp;
	bool waiting; /* clients may be waiting that could not be taken */
	int fd;
};

/* While the host connection is under way, the SYN is held. */
enum dialing {
	DIAL_NOT,
	DIAL_TARGET, /* connect(2) to the target */
	DIAL_PROXY,  /* ... to a proxy */
	DIAL_ASKING, /* the proxy is asked to connect to the target */
};

struct tcp_flow {
	struct flow flow;
	struct tcp tcp;
	uint8_t attempt;      /* ... when asked for the so manieth time */
	bool refused;         /* an earlier target refused */
	uint8_t dialing;      /* enum dialing */
	bool readable;        /* the host socket may have bytes: not yet seen empty (edge-triggered) */
	bool writable;        /* ... may take bytes: not yet seen full */
	bool hangup;          /* the host's FIN is queued: read until it shows */
	bool host_eof;        /* the host will send no more */
	bool wrote, nodelay;  /* something was written to the host; TCP_NODELAY is set there */
	bool keepalive;       /* SO_KEEPALIVE is set there */
	bool host_shut;       /* we told the host that the guest will send no more */
	usec_t retry_at;      /* the pool had nothing: look again; DIAL_ASKING: give up; TIME_NEVER */
	usec_t idle_at;       /* when an unused send ring goes back; TIME_NEVER */
	struct listener *via; /* inbound only */
	struct socks socks;   /* DIAL_ASKING */
	struct watch *watch;  /* the guest's bytes are judged before they pass; NULL: not, or no longer */
	const struct tcp_service *service; /* answers instead of a host socket; NULL: none */
	void *state;                       /* the service's */
};

#define UDP_PEERS 16u /* remote ends an endpoint-independent mapping remembers */

struct udp_peer {
	struct endpoint at;    /* as the guest names it */
	struct judged *judged; /* as a flow's; NULL: nothing to remember */
};

struct udp_flow {
	struct flow flow;
	bool readable;
	bool burst;       /* the last receive filled its slots */
	bool sent;        /* its first datagrams are on their way */
	bool heard;       /* the remote side has answered: the longer timeout */
	bool mapped;      /* endpoint-independent: the socket is not connected */
	uint8_t ttl, tos; /* as set on the socket; 0: not set */
	usec_t used;
	struct listener *via; /* published: answers leave through the listener's socket, to flow.target */
	uint8_t npeer;
	struct udp_peer *peer; /* mapped: UDP_PEERS places for those it has sent to, newest first */
};

struct ping_flow {
	struct flow flow;
	bool readable;
	uint8_t ttl;
	usec_t used;
};

/* Datagrams of one flow gathered during input, sent with one call. */
struct udp_batch {
	struct udp_flow *flow;
	uint32_t n, bytes;
	struct iovec iov[UDP_BATCH];
};

struct sluice { /* "the gateway" */
	struct host *host;
	struct link *link;
	bool owns_host;
	atomic_bool stop;
	char error[256];

	struct stack stack;
	struct frame_sink sink; /* what the stack sees: the link's, with the frame tap before it */
	struct tcp_conf tcp_conf;
	struct pool pool;
	void *arena, *pool_meta, *timewait_mem;
	struct flow_table flows;
	struct timewait_table timewait;
	struct settings *settings;                /* policy and names */
	_Atomic(struct settings *) settings_next; /* left by sluice_reload(); taken at the next turn */
	struct surroundings where;
	struct name host_name; /* DNS_HOST_NAME */
	struct addr *own;      /* where.own, as the host last said: sorted, and our own link-local address */
	bool own_watched;      /* the host tells of changes */
	usec_t own_at;         /* when it is to be asked anew all the same; TIME_NEVER */
	uint64_t own_turn;     /* the turn in which it was last asked whether they changed */
	bool rejudge;          /* they changed: flows are judged again at the next turn */
	struct evidence *evidence;
	struct dns_service *dns;
	struct interception *intercept;
	struct secret_store *secrets;
	size_t bodies; /* bytes of bodies that they are put into: at most REQUESTS_BODIES */
	atomic_bool
	    opens_tls; /* or may: what the guest must trust matters.  Set from any thread, never back */
	struct refusals refusals;
	uint32_t status_pages;   /* being served: status_page.c */
	bool said_host;          /* the remedy for @host was logged */
	usec_t said_refusals_at; /* when the current second of log lines about refusals began */
	uint32_t said_refusals;  /* lines in it, also those that were left out */
	struct listener *listener;
	size_t nlistener;

	struct pace pace; /* of new flows */
	bool endpoint_independent;
	int batch_max;             /* frames taken a turn */
	uint32_t files, max_files; /* host sockets open; the most there may be */
	int spare_fd;              /* given up to accept and close a client when descriptors run out */
	uint64_t count[GW_COUNTS];
	usec_t said[GW_COUNTS]; /* when a limit was last logged */

	/* Pacing of the loop. */
	usec_t now;
	usec_t trim_at;   /* when freed pages go back; TIME_NEVER */
	usec_t accept_at; /* when listeners with waiting clients are looked at again; TIME_NEVER */
	bool link_more, host_more;
	uint32_t arrived, departed; /* of the link's guests: how many the loop has dealt with */
	bool guest_up;              /* ... and GUEST_UP was the last that was told */

	/* Scratch of one turn. */
	struct frame frame[LINK_BATCH];
	struct borrow borrow[LINK_BATCH * FRAME_SPANS];
	uint32_t nborrow;
	struct udp_batch batch;
	uint8_t *udp_slots; /* UDP_SLOTS * UDP_SLOT, committed as used */

	struct pcapng pcap;
	bool capturing;
	unsigned confined; /* parts of sluice_confine() that hold */
	bool tapped;       /* every frame is shown: to the capture, the frame hook or both */
	uint64_t memory_peak;
	void (*log)(void *ctx, enum sluice_log_level level, const char *line);
	void *log_ctx;

	/* The embedder's hooks; NULL: none. */
	void (*event)(void *ctx, const struct sluice_event *e);
	void (*frame_hook)(void *ctx, bool from_guest, const struct iovec *iov, int n, uint64_t now);
	int (*connect)(void *ctx, const struct sluice_connect *c, struct sluice_route *how);
	void *hook_ctx;
};

/* --- trouble.c: what the host's errno means to a guest ------------------------------------------------ */

enum trouble {
	TROUBLE_REFUSED,    /* RST */
	TROUBLE_HOST,       /* ICMP host unreachable */
	TROUBLE_NET,        /* ICMP network unreachable */
	TROUBLE_PROHIBITED, /* ICMP administratively prohibited */
	TROUBLE_SILENT,     /* a timeout: nothing is said */
	TROUBLE_FULL,       /* our own shortage: nothing is said, the guest tries again */
};
enum trouble trouble_of(int error);      /* a positive errno */
enum sluice_reason reason_of(int error); /* the same for the embedder */

/* Count it, and log it at most once a second: "... (N in all)".  A limit is also an event. */
void gw_limit(struct sluice *gw, enum gateway_count c, const char *what, int error);
void gw_log(struct sluice *gw, enum sluice_log_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* A line that is counted, and logged at most once a second, whoever brings it about. */
void gw_log_paced(struct sluice *gw, enum gateway_count c, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
const char *gateway_count_name(enum gateway_count c);

/* --- dial.c: where a guest's destination really is ------------------------------------------------------ */

/*
 * The host endpoint for the attempt-th try (0, 1, ...) at a remote end as the guest names it: the gateway's
 * address is the host's loopback (its own family first, then the other), the DNS address is nowhere (its
 * services are the gateway's own), anything else is itself.  False: no (more) such place.
 */
bool dial_target(const struct sluice *gw, const struct endpoint *remote, unsigned attempt,
		 struct endpoint *out);
bool dial_is_dns(const struct sluice *gw, const struct addr *a);

/* Where a flow's next socket goes, and how: what dial_target() said, and what the connect hook made of it. */
struct route {
	struct endpoint aim;          /* as dial_target() said */
	struct endpoint to;           /* what the socket connects to */
	bool proxied;                 /* `to` is a SOCKS 5 proxy, to be asked for the flow's target */
	int error;                    /* -errno: the hook said no; the flow knows why */
	struct host_socket_opts opts; /* the caller's, with the way out added */
};

/*
 * The attempt-th place where remote may be (a mapping has many; else it is the
 * flow's own), shown to the connect hook.  Sets f->target.  False: no (more)
 * such place.
 */
bool dial_route(struct sluice *gw, struct flow *f, const struct endpoint *remote, unsigned attempt,
		struct route *r);
/* The same where r->aim is known already. */
void dial_route_to(struct sluice *gw, struct flow *f, const struct endpoint *remote, struct route *r);
/* A socket of f's kind, armed, on its way along r: 0, -EINPROGRESS or -errno. f->fd is closed before. */
int dial_open(struct sluice *gw, struct flow *f, const struct route *r);
/* The same, armed with this token: f is no flow of the table. */
int dial_open_as(struct sluice *gw, struct flow *f, const struct route *r, uint64_t token);

/* A UDP flow that is an endpoint-independent mapping has no remote end of its own. */
static inline bool
is_mapping(const struct flow *f)
{
	return f->kind == FLOW_UDP && f->tuple.remote.port == 0;
}

/* --- tcp_dial.c: the host connection of a held SYN ------------------------------------------------------ */

void tcp_dial(struct sluice *gw, struct tcp_flow *tf, usec_t now);
void tcp_dial_event(struct sluice *gw, struct tcp_flow *tf, const struct host_event *ev, usec_t now);
/* The guest's held SYN is answered with a RST; ending the flow is the caller's. */
void tcp_dial_reset(struct sluice *gw, const struct tcp_flow *tf);
/* True: time was up, and the flow is gone. */
bool tcp_dial_late(struct sluice *gw, struct tcp_flow *tf, usec_t now);

/* A host socket within the limits; -errno.  Closing is always gw_close(). */
int gw_socket(struct sluice *gw, enum host_kind kind, enum family fam, const struct host_socket_opts *o);
void gw_close(struct sluice *gw, int *fd, bool reset);
/* May there be one more?  What the name service keeps open for later makes room. */
bool gw_files_left(struct sluice *gw);
/* The same, but a flow that may go makes room, too. */
bool gw_make_room(struct sluice *gw);

/* --- the kinds of flow ---------------------------------------------------------------------------------- */

/* A SYN for which there is no flow.  iss: where a connection in TIME-WAIT that it reopens left off; else 0. */
void tcp_flow_open(struct sluice *gw, const struct tuple *tuple, const struct packet *pkt, uint32_t iss,
		   usec_t now);
/* A client of a published port: fd is its connected socket, taken over. */
void tcp_flow_publish(struct sluice *gw, struct listener *l, int fd, const struct endpoint *client,
		      usec_t now);
/* A SYN for a service of the gateway itself. */
void tcp_flow_serve(struct sluice *gw, const struct tuple *tuple, const struct packet *pkt, uint32_t iss,
		    const struct tcp_service *service, usec_t now);
/* From now on a service answers, not the host, whose socket goes. */
void tcp_flow_hand_over(struct sluice *gw, struct tcp_flow *tf, const struct tcp_service *service,
			void *state);
/* A flow that lives is refused, and knows why: RST to both sides; silent: to the host alone.  It may be gone then. */
void tcp_flow_refuse(struct sluice *gw, struct tcp_flow *tf, bool silent);
void tcp_flow_report(struct sluice *gw, struct flow *f, const struct icmp_report *r, usec_t now);

void udp_input(struct sluice *gw, struct packet *pkt, usec_t now);
void udp_flush(struct sluice *gw, usec_t now); /* send the gathered batch */
/* The n-th remote end of a mapping is forgotten: it may neither be sent to nor answer. */
void udp_forget_peer(struct udp_flow *uf, uint8_t n);
/* Datagrams at a published port. */
void udp_publish(struct sluice *gw, struct listener *l, usec_t now);

/* An ICMP error the host's socket reports about a datagram of this flow, told to the guest. */
void relay_sockerr(struct sluice *gw, const struct flow *f, const struct tuple *about,
		   const struct host_sockerr *e, uint32_t seq, usec_t now);

void ping_input(struct sluice *gw, struct packet *pkt, usec_t now);

/* End a flow: its last event, its ops->close(), then its place is free.  The
 * reason counts if none was known. */
void gw_end(struct sluice *gw, struct flow *f, enum sluice_reason reason);
void gw_end_all(struct sluice *gw);

/* Show a frame to the capture and the frame hook. */
void gw_tap(struct sluice *gw, const struct frame *f, bool from_guest, usec_t now);

/* The link's limits may be new: those of the connections to come follow them. */
void gw_link_changed(struct sluice *gw);

/* --- publish.c ------------------------------------------------------------------------------------------ */

#define TOKEN_LISTENER FLOW_TOKEN_FLOWS
#define TOKEN_OWN (TOKEN_DNS - 1)                          /* the host's addresses changed */
#define TOKEN_DNS (FLOW_TOKEN_FLOWS + ((uint64_t)1 << 56)) /* and beyond: dns_service.c's */

bool publish_open(struct sluice *gw, const struct sluice_publish *p, size_t n, char *err, size_t errlen);
void publish_close(struct sluice *gw);
void publish_event(struct sluice *gw, uint64_t token, usec_t now);
/* Tell that this client was turned away for want of a place or a descriptor. */
void publish_lost(struct sluice *gw, const struct listener *l, const struct endpoint *client, usec_t now);
/* Clients that could not be taken: when gw->accept_at has come. */
void publish_retry(struct sluice *gw, usec_t now);
/* A remote end for an inbound flow: the gateway's address, the client's port if that is free, else another.
 * False: none is free. */
bool publish_name(struct sluice *gw, struct tuple *t, const struct endpoint *client, usec_t now);

/* --- loop.c --------------------------------------------------------------------------------------------- */

/* One frame through stack and flows; for loop.c and nobody else but the replay. */
void gw_turn(struct sluice *gw, bool link_ready, bool host_ready, usec_t now);
usec_t gw_deadline(const struct sluice *gw);

/* --- trust.c -------------------------------------------------------------------------------------------- */

/* Will connections be opened by these settings, or for secrets? */
bool gw_opens_tls(const struct sluice *gw, const struct settings *s);

/* --- sluice.c ------------------------------------------------------------------------------------------- */

struct setup;

/* What a caller of any version of the header gave, in full; false and a sentence: it is none. */
bool gw_whole_config(struct setup *su, const struct sluice_config *given, struct sluice_config *whole);

/* As sluice_new(), on a host and a link of the caller's (both must outlive it; both stay the caller's). */
struct sluice *gw_new(const struct sluice_config *cfg, struct host *host, struct link *link, char *err,
		      size_t errlen);

#endif
