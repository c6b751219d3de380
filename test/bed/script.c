/*
 * script.c - reading the notation: a line becomes words, words become a struct script_line
 *
 * Everything that can be said is a row of a table: fields of a segment, verbs of each side, settings.
 */
#include "test/bed/script.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stack/tcp_wire.h"

#define WORDS 40

struct parser {
	struct script *s;
	struct script_line *l;
	char *word[WORDS];
	bool quoted[WORDS];
	unsigned nword, at;
	int number;
	usec_t now; /* where the last line ended */
};

static bool
wrong(struct parser *p, const char *what, const char *about)
{
	if (!p->s->error[0])
		snprintf(p->s->error, sizeof(p->s->error), "line %d: %s '%s'", p->number, what, about);
	return false;
}

static const char *
peek(const struct parser *p)
{
	return p->at < p->nword ? p->word[p->at] : "";
}

static bool
is_next(struct parser *p, const char *word)
{
	if (p->at >= p->nword || p->quoted[p->at] || strcmp(p->word[p->at], word) != 0)
		return false;
	p->at++;
	return true;
}

/* --- words -------------------------------------------------------------------------------------------- */

/* Cuts a line into words in place; 'quoted text' is one.  A # begins a comment. */
static bool
split(struct parser *p, char *line)
{
	p->nword = p->at = 0;
	for (char *c = line; *c;) {
		if (*c == ' ' || *c == '\t') {
			*c++ = '\0';
			continue;
		}
		if (*c == '#') {
			*c = '\0';
			break;
		}
		if (p->nword == WORDS)
			return wrong(p, "too many words at", c);

		bool quoted = *c == '\'';
		p->quoted[p->nword] = quoted;
		p->word[p->nword++] = c + quoted;
		c += strcspn(c + quoted, quoted ? "'" : " \t#") + quoted;
		if (quoted && *c != '\'')
			return wrong(p, "no closing quote in", p->word[p->nword - 1]);
		if (quoted)
			*c++ = '\0';
	}
	return true;
}

/* --- numbers ------------------------------------------------------------------------------------------ */

/* NUMBER, M, E, NUMBER*M or NUMBER*E */
static bool
parse_term(const char **c, int sign, struct script_value *out)
{
	char *end;
	long long n = 1;

	if (**c >= '0' && **c <= '9') {
		n = strtoll(*c, &end, 0);
		*c = end;
		if (**c != '*') {
			out->k += sign * n;
			return true;
		}
		++*c;
	}
	if (**c != 'M' && **c != 'E')
		return false;
	*(**c == 'M' ? &out->m : &out->e) += sign * n;
	++*c;
	return true;
}

/* Terms with + and - between them, the first perhaps with a sign. */
static bool
parse_sum(const char *c, const char **end, struct script_value *out)
{
	int sign = 1;

	if (*c == '-') {
		sign = -1;
		c++;
	}
	while (parse_term(&c, sign, out)) {
		if (*c != '+' && *c != '-') {
			*end = c;
			return true;
		}
		sign = *c++ == '+' ? 1 : -1;
	}
	return false;
}

static bool
parse_value(struct parser *p, struct script_value *out)
{
	static const struct {
		const char *sign;
		enum script_match match;
	} compare[] = {{"<=", MATCH_LE}, {">=", MATCH_GE}, {"<", MATCH_LT}, {">", MATCH_GT}, {"", MATCH_EQ}};
	const char *word = peek(p), *end = word;

	*out = (struct script_value){0};
	if (is_next(p, "*")) {
		out->match = MATCH_ANY;
		return true;
	}
	if (is_next(p, "none")) {
		out->match = MATCH_NONE;
		return true;
	}
	for (size_t i = 0; !out->match; i++) {
		size_t n = strlen(compare[i].sign);

		if (strncmp(word, compare[i].sign, n) == 0) {
			out->match = compare[i].match;
			word += n;
		}
	}
	if (!parse_sum(word, &end, out) || *end)
		return wrong(p, "expected a number, not", word);
	p->at++;
	return true;
}

/* Seconds, with up to six digits after the point. */
static bool
parse_seconds(const char **c, usec_t *out)
{
	usec_t unit = USEC_PER_SEC, t = 0;
	const char *start = *c;

	for (; **c >= '0' && **c <= '9'; ++*c)
		t = t * 10 + (**c - '0');
	t *= USEC_PER_SEC;
	if (**c == '.' && (*c)[1] != '.') {
		for (++*c; **c >= '0' && **c <= '9'; ++*c) {
			unit /= 10;
			t += unit * (**c - '0');
		}
	}
	*out = t;
	return *c > start;
}

/* TIME, +TIME or TIME..TIME before the verb; without one it is the last line's. */
static bool
parse_time(struct parser *p)
{
	const char *word = peek(p), *c = word;
	usec_t base = 0;

	p->l->from = p->l->until = p->now;
	if (*c == '+') {
		base = p->now;
		c++;
	}
	if (*c < '0' || *c > '9')
		return true;
	if (!parse_seconds(&c, &p->l->from))
		return wrong(p, "expected a time, not", word);
	p->l->from += base;
	p->l->until = p->l->from;
	if (c[0] == '.' && c[1] == '.') {
		c += 2;
		if (!parse_seconds(&c, &p->l->until))
			return wrong(p, "expected a range of times, not", word);
		p->l->until += base;
	}
	if (*c || p->l->until < p->l->from)
		return wrong(p, "expected a time, not", word);
	if (p->l->from < p->now)
		return wrong(p, "time goes backwards:", word);
	p->now = p->l->until;
	p->at++;
	return true;
}

/* --- segments ----------------------------------------------------------------------------------------- */

static bool
parse_flags(struct parser *p, struct script_segment *seg)
{
	const char *word = peek(p);

	for (const char *c = word; *c; c++) {
		static const char letters[] = "FSRP.UEC";
		const char *bit = strchr(letters, *c);

		if (bit)
			seg->flags |= (uint8_t)(1u << (bit - letters));
		else if (strcmp(word, "-") != 0)
			return wrong(p, "expected flags out of FSRP.UEC, or - for none, not", word);
	}
	if (!*word)
		return wrong(p, "expected flags after", p->l->source);
	p->at++;
	return true;
}

/* LEFT:RIGHT[,LEFT:RIGHT...], or none */
static bool
parse_sacks(struct parser *p, struct script_segment *seg)
{
	const char *c = peek(p);

	if (is_next(p, "none")) {
		seg->sack_none = true;
		return true;
	}
	for (;; c++) {
		if (seg->nsack == SCRIPT_SACKS)
			return wrong(p, "more than four SACK blocks in", peek(p));
		struct script_value *left = &seg->sack[seg->nsack].left,
				    *right = &seg->sack[seg->nsack].right;
		seg->nsack++;
		if (!parse_sum(c, &c, left) || *c++ != ':' || !parse_sum(c, &c, right))
			return wrong(p, "expected LEFT:RIGHT, not", peek(p));
		if (*c != ',')
			break;
	}
	if (*c)
		return wrong(p, "expected LEFT:RIGHT, not", peek(p));
	p->at++;
	return true;
}

static int
hex_digit(char c)
{
	const char digits[] = "0123456789abcdef", *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

static bool
parse_option_bytes(struct parser *p, struct script_segment *seg)
{
	for (const char *c = peek(p); *c; c += 2) {
		int hi = hex_digit(c[0]), lo = hi < 0 ? -1 : hex_digit(c[1]);

		if (lo < 0 || seg->nopt == SCRIPT_OPTION_BYTES)
			return wrong(p, "expected up to 40 bytes in hexadecimal, not", peek(p));
		seg->opt[seg->nopt++] = (uint8_t)(hi * 16 + lo);
	}
	p->at++;
	return true;
}

/* N or 'text' */
static bool
parse_bytes(struct parser *p, struct script_value *n, const char **text)
{
	if (p->at < p->nword && p->quoted[p->at]) {
		*text = p->word[p->at++];
		*n = (struct script_value){.match = MATCH_EQ, .k = (int64_t)strlen(*text)};
		return true;
	}
	return parse_value(p, n);
}

static struct script_value *
field_of(struct script_segment *seg, const char *name)
{
	const struct {
		const char *name;
		struct script_value *v;
	} fields[] = {{"seq", &seg->seq},   {"ack", &seg->ack}, {"win", &seg->win}, {"edge", &seg->edge},
		      {"len", &seg->len},   {"mss", &seg->mss}, {"ws", &seg->ws},   {"urp", &seg->urp},
		      {"hlen", &seg->hlen}, {"cut", &seg->cut}};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (strcmp(name, fields[i].name) == 0)
			return fields[i].v;
	return NULL;
}

static bool
parse_fields(struct parser *p)
{
	struct script_segment *seg = &p->l->seg;

	while (p->at < p->nword) {
		struct script_value *field = field_of(seg, peek(p));
		bool ok = true;

		if (field) {
			p->at++;
			ok = parse_value(p, field);
		} else if (is_next(p, "data")) {
			ok = parse_bytes(p, &seg->len, &p->l->text);
		} else if (is_next(p, "sackok")) {
			seg->sackok.match = is_next(p, "none") ? MATCH_NONE : MATCH_ANY;
		} else if (is_next(p, "sack")) {
			ok = parse_sacks(p, seg);
		} else if (is_next(p, "opt")) {
			ok = parse_option_bytes(p, seg);
		} else if (is_next(p, "badsum")) {
			seg->badsum = true;
		} else {
			return wrong(p, "a segment has no", peek(p));
		}
		if (!ok)
			return false;
	}
	return true;
}

static bool
parse_segment(struct parser *p)
{
	return parse_flags(p, &p->l->seg) && parse_fields(p);
}

/* What follows are fields of the guest's SYN; none: those of an ordinary guest. */
static bool
parse_opens(struct parser *p, enum script_verb verb, uint8_t flags)
{
	struct script_segment *seg = &p->l->seg;

	p->l->verb = verb;
	seg->flags = flags;
	if (p->at == p->nword) {
		seg->mss = (struct script_value){.match = MATCH_EQ, .m = 1};
		seg->ws = (struct script_value){.match = MATCH_EQ, .k = 7};
		seg->sackok.match = MATCH_ANY;
	}
	return parse_fields(p);
}

/* --- verbs -------------------------------------------------------------------------------------------- */

static bool
parse_icmp(struct parser *p, enum script_verb verb)
{
	p->l->verb = verb;
	if (p->at == p->nword)
		return wrong(p, "which ICMP message, in", p->l->source);
	p->l->text = p->word[p->at++];
	for (;;) {
		bool ok = true;

		if (is_next(p, "mtu"))
			ok = parse_value(p, &p->l->mtu);
		else if (is_next(p, "seq"))
			ok = parse_value(p, &p->l->seg.seq);
		else
			return true;
		if (!ok)
			return false;
	}
}

static bool
parse_guest(struct parser *p)
{
	struct script_line *l = p->l;

	if (is_next(p, "opens"))
		return parse_opens(p, GUEST_OPENS, TCP_SYN);
	bool more = is_next(p, ">+"), sends = more || is_next(p, ">");

	if (!sends && !is_next(p, "<"))
		return wrong(p, "the guest sends (>, >+) or gets (<), not", peek(p));
	if (is_next(p, "udp")) {
		l->verb = sends ? DO_SEND_UDP : WANT_UDP;
		return parse_bytes(p, &l->n, &l->text);
	}
	if (is_next(p, "echo")) {
		l->verb = sends ? DO_SEND_ECHO : WANT_ECHO;
		return parse_value(p, &l->n);
	}
	if (is_next(p, "icmp"))
		return parse_icmp(p, sends ? DO_SEND_ICMP : WANT_ICMP);
	if (!sends && is_next(p, "nothing")) {
		l->verb = WANT_NOTHING;
		return true;
	}
	if (!sends && is_next(p, "anything")) {
		l->verb = WANT_ANYTHING;
		return true;
	}
	l->verb = more ? DO_SEND_MORE : sends ? DO_SEND : WANT_SEGMENT;
	return parse_segment(p);
}

static bool
parse_host(struct parser *p)
{
	static const struct {
		const char *word, *next; /* one or two words */
		enum script_verb verb;
		bool bytes;  /* N or 'text' follows */
		int64_t err; /* of HOST_SETTLES */
	} verbs[] = {
	    {"accepts", NULL, HOST_SETTLES, false, 0},
	    {"refuses", "udp", HOST_REFUSES_UDP, false, 0},
	    {"refuses", NULL, HOST_SETTLES, false, ECONNREFUSED},
	    {"unreachable", NULL, HOST_SETTLES, false, EHOSTUNREACH},
	    {"net-unreachable", NULL, HOST_SETTLES, false, ENETUNREACH},
	    {"prohibited", NULL, HOST_SETTLES, false, EACCES},
	    {"times-out", NULL, HOST_SETTLES, false, ETIMEDOUT},
	    {"has-no-ports", NULL, HOST_SETTLES, false, EADDRNOTAVAIL},
	    {"sends", "udp", HOST_SENDS_UDP, true, 0},
	    {"sends", NULL, HOST_SENDS, true, 0},
	    {"reads", "udp", HOST_READS_UDP, true, 0},
	    {"reads", "nothing", HOST_READS, false, 0},
	    {"reads", NULL, HOST_READS, true, 0},
	    {"buffers", NULL, HOST_BUFFERS, true, 0},
	    {"closes", NULL, HOST_CLOSES, false, 0},
	    {"resets", NULL, HOST_RESETS, false, 0},
	    {"sees", "eof", HOST_SEES_EOF, false, 0},
	    {"sees", "close", HOST_SEES_CLOSE, false, 0},
	    {"sees", "reset", HOST_SEES_RESET, false, 0},
	    {"sees", "nothing", HOST_SEES_OPEN, false, 0},
	    {"sockets", NULL, HOST_SOCKETS, true, 0},
	    {"connects", NULL, CLIENT_CONNECTS, false, 0},
	};

	if (is_next(p, "opens"))
		return parse_opens(p, CLIENT_OPENS, TCP_SYN | TCP_ACK);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		unsigned before = p->at;

		if (!is_next(p, verbs[i].word))
			continue;
		if (verbs[i].next && !is_next(p, verbs[i].next)) {
			p->at = before;
			continue;
		}
		p->l->verb = verbs[i].verb;
		p->l->n = (struct script_value){.match = MATCH_EQ, .k = verbs[i].err};
		return !verbs[i].bytes || parse_bytes(p, &p->l->n, &p->l->text);
	}
	return wrong(p, "the host does not know how to", peek(p));
}

static bool
parse_gateway(struct parser *p)
{
	if (is_next(p, "state")) {
		p->l->verb = GATEWAY_STATE;
		if (p->at == p->nword)
			return wrong(p, "which state, in", p->l->source);
		p->l->text = p->word[p->at++];
		return true;
	}
	if (is_next(p, "flows")) {
		p->l->verb = GATEWAY_FLOWS;
		return parse_value(p, &p->l->n);
	}
	return wrong(p, "of the gateway one can ask state and flows, not", peek(p));
}

/* Who acts: a name, perhaps with the number of the flow. */
static bool
parse_action(struct parser *p)
{
	static const struct {
		const char *name;
		bool (*parse)(struct parser *p);
	} who[] = {
	    {"guest", parse_guest}, {"host", parse_host}, {"client", parse_host}, {"gateway", parse_gateway}};
	const char *word = peek(p);

	for (size_t i = 0; i < sizeof(who) / sizeof(who[0]); i++) {
		size_t n = strlen(who[i].name);

		if (strncmp(word, who[i].name, n) != 0)
			continue;
		if (word[n] >= '1' && word[n] <= '9' && !word[n + 1])
			p->l->flow = (unsigned)(word[n] - '1');
		else if (word[n])
			continue;
		p->at++;
		if (!who[i].parse(p))
			return false;
		return p->at == p->nword ? true : wrong(p, "nothing may follow here, but there is", peek(p));
	}
	return wrong(p, "a line is about guest, host, client or gateway, not", word);
}

/* --- settings ----------------------------------------------------------------------------------------- */

static bool
parse_count(struct parser *p, uint32_t *out)
{
	struct script_value v;

	if (!parse_value(p, &v))
		return false;
	*out = (uint32_t)v.k;
	return v.match == MATCH_EQ && v.m == 0 && v.e == 0
		   ? true
		   : wrong(p, "expected a plain number, not", peek(p));
}

/* A line that says something about the whole script.  *is_one: it was such a line. */
static bool
parse_setting(struct parser *p, bool *is_one)
{
	struct script *s = p->s;

	*is_one = true;
	if (is_next(p, "family")) {
		s->v4 = is_next(p, "v4");
		s->v6 = !s->v4 && is_next(p, "v6");
		return s->v4 || s->v6 ? true : wrong(p, "a family is v4 or v6, not", peek(p));
	}
	if (is_next(p, "remote")) {
		s->to_gateway = is_next(p, "gateway");
		return s->to_gateway ? true : wrong(p, "a remote end is gateway, not", peek(p));
	}
	if (is_next(p, "offload")) {
		s->tso = true;
		return true;
	}
	if (is_next(p, "mtu"))
		return parse_count(p, &s->mtu);
	if (is_next(p, "ring"))
		return parse_count(p, &s->ring);
	if (is_next(p, "max-tcp"))
		return parse_count(p, &s->max_tcp);
	*is_one = false;
	return true;
}

/* --- the whole ---------------------------------------------------------------------------------------- */

static bool
parse_line(struct parser *p, char *line, char *source)
{
	struct script *s = p->s;
	bool setting;

	if (!split(p, line))
		return false;
	if (p->nword == 0)
		return true;
	if (!parse_setting(p, &setting))
		return false;
	if (setting)
		return s->nline == 0 ? true : wrong(p, "settings come before the first line:", source);

	struct script_line *grown = realloc(s->line, (s->nline + 1) * sizeof(*grown));
	if (!grown)
		return wrong(p, "no memory for", source);
	s->line = grown;
	p->l = &grown[s->nline++];
	*p->l = (struct script_line){.number = p->number, .source = source};
	return parse_time(p) && parse_action(p);
}

bool
script_parse(struct script *s, const char *text)
{
	struct parser p = {.s = s};
	bool ok = true;

	*s = (struct script){.v4 = true, .v6 = true, .mtu = 1500};
	/* One copy is cut into words, the other stays whole to be shown. */
	s->words = strdup(text);
	s->own = strdup(text);
	if (!s->words || !s->own) {
		snprintf(s->error, sizeof(s->error), "no memory");
		return false;
	}
	for (char *w = s->words, *o = s->own; ok && w;) {
		char *end_w = strchr(w, '\n'), *end_o = strchr(o, '\n');

		if (end_w)
			*end_w = *end_o = '\0';
		p.number++;
		ok = parse_line(&p, w, o + strspn(o, " \t"));
		w = end_w ? end_w + 1 : NULL;
		o = end_o ? end_o + 1 : NULL;
	}
	if (ok && s->nline == 0)
		ok = wrong(&p, "nothing happens in this script", "");
	return ok;
}

void
script_free(struct script *s)
{
	free(s->line);
	free(s->own);
	free(s->words);
	*s = (struct script){0};
}
