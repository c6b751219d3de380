/*
 * pcap_read.c - the records of a pcap file, the blocks of a pcapng file
 *
 * pcap (draft-ietf-opsawg-pcap): one 24-byte head, then records of a 16-byte head and the frame.
 * pcapng (draft-ietf-opsawg-pcapng): blocks of `type | total length | body | total length`; a section
 * header says the byte order of all that follows until the next one, and numbers interfaces from 0 again.
 * A block's body is parsed by a reader of its own that ends where the body ends.
 */
#include "link/pcap_read.h"

#include <stdio.h>

#include "link/le.h"

enum {
	BLOCK_SECTION = 0x0a0d0d0a, /* the same in both byte orders */
	BLOCK_INTERFACE = 1,
	BLOCK_SIMPLE = 3,
	BLOCK_PACKET = 6,
	LINKTYPE_ETHERNET = 1,

	OPT_END = 0,
	OPT_IF_TSRESOL = 9,
	OPT_IF_TSOFFSET = 14,
	OPT_EPB_FLAGS = 2,

	TSRESOL_USEC = 6,
};

static uint16_t
get_u16(const struct pcap_reader *r, struct rd *in)
{
	return r->big ? rd_u16(in) : rd_le16(in);
}

static uint32_t
get_u32(const struct pcap_reader *r, struct rd *in)
{
	return r->big ? rd_u32(in) : rd_le32(in);
}

/* What is not read yet. */
static struct rd
rest_of(const struct pcap_reader *r)
{
	struct rd in = rd_of(r->file);

	rd_take(&in, r->at);
	return in;
}

/* End the reading with a sentence about what lies at offset `at`. */
static int
fail(struct pcap_reader *r, size_t at, const char *what)
{
	snprintf(r->error, sizeof(r->error), "%s at offset %zu", what, at);
	return -1;
}

/* --- time ------------------------------------------------------------------------------------------ */

#define SECONDS_MAX (INT64_MAX / USEC_PER_SEC / 2) /* 146,000 years: sums of two still fit */

/* Units of 10^-digits s.  False: out of range. */
static bool
decimal_usec(uint64_t t, unsigned digits, uint64_t *out)
{
	uint64_t mul = 1, div = 1;

	for (unsigned i = digits; i < TSRESOL_USEC; i++)
		mul *= 10;
	for (unsigned i = TSRESOL_USEC; i < digits; i++) {
		if (div > UINT64_MAX / 10)
			return false;
		div *= 10;
	}
	if (t / div > UINT64_MAX / mul)
		return false;
	*out = t / div * mul;
	return true;
}

/* Units of 2^-bits s, bits < 64. */
static bool
binary_usec(uint64_t t, unsigned bits, uint64_t *out)
{
	uint64_t seconds = t >> bits;
	uint64_t fraction = t & ((UINT64_C(1) << bits) - 1);

	if (seconds > (uint64_t)SECONDS_MAX)
		return false;
	if (bits > 43) { /* 10^6 < 2^20: keep the product below 2^63 */
		fraction >>= bits - 43;
		bits = 43;
	}
	*out = seconds * USEC_PER_SEC + (fraction * USEC_PER_SEC >> bits);
	return true;
}

static bool
interface_usec(const struct pcap_interface *i, uint64_t t, usec_t *out)
{
	unsigned n = i->tsresol & 0x7fu;
	uint64_t usec = 0;

	if (i->tsoffset > SECONDS_MAX || i->tsoffset < -SECONDS_MAX)
		return false;
	if (i->tsresol & 0x80 ? n > 63 || !binary_usec(t, n, &usec) : !decimal_usec(t, n, &usec))
		return false;
	if (usec > INT64_MAX / 2)
		return false;
	*out = (usec_t)usec + i->tsoffset * USEC_PER_SEC;
	return *out >= 0;
}

/* --- pcap ------------------------------------------------------------------------------------------ */

static bool
pcap_head(struct pcap_reader *r)
{
	struct rd in = rd_of(r->file);
	uint32_t magic = rd_u32(&in);

	r->big = magic == 0xa1b2c3d4 || magic == 0xa1b23c4d;
	r->nsec = magic == 0xa1b23c4d || magic == 0x4d3cb2a1;
	if (!r->big && magic != 0xd4c3b2a1 && magic != 0x4d3cb2a1) {
		fail(r, 0, "neither a pcap nor a pcapng file: unknown magic number");
		return false;
	}
	uint16_t major = get_u16(r, &in);
	rd_take(&in,
		2 + 4 + 4 + 4); /* minor version; zone, accuracy, snapshot length: of no use to anybody */
	uint32_t linktype = get_u32(r, &in);
	if (in.bad) {
		fail(r, 0, "pcap file header cut short");
		return false;
	}
	if (major != 2) {
		fail(r, 4, "unknown pcap version");
		return false;
	}
	if (linktype != LINKTYPE_ETHERNET) {
		fail(r, 20, "link type is not Ethernet");
		return false;
	}
	r->at = 24;
	return true;
}

static int
pcap_record(struct pcap_reader *r, struct pcap_frame *f)
{
	struct rd in = rest_of(r);
	uint32_t seconds = get_u32(r, &in);
	uint32_t fraction = get_u32(r, &in);
	uint32_t len = get_u32(r, &in);
	uint32_t orig_len = get_u32(r, &in);

	if (len > PCAP_FRAME_MAX)
		return fail(r, r->at, "frame longer than any Ethernet capture has");
	*f = (struct pcap_frame){
	    .when = seconds * USEC_PER_SEC + (r->nsec ? fraction / 1000 : fraction),
	    .bytes = rd_take(&in, len),
	    .orig_len = orig_len < len ? len : orig_len,
	};
	if (in.bad)
		return fail(r, r->at, "record cut short");
	r->at += 16 + (size_t)len;
	return 1;
}

/* --- pcapng ---------------------------------------------------------------------------------------- */

struct block {
	uint32_t type;
	struct rd body;
};

/* The next block, its lengths checked; r->at moves past it. */
static int
next_block(struct pcap_reader *r, struct block *b)
{
	struct rd in = rest_of(r);
	struct rd peek = in;

	b->type = get_u32(r, &in);
	rd_take(&peek, 8);
	if (b->type == BLOCK_SECTION) {
		uint32_t order = rd_u32(&peek);

		if (order != 0x1a2b3c4d && order != 0x4d3c2b1a)
			return fail(r, r->at, "section header with an unknown byte order");
		r->big = order == 0x1a2b3c4d;
	}
	uint32_t total = get_u32(r, &in);
	if (in.bad || peek.bad)
		return fail(r, r->at, "block cut short");
	if (total < 12 || total % 4 != 0)
		return fail(r, r->at, "block with an impossible length");
	b->body = rd_of(rd_take(&in, total - 12));
	uint32_t again = get_u32(r, &in);
	if (in.bad)
		return fail(r, r->at, "block cut short");
	if (again != total)
		return fail(r, r->at, "block whose two lengths differ");
	r->at += total;
	return 1;
}

/* The value of one option, as a reader of its own; false: no more options. */
static bool
next_option(const struct pcap_reader *r, struct rd *in, uint16_t *code, struct rd *value)
{
	if (rd_left(in) == 0)
		return false;
	*code = get_u16(r, in);
	uint16_t len = get_u16(r, in);
	*value = rd_of(rd_take(in, len));
	rd_take(in, (4u - len % 4u) % 4u);
	return !in->bad && *code != OPT_END;
}

static int
section(struct pcap_reader *r, struct rd in, size_t at)
{
	rd_take(&in, 4); /* byte order: read already */
	uint16_t major = get_u16(r, &in);
	rd_take(&in, 2 + 8);
	if (in.bad)
		return fail(r, at, "section header cut short");
	if (major != 1)
		return fail(r, at, "unknown pcapng version");
	r->ninterface = 0;
	return 1;
}

static int
interface(struct pcap_reader *r, struct rd in, size_t at)
{
	struct pcap_interface i = {.tsresol = TSRESOL_USEC};
	uint16_t linktype = get_u16(r, &in);
	uint16_t code;
	struct rd value;

	rd_take(&in, 2);
	i.snaplen = get_u32(r, &in);
	while (next_option(r, &in, &code, &value)) {
		if (code == OPT_IF_TSRESOL && rd_left(&value) == 1)
			i.tsresol = rd_u8(&value);
		if (code == OPT_IF_TSOFFSET && rd_left(&value) == 8) {
			uint64_t a = get_u32(r, &value), b = get_u32(r, &value);

			i.tsoffset = (int64_t)(r->big ? a << 32 | b : b << 32 | a);
		}
	}
	if (in.bad)
		return fail(r, at, "interface description cut short");
	if (linktype != LINKTYPE_ETHERNET)
		return fail(r, at, "interface whose link type is not Ethernet");
	if (r->ninterface >= PCAP_INTERFACES)
		return fail(r, at, "one interface more than this reader knows");
	r->interface[r->ninterface++] = i;
	return 1;
}

static int
packet(struct pcap_reader *r, struct rd in, size_t at, struct pcap_frame *f)
{
	*f = (struct pcap_frame){.interface = get_u32(r, &in)};
	uint64_t high = get_u32(r, &in);
	uint64_t when = high << 32 | get_u32(r, &in);
	uint32_t len = get_u32(r, &in);
	uint32_t orig_len = get_u32(r, &in);
	uint16_t code;
	struct rd value;

	f->bytes = rd_take(&in, len);
	rd_take(&in, (4u - len % 4u) % 4u);
	f->orig_len = orig_len < len ? len : orig_len;
	while (next_option(r, &in, &code, &value))
		if (code == OPT_EPB_FLAGS && rd_left(&value) == 4)
			f->dir = (enum pcap_dir)(get_u32(r, &value) & 3);
	if (f->dir > PCAP_OUTBOUND)
		f->dir = PCAP_UNKNOWN;
	if (in.bad || len > PCAP_FRAME_MAX)
		return fail(r, at, "packet longer than its block");
	if (f->interface >= r->ninterface)
		return fail(r, at, "packet of an interface that was not described");
	if (!interface_usec(&r->interface[f->interface], when, &f->when))
		return fail(r, at, "packet with a time out of range");
	return 1;
}

/* Its captured length is not written down: the original one, cut to the interface's limit. */
static int
simple_packet(struct pcap_reader *r, struct rd in, size_t at, struct pcap_frame *f)
{
	if (r->ninterface == 0)
		return fail(r, at, "packet of an interface that was not described");
	uint32_t limit = r->interface[0].snaplen;

	*f = (struct pcap_frame){.orig_len = get_u32(r, &in)};
	f->bytes = rd_take(&in, limit && f->orig_len > limit ? limit : f->orig_len);
	if (in.bad || f->bytes.len > PCAP_FRAME_MAX)
		return fail(r, at, "packet longer than its block");
	return 1;
}

/* 1: it was a packet; 0: it was something else, well-formed; -1: error. */
static int
read_block(struct pcap_reader *r, struct pcap_frame *f)
{
	size_t at = r->at;
	struct block b;

	if (next_block(r, &b) < 0)
		return -1;
	switch (b.type) {
	case BLOCK_SECTION:
		return section(r, b.body, at) < 0 ? -1 : 0;
	case BLOCK_INTERFACE:
		return interface(r, b.body, at) < 0 ? -1 : 0;
	case BLOCK_PACKET:
		return packet(r, b.body, at, f);
	case BLOCK_SIMPLE:
		return simple_packet(r, b.body, at, f);
	default:
		return 0;
	}
}

/* --- both ------------------------------------------------------------------------------------------ */

bool
pcap_read_open(struct pcap_reader *r, struct view file)
{
	struct rd in = rd_of(file);
	struct pcap_frame none;

	*r = (struct pcap_reader){.file = file};
	if (file.len < 4) {
		fail(r, 0, "too short for a capture: no magic number");
		return false;
	}
	r->ng = rd_u32(&in) == BLOCK_SECTION;
	return r->ng ? read_block(r, &none) == 0 : pcap_head(r);
}

int
pcap_read_next(struct pcap_reader *r, struct pcap_frame *f)
{
	while (r->error[0] == '\0' && r->at < r->file.len) {
		int rc = r->ng ? read_block(r, f) : pcap_record(r, f);

		if (rc != 0)
			return rc;
	}
	return r->error[0] == '\0' ? 0 : -1;
}
