/*
 * fuzz_pcap_read.c - any bytes as a capture file
 *
 * What the reader lends lies inside the file, times are never negative, errors are sentences.  What was
 * read is then written as pcapng and read again: the same frames must come back.
 */
#include <assert.h>
#include <stdlib.h>

#include "link/pcap_read.h"
#include "link/pcapng.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A host of which only fd_writev is there: it appends. */
struct sink {
	struct host host;
	uint8_t *bytes;
	size_t len, max;
};

static ssize_t
append(struct host *h, int fd, const struct iovec *iov, int n)
{
	struct sink *s = (struct sink *)(void *)h;
	size_t before = s->len;

	(void)fd;
	for (int i = 0; i < n; i++) {
		assert(iov[i].iov_len <= s->max - s->len);
		memcpy(s->bytes + s->len, iov[i].iov_base, iov[i].iov_len);
		s->len += iov[i].iov_len;
	}
	return (ssize_t)(s->len - before);
}

/* Frames that can be written: how many, and their bytes. */
static size_t
read_all(struct view file, struct pcapng *out, size_t *bytes)
{
	struct pcap_reader r;
	struct pcap_frame f;
	size_t n = 0;
	bool good = pcap_read_open(&r, file);

	*bytes = 0;
	assert(good == (r.error[0] == '\0'));
	while (good && pcap_read_next(&r, &f) == 1) {
		assert(f.when >= 0 && f.orig_len >= f.bytes.len && f.dir <= PCAP_OUTBOUND);
		assert(f.bytes.len == 0 ||
		       (f.bytes.p >= file.p && f.bytes.p + f.bytes.len <= file.p + file.len));
		if (f.bytes.len > FRAME_MAX)
			continue;
		struct frame frame = {.len = (uint32_t)f.bytes.len, .nspan = 1, .span = {f.bytes}};
		if (out)
			pcapng_frame(out, &frame, (enum pcapng_dir)f.dir, f.when);
		*bytes += f.bytes.len;
		n++;
	}
	assert(r.at <= file.len);
	return n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct host_ops ops = {.fd_writev = append};
	/* The shortest record is 16 bytes and becomes a block of 44. */
	struct sink s = {.host.ops = &ops, .max = size * 4 + 128};
	struct pcapng out;
	size_t bytes, again;

	s.bytes = malloc(s.max);
	if (!s.bytes || pcapng_init(&out, &s.host, 0, 0) < 0)
		abort();
	size_t n = read_all(view_of(data, size), &out, &bytes);
	pcapng_done(&out);
	size_t n_again = read_all(view_of(s.bytes, s.len), NULL, &again);
	assert(n_again == n && again == bytes);
	free(s.bytes);
	return 0;
}
