/*
 * event_log.c - events as JSON lines (docs/events.md), never waited for and never half written
 *
 * A line is put together at the end of one buffer of 64 KiB and stays whole there or not at all; the buffer goes to
 * the descriptor in runs that it takes without blocking, whatever its mode, which is not ours to change.  What was
 * left out is counted and said as soon as there is room again.
 *
 * Names, rules and file names come from others: a text is written as JSON with only what is printable and valid
 * UTF-8 as it is, so that no line can be ended, and no terminal be moved, by what it tells of.
 */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "proxy/event.h"
#include "proxy/gateway.h"
#include "stack/time.h"

#define BUFFER 65536u
#define TEXT_MAX 2048u /* bytes of one text that are told; the rest is cut */
#define BURST 100u     /* refusals of one reason at once */
#define PER_SECOND 50u
#define REASONS (SLUICE_REASON_NO_REQUEST + 1)

/* Refusals of one reason. */
struct bucket {
	uint64_t filled_at; /* microseconds of the gateway's clock */
	uint64_t credit;    /* microseconds; one refusal costs a PER_SECOND-th of a second */
	uint64_t suppressed;
	uint64_t said_at; /* when the count was told last */
};

struct sluice_event_log {
	int fd;
	mode_t kind; /* S_IFMT of fd */
	bool gone;   /* nobody will ever read it */
	bool cut;    /* the line being written does not fit */
	bool more;   /* ... and it has a member already */
	struct bucket bucket[REASONS];
	uint64_t lost; /* lines the descriptor did not take */
	size_t len;    /* bytes of whole lines, and of the one being written */
	char bytes[BUFFER];
};

struct sluice_event_log *
sluice_event_log_new(int fd)
{
	struct sluice_event_log *l = calloc(1, sizeof(*l));
	struct stat st;

	if (!l)
		return NULL;
	l->fd = fd;
	l->kind = fstat(fd, &st) == 0 ? st.st_mode & S_IFMT : 0;
	for (size_t i = 0; i < REASONS; i++)
		l->bucket[i].credit = BURST * (USEC_PER_SEC / PER_SECOND);
	return l;
}

/* --- the descriptor ------------------------------------------------------------------------------------------- */

/* A file never waits for anybody, a socket is asked not to; what else is ready, a pipe say, takes PIPE_BUF bytes
 * without waiting (POSIX). */
static ssize_t
write_some(struct sluice_event_log *l, const char *p, size_t n)
{
	struct pollfd ready = {.fd = l->fd, .events = POLLOUT};

	if (l->kind == S_IFREG)
		return write(l->fd, p, n);
	if (l->kind == S_IFSOCK)
		return send(l->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	int r = poll(&ready, 1, 0);
	if (r < 0)
		return -1;
	if (ready.revents & (POLLERR | POLLNVAL)) {
		errno = EPIPE; /* the reader has gone: writing would be a SIGPIPE */
		return -1;
	}
	if (r == 0 || !(ready.revents & POLLOUT)) {
		errno = EAGAIN;
		return -1;
	}
	return write(l->fd, p, n < PIPE_BUF ? n : PIPE_BUF);
}

static void
flush(struct sluice_event_log *l)
{
	size_t done = 0;

	while (done < l->len && !l->gone) {
		ssize_t n = write_some(l, l->bytes + done, l->len - done);

		if (n > 0)
			done += (size_t)n;
		else if (n < 0 && errno == EINTR)
			continue;
		else if (n < 0 && (errno == EPIPE || errno == EBADF || errno == ECONNRESET))
			l->gone = true;
		else
			break;
	}
	memmove(l->bytes, l->bytes + done, l->len - done);
	l->len -= done;
}

/* --- one line --------------------------------------------------------------------------------------------------- */

static void
put(struct sluice_event_log *l, const char *p, size_t n)
{
	if (n > BUFFER - l->len)
		l->cut = true;
	if (l->cut)
		return;
	memcpy(l->bytes + l->len, p, n);
	l->len += n;
}

static void __attribute__((format(printf, 2, 3))) putf(struct sluice_event_log *l, const char *fmt, ...)
{
	char text[128];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	put(l, text, n > 0 ? (size_t)n : 0);
}

static void
key(struct sluice_event_log *l, const char *name)
{
	putf(l, "%s\"%s\":", l->more ? "," : "", name);
	l->more = true;
}

static void
number(struct sluice_event_log *l, const char *name, uint64_t value)
{
	key(l, name);
	putf(l, "%llu", (unsigned long long)value);
}

static void
yes(struct sluice_event_log *l, const char *name, bool value)
{
	if (!value)
		return;
	key(l, name);
	putf(l, "true");
}

/* "" is left out. */
static void
string(struct sluice_event_log *l, const char *name, const char *value)
{
	char text[EVENT_JSON(TEXT_MAX)];

	if (!value || !value[0])
		return;
	key(l, name);
	put(l, text, event_json(value, TEXT_MAX, text));
}

static void
open_line(struct sluice_event_log *l, const char *event, uint64_t now)
{
	struct timespec t = {0};
	struct tm utc = {0};
	char wall[32] = "";

	l->cut = l->more = false;
	clock_gettime(CLOCK_REALTIME, &t);
	gmtime_r(&t.tv_sec, &utc);
	strftime(wall, sizeof(wall), "%Y-%m-%dT%H:%M:%S", &utc);
	putf(l, "{");
	number(l, "v", 1);
	key(l, "time");
	putf(l, "\"%s.%06ldZ\"", wall, t.tv_nsec / 1000);
	number(l, "now", now);
	string(l, "event", event);
}

/* begun: where the line begins.  A line that does not fit is taken back, and counted. */
static bool
close_line(struct sluice_event_log *l, size_t begun)
{
	putf(l, "}\n");
	if (!l->cut)
		return true;
	l->len = begun;
	l->cut = false;
	return false;
}

/* --- what was left out ------------------------------------------------------------------------------------------ */

static bool
has_credit(struct bucket *b, uint64_t now)
{
	const uint64_t full = BURST * (USEC_PER_SEC / PER_SECOND), cost = USEC_PER_SEC / PER_SECOND;
	uint64_t passed = now > b->filled_at ? now - b->filled_at : 0;

	b->credit = passed > full - b->credit ? full : b->credit + passed;
	b->filled_at = now;
	return b->credit >= cost;
}

static void
tell_lost(struct sluice_event_log *l, uint64_t now)
{
	size_t begun = l->len;

	if (l->lost == 0)
		return;
	open_line(l, "lost", now);
	number(l, "count", l->lost);
	if (close_line(l, begun))
		l->lost = 0;
}

/* Once a second for each reason, or all at the end. */
static void
tell_suppressed(struct sluice_event_log *l, uint64_t now, bool all)
{
	for (size_t i = 0; i < REASONS; i++) {
		struct bucket *b = &l->bucket[i];
		size_t begun = l->len;

		if (b->suppressed == 0 || (!all && now - b->said_at < USEC_PER_SEC))
			continue;
		open_line(l, "suppressed", now);
		string(l, "reason", event_code((enum sluice_reason)i));
		number(l, "count", b->suppressed);
		if (!close_line(l, begun))
			return;
		b->suppressed = 0;
		b->said_at = now;
	}
}

/* --- events ----------------------------------------------------------------------------------------------------- */

static const char *const kind_names[] = {
    [SLUICE_EVENT_GUEST_UP] = "guest-up",
    [SLUICE_EVENT_GUEST_GONE] = "guest-gone",
    [SLUICE_EVENT_LEASE] = "lease",
    [SLUICE_EVENT_FLOW_OPENED] = "opened",
    [SLUICE_EVENT_FLOW_REFUSED] = "refused",
    [SLUICE_EVENT_FLOW_CLOSED] = "closed",
    [SLUICE_EVENT_LIMIT] = "limit",
    [SLUICE_EVENT_NAME_REFUSED] = "name-refused",
    [SLUICE_EVENT_REQUEST_REFUSED] = "request-refused",
    [SLUICE_EVENT_RELOADED] = "reloaded",
    [SLUICE_EVENT_REQUEST] = "request",
    [SLUICE_EVENT_SECRET] = "secret",
    [SLUICE_EVENT_TLS_FAILED] = "tls-failed",
    [SLUICE_EVENT_CONFINED] = "confined",
};

static const char *
protocol_name(int protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_ICMP:
		return "icmp";
	case IPPROTO_ICMPV6:
		return "icmpv6";
	default:
		return "";
	}
}

static bool
is_refusal(const struct sluice_event *e)
{
	return e->kind == SLUICE_EVENT_FLOW_REFUSED || e->kind == SLUICE_EVENT_NAME_REFUSED ||
	       e->kind == SLUICE_EVENT_REQUEST_REFUSED || e->kind == SLUICE_EVENT_SECRET ||
	       e->kind == SLUICE_EVENT_TLS_FAILED;
}

/* Those that hold, as a list: also when there is none. */
static void
parts(struct sluice_event_log *l, unsigned confined)
{
	bool more = false;
	const char *name;

	key(l, "confined");
	putf(l, "[");
	for (unsigned n = 0; (name = sluice_confined_name(n)); n++)
		if (confined >> n & 1) {
			putf(l, "%s\"%s\"", more ? "," : "", name);
			more = true;
		}
	putf(l, "]");
}

static void
members(struct sluice_event_log *l, const struct sluice_event *e)
{
	static const uint8_t no_mac[sizeof(e->mac)];

	if (e->reason != SLUICE_REASON_NONE)
		string(l, "reason", e->code);
	string(l, "text", e->text);
	if (e->flow)
		number(l, "flow", e->flow);
	string(l, "protocol", protocol_name(e->protocol));
	yes(l, "published", e->published);
	string(l, "guest", e->guest);
	string(l, "remote", e->remote);
	string(l, "target", e->target);
	string(l, "name", e->name);
	string(l, "name_from", e->name_from);
	string(l, "verdict", e->verdict);
	if (e->rule)
		number(l, "rule", e->rule);
	yes(l, "floor", e->floor);
	string(l, "rule_text", e->rule_text);
	string(l, "file", e->file);
	if (e->line)
		number(l, "line", e->line);
	string(l, "method", e->method);
	string(l, "path", e->path);
	if (e->status)
		number(l, "status", e->status);
	string(l, "secret", e->secret);
	string(l, "where", e->where);
	string(l, "detail", e->detail);
	yes(l, "terminate", e->terminate);
	if (e->kind == SLUICE_EVENT_CONFINED)
		parts(l, e->confined);
	if (e->kind == SLUICE_EVENT_FLOW_CLOSED || e->kind == SLUICE_EVENT_REQUEST) {
		number(l, "bytes_to_host", e->bytes_to_host);
		number(l, "bytes_to_guest", e->bytes_to_guest);
		number(l, "age", e->age);
	}
	if (e->kind == SLUICE_EVENT_REQUEST)
		number(l, "answered", e->answered);
	if (memcmp(e->mac, no_mac, sizeof(no_mac)) != 0) {
		key(l, "mac");
		putf(l, "\"%02x:%02x:%02x:%02x:%02x:%02x\"", e->mac[0], e->mac[1], e->mac[2], e->mac[3],
		     e->mac[4], e->mac[5]);
	}
}

/* May it be told?  It is counted if not. */
static bool
admit(struct sluice_event_log *l, const struct sluice_event *e)
{
	struct bucket *b = &l->bucket[(size_t)e->reason < REASONS ? e->reason : SLUICE_REASON_NONE];

	if (!is_refusal(e))
		return true;
	if (!has_credit(b, e->now)) {
		if (b->suppressed++ == 0)
			b->said_at = e->now;
		return false;
	}
	b->credit -= USEC_PER_SEC / PER_SECOND;
	return true;
}

void
sluice_event_log_write(void *log, const struct sluice_event *e)
{
	struct sluice_event_log *l = log;
	bool told = admit(l, e);

	if (l->gone)
		return;
	/* A line is made only where the buffer's bytes of before have had their chance. */
	if (l->len)
		flush(l);
	tell_lost(l, e->now);
	tell_suppressed(l, e->now, false);
	if (told) {
		size_t begun = l->len;

		open_line(l,
			  (size_t)e->kind < sizeof(kind_names) / sizeof(kind_names[0]) ? kind_names[e->kind]
										       : "unknown",
			  e->now);
		members(l, e);
		if (!close_line(l, begun))
			l->lost++;
	}
	flush(l);
}

void
sluice_event_log_free(struct sluice_event_log *l)
{
	if (!l)
		return;
	uint64_t now = 0;
	for (size_t i = 0; i < REASONS; i++)
		now = l->bucket[i].filled_at > now ? l->bucket[i].filled_at : now;
	flush(l);
	tell_lost(l, now);
	tell_suppressed(l, now, true);
	flush(l);
	free(l);
}
