/*
 * options.h - the command line, as one value
 *
 * Pure but for --policy and --floor, whose files are read: argv in, struct out, nothing is looked up, so the whole
 * parser is a fuzz target.
 * Texts point into argv, which lives as long as the program.
 *
 * What describes the gateway is read by the library (sluice_options_take); here is what is the program's own.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdio.h>

#include "cli/value.h"
#include "cli/way.h"
#include "sluice.h"

enum verb {
	VERB_NONE, /* sluice --help, sluice --version */
	VERB_RUN,
	VERB_SERVE,
	VERB_REPLAY,
	VERB_CHECK,
	VERB_EXPLAIN,
	VERB_CA,
};

enum stats_kind { STATS_NONE, STATS_TEXT, STATS_JSON };

#define OPTIONS_UNUSED_MAX 32
#define OPTIONS_HOST_MAX 254 /* a name with the dot at its end */

struct options {
	int argc; /* as they were given, to be read again */
	char **argv;
	enum verb verb;
	bool help, version;
	bool passt;        /* in passt's place */
	bool capabilities; /* there: print what its vhost-user back end can */

	/* The guest's network: what was given, and what follows from it. */
	struct sluice_options *gateway; /* owned: options_free() */
	const char *config_file;        /* NULL: there is none */
	struct sluice_options *file;    /* what it says; owned, NULL before options_load() */
	struct sluice_config config;    /* has only what was given; points into `gateway` and `file` */
	struct sluice_guest guest;

	const char *pcap, *pid_file;
	const char *events; /* NULL: none */
	int level;          /* enum sluice_log_level that a file gives; -1: none */
	bool reloads;       /* policy is in files: SIGHUP reads them again */
	enum stats_kind stats;
	unsigned verbose;
	bool quiet;
	bool configure; /* serve */
	bool one_off;   /* serve */
	bool root;      /* run */
	bool json;      /* check, explain */
	bool no_sandbox;

	/* In passt's place. */
	bool background;      /* no -f: once the gateway stands the caller goes on */
	const char *log_file; /* instead of stderr */
	struct way way;       /* how host sockets are made */
	/* Options that were taken and have no effect. */
	const char *unused[OPTIONS_UNUSED_MAX];
	size_t nunused;

	/* What is left. */
	char **command; /* run: NULL-terminated */
	struct value_link link;
	const char *replay_in, *replay_out;
	struct sluice_question question; /* explain */
	char host[OPTIONS_HOST_MAX + 1]; /* ... points here */
	const char *ca_what, *ca_dir;    /* ca */
};

/*
 * argv[0] is the program.  -1 and a sentence for a mistake of the user's (exit status 2).  A configuration file is not
 * read yet, and config is without it.
 */
int options_parse(struct options *o, int argc, char **argv, struct failure *f);
void options_free(struct options *o);

/*
 * Read the configuration file, if one was given: config, guest and the rest are whole then.  What is wrong with it goes
 * to told(ctx), a sentence for all of it to f.  0 or -1.
 */
int options_load(struct options *o, void (*told)(void *ctx, const struct sluice_diagnostic *d), void *ctx,
		 struct failure *f);

/* Read the values of the secrets that were given, and forget them when the gateway has them.  0 or -1, as options_load(). */
int options_read_secrets(struct options *o, void (*told)(void *ctx, const struct sluice_diagnostic *d),
			 void *ctx, struct failure *f);
void options_forget_secrets(const struct options *o);

/* One option of the library's, with its value; 0 or -1 and a sentence. */
int options_give(struct options *o, const char *name, const char *value, struct failure *f);

/* config and guest from what was given. */
int options_decide(struct options *o, struct failure *f);

/* The MAC given for the guest; NULL: none. */
const uint8_t *options_mac(const struct options *o);

/* The whole program's help, or one verb's. */
void options_help(FILE *to, enum verb verb);

#endif
