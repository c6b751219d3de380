/*
 * dns_host.c - what the host knows of names: its resolv.conf, and whether addresses of a family lead anywhere
 *
 * resolv.conf(5) is looked at when a name is to be asked for, at most once a second, and read again when it has
 * changed.  Where it names systemd-resolved's stub alone and nobody is there (a gateway in a network namespace of
 * its own), the file that names whom the stub would ask is read for a while instead.
 */
#include "proxy/dns_int.h"

#include <errno.h>

#define RESOLV_CONF "/etc/resolv.conf"
#define BEYOND_STUB "/run/systemd/resolve/resolv.conf"
#define FILE_MAX 8192u /* more of one is not read */
#define STUB_GONE (60 * USEC_PER_SEC)
#define PATH_KNOWN (5 * USEC_PER_SEC)

static void
look_at(struct sluice *gw, const char *path)
{
	struct host *h = gw->host;
	struct dns_service *d = gw->dns;
	uint8_t text[FILE_MAX];
	int64_t version = h->ops->file_version(h, path);

	if (d->read && version == d->version)
		return;
	ssize_t n = h->ops->file_read(h, path, text, sizeof(text));

	/* It is there and cannot be read now (no descriptor is left): what is known holds, and it is tried again. */
	d->read = n >= 0 || version == -1;
	if (!d->read)
		return;
	d->version = version;
	dns_servers_file(gw->settings->servers, view_of(text, n > 0 ? (size_t)n : 0));
}

void
dns_host_follow(struct sluice *gw, usec_t now)
{
	struct dns_service *d = gw->dns;

	if (!dns_servers_want_file(gw->settings->servers) || now < d->look_at)
		return;
	d->look_at = now + USEC_PER_SEC;
	if (d->stub_until && now >= d->stub_until) {
		d->stub_until = 0;
		d->read = false;
	}
	look_at(gw, d->stub_until ? BEYOND_STUB : RESOLV_CONF);
}

bool
dns_host_beyond_stub(struct sluice *gw, usec_t now)
{
	struct dns_service *d = gw->dns;

	if (d->stub_until || !dns_servers_only_stub(gw->settings->servers) ||
	    gw->host->ops->file_version(gw->host, BEYOND_STUB) == -1)
		return false;
	d->stub_until = now + STUB_GONE;
	d->read = false;
	look_at(gw, BEYOND_STUB);
	return true;
}

void
dns_host_again(struct sluice *gw)
{
	gw->dns->read = false;
	gw->dns->look_at = 0;
	gw->dns->stub_until = 0;
}

/* --- families --------------------------------------------------------------------------------------------- */

/* Asked of the routing table by connecting a datagram socket, which sends nothing, to a root nameserver. */
static bool
ask_path(struct sluice *gw, enum family fam)
{
	static const struct endpoint root[FAMILIES] = {
	    [FAMILY_V4] = {{{[10] = 0xff, 0xff, 198, 41, 0, 4}}, DNS_PORT},
	    [FAMILY_V6] = {{{0x20, 0x01, 0x05, 0x03, 0xba, 0x3e, [13] = 2, [15] = 0x30}}, DNS_PORT},
	};
	int fd = gw_socket(gw, HOST_UDP, fam, &(struct host_socket_opts){0});

	if (fd < 0)
		return trouble_of(-fd) == TROUBLE_FULL;

	int rc = gw->host->ops->connect(gw->host, fd, &root[fam]);
	gw_close(gw, &fd, false);
	/* A shortage of ours says nothing about the way.  (But a family without an address: EADDRNOTAVAIL.) */
	return rc == 0 || rc == -EINPROGRESS || (rc != -EADDRNOTAVAIL && trouble_of(-rc) == TROUBLE_FULL);
}

static bool
has_path(struct sluice *gw, enum family fam, usec_t now)
{
	struct dns_service *d = gw->dns;

	if (now >= d->path[fam].until) {
		d->path[fam].leads = ask_path(gw, fam);
		d->path[fam].until = now + PATH_KNOWN;
	}
	return d->path[fam].leads;
}

bool
dns_host_suppresses(struct sluice *gw, enum family fam, usec_t now)
{
	if (!gw->stack.cfg.net[fam].on)
		return true;
	/* An embedder that makes the connections knows better than the host's routes. */
	if (gw->connect || !gw->stack.cfg.net[!fam].on)
		return false;
	/* With no way out at all there may still be names of this very network. */
	return !has_path(gw, fam, now) && has_path(gw, !fam, now);
}
