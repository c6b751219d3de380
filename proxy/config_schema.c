/*
 * config_schema.c - the table of keys
 */
#include "proxy/config_schema.h"

#include <stdio.h>
#include <string.h>

#include "link/link.h"
#include "stack/frag.h"
#include "stack/pool.h"

/* --- takers of what is no option --------------------------------------------------------------------------- */

static bool
take_number(struct setup *su, const char *value, uint64_t min, uint64_t max, uint32_t *out)
{
	uint64_t n;

	if (!option_number(value, min, max, &n))
		return wrong(su, "give a number from %llu to %llu", (unsigned long long)min,
			     (unsigned long long)max);
	*out = (uint32_t)n;
	return true;
}

static bool
take_ping(struct setup *su, struct sluice_options *o, const char *value)
{
	return take_number(su, value, 1, OPTION_FLOWS, &o->max_ping);
}

static bool
take_files(struct setup *su, struct sluice_options *o, const char *value)
{
	return take_number(su, value, 64, OPTION_FLOWS, &o->max_files);
}

static bool
take_fragmented(struct setup *su, struct sluice_options *o, const char *value)
{
	return take_number(su, value, 1, FRAG_SETS, &o->max_fragmented);
}

static bool
take_batch(struct setup *su, struct sluice_options *o, const char *value)
{
	return take_number(su, value, 1, LINK_BATCH, &o->max_batch);
}

static bool
take_fragment_memory(struct setup *su, struct sluice_options *o, const char *value)
{
	uint64_t n;

	if (!option_size(value, &n) || n < 65536 || n > FRAG_BLOCKS * FRAG_BLOCK)
		return wrong(su, "give bytes from 64K to 256K");
	o->fragment_memory = (uint32_t)n;
	return true;
}

static bool
take_ring(struct setup *su, struct sluice_options *o, const char *value)
{
	uint64_t n;

	if (!option_size(value, &n) || n < POOL_BLOCK_MIN || n > POOL_BLOCK_MAX || (n & (n - 1)) != 0)
		return wrong(su, "give a power of two from 4K to 1M");
	o->max_ring = (uint32_t)n;
	return true;
}

static bool
take_level(struct setup *su, struct sluice_options *o, const char *value)
{
	static const char *const level[] = {
	    [SLUICE_LOG_ERROR] = "error",
	    [SLUICE_LOG_WARNING] = "warning",
	    [SLUICE_LOG_INFO] = "info",
	    [SLUICE_LOG_DEBUG] = "debug",
	};

	for (int i = 0; i <= SLUICE_LOG_DEBUG; i++)
		if (strcmp(value, level[i]) == 0) {
			o->level = i + 1;
			return true;
		}
	return wrong(su, "give error, warning, info or debug");
}

/* --- the table --------------------------------------------------------------------------------------------- */

static const struct config_key table[] = {
    {"guest", KEY_SECTION, .type = "section", .about = "the guest's network, and what it is told of it"},
    {"guest.ipv4", KEY_FAMILY, .family = FAMILY_V4, .type = "ADDR/PLEN, off, or a section", .limit = "",
     .fallback = "10.0.2.15/24", .about = "the guest's address; off: it does not have this family"},
    {"guest.ipv4.address", KEY_VALUE, .option = "guest", .family = FAMILY_V4, .one_family = true,
     .type = "ADDR/PLEN", .limit = "", .fallback = "10.0.2.15/24", .about = "the guest's address"},
    {"guest.ipv4.gateway", KEY_VALUE, .option = "gateway", .family = FAMILY_V4, .one_family = true,
     .type = "address", .limit = "in the guest's subnet", .fallback = "10.0.2.2",
     .about = "the gateway's address, which is the host"},
    {"guest.ipv4.dns", KEY_VALUE, .option = "dns", .family = FAMILY_V4, .one_family = true, .type = "address",
     .limit = "in the guest's subnet", .fallback = "10.0.2.3", .about = "where the guest asks names"},
    {"guest.ipv6", KEY_FAMILY, .family = FAMILY_V6, .type = "ADDR/PLEN, off, or a section", .limit = "",
     .fallback = "fd73:6c75:6963:65::15/64",
     .about = "the guest's address; off: it does not have this family"},
    {"guest.ipv6.address", KEY_VALUE, .option = "guest", .family = FAMILY_V6, .one_family = true,
     .type = "ADDR/PLEN", .limit = "", .fallback = "fd73:6c75:6963:65::15/64",
     .about = "the guest's address"},
    {"guest.ipv6.gateway", KEY_VALUE, .option = "gateway", .family = FAMILY_V6, .one_family = true,
     .type = "address", .limit = "in the guest's subnet", .fallback = "fd73:6c75:6963:65::2",
     .about = "the gateway's address, which is the host"},
    {"guest.ipv6.dns", KEY_VALUE, .option = "dns", .family = FAMILY_V6, .one_family = true, .type = "address",
     .limit = "in the guest's subnet", .fallback = "fd73:6c75:6963:65::3",
     .about = "where the guest asks names"},
    {"guest.mac", KEY_VALUE, .option = "mac", .type = "MAC", .limit = "of one station",
     .fallback = "that of its first frame", .about = "the guest's Ethernet address"},
    {"guest.mtu", KEY_VALUE, .option = "mtu", .type = "number", .limit = "1280 to 65520",
     .fallback = "1500; 65520 for run and streams", .about = "the longest IP packet, in bytes"},
    {"guest.hostname", KEY_VALUE, .option = "hostname", .type = "name", .limit = "63 bytes",
     .fallback = "none", .about = "the guest's name, told by DHCP"},
    {"guest.search", KEY_LIST, .option = "search", .type = "list of domains", .limit = "6 of 253 bytes",
     .fallback = "none", .about = "where names are searched, told by DHCP and router advertisements"},
    {"guest.dhcp", KEY_FLAG, .option = "no-dhcp", .when = false, .type = "true or false", .limit = "",
     .fallback = "true", .about = "DHCP and DHCPv6 are answered"},
    {"guest.udp_endpoint_independent", KEY_FLAG, .option = "udp-endpoint-independent", .when = true,
     .type = "true or false", .limit = "", .fallback = "false",
     .about = "one host port per guest UDP port, so that STUN works"},

    {"limits", KEY_SECTION, .type = "section", .about = "how much a guest may use"},
    {"limits.tcp", KEY_VALUE, .option = "max-tcp", .type = "number", .limit = "1 to 1048576",
     .fallback = "4096", .about = "TCP flows at once"},
    {"limits.udp", KEY_VALUE, .option = "max-udp", .type = "number", .limit = "1 to 1048576",
     .fallback = "1024", .about = "UDP flows at once"},
    {"limits.ping", KEY_VALUE, .take = take_ping, .type = "number", .limit = "1 to 1048576", .fallback = "64",
     .about = "echo flows at once"},
    {"limits.flow_rate", KEY_VALUE, .option = "max-flow-rate", .type = "number", .limit = "1 to 1048576",
     .fallback = "no limit", .about = "flows that the guest may begin a second"},
    {"limits.memory", KEY_VALUE, .option = "memory", .type = "size", .limit = "2M to 1024G",
     .fallback = "128M", .about = "the most that the data of all flows may take"},
    {"limits.ring", KEY_VALUE, .take = take_ring, .type = "size", .limit = "a power of two, 4K to 1M",
     .fallback = "1M", .about = "what one TCP flow may grow to, each way"},
    {"limits.files", KEY_VALUE, .take = take_files, .type = "number", .limit = "64 to 1048576",
     .fallback = "RLIMIT_NOFILE - 32", .about = "descriptors the gateway may have open"},
    {"limits.fragmented", KEY_VALUE, .take = take_fragmented, .type = "number", .limit = "1 to 64",
     .fallback = "64", .about = "datagrams of the guest being put together"},
    {"limits.fragment_memory", KEY_VALUE, .take = take_fragment_memory, .type = "size",
     .limit = "64K to 256K", .fallback = "256K", .about = "bytes of their fragments"},
    {"limits.batch", KEY_VALUE, .take = take_batch, .type = "number", .limit = "1 to 64", .fallback = "64",
     .about = "frames taken from the guest at a time"},

    {"publish", KEY_LIST, .option = "publish", .type = "list of [BIND:]HOSTPORT[-END][:GUESTPORT][/udp]",
     .limit = "256", .fallback = "none",
     .about = "host ports that lead to the guest; without BIND on the loopback alone"},

    {"policy", KEY_SECTION, .type = "section", .about = "what the guest may reach, and who may reach it"},
    {"policy.rules", KEY_RULES, .type = "list of rules", .limit = "65536", .fallback = "none",
     .about = "the first that matches decides (docs/policy.md)"},
    {"policy.profiles", KEY_PROFILES, .type = "list of public, private, host, none, all", .limit = "",
     .fallback = "public", .about = "rules behind those of policy.rules and policy.files"},
    {"policy.files", KEY_FILES, .type = "list of files", .limit = "4 MiB each", .fallback = "none",
     .about = "further rules, one a line, in their place; NAME.json: a policy of microsandbox"},
    {"policy.keep_flows", KEY_FLAG, .option = "keep-flows", .when = true, .type = "true or false",
     .limit = "", .fallback = "false",
     .about =
	 "a reload ends no flow, also where the new policy refuses it; the new one judges requests on it"},
    {"policy.floor", KEY_SECTION, .floor = true, .type = "section",
     .about = "what this does not allow too is refused, whatever the rules above say"},
    {"policy.floor.rules", KEY_RULES, .floor = true, .type = "list of rules", .limit = "65536",
     .fallback = "none", .about = "as policy.rules"},
    {"policy.floor.profiles", KEY_PROFILES, .floor = true, .type = "list of public, private, host, none, all",
     .limit = "", .fallback = "none", .about = "as policy.profiles"},
    {"policy.floor.files", KEY_FILES, .floor = true, .type = "list of files", .limit = "4 MiB each",
     .fallback = "none", .about = "as policy.files"},

    {"dns", KEY_SECTION, .type = "section", .about = "names"},
    {"dns.nameservers", KEY_LIST, .option = "nameserver", .type = "list of ADDR[:PORT]", .limit = "8",
     .fallback = "those of /etc/resolv.conf",
     .about = "where names are asked, tried in order; tls://ADDR#NAME: over TLS"},
    {"dns.routes", KEY_PAIRS, .option = "dns-route", .type = "SUFFIX: ADDR[:PORT], or a list of them",
     .limit = "64 of 8", .fallback = "none", .about = "names at and below SUFFIX are asked there alone"},
    {"dns.hosts", KEY_PAIRS, .option = "host", .type = "NAME: ADDR, or a list of them", .limit = "4096 of 16",
     .fallback = "none", .about = "names the gateway answers itself"},
    {"dns.rebind_protection", KEY_FLAG, .option = "no-rebind-protection", .when = false,
     .type = "true or false", .limit = "", .fallback = "true",
     .about = "names may not lead to private and special addresses that no rule allows"},
    {"dns.rebind_allow", KEY_LIST, .option = "rebind-allow", .type = "list of NAME, *.SUFFIX",
     .limit = "4096", .fallback = "none", .about = "names that may"},
    {"dns.timeout", KEY_VALUE, .option = "dns-timeout", .type = "time", .limit = "100ms to 30s",
     .fallback = "4500ms", .about = "until a query that nobody answers fails"},
    {"dns.cache", KEY_VALUE, .option = "dns-cache", .type = "number, or off", .limit = "1 to 1048576",
     .fallback = "4096", .about = "answers kept"},

    {"tls", KEY_SECTION, .type = "section", .about = "connections that are opened (docs/tls.md)"},
    {"tls.intercept", KEY_FLAG, .option = "intercept", .when = true, .type = "true or false", .limit = "",
     .fallback = "false", .about = "all TLS to tls.ports is opened, not only what secrets and requests need"},
    {"tls.ports", KEY_LIST, .option = "intercept-port", .type = "list of ports", .limit = "32",
     .fallback = "443", .about = "where TLS is opened"},
    {"tls.bypass", KEY_LIST, .option = "tls-bypass", .type = "list of NAME, *.SUFFIX", .limit = "4096",
     .fallback = "none", .about = "names whose connections are passed on unopened"},
    {"tls.ca", KEY_VALUE, .option = "ca", .file = true, .type = "directory", .limit = "",
     .fallback = "a CA in memory", .about = "ca.pem and ca.key, made if missing"},
    {"tls.roots", KEY_VALUE, .option = "tls-roots", .file = true, .type = "file", .limit = "8 MiB",
     .fallback = "the system's", .about = "certificates that servers' must lead to"},
    {"tls.extra_roots", KEY_LIST, .option = "tls-extra-roots", .file = true, .type = "list of files",
     .limit = "8 MiB each", .fallback = "none", .about = "and these"},
    {"tls.host_roots", KEY_PAIRS, .option = "tls-host-roots", .file = true, .type = "NAME: FILE",
     .limit = "256", .fallback = "none", .about = "servers of this name (*.SUFFIX) must lead to these alone"},
    {"tls.no_verify", KEY_LIST, .option = "tls-no-verify", .type = "list of NAME, *.SUFFIX", .limit = "256",
     .fallback = "none", .about = "servers of which neither issuer, dates nor names are looked at"},
    {"tls.certificates", KEY_PAIRS, .option = "tls-certificate", .file = true, .type = "NAME: [CERT, KEY]",
     .limit = "256", .fallback = "none", .about = "what is shown to servers that ask: PEM files"},
    {"tls.min_version", KEY_VALUE, .option = "tls-min", .type = "1.2 or 1.3", .limit = "", .fallback = "1.2",
     .about = "the oldest TLS that is spoken, both sides"},
    {"tls.connections", KEY_VALUE, .option = "max-intercepted", .type = "number", .limit = "1 to 65536",
     .fallback = "256", .about = "open at once"},

    {"secrets", KEY_PAIRS, .option = "secret", .type = "NAME: SOURCE@HOST[,HOST...][;...]", .limit = "64",
     .fallback = "none", .about = "what the guest has placeholders for (docs/secrets.md)"},

    {"logging", KEY_SECTION, .type = "section", .about = "what is told while it runs"},
    {"logging.events", KEY_EVENTS, .type = "file, fd:N or -", .limit = "", .fallback = "none",
     .about = "events as JSON lines (docs/events.md), added to the file; -: standard output"},
    {"logging.requests", KEY_FLAG, .option = "request-log", .when = true, .type = "true or false",
     .limit = "", .fallback = "false", .about = "an event for each request that is read"},
    {"logging.level", KEY_VALUE, .take = take_level, .type = "error, warning, info or debug", .limit = "",
     .fallback = "warning", .about = "how much is said on standard error"},

    {"status_page", KEY_FLAG, .option = "no-status-page", .when = false, .type = "true or false", .limit = "",
     .fallback = "true", .about = "http://gateway.sluice.internal/ tells the guest what it was refused"},
};

#define KEYS (sizeof(table) / sizeof(table[0]))

const struct config_key *
config_keys(size_t *n)
{
	*n = KEYS;
	return table;
}

const struct config_key *
config_key(const char *section, const char *key, size_t len)
{
	size_t head = strlen(section);

	/* Linear: there are four dozen. */
	for (size_t i = 0; i < KEYS; i++) {
		const char *rest = table[i].path;
		if (strncmp(rest, section, head) != 0 || (head && rest[head] != '.'))
			continue;
		rest += head ? head + 1 : 0;
		if (strlen(rest) == len && memcmp(rest, key, len) == 0 && !memchr(key, '.', len))
			return &table[i];
	}
	return NULL;
}

/* --- what was meant ---------------------------------------------------------------------------------------- */

#define NEAR_MAX 32 /* no key is longer */

/* How many letters have to be changed, added, left out or swapped with the next one. */
static size_t
distance(const char *a, const char *b)
{
	size_t row[NEAR_MAX + 1][NEAR_MAX + 1], n = strlen(a), m = strlen(b);

	if (n > NEAR_MAX || m > NEAR_MAX)
		return NEAR_MAX;
	for (size_t j = 0; j <= m; j++)
		row[0][j] = j;
	for (size_t i = 1; i <= n; i++) {
		row[i][0] = i;
		for (size_t j = 1; j <= m; j++) {
			size_t best = row[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
			if (row[i - 1][j] + 1 < best)
				best = row[i - 1][j] + 1;
			if (row[i][j - 1] + 1 < best)
				best = row[i][j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    row[i - 2][j - 2] + 1 < best)
				best = row[i - 2][j - 2] + 1;
			row[i][j] = best;
		}
	}
	return row[n][m];
}

/* The last word of a path if the path is directly in section; NULL: it is elsewhere. */
static const char *
inside(const char *section, const char *path)
{
	size_t head = strlen(section);

	if (strncmp(path, section, head) != 0 || (head && path[head] != '.'))
		return NULL;
	path += head ? head + 1 : 0;
	return *path && !strchr(path, '.') ? path : NULL;
}

static const char *
last_word(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot ? dot + 1 : path;
}

void
config_suggest(const char *section, const char *key, char *to, size_t size)
{
	const char *best = NULL;
	size_t least = strlen(key) < 6 ? strlen(key) / 3 + 1 : 3, used = 0;

	for (size_t i = 0; i < KEYS; i++) {
		const char *word = inside(section, table[i].path);
		size_t far = word ? distance(key, word) : NEAR_MAX;
		if (far <= least && (!best || far < least)) {
			least = far;
			best = word;
		}
	}
	if (best) {
		snprintf(to, size, "did you mean '%s'?", best);
		return;
	}
	for (size_t i = 0; i < KEYS; i++)
		if (strcmp(last_word(table[i].path), key) == 0) {
			snprintf(to, size, "did you mean '%s'?", table[i].path);
			return;
		}
	for (size_t i = 0; i < KEYS; i++) {
		const char *word = inside(section, table[i].path);
		if (word && used < size)
			used += (size_t)snprintf(to + used, size - used, "%s%s",
						 used ? ", " : "there are: ", word);
	}
}
