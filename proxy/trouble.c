/*
 * trouble.c - what goes wrong on the host's side, in words a guest or an operator understands
 *
 * errno is translated here and nowhere else.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "proxy/gateway.h"

#define LINE 320

enum trouble
trouble_of(int error)
{
	switch (error) {
	case ECONNREFUSED:
	case ECONNRESET:
		return TROUBLE_REFUSED;
	case ENETUNREACH:
	case ENETDOWN:
	case EAFNOSUPPORT: /* the host has no such family: for the guest, no route */
		return TROUBLE_NET;
	case EACCES:
	case EPERM:
		return TROUBLE_PROHIBITED;
	case ETIMEDOUT:
		return TROUBLE_SILENT;
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
	case ENOSPC:        /* epoll_ctl(2): max_user_watches */
	case EAGAIN:        /* connect(2): no free local port */
	case EADDRNOTAVAIL: /* the same, from another kernel path */
		return TROUBLE_FULL;
	default:
		return TROUBLE_HOST;
	}
}

enum sluice_reason
reason_of(int error)
{
	static const enum sluice_reason reason[] = {
	    [TROUBLE_REFUSED] = SLUICE_REASON_REFUSED,  [TROUBLE_HOST] = SLUICE_REASON_UNREACHABLE,
	    [TROUBLE_NET] = SLUICE_REASON_UNREACHABLE,  [TROUBLE_PROHIBITED] = SLUICE_REASON_UNREACHABLE,
	    [TROUBLE_SILENT] = SLUICE_REASON_TIMED_OUT, [TROUBLE_FULL] = SLUICE_REASON_FULL,
	};

	/* A guest is told of both with a RST; here it matters that somebody was there. */
	if (error == ECONNRESET || error == EPIPE)
		return SLUICE_REASON_HOST_RESET;
	return reason[trouble_of(error)];
}

void
gw_log(struct sluice *gw, enum sluice_log_level level, const char *fmt, ...)
{
	char line[LINE];
	va_list ap;

	if (!gw->log)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	gw->log(gw->log_ctx, level, line);
}

/* Counts, and says whether it is time for a line. */
static bool
is_due(struct sluice *gw, enum gateway_count c)
{
	gw->count[c]++;
	if (gw->said[c] && gw->now < gw->said[c] + USEC_PER_SEC)
		return false;
	gw->said[c] = gw->now ? gw->now : 1;
	return true;
}

void
gw_limit(struct sluice *gw, enum gateway_count c, const char *what, int error)
{
	char line[LINE];

	if (!is_due(gw, c))
		return;
	snprintf(line, sizeof(line), "%s%s%s (%llu in all)", what, error ? ": " : "",
		 error ? strerror(error) : "", (unsigned long long)gw->count[c]);
	gw_log(gw, SLUICE_LOG_WARNING, "%s", line);
	event_limit(gw, line);
}

void
gw_log_paced(struct sluice *gw, enum gateway_count c, const char *fmt, ...)
{
	char line[LINE];
	va_list ap;

	if (!is_due(gw, c))
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	gw_log(gw, SLUICE_LOG_WARNING, "%s (%llu in all)", line, (unsigned long long)gw->count[c]);
}

static const char *const count_names[GW_COUNTS] = {
    [GW_TURNS] = "turns",
    [GW_TCP_OPENED] = "tcp opened",
    [GW_TCP_REFUSED] = "tcp refused by the host",
    [GW_TCP_UNREACHABLE] = "tcp unreachable",
    [GW_TCP_TIMED_OUT] = "tcp dials timed out",
    [GW_TCP_RESET_BY_GUEST] = "tcp reset by the guest",
    [GW_TCP_RESET_BY_HOST] = "tcp reset by the host",
    [GW_TCP_GAVE_UP] = "tcp given up: the guest went silent",
    [GW_TCP_FULL] = "tcp not served: limit reached",
    [GW_TCP_EVICTED] = "tcp half-open flows evicted",
    [GW_UDP_OPENED] = "udp opened",
    [GW_UDP_EVICTED] = "udp flows evicted",
    [GW_UDP_FULL] = "udp not served: limit reached",
    [GW_UDP_LOST] = "udp datagrams lost",
    [GW_UDP_ERRORS] = "udp errors passed to the guest",
    [GW_PING_OPENED] = "ping opened",
    [GW_PING_EVICTED] = "ping flows evicted",
    [GW_PING_FULL] = "ping not served: limit reached",
    [GW_PING_FORBIDDEN] = "ping forbidden by the host",
    [GW_PUBLISHED] = "published connections",
    [GW_PUBLISH_FULL] = "published connections not served",
    [GW_ICMP_REPORTS] = "icmp errors from the guest",
    [GW_HOOK_BAD] = "connect hook: answers of no use",
    [GW_POLICY_REFUSED] = "refused by policy",
    [GW_POLICY_DROPPED] = "dropped by policy",
    [GW_POLICY_PEEKED] = "tcp connections whose name decides",
    [GW_POLICY_REJUDGED] = "flows ended by a reload",
    [GW_PACED] = "flows not begun: too many a second",
    [GW_DNS_QUERIES] = "dns queries",
    [GW_DNS_BAD] = "dns queries that are none",
    [GW_DNS_LOCAL] = "dns answered by the gateway itself",
    [GW_DNS_CACHED] = "dns answered from the cache",
    [GW_DNS_FORWARDED] = "dns forwarded",
    [GW_DNS_FAILED] = "dns failed",
    [GW_DNS_FULL] = "dns queries not served: limit reached",
    [GW_DNS_FILTERED] = "dns answers with something taken out",
    [GW_DNS_STRAY] = "dns messages that answer nothing asked",
    [GW_DNS_TLS_OPENED] = "tls connections to nameservers",
    [GW_DNS_TLS_FAILED] = "tls connections to nameservers that failed",
    [GW_TLS_OPENED] = "tls opened",
    [GW_TLS_BYPASSED] = "tls passed on unopened",
    [GW_TLS_FULL] = "tls not opened: limit reached",
    [GW_TLS_BAD_SERVER] = "tls servers that failed",
    [GW_TLS_UNTRUSTED] = "tls certificates the guest did not take",
    [GW_TLS_RESUMED] = "tls sessions taken up again",
    [GW_REQUESTS] = "requests",
    [GW_REQUESTS_REFUSED] = "requests refused",
    [GW_SECRETS_REFUSED] = "placeholders where they may not be",
    [GW_BODIES_FULL] = "requests refused for want of room: bodies with secrets",
    [GW_BYTES_TO_HOST] = "bytes to host",
    [GW_BYTES_TO_GUEST] = "bytes to guest",
};

const char *
gateway_count_name(enum gateway_count c)
{
	return count_names[c];
}
