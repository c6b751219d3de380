/*
 * passt.h - sluice in passt's place: its argument list, understood
 *
 * QEMU (-netdev passt), libvirt, muvm and scripts start `passt` with options of its own.  Under that name, or
 * when the first argument is one of those options, sluice takes them as far as it can: docs/sluice.1 has the
 * table.  What it cannot do and would be missed is refused; what changes nothing for the guest is accepted.
 */
#ifndef CLI_PASST_H
#define CLI_PASST_H

#include "cli/options.h"

/* Started in passt's place? */
bool passt_is_meant(int argc, char **argv);

/* As options_parse(): what it makes of the arguments is a `serve`. */
int passt_parse(struct options *o, int argc, char **argv, struct failure *f);

void passt_help(FILE *to);

/*
 * One port specification (passt(1), -t): "22,80:8080,100-200,~150", "ADDR/22-23", "none".  Each run of ports
 * becomes a --publish; without an address on every address of the families that are on.
 */
struct passt_families {
	bool v4, v6;
};
int passt_ports(struct options *o, const char *name, const char *text, bool udp, struct passt_families on,
		struct failure *f);

#endif
