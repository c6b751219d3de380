/*
 * options.h - what options and configuration files have said, before it becomes a config
 *
 * Both fill the same struct: options.c takes "--name value", config_file.c takes keys, and where a key is an option
 * it is taken by the option's own function, so that the same value is refused with the same words.
 */
#ifndef PROXY_OPTIONS_H
#define PROXY_OPTIONS_H

#include "dns/servers.h"
#include "policy/rule.h"
#include "proxy/option_secret.h"
#include "proxy/option_values.h"
#include "sluice.h"

#define OPTION_PUBLISH 256u
#define OPTION_HOSTNAME 63u
#define OPTION_DOMAIN 253u      /* a name of 255 bytes on the wire */
#define OPTION_FLOWS 1048576u   /* more than Linux lets a process have descriptors (fs.nr_open) */
#define OPTION_RULES 65536u     /* of a policy, and of a floor; a list (@file:) counts as one */
#define OPTION_RULE_TEXT 65536u /* bytes of one */
#define OPTION_FILE (4u << 20)  /* bytes of a file of rules or a configuration */
#define OPTION_HOSTS 4096u      /* static hosts */
#define OPTION_REBIND 4096u     /* names that answers may lead inwards for */
#define OPTION_HOST_ADDRS 16u   /* of one static host */
#define OPTION_CACHE 1048576u   /* answers */
#define OPTION_PORTS 32u        /* that are intercepted */
#define OPTION_TLS_HOSTS 256u   /* with settings of their own */
#define OPTION_TIMEOUT_MIN 100u /* milliseconds */
#define OPTION_TIMEOUT_MAX 30000u

enum { OPTION_GUEST, OPTION_GATEWAY, OPTION_DNS, OPTION_ADDRESSES };

struct family_texts {
	char text[OPTION_ADDRESSES][ADDR_TEXT + 4]; /* "": not given */
	bool off;
};

struct option_texts {
	char **text; /* owned, and each of them */
	size_t n, room;
};

struct option_rules {
	struct sluice_rule *rule; /* owned, and their texts; file is one of the options' files */
	size_t n, room;
	char profiles[64]; /* "": not given */
	bool given;        /* also if it has no rule */
};

struct applied; /* options_apply.c */

struct sluice_options {
	struct family_texts net[FAMILIES];
	uint32_t mtu; /* 0: not given, as all numbers here */
	uint8_t mac[6];

	struct option_publish published[OPTION_PUBLISH];
	struct sluice_publish publish[OPTION_PUBLISH]; /* the same, bind pointing there */
	size_t npublish;
	char server[DNS_SERVERS][DNS_SERVER_TEXT];
	const char *nameservers[DNS_SERVERS];
	size_t nnameservers;
	bool udp_endpoint_independent;

	uint32_t max_tcp, max_udp, max_ping, max_ring, max_files, max_flow_rate;
	uint32_t max_fragmented, fragment_memory, max_batch;
	uint64_t memory;

	char hostname[OPTION_HOSTNAME + 1];
	char domain[SLUICE_SEARCH_MAX][OPTION_DOMAIN + 1];
	const char *search[SLUICE_SEARCH_MAX];
	size_t nsearch;
	bool no_dhcp;

	struct option_rules policy, floor;
	bool keep_flows;
	struct option_texts routes, hosts, rebind_allow;
	bool no_rebind_protection;
	uint32_t dns_timeout; /* microseconds */
	uint32_t dns_cache;   /* UINT32_MAX: none */
	bool no_status_page;

	/* TLS, requests, secrets. */
	bool intercept, only_13, request_log;
	uint16_t intercept_port[OPTION_PORTS];
	size_t nintercept_port;
	uint32_t intercept_max;
	struct option_texts bypass, extra_roots;
	char *ca, *tls_roots;                              /* NULL: not given */
	struct sluice_tls_host tls_host[OPTION_TLS_HOSTS]; /* texts are in tls_text */
	size_t ntls_host;
	struct option_texts tls_text;
	struct option_secrets *secrets; /* NULL: none */

	char *events; /* where a file says events go; NULL */
	int level;    /* enum sluice_log_level and 1; 0: not given */

	struct option_texts files; /* names of files, for the marks of rules */
	struct applied **applied;  /* what apply made; a cell of its own, as apply takes the options const */
};

typedef bool option_taker(struct setup *su, struct sluice_options *o, const char *value);

/* Takes an option's value as sluice_options_take() does.  A sentence begins with "--name value: ". */
bool option_take_named(struct setup *su, struct sluice_options *o, const char *name, const char *value);

/* --- option_policy.c: what is about policy and names --- */

option_taker option_rule, option_profile, option_policy, option_floor, option_keep_flows;
option_taker option_dns_route, option_host, option_no_rebind, option_rebind_allow, option_dns_timeout;
option_taker option_dns_cache, option_no_status_page;

/* --- option_tls.c: what is about TLS and requests --- */

option_taker option_intercept, option_intercept_port, option_intercept_max, option_tls_bypass, option_ca;
option_taker option_tls_roots, option_tls_extra_roots, option_tls_min, option_tls_no_verify;
option_taker option_tls_host_roots, option_tls_certificate, option_request_log;

/* --- option_secret.c --- */

option_taker option_secret;

/* One of "public", "private" ..., len bytes, more of a list.  NULL; or what is wrong with it. */
const char *option_add_profile(struct option_rules *r, const char *name, size_t len);
/* A rule of len bytes, not read yet.  at->file is one of o->files. */
const char *option_add_rule(struct option_rules *r, const char *text, size_t len, const struct mark *at);
/* The first len bytes as a text, malloc()ed; NULL: no memory. */
char *option_copy(const char *text, size_t len);
/* A copy of text at the end; false: no memory. */
bool option_add_text(struct option_texts *t, const char *text);
void option_texts_free(struct option_texts *t);

/* --- rule_file.c --- */

/*
 * A file of rules, one a line, or a policy of microsandbox's (path ends in .json).  What is wrong is told to d. 
 * at: where the file is named; NULL: nowhere with a place.
 * False: something was.
 */
bool option_rule_file(struct sluice_options *o, struct option_rules *to, const char *path,
		      const struct mark *at, file_reader *read, void *read_ctx, struct diag_sink *d);

/* A whole file of at most OPTION_FILE bytes: a file_reader; ctx is not used. */
char *option_read_file(void *ctx, const char *path, size_t *len, const char **why);

/* path as seen from the folder that `from` is in: malloc()ed; NULL: no memory. */
char *option_beside(const char *from, const char *path);

#endif
