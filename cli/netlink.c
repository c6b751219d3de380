/*
 * netlink.c - a small writer of rtnetlink requests and reader of their answers
 *
 * A request is a header, one struct of the kernel's, and attributes; every request asks for an
 * acknowledgement, so the answer is either the one object asked for or an error number.  The structs are the
 * kernel's own, in host byte order, copied in and out of bytes.
 */
#include "cli/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

int
netlink_open(void)
{
	int nl = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (nl < 0)
		return -errno;
	/* The kernel answers before sendto() returns; the limit only turns a surprise into an error. */
	struct timeval limit = {.tv_sec = 5};
	setsockopt(nl, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return nl;
}

/* --- writing --------------------------------------------------------------------------------------- */

struct request {
	uint8_t bytes[256]; /* the largest here needs 72 */
	size_t len;
};

static void
put(struct request *r, const void *data, size_t len)
{
	size_t padded = NLMSG_ALIGN(len);

	if (padded > sizeof(r->bytes) - r->len)
		return; /* send_request() sees it: nothing here comes near */
	memcpy(r->bytes + r->len, data, len);
	memset(r->bytes + r->len + len, 0, padded - len);
	r->len += padded;
}

static struct request
request(uint16_t type, uint16_t flags, const void *body, size_t len)
{
	struct request r = {.len = 0};
	struct nlmsghdr h = {.nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags};

	put(&r, &h, sizeof(h));
	put(&r, body, len);
	return r;
}

static void
attribute(struct request *r, uint16_t type, const void *data, size_t len)
{
	struct rtattr a = {.rta_type = type, .rta_len = (uint16_t)RTA_LENGTH(len)};

	put(r, &a, sizeof(a));
	put(r, data, len);
}

/* --- answers --------------------------------------------------------------------------------------- */

static void
read_link(const uint8_t *body, size_t len, struct netlink_link *out)
{
	struct ifinfomsg info;

	if (len < sizeof(info))
		return;
	memcpy(&info, body, sizeof(info));
	out->index = info.ifi_index;
	out->up = info.ifi_flags & IFF_UP;
	for (size_t at = NLMSG_ALIGN(sizeof(info)); at + sizeof(struct rtattr) <= len;) {
		struct rtattr a;
		memcpy(&a, body + at, sizeof(a));
		if (a.rta_len < sizeof(a) || a.rta_len > len - at)
			return;
		const uint8_t *value = body + at + sizeof(a);
		size_t n = a.rta_len - sizeof(a);
		if (a.rta_type == IFLA_ADDRESS && n == sizeof(out->mac))
			memcpy(out->mac, value, n);
		else if (a.rta_type == IFLA_MTU && n == sizeof(out->mtu))
			memcpy(&out->mtu, value, n);
		at += RTA_ALIGN(a.rta_len);
	}
}

/*
 * The messages of one datagram.  1: the acknowledgement was not among them yet; otherwise its error, 0 or
 * negative.
 */
static int
read_answer(const uint8_t *p, size_t len, struct netlink_link *link)
{
	while (len >= sizeof(struct nlmsghdr)) {
		struct nlmsghdr h;
		memcpy(&h, p, sizeof(h));
		if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > len)
			return -EPROTO;
		const uint8_t *body = p + sizeof(h);
		size_t n = h.nlmsg_len - sizeof(h);
		if (h.nlmsg_type == NLMSG_ERROR && n >= sizeof(int)) {
			int error;
			memcpy(&error, body, sizeof(error));
			return error;
		}
		if (h.nlmsg_type == RTM_NEWLINK && link)
			read_link(body, n, link);
		size_t step = NLMSG_ALIGN(h.nlmsg_len);
		p += step < len ? step : len;
		len -= step < len ? step : len;
	}
	return 1;
}

static int
send_request(int nl, struct request *r, struct netlink_link *link)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct nlmsghdr h;

	memcpy(&h, r->bytes, sizeof(h));
	h.nlmsg_len = (uint32_t)r->len;
	memcpy(r->bytes, &h, sizeof(h));
	if (sendto(nl, r->bytes, r->len, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return -errno;

	int answer = 1;
	while (answer == 1) {
		uint8_t bytes[16384]; /* an interface describes itself in 1 to 2 KiB */
		ssize_t n = recv(nl, bytes, sizeof(bytes), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		answer = read_answer(bytes, (size_t)n, link);
	}
	return answer;
}

/* --- requests -------------------------------------------------------------------------------------- */

int
netlink_find(int nl, const char *name, struct netlink_link *out)
{
	struct ifinfomsg info = {.ifi_family = AF_UNSPEC};
	struct request r = request(RTM_GETLINK, 0, &info, sizeof(info));

	attribute(&r, IFLA_IFNAME, name, strlen(name) + 1);
	memset(out, 0, sizeof(*out));
	int error = send_request(nl, &r, out);
	return error == 0 && out->index == 0 ? -ENODEV : error;
}

int
netlink_set_link(int nl, int index, uint32_t mtu, const uint8_t mac[6])
{
	struct ifinfomsg info = {.ifi_family = AF_UNSPEC, .ifi_index = index};
	struct request r = request(RTM_NEWLINK, 0, &info, sizeof(info));

	if (mtu)
		attribute(&r, IFLA_MTU, &mtu, sizeof(mtu));
	if (mac)
		attribute(&r, IFLA_ADDRESS, mac, 6);
	return send_request(nl, &r, NULL);
}

int
netlink_up(int nl, int index)
{
	struct ifinfomsg info = {
	    .ifi_family = AF_UNSPEC,
	    .ifi_index = index,
	    .ifi_flags = IFF_UP,
	    .ifi_change = IFF_UP,
	};
	struct request r = request(RTM_NEWLINK, 0, &info, sizeof(info));

	return send_request(nl, &r, NULL);
}

struct address {
	bool v6;
	uint8_t bytes[16]; /* network order; IPv4 has the first four */
};

static bool
parse(const char *text, struct address *a)
{
	a->v6 = strchr(text, ':') != NULL;
	return inet_pton(a->v6 ? AF_INET6 : AF_INET, text, a->bytes) == 1;
}

int
netlink_add_address(int nl, int index, const char *address, unsigned plen)
{
	struct address a;

	if (!parse(address, &a))
		return -EINVAL;
	struct ifaddrmsg info = {
	    .ifa_family = a.v6 ? AF_INET6 : AF_INET,
	    .ifa_prefixlen = (uint8_t)plen,
	    .ifa_flags = a.v6 ? IFA_F_NODAD : 0,
	    .ifa_index = (uint32_t)index,
	};
	struct request r = request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, &info, sizeof(info));
	size_t len = a.v6 ? 16 : 4;

	attribute(&r, IFA_LOCAL, a.bytes, len);
	attribute(&r, IFA_ADDRESS, a.bytes, len);
	if (!a.v6 && plen <= 30) {
		/* The kernel derives no broadcast address by itself (devinet.c). */
		uint8_t broadcast[4];
		for (unsigned i = 0; i < 4; i++) {
			unsigned covered = plen > 8 * i ? plen - 8 * i : 0;
			broadcast[i] = (uint8_t)(a.bytes[i] | (covered < 8 ? 0xffu >> covered : 0));
		}
		attribute(&r, IFA_BROADCAST, broadcast, sizeof(broadcast));
	}
	return send_request(nl, &r, NULL);
}

int
netlink_add_default_route(int nl, int index, const char *gateway)
{
	struct address a;

	if (!parse(gateway, &a))
		return -EINVAL;
	struct rtmsg info = {
	    .rtm_family = a.v6 ? AF_INET6 : AF_INET,
	    .rtm_table = RT_TABLE_MAIN,
	    .rtm_protocol = RTPROT_STATIC,
	    .rtm_scope = RT_SCOPE_UNIVERSE,
	    .rtm_type = RTN_UNICAST,
	};
	struct request r = request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, &info, sizeof(info));

	attribute(&r, RTA_GATEWAY, a.bytes, a.v6 ? 16 : 4);
	attribute(&r, RTA_OIF, &index, sizeof(index));
	return send_request(nl, &r, NULL);
}
