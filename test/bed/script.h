/*
 * script.h - the notation of test/script: text into lines a runner can act on
 *
 * The notation itself is described in test/script/README.md.
 */
#ifndef TEST_BED_SCRIPT_H
#define TEST_BED_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stack/time.h"

enum script_match {
	MATCH_UNSAID, /* the field was not named */
	MATCH_EQ,
	MATCH_LT,
	MATCH_LE,
	MATCH_GT,
	MATCH_GE,
	MATCH_ANY,  /* `*`: there, whatever it is */
	MATCH_NONE, /* `none`: not there */
};

/* A number that may depend on M, the largest segment of the family at hand, and on E, the right edge of the
 * window the gateway has promised the guest: k + m * M + e * E. */
struct script_value {
	enum script_match match;
	int64_t k, m, e;
};

#define SCRIPT_SACKS 4
#define SCRIPT_OPTION_BYTES 40
#define SCRIPT_FLOWS 9

/* A TCP segment as written: what to send, or what to expect. */
struct script_segment {
	uint8_t flags;
	struct script_value seq, ack, win, edge, len, mss, ws, sackok, urp;
	struct script_value hlen, cut; /* guest only: data offset in bytes; the whole segment cut off there */
	uint8_t nsack;
	bool sack_none;
	struct {
		struct script_value left, right;
	} sack[SCRIPT_SACKS];
	bool badsum;
	uint8_t nopt;
	uint8_t opt[SCRIPT_OPTION_BYTES]; /* guest only: more options, as they are */
};

enum script_verb {
	/* the guest */
	DO_SEND,      /* a segment */
	DO_SEND_MORE, /* a segment that waits for the next, to be handled in the same turn */
	DO_SEND_UDP,
	DO_SEND_ICMP,
	DO_SEND_ECHO,
	GUEST_OPENS, /* the whole handshake; the segment is the guest's SYN */
	WANT_SEGMENT,
	WANT_UDP,
	WANT_ICMP,
	WANT_ECHO,
	WANT_NOTHING,
	WANT_ANYTHING, /* whatever was sent up to now: thrown away */
	/* the host, or the client of a published port */
	HOST_SETTLES, /* n: an errno, 0 for success */
	HOST_SENDS,
	HOST_READS,
	HOST_CLOSES, /* end of file */
	HOST_RESETS,
	HOST_BUFFERS, /* bytes each way its socket holds */
	HOST_SEES_EOF,
	HOST_SEES_CLOSE,
	HOST_SEES_RESET,
	HOST_SEES_OPEN,
	HOST_SOCKETS, /* so many TCP sockets are open, dialling or connected */
	HOST_SENDS_UDP,
	HOST_READS_UDP,
	HOST_REFUSES_UDP,
	CLIENT_CONNECTS,
	CLIENT_OPENS, /* the same the other way round; the segment is the guest's SYN-ACK */
	/* the gateway's inside */
	GATEWAY_STATE,
	GATEWAY_FLOWS,
};

struct script_line {
	int number;
	char *source;       /* as written, without indentation */
	usec_t from, until; /* since the start; different only for expectations */
	enum script_verb verb;
	unsigned flow; /* 0 .. SCRIPT_FLOWS - 1 */
	struct script_segment seg;
	struct script_value n;
	const char *text; /* quoted bytes, a name; NULL: none */
	struct script_value mtu;
};

struct script {
	bool v4, v6;
	uint32_t mtu;
	bool tso;         /* the link takes segmentation and checksum offload */
	bool to_gateway;  /* the guest talks to the gateway's own address: the host's loopback */
	uint32_t ring;    /* bytes a flow's ring may have; 0: the default */
	uint32_t max_tcp; /* 0: the bed's */
	struct script_line *line;
	size_t nline;
	char error[256]; /* of script_parse() */
	char *own;       /* the text that everything above points into */
	char *words;
};

/* Reads text (a whole file).  False: error names line and mistake.  Free in both cases. */
bool script_parse(struct script *s, const char *text);
void script_free(struct script *s);

#endif
