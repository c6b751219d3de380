/*
 * replay.c - a capture through a whole gateway, on a virtual clock: what would it have answered?
 *
 * The gateway is the real one (gw_new()), on a link of memory and a host of memory.  The clock is the
 * capture's own: it stands at a frame's moment while the frame is handled, and between two frames it jumps
 * from deadline to deadline.  Nothing else moves it, and nothing is left to luck, so that the output is a
 * function of the input.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "link/memlink.h"
#include "link/pcapng.h"
#include "link/vhost.h"
#include "proxy/config.h"
#include "proxy/gateway.h"
#include "proxy/replay_far.h"
#include "proxy/replay_plan.h"

#define CAPTURE_MAX ((size_t)1 << 30)        /* bytes of a capture: all of it is held in memory */
#define START USEC_PER_SEC                   /* the clock at the first frame */
#define SPAN_MAX (30 * 86400 * USEC_PER_SEC) /* of the virtual clock: further on, a timestamp is broken */
#define TAIL USEC_PER_SEC                    /* after the last frame: what is still to be said is said */
#define TURNS_MAX 100000u                    /* at one moment, without rest: our own mistake */
#define SEED 1u                              /* of all randomness */
#define DEFAULT_MTU 1500u
#define FILES 65535u                     /* the virtual host's descriptors: no limit of this machine's */
#define PORTS_MAX 1024u                  /* published for the sake of the capture */
#define MEMORY_MIN ((uint64_t)128 << 20) /* sluice.h's default */
#define MEMORY_MAX ((uint64_t)16 << 30)  /* reserved, not used */

struct replay {
	struct setup su;
	const char *in_path, *out_path;
	struct view file;
	uint8_t *bytes;
	struct replay_plan plan;
	struct sluice_config cfg;
	int out_fd;
	struct host *kernel; /* writes the output */
	struct pcapng out;
	struct vhost *vhost;
	struct memlink *mem;
	struct sluice *gw;
	struct replay_far *far;
	struct sluice_publish publish[PORTS_MAX];
	uint8_t frame[FRAME_MAX]; /* the guest's frame at hand */
	struct sluice_replay_stats st;
};

/* --- files ---------------------------------------------------------------------------------------------- */

/* The whole file; a regular one, or a pipe. */
static bool
read_all(struct replay *r, int fd)
{
	size_t room = 1u << 20, len = 0;
	ssize_t n = 1;

	r->bytes = malloc(room);
	while (r->bytes && n != 0 && len <= CAPTURE_MAX) {
		if (len == room) {
			uint8_t *more = realloc(r->bytes, room *= 2);

			if (!more)
				return wrong(&r->su, "no memory for %s: %zu bytes are not enough", r->in_path,
					     len);
			r->bytes = more;
		}
		n = read(fd, r->bytes + len, room - len);
		if (n < 0 && errno != EINTR)
			return wrong(&r->su, "cannot read %s: %s", r->in_path, strerror(errno));
		if (n > 0)
			len += (size_t)n;
	}
	if (!r->bytes)
		return wrong(&r->su, "no memory to read %s", r->in_path);
	if (len > CAPTURE_MAX)
		return wrong(&r->su, "%s is larger than %zu bytes: cut it with editcap", r->in_path,
			     CAPTURE_MAX);
	r->file = view_of(r->bytes, len);
	return true;
}

static bool
load(struct replay *r)
{
	int fd = open(r->in_path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return wrong(&r->su, "cannot open %s: %s", r->in_path, strerror(errno));

	bool ok = read_all(r, fd);
	close(fd);
	return ok;
}

static bool
open_output(struct replay *r)
{
	int error = 0;

	r->kernel = host_kernel(&error);
	if (!r->kernel)
		return wrong(&r->su, "cannot set up the host side: %s", strerror(error));
	r->out_fd = open(r->out_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (r->out_fd < 0)
		return wrong(&r->su, "cannot write %s: %s", r->out_path, strerror(errno));

	int rc = pcapng_init(&r->out, r->kernel, r->out_fd, r->plan.first - START);
	if (rc < 0)
		return wrong(&r->su, "cannot write %s: %s", r->out_path, strerror(-rc));
	return true;
}

static void
sent(void *ctx, const struct frame *f)
{
	struct replay *r = ctx;

	r->st.frames_out++;
	pcapng_frame(&r->out, f, PCAPNG_TO_GUEST, vhost_time(r->vhost));
}

/* --- time ------------------------------------------------------------------------------------------------- */

/* Is there work that needs neither time nor a frame? */
static bool
is_busy(const struct replay *r)
{
	const struct sluice *gw = r->gw;

	return memlink_waiting(r->mem) || gw->link_more || gw->host_more || gw->flows.ready_first ||
	       gw_deadline(gw) <= vhost_time(r->vhost);
}

/* Turns until nothing more happens at this moment: what a turn does at a socket shows in the next one. */
static bool
settle(struct replay *r)
{
	unsigned quiet = 0;

	for (unsigned turns = 0; quiet < 2; turns++) {
		if (turns == TURNS_MAX)
			return wrong(&r->su, "the gateway does not rest at %.6f s of %s",
				     (double)(vhost_time(r->vhost) - START) / 1e6, r->in_path);
		gw_turn(r->gw, true, true, vhost_time(r->vhost));
		quiet = is_busy(r) ? 0 : quiet + 1;
	}
	return true;
}

/* From deadline to deadline up to a moment, which the clock then shows. */
static bool
advance(struct replay *r, usec_t until)
{
	for (usec_t next; (next = gw_deadline(r->gw)) < until;) {
		if (next > vhost_time(r->vhost))
			vhost_set_time(r->vhost, next);
		if (!settle(r))
			return false;
	}
	vhost_set_time(r->vhost, until);
	return true;
}

/* --- the replay --------------------------------------------------------------------------------------------- */

static bool
is_published(const struct replay *r, uint16_t port, bool udp)
{
	for (size_t i = 0; i < r->cfg.npublish; i++) {
		const struct sluice_publish *p = &r->cfg.publish[i];
		uint16_t first = p->guest_first ? p->guest_first : p->host_first;

		if (p->udp == udp && port >= first && port - first <= p->host_last - p->host_first)
			return true;
	}
	return false;
}

/* Ports of the guest that somebody in the capture turned to, and that cfg does not publish, are. */
static bool
publish(struct replay *r)
{
	size_t n = r->cfg.npublish;

	if (n > PORTS_MAX)
		return wrong(&r->su, "%zu published ports or ranges: a replay takes %u", n, PORTS_MAX);
	if (n)
		memcpy(r->publish, r->cfg.publish, n * sizeof(r->publish[0]));
	for (uint32_t i = 0; i < 2 * 65536u && n < PORTS_MAX; i++) {
		bool udp = i >= 65536u;
		uint16_t port = (uint16_t)i;

		if (port == 0 || is_published(r, port, udp) ||
		    !replay_has_port(udp ? &r->plan.udp_in : &r->plan.tcp_in, port))
			continue;
		r->publish[n++] = (struct sluice_publish){.host_first = port, .host_last = port, .udp = udp};
	}
	r->cfg.publish = r->publish;
	r->cfg.npublish = n;
	return true;
}

/* What the guest sent into the captured far end's windows must have room in ours. */
static uint32_t
first_ring(const struct replay *r)
{
	uint32_t ring = POOL_BLOCK_MIN, most = r->cfg.max_ring ? r->cfg.max_ring : POOL_BLOCK_MAX;

	while (ring < r->plan.window && ring < most)
		ring *= 2;
	return ring;
}

static void
widen(struct replay *r)
{
	struct tcp_conf *conf = &r->gw->tcp_conf;
	uint32_t ring = first_ring(r);

	if (conf->ring_first < ring)
		conf->ring_first = ring;
	if (conf->ring_max < ring)
		conf->ring_max = ring;
}

static void
choose(struct replay *r)
{
	uint64_t rings = 2 * r->plan.nsyn * first_ring(r);

	memcpy(r->cfg.guest_mac, r->plan.guest.b, sizeof(r->cfg.guest_mac));
	memcpy(r->cfg.gateway_mac, r->plan.gateway.b, sizeof(r->cfg.gateway_mac));
	r->cfg.pcap_fd = -1;
	r->cfg.connect = NULL; /* nothing is connected */
	if (!r->cfg.max_files)
		r->cfg.max_files = FILES;
	if (!r->cfg.memory)
		r->cfg.memory = MEMORY_MIN + (rings < MEMORY_MAX ? rings : MEMORY_MAX);
}

static bool
build(struct replay *r)
{
	static const char resolv_conf[] = "nameserver 192.0.2.53\n";
	struct link_limits lim = {.mtu = r->cfg.mtu ? r->cfg.mtu : DEFAULT_MTU};

	choose(r);
	if (!publish(r))
		return false;
	r->vhost = vhost_new(SEED);
	if (r->vhost) {
		vhost_set_time(r->vhost, START);
		r->mem = memlink_new(vhost_host(r->vhost), &lim);
	}
	if (!r->mem || !vhost_put_file(r->vhost, "/etc/resolv.conf", resolv_conf, sizeof(resolv_conf) - 1))
		return wrong(&r->su, "no memory for a replay");
	memlink_on_frame(r->mem, sent, r);
	r->gw = gw_new(&r->cfg, vhost_host(r->vhost), memlink_link(r->mem), r->su.err, r->su.errlen);
	if (!r->gw)
		return false;
	widen(r);
	r->far = replay_far_new(r->gw, r->vhost, !r->plan.has_far);
	return r->far || wrong(&r->su, "no memory for a replay");
}

/* The moment of a frame on the virtual clock; time that runs backwards stands still. */
static bool
moment(struct replay *r, const struct pcap_frame *f, size_t at, usec_t *when)
{
	usec_t now = vhost_time(r->vhost);

	*when = f->when > r->plan.first ? START + (f->when - r->plan.first) : START;
	if (*when < now)
		*when = now;
	if (*when - START > SPAN_MAX)
		return wrong(&r->su,
			     "%s: the frame before offset %zu is more than 30 days after the first one: "
			     "cut the capture or mend its times with editcap",
			     r->in_path, at);
	return true;
}

static bool
feed_guest(struct replay *r, const struct pcap_frame *f)
{
	struct offload off;

	r->st.frames_in++;
	/* Longer than any link carries: the guest cannot have sent it. */
	if (f->bytes.len > FRAME_MAX)
		return true;
	memcpy(r->frame, f->bytes.p, f->bytes.len);
	if (!replay_far_fit(r->far, r->frame, f->bytes.len, &off) ||
	    !memlink_push(r->mem, view_of(r->frame, f->bytes.len), &off))
		return wrong(&r->su, "no memory for the connections of %s", r->in_path);
	if (!settle(r))
		return false;
	replay_far_take(r->far, view_of(r->frame, f->bytes.len));
	return settle(r);
}

static bool
feed(struct replay *r, const struct pcap_frame *f)
{
	if (replay_is_guests(&r->plan, f))
		return feed_guest(r, f);
	r->st.frames_other++;
	if (!replay_far_play(r->far, f->bytes, vhost_time(r->vhost)))
		return wrong(&r->su, "no memory for the connections of %s", r->in_path);
	return settle(r);
}

static bool
run(struct replay *r)
{
	struct pcap_reader reader;
	struct pcap_frame f;
	usec_t when;

	if (!pcap_read_open(&reader, r->file))
		return false;
	while (pcap_read_next(&reader, &f) > 0)
		if (!moment(r, &f, reader.at, &when) || !advance(r, when) || !feed(r, &f))
			return false;
	if (!advance(r, vhost_time(r->vhost) + TAIL))
		return false;
	r->st.virtual_us = (uint64_t)(vhost_time(r->vhost) - START);
	if (r->out.error)
		return wrong(&r->su, "cannot write %s: %s", r->out_path, strerror(r->out.error));
	return true;
}

static void
clear(struct replay *r)
{
	replay_far_free(r->far);
	sluice_free(r->gw);
	memlink_free(r->mem);
	if (r->vhost)
		vhost_free(r->vhost);
	pcapng_done(&r->out);
	if (r->out_fd >= 0)
		close(r->out_fd);
	if (r->kernel)
		host_kernel_free(r->kernel);
	free(r->bytes);
	free(r);
}

static bool
plan(struct replay *r)
{
	struct mac guest, gateway;
	char why[256];

	memcpy(guest.b, r->cfg.guest_mac, sizeof(guest.b));
	memcpy(gateway.b, r->cfg.gateway_mac, sizeof(gateway.b));
	if (replay_plan(&r->plan, r->file, guest, gateway, why, sizeof(why)))
		return true;
	return wrong(&r->su, "cannot replay %s: %s", r->in_path, why);
}

int
sluice_replay(const struct sluice_config *cfg, const char *in_path, const char *out_path,
	      struct sluice_replay_stats *st, char *err, size_t errlen)
{
	struct setup su = {err, errlen};
	struct replay *r;

	if (cfg->size != sizeof(*cfg)) {
		wrong(&su,
		      "configuration of %zu bytes is not of this library (%zu): call sluice_config_init()",
		      cfg->size, sizeof(*cfg));
		return -1;
	}
	r = calloc(1, sizeof(*r));
	if (!r) {
		wrong(&su, "no memory for a replay");
		return -1;
	}
	r->su = su;
	r->in_path = in_path;
	r->out_path = out_path;
	r->cfg = *cfg;
	r->out_fd = -1;

	bool ok = load(r) && plan(r) && build(r) && open_output(r) && run(r);
	if (ok && st) {
		size_t size = st->size < sizeof(r->st) ? st->size : sizeof(r->st);

		r->st.size = size;
		memcpy(st, &r->st, size);
	}
	clear(r);
	return ok ? 0 : -1;
}
