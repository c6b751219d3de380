/*
 * query.h - a guest's DNS query as a value, and the small answers that are made from it alone
 */
#ifndef DNS_QUERY_H
#define DNS_QUERY_H

#include "policy/name.h"

#define DNS_UDP_MIN 512u
#define DNS_UDP_MAX 1232u /* what we tell others (EDNS buffer size); guests get up to what they asked for */
#define DNS_MESSAGE_MAX 65535u
#define DNS_SMALL_MAX 1024u /* room for the answers of this file */

enum {
	DNS_A = 1,
	DNS_NS = 2,
	DNS_CNAME = 5,
	DNS_SOA = 6,
	DNS_PTR = 12,
	DNS_HINFO = 13,
	DNS_MX = 15,
	DNS_TXT = 16,
	DNS_AAAA = 28,
	DNS_DNAME = 39,
	DNS_OPT = 41,
	DNS_RRSIG = 46,
	DNS_SVCB = 64,
	DNS_HTTPS = 65,
	DNS_META_FIRST = 128, /* types that ask for something else than a record (RFC 6895 3.1) ... */
	DNS_IXFR = 251,
	DNS_AXFR = 252,
	DNS_ANY = 255, /* RFC 8482: answered here, see dns_local_find() */
	DNS_META_LAST = 255,
};
enum { DNS_NOERROR, DNS_FORMERR, DNS_SERVFAIL, DNS_NXDOMAIN, DNS_NOTIMP, DNS_REFUSED, DNS_BADVERS = 16 };
/* Extended DNS Errors (RFC 8914 section 4). */
enum {
	EDE_NONE = -1,
	EDE_OTHER = 0,
	EDE_STALE = 3,
	EDE_FORGED = 4,
	EDE_BLOCKED = 15,
	EDE_CENSORED = 16,
	EDE_FILTERED = 17,
	EDE_PROHIBITED = 18,
	EDE_NO_REACHABLE = 22,
	EDE_NETWORK = 23
};

struct dns_query {
	uint16_t id;
	uint8_t opcode; /* 0, but in what is answered NOTIMP */
	bool rd, ad, cd;
	bool edns, dnssec_ok;
	uint16_t
	    udp_size; /* what the guest takes over UDP: at least DNS_UDP_MIN, without EDNS exactly that */
	uint16_t type, class;
	struct name name;               /* as it is compared */
	uint8_t spelled[NAME_MAX_WIRE]; /* as it was asked, name.len bytes: its case is given back */
};

enum dns_reading {
	DNS_READ,   /* q is whole */
	DNS_IGNORE, /* not even an error is due: a response, or no header */
	DNS_ANSWER, /* not to be forwarded: send dns_error() with *rcode; q has as much as there was */
};
/*
 * Runs dns_precheck(); counts, opcodes and EDNS versions are judged here (D1, D3).  What is DNS_READ is of class IN and
 * asks for records: zone transfers and the like are NOTIMP.
 */
enum dns_reading dns_query_read(struct view msg, struct dns_query *q, uint8_t *rcode);

/*
 * An answer without records: rcode, the question given back if there was one, an OPT with an extended error if the
 * guest speaks EDNS and ede is not EDE_NONE; text (cut to 200 bytes) explains.  Returns its length, at most
 * DNS_SMALL_MAX.
 */
size_t dns_error(const struct dns_query *q, uint8_t rcode, int ede, const char *text, uint8_t *out,
		 size_t room);

/* Parts of answers: the flags (QR and RA set, RD and CD as asked), and the OPT, which is there if the guest spoke EDNS. */
uint16_t dns_flags(const struct dns_query *q, uint8_t rcode);
size_t dns_opt_size(const struct dns_query *q, int ede, const char *text);
void dns_opt_write(struct wr *w, const struct dns_query *q, uint8_t rcode, int ede, const char *text);

/*
 * The query as it goes upstream: id, RD, CD and DO as asked, AD set, the name in lower case, an OPT of ours (DNS_UDP_MAX);
 * nothing else of the guest's.  edns false: without the OPT, for a server that does not know it (RFC 6891 6.2.2).
 */
size_t dns_query_write(const struct dns_query *q, uint16_t id, bool edns, uint8_t *out, size_t room);
/* The same, for a connection on which only lengths can be seen: made as long as others are (RFC 7830; RFC 8467 4.1: a multiple of
 * DNS_PADDED).  Without EDNS nothing can be padded.  0: no room. */
#define DNS_PADDED 128u
size_t dns_query_write_padded(const struct dns_query *q, uint16_t id, bool edns, uint8_t *out, size_t room);

/* Does this message answer what dns_query_write() made (id, QR, opcode, exactly this question)?  RFC 5452 section 9. */
bool dns_is_answer_to(struct view msg, const struct dns_query *q, uint16_t id);
bool dns_is_truncated(struct view msg);
uint8_t dns_rcode(struct view msg);

#endif
