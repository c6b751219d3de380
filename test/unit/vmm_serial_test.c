/*
 * vmm_serial_test.c - the VMM's serial port as a driver sees it, and the keys of its console
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/console.h"
#include "vmm/serial.h"

enum { DATA, IER, IIR_FCR, LCR, MCR, LSR, MSR, SCR };

struct bed {
	struct serial s;
	bool level;
	unsigned edges, rooms;
	uint8_t sent[64];
	size_t nsent;
};

static void
interrupt(void *ctx, bool level)
{
	struct bed *b = ctx;

	assert_true(level != b->level);
	b->level = level;
	b->edges += level;
}

static void
sent(void *ctx, uint8_t byte)
{
	struct bed *b = ctx;

	assert_true(b->nsent < sizeof(b->sent));
	b->sent[b->nsent++] = byte;
}

static void
room(void *ctx)
{
	((struct bed *)ctx)->rooms++;
}

static int
setup(void **state)
{
	static struct bed b;

	b = (struct bed){.s = {.interrupt = interrupt, .sent = sent, .room = room, .ctx = &b}};
	serial_init(&b.s);
	*state = &b;
	return 0;
}

/* What Linux does before it believes in a 16550A. */
static void
it_is_found(void **state)
{
	struct serial *s = &((struct bed *)*state)->s;

	serial_write(s, IER, 0);
	assert_int_equal(serial_read(s, IER), 0);
	serial_write(s, IER, 0x0f);
	assert_int_equal(serial_read(s, IER), 0x0f);
	serial_write(s, IER, 0);
	serial_write(s, MCR, 0x1a); /* loopback, RTS and OUT2 */
	assert_int_equal(serial_read(s, MSR) & 0xf0, 0x90);
	serial_write(s, MCR, 0);
	serial_write(s, SCR, 0x5a);
	assert_int_equal(serial_read(s, SCR), 0x5a);
	serial_write(s, IIR_FCR, 1);
	assert_int_equal(serial_read(s, IIR_FCR) & 0xc0, 0xc0);
	serial_write(s, LCR, 0x83);
	serial_write(s, DATA, 1);
	serial_write(s, IER, 2);
	assert_true(serial_read(s, DATA) == 1 && serial_read(s, IER) == 2);
	serial_write(s, LCR, 0x03);
	assert_int_equal(serial_read(s, IER), 0);
	assert_int_equal(((struct bed *)*state)->nsent, 0);
	assert_int_equal(serial_read(s, 8), 0xff);
	serial_write(s, 8, 1);
}

/* The line is an edge-triggered interrupt's: each byte written makes a new edge. */
static void
what_is_written_leaves_and_asks_for_more(void **state)
{
	struct bed *b = *state;

	serial_write(&b->s, DATA, 'a');
	assert_int_equal(b->edges, 0);
	serial_write(&b->s, IER, 2);
	assert_int_equal(b->edges, 1);
	serial_write(&b->s, DATA, 'b');
	assert_true(b->edges == 2 && b->level);
	assert_int_equal(serial_read(&b->s, IIR_FCR), 2);
	assert_false(b->level); /* reading the reason takes it away */
	assert_int_equal(serial_read(&b->s, IIR_FCR), 1);
	serial_write(&b->s, DATA, 'c');
	assert_true(b->edges == 3 && b->level);
	serial_write(&b->s, IER, 0);
	assert_false(b->level);
	assert_true(b->nsent == 3 && memcmp(b->sent, "abc", 3) == 0);
	assert_int_equal(serial_read(&b->s, LSR), 0x60);
}

static void
what_is_typed_arrives(void **state)
{
	struct bed *b = *state;

	serial_write(&b->s, IER, 1);
	assert_int_equal(serial_type(&b->s, (const uint8_t *)"ls", 2), 2);
	assert_true(b->level && b->edges == 1);
	assert_int_equal(serial_read(&b->s, IIR_FCR), 4);
	assert_true(b->level); /* as long as there are bytes */
	assert_int_equal(serial_read(&b->s, LSR), 0x61);
	assert_int_equal(serial_read(&b->s, DATA), 'l');
	assert_true(b->level && b->rooms == 0);
	assert_int_equal(serial_read(&b->s, DATA), 's');
	assert_true(!b->level && b->rooms == 1);
	assert_int_equal(serial_read(&b->s, DATA), 0);
	assert_true(b->rooms == 1 && serial_read(&b->s, LSR) == 0x60);
}

static void
more_than_fits_waits(void **state)
{
	struct bed *b = *state;
	uint8_t text[SERIAL_TYPED + 10];

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)i;
	assert_int_equal(serial_type(&b->s, text, 10), 10);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(serial_read(&b->s, DATA), i);
	/* Round the end of the buffer. */
	assert_int_equal(serial_type(&b->s, text + 10, SERIAL_TYPED), SERIAL_TYPED - 5);
	assert_int_equal(serial_type(&b->s, text, 1), 0);
	for (size_t i = 5; i < SERIAL_TYPED + 5; i++)
		assert_int_equal(serial_read(&b->s, DATA), text[i]);
	assert_int_equal(b->rooms, 1);
	assert_int_equal(serial_type(&b->s, text, 3), 3);
	serial_write(&b->s, IIR_FCR, 3); /* the driver clears it */
	assert_true(b->rooms == 2 && serial_read(&b->s, LSR) == 0x60);
}

static void
in_loopback_it_hears_itself(void **state)
{
	struct bed *b = *state;

	serial_write(&b->s, MCR, 0x10);
	for (unsigned i = 0; i < SERIAL_TYPED + 3; i++)
		serial_write(&b->s, DATA, 'x');
	assert_int_equal(b->nsent, 0);
	assert_int_equal(serial_read(&b->s, DATA), 'x');
}

/* --- keys ------------------------------------------------------------------------------------------ */

static void
keys(struct console *c, const char *typed, const char *kept, enum console_wish wish)
{
	uint8_t k[32];
	size_t n = strlen(typed);

	memcpy(k, typed, n);
	assert_int_equal(console_keys(c, k, &n), wish);
	assert_int_equal(n, strlen(kept));
	assert_memory_equal(k, kept, n);
}

static void
control_a_is_for_us(void **state)
{
	struct console c = {.terminal = true};

	(void)state;
	keys(&c, "ls\r", "ls\r", CONSOLE_NOTHING);
	keys(&c, "a\1ab\1\1c", "a\1b\1c", CONSOLE_NOTHING);
	keys(&c, "q\1", "q", CONSOLE_NOTHING); /* and its second key in the next read */
	keys(&c, "x", "", CONSOLE_QUIT);
	keys(&c, "\1h\1x\1h", "", CONSOLE_QUIT);
	keys(&c, "\1?ok", "ok", CONSOLE_HELP);
	keys(&c, "x", "x", CONSOLE_NOTHING);
}

static void
a_pipe_has_no_keys_for_us(void **state)
{
	struct console c = {.terminal = false};

	(void)state;
	keys(&c, "\1x\1a", "\1x\1a", CONSOLE_NOTHING);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(it_is_found, setup),
	    cmocka_unit_test_setup(what_is_written_leaves_and_asks_for_more, setup),
	    cmocka_unit_test_setup(what_is_typed_arrives, setup),
	    cmocka_unit_test_setup(more_than_fits_waits, setup),
	    cmocka_unit_test_setup(in_loopback_it_hears_itself, setup),
	    cmocka_unit_test(control_a_is_for_us),
	    cmocka_unit_test(a_pipe_has_no_keys_for_us),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
