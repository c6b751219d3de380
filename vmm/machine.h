/*
 * machine.h - the whole machine: memory, processor, serial port, network card, power
 */
#ifndef VMM_MACHINE_H
#define VMM_MACHINE_H

#include <stdatomic.h>

#include "vmm/kvm.h"
#include "vmm/mmio.h"
#include "vmm/net.h"
#include "vmm/serial.h"

/* How a machine's life ends. */
enum machine_end {
	MACHINE_OFF,     /* the guest switched it off */
	MACHINE_RESET,   /* the guest wants to start anew */
	MACHINE_CRASHED, /* the guest panicked, or its processor shut down (triple fault) */
	MACHINE_STOPPED, /* machine_stop() */
	MACHINE_FAILED,  /* KVM gave up; why says more */
};

struct machine_config {
	const char *kernel, *initrd, *cmdline; /* initrd NULL: none */
	uint64_t ram;
	struct sluice_config *net; /* net_open() fills it in */
};

struct machine {
	struct memory memory;
	struct vm vm;
	struct serial serial;
	struct net net;
	struct mmio mmio;

	int room;  /* eventfd: what was typed has been read */
	int ended; /* eventfd: `end` is there */
	pthread_t thread;
	bool running;
	atomic_bool stop;
	enum machine_end end;
	struct why why;
};

/* Everything but running: what is wrong with the files, the options or this host shows here. */
int machine_open(struct machine *m, const struct machine_config *mc, struct why *why);

/* The processor and the network run, each on a thread of its own, until m->ended is readable. */
int machine_start(struct machine *m, struct why *why);

/* Like pulling the plug.  Again, if it does not end: a signal may come just before a call that it should interrupt. */
void machine_stop(struct machine *m);

/* Ends what runs, frees everything; also what machine_open() left half done. */
void machine_close(struct machine *m);

#endif
