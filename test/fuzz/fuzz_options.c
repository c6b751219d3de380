/*
 * fuzz_options.c - any command line becomes options that hang together, or one printable sentence
 *
 * The input is the arguments, each ended by a newline or a zero byte.
 */
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

static void
check_family(const struct family *fam)
{
	struct address a;
	unsigned plen;

	if (!fam->on)
		return;
	require(value_prefix(fam->guest_text, &a, &plen) && plen == fam->plen &&
		value_address_equal(&a, &fam->guest));
	require(value_address(fam->gateway_text, &a) && value_in_prefix(&a, &fam->guest, fam->plen));
	require(!value_address_equal(&a, &fam->guest));
	require(value_address(fam->dns_text, &a));
	require(!value_address_equal(&a, &fam->guest) && !value_address_equal(&a, &fam->gateway));
}

static void
check_options(const struct options *o)
{
	struct address a;

	check_family(&o->network.v4);
	check_family(&o->network.v6);
	require(o->network.v4.on || o->network.v6.on);
	require(o->mtu == 0 || (o->mtu >= 1280 && o->mtu <= 65520));
	require(o->npublish <= OPTIONS_PUBLISH_MAX && o->nnameservers <= OPTIONS_NAMESERVER_MAX);
	for (size_t i = 0; i < o->npublish; i++) {
		const struct value_publish *p = &o->publish[i];
		require(p->host_first > 0 && p->host_last >= p->host_first && p->guest_first > 0);
		require(p->guest_first + (p->host_last - p->host_first) <= 65535);
		require(p->bind[0] == '\0' || value_address(p->bind, &a));
	}
	for (size_t i = 0; i < o->nnameservers; i++)
		require(value_endpoint(o->nameservers[i]));
	require(o->verb != VERB_NONE);
	require(o->verb != VERB_RUN || (o->command && o->command[0] && o->command[0][0]));
	require(o->verb != VERB_SERVE || (o->link.ifname[0] && !o->link.ifname[15]));
	require(o->verb != VERB_REPLAY || (o->replay_in && o->replay_out));
	require(!o->has_mac || !(o->mac[0] & 1));
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
	static struct options o;
	char *argv[ARGS_MAX + 2], *text = malloc(size + 1), program[] = "sluice";
	struct failure f = {.text = ""};
	int argc = 1;

	argv[0] = program;
	if (!text)
		return 0;
	if (size > 0)
		memcpy(text, data, size);
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
	else if (!o.help && !o.version)
		check_options(&o);
	free(text);
	return 0;
}
