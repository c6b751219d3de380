/*
 * why.h - why something could not be done, as one sentence
 *
 * The sentence names the value and the remedy and has no full stop: main() puts "sluice-vmm: " in front of it, and
 * that is the whole message.
 */
#ifndef VMM_WHY_H
#define VMM_WHY_H

struct why {
	char text[512];
};

/* Always -1, so that a function can `return because(why, ...)`. */
int because(struct why *why, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
