/*
 * options.h - the command line, as one value
 *
 * Pure: argv in, struct out; no file is opened and nothing is looked up, so the whole parser is a fuzz target.
 * Texts point into argv, which lives as long as the program.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdio.h>

#include "cli/network.h"
#include "cli/value.h"
#include "sluice.h"

#define OPTIONS_PUBLISH_MAX 256
#define OPTIONS_NAMESERVER_MAX 8

enum verb {
	VERB_NONE, /* sluice --help, sluice --version */
	VERB_RUN,
	VERB_SERVE,
	VERB_REPLAY,
};

enum stats_kind { STATS_NONE, STATS_TEXT, STATS_JSON };

struct options {
	enum verb verb;
	bool help, version;

	/* The guest's network: what was given, and what follows from it. */
	struct sluice_net ipv4, ipv6;
	struct network network;
	uint32_t mtu; /* 0: not given */
	uint8_t mac[6];
	bool has_mac;

	struct value_publish publish[OPTIONS_PUBLISH_MAX];
	size_t npublish;
	const char *nameservers[OPTIONS_NAMESERVER_MAX];
	size_t nnameservers;
	bool udp_endpoint_independent;

	uint32_t max_tcp, max_udp; /* 0: the library's default */
	uint64_t memory;

	const char *pcap, *pid_file;
	enum stats_kind stats;
	unsigned verbose;
	bool quiet;
	bool configure; /* serve */
	bool root;      /* run */

	/* What is left. */
	char **command; /* run: NULL-terminated */
	struct value_link link;
	const char *replay_in, *replay_out;
};

/* argv[0] is the program.  -1 and a sentence for a mistake of the user's (exit status 2). */
int options_parse(struct options *o, int argc, char **argv, struct failure *f);

/* The whole program's help, or one verb's. */
void options_help(FILE *to, enum verb verb);

#endif
