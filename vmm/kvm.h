/*
 * kvm.h - a virtual machine with one processor, as Linux's KVM makes it (Documentation/virt/kvm/api.rst)
 *
 * The interrupt controllers and the timer are KVM's own.
 */
#ifndef VMM_KVM_H
#define VMM_KVM_H

#include <linux/kvm.h>

#include "vmm/boot.h"

struct vm {
	int kvm, fd, cpu;
	struct kvm_run *run; /* why the processor came back, shared with KVM */
	size_t run_size;
};

int vm_open(struct vm *v, const struct memory *m, struct why *why);
void vm_close(struct vm *v); /* also what vm_open() left half done */

/* The processor at a kernel's entry. */
int vm_set_cpu(struct vm *v, const struct boot_cpu *cpu, struct why *why);

/* From any thread. */
void vm_interrupt(const struct vm *v, uint32_t irq, bool level);

/* An edge of irq whenever the eventfd is signalled; the eventfd signalled when the guest writes the 32-bit value at
 * an address.  Neither brings the processor back here. */
int vm_interrupt_by(struct vm *v, uint32_t irq, int eventfd, struct why *why);
int vm_signal_on_write(struct vm *v, uint64_t at, uint32_t value, int eventfd, struct why *why);

#endif
