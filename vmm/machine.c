/*
 * machine.c - the whole machine, and the loop of its processor
 *
 * Most of the time the processor is inside the guest.  It comes back for a port, or an address that is not memory;
 * what is not there reads as all ones, as on an empty bus.
 */
#include "vmm/machine.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vmm/acpi.h"
#include "vmm/layout.h"

#define KICK SIGUSR1
#define GOES_ON (-1) /* not an end */

/* pvpanic (QEMU's docs/specs/pvpanic.rst): what can be told, and is. */
#define PANIC_PANICKED 0x01u
#define PANIC_CRASHED 0x02u /* and a crash kernel is about to be started */

/* ACPI 4.8.3.7: sleep type 5 in bits 2..4, and the bit that makes it so */
#define SLEEP_OFF (5u << 2 | 1u << 5)
#define SLEEP_MASK 0x3cu

#define PORT_B 0x61u /* the timer's gate and speaker: some code waits for its output to rise */
#define PORT_B_OUTPUT 0x20u

/* --- hooks of the serial port ---------------------------------------------------------------------- */

static void
serial_interrupt(void *ctx, bool level)
{
	const struct machine *m = ctx;

	vm_interrupt(&m->vm, COM1_IRQ, level);
}

/* As slow as the terminal is.  If nobody reads any more, the bytes are lost. */
static void
serial_sent(void *ctx, uint8_t byte)
{
	struct machine *m = ctx;
	struct pollfd fd = {.fd = STDOUT_FILENO, .events = POLLOUT};

	while (write(STDOUT_FILENO, &byte, 1) < 0 && !atomic_load(&m->stop)) {
		if (errno == EAGAIN)
			poll(&fd, 1, -1);
		else if (errno != EINTR)
			return;
	}
}

static void
serial_room(void *ctx)
{
	const struct machine *m = ctx;

	eventfd_write(m->room, 1);
}

/* --- the processor's loop -------------------------------------------------------------------------- */

static uint8_t
port_in(struct machine *m, uint16_t port)
{
	if (port >= COM1_PORT && port < COM1_PORT + SERIAL_PORTS)
		return serial_read(&m->serial, port - COM1_PORT);
	switch (port) {
	case PANIC_PORT:
		return PANIC_PANICKED | PANIC_CRASHED;
	case SLEEP_PORT:
	case SLEEP_PORT + 1:
		return 0;
	case PORT_B:
		return PORT_B_OUTPUT;
	}
	return 0xff;
}

static int
port_out(struct machine *m, uint16_t port, uint8_t value)
{
	if (port >= COM1_PORT && port < COM1_PORT + SERIAL_PORTS)
		serial_write(&m->serial, port - COM1_PORT, value);
	else if (port == SLEEP_PORT && (value & SLEEP_MASK) == SLEEP_OFF)
		return MACHINE_OFF;
	else if (port == RESET_PORT && value == RESET_VALUE)
		return MACHINE_RESET;
	else if (port == PANIC_PORT && (value & PANIC_PANICKED))
		return MACHINE_CRASHED;
	return GOES_ON;
}

/* A wider access is one to as many ports, as on the ISA bus; a repeated one is to the same port again. */
static int
port_access(struct machine *m)
{
	struct kvm_run *run = m->vm.run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	int end = GOES_ON;

	for (uint32_t i = 0; i < run->io.count * run->io.size && end == GOES_ON; i++) {
		uint16_t port = (uint16_t)(run->io.port + i % run->io.size);
		if (run->io.direction == KVM_EXIT_IO_OUT)
			end = port_out(m, port, data[i]);
		else
			data[i] = port_in(m, port);
	}
	return end;
}

static int
memory_access(struct machine *m)
{
	struct kvm_run *run = m->vm.run;
	uint64_t offset = run->mmio.phys_addr - NET_AT;
	bool net = run->mmio.phys_addr >= NET_AT && offset < NET_SIZE;

	if (net && run->mmio.is_write)
		mmio_write(&m->mmio, (uint32_t)offset, run->mmio.data, run->mmio.len);
	else if (net)
		mmio_read(&m->mmio, (uint32_t)offset, run->mmio.data, run->mmio.len);
	else if (!run->mmio.is_write)
		memset(run->mmio.data, 0xff, sizeof(run->mmio.data));
	return GOES_ON;
}

static int
gave_up(struct machine *m)
{
	const struct kvm_run *run = m->vm.run;
	struct kvm_regs r = {.rip = 0};

	ioctl(m->vm.cpu, KVM_GET_REGS, &r);
	because(
	    &m->why,
	    "KVM gave up at address 0x%llx: exit %u, reason 0x%llx; this host's KVM cannot run the kernel",
	    (unsigned long long)r.rip, run->exit_reason,
	    (unsigned long long)(run->exit_reason == KVM_EXIT_INTERNAL_ERROR
				     ? run->internal.suberror
				     : run->fail_entry.hardware_entry_failure_reason));
	return MACHINE_FAILED;
}

static int
handle_exit(struct machine *m)
{
	switch (m->vm.run->exit_reason) {
	case KVM_EXIT_IO:
		return port_access(m);
	case KVM_EXIT_MMIO:
		return memory_access(m);
	case KVM_EXIT_INTR:
	case KVM_EXIT_IRQ_WINDOW_OPEN:
		return GOES_ON;
	case KVM_EXIT_SHUTDOWN:
		return MACHINE_CRASHED;
	}
	return gave_up(m);
}

static void *
run_processor(void *arg)
{
	struct machine *m = arg;
	int end = GOES_ON;

	while (end == GOES_ON) {
		if (atomic_load(&m->stop))
			end = MACHINE_STOPPED;
		else if (ioctl(m->vm.cpu, KVM_RUN, 0) == 0)
			end = handle_exit(m);
		else if (errno != EINTR && errno != EAGAIN) {
			because(&m->why, "KVM cannot run the processor: %s; dmesg may say more",
				strerror(errno));
			end = MACHINE_FAILED;
		}
	}
	m->end = (enum machine_end)end;
	eventfd_write(m->ended, 1);
	return NULL;
}

/* --- its life -------------------------------------------------------------------------------------- */

static int
load(struct machine *m, const struct machine_config *mc, struct boot_cpu *cpu, struct why *why)
{
	struct file kernel = {.path = NULL}, initrd = {.path = NULL};
	struct image img;
	int r = -1;

	uint64_t rsdp = acpi_write(memory_at(&m->memory, ACPI_AT, ACPI_SIZE), ACPI_SIZE, ACPI_AT);
	if (file_read(&kernel, "kernel", mc->kernel, m->memory.low, why) == 0 &&
	    image_load(&img, &kernel, &m->memory, why) == 0 &&
	    (!mc->initrd || file_read(&initrd, "--initrd", mc->initrd, m->memory.low, why) == 0))
		r = boot_prepare(&m->memory, &img, &initrd, mc->cmdline, rsdp, cpu, why);
	file_free(&kernel);
	file_free(&initrd);
	return r;
}

/* The card's notifications and interrupts go past us. */
static int
connect_net(struct machine *m, struct why *why)
{
	mmio_init(&m->mmio, m->net.virtio, m->net.kick, m->net.call);
	for (uint32_t i = 0; i < SLUICE_VIRTIO_QUEUES; i++)
		if (vm_signal_on_write(&m->vm, NET_AT + MMIO_QUEUE_NOTIFY, i, m->net.kick[i], why) < 0)
			return -1;
	return vm_interrupt_by(&m->vm, NET_IRQ, m->net.call, why);
}

int
machine_open(struct machine *m, const struct machine_config *mc, struct why *why)
{
	struct boot_cpu cpu;

	*m = (struct machine){
	    .vm = {.kvm = -1, .fd = -1, .cpu = -1},
	    .net = {.kick = {-1, -1}, .call = -1},
	    .serial = {.interrupt = serial_interrupt, .sent = serial_sent, .room = serial_room, .ctx = m},
	    .room = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
	    .ended = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
	};
	serial_init(&m->serial);
	if (m->room < 0 || m->ended < 0)
		return because(why, "cannot make an eventfd: %s; raise the limit on descriptors (ulimit -n)",
			       strerror(errno));
	if (memory_new(&m->memory, mc->ram, why) < 0 || load(m, mc, &cpu, why) < 0 ||
	    vm_open(&m->vm, &m->memory, why) < 0 || vm_set_cpu(&m->vm, &cpu, why) < 0 ||
	    net_open(&m->net, mc->net, &m->memory, why) < 0)
		return -1;
	return connect_net(m, why);
}

/* It only has to interrupt what the processor's thread waits in. */
static void
kicked(int number)
{
	(void)number;
}

int
machine_start(struct machine *m, struct why *why)
{
	sigaction(KICK, &(struct sigaction){.sa_handler = kicked}, NULL);
	if (net_start(&m->net, why) < 0)
		return -1;
	int error = pthread_create(&m->thread, NULL, run_processor, m);
	if (error)
		return because(why, "cannot start a thread: %s; raise the limit on processes (ulimit -u)",
			       strerror(error));
	m->running = true;
	return 0;
}

void
machine_stop(struct machine *m)
{
	atomic_store(&m->stop, true);
	if (!m->running)
		return;
	/* Whether it is on its way into the guest or there: KVM_RUN returns EINTR. */
	m->vm.run->immediate_exit = 1;
	pthread_kill(m->thread, KICK);
}

void
machine_close(struct machine *m)
{
	struct pollfd ended = {.fd = m->ended, .events = POLLIN};

	if (m->running) {
		while (poll(&ended, 1, 0) == 0) {
			machine_stop(m);
			poll(&ended, 1, 50);
		}
		pthread_join(m->thread, NULL);
	}
	net_close(&m->net);
	vm_close(&m->vm);
	memory_free(&m->memory);
	if (m->room >= 0)
		close(m->room);
	if (m->ended >= 0)
		close(m->ended);
	m->running = false;
}
