/*
 * status_page.c - http://gateway.sluice.internal/: the guest's own last refusals
 *
 * One request is read into a small buffer, one answer is made whole in memory, and what the guest sends beyond the
 * request is thrown away, so a page holds what its answer is long and nothing grows with what is asked.  Time ends
 * whoever is slow.
 *
 * Who asks under another name than the gateway's is turned away: a web page the guest looks at may have led its
 * browser here by a name of its own (DNS rebinding), and must not read what comes back.
 */
#include "proxy/status_page.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "http/head.h"
#include "proxy/gateway.h"

#define REQUEST_MAX 8192u
#define ANSWER_MAX (1u << 20) /* more than REFUSALS of the longest can be */
#define REQUEST_TIME (10 * USEC_PER_SEC)
#define ANSWER_TIME (60 * USEC_PER_SEC)
#define CLOSE_TIME (10 * USEC_PER_SEC)
#define VIEWS 16

enum stage {
	STAGE_REQUEST, /* being read */
	STAGE_ANSWER,  /* being written */
	STAGE_CLOSING, /* all is said: the guest's FIN is waited for */
};

/* Text that grows; `bad`: no memory, or too long. */
struct text {
	char *p;
	size_t len, room;
	bool bad;
};

struct page {
	enum stage stage;
	usec_t until; /* the stage ends the connection */
	size_t got;   /* bytes of the request */
	struct text answer;
	size_t said; /* of the answer */
	uint8_t request[REQUEST_MAX];
};

/* --- text ----------------------------------------------------------------------------------------------------- */

/* Room for n more bytes; false: there is none. */
static bool
reserve(struct text *t, size_t n)
{
	size_t room = t->room ? t->room : 4096;

	while (room - t->len < n && room <= ANSWER_MAX)
		room *= 2;
	if (room > t->room) {
		char *more = room <= ANSWER_MAX ? realloc(t->p, room) : NULL;

		if (!more)
			return false;
		t->p = more;
		t->room = room;
	}
	return t->p != NULL;
}

static void
add_bytes(struct text *t, const char *p, size_t n)
{
	if (t->bad || n == 0)
		return;
	if (!reserve(t, n)) {
		t->bad = true;
		return;
	}
	memcpy(t->p + t->len, p, n);
	t->len += n;
}

static void __attribute__((format(printf, 2, 3))) add(struct text *t, const char *fmt, ...)
{
	char line[REFUSAL_TEXT + 512];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n > 0)
		add_bytes(t, line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1);
}

/* For people: nothing in it moves a terminal. */
static void
add_plain(struct text *t, const char *text)
{
	for (; *text; text++)
		add_bytes(t, (unsigned char)*text < 0x20 || *text == 0x7f ? "?" : text, 1);
}

static void
add_json(struct text *t, const char *key, const char *value)
{
	char json[EVENT_JSON(REFUSAL_TEXT)];

	add(t, ",\"%s\":", key);
	add_bytes(t, json, event_json(value, REFUSAL_TEXT, json));
}

/* --- what could be done ---------------------------------------------------------------------------------------- */

/* The same of a request, "POST https://api.example:8443/x y": the path as a rule has it, with stars for what stands in none. */
static void
suggest_request(const struct refusal *r, const char *scheme, char *out, size_t size)
{
	bool tls = scheme[4] == 's';
	const char *host = scheme + (tls ? 8 : 7);
	const char *path = host + strcspn(host, "/"), *colon = path;
	char rule_path[sizeof(r->what)] = "", ports[16] = "";
	size_t n = 0;

	while (colon > host && colon[-1] >= '0' && colon[-1] <= '9')
		colon--;
	colon = colon > host && colon[-1] == ':' && colon < path ? colon - 1 : path;
	if (colon < path && path - colon < 8)
		snprintf(ports, sizeof(ports), "/%.*s", (int)(path - colon - 1), colon + 1);
	/* A path that was cut is not proposed, nor one behind an address, which would need its bits. */
	bool whole = r->name[0] && !strstr(path, "...");
	for (const char *p = path; *p && whole; p++) {
		bool odd = *p == '%' || *p == ',' || *p == '*' || *p == '?' || *p == '#';

		if (!odd || n == 0 || rule_path[n - 1] != '*')
			rule_path[n++] = odd ? '*' : *p;
		if (*p == '%' && p[1] && p[2])
			p += 2;
	}
	snprintf(out, size, "a rule such as 'allow http%s%s %.*s %.*s%s' would allow it", tls ? "s" : "",
		 ports, (int)strcspn(r->what, " "), r->what, (int)(colon - host), host, rule_path);
}

/* A rule that would allow it, of what and name: "tcp 203.0.113.5:25" or "dns mail.example". */
static void
suggest_rule(const struct refusal *r, char *out, size_t size)
{
	const char *blank = strchr(r->what, ' '), *colon = strrchr(r->what, ':');
	char proto[8] = "", to[sizeof(r->what)] = "";

	out[0] = '\0';
	if (blank && strncmp(blank + 1, "http", 4) == 0 && strstr(blank, "://")) {
		suggest_request(r, blank + 1, out, size);
		return;
	}
	if (!blank || strncmp(r->what, "CONNECT ", 8) == 0 || (size_t)(blank - r->what) >= sizeof(proto))
		return;
	memcpy(proto, r->what, (size_t)(blank - r->what));
	if (strcmp(proto, "dns") == 0) {
		snprintf(out, size, "a rule such as 'allow to %s' would allow it", blank + 1);
		return;
	}
	bool ports = strcmp(proto, "tcp") == 0 || strcmp(proto, "udp") == 0;
	if (ports && !colon)
		return;
	snprintf(to, sizeof(to), "%.*s", ports ? (int)(colon - blank - 1) : (int)strlen(blank + 1),
		 blank + 1);

	size_t len = strlen(to);
	char *target = to;
	if (target[0] == '[' && target[len - 1] == ']')
		target[len - 1] = '\0', target++;
	snprintf(out, size, "a rule such as 'allow %s%s%s to %s' would allow it", proto, ports ? "/" : "",
		 ports ? colon + 1 : "", r->name[0] ? r->name : target);
}

static void
remedy_of(const struct refusal *r, char *out, size_t size)
{
	const char *say = "";

	switch (r->reason) {
	case SLUICE_REASON_RULE:
		if (!r->rule[0]) {
			suggest_rule(r, out, size);
			return;
		}
		say = "the rule is whoever's who runs this guest";
		break;
	case SLUICE_REASON_NO_EVIDENCE:
		say = "ask the gateway's name service for the name first, and connect to what it answers";
		break;
	case SLUICE_REASON_NAME:
		say = "only the names that rules allow may be asked for there";
		break;
	case SLUICE_REASON_NO_NAME:
		say = "tell the name: SNI in TLS, Host in HTTP";
		break;
	case SLUICE_REASON_ECH:
		say = "switch Encrypted ClientHello off";
		break;
	case SLUICE_REASON_QUIC:
		say = "use TCP; clients that speak QUIC do so by themselves";
		break;
	case SLUICE_REASON_NAME_SERVICE:
		say = "ask names of the gateway's name service, port 53";
		break;
	case SLUICE_REASON_REBIND:
		say = "a rule that allows the address, or --rebind-allow with the name, would let it pass";
		break;
	case SLUICE_REASON_MISDIRECTED:
		say = "ask each host over a connection of its own";
		break;
	case SLUICE_REASON_SECRET:
		say = "a secret goes to its own hosts alone, as whoever runs this guest says";
		break;
	case SLUICE_REASON_NO_REQUEST:
		say = "speak HTTP there; what is not read is not let through";
		break;
	default:
		break;
	}
	snprintf(out, size, "%s", say);
}

/* --- the two forms of the list ---------------------------------------------------------------------------------- */

static void
add_ago(struct text *t, usec_t ago)
{
	long long s = ago / USEC_PER_SEC;

	if (s < 120)
		add(t, "%lld s ago", s);
	else if (s < 7200)
		add(t, "%lld min ago", s / 60);
	else
		add(t, "%lld h ago", s / 3600);
}

static void
list_plain(struct text *t, const struct refusals *all, usec_t now)
{
	const struct refusal *r;
	char remedy[512];

	if (all->n == 0) {
		add(t, "Nothing was refused.\n");
		return;
	}
	add(t, "What this guest was refused, the last first (%llu in all):\n",
	    (unsigned long long)all->total);
	for (uint32_t i = 0; (r = refusals_at(all, i)); i++) {
		add(t, "\n");
		add_plain(t, r->text);
		add(t, "\n    ");
		add_ago(t, now - r->last);
		if (r->count > 1)
			add(t, ", %llu times", (unsigned long long)r->count);
		add(t, "; reason: %s", event_code(r->reason));
		if (r->where[0]) {
			add(t, "; by ");
			add_plain(t, r->where);
		}
		if (r->rule[0]) {
			add(t, "\n    rule: ");
			add_plain(t, r->rule);
		}
		remedy_of(r, remedy, sizeof(remedy));
		if (remedy[0]) {
			add(t, "\n    remedy: ");
			add_plain(t, remedy);
		}
		add(t, "\n");
	}
}

static void
list_json(struct text *t, const struct refusals *all, usec_t now)
{
	const struct refusal *r;
	char remedy[512];

	add(t, "{\"v\":1,\"total\":%llu,\"refusals\":[", (unsigned long long)all->total);
	for (uint32_t i = 0; (r = refusals_at(all, i)); i++) {
		remedy_of(r, remedy, sizeof(remedy));
		add(t, "%s\n{\"reason\":\"%s\",\"count\":%llu,\"first_ago\":%.6f,\"last_ago\":%.6f",
		    i ? "," : "", event_code(r->reason), (unsigned long long)r->count,
		    (double)(now - r->first) / 1e6, (double)(now - r->last) / 1e6);
		add_json(t, "what", r->what);
		add_json(t, "name", r->name);
		add_json(t, "rule", r->rule);
		add_json(t, "where", r->where);
		add_json(t, "text", r->text);
		add_json(t, "remedy", remedy);
		add(t, "}");
	}
	add(t, "\n]}\n");
}

/* --- one answer ------------------------------------------------------------------------------------------------- */

struct reply {
	int status;
	const char *words, *type, *more; /* more: further header lines */
	bool body;                       /* false: HEAD */
};

static const char plain_type[] = "text/plain; charset=utf-8", json_type[] = "application/json";

static void
make_answer(struct page *pg, const struct reply *r, const struct text *body)
{
	struct text *t = &pg->answer;

	add(t,
	    "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s"
	    "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
	    r->status, r->words, r->type, body->len, r->more ? r->more : "");
	if (r->body)
		add_bytes(t, body->p, body->len);
	t->bad |= body->bad;
}

static void
answer_error(struct page *pg, int status, const char *words, const char *more, const char *why, bool body)
{
	struct text text = {0};

	add(&text, "%d %s: %s\n", status, words, why);
	make_answer(pg, &(struct reply){status, words, plain_type, more, body}, &text);
	free(text.p);
}

static bool
is_word(struct view v, const char *word)
{
	return v.len == strlen(word) && memcmp(v.p, word, v.len) == 0;
}

static bool
has_word(struct view v, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; i + n <= v.len; i++)
		if (strncasecmp((const char *)v.p + i, word, n) == 0)
			return true;
	return false;
}

/* Without scheme and authority of an absolute target, and without query. */
static struct view
path_of(struct view target)
{
	struct view path = target;

	if (path.len && path.p[0] != '/') {
		const uint8_t *p = memmem(path.p, path.len, "://", 3);
		size_t left = p ? path.len - (size_t)(p + 3 - path.p) : 0;
		const uint8_t *slash = p ? memchr(p + 3, '/', left) : NULL;

		if (p && !slash)
			return (struct view){(const uint8_t *)"/", 1};
		if (slash)
			path = (struct view){slash, path.len - (size_t)(slash - path.p)};
	}
	const uint8_t *query = path.len ? memchr(path.p, '?', path.len) : NULL;
	if (query)
		path.len = (size_t)(query - path.p);
	return path;
}

/* Under the gateway's name, under no name, or by address. */
static bool
is_ours(const struct http_head *h)
{
	static const char own[] = "gateway.sluice.internal";
	struct name name;

	return h->name.len == 0 || (name_parse(own, sizeof(own) - 1, &name) && name_eq(&h->name, &name));
}

static void
answer_request(struct sluice *gw, struct page *pg, const struct http_head *h, usec_t now)
{
	bool head = is_word(h->method, "HEAD");
	struct view path = path_of(h->target);
	bool list = is_word(path, "/"), json = is_word(path, "/refusals.json");
	struct text text = {0};

	if (!is_ours(h)) {
		answer_error(pg, 421, "Misdirected Request", NULL, "this is http://gateway.sluice.internal/",
			     !head);
		return;
	}
	if (!list && !json) {
		answer_error(pg, 404, "Not Found", NULL, "there are / and /refusals.json", !head);
		return;
	}
	if (!head && !is_word(h->method, "GET")) {
		answer_error(pg, 405, "Method Not Allowed", "Allow: GET, HEAD\r\n", "it can only be read",
			     true);
		return;
	}
	json |= has_word(h->accept, json_type);
	(json ? list_json : list_plain)(&text, &gw->refusals, now);
	make_answer(pg, &(struct reply){200, "OK", json ? json_type : plain_type, NULL, !head}, &text);
	free(text.p);
}

/* --- the connection ----------------------------------------------------------------------------------------------- */

/* What has come, as far as there is room for it; more is thrown away once the request is known. */
static void
take_input(struct tcp_flow *tf, struct page *pg, usec_t now)
{
	struct view from[VIEWS];
	size_t waiting;

	while (tcp_has_readable(&tf->tcp)) {
		int n = tcp_readable(&tf->tcp, from, VIEWS, &waiting);
		size_t took = 0;

		for (int i = 0; i < n; i++) {
			size_t room = REQUEST_MAX - pg->got, len = from[i].len;

			if (pg->stage == STAGE_REQUEST) {
				len = len < room ? len : room;
				memcpy(pg->request + pg->got, from[i].p, len);
				pg->got += len;
			}
			took += len;
		}
		if (took == 0)
			return;
		tcp_consume(&tf->tcp, took, now);
	}
}

static void
read_request(struct sluice *gw, struct tcp_flow *tf, struct page *pg, usec_t now)
{
	struct http_head h = {0};

	switch (http_head_read((struct view){pg->request, pg->got}, &h)) {
	case HTTP_MORE:
		if (pg->got < REQUEST_MAX && !tcp_at_eof(&tf->tcp))
			return;
		if (pg->got == 0)
			break;
		if (pg->got < REQUEST_MAX) {
			answer_error(pg, 400, "Bad Request", NULL, "it was not finished", true);
			break;
		}
		/* fall through */
	case HTTP_LONG:
		answer_error(pg, 431, "Request Header Fields Too Large", NULL, "8 KiB are enough", true);
		break;
	case HTTP_NOT:
		answer_error(pg, 400, "Bad Request", NULL, "this is HTTP/1", true);
		break;
	case HTTP_BAD:
		answer_error(pg, 400, "Bad Request", NULL, h.why ? h.why : "it breaks the protocol", true);
		break;
	case HTTP_DONE:
		answer_request(gw, pg, &h, now);
		break;
	}
	pg->stage = STAGE_ANSWER;
	pg->until = now + ANSWER_TIME;
}

static void
write_answer(struct tcp_flow *tf, struct page *pg, usec_t now)
{
	struct room room[2];

	while (pg->said < pg->answer.len) {
		int n = tcp_flow_room(tf, room, now);

		if (n == 0)
			return;
		for (int i = 0; i < n && pg->said < pg->answer.len; i++) {
			size_t left = pg->answer.len - pg->said,
			       len = room[i].len < left ? room[i].len : left;

			memcpy(room[i].p, pg->answer.p + pg->said, len);
			tcp_commit(&tf->tcp, len);
			pg->said += len;
			tf->flow.to_guest += len;
		}
	}
	tcp_shutdown(&tf->tcp, now);
	pg->stage = STAGE_CLOSING;
	pg->until = now + CLOSE_TIME;
}

static struct page *
page_of(struct sluice *gw, struct tcp_flow *tf, usec_t now)
{
	struct page *pg = tf->state;

	if (pg || gw->status_pages >= STATUS_PAGES)
		return pg;
	pg = calloc(1, sizeof(*pg));
	if (!pg)
		return NULL;
	pg->until = now + REQUEST_TIME;
	gw->status_pages++;
	tf->state = pg;
	return pg;
}

static void
page_ready(struct sluice *gw, struct tcp_flow *tf, usec_t now)
{
	if (tf->tcp.rst_wanted || tf->tcp.state == TCP_CLOSED)
		return;

	struct page *pg = page_of(gw, tf, now);
	if (!pg || now >= pg->until) {
		tcp_abort(&tf->tcp, true);
		return;
	}
	take_input(tf, pg, now);
	if (pg->stage == STAGE_REQUEST)
		read_request(gw, tf, pg, now);
	if (pg->answer.bad) {
		tcp_abort(&tf->tcp, true);
		return;
	}
	if (pg->stage != STAGE_REQUEST)
		take_input(tf, pg, now);
	if (pg->stage == STAGE_ANSWER)
		write_answer(tf, pg, now);
}

static usec_t
page_deadline(const struct tcp_flow *tf)
{
	const struct page *pg = tf->state;

	if (!pg || tf->tcp.state == TCP_CLOSED || tf->tcp.state == TCP_TIME_WAIT)
		return TIME_NEVER;
	return pg->until;
}

static void
page_close(struct sluice *gw, struct tcp_flow *tf)
{
	struct page *pg = tf->state;

	if (!pg)
		return;
	gw->status_pages--;
	free(pg->answer.p);
	free(pg);
	tf->state = NULL;
}

const struct tcp_service status_page_service = {
    .name = "status page", .ready = page_ready, .deadline = page_deadline, .close = page_close};

bool
status_page_is_at(const struct sluice *gw, const struct endpoint *to)
{
	return to->port == STATUS_PAGE_PORT && gw->settings->status_page && dial_is_dns(gw, &to->addr);
}
