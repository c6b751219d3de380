/*
 * precheck.c - a DNS message's structure, checked once before anything else is made of it
 *
 * A type that ldns takes apart is described by a word of layout, one letter a field; every other type is taken whole.
 * A test walks the tables of ldns and proves that no type is missing in which it would follow a name or count strings
 * of its own.
 */
#include "dns/precheck.h"

#define HEADER 12u
#define RECORDS_MAX 512u /* of one message; an answer of an honest zone has some ten */
#define JUMPS_MAX 16u    /* compression pointers in one name */
#define STRINGS_MAX 256u /* of one record */
#define STRINGS_COST \
	(4u << 20)      /* bytes ldns would take for all strings: one record's length for each of them */
#define WHOLE_MAX 4096u /* bytes of a type that is taken whole, or as the rest of one */
#define NAMES_MAX 8u    /* of one record: the servers of a HIP */

enum {
	OPT = 41,
	TSIG = 250,
};

enum section { ANSWER, AUTHORITY, ADDITIONAL };

struct check {
	struct view msg;
	struct rd r;
	unsigned opt, tsig;
	size_t cost;
};

/*
 * Take the name at r, which reads within msg.  Pointers lead only backwards, each to before where the last one led, so
 * that there is an end (D2); RFC 1035 4.1.4 speaks of a prior occurrence.
 */
static enum precheck
take_name(struct view msg, struct rd *r)
{
	struct rd at = *r;
	size_t before = (size_t)(r->p - msg.p);
	unsigned len = 0, jumps = 0;

	for (;;) {
		unsigned c = rd_u8(&at);

		if (at.bad)
			return PRECHECK_BAD;
		if (c < 64) {
			len += c + 1;
			rd_take(&at, c);
			if (len > 255 || at.bad)
				return PRECHECK_BAD;
			if (c)
				continue;
			if (!jumps)
				*r = at;
			return PRECHECK_OK;
		}
		size_t to = (c & 0x3f) << 8 | rd_u8(&at);
		if (c < 0xc0 || at.bad || to < HEADER || to >= before)
			return PRECHECK_BAD;
		if (!jumps)
			*r = at;
		if (++jumps > JUMPS_MAX)
			return PRECHECK_TOO_MUCH;
		before = to;
		at = rd_of(msg);
		rd_take(&at, to);
	}
}

/*
 * n: a name; N: names to the end; s: a string; t: one more if there is; S: strings to the end; digits: so many bytes;
 * d: a 16-bit length and as much; h: the beginning of a HIP; *: the rest, whatever it is.  NULL: a type taken whole.
 */
static const char *
layout_of(unsigned type)
{
	switch (type) {
	case 1: /* A */
		return "4";
	case 28: /* AAAA */
		return "88";
	case 2:  /* NS */
	case 3:  /* MD */
	case 4:  /* MF */
	case 5:  /* CNAME */
	case 7:  /* MB */
	case 8:  /* MG */
	case 9:  /* MR */
	case 12: /* PTR */
	case 39: /* DNAME */
		return "n";
	case 6: /* SOA */
		return "nn44444";
	case 14: /* MINFO */
	case 17: /* RP */
	case 58: /* TALINK */
		return "nn";
	case 15:  /* MX */
	case 18:  /* AFSDB */
	case 21:  /* RT */
	case 36:  /* KX */
	case 107: /* LP */
		return "2n";
	case 26: /* PX */
		return "2nn";
	case 33: /* SRV */
		return "222n";
	case 35: /* NAPTR */
		return "22sssn";
	case 19: /* X25 */
	case 23: /* NSAP-PTR: a name, but a string to ldns */
		return "s";
	case 20: /* ISDN */
		return "st";
	case 13: /* HINFO */
		return "ss";
	case 27: /* GPOS */
		return "sss";
	case 16:  /* TXT */
	case 56:  /* NINFO */
	case 99:  /* SPF */
	case 258: /* AVC */
	case 261: /* RESINFO */
		return "S";
	case 24: /* SIG */
	case 46: /* RRSIG */
		return "2114442n*";
	case 30: /* NXT */
	case 47: /* NSEC */
		return "n*";
	case 50: /* NSEC3 */
		return "112ss*";
	case 51: /* NSEC3PARAM */
		return "112s";
	case 40: /* SINK: one byte to ldns */
		return "1";
	case 55: /* HIP */
		return "hN";
	case 64: /* SVCB */
	case 65: /* HTTPS */
		return "2n*";
	case 104: /* NID */
	case 106: /* L64 */
		return "28";
	case 105: /* L32 */
		return "24";
	case 108: /* EUI48 */
		return "6";
	case 109: /* EUI64 */
		return "8";
	case 249: /* TKEY */
		return "n4422dd";
	case 250: /* TSIG */
		return "n62d22d";
	case 257: /* CAA */
		return "1s*";
	default:
		return NULL;
	}
}

static void
take_hip(struct rd *r)
{
	unsigned hit = rd_u8(r);

	rd_u8(r);
	rd_take(r, hit + rd_u16(r));
}

static enum precheck
take_names(struct check *c, struct rd *r)
{
	enum precheck is = PRECHECK_OK;

	for (unsigned n = 0; is == PRECHECK_OK && rd_left(r); n++)
		is = n < NAMES_MAX ? take_name(c->msg, r) : PRECHECK_TOO_MUCH;
	return is;
}

static enum precheck
take_strings(struct check *c, struct rd *r)
{
	size_t len = rd_left(r);
	unsigned n = 0;

	for (; rd_left(r); n++)
		rd_take(r, rd_u8(r));
	c->cost += n * len;
	return n > STRINGS_MAX || c->cost > STRINGS_COST ? PRECHECK_TOO_MUCH : PRECHECK_OK;
}

/* The names of a record may point outside of it, but begin and end within. */
static enum precheck
check_data(struct check *c, unsigned type, struct view data)
{
	const char *field = layout_of(type);
	struct rd r = rd_of(data);
	enum precheck is = PRECHECK_OK;

	if (!field)
		return data.len > WHOLE_MAX ? PRECHECK_TOO_MUCH : PRECHECK_OK;
	for (; *field && is == PRECHECK_OK && !r.bad; field++) {
		switch (*field) {
		case 'n':
			is = take_name(c->msg, &r);
			break;
		case 'N':
			is = take_names(c, &r);
			break;
		case 's':
			rd_take(&r, rd_u8(&r));
			break;
		case 't':
			rd_take(&r, rd_left(&r) ? rd_u8(&r) : 0);
			break;
		case 'S':
			is = take_strings(c, &r);
			break;
		case 'd':
			rd_take(&r, rd_u16(&r));
			break;
		case 'h':
			take_hip(&r);
			break;
		case '*':
			is = rd_left(&r) > WHOLE_MAX ? PRECHECK_TOO_MUCH : PRECHECK_OK;
			rd_rest(&r);
			break;
		default:
			rd_take(&r, (size_t)(*field - '0'));
		}
	}
	if (is != PRECHECK_OK)
		return is;
	return r.bad || rd_left(&r) ? PRECHECK_BAD : PRECHECK_OK;
}

/* RFC 6891 6.1.1, 6.1.2: one, in the additional section, of the root; options fit. */
static bool
is_sound_opt(struct check *c, enum section s, bool root, struct view data)
{
	struct rd r = rd_of(data);

	if (s != ADDITIONAL || !root || ++c->opt > 1)
		return false;
	while (rd_left(&r)) {
		rd_u16(&r);
		rd_take(&r, rd_u16(&r));
	}
	return !r.bad;
}

static enum precheck
check_record(struct check *c, enum section s)
{
	struct rd peek = c->r;
	bool root = rd_left(&peek) && rd_u8(&peek) == 0;
	enum precheck is = take_name(c->msg, &c->r);

	if (is != PRECHECK_OK)
		return is;
	unsigned type = rd_u16(&c->r);
	rd_take(&c->r, 2 + 4); /* class, TTL */
	struct view data = rd_take(&c->r, rd_u16(&c->r));
	if (c->r.bad)
		return PRECHECK_BAD;
	if (type == OPT)
		return is_sound_opt(c, s, root, data) ? PRECHECK_OK : PRECHECK_BAD;
	/* ldns keeps one and loses the others. */
	if (type == TSIG && (s != ADDITIONAL || ++c->tsig > 1))
		return PRECHECK_BAD;
	return check_data(c, type, data);
}

enum precheck
dns_precheck(struct view msg, bool is_query)
{
	struct check c = {.msg = msg, .r = rd_of(msg)};

	rd_u32(&c.r); /* id, flags */
	unsigned questions = rd_u16(&c.r), count[3];
	for (enum section s = ANSWER; s <= ADDITIONAL; s++)
		count[s] = rd_u16(&c.r);
	if (c.r.bad || questions != 1)
		return PRECHECK_BAD;
	/* An IXFR tells in the authority section what is known (RFC 1995 section 3). */
	if (is_query && (count[ANSWER] || count[AUTHORITY] > 1 || count[ADDITIONAL] > 2))
		return PRECHECK_BAD;
	if (count[ANSWER] + count[AUTHORITY] + count[ADDITIONAL] > RECORDS_MAX)
		return PRECHECK_TOO_MUCH;

	enum precheck is = take_name(msg, &c.r);
	rd_u32(&c.r); /* type, class */
	for (enum section s = ANSWER; s <= ADDITIONAL; s++)
		for (unsigned i = 0; is == PRECHECK_OK && i < count[s]; i++)
			is = check_record(&c, s);
	if (is == PRECHECK_OK && (c.r.bad || rd_left(&c.r)))
		is = PRECHECK_BAD;
	return is;
}
