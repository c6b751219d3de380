/*
 * passt_ports.c - passt's port specifications
 *
 *	SPEC    all | none | auto | [[ADDR][%IF]/]ITEM[,ITEM]...
 *	ITEM    PORT[-PORT][:PORT[-PORT]] | ~PORT[-PORT]
 *
 * Exclusions hold for the whole specification, wherever they stand in it.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "cli/passt.h"

#define PORTS 65536u

struct spec {
	const char *name; /* of the option, for sentences */
	const char *text; /* the whole of it */
	char address[46]; /* "": every address */
	const char *items;
	bool udp;
	uint8_t excluded[PORTS / 8];
};

struct range {
	unsigned first, last;
};

static int
not_ports(const struct spec *s, const char *at, struct failure *f)
{
	return failed(f,
		      "%s %s: '%s' is not PORT[-PORT][:PORT[-PORT]]; write it as in 22,8080:80,100-200,~150",
		      s->name, s->text, at);
}

static bool
take_port(const char **at, unsigned *port)
{
	uint64_t n;
	size_t used = value_digits(*at, &n);

	if (used == 0 || n < 1 || n >= PORTS)
		return false;
	*at += used;
	*port = (unsigned)n;
	return true;
}

static bool
take_range(const char **at, struct range *r)
{
	if (!take_port(at, &r->first))
		return false;
	r->last = r->first;
	if (**at == '-') {
		(*at)++;
		if (!take_port(at, &r->last))
			return false;
	}
	return r->last >= r->first;
}

/* Up to the next item: *at moves past its comma.  False: something else is left of this one. */
static bool
end_item(const char **at)
{
	if (**at == ',')
		(*at)++;
	else if (**at != '\0')
		return false;
	return true;
}

static int
mark_excluded(struct spec *s, bool *any, struct failure *f)
{
	*any = false;
	for (const char *at = s->items; *at;) {
		const char *item = at;
		struct range r;
		if (*at != '~') {
			*any = true;
			at += strcspn(at, ",");
			at += *at == ',';
			continue;
		}
		at++;
		if (!take_range(&at, &r) || !end_item(&at))
			return not_ports(s, item, f);
		for (unsigned p = r.first; p <= r.last; p++)
			s->excluded[p / 8] |= (uint8_t)(1u << p % 8);
	}
	return 0;
}

/* first..last of the host to guest.. of the guest, on each address. */
static int
publish(struct options *o, const struct spec *s, struct range host, unsigned guest, struct passt_families on,
	struct failure *f)
{
	const char *const any[2] = {on.v4 ? "0.0.0.0" : NULL, on.v6 ? "::" : NULL};
	const char *const given[2] = {s->address, NULL};
	const char *const *bind = s->address[0] ? given : any;

	for (int i = 0; i < 2; i++) {
		char text[128];
		if (!bind[i])
			continue;
		bool v6 = strchr(bind[i], ':') != NULL;
		snprintf(text, sizeof(text), "%s%s%s:%u-%u:%u%s", v6 ? "[" : "", bind[i], v6 ? "]" : "",
			 host.first, host.last, guest, s->udp ? "/udp" : "");
		if (options_give(o, "--publish", text, f) < 0)
			return -1;
	}
	return 0;
}

/* The runs of a range between its excluded ports. */
static int
publish_runs(struct options *o, const struct spec *s, struct range host, unsigned guest,
	     struct passt_families on, struct failure *f)
{
	unsigned from = host.first;

	for (unsigned p = host.first; p <= host.last + 1; p++) {
		if (p <= host.last && !(s->excluded[p / 8] & 1u << p % 8))
			continue;
		if (p > from &&
		    publish(o, s, (struct range){from, p - 1}, guest + (from - host.first), on, f) < 0)
			return -1;
		from = p + 1;
	}
	return 0;
}

static int
publish_items(struct options *o, const struct spec *s, struct passt_families on, struct failure *f)
{
	for (const char *at = s->items; *at;) {
		const char *item = at;
		struct range host, guest;
		if (*at == '~') {
			at += strcspn(at, ",");
			at += *at == ',';
			continue;
		}
		if (!take_range(&at, &host))
			return not_ports(s, item, f);
		guest = host;
		if (*at == ':') {
			at++;
			if (!take_range(&at, &guest))
				return not_ports(s, item, f);
			/* libvirt gives the first port of the guest's range alone. */
			if (guest.last == guest.first)
				guest.last = guest.first + (host.last - host.first);
			if (guest.last - guest.first != host.last - host.first || guest.last >= PORTS)
				return failed(f, "%s %s: '%s' has ranges of different sizes; make them alike",
					      s->name, s->text, item);
		}
		if (!end_item(&at))
			return not_ports(s, item, f);
		if (publish_runs(o, s, host, guest.first, on, f) < 0)
			return -1;
	}
	return 0;
}

int
passt_ports(struct options *o, const char *name, const char *text, bool udp, struct passt_families on,
	    struct failure *f)
{
	struct spec s = {.name = name, .text = text, .items = text, .udp = udp};
	const char *slash = strchr(text, '/');
	bool any;

	if (strcmp(text, "none") == 0)
		return 0;
	if (slash) {
		size_t len = (size_t)(slash - text);
		if (memchr(text, '%', len))
			return failed(
			    f,
			    "%s %s: sluice cannot bind to an interface by its name; give an address of "
			    "it, as in 192.0.2.1/22",
			    name, text);
		snprintf(s.address, sizeof(s.address), "%.*s", (int)(len < sizeof(s.address) ? len : 0),
			 text);
		uint8_t bytes[16];
		if (inet_pton(strchr(s.address, ':') ? AF_INET6 : AF_INET, s.address, bytes) != 1)
			return failed(
			    f, "%s %s: no address before the '/'; write it as in 192.0.2.1/22 or ::1/22",
			    name, text);
		s.items = slash + 1;
	}
	if (strcmp(s.items, "all") == 0 || strcmp(s.items, "auto") == 0)
		return failed(f,
			      "%s %s: sluice forwards no ports that are not named; name them, as in "
			      "22,8000-8100",
			      name, text);
	if (*s.items == '\0')
		return not_ports(&s, s.items, f);
	if (mark_excluded(&s, &any, f) < 0)
		return -1;
	if (!any)
		return failed(f,
			      "%s %s: only exclusions, which would forward every other port; name those to "
			      "forward, as in 22,8000-8100,~8050",
			      name, text);
	return publish_items(o, &s, on, f);
}
