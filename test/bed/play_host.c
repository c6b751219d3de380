/*
 * play_host.c - the host's side of every flow, handshakes in one word, and the gateway's inside
 */
#include "test/bed/play.h"

#include <errno.h>

bool
play_host_settles(struct play *r)
{
	int fd = play_flow_of(r)->fd;

	if (fd < 0)
		return play_fail(r, "but the gateway does not dial");
	vhost_settle(r->bed->vhost, fd, (int)r->line->n.k);
	play_settle(r);
	return true;
}

bool
play_client_connects(struct play *r)
{
	struct play_flow *f = play_flow_of(r);
	struct endpoint at = {play_loopback(r->fam), PLAY_PUBLISHED};
	struct endpoint from = {play_loopback(r->fam), (uint16_t)(PLAY_CLIENT_PORT + r->line->flow)};

	play_set_inbound(r, f);
	if (!vhost_client(r->bed->vhost, &at, &from))
		return play_fail(r, "but nobody listens");
	play_settle(r);
	return true;
}

/* Play an action of a line other than the present one. */
static bool
aside(struct play *r, struct script_line *l, bool (*verb)(struct play *r))
{
	const struct script_line *present = r->line;

	r->line = l;
	bool ok = verb(r);
	r->line = present;
	return ok;
}

/* The rest of a handshake that begins with the segment of this line. */
bool
play_guest_opens(struct play *r)
{
	struct script_line step = *r->line;

	step.verb = DO_SEND;
	if (!aside(r, &step, play_send))
		return false;
	step.verb = HOST_SETTLES;
	if (!aside(r, &step, play_host_settles))
		return false;
	step.verb = WANT_SEGMENT;
	step.seg = (struct script_segment){.flags = TCP_SYN | TCP_ACK, .ack = {.match = MATCH_EQ, .k = 1}};
	if (!aside(r, &step, play_want_frame))
		return false;
	step.verb = DO_SEND;
	step.seg = (struct script_segment){.flags = TCP_ACK};
	return aside(r, &step, play_send);
}

bool
play_client_opens(struct play *r)
{
	struct script_line step = *r->line;

	if (!play_client_connects(r))
		return false;
	step.verb = WANT_SEGMENT;
	step.seg = (struct script_segment){.flags = TCP_SYN};
	if (!aside(r, &step, play_want_frame))
		return false;
	step.verb = DO_SEND;
	step.seg = r->line->seg;
	if (!aside(r, &step, play_send))
		return false;
	step.verb = WANT_SEGMENT;
	step.seg = (struct script_segment){.flags = TCP_ACK,
					   .seq = {.match = MATCH_EQ, .k = 1},
					   .ack = {.match = MATCH_EQ, .k = 1},
					   .len = {.match = MATCH_EQ, .k = 0}};
	return aside(r, &step, play_want_frame);
}

bool
play_host_sends(struct play *r)
{
	struct play_flow *f = play_flow_of(r);
	size_t len = play_data(r, &r->line->n, r->line->text, f->host_put, true);

	if ((int64_t)len != play_eval(r, &r->line->n))
		return play_fail(r, "but that is more than %u bytes", PLAY_DATA_MAX);
	size_t took = vhost_send(r->bed->vhost, f->fd, r->data, len);
	play_say(&f->host, f->host_put, r->data, took);
	f->host_put += took;
	if (took != len)
		return play_fail(r, "but its socket holds only %zu of these bytes", took);
	play_settle(r);
	return true;
}

bool
play_host_reads(struct play *r)
{
	struct play_flow *f = play_flow_of(r);
	size_t have = vhost_recv_len(r->bed->vhost, f->fd);
	size_t want = r->line->n.match == MATCH_ANY ? have : (size_t)play_eval(r, &r->line->n);

	if (have < want)
		return play_fail(r, "but only %zu bytes are there", have);
	if (want == 0 && have && r->line->n.match != MATCH_ANY)
		return play_fail(r, "but %zu bytes are there", have);
	for (size_t left = want; left;) {
		size_t n =
		    vhost_recv(r->bed->vhost, f->fd, r->data, left < PLAY_DATA_MAX ? left : PLAY_DATA_MAX);

		if (r->line->text ? memcmp(r->data, r->line->text, n) != 0
				  : !play_agrees(&f->guest, f->host_got, r->data, n))
			return play_fail(r, "but these are not the guest's bytes: '%.*s'", (int)n,
					 (char *)r->data);
		f->host_got += n;
		left -= n;
	}
	play_settle(r);
	return true;
}

bool
play_host_ends(struct play *r)
{
	int fd = play_flow_of(r)->fd;

	if (fd < 0)
		return play_fail(r, "but it has no socket");
	if (r->line->verb == HOST_CLOSES)
		vhost_send_eof(r->bed->vhost, fd);
	else if (r->line->verb == HOST_RESETS)
		vhost_reset(r->bed->vhost, fd);
	else
		vhost_buffers(r->bed->vhost, fd, (size_t)play_eval(r, &r->line->n),
			      (size_t)play_eval(r, &r->line->n));
	play_settle(r);
	return true;
}

bool
play_host_sees(struct play *r)
{
	static const char *const ended[] = {"is still open", "was closed", "was reset"};
	const struct play_flow *f = play_flow_of(r);
	struct vhost *v = r->bed->vhost;

	if (f->fd < 0)
		return play_fail(r, "but it has no socket");
	int how = vhost_closed(v, f->fd);
	bool eof = vhost_got_eof(v, f->fd);

	switch (r->line->verb) {
	case HOST_SEES_EOF:
		return eof && vhost_recv_len(v, f->fd) == 0
			   ? true
			   : play_fail(r, "but it has not, or there are bytes before it");
	case HOST_SEES_CLOSE:
		return how == 1 ? true : play_fail(r, "but the socket %s", ended[how]);
	case HOST_SEES_RESET:
		return how == 2 ? true : play_fail(r, "but the socket %s", ended[how]);
	default:
		return how == 0 && !eof ? true
					: play_fail(r, "but the socket %s", eof ? "got eof" : ended[how]);
	}
}

bool
play_host_sockets(struct play *r)
{
	int64_t n = 0;
	struct endpoint to;

	for (int i = 0, fd; (fd = vhost_find(r->bed->vhost, HOST_TCP, i)) >= 0; i++)
		n += vhost_peer(r->bed->vhost, fd, &to);
	return play_holds(r, &r->line->n, n) ? true : play_fail(r, "but there are %lld", (long long)n);
}

bool
play_host_udp(struct play *r)
{
	struct vhost *v = r->bed->vhost;
	struct endpoint to, dest;
	size_t len, got;
	int fd = -1;

	for (int i = 0; (fd = vhost_find(v, HOST_UDP, i)) >= 0; i++)
		if (vhost_peer(v, fd, &to) && to.port == play_flow_of(r)->tuple.remote.port)
			break;
	if (fd < 0)
		return play_fail(r, "but no UDP socket goes there");
	if (r->line->verb == HOST_REFUSES_UDP) {
		vhost_send_error(v, fd,
				 &(struct host_sockerr){.err = ECONNREFUSED,
							.origin = r->fam == FAMILY_V4 ? 2 : 3,
							.type = r->fam == FAMILY_V4 ? 3 : 1,
							.code = r->fam == FAMILY_V4 ? 3 : 4,
							.offender = to.addr,
							.dest = to});
	} else if (r->line->verb == HOST_SENDS_UDP) {
		len = play_data(r, &r->line->n, r->line->text, 0, true);
		if (!vhost_send_dgram(v, fd, NULL, r->data, len))
			return play_fail(r, "but its socket does not take it");
	} else {
		static uint8_t buf[PLAY_DATA_MAX];

		len = play_data(r, &r->line->n, r->line->text, 0, false);
		if (!vhost_recv_dgram(v, fd, buf, sizeof(buf), &got, &dest))
			return play_fail(r, "but there is no datagram");
		if (got != len || memcmp(buf, r->data, len) != 0)
			return play_fail(r, "but it is one of %zu bytes, or of other bytes", got);
	}
	play_settle(r);
	return true;
}

/* --- the gateway -------------------------------------------------------------------------------------- */

bool
play_gateway_state(struct play *r)
{
	const struct tcp_flow *tf = bed_tcp(r->bed, &play_flow_of(r)->tuple);
	const char *state = tf ? tcp_state_name((enum tcp_state)tf->tcp.state) : "none";

	return strcmp(state, r->line->text) == 0 ? true : play_fail(r, "but it is %s", state);
}

bool
play_gateway_flows(struct play *r)
{
	uint32_t n = r->bed->gw->flows.kind[FLOW_TCP].open;

	return play_holds(r, &r->line->n, n) ? true : play_fail(r, "but there are %u", n);
}
