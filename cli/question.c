/*
 * question.c - what sluice explain is asked: tcp HOST:PORT, udp HOST:PORT, icmp HOST, dns NAME, [METHOD] URL
 */
#include "cli/question.h"

#include <netinet/in.h>
#include <string.h>

#include "cli/value.h"

/* HOST, HOST:PORT or [HOST]:PORT, of len bytes of text; usual: the port if there is none, 0: there must be one. */
static int
split_host(struct options *o, const char *text, size_t len, bool port, uint16_t usual, struct failure *f)
{
	char copy[OPTIONS_HOST_MAX + 16];
	const char *host = copy, *colon;
	uint64_t n = usual;

	if (len >= sizeof(copy))
		return failed(f, "explain: '%s' is neither a name nor an address", text);
	memcpy(copy, text, len);
	copy[len] = '\0';
	colon = strrchr(copy, ':');
	len = colon ? (size_t)(colon - copy) : strlen(copy);
	if (copy[0] == '[') {
		host = copy + 1;
		len = strcspn(host, "]");
		colon = host[len] == ']' ? host + len + 1 : NULL;
		if (usual && colon && !*colon)
			port = false;
	} else if (!port || (usual && !colon)) {
		len = strlen(copy);
		port = false;
	}
	if (port && (!colon || *colon != ':' || !value_number(colon + 1, 1, 65535, &n)))
		return failed(f,
			      "explain: '%s' does not end in a port; write it as in api.example:443 or "
			      "[2001:db8::1]:443",
			      copy);
	if (len == 0 || len > OPTIONS_HOST_MAX)
		return failed(f, "explain: '%s' is neither a name nor an address", copy);
	memcpy(o->host, host, len);
	o->host[len] = '\0';
	o->question.host = o->host;
	o->question.port = (uint16_t)n;
	return 0;
}

/* Behind its scheme; NULL: it is no URL. */
static const char *
after_scheme(const char *text, bool *plain)
{
	*plain = strncmp(text, "http://", 7) == 0;
	if (*plain)
		return text + 7;
	return strncmp(text, "https://", 8) == 0 ? text + 8 : NULL;
}

static int
read_url(struct options *o, const char *method, const char *url, struct failure *f)
{
	struct sluice_question *q = &o->question;
	const char *host = after_scheme(url, &q->plain);
	size_t len = host ? strcspn(host, "/?#") : 0;

	if (!host)
		return failed(f, "explain: '%s' is no URL; write it as in GET https://api.example/x", url);
	if (memchr(host, '@', len))
		return failed(f, "explain: '%s' has a user before its host; leave it out", url);
	q->protocol = IPPROTO_TCP;
	q->method = method;
	q->path = host[len] == '/' ? host + len : "/";
	return split_host(o, host, len, true, q->plain ? 80 : 443, f);
}

int
question_read(struct options *o, const char *const *operand, size_t n, struct failure *f)
{
	static const struct {
		const char *word;
		int protocol;
		bool port;
	} what[] = {{"tcp", IPPROTO_TCP, true},
		    {"udp", IPPROTO_UDP, true},
		    {"icmp", IPPROTO_ICMP, false},
		    {"dns", 0, false}};
	bool plain;

	o->question.size = sizeof(o->question);
	if (n == 1 && after_scheme(operand[0], &plain))
		return read_url(o, "GET", operand[0], f);
	if (n != 2)
		return failed(f,
			      "explain: what, and of whom? write it as in tcp api.example:443, udp "
			      "192.0.2.1:123, icmp 192.0.2.1, dns api.example or GET https://api.example/x");
	for (size_t i = 0; i < sizeof(what) / sizeof(what[0]); i++)
		if (strcmp(operand[0], what[i].word) == 0) {
			o->question.protocol = what[i].protocol;
			return split_host(o, operand[1], strlen(operand[1]), what[i].port, 0, f);
		}
	if (after_scheme(operand[1], &plain))
		return read_url(o, operand[0], operand[1], f);
	return failed(f, "explain: '%s' is none of tcp, udp, icmp and dns, nor a method before a URL",
		      operand[0]);
}
