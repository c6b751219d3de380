/*
 * matrix_test.c - every state meets every segment, everywhere (RFC 9293 3.10.7, RFC 5961)
 *
 * 11 states, 11 kinds of segment, 5 places: left of the window, its left edge, inside, its last number,
 * beyond.  The expectations below were written by hand from the RFCs; each cell becomes a script (see
 * README.md here) that brings a connection into the state, sends the segment and looks at what happens.
 * Acknowledgment numbers are good ones that do not yet acknowledge our FIN where that is what the state is
 * about.
 *
 * A cell is five letters, one for each place:
 *
 *     -  silence, the state stays
 *     A  an acknowledgment, the state stays
 *     R  <SEQ=SEG.ACK><CTL=RST>, the state stays
 *     X  <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>
 *     r  the connection is gone without a word
 *     d  the text is delivered; the state stays
 *     F  the FIN is taken: an acknowledgment, end of file for the host, the next state
 *     E  ESTABLISHED, without a word
 *     T  ESTABLISHED, and the text is delivered
 *     C  ESTABLISHED, and an acknowledgment at once
 *     S  SYN-RECEIVED, by a SYN-ACK: both sides open at once
 *     D  a new connection: the host is dialled
 */
#include <stdio.h>

#include "test/bed/play.h"

#define PLACES 5

enum kind {
	KIND_SYN,
	KIND_SYN_ACK,
	KIND_ACK,
	KIND_FIN,
	KIND_FIN_ACK,
	KIND_RST,
	KIND_RST_ACK,
	KIND_DATA,
	KIND_NONE,
	KIND_URG,
	KIND_SYN_FIN,
	KINDS,
};

static const struct {
	const char *name, *flags, *fields;
	unsigned len; /* of text and flags, in sequence numbers */
} kinds[KINDS] = {
    [KIND_SYN] = {"SYN", "S", "", 1},          [KIND_SYN_ACK] = {"SYN+ACK", "S.", "", 1},
    [KIND_ACK] = {"ACK", ".", "", 0},          [KIND_FIN] = {"FIN", "F", "", 1},
    [KIND_FIN_ACK] = {"FIN+ACK", "F.", "", 1}, [KIND_RST] = {"RST", "R", "", 0},
    [KIND_RST_ACK] = {"RST+ACK", "R.", "", 0}, [KIND_DATA] = {"data", ".", "data 10", 10},
    [KIND_NONE] = {"none", "-", "", 0},        [KIND_URG] = {"URG", ".U", "data 10 urp 5", 10},
    [KIND_SYN_FIN] = {"SYN+FIN", "SF", "", 2},
};

struct state {
	const char *name;
	const char *way;        /* how a connection gets there; ends at time 1 */
	const char *at[PLACES]; /* relative sequence numbers */
	int ack;
	const char *after_fin;
	const char *cell[KINDS];
};

/* Windows begin at 1, or at 2 once the guest's FIN was taken; E is the promised right edge. */
#define WINDOW_AT_1                               \
	{                                         \
		"-19", "1", "101", "E-1", "E+100" \
	}
#define WINDOW_AT_2                               \
	{                                         \
		"-18", "2", "102", "E-1", "E+100" \
	}
/* There is no window before the SYNs have crossed. */
#define NO_WINDOW                                        \
	{                                                \
		"-19", "0", "101", "16384", "2000000000" \
	}

/* SYN: always a challenge (RFC 5961 4.2).  RST: RFC 5961 3.2.  FIN without ACK is no segment of this protocol
 * after the handshake, and not looked at (row T4). */
#define RECEIVING                                                                                            \
	{                                                                                                    \
		[KIND_SYN] = "AAAAA", [KIND_SYN_ACK] = "AAAAA", [KIND_ACK] = "A---A", [KIND_FIN] = "-----",  \
		[KIND_FIN_ACK] = "AFAAA", [KIND_RST] = "-rAA-", [KIND_RST_ACK] = "-rAA-",                    \
		[KIND_DATA] = "AdAAA", [KIND_NONE] = "-----", [KIND_URG] = "AdAAA", [KIND_SYN_FIN] = "-----" \
	}
/* After the guest's FIN its text is ignored, and so is another FIN (3.10.7.4 seventh and eighth). */
#define RECEIVED_FIN                                                                                         \
	{                                                                                                    \
		[KIND_SYN] = "AAAAA", [KIND_SYN_ACK] = "AAAAA", [KIND_ACK] = "A---A", [KIND_FIN] = "-----",  \
		[KIND_FIN_ACK] = "A---A", [KIND_RST] = "-rAA-", [KIND_RST_ACK] = "-rAA-",                    \
		[KIND_DATA] = "A---A", [KIND_NONE] = "-----", [KIND_URG] = "A---A", [KIND_SYN_FIN] = "-----" \
	}

static const struct state states[] = {
    /* 3.10.7.1.  A SYN is a new connection: a gateway listens everywhere. */
    {.name = "CLOSED",
     .way = "",
     .at = NO_WINDOW,
     .ack = 1,
     .cell = {[KIND_SYN] = "DDDDD",
	      [KIND_SYN_ACK] = "RRRRR",
	      [KIND_ACK] = "RRRRR",
	      [KIND_FIN] = "XXXXX",
	      [KIND_FIN_ACK] = "RRRRR",
	      [KIND_RST] = "-----",
	      [KIND_RST_ACK] = "-----",
	      [KIND_DATA] = "RRRRR",
	      [KIND_NONE] = "-----",
	      [KIND_URG] = "RRRRR",
	      [KIND_SYN_FIN] = "-----"}},
    /* 3.10.7.2, but that a SYN is held: the same one again is the same attempt, another one means that the
     * guest has given it up, and so does an RST with its number. */
    {.name = "LISTEN",
     .way = "0 guest > S\n",
     .at = NO_WINDOW,
     .ack = 1,
     .cell = {[KIND_SYN] = "r-rrr",
	      [KIND_SYN_ACK] = "RRRRR",
	      [KIND_ACK] = "RRRRR",
	      [KIND_FIN] = "-----",
	      [KIND_FIN_ACK] = "RRRRR",
	      [KIND_RST] = "-r---",
	      [KIND_RST_ACK] = "-r---",
	      [KIND_DATA] = "RRRRR",
	      [KIND_NONE] = "-----",
	      [KIND_URG] = "RRRRR",
	      [KIND_SYN_FIN] = "-----"}},
    /* 3.10.7.3; the sequence number is no criterion. */
    {.name = "SYN-SENT",
     .way = "0.95 client connects\n0.95 guest < S\n",
     .at = NO_WINDOW,
     .ack = 1,
     .cell = {[KIND_SYN] = "SSSSS",
	      [KIND_SYN_ACK] = "CCCCC",
	      [KIND_ACK] = "-----",
	      [KIND_FIN] = "-----",
	      [KIND_FIN_ACK] = "-----",
	      [KIND_RST] = "-----",
	      [KIND_RST_ACK] = "rrrrr",
	      [KIND_DATA] = "-----",
	      [KIND_NONE] = "-----",
	      [KIND_URG] = "-----",
	      [KIND_SYN_FIN] = "-----"}},
    /* A SYN in the window returns it to LISTEN (3.10.7.4 fourth). */
    {.name = "SYN-RECEIVED",
     .way = "0.95 guest > S mss M ws 7 sackok\n0.95 host accepts\n0.95 guest < S.\n",
     .at = WINDOW_AT_1,
     .ack = 1,
     .after_fin = "CLOSE-WAIT",
     .cell = {[KIND_SYN] = "ArrrA",
	      [KIND_SYN_ACK] = "ArrrA",
	      [KIND_ACK] = "AEEEA",
	      [KIND_FIN] = "-----",
	      [KIND_FIN_ACK] = "AFCCA",
	      [KIND_RST] = "-rAA-",
	      [KIND_RST_ACK] = "-rAA-",
	      [KIND_DATA] = "ATCCA",
	      [KIND_NONE] = "-----",
	      [KIND_URG] = "ATCCA",
	      [KIND_SYN_FIN] = "-----"}},
    {.name = "ESTABLISHED",
     .way = "1 guest opens\n",
     .at = WINDOW_AT_1,
     .ack = 1,
     .after_fin = "CLOSE-WAIT",
     .cell = RECEIVING},
    {.name = "FIN-WAIT-1",
     .way = "1 guest opens\n1 host closes\n1 guest < F.\n",
     .at = WINDOW_AT_1,
     .ack = 1,
     .after_fin = "CLOSING",
     .cell = RECEIVING},
    {.name = "FIN-WAIT-2",
     .way = "1 guest opens\n1 host closes\n1 guest < F.\n1 guest > .\n",
     .at = WINDOW_AT_1,
     .ack = 2,
     .after_fin = "none", /* TIME-WAIT: kept beside the flows */
     .cell = RECEIVING},
    {.name = "CLOSE-WAIT",
     .way = "1 guest opens\n1 guest > F.\n1 guest < .\n",
     .at = WINDOW_AT_2,
     .ack = 1,
     .cell = RECEIVED_FIN},
    {.name = "CLOSING",
     .way = "1 guest opens\n1 host closes\n1 guest < F.\n1 guest > F. ack 1\n1 guest < .\n",
     .at = WINDOW_AT_2,
     .ack = 1,
     .cell = RECEIVED_FIN},
    {.name = "LAST-ACK",
     .way = "1 guest opens\n1 guest > F.\n1 guest < .\n1 host closes\n1 guest < F.\n",
     .at = WINDOW_AT_2,
     .ack = 1,
     .cell = RECEIVED_FIN},
    /* A SYN beyond all numbers used opens anew (MAY-2).  A bare ACK is never answered, not even outside the
     * window: two ends that both do would never stop.  An RST is silent, whether it ends the wait or not. */
    {.name = "TIME-WAIT",
     .way = "1 guest opens\n1 host closes\n1 guest < F.\n1 guest > F.\n1 guest < .\n",
     .at = WINDOW_AT_2,
     .ack = 2,
     .cell = {[KIND_SYN] = "AADDD",
	      [KIND_SYN_ACK] = "AAAAA",
	      [KIND_ACK] = "-----",
	      [KIND_FIN] = "AAAAA",
	      [KIND_FIN_ACK] = "AAAAA",
	      [KIND_RST] = "-----",
	      [KIND_RST_ACK] = "-----",
	      [KIND_DATA] = "AAAAA",
	      [KIND_NONE] = "-----",
	      [KIND_URG] = "AAAAA",
	      [KIND_SYN_FIN] = "-----"}},
};

/* What the notation calls the state: those without a flow are none. */
static const char *
state_word(const struct state *st)
{
	return strcmp(st->name, "CLOSED") == 0 || strcmp(st->name, "TIME-WAIT") == 0 ? "none" : st->name;
}

/* The lines that follow the segment, for the letter of a cell. */
static void
consequence(const struct state *st, enum kind k, const char *at, char letter, char *out, size_t size)
{
	const char *ack = "1.000 guest < .\n", *same = state_word(st);
	/* Sequence number at which the guest's window begins, and of our next byte. */
	const int next = st->at[1][0] - '0', ours = st->ack;

	switch (letter) {
	case '-':
		snprintf(out, size, "1.000 gateway state %s\n", same);
		break;
	case 'A':
		snprintf(out, size, "1.000 guest < . ack %d len 0\n1.000 gateway state %s\n", next, same);
		break;
	case 'R':
		snprintf(out, size, "1.000 guest < R seq %d\n1.000 gateway state %s\n", ours, same);
		break;
	case 'X':
		snprintf(out, size, "1.000 guest < R. seq 0 ack %s+%u\n1.000 gateway state %s\n", at,
			 kinds[k].len, same);
		break;
	case 'r':
		snprintf(out, size, "1.000 gateway state none\n1.000 gateway flows 0\n");
		break;
	case 'd':
		snprintf(out, size,
			 "1.000 host reads 10\n1.000 gateway state %s\n1.040 guest < . ack %d len 0\n", same,
			 next + 10);
		break;
	case 'F':
		snprintf(out, size, "%s1.000 host sees eof\n1.000 gateway state %s\n", ack, st->after_fin);
		break;
	case 'E':
		snprintf(out, size, "1.000 gateway state ESTABLISHED\n");
		break;
	case 'T':
		snprintf(out, size,
			 "1.000 host reads 10\n1.000 gateway state ESTABLISHED\n1.040 guest < . ack %d\n",
			 next + 10);
		break;
	case 'C':
		snprintf(out, size, "%s1.000 gateway state ESTABLISHED\n", ack);
		break;
	case 'S':
		snprintf(out, size, "1.000 guest < S. seq 0 ack %s+1\n1.000 gateway state SYN-RECEIVED\n",
			 at);
		break;
	default: /* D */
		snprintf(out, size, "1.000 gateway state LISTEN\n1.000 host sockets 1\n");
		break;
	}
}

static bool
try_cell(const struct state *st, enum kind k, unsigned place, enum family fam)
{
	static const uint32_t isns[] = {0, 0x7fffffff, 0xffffffff};
	char text[1024], after[512], why[1024];
	const bool acks = strchr(kinds[k].flags, '.') != NULL;
	char ack[32] = "";
	struct script s;
	bool ok;

	if (acks)
		snprintf(ack, sizeof(ack), "ack %d", st->ack);
	consequence(st, k, st->at[place], st->cell[k][place], after, sizeof(after));
	snprintf(text, sizeof(text), "%s1.000 guest > %s seq %s %s %s\n%s1.045 guest < nothing\n", st->way,
		 kinds[k].flags, st->at[place], ack, kinds[k].fields, after);
	ok = script_parse(&s, text);
	if (!ok)
		snprintf(why, sizeof(why), "%s", s.error);
	for (size_t i = 0; ok && i < 3; i++)
		ok = play_script(&s, fam, isns[i], isns[(i + 1) % 3], why, sizeof(why));
	if (!ok)
		printf("not ok %s meets %s at %s v%d - %s\n", st->name, kinds[k].name, st->at[place],
		       fam == FAMILY_V4 ? 4 : 6, why);
	script_free(&s);
	return ok;
}

int
main(void)
{
	unsigned failed = 0;

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		for (int fam = 0; fam < FAMILIES; fam++) {
			unsigned before = failed;

			for (unsigned k = 0; k < KINDS; k++)
				for (unsigned place = 0; place < PLACES; place++)
					failed +=
					    !try_cell(&states[i], (enum kind)k, place, (enum family)fam);
			if (failed == before)
				printf("ok %s meets every segment, v%d\n", states[i].name, fam ? 6 : 4);
		}
	return failed != 0;
}
