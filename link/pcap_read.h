/*
 * pcap_read.h - frames out of a capture file in memory, pcap or pcapng
 *
 * Strict and bounded: a length that does not fit its file, a link type that is not Ethernet, a block whose
 * two lengths differ end the reading with a sentence that says where.  Reads pcap of both byte orders with
 * microseconds or nanoseconds, and pcapng sections of both byte orders with enhanced and simple packet
 * blocks; other block types are passed over.  Nothing is allocated; frames are views into the file.
 */
#ifndef LINK_PCAP_READ_H
#define LINK_PCAP_READ_H

#include "stack/time.h"
#include "stack/wire.h"

#define PCAP_INTERFACES 64u    /* of one section; a file with more is refused */
#define PCAP_FRAME_MAX 262144u /* bytes of one frame, as the capturing tools have it */

enum pcap_dir { PCAP_UNKNOWN, PCAP_INBOUND, PCAP_OUTBOUND };

struct pcap_frame {
	usec_t when;       /* since 1970; 0 for simple packet blocks, which have no time */
	struct view bytes; /* what was captured */
	uint32_t orig_len; /* what was on the wire, >= bytes.len */
	enum pcap_dir dir;
	uint32_t interface; /* 0 in a pcap file */
};

struct pcap_interface {
	uint8_t tsresol;  /* as in the file: 10^-n s, or 2^-n with the high bit set */
	int64_t tsoffset; /* seconds */
	uint32_t snaplen; /* 0: no limit */
};

struct pcap_reader {
	struct view file;
	size_t at;
	bool ng;  /* pcapng */
	bool big; /* this file's, or section's, byte order */
	bool nsec;
	uint32_t ninterface;
	struct pcap_interface interface[PCAP_INTERFACES];
	char error[128]; /* a sentence once open or next has failed; "" before */
};

/* file stays the caller's and must outlive the reader.  False: see error. */
bool pcap_read_open(struct pcap_reader *r, struct view file);

/* 1: the next frame; 0: the end; -1: see error (and from then on always -1). */
int pcap_read_next(struct pcap_reader *r, struct pcap_frame *f);

#endif
