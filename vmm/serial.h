/*
 * serial.h - a 16550A serial port, the guest's console
 *
 * The guest's thread reads and writes registers, another brings what was typed: each function locks.
 */
#ifndef VMM_SERIAL_H
#define VMM_SERIAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SERIAL_PORTS 8
#define SERIAL_TYPED 256 /* bytes that wait for the guest to read them */

struct serial {
	/* Called with the lock held. */
	void (*interrupt)(void *ctx, bool level);
	void (*sent)(void *ctx, uint8_t byte); /* the guest wrote it */
	void (*room)(void *ctx);               /* all that was typed has been read */
	void *ctx;

	pthread_mutex_t lock;
	uint8_t interrupts; /* IER */
	uint8_t line;       /* LCR */
	uint8_t modem;      /* MCR */
	uint8_t scratch;
	uint8_t divisor[2];
	bool fifo;
	bool empty; /* the transmitter's interrupt is pending: it is always empty, but says so once */
	bool level; /* of the interrupt line */
	uint8_t typed[SERIAL_TYPED];
	uint32_t first, ntyped;
};

/* The hooks are set before. */
void serial_init(struct serial *s);

/* Register 0..7.  Others read 0xff and are not written. */
uint8_t serial_read(struct serial *s, unsigned reg);
void serial_write(struct serial *s, unsigned reg, uint8_t value);

/* Takes as many bytes as there is room for and returns how many; after fewer than n, room() will be called. */
size_t serial_type(struct serial *s, const uint8_t *bytes, size_t n);

#endif
