/*
 * value.h - the words a person types to the program, as values
 *
 * Pure: text in, value out, nothing opened and nothing looked up.  They are strict: the whole text must be the
 * value, a number has no sign or space.  What describes the gateway itself is read by the library
 * (sluice_options_take).
 */
#ifndef CLI_VALUE_H
#define CLI_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/failure.h"

/* The decimal number at the front: how many digits it has; 0: none, or too many to be anything here. */
size_t value_digits(const char *text, uint64_t *out);

/* Decimal, min..max. */
bool value_number(const char *text, uint64_t min, uint64_t max, uint64_t *out);

enum value_link_kind {
	LINK_TAP,                /* tap:IFNAME[@NETNS] */
	LINK_QEMU,               /* qemu:PATH */
	LINK_QEMU_CONNECT,       /* qemu-connect:PATH */
	LINK_FD,                 /* fd:N */
	LINK_VFKIT,              /* vfkit:PATH */
	LINK_VHOST_USER,         /* vhost-user:PATH */
	LINK_VHOST_USER_CONNECT, /* vhost-user-connect:PATH */
	LINK_VHOST_USER_FD,      /* only in passt's place: --vhost-user --fd N */
};

struct value_link {
	const char *text; /* as it was typed */
	enum value_link_kind kind;
	char ifname[16];
	const char *netns; /* points into the text: a path, or a pid in digits; NULL: ours */
	bool netns_is_pid;
	const char *path; /* points into the text: of a socket */
	int fd;
};

#define VALUE_PATH_MAX 107 /* sun_path of unix(7) without its end */

int value_link(const char *text, struct value_link *out, struct failure *f);

/* Whether text can be the path of a socket; the sentence says `what` it is for. */
int value_path(const char *what, const char *text, struct failure *f);

#endif
