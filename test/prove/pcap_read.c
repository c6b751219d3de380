/* pcap_read.c - proves: link/pcap_read.c*/
#include "link/pcap_read.h"
#include "kit.h"

int
main(void)
{
	static struct pcap_reader r;
	struct pcap_frame f;

	if (!pcap_read_open(&r, any_input()))
		return 0;
	while (pcap_read_next(&r, &f) == 1) {
		;
	}
	return 0;
}
