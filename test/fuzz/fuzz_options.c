/*
 * fuzz_options.c - any command line becomes options that hang together, or one printable sentence
 *
 * The input is the arguments, each ended by a newline or a zero byte.  A first byte above 0x7f starts the
 * program under the name passt.
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/options.h"

#define ARGS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool holds)
{
	if (!holds)
		abort();
}

static bool
is_address(const char *text, bool v6)
{
	uint8_t bytes[16];

	return inet_pton(v6 ? AF_INET6 : AF_INET, text, bytes) == 1;
}

static void
check_family(const struct sluice_guest_net *net, bool v6)
{
	if (!net->on)
		return;
	require(is_address(net->address, v6) && is_address(net->gateway, v6) && is_address(net->dns, v6));
	require(net->plen >= 1 && net->plen <= (v6 ? 128 : 32));
	require(strcmp(net->address, net->gateway) != 0 && strcmp(net->address, net->dns) != 0);
	require(strcmp(net->gateway, net->dns) != 0);
}

static void
check_config(const struct sluice_config *cfg)
{
	require(cfg->mtu == 0 || (cfg->mtu >= 1280 && cfg->mtu <= 65520));
	require(cfg->npublish <= 256 && cfg->nnameservers <= 8 && cfg->nsearch <= SLUICE_SEARCH_MAX);
	for (size_t i = 0; i < cfg->npublish; i++) {
		const struct sluice_publish *p = &cfg->publish[i];
		require(p->host_first > 0 && p->host_last >= p->host_first && p->guest_first > 0);
		require(p->guest_first + (p->host_last - p->host_first) <= 65535);
		require(!p->bind || is_address(p->bind, strchr(p->bind, ':') != NULL));
	}
	for (size_t i = 0; i < cfg->nnameservers; i++)
		require(cfg->nameservers[i][0] != '\0');
	for (size_t i = 0; i < cfg->nsearch; i++)
		require(cfg->search[i][0] != '\0' && strlen(cfg->search[i]) <= 253);
	require(!cfg->hostname || (cfg->hostname[0] && strlen(cfg->hostname) <= 63));
	require(!(cfg->guest_mac[0] & 1));
}

static void
check_link(const struct value_link *l)
{
	switch (l->kind) {
	case LINK_TAP:
		require(l->ifname[0] && !l->ifname[15]);
		break;
	case LINK_FD:
	case LINK_VHOST_USER_FD:
		require(l->fd >= 0);
		break;
	default:
		require(l->path && l->path[0] && strlen(l->path) <= VALUE_PATH_MAX);
	}
}

static void
check_options(const struct options *o)
{
	/* With a configuration file nothing is decided before that is read. */
	if (!o->config_file) {
		check_family(&o->guest.ipv4, false);
		check_family(&o->guest.ipv6, true);
		require(o->guest.ipv4.on || o->guest.ipv6.on);
		check_config(&o->config);
	}
	require(o->verb != VERB_NONE && o->nunused <= OPTIONS_UNUSED_MAX);
	require(!o->passt || o->verb == VERB_SERVE);
	require(o->verb != VERB_RUN || (o->command && o->command[0] && o->command[0][0]));
	if (o->verb == VERB_SERVE)
		check_link(&o->link);
	require(o->verb != VERB_REPLAY || (o->replay_in && o->replay_out));
	require(o->verb != VERB_EXPLAIN || (o->question.host == o->host && o->host[0]));
}

static void
check_sentence(const char *text)
{
	require(text[0] != '\0');
	for (; *text; text++)
		require((unsigned char)*text >= 0x20 && *text != 0x7f);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct options o;
	char *argv[ARGS_MAX + 2], *text = malloc(size + 1), sluice[] = "sluice", passt[] = "/usr/bin/passt";
	struct failure f = {.text = ""};
	int argc = 1;
	bool as_passt = size > 0 && data[0] > 0x7f;

	argv[0] = as_passt ? passt : sluice;
	/* --policy and --floor open the files that they name. */
	if (!text || (size && (memmem(data, size, "policy", 6) || memmem(data, size, "floor", 5)))) {
		free(text);
		return 0;
	}
	size -= as_passt;
	if (size > 0)
		memcpy(text, data + as_passt, size);
	text[size] = '\n';
	for (size_t i = 0, from = 0; i <= size && argc <= ARGS_MAX; i++) {
		if (text[i] != '\n' && text[i] != '\0')
			continue;
		text[i] = '\0';
		if (i < size || from < size)
			argv[argc++] = text + from;
		from = i + 1;
	}
	argv[argc] = NULL;

	if (options_parse(&o, argc, argv, &f) < 0)
		check_sentence(f.text);
	else if (!o.help && !o.version && !o.capabilities)
		check_options(&o);
	options_free(&o);
	free(text);
	return 0;
}
