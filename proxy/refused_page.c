/*
 * refused_page.c - the last words to a guest whose first flight or request was refused
 */
#include "proxy/refused_page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/gateway.h"

#define HEAD_MAX 256 /* of the answer's own head */

struct page {
	usec_t until;
	size_t len, said;
	uint8_t bytes[];
};

static void
say(struct page *p, struct tcp_flow *tf, usec_t now)
{
	struct room out[2];

	while (p->said < p->len && tcp_flow_room(tf, out, now) > 0) {
		size_t n = p->len - p->said < out[0].len ? p->len - p->said : out[0].len;

		memcpy(out[0].p, p->bytes + p->said, n);
		tcp_commit(&tf->tcp, n);
		p->said += n;
	}
	if (p->said == p->len)
		tcp_shutdown(&tf->tcp, now);
}

static void
page_ready(struct sluice *gw, struct tcp_flow *tf, usec_t now)
{
	struct page *p = tf->state;
	struct view in[1];
	size_t waiting;

	(void)gw;
	if (tcp_readable(&tf->tcp, in, 1, &waiting))
		tcp_consume(&tf->tcp, waiting, now);
	say(p, tf, now);
	if (now < p->until)
		return;
	p->until = TIME_NEVER;
	tcp_abort(&tf->tcp, true);
}

static usec_t
page_deadline(const struct tcp_flow *tf)
{
	const struct page *p = tf->state;

	return p->until;
}

static void
page_close(struct sluice *gw, struct tcp_flow *tf)
{
	(void)gw;
	free(tf->state);
}

static const struct tcp_service page_service = {
    .name = "refused", .ready = page_ready, .deadline = page_deadline, .close = page_close};

static bool
hand_over(struct sluice *gw, struct tcp_flow *tf, const void *bytes, size_t len, usec_t now)
{
	struct page *p = malloc(sizeof(*p) + len);

	if (!p)
		return false;
	*p = (struct page){.until = now + REFUSED_PAGE_WAIT, .len = len};
	memcpy(p->bytes, bytes, len);
	tcp_flow_hand_over(gw, tf, &page_service, p);
	return true;
}

bool
refused_with_alert(struct sluice *gw, struct tcp_flow *tf, uint8_t alert, usec_t now)
{
	/* RFC 8446 5.1, 6: a record of an alert, fatal, not encrypted: there are no keys yet. */
	const uint8_t record[] = {21, 3, 3, 0, 2, 2, alert};

	return hand_over(gw, tf, record, sizeof(record), now);
}

bool
refused_with_page(struct sluice *gw, struct tcp_flow *tf, const char *status, const char *text, bool head,
		  usec_t now)
{
	static const char body[] = "sluice: %s\n";
	char out[HEAD_MAX + sizeof(body) + JUDGE_TEXT];
	int len = snprintf(NULL, 0, body, text);
	int n = snprintf(out, sizeof(out),
			 "HTTP/1.1 %s\r\n"
			 "Content-Type: text/plain; charset=utf-8\r\n"
			 "Content-Length: %d\r\n"
			 "Cache-Control: no-store\r\n"
			 "Connection: close\r\n\r\n",
			 status, len);

	if (!head)
		n += snprintf(out + n, sizeof(out) - (size_t)n, body, text);
	return hand_over(gw, tf, out, (size_t)n < sizeof(out) ? (size_t)n : sizeof(out) - 1, now);
}
