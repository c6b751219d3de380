/*
 * value.c - parsers of numbers and links
 */
#include "cli/value.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>

/* --- numbers --------------------------------------------------------------------------------------- */

size_t
value_digits(const char *text, uint64_t *out)
{
	uint64_t n = 0;
	size_t i = 0;

	/* 18 digits always fit 64 bits, and nothing here is longer. */
	for (; text[i] >= '0' && text[i] <= '9'; i++) {
		if (i == 18)
			return 0;
		n = n * 10 + (uint64_t)(text[i] - '0');
	}
	*out = n;
	return i;
}

bool
value_number(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	uint64_t n;
	size_t used = value_digits(text, &n);

	if (used == 0 || text[used] != '\0' || n < min || n > max)
		return false;
	*out = n;
	return true;
}

/* --- links ----------------------------------------------------------------------------------------- */

static int
tap_link(const char *name, struct value_link *l, struct failure *f)
{
	size_t len = strcspn(name, "@");

	if (len == 0 || len >= sizeof(l->ifname))
		return failed(f, "%s: an interface name has 1 to 15 characters, as in tap:tap0", l->text);
	for (size_t i = 0; i < len; i++)
		if (!isgraph((unsigned char)name[i]) || strchr("/:%", name[i]))
			return failed(f,
				      "%s: '%c' cannot be in an interface name; write letters and digits, as "
				      "in tap:tap0",
				      l->text, name[i]);
	memcpy(l->ifname, name, len);
	if (strcmp(l->ifname, ".") == 0 || strcmp(l->ifname, "..") == 0)
		return failed(
		    f, "%s: '%s' cannot be an interface name; write letters and digits, as in tap:tap0",
		    l->text, l->ifname);

	if (name[len] == '@') {
		uint64_t pid;
		l->netns = name + len + 1;
		if (*l->netns == '\0')
			return failed(
			    f, "%s: no namespace behind the @; give a path such as /run/netns/x, or a pid",
			    l->text);
		l->netns_is_pid = value_number(l->netns, 1, INT_MAX, &pid);
		if (!l->netns_is_pid && !strchr(l->netns, '/'))
			return failed(f, "%s: '%s' is neither a path nor a pid; did you mean /run/netns/%s?",
				      l->text, l->netns, l->netns);
	}
	return 0;
}

static int
fd_link(const char *number, struct value_link *l, struct failure *f)
{
	uint64_t n;

	if (!value_number(number, 0, INT_MAX, &n))
		return failed(f, "%s: '%s' is not the number of a descriptor; write it as in fd:3", l->text,
			      number);
	l->fd = (int)n;
	return 0;
}

int
value_path(const char *what, const char *text, struct failure *f)
{
	if (*text == '\0')
		return failed(f, "%s: the socket's path is empty; write one as in /tmp/guest.socket", what);
	if (strlen(text) > VALUE_PATH_MAX)
		return failed(
		    f,
		    "%s: the path has %zu bytes, that of a socket %d at most; choose a shorter one, "
		    "as in /run/guest.socket",
		    what, strlen(text), VALUE_PATH_MAX);
	return 0;
}

static int
path_link(const char *path, struct value_link *l, struct failure *f)
{
	l->path = path;
	return value_path(l->text, path, f);
}

static const struct {
	const char *prefix;
	enum value_link_kind kind;
	int (*take)(const char *rest, struct value_link *l, struct failure *f);
} links[] = {
    {"tap:", LINK_TAP, tap_link},
    {"qemu:", LINK_QEMU, path_link},
    {"qemu-connect:", LINK_QEMU_CONNECT, path_link},
    {"fd:", LINK_FD, fd_link},
    {"vfkit:", LINK_VFKIT, path_link},
    {"vhost-user:", LINK_VHOST_USER, path_link},
    {"vhost-user-connect:", LINK_VHOST_USER_CONNECT, path_link},
};

int
value_link(const char *text, struct value_link *out, struct failure *f)
{
	struct value_link l = {.text = text, .fd = -1};

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		size_t len = strlen(links[i].prefix);
		if (strncmp(text, links[i].prefix, len) != 0)
			continue;
		l.kind = links[i].kind;
		if (links[i].take(text + len, &l, f) < 0)
			return -1;
		*out = l;
		return 0;
	}
	return failed(f,
		      "%s: not a link sluice knows; write tap:IFNAME, tap:IFNAME@NETNS, qemu:PATH, fd:N, "
		      "vfkit:PATH or vhost-user:PATH (sluice serve --help)",
		      text);
}
