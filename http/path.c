/*
 * path.c - the path of a request as rules see it
 *
 * A rule about /admin/ is worth what its reading and the server's have in common.  So a path is brought into one form, and
 * where servers are known to read differently (a backslash, "..;", ".." behind a doubled or an escaped slash) it has none.  An
 * escaped slash alone is in daily use ("/@scope%2fname"); it is a slash to rules, which is what a rule's author means by it.
 */
#include "http/request.h"
#include "http/text.h"

struct path {
	char *to;
	size_t len, size;
	bool bad;
};

/* What stands behind scheme "://" authority (RFC 9112 3.2.2); the target itself if it is not absolute. */
static struct view
without_authority(struct view target)
{
	size_t at = text_find(target, ':');

	if (target.len == 0 || target.p[0] == '/' || target.len - at < 3 ||
	    memcmp(target.p + at, "://", 3) != 0)
		return target;
	for (at += 3; at < target.len && !strchr("/?#", target.p[at]);)
		at++;
	return text_part(target, at, target.len - at);
}

static struct view
without_query(struct view target)
{
	size_t query = text_find(target, '?'), fragment = text_find(target, '#');

	target.len = query < fragment ? query : fragment;
	return target;
}

/* The next byte, decoded once; -1: there may be none like it in a path. */
static int
take_byte(struct view *from)
{
	int c = from->p[0];
	size_t n = 1;

	if (c == '%') {
		int hi = from->len > 2 ? text_hex(from->p[1]) : -1,
		    lo = from->len > 2 ? text_hex(from->p[2]) : -1;

		if (hi < 0 || lo < 0)
			return -1;
		c = hi << 4 | lo;
		n = 3;
	}
	*from = text_part(*from, n, from->len - n);
	return c == '\\' || text_is_control((uint8_t)c) ? -1 : c;
}

static void
add(struct path *p, char c)
{
	if (p->len + 1 < p->size)
		p->to[p->len++] = c;
	else
		p->bad = true;
}

/* The segment from `at` to the end, its slash not yet there: "." and ".." take themselves away (RFC 3986 5.2.4). */
static void
end_segment(struct path *p, size_t at, bool unsure)
{
	struct view s = view_of(p->to + at, p->len - at);
	size_t dots = 0;

	while (dots < s.len && dots < 2 && s.p[dots] == '.')
		dots++;
	if (dots == 0 || (dots < s.len && s.p[dots] != ';'))
		return;
	if (dots < s.len || (dots == 2 && (unsure || at == 1))) {
		p->bad = true;
		return;
	}
	p->len = at;
	if (dots == 1)
		return;
	do {
		p->len--;
	} while (p->to[p->len - 1] != '/');
}

static void
resolve(struct path *p, struct view from)
{
	size_t segment = 1;  /* where the present one begins */
	bool unsure = false; /* what ".." takes away is read differently */

	add(p, '/');
	from = text_part(from, 1, from.len - 1);
	while (from.len && !p->bad) {
		bool escaped = from.p[0] == '%';
		int c = take_byte(&from);

		unsure |= escaped && c == '/';
		if (c < 0) {
			p->bad = true;
		} else if (c != '/') {
			add(p, (char)c);
		} else if (p->len == segment) {
			unsure = true;
		} else {
			end_segment(p, segment, unsure);
			/* What was taken away has left its slash. */
			if (!p->bad && p->to[p->len - 1] != '/')
				add(p, '/');
			segment = p->len;
		}
	}
	if (!p->bad)
		end_segment(p, segment, unsure);
}

bool
request_path(struct view target, char *to, size_t size)
{
	struct path p = {.to = to, .size = size};
	struct view from = without_query(without_authority(target));

	to[0] = '\0';
	if (text_same(target, "*") && size > 1) {
		add(&p, '*');
	} else {
		if (target.len && from.len == 0 && target.p[0] != '?' && target.p[0] != '#')
			from = view_of("/", 1); /* RFC 9110 4.2.3: none is "/" */
		if (from.len == 0 || from.p[0] != '/')
			return false;
		resolve(&p, from);
	}
	p.to[p.bad ? 0 : p.len] = '\0';
	return !p.bad;
}
