/*
 * replay_dns.c - a captured answer finds the question that waits for it
 */
#include "proxy/replay_dns.h"

#include <stdlib.h>

#include "dns/query.h"

#define PREFIX 2u

void
replay_dns_answer(struct sluice *gw, struct vhost *v, struct view msg)
{
	uint8_t copy[PREFIX + DNS_MESSAGE_MAX];
	struct dns_awaited to;

	if (msg.len > DNS_MESSAGE_MAX || !dns_awaits(gw, msg, &to))
		return;

	struct wr w = wr_of(copy, sizeof(copy));
	wr_u16(&w, (uint16_t)msg.len);
	wr_u16(&w, to.id);
	wr_bytes(&w, msg.p + 2, msg.len - 2);
	if (to.stream) {
		vhost_settle(v, to.fd, 0);
		vhost_send(v, to.fd, copy, PREFIX + msg.len);
	} else {
		vhost_send_dgram(v, to.fd, NULL, copy + PREFIX, msg.len);
	}
}

static size_t
message_len(const struct replay_dns *s)
{
	struct rd r = rd_of(view_of(s->bytes, PREFIX));

	return PREFIX + (size_t)rd_u16(&r);
}

bool
replay_dns_stream(struct replay_dns *s, struct sluice *gw, struct vhost *v, struct view bytes)
{
	struct rd r = rd_of(bytes);

	if (!s->bytes && !(s->bytes = calloc(1, PREFIX + DNS_MESSAGE_MAX)))
		return false;
	while (rd_left(&r)) {
		size_t want = s->n < PREFIX ? PREFIX : message_len(s);
		struct view part = rd_take(&r, rd_left(&r) < want - s->n ? rd_left(&r) : want - s->n);

		memcpy(s->bytes + s->n, part.p, part.len);
		s->n += part.len;
		if (s->n < PREFIX || s->n < message_len(s))
			continue;
		replay_dns_answer(gw, v, view_of(s->bytes + PREFIX, s->n - PREFIX));
		s->n = 0;
	}
	return true;
}

void
replay_dns_free(struct replay_dns *s)
{
	free(s->bytes);
	*s = (struct replay_dns){.bytes = NULL};
}
