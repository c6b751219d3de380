/*
 * sluice.c - building and ending a gateway: the configuration becomes one struct, whole or not at all
 */
#include "sluice.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "link/tap.h"
#include "proxy/config.h"
#include "proxy/gateway.h"
#include "proxy/link_open.h"

#define DEFAULT_MAX_TCP 4096u
#define DEFAULT_MAX_UDP 1024u
#define DEFAULT_MAX_PING 64u
#define DEFAULT_MEMORY (128u << 20)
#define DEFAULT_MAX_RING (1024u << 10)
#define FILES_KEPT 32u         /* descriptors left to the embedder and the gateway's own */
#define FRAG_MEMORY_MIN 65536u /* the longest datagram */
#define FLOWS_MAX (1u << 24)
#define TIMEWAIT_ENTRIES 4096u
#define RING_FIRST_MAX (16u << 10)
#define MSL2 (60 * USEC_PER_SEC)

const char *
sluice_version(void)
{
	return "0.1.0";
}

void
sluice_config_init(struct sluice_config *cfg)
{
	*cfg = (struct sluice_config){.size = sizeof(*cfg), .link_fd = -1, .pcap_fd = -1};
}

/* --- limits and memory -------------------------------------------------------------------------------------- */

static uint32_t
or_default(uint32_t value, uint32_t fallback)
{
	return value ? value : fallback;
}

static bool
set_limits(struct setup *su, const struct sluice_config *cfg, struct sluice *gw)
{
	const uint32_t max[FLOW_KINDS] = {
	    [FLOW_TCP] = or_default(cfg->max_tcp, DEFAULT_MAX_TCP),
	    [FLOW_UDP] = or_default(cfg->max_udp, DEFAULT_MAX_UDP),
	    [FLOW_PING] = or_default(cfg->max_ping, DEFAULT_MAX_PING),
	};
	const size_t size[FLOW_KINDS] = {sizeof(struct tcp_flow), sizeof(struct udp_flow),
					 sizeof(struct ping_flow)};
	struct rlimit files;

	if (max[FLOW_TCP] >= FLOWS_MAX || max[FLOW_UDP] >= FLOWS_MAX || max[FLOW_PING] >= FLOWS_MAX)
		return wrong(su, "a flow table cannot have more than %u places", FLOWS_MAX - 1);
	if (cfg->max_fragmented > FRAG_SETS)
		return wrong(su, "max_fragmented of %u is more than %u", cfg->max_fragmented, FRAG_SETS);
	if (cfg->fragment_memory > FRAG_BLOCKS * FRAG_BLOCK ||
	    (cfg->fragment_memory && cfg->fragment_memory < FRAG_MEMORY_MIN))
		return wrong(su, "fragment_memory of %u bytes is not between %u and %u", cfg->fragment_memory,
			     FRAG_MEMORY_MIN, FRAG_BLOCKS * FRAG_BLOCK);
	if (cfg->max_batch > LINK_BATCH)
		return wrong(su, "max_batch of %u frames is more than %u", cfg->max_batch, LINK_BATCH);
	gw->stack.frag.max_sets = cfg->max_fragmented;
	gw->stack.frag.max_blocks = cfg->fragment_memory / FRAG_BLOCK;
	gw->batch_max = cfg->max_batch ? (int)cfg->max_batch : LINK_BATCH;
	gw->max_files = cfg->max_files;
	if (!gw->max_files && getrlimit(RLIMIT_NOFILE, &files) == 0)
		gw->max_files =
		    files.rlim_cur > 2 * FILES_KEPT ? (uint32_t)(files.rlim_cur - FILES_KEPT) : FILES_KEPT;
	if (!flows_init(&gw->flows, max, size, gw->stack.cfg.secret))
		return wrong(su,
			     "no memory for the flow tables (%u TCP, %u UDP): lower --max-tcp or --max-udp",
			     max[FLOW_TCP], max[FLOW_UDP]);
	return true;
}

/* A ring's first block: small enough that every flow of a full table can have one within half the pool. */
static uint32_t
first_ring(uint64_t memory, uint32_t max_tcp, uint32_t max_ring)
{
	uint32_t first = POOL_BLOCK_MIN;

	while (first * 2 <= max_ring && first * 2 <= RING_FIRST_MAX &&
	       (uint64_t)first * 4 * max_tcp <= memory)
		first *= 2;
	return first;
}

/* What is left for beginning: the smallest ring each way for every connection there may be, if half the pool is enough for that. */
static uint32_t
reserve(uint64_t memory, uint32_t max_tcp)
{
	uint64_t least = (uint64_t)max_tcp * 2 * POOL_BLOCK_MIN, bytes = memory / 8;

	if (bytes < least)
		bytes = least < memory / 2 ? least : memory / 2;
	return (uint32_t)(bytes > UINT32_MAX ? UINT32_MAX : bytes);
}

static bool
set_memory(struct setup *su, const struct sluice_config *cfg, struct sluice *gw)
{
	uint64_t memory = cfg->memory ? cfg->memory : DEFAULT_MEMORY;
	uint32_t ring = or_default(cfg->max_ring, DEFAULT_MAX_RING);

	if (ring < POOL_BLOCK_MIN || ring > POOL_BLOCK_MAX || (ring & (ring - 1)))
		return wrong(su, "a ring of %u bytes is not a power of two from %u to %u", ring,
			     POOL_BLOCK_MIN, POOL_BLOCK_MAX);
	memory -= memory % POOL_BLOCK_MAX;
	if (memory < 2 * POOL_BLOCK_MAX || memory > (uint64_t)1 << 40)
		return wrong(su, "memory of %llu bytes is not between %u and 2^40: give --memory more",
			     (unsigned long long)cfg->memory, 2 * POOL_BLOCK_MAX);

	/* Reserved, not committed: pages come when rings use them. */
	gw->arena =
	    mmap(NULL, memory, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (gw->arena == MAP_FAILED)
		gw->arena = NULL;
	gw->pool_meta = calloc(1, pool_meta_size(memory));
	gw->udp_slots = mmap(NULL, UDP_SLOTS * UDP_SLOT, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (gw->udp_slots == MAP_FAILED)
		gw->udp_slots = NULL;
	if (!gw->arena || !gw->pool_meta || !gw->udp_slots)
		return wrong(su, "cannot reserve %llu bytes of memory: %s; lower --memory",
			     (unsigned long long)memory, strerror(errno));
	pool_init(&gw->pool, gw->arena, memory, gw->pool_meta);

	gw->tcp_conf = (struct tcp_conf){
	    .pool = &gw->pool,
	    .ring_first = first_ring(memory, gw->flows.kind[FLOW_TCP].max, ring),
	    .ring_max = ring,
	    .reserve = reserve(memory, gw->flows.kind[FLOW_TCP].max),
	    .rto_min = 200 * USEC_PER_MSEC,
	    .rto_max = 60 * USEC_PER_SEC,
	    .delack = 40 * USEC_PER_MSEC,
	    .user_timeout = 120 * USEC_PER_SEC,
	    .keepalive = 7200 * USEC_PER_SEC,
	    .msl2 = MSL2,
	    .linger = 60 * USEC_PER_SEC,
	};
	return true;
}

void
gw_link_changed(struct sluice *gw)
{
	const struct link_limits *lim = &gw->link->sink.lim;
	uint32_t mtu = lim->mtu;

	gw->sink.lim = *lim;
	gw->tcp_conf.mss[FAMILY_V4] = (uint16_t)(mtu - IP4_HLEN - TCP_HLEN);
	gw->tcp_conf.mss[FAMILY_V6] = (uint16_t)(mtu - IP6_HLEN - TCP_HLEN);
	/* The IPv4 total length is 16 bits; IPv6 would allow 20 bytes more. */
	gw->tcp_conf.gso_max = lim->tso ? 65535u - IP6_HLEN - TCP_HLEN_MAX : 0;
}

/* --- the frame tap -------------------------------------------------------------------------------------------- */

void
gw_tap(struct sluice *gw, const struct frame *f, bool from_guest, usec_t now)
{
	struct iovec iov[FRAME_SPANS];

	if (gw->capturing)
		pcapng_frame(&gw->pcap, f, from_guest ? PCAPNG_FROM_GUEST : PCAPNG_TO_GUEST, now);
	if (!gw->frame_hook)
		return;
	for (int i = 0; i < f->nspan; i++)
		iov[i] = (struct iovec){(void *)(uintptr_t)f->span[i].p, f->span[i].len};
	gw->frame_hook(gw->hook_ctx, from_guest, iov, f->nspan, (uint64_t)now);
}

static bool
tapped_room(void *ctx)
{
	struct link *l = ((struct sluice *)ctx)->link;

	return l->sink.room(l->sink.ctx);
}

static void
tapped_send(void *ctx, const struct frame *f)
{
	struct sluice *gw = ctx;

	gw_tap(gw, f, false, gw->now);
	gw->link->sink.send(gw->link->sink.ctx, f);
}

static void
tapped_flush(void *ctx)
{
	struct link *l = ((struct sluice *)ctx)->link;

	l->sink.flush(l->sink.ctx);
}

static bool
set_sink(struct setup *su, const struct sluice_config *cfg, struct sluice *gw)
{
	gw->sink = gw->link->sink;
	gw->tapped = cfg->pcap_fd >= 0 || cfg->frame;
	if (cfg->pcap_fd >= 0) {
		usec_t epoch = gw->host->ops->wall(gw->host) - gw->now;
		int r = pcapng_init(&gw->pcap, gw->host, cfg->pcap_fd, epoch);

		if (r < 0)
			return wrong(su, "cannot write the capture: %s", strerror(-r));
		gw->capturing = true;
	}
	if (!gw->tapped)
		return true;
	gw->sink.ctx = gw;
	gw->sink.room = tapped_room;
	gw->sink.send = tapped_send;
	gw->sink.flush = tapped_flush;
	return true;
}

/* --- life ---------------------------------------------------------------------------------------------------- */

static bool
build(struct setup *su, const struct sluice_config *cfg, struct sluice *gw)
{
	struct stack_config sc = {0};

	gw->host->ops->random(gw->host, sc.secret, sizeof(sc.secret));
	if (!config_stack(su, cfg, &sc))
		return false;
	gw->stack.cfg = sc;
	gw->settings = settings_read(su, cfg);
	if (!gw->settings)
		return false;
	pace_init(&gw->pace, cfg->max_flow_rate, gw->host->ops->now(gw->host));
	gw->endpoint_independent = cfg->udp_endpoint_independent;
	gw->log = cfg->log;
	gw->log_ctx = cfg->log_ctx;
	gw->event = cfg->event;
	gw->frame_hook = cfg->frame;
	gw->connect = cfg->connect;
	gw->hook_ctx = cfg->hook_ctx;
	gw->trim_at = gw->accept_at = TIME_NEVER;
	gw->now = gw->host->ops->now(gw->host);
	if (!set_limits(su, cfg, gw) || !set_memory(su, cfg, gw) || !set_sink(su, cfg, gw))
		return false;
	gw_link_changed(gw);
	stack_init(&gw->stack, &sc, &gw->sink, gw->now);
	int addrs = own_addresses_open(gw);
	if (addrs < 0)
		return wrong(
		    su,
		    "cannot read this machine's addresses, which a guest must not reach by chance: %s; "
		    "AF_NETLINK sockets must be allowed",
		    strerror(-addrs));
	gw->timewait_mem = calloc(1, timewait_size(TIMEWAIT_ENTRIES));
	if (!gw->timewait_mem)
		return wrong(su, "no memory for %u TIME-WAIT entries", TIMEWAIT_ENTRIES);
	timewait_init(&gw->timewait, gw->timewait_mem, TIMEWAIT_ENTRIES, sc.secret);
	gw->evidence = evidence_new(EVIDENCE_ENTRIES, sc.secret);
	gw->dns = gw->evidence ? dns_service_new(gw) : NULL;
	if (!gw->dns)
		return wrong(su, "no memory for the name service");
	gw->secrets = secret_store_new(cfg, gw->host, su->err, su->errlen);
	if (!gw->secrets)
		return false;
	gw->intercept = interception_new(gw, cfg, su->err, su->errlen);
	if (!gw->intercept)
		return false;
	atomic_store(&gw->opens_tls, gw_opens_tls(gw, gw->settings));
	name_parse(DNS_HOST_NAME, sizeof(DNS_HOST_NAME) - 1, &gw->host_name);
	judge_own_echo(gw);
	gw->spare_fd = gw_socket(gw, HOST_UDP, FAMILY_V4, &(struct host_socket_opts){0});
	return publish_open(gw, cfg->publish, cfg->npublish, su->err, su->errlen);
}

/* Everything but link and host; accepts half-built gateways. */
static void
demolish(struct sluice *gw)
{
	gw_end_all(gw);
	event_guest_left(gw, "the gateway ended");
	gw->link->ops->release(gw->link);
	publish_close(gw);
	gw_close(gw, &gw->spare_fd, false);
	free(gw->timewait_mem);
	dns_service_free(gw);
	evidence_free(gw->evidence);
	refusals_free(&gw->refusals);
	interception_free(gw->intercept);
	secret_store_free(gw->secrets);
	settings_free(gw->settings);
	settings_free(atomic_exchange(&gw->settings_next, NULL));
	free(gw->own);
	flows_free(&gw->flows);
	pcapng_done(&gw->pcap);
	if (gw->arena)
		munmap(gw->arena, gw->pool.size);
	if (gw->udp_slots)
		munmap(gw->udp_slots, UDP_SLOTS * UDP_SLOT);
	free(gw->pool_meta);
}

struct sluice *
gw_new(const struct sluice_config *cfg, struct host *host, struct link *link, char *err, size_t errlen)
{
	struct setup su = {err, errlen};
	/* Mostly scratch that may never be used: mapped, so that untouched pages cost nothing. */
	struct sluice *gw =
	    mmap(NULL, sizeof(*gw), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (gw == MAP_FAILED) {
		wrong(&su, "no memory for a gateway (%zu bytes)", sizeof(*gw));
		return NULL;
	}
	gw->host = host;
	gw->link = link;
	gw->spare_fd = -1;
	if (!build(&su, cfg, gw)) {
		demolish(gw);
		munmap(gw, sizeof(*gw));
		return NULL;
	}
	return gw;
}

/* A caller built with an older header says less: what it does not know has its default. */
bool
gw_whole_config(struct setup *su, const struct sluice_config *given, struct sluice_config *whole)
{
	if (given->size < offsetof(struct sluice_config, ipv4) || given->size > sizeof(*whole))
		return wrong(
		    su, "configuration of %zu bytes is not of this library (%zu): call sluice_config_init()",
		    given->size, sizeof(*whole));
	sluice_config_init(whole);
	memcpy(whole, given, given->size);
	whole->size = sizeof(*whole);
	return true;
}

struct sluice *
sluice_new(const struct sluice_config *given, char *err, size_t errlen)
{
	struct setup su = {err, errlen};
	struct sluice_config whole = {0};
	const struct sluice_config *cfg = &whole;
	int error = 0;

	if (errlen)
		err[0] = '\0';
	if (!gw_whole_config(&su, given, &whole))
		return NULL;

	struct host *host = host_kernel(&error);
	if (!host) {
		wrong(&su, "cannot set up the host side: %s", strerror(error));
		return NULL;
	}
	host_kernel_use(host, &(struct host_sources){cfg->clock, cfg->random, cfg->hook_ctx});

	struct link *link = link_open(&su, cfg, host);
	struct sluice *s = link ? gw_new(cfg, host, link, err, errlen) : NULL;
	if (!s) {
		if (link) {
			link_disown(cfg, link);
			link->ops->free(link);
		}
		host_kernel_free(host);
		return NULL;
	}
	s->owns_host = true;
	return s;
}

void
sluice_free(struct sluice *s)
{
	if (!s)
		return;

	struct host *host = s->host;
	struct link *link = s->link;
	bool owned = s->owns_host;

	demolish(s);
	munmap(s, sizeof(*s));
	if (owned) {
		link->ops->free(link);
		host_kernel_free(host);
	}
}

const char *
sluice_error(const struct sluice *s)
{
	return s->error;
}

/* --- counters -------------------------------------------------------------------------------------------------- */

void
sluice_get_stats(const struct sluice *s, struct sluice_stats *st)
{
	const uint64_t *gw = s->count, *in = s->stack.count;
	uint64_t dropped = 0;

	for (int c = COUNT_ETH_SHORT; c < STACK_COUNTS; c++)
		dropped += in[c];
	struct sluice_stats all = {
	    .size = sizeof(all),
	    .frames_in = in[COUNT_FRAMES_IN],
	    .frames_out = in[COUNT_FRAMES_OUT],
	    .bytes_to_host = gw[GW_BYTES_TO_HOST],
	    .bytes_to_guest = gw[GW_BYTES_TO_GUEST],
	    .tcp_opened = gw[GW_TCP_OPENED],
	    .tcp_refused = gw[GW_TCP_REFUSED] + gw[GW_TCP_UNREACHABLE],
	    .tcp_open = s->flows.kind[FLOW_TCP].open,
	    .udp_opened = gw[GW_UDP_OPENED],
	    .udp_open = s->flows.kind[FLOW_UDP].open,
	    .ping_opened = gw[GW_PING_OPENED],
	    .ping_open = s->flows.kind[FLOW_PING].open,
	    .published = gw[GW_PUBLISHED],
	    .dropped = dropped,
	    .limited = gw[GW_TCP_FULL] + gw[GW_UDP_FULL] + gw[GW_PING_FULL] + gw[GW_PUBLISH_FULL] +
		       gw[GW_PACED] + in[COUNT_ICMP_LIMITED],
	    .memory_used = s->pool.used,
	    .memory_peak = s->memory_peak,
	    .turns = gw[GW_TURNS],
	    .refused_by_policy = gw[GW_POLICY_REFUSED],
	    .dns_queries = gw[GW_DNS_QUERIES],
	    .dns_cached = gw[GW_DNS_CACHED],
	    .dns_forwarded = gw[GW_DNS_FORWARDED],
	    .confined = s->confined,
	};
	size_t n = st->size < sizeof(all) ? st->size : sizeof(all);

	all.size = n;
	memcpy(st, &all, n);
}

const char *
sluice_counter(const struct sluice *s, size_t n, uint64_t *value)
{
	if (n < STACK_COUNTS) {
		*value = s->stack.count[n];
		return stack_count_name((enum stack_count)n);
	}
	n -= STACK_COUNTS;
	if (n < GW_COUNTS) {
		*value = s->count[n];
		return gateway_count_name((enum gateway_count)n);
	}
	return NULL;
}

int
sluice_tap_open(char *name, char *err, size_t errlen)
{
	struct setup su = {err, errlen};
	int fd = tap_open(name);

	if (fd >= 0)
		return fd;
	wrong(&su, "cannot open tap '%s': %s%s", name, strerror(-fd),
	      fd == -EACCES || fd == -EPERM
		  ? "; /dev/net/tun must be writable and the namespace yours (CAP_NET_ADMIN)"
	      : fd == -ENOENT ? "; the kernel has no /dev/net/tun: modprobe tun"
	      : fd == -EBUSY  ? "; another program is attached to it"
			      : "");
	return -1;
}
