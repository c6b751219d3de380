/*
 * iface.c - open the tap, then MTU, MAC, up, addresses, routes
 *
 * A tap that was not there before is not persistent: it lives as long as its descriptor, so there is nothing
 * to delete in the end, also after SIGKILL.  One that was there belongs to whoever made it.
 */
#include "cli/iface.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/netlink.h"

#define TUN_NODE "/dev/net/tun"

static int
check_tun(struct failure *f)
{
	if (faccessat(AT_FDCWD, TUN_NODE, R_OK | W_OK, AT_EACCESS) == 0)
		return 0;
	if (errno == EACCES)
		return failed(
		    f, TUN_NODE
		    ": permission denied; run sluice as root, or let users open it (chmod 0666 " TUN_NODE
		    ")");
	return failed(f,
		      TUN_NODE ": %s; load the driver (modprobe tun), and in a container pass the device in",
		      strerror(errno));
}

static void
set_ipv6(const char *ifname, const char *setting, char value)
{
	char path[96];
	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/%s", ifname, setting);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return; /* no IPv6 in this kernel: adding the address will say so */
	ssize_t n = write(fd, &value, 1);
	(void)n;
	close(fd);
}

/*
 * The address is given, not learnt: router advertisements would only add a second one and a second route.
 * Nobody else is on this link, so the link-local address need not be probed for either.
 */
static void
prepare_ipv6(const char *ifname, bool on)
{
	set_ipv6(ifname, "accept_ra", '0');
	set_ipv6(ifname, "accept_dad", '0');
	set_ipv6(ifname, "disable_ipv6", on ? '0' : '1');
}

static int
configure_family(int nl, const struct iface *i, int index, const struct sluice_guest_net *net, int version,
		 struct failure *f)
{
	if (!net->on)
		return 0;
	int error = netlink_add_address(nl, index, net->address, net->plen);
	if (error < 0)
		return failed(
		    f, "%s: cannot have the address %s/%u: %s; give another with --guest, or --no-ipv%d",
		    i->name, net->address, net->plen, strerror(-error), version);
	error = netlink_add_default_route(nl, index, net->gateway);
	if (error < 0)
		return failed(f, "%s: cannot route through %s: %s; give another with --gateway", i->name,
			      net->gateway, strerror(-error));
	return 0;
}

static int
loopback_up(int nl, struct failure *f)
{
	struct netlink_link lo;
	int error = netlink_find(nl, "lo", &lo);

	if (error == 0 && !lo.up)
		error = netlink_up(nl, lo.index);
	return error == 0 ? 0
			  : failed(f, "lo: cannot be brought up: %s; run sluice as root", strerror(-error));
}

static int
configure(int nl, const struct iface_wish *wish, struct iface *out, bool made, struct failure *f)
{
	struct netlink_link link;
	uint32_t mtu = wish->mtu ? wish->mtu : made ? wish->mtu_new : 0;
	int error = netlink_find(nl, out->name, &link);

	if (error == 0 && wish->net)
		prepare_ipv6(out->name, wish->net->ipv6.on);
	if (error == 0 && (mtu || wish->mac))
		error = netlink_set_link(nl, link.index, mtu, wish->mac);
	if (error == 0 && !link.up)
		error = netlink_up(nl, link.index);
	if (error == 0)
		error = netlink_find(nl, out->name, &link);
	if (error < 0)
		return failed(f,
			      "%s: cannot be brought up: %s; run sluice as root, or in the user namespace it "
			      "belongs to",
			      out->name, strerror(-error));
	if (link.mtu < 1280 || link.mtu > 65520)
		return failed(f, "%s: its MTU is %u, sluice serves 1280 to 65520; set one with --mtu",
			      out->name, link.mtu);
	memcpy(out->mac, link.mac, sizeof(out->mac));
	out->mtu = link.mtu;

	if (!wish->net)
		return 0;
	if (loopback_up(nl, f) < 0 || configure_family(nl, out, link.index, &wish->net->ipv4, 4, f) < 0)
		return -1;
	return configure_family(nl, out, link.index, &wish->net->ipv6, 6, f);
}

int
iface_make(const struct iface_wish *wish, struct iface *out, struct failure *f)
{
	struct netlink_link before;

	if (check_tun(f) < 0)
		return -1;
	int nl = netlink_open();
	if (nl < 0)
		return failed(f, "cannot configure interfaces: %s; the kernel must have netlink sockets",
			      strerror(-nl));
	bool made = netlink_find(nl, wish->name, &before) == -ENODEV;

	snprintf(out->name, sizeof(out->name), "%s", wish->name);
	out->fd = sluice_tap_open(out->name, f->text, sizeof(f->text));
	int r = out->fd < 0 ? -1 : configure(nl, wish, out, made, f);
	if (r < 0 && out->fd >= 0)
		close(out->fd);
	close(nl);
	return r;
}
