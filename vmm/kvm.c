/*
 * kvm.c - a virtual machine with one processor
 */
#include "vmm/kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/layout.h"

#define CPUID_MAX 256

/* --- making it ------------------------------------------------------------------------------------- */

static int
kvm_failed(const char *what, struct why *why)
{
	return because(why, "KVM: cannot %s: %s; is this machine's KVM whole? (dmesg may say more)", what,
		       strerror(errno));
}

static int
open_kvm(struct vm *v, struct why *why)
{
	static const struct {
		int number;
		const char *name;
	} needed[] = {
	    {KVM_CAP_USER_MEMORY, "memory of user space"},
	    {KVM_CAP_IRQCHIP, "interrupt controllers"},
	    {KVM_CAP_PIT2, "a timer"},
	    {KVM_CAP_IRQFD, "irqfd"},
	    {KVM_CAP_IOEVENTFD, "ioeventfd"},
	    {KVM_CAP_EXT_CPUID, "processor features"},
	    {KVM_CAP_IMMEDIATE_EXIT, "immediate exit"},
	};

	v->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (v->kvm < 0 && (errno == EACCES || errno == EPERM))
		return because(why, "/dev/kvm: %s; add yourself to the group that owns it, mostly kvm",
			       strerror(errno));
	if (v->kvm < 0)
		return because(why,
			       "/dev/kvm: %s; load kvm_intel or kvm_amd, and see that the firmware allows "
			       "virtualisation",
			       strerror(errno));
	if (ioctl(v->kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		return because(why, "/dev/kvm: not the interface of Linux; is it the right device?");
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (ioctl(v->kvm, KVM_CHECK_EXTENSION, needed[i].number) <= 0)
			return because(why,
				       "/dev/kvm: this kernel's KVM has no %s; Linux 4.13 and later have it",
				       needed[i].name);
	return 0;
}

static int
create_vm(struct vm *v, struct why *why)
{
	const uint64_t identity_map = IDENTITY_MAP_AT;
	const struct kvm_pit_config pit = {.flags = KVM_PIT_SPEAKER_DUMMY};

	do /* a signal may interrupt it */
		v->fd = ioctl(v->kvm, KVM_CREATE_VM, 0);
	while (v->fd < 0 && errno == EINTR);
	if (v->fd < 0)
		return kvm_failed("make a virtual machine", why);
	if (ioctl(v->fd, KVM_SET_TSS_ADDR, TSS_AT) < 0 ||
	    ioctl(v->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity_map) < 0 ||
	    ioctl(v->fd, KVM_CREATE_IRQCHIP, 0) < 0 || ioctl(v->fd, KVM_CREATE_PIT2, &pit) < 0)
		return kvm_failed("make the interrupt controllers and the timer", why);
	return 0;
}

static int
give_memory(struct vm *v, const struct memory *m, struct why *why)
{
	struct sluice_memory piece[MEMORY_PIECES];
	uint32_t n = memory_pieces(m, piece);

	for (uint32_t i = 0; i < n; i++) {
		struct kvm_userspace_memory_region r = {
		    .slot = i,
		    .guest_phys_addr = piece[i].guest,
		    .memory_size = piece[i].size,
		    .userspace_addr = (uintptr_t)piece[i].base,
		};
		if (ioctl(v->fd, KVM_SET_USER_MEMORY_REGION, &r) < 0)
			return kvm_failed("give the guest its memory", why);
	}
	return 0;
}

/* --- its processor --------------------------------------------------------------------------------- */

/* What KVM can do, made that of one processor without virtualisation of its own. */
static void
correct_cpuid(struct kvm_cpuid_entry2 *e, bool deadline_timer)
{
	switch (e->function) {
	case 0x1:
		e->ebx = (e->ebx & 0x0000ffff) | 1u << 16; /* APIC id 0, one logical processor */
		e->ecx = (e->ecx & ~(1u << 5)) | 1u << 31; /* no VMX; a hypervisor is there */
		/* The only timer of a local APIC that needs no other to be calibrated; KVM does not list it. */
		if (deadline_timer)
			e->ecx |= 1u << 24;
		break;
	case 0xb:
	case 0x1f:
		e->edx = 0; /* APIC id */
		break;
	case 0x80000001:
		e->ecx &= ~(1u << 2); /* no SVM */
		break;
	}
}

static int
set_cpuid(struct vm *v, struct why *why)
{
	bool deadline_timer = ioctl(v->kvm, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0;
	struct kvm_cpuid2 *id = calloc(1, sizeof(*id) + CPUID_MAX * sizeof(id->entries[0]));
	int r = -1;

	if (!id)
		return because(why, "no memory for what a processor is; give this process more");
	id->nent = CPUID_MAX;
	if (ioctl(v->kvm, KVM_GET_SUPPORTED_CPUID, id) == 0) {
		for (uint32_t i = 0; i < id->nent; i++)
			correct_cpuid(&id->entries[i], deadline_timer);
		r = ioctl(v->cpu, KVM_SET_CPUID2, id);
	}
	if (r < 0)
		kvm_failed("make a processor like this machine's", why);
	free(id);
	return r;
}

static int
create_cpu(struct vm *v, struct why *why)
{
	v->cpu = ioctl(v->fd, KVM_CREATE_VCPU, 0);
	if (v->cpu < 0)
		return kvm_failed("make a processor", why);
	if (set_cpuid(v, why) < 0)
		return -1;
	int size = ioctl(v->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	void *run =
	    size < 0 ? MAP_FAILED : mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, v->cpu, 0);
	if (run == MAP_FAILED)
		return kvm_failed("share the processor's state", why);
	v->run = run;
	v->run_size = (size_t)size;
	return 0;
}

int
vm_open(struct vm *v, const struct memory *m, struct why *why)
{
	*v = (struct vm){.kvm = -1, .fd = -1, .cpu = -1};
	if (open_kvm(v, why) < 0 || create_vm(v, why) < 0 || give_memory(v, m, why) < 0)
		return -1;
	return create_cpu(v, why);
}

void
vm_close(struct vm *v)
{
	if (v->run)
		munmap(v->run, v->run_size);
	if (v->cpu >= 0)
		close(v->cpu);
	if (v->fd >= 0)
		close(v->fd);
	if (v->kvm >= 0)
		close(v->kvm);
	*v = (struct vm){.kvm = -1, .fd = -1, .cpu = -1};
}

int
vm_set_cpu(struct vm *v, const struct boot_cpu *cpu, struct why *why)
{
	const struct kvm_segment code = {
	    .limit = UINT32_MAX,
	    .selector = 0x10,
	    .type = 11, /* execute, read, accessed */
	    .present = 1,
	    .s = 1,
	    .g = 1,
	    .l = cpu->long_mode,
	    .db = !cpu->long_mode,
	};
	const struct kvm_segment data = {
	    .limit = UINT32_MAX,
	    .selector = 0x18,
	    .type = 3, /* read, write, accessed */
	    .present = 1,
	    .s = 1,
	    .g = 1,
	    .db = 1,
	};
	const struct kvm_regs regs = {
	    .rip = cpu->rip,
	    .rsp = cpu->rsp,
	    .rbx = cpu->rbx,
	    .rsi = cpu->rsi,
	    .rflags = 2,
	};
	struct kvm_sregs s;

	if (ioctl(v->cpu, KVM_GET_SREGS, &s) < 0)
		return kvm_failed("read the processor's registers", why);
	s.cs = code;
	s.ds = s.es = s.fs = s.gs = s.ss = data;
	s.tr = (struct kvm_segment){.limit = 0x67, .type = 11, .present = 1};
	s.gdt = (struct kvm_dtable){.base = GDT_AT, .limit = GDT_SIZE - 1};
	s.idt = (struct kvm_dtable){.limit = 0};
	s.cr0 = 0x11; /* PE, ET */
	if (cpu->long_mode) {
		s.cr0 = 0x80050033; /* and PG, AM, WP, NE, MP */
		s.cr3 = cpu->cr3;
		s.cr4 = 0x20;   /* PAE */
		s.efer = 0x500; /* LME, LMA */
	}
	if (ioctl(v->cpu, KVM_SET_SREGS, &s) < 0 || ioctl(v->cpu, KVM_SET_REGS, &regs) < 0)
		return kvm_failed("set the processor's registers", why);
	return 0;
}

/* --- its interrupts -------------------------------------------------------------------------------- */

void
vm_interrupt(const struct vm *v, uint32_t irq, bool level)
{
	struct kvm_irq_level l = {.irq = irq, .level = level};

	ioctl(v->fd, KVM_IRQ_LINE, &l); /* cannot fail for an interrupt that the controllers have */
}

int
vm_interrupt_by(struct vm *v, uint32_t irq, int eventfd, struct why *why)
{
	const struct kvm_irqfd i = {.fd = (uint32_t)eventfd, .gsi = irq};

	return ioctl(v->fd, KVM_IRQFD, &i) < 0 ? kvm_failed("tie an interrupt to a descriptor", why) : 0;
}

int
vm_signal_on_write(struct vm *v, uint64_t at, uint32_t value, int eventfd, struct why *why)
{
	const struct kvm_ioeventfd e = {
	    .addr = at,
	    .len = sizeof(value),
	    .datamatch = value,
	    .fd = eventfd,
	    .flags = KVM_IOEVENTFD_FLAG_DATAMATCH,
	};

	return ioctl(v->fd, KVM_IOEVENTFD, &e) < 0 ? kvm_failed("tie a register to a descriptor", why) : 0;
}
