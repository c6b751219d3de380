/*
 * dial.c - where a guest's destination really is, and the host sockets that go there
 */
#include <errno.h>

#include "proxy/gateway.h"

#define DNS_PORT 53u

static struct addr
loopback(enum family fam)
{
	return fam == FAMILY_V4 ? addr_v4(0x7f000001) : (struct addr){{[15] = 1}};
}

bool
dial_is_dns(const struct sluice *gw, const struct addr *a)
{
	return addr_eq(a, &gw->stack.cfg.net[addr_family(a)].dns);
}

bool
dial_target(struct sluice *gw, const struct endpoint *remote, unsigned attempt, usec_t now,
	    struct endpoint *out)
{
	if (dial_is_dns(gw, &remote->addr))
		return remote->port == DNS_PORT && resolver_pick(&gw->resolver, gw->host, attempt, now, out);

	if (stack_is_ours(&gw->stack, &remote->addr)) {
		enum family fam = addr_family(&remote->addr);

		*out = (struct endpoint){loopback(attempt == 0 ? fam : !fam), remote->port};
		return attempt < FAMILIES;
	}
	*out = *remote;
	return attempt == 0;
}

void
dial_refused(struct sluice *gw, const struct endpoint *remote, const struct endpoint *target)
{
	if (dial_is_dns(gw, &remote->addr))
		resolver_failed(&gw->resolver, target);
}

bool
gw_files_left(const struct sluice *gw)
{
	return gw->files < gw->max_files;
}

int
gw_socket(struct sluice *gw, enum host_kind kind, enum family fam, const struct host_socket_opts *o)
{
	if (!gw_files_left(gw))
		return -EMFILE;

	int fd = gw->host->ops->socket(gw->host, kind, fam, o);
	if (fd >= 0)
		gw->files++;
	return fd;
}

void
gw_close(struct sluice *gw, int *fd, bool reset)
{
	if (*fd < 0)
		return;
	gw->host->ops->close(gw->host, *fd, reset);
	*fd = -1;
	gw->files--;
}
