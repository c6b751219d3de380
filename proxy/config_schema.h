/*
 * config_schema.h - every key of a configuration file, in one table
 *
 * What a key is called, what its value may be, which option takes it, and the words that docs/configuration.md and
 * sluice.yaml(5) say of it.  config_file.c walks a file along this table and knows no key by name.
 */
#ifndef PROXY_CONFIG_SCHEMA_H
#define PROXY_CONFIG_SCHEMA_H

#include "proxy/options.h"

enum config_kind {
	KEY_SECTION, /* a mapping of further keys */
	KEY_VALUE,   /* one value */
	KEY_FLAG,    /* true or false; taken where it is `when` */
	KEY_LIST,    /* values, or one alone */
	KEY_PAIRS,   /* a mapping: NAME: VALUE, or a list of them; taken as NAME=VALUE,VALUE */
	KEY_FAMILY,  /* a section, or `off`, or the guest's ADDR/PLEN */
	KEY_RULES,
	KEY_PROFILES,
	KEY_FILES,  /* of rules */
	KEY_EVENTS, /* a file, fd:N or - */
};

struct config_key {
	const char *path; /* "guest.mtu" */
	enum config_kind kind;
	const char *option; /* VALUE, LIST, PAIRS, FLAG: that takes it; NULL: take does */
	option_taker *take; /* its sentence says only what was expected */
	bool when;          /* FLAG */
	bool file;  /* VALUE, LIST, PAIRS: its values are files, relative to the folder this one is in */
	bool floor; /* RULES, PROFILES, FILES: of the floor */
	enum family family; /* FAMILY, and addresses of one */
	bool one_family;    /* VALUE: an address of `family` */
	/* For people: */
	const char *type, *limit, *fallback, *about;
};

/* All of them, sections before what is in them; static. */
const struct config_key *config_keys(size_t *n);

/* Whose path is `section` ("": none), a dot, and key of len bytes; NULL: there is none. */
const struct config_key *config_key(const char *section, const char *key, size_t len);

/* What may have been meant by an unknown key, into `to`, as the second half of a sentence. */
void config_suggest(const char *section, const char *key, char *to, size_t size);

#endif
