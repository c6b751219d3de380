/*
 * pcapng_test.c - captures written here, read by libpcap and by our own reader
 */
#include <errno.h>
#include <pcap/pcap.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "link/pcap_read.h"
#include "link/pcapng.h"
#include "link/vhost.h"

static const uint8_t head[] = "................header";
static uint8_t payload[65000];

/* Frame number n: two spans, n bytes of payload. */
static struct frame
frame_of(size_t n)
{
	return (struct frame){
	    .len = (uint32_t)(sizeof(head) + n),
	    .nspan = 2,
	    .span = {view_of(head, sizeof(head)), view_of(payload, n)},
	};
}

/* Everything a virtual file has taken so far. */
static struct view
contents(struct vhost *v, int fd)
{
	size_t len = vhost_recv_len(v, fd);
	uint8_t *p = malloc(len ? len : 1);

	vhost_recv(v, fd, p, len);
	return view_of(p, len);
}

static void
free_view(struct view v)
{
	union {
		const uint8_t *in;
		void *out;
	} p = {.in = v.p};

	free(p.out);
}

static int
setup(void **state)
{
	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)(i * 31 >> 3);
	*state = vhost_new(1);
	return *state == NULL;
}

static int
teardown(void **state)
{
	vhost_free(*state);
	return 0;
}

static void
our_reader_reads_it_back(void **state)
{
	static const size_t sizes[] = {0, 1, 2, 3, 4, 1400, 65000};
	struct vhost *v = *state;
	struct pcapng w;
	struct pcap_reader r;
	struct pcap_frame got;
	int fd = vhost_pipe(v);

	assert_int_equal(pcapng_init(&w, vhost_host(v), fd, 1700000000 * USEC_PER_SEC), 0);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct frame f = frame_of(sizes[i]);

		pcapng_frame(&w, &f, i % 2 ? PCAPNG_TO_GUEST : PCAPNG_FROM_GUEST, (usec_t)i * 1001);
	}
	pcapng_done(&w);
	struct view file = contents(v, fd);
	assert_true(pcap_read_open(&r, file));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_int_equal(pcap_read_next(&r, &got), 1);
		assert_int_equal(got.bytes.len, sizeof(head) + sizes[i]);
		assert_int_equal(got.orig_len, got.bytes.len);
		assert_memory_equal(got.bytes.p, head, sizeof(head));
		assert_memory_equal(got.bytes.p + sizeof(head), payload, sizes[i]);
		assert_int_equal(got.dir, i % 2 ? PCAP_OUTBOUND : PCAP_INBOUND);
		assert_int_equal(got.when, 1700000000 * USEC_PER_SEC + (usec_t)i * 1001);
	}
	assert_int_equal(pcap_read_next(&r, &got), 0);
	assert_string_equal(r.error, "");
	free_view(file);
}

static void
libpcap_reads_it_while_it_grows(void **state)
{
	char name[] = "/tmp/sluice-pcapng-XXXXXX", err[PCAP_ERRBUF_SIZE];
	struct pcapng w;
	int kernel_error = 0, fd = mkstemp(name);
	struct host *h = host_kernel(&kernel_error);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(pcapng_init(&w, h, fd, 1234567890), 0);
	for (size_t n = 0; n < 70; n++) {
		struct frame f = frame_of(n * 900);

		pcapng_frame(&w, &f, PCAPNG_TO_GUEST, (usec_t)n);
		if (n % 23)
			continue;
		pcap_t *p = pcap_open_offline(name, err);
		assert_non_null(p);
		assert_int_equal(pcap_datalink(p), DLT_EN10MB);
		struct pcap_pkthdr *ph;
		const u_char *bytes;
		for (size_t i = 0; i <= n; i++) {
			assert_int_equal(pcap_next_ex(p, &ph, &bytes), 1);
			assert_int_equal(ph->caplen, sizeof(head) + i * 900);
			assert_int_equal(ph->len, ph->caplen);
			assert_int_equal(ph->ts.tv_sec, 1234);
			assert_int_equal(ph->ts.tv_usec, 567890 + (int)i);
			assert_memory_equal(bytes + sizeof(head), payload, i * 900);
		}
		assert_int_equal(pcap_next_ex(p, &ph, &bytes), PCAP_ERROR_BREAK);
		pcap_close(p);
	}
	pcapng_done(&w);
	close(fd);
	unlink(name);
	host_kernel_free(h);
}

static void
one_frame_is_one_write(void **state)
{
	struct vhost *v = *state;
	struct pcapng w;
	struct frame f = frame_of(100);
	int fd = vhost_pipe(v);

	assert_int_equal(pcapng_init(&w, vhost_host(v), fd, 0), 0);
	vhost_fail(v, "fd_writev", 2, EIO);
	pcapng_frame(&w, &f, PCAPNG_TO_GUEST, 0);
	assert_int_equal(w.error, 0);
	pcapng_frame(&w, &f, PCAPNG_TO_GUEST, 0);
	assert_int_equal(w.error, EIO);
	pcapng_done(&w);
}

/* A pipe whose reader is slow: frames are lost, the file never breaks. */
static void
a_full_pipe_loses_frames_and_keeps_the_file_whole(void **state)
{
	struct vhost *v = *state;
	struct pcapng w;
	struct pcap_reader r;
	struct pcap_frame got;
	struct frame f = frame_of(1000);
	uint8_t file[1 << 17];
	size_t len = 0;
	unsigned frames = 0;
	int fd = vhost_pipe(v);

	vhost_buffers(v, fd, 2500, 0);
	assert_int_equal(pcapng_init(&w, vhost_host(v), fd, 0), 0);
	for (usec_t now = 0; now < 200; now++) {
		pcapng_frame(&w, &f, PCAPNG_TO_GUEST, now);
		if (now % 5 == 0)
			len += vhost_recv(v, fd, file + len, 777);
		assert_true(len < sizeof(file) - 8192);
	}
	assert_true(w.lost > 0);
	assert_int_equal(w.error, 0);
	len += vhost_recv(v, fd, file + len, 8192);
	pcapng_done(&w); /* writes the end of a block that was cut */
	len += vhost_recv(v, fd, file + len, 8192);
	assert_true(pcap_read_open(&r, view_of(file, len)));
	int rc;
	while ((rc = pcap_read_next(&r, &got)) > 0) {
		assert_int_equal(got.bytes.len, f.len);
		frames++;
	}
	assert_int_equal(rc, 0);
	assert_true(frames >= 20 && frames < 190);
}

static void
a_full_disk_ends_the_capture(void **state)
{
	struct vhost *v = *state;
	struct pcapng w;
	struct frame f = frame_of(10);
	int fd = vhost_pipe(v);

	vhost_fail(v, "fd_writev", 1, ENOSPC);
	assert_int_equal(pcapng_init(&w, vhost_host(v), fd, 0), -ENOSPC);
	assert_int_equal(pcapng_init(&w, vhost_host(v), fd, 0), 0);
	vhost_fail(v, "fd_writev", 1, ENOSPC);
	pcapng_frame(&w, &f, PCAPNG_TO_GUEST, 0);
	assert_int_equal(w.error, ENOSPC);
	size_t len = vhost_recv_len(v, fd);
	pcapng_frame(&w, &f, PCAPNG_TO_GUEST, 0);
	assert_int_equal(vhost_recv_len(v, fd), len);
	pcapng_done(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(our_reader_reads_it_back, setup, teardown),
	    cmocka_unit_test_setup_teardown(libpcap_reads_it_while_it_grows, setup, teardown),
	    cmocka_unit_test_setup_teardown(one_frame_is_one_write, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_full_pipe_loses_frames_and_keeps_the_file_whole, setup,
					    teardown),
	    cmocka_unit_test_setup_teardown(a_full_disk_ends_the_capture, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
