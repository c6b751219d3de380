/*
 * acpi.h - the tables that tell the guest what hardware there is
 *
 * Hardware-reduced ACPI 6: one processor, the I/O APIC, a serial port, the network card, the panic port, power-off
 * and reset.
 */
#ifndef VMM_ACPI_H
#define VMM_ACPI_H

#include <stddef.h>
#include <stdint.h>

/* Write all tables to `to`, which is guest-physical `at`; returns where the root pointer is (at), or 0: size is not
 * enough (4 KiB are). */
uint64_t acpi_write(uint8_t *to, size_t size, uint64_t at);

#endif
