/*
 * serial.c - a 16550A serial port (PC16550D data sheet, National Semiconductor 1995)
 *
 * It sends without delay and has no line errors.  Speed, parity and so on are remembered and mean nothing.
 */
#include "vmm/serial.h"

/* Registers; 0 and 1 are the divisor's while the line register says so. */
enum { DATA, INTERRUPTS, IDENTITY_FIFO, LINE, MODEM, LINE_STATUS, MODEM_STATUS, SCRATCH };

#define IER_RECEIVED 0x01
#define IER_EMPTY 0x02
#define IER_MASK 0x0f
#define IIR_NONE 0x01
#define IIR_EMPTY 0x02
#define IIR_RECEIVED 0x04
#define IIR_FIFO 0xc0
#define FCR_ENABLE 0x01
#define FCR_CLEAR_RECEIVED 0x02
#define LCR_DIVISOR 0x80
#define MCR_LOOP 0x10
#define MCR_MASK 0x1f
#define LSR_RECEIVED 0x01
#define LSR_EMPTY 0x60 /* both the holding register and the transmitter */
#define MSR_READY 0xb0 /* carrier, data set ready, clear to send */

void
serial_init(struct serial *s)
{
	pthread_mutex_init(&s->lock, NULL);
	s->interrupts = s->line = s->modem = s->scratch = 0;
	s->divisor[0] = 12; /* 9600 baud */
	s->divisor[1] = 0;
	s->fifo = s->empty = s->level = false;
	s->first = s->ntyped = 0;
}

/* What wants an interrupt most. */
static uint8_t
cause(const struct serial *s)
{
	if ((s->interrupts & IER_RECEIVED) && s->ntyped > 0)
		return IIR_RECEIVED;
	if ((s->interrupts & IER_EMPTY) && s->empty)
		return IIR_EMPTY;
	return IIR_NONE;
}

static void
update(struct serial *s)
{
	bool level = cause(s) != IIR_NONE;

	if (level != s->level)
		s->interrupt(s->ctx, level);
	s->level = level;
}

static bool
append(struct serial *s, uint8_t byte)
{
	if (s->ntyped == SERIAL_TYPED)
		return false;
	s->typed[(s->first + s->ntyped++) % SERIAL_TYPED] = byte;
	return true;
}

static uint8_t
receive(struct serial *s)
{
	if (s->ntyped == 0)
		return 0;
	uint8_t byte = s->typed[s->first];
	s->first = (s->first + 1) % SERIAL_TYPED;
	if (--s->ntyped == 0)
		s->room(s->ctx);
	return byte;
}

static void
transmit(struct serial *s, uint8_t byte)
{
	if (s->modem & MCR_LOOP)
		append(s, byte);
	else
		s->sent(s->ctx, byte);
	/* Full and empty again at once: the line falls and rises, and an edge is what the guest waits for. */
	s->empty = false;
	update(s);
	s->empty = true;
}

/* In loopback its own outputs are its inputs, which is how drivers find out that it is there. */
static uint8_t
modem_status(const struct serial *s)
{
	if (!(s->modem & MCR_LOOP))
		return MSR_READY;
	return (uint8_t)((s->modem & 0x0c) << 4 | (s->modem & 0x02) << 3 | (s->modem & 0x01) << 5);
}

static uint8_t
identity(struct serial *s)
{
	uint8_t c = cause(s);

	if (c == IIR_EMPTY)
		s->empty = false;
	return (uint8_t)(c | (s->fifo ? IIR_FIFO : 0));
}

static uint8_t
read_register(struct serial *s, unsigned reg)
{
	bool divisor = s->line & LCR_DIVISOR;

	switch (reg) {
	case DATA:
		return divisor ? s->divisor[0] : receive(s);
	case INTERRUPTS:
		return divisor ? s->divisor[1] : s->interrupts;
	case IDENTITY_FIFO:
		return identity(s);
	case LINE:
		return s->line;
	case MODEM:
		return s->modem;
	case LINE_STATUS:
		return LSR_EMPTY | (s->ntyped > 0 ? LSR_RECEIVED : 0);
	case MODEM_STATUS:
		return modem_status(s);
	case SCRATCH:
		return s->scratch;
	}
	return 0xff;
}

static void
write_register(struct serial *s, unsigned reg, uint8_t value)
{
	bool divisor = s->line & LCR_DIVISOR;

	switch (reg) {
	case DATA:
		if (divisor)
			s->divisor[0] = value;
		else
			transmit(s, value);
		break;
	case INTERRUPTS:
		if (divisor) {
			s->divisor[1] = value;
			break;
		}
		/* Who begins to ask is told that there is room. */
		if ((value & IER_EMPTY) && !(s->interrupts & IER_EMPTY))
			s->empty = true;
		s->interrupts = value & IER_MASK;
		break;
	case IDENTITY_FIFO:
		s->fifo = value & FCR_ENABLE;
		if ((value & FCR_CLEAR_RECEIVED) && s->ntyped > 0) {
			s->ntyped = 0;
			s->room(s->ctx);
		}
		break;
	case LINE:
		s->line = value;
		break;
	case MODEM:
		s->modem = value & MCR_MASK;
		break;
	case SCRATCH:
		s->scratch = value;
		break;
	}
}

uint8_t
serial_read(struct serial *s, unsigned reg)
{
	pthread_mutex_lock(&s->lock);
	uint8_t value = read_register(s, reg);
	update(s);
	pthread_mutex_unlock(&s->lock);
	return value;
}

void
serial_write(struct serial *s, unsigned reg, uint8_t value)
{
	pthread_mutex_lock(&s->lock);
	write_register(s, reg, value);
	update(s);
	pthread_mutex_unlock(&s->lock);
}

size_t
serial_type(struct serial *s, const uint8_t *bytes, size_t n)
{
	size_t i = 0;

	pthread_mutex_lock(&s->lock);
	while (i < n && append(s, bytes[i]))
		i++;
	update(s);
	pthread_mutex_unlock(&s->lock);
	return i;
}
