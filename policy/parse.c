/*
 * parse.c - a rule as a sentence: ACTION [DIRECTION] [PROTO[/PORTS]]... [METHODS] [to|from] TARGET[, TARGET]... ["COMMENT"]
 *
 * docs/policy.md has the grammar.  A cursor goes over the words; what is wrong with a word is told there and the next
 * word is looked at.
 */
#include <stdlib.h>

#include "policy/reader.h"
#include "stack/ip_wire.h"

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void
skip_blanks(struct rule_reader *r)
{
	while (r->at < r->len && is_blank(r->text[r->at]))
		r->at++;
}

/* The word at the cursor, which ends at a blank, a comma or a quote. */
struct word {
	size_t from, len;
};

static struct word
peek_word(struct rule_reader *r)
{
	struct word w;

	skip_blanks(r);
	w.from = r->at;
	for (w.len = 0; r->at + w.len < r->len; w.len++) {
		char c = r->text[r->at + w.len];

		if (is_blank(c) || c == ',' || c == '"')
			break;
	}
	return w;
}

static bool
is(const struct rule_reader *r, struct word w, const char *text)
{
	return strlen(text) == w.len && memcmp(r->text + w.from, text, w.len) == 0;
}

static bool
begins(const struct rule_reader *r, struct word w, const char *text)
{
	size_t len = strlen(text);

	return w.len >= len && memcmp(r->text + w.from, text, len) == 0;
}

/* --- action and direction ---------------------------------------------------------------------------------- */

static void
read_action(struct rule_reader *r)
{
	static const char *const actions[] = {
	    [RULE_ALLOW] = "allow", [RULE_DENY] = "deny", [RULE_DROP] = "drop"};
	struct word w = peek_word(r);

	for (unsigned i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (is(r, w, actions[i])) {
			r->rule.action = (enum rule_action)i;
			r->at += w.len;
			return;
		}
	reader_error(r, w.from, w.len, "not an action: a rule begins with allow, deny or drop");
	/* Neither a suffix nor an embedded form of what follows shall be complained about for that. */
	r->rule.action = RULE_DENY;
	r->at += w.len;
}

static void
read_direction(struct rule_reader *r)
{
	struct word w = peek_word(r);

	r->rule.ingress = is(r, w, "ingress");
	r->rule.egress = !r->rule.ingress;
	if (r->rule.ingress || is(r, w, "egress"))
		r->at += w.len;
}

/* --- protocols and ports ----------------------------------------------------------------------------------- */

static bool
is_port_end(const struct rule_reader *r, size_t at)
{
	return at == r->len || is_blank(r->text[at]) || r->text[at] == ',' || r->text[at] == '"';
}

/* "80" or "80-90" at the cursor, which moves behind it. */
static bool
read_port_range(struct rule_reader *r, struct port_range *out)
{
	size_t from = r->at, end = from, dash = 0;

	for (; !is_port_end(r, end); end++)
		if (r->text[end] == '-' && !dash)
			dash = end;
	r->at = end;
	out->first = reader_port(r->text + from, (dash ? dash : end) - from);
	out->last = dash ? reader_port(r->text + dash + 1, end - dash - 1) : out->first;
	if (!out->first || !out->last) {
		reader_error(
		    r, from, end - from,
		    "not a port: a number from 1 to 65535 is expected, or two with '-' between them");
		return false;
	}
	if (out->first > out->last) {
		reader_error(r, from, end - from,
			     "the range is empty: the lower port stands first, as in %u-%u", out->last,
			     out->first);
		return false;
	}
	return true;
}

/* After a comma: does the list of ports go on? */
static bool
port_follows(const struct rule_reader *r)
{
	size_t at = r->at + 1;

	while (at < r->len && is_blank(r->text[at]))
		at++;
	return at < r->len && r->text[at] >= '0' && r->text[at] <= '9';
}

/* The list behind PROTO/, malloc()ed. */
static bool
read_ports(struct rule_reader *r, struct port_range **out, unsigned *n)
{
	struct port_range one, *more;
	bool good = true;

	*out = NULL;
	for (*n = 0;; r->at++, skip_blanks(r)) {
		if (!read_port_range(r, &one)) {
			good = false;
		} else if (*n <= RULE_PORTS_MAX) { /* one more than may be, to be told of */
			if ((*n & (*n - 1)) == 0) {
				more = realloc(*out, (*n ? 2 * (size_t)*n : 1) * sizeof(one));
				if (!more) {
					reader_no_memory(r);
					return false;
				}
				*out = more;
			}
			(*out)[(*n)++] = one;
		}
		if (r->at == r->len || r->text[r->at] != ',' || !port_follows(r))
			return good;
	}
}

/* "tcp/80,443"; false: the word is no protocol. */
static bool
read_proto(struct rule_reader *r, struct word w)
{
	static const struct {
		const char *name;
		uint8_t proto;
		enum rule_scheme scheme;
	} protos[] = {{"tcp", IP_PROTO_TCP, SCHEME_NONE},
		      {"udp", IP_PROTO_UDP, SCHEME_NONE},
		      {"icmp", IP_PROTO_ICMP, SCHEME_NONE},
		      {"https", IP_PROTO_TCP, SCHEME_HTTPS},
		      {"http", IP_PROTO_TCP, SCHEME_HTTP}};
	struct port_range *port = NULL;
	unsigned nport = 0;
	size_t len = 0;

	while (len < w.len && r->text[w.from + len] != '/')
		len++;
	for (size_t i = 0; i < sizeof(protos) / sizeof(protos[0]); i++) {
		if (!is(r, (struct word){w.from, len}, protos[i].name))
			continue;
		r->at = w.from + len;
		if (len < w.len) {
			r->at++;
			if (!read_ports(r, &port, &nport)) {
				free(port);
				return true;
			}
		}
		if (nport && protos[i].proto == IP_PROTO_ICMP) {
			reader_error(r, w.from, w.len, "ICMP has no ports: icmp alone is expected");
			free(port);
		} else if (protos[i].scheme != SCHEME_NONE) {
			reader_add_scheme(r, protos[i].scheme, port, nport, w.from);
		} else {
			reader_add_proto(r, protos[i].proto, port, nport, w.from);
		}
		return true;
	}
	return false;
}

/* Is there a "to" or "from" behind the cursor?  Then what stands before it are protocols, or meant to be. */
static bool
preposition_follows(const struct rule_reader *r)
{
	struct rule_reader ahead = *r;

	for (;;) {
		struct word w = peek_word(&ahead);

		if (is(&ahead, w, "to") || is(&ahead, w, "from"))
			return true;
		ahead.at += w.len;
		if (ahead.at == ahead.len || ahead.text[ahead.at] == '"')
			return false;
		ahead.at++; /* a comma or a blank */
	}
}

static void
not_a_proto(struct rule_reader *r, struct word w)
{
	if (is(r, w, "egress") || is(r, w, "ingress"))
		reader_error(r, w.from, w.len, "the direction stands once, right behind the action");
	else if (is(r, w, "any"))
		reader_error(r, w.from, w.len, "a rule that names no protocol is for all of them");
	else if (begins(r, w, "icmp"))
		reader_error(r, w.from, w.len, "icmp is expected, which is ICMP and ICMPv6");
	else
		reader_error(
		    r, w.from, w.len,
		    "not a protocol: tcp, udp, icmp, https or http is expected, with /PORTS behind all "
		    "but icmp");
}

/* --- methods ----------------------------------------------------------------------------------------------- */

bool
is_method(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!(text[i] >= 'A' && text[i] <= 'Z') && !(i > 0 && text[i] >= '0' && text[i] <= '9') &&
		    !(i > 0 && (text[i] == '-' || text[i] == '_')))
			return false;
	return len > 0 && len <= RULE_METHOD_MAX;
}

/* "get": somebody means GET. */
static bool
is_small_method(const struct rule_reader *r, struct word w)
{
	static const char *const methods[] = {"get",     "head",  "post",   "put",
					      "options", "patch", "delete", "connect"};

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (is(r, w, methods[i]))
			return true;
	return false;
}

/* Is the word behind w another one, so that w is no target? */
static bool
word_follows(const struct rule_reader *r, struct word w)
{
	struct rule_reader ahead = *r;

	ahead.at = w.from + w.len;
	return peek_word(&ahead).len > 0;
}

static bool
is_methods(const struct rule_reader *r, struct word w)
{
	return is(r, w, "*") || is_method(r->text + w.from, w.len) ||
	       (is_small_method(r, w) && word_follows(r, w));
}

/* "GET,HEAD", or "*", which is any. */
static void
read_methods(struct rule_reader *r)
{
	struct word w = peek_word(r);

	if (!is_methods(r, w))
		return;
	for (;;) {
		if (is_small_method(r, w))
			reader_error(r, w.from, w.len, "methods are written in capitals: GET or GET,HEAD");
		else if (!is(r, w, "*"))
			reader_add_method(r, w.from, w.len);
		else if (r->rule.nmethod)
			reader_error(r, w.from, w.len, "'*' is any method, and stands alone");
		r->at = w.from + w.len;
		if (r->at == r->len || r->text[r->at] != ',' || is(r, w, "*"))
			return;
		r->at++;
		w = peek_word(r);
		if (w.len == 0)
			reader_error(r, r->at, 0, "a method is expected behind the comma, as in GET,HEAD");
		if (w.len == 0)
			return;
	}
}

static void
read_protos(struct rule_reader *r)
{
	bool preposition = preposition_follows(r);

	for (;;) {
		struct word w = peek_word(r);

		if (w.len == 0 && r->at < r->len && r->text[r->at] == ',' &&
		    (r->rule.nproto || preposition)) {
			reader_error(r, r->at, 1,
				     "protocols have blanks between them, as in tcp/80,443 udp/53");
			r->at++;
		} else if (w.len == 0 || is(r, w, "to") || is(r, w, "from")) {
			return;
		} else if (rule_is_about_requests(&r->rule) && is_methods(r, w)) {
			return;
		} else if (!read_proto(r, w)) {
			if (!preposition)
				return;
			not_a_proto(r, w);
			r->at += w.len;
		}
	}
}

static void
read_preposition(struct rule_reader *r)
{
	struct word w = peek_word(r);

	if (is(r, w, "from") && !r->rule.ingress)
		reader_error(r, w.from, w.len,
			     "egress goes to a target: write `to`, or `ingress` behind the action for "
			     "clients from there");
	else if (is(r, w, "to") && r->rule.ingress)
		reader_error(r, w.from, w.len, "ingress comes from a target: `from` is expected");
	else if (!is(r, w, "to") && !is(r, w, "from"))
		return;
	r->at += w.len;
}

/* --- targets and comment ----------------------------------------------------------------------------------- */

/* The word, or @file:"..." up to its second quote. */
static struct word
target_word(struct rule_reader *r)
{
	struct word w = peek_word(r);

	if (is(r, w, "@file:") && w.from + w.len < r->len && r->text[w.from + w.len] == '"') {
		const char *from = r->text + w.from + w.len + 1;
		const char *end = memchr(from, '"', r->len - (size_t)(from - r->text));

		w.len = end ? (size_t)(end + 1 - r->text) - w.from : r->len - w.from;
		/* The path of requests behind it. */
		bool path =
		    end && rule_is_about_requests(&r->rule) && end + 1 < r->text + r->len && end[1] == '/';
		while (path && w.from + w.len < r->len && !is_blank(r->text[w.from + w.len]) &&
		       !strchr(",\"", r->text[w.from + w.len]))
			w.len++;
	}
	return w;
}

static void
read_targets(struct rule_reader *r)
{
	for (;;) {
		struct word w = target_word(r);
		struct rule_target t;

		if (w.len == 0) {
			reader_error(r, r->at, r->at < r->len,
				     "a target is expected: an address, a network, a name, *.NAME or a group "
				     "as @public");
			if (r->at == r->len || r->text[r->at] == '"')
				return;
		}
		r->at += w.len;
		bool good = w.len && (rule_is_about_requests(&r->rule) ? reader_request
								       : reader_target)(r, w.from, w.len, &t);
		if (good && !reader_add_target(r, &t))
			return;
		skip_blanks(r);
		if (r->at == r->len || r->text[r->at] == '"')
			return;
		if (r->text[r->at] == ',') {
			r->at++;
			continue;
		}
		w = peek_word(r);
		reader_error(r, w.from, w.len,
			     "a comma is expected before another target, quotes around a comment");
	}
}

static void
read_comment(struct rule_reader *r)
{
	size_t from = r->at + 1, end = from;

	if (r->at == r->len)
		return;
	while (end < r->len && r->text[end] != '"')
		end++;
	r->at = end + (end < r->len);
	skip_blanks(r);
	if (end == r->len)
		reader_error(r, from - 1, end - from + 1, "the comment's closing quote is missing");
	else if (r->at < r->len)
		reader_error(r, r->at, r->len - r->at, "nothing is expected behind the comment");
	else if (end - from > RULE_COMMENT_MAX)
		reader_error(r, from, end - from, "a comment has at most %u bytes", RULE_COMMENT_MAX);
	else if (!(r->rule.comment = malloc(end - from + 1)))
		reader_no_memory(r);
	else {
		memcpy(r->rule.comment, r->text + from, end - from);
		r->rule.comment[end - from] = '\0';
	}
}

/* --- the whole --------------------------------------------------------------------------------------------- */

/* How many bytes the UTF-8 character at p has (RFC 3629 4); 0: it is none, or a control character. */
static unsigned
character(const char *p, size_t left)
{
	const unsigned char *b = (const unsigned char *)p;
	unsigned n = b[0] < 0x80 ? 1 : b[0] >= 0xc2 && b[0] < 0xe0 ? 2 : b[0] >= 0xe0 && b[0] < 0xf0 ? 3 : 4;

	if ((b[0] < 0x20 && !is_blank(p[0])) || b[0] == 0x7f || (b[0] >= 0x80 && b[0] < 0xc2) ||
	    b[0] > 0xf4 || n > left)
		return 0;
	for (unsigned i = 1; i < n; i++)
		if (b[i] >> 6 != 2)
			return 0;
	if ((b[0] == 0xc2 && b[1] < 0xa0) || (b[0] == 0xe0 && b[1] < 0xa0) ||
	    (b[0] == 0xed && b[1] >= 0xa0) || (b[0] == 0xf0 && b[1] < 0x90) || (b[0] == 0xf4 && b[1] >= 0x90))
		return 0;
	return n;
}

/* Text that may be shown and put into events: one line of UTF-8, of bounded length. */
static bool
is_readable(struct rule_reader *r)
{
	unsigned n;

	if (r->len > RULE_TEXT_MAX) {
		reader_error(r, 0, 0,
			     "a rule has at most %u bytes; many targets belong into a list: @file:PATH",
			     RULE_TEXT_MAX);
		return false;
	}
	for (size_t i = 0; i < r->len; i += n) {
		n = character(r->text + i, r->len - i);
		if (n == 0) {
			reader_error(r, i, 0,
				     "byte %u: a rule is one line of UTF-8 without control characters",
				     (unsigned char)r->text[i]);
			return false;
		}
	}
	return true;
}

/* A '#' behind a blank, outside of quotes, begins what is for people only. */
static void
cut(struct rule_reader *r)
{
	bool quoted = false;

	for (size_t i = 0; i < r->len; i++) {
		if (r->text[i] == '"')
			quoted = !quoted;
		if (r->text[i] == '#' && !quoted && (i == 0 || is_blank(r->text[i - 1])))
			r->len = i;
	}
	while (r->len > 0 && is_blank(r->text[r->len - 1]))
		r->len--;
}

void
read_sentence(struct rule_reader *r)
{
	size_t from;

	cut(r);
	skip_blanks(r);
	from = r->at;
	if (from == r->len)
		return;
	if (is_readable(r)) {
		read_action(r);
		read_direction(r);
		read_protos(r);
		if (rule_is_about_requests(&r->rule))
			read_methods(r);
		read_preposition(r);
		read_targets(r);
		read_comment(r);
	}
	reader_finish(r, from, r->len - from);
}
