/*
 * console.h - this terminal as the guest's: raw while the guest runs, as it was before in any event
 */
#ifndef VMM_CONSOLE_H
#define VMM_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct console {
	bool terminal; /* stdin is one: ^A is the key to us */
	bool escaped;  /* ^A was typed, and no key after it yet */
};

/* Also if the process ends by exit() or by a signal that says it crashed. */
void console_open(struct console *c);
void console_close(void); /* any number of times */

enum console_wish { CONSOLE_NOTHING, CONSOLE_QUIT, CONSOLE_HELP };

/* What was typed, without what was for us: *n bytes at `keys`, of which *n stay.  ^A x: quit; ^A ^A or ^A a: a ^A
 * for the guest; ^A and any other key: help. */
enum console_wish console_keys(struct console *c, uint8_t *keys, size_t *n);

#endif
