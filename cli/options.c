/*
 * options.c - a table of options, the walk over argv, and the help that is printed from the same table
 *
 * Each row says what an option is called, in which verbs it exists, whether it takes a value, what the help
 * says, and which function takes the value.  The walk knows nothing of single options; a new one is a row and
 * a short function.
 */
#include "cli/options.h"

#include <string.h>

enum {
	RUN = 1 << VERB_RUN,
	SERVE = 1 << VERB_SERVE,
	REPLAY = 1 << VERB_REPLAY,
	EVERY = RUN | SERVE | REPLAY,
};

struct option {
	const char *name;
	char letter;
	const char *value; /* NULL: takes none; "[X]": only as --name=X, and need not be there */
	unsigned verbs;
	int (*take)(struct options *o, const char *value, struct failure *f);
	const char *help;
};

/* --- takers ---------------------------------------------------------------------------------------- */

static int
take_publish(struct options *o, const char *value, struct failure *f)
{
	if (o->npublish == OPTIONS_PUBLISH_MAX)
		return failed(f, "--publish %s: more than %d of them; join neighbouring ports in ranges",
			      value, OPTIONS_PUBLISH_MAX);
	if (value_publish(value, &o->publish[o->npublish], f) < 0)
		return -1;
	o->npublish++;
	return 0;
}

static int
take_mtu(struct options *o, const char *value, struct failure *f)
{
	uint64_t n;

	if (!value_number(value, 1280, 65520, &n))
		return failed(f, "--mtu %s: give a number from 1280 to 65520", value);
	o->mtu = (uint32_t)n;
	return 0;
}

/* An address option that exists once per family. */
static int
take_once(const char *what, const char *value, const struct address *a, const char **v4, const char **v6,
	  struct failure *f)
{
	const char **slot = a->v6 ? v6 : v4;

	if (*slot)
		return failed(f, "--%s %s: the IPv%d one is already %s; give one per family", what, value,
			      a->v6 ? 6 : 4, *slot);
	*slot = value;
	return 0;
}

static int
take_guest(struct options *o, const char *value, struct failure *f)
{
	struct address a;
	unsigned plen;

	if (!value_prefix(value, &a, &plen))
		return failed(f, "--guest %s: not ADDR/PLEN; write it as in 10.0.2.15/24 or fd00::15/64",
			      value);
	return take_once("guest", value, &a, &o->ipv4.guest, &o->ipv6.guest, f);
}

static int
take_gateway(struct options *o, const char *value, struct failure *f)
{
	struct address a;

	if (!value_address(value, &a))
		return failed(f, "--gateway %s: not an address; write it as in 10.0.2.2 or fd00::2", value);
	return take_once("gateway", value, &a, &o->ipv4.gateway, &o->ipv6.gateway, f);
}

static int
take_dns(struct options *o, const char *value, struct failure *f)
{
	struct address a;

	if (!value_address(value, &a))
		return failed(f, "--dns %s: not an address; write it as in 10.0.2.3 or fd00::3", value);
	return take_once("dns", value, &a, &o->ipv4.dns, &o->ipv6.dns, f);
}

static int
take_no_ipv4(struct options *o, const char *value, struct failure *f)
{
	(void)value, (void)f;
	o->ipv4.off = true;
	return 0;
}

static int
take_no_ipv6(struct options *o, const char *value, struct failure *f)
{
	(void)value, (void)f;
	o->ipv6.off = true;
	return 0;
}

static int
take_nameserver(struct options *o, const char *value, struct failure *f)
{
	if (!value_endpoint(value))
		return failed(
		    f,
		    "--nameserver %s: not ADDR[:PORT]; write it as in 192.0.2.1, 192.0.2.1:5353 or [::1]:53",
		    value);
	if (o->nnameservers == OPTIONS_NAMESERVER_MAX)
		return failed(f, "--nameserver %s: more than %d of them; give fewer", value,
			      OPTIONS_NAMESERVER_MAX);
	o->nameservers[o->nnameservers++] = value;
	return 0;
}

static int
take_mac(struct options *o, const char *value, struct failure *f)
{
	if (!value_mac(value, o->mac))
		return failed(
		    f,
		    "--mac %s: not a station's address; write it as in 52:54:00:12:34:56 (first byte even)",
		    value);
	o->has_mac = true;
	return 0;
}

static int
take_pcap(struct options *o, const char *value, struct failure *f)
{
	if (*value == '\0')
		return failed(f, "--pcap: the file's name is empty; give one");
	o->pcap = value;
	return 0;
}

/* A million flows are more descriptors than Linux gives a process by default (fs.nr_open). */
static int
take_flows(const char *name, const char *value, uint32_t *out, struct failure *f)
{
	uint64_t n;

	if (!value_number(value, 1, 1048576, &n))
		return failed(f, "--%s %s: give a number of flows from 1 to 1048576", name, value);
	*out = (uint32_t)n;
	return 0;
}

static int
take_max_tcp(struct options *o, const char *value, struct failure *f)
{
	return take_flows("max-tcp", value, &o->max_tcp, f);
}

static int
take_max_udp(struct options *o, const char *value, struct failure *f)
{
	return take_flows("max-udp", value, &o->max_udp, f);
}

static int
take_memory(struct options *o, const char *value, struct failure *f)
{
	/* Under two megabytes hardly a flow has room; above a tebibyte it is a slip of the finger. */
	if (!value_size(value, &o->memory) || o->memory < 2 << 20 || o->memory > UINT64_C(1) << 40)
		return failed(f, "--memory %s: give bytes from 2M to 1024G, as in 134217728 or 128M", value);
	return 0;
}

static int
take_udp_endpoint_independent(struct options *o, const char *value, struct failure *f)
{
	(void)value, (void)f;
	o->udp_endpoint_independent = true;
	return 0;
}

static int
take_configure(struct options *o, const char *value, struct failure *f)
{
	(void)value, (void)f;
	o->configure = true;
	return 0;
}

static int
take_root(struct options *o, const char *value, struct failure *f)
{
	(void)value, (void)f;
	o->root = true;
	return 0;
}

static int
take_verbose(struct options *o, const char *value, struct failure *f)
{
	(void)value, (void)f;
	if (o->verbose < 2)
		o->verbose++;
	return 0;
}

static int
take_quiet(struct options *o, const char *value, struct failure *f)
{
	(void)value, (void)f;
	o->quiet = true;
	return 0;
}

static int
take_stats(struct options *o, const char *value, struct failure *f)
{
	if (value && strcmp(value, "json") != 0 && strcmp(value, "text") != 0)
		return failed(f, "--stats=%s: not a form of the summary; write --stats or --stats=json",
			      value);
	o->stats = value && strcmp(value, "json") == 0 ? STATS_JSON : STATS_TEXT;
	return 0;
}

static int
take_pid(struct options *o, const char *value, struct failure *f)
{
	if (*value == '\0')
		return failed(f, "--pid: the file's name is empty; give one");
	o->pid_file = value;
	return 0;
}

static int
take_help(struct options *o, const char *value, struct failure *f)
{
	(void)value, (void)f;
	o->help = true;
	return 0;
}

static int
take_version(struct options *o, const char *value, struct failure *f)
{
	(void)value, (void)f;
	o->version = true;
	return 0;
}

/* --- the tables ------------------------------------------------------------------------------------ */

static const struct option options[] = {
    {"publish", 'p', "SPEC", RUN | SERVE, take_publish,
     "a host port that leads to the guest: [BIND:]HOSTPORT[-END]\n[:GUESTPORT][/udp]; BIND is 127.0.0.1 and "
     "::1 "
     "unless given"},
    {"mtu", 0, "N", EVERY, take_mtu, "1280 to 65520; 65520 for run, 1500 for serve and replay"},
    {"guest", 0, "ADDR/PLEN", EVERY, take_guest,
     "the guest's address, once per family\n(10.0.2.15/24, fd73:6c75:6963:65::15/64)"},
    {"gateway", 0, "ADDR", EVERY, take_gateway,
     "the gateway's address, once per family; it is the host\n(10.0.2.2, fd73:6c75:6963:65::2)"},
    {"dns", 0, "ADDR", EVERY, take_dns,
     "where the guest asks names, once per family\n(10.0.2.3, fd73:6c75:6963:65::3)"},
    {"no-ipv4", 0, NULL, EVERY, take_no_ipv4, "the guest has no IPv4"},
    {"no-ipv6", 0, NULL, EVERY, take_no_ipv6, "the guest has no IPv6"},
    {"nameserver", 0, "ADDR[:PORT]", RUN | SERVE, take_nameserver,
     "where names are asked; may be given again (those of\n/etc/resolv.conf)"},
    {"mac", 0, "MAC", EVERY, take_mac, "the guest's Ethernet address (the tap's own)"},
    {"configure", 0, NULL, SERVE, take_configure, "give the tap the guest's MAC, addresses and routes too"},
    {"root", 0, NULL, RUN, take_root, "an ordinary user's command sees itself as root"},
    {"pcap", 0, "FILE", RUN | SERVE, take_pcap, "write every frame both ways to FILE (pcapng)"},
    {"max-tcp", 0, "N", EVERY, take_max_tcp, "TCP flows at once (4096)"},
    {"max-udp", 0, "N", EVERY, take_max_udp, "UDP flows at once (1024)"},
    {"memory", 0, "BYTES", EVERY, take_memory, "the most that flows may hold, with K, M or G (128M)"},
    {"udp-endpoint-independent", 0, NULL, RUN | SERVE, take_udp_endpoint_independent,
     "one host port per guest UDP port, so that STUN works"},
    {"verbose", 'v', NULL, EVERY, take_verbose, "say more; -vv says everything"},
    {"quiet", 'q', NULL, EVERY, take_quiet, "errors only"},
    {"stats", 0, "[json]", RUN | SERVE, take_stats, "a summary on stderr at the end; =json: as one line"},
    {"pid", 0, "FILE", RUN | SERVE, take_pid, "write the pid of sluice to FILE when it is ready"},
    {"help", 'h', NULL, EVERY | 1 << VERB_NONE, take_help, "this text"},
    {"version", 0, NULL, 1 << VERB_NONE, take_version, "the version"},
};

#define NOPTIONS (sizeof(options) / sizeof(options[0]))

static const struct {
	const char *name, *line, *about;
} verbs[] = {
    [VERB_NONE] = {NULL, "COMMAND [OPTIONS] ...",
		   "the network of a microVM or a command, without privileges"},
    [VERB_RUN] = {"run", "run [OPTIONS] [--] COMMAND [ARG...]",
		  "run a command as a guest in its own network namespace"},
    [VERB_SERVE] = {"serve", "serve LINK [OPTIONS]", "serve a guest that something else runs"},
    [VERB_REPLAY] = {"replay", "replay IN.pcap OUT.pcap [OPTIONS]",
		     "feed captured guest frames on a virtual clock, write what sluice answers"},
};

/* --- the walk -------------------------------------------------------------------------------------- */

struct walk {
	struct options *o;
	int argc, at;
	char **argv;
	const char *operands[3]; /* one more than any verb takes, to name the one too many */
	int noperands;
};

static const char *
verb_name(enum verb v)
{
	return v == VERB_NONE ? "" : verbs[v].name;
}

static const struct option *
find_name(const char *name, size_t len)
{
	for (size_t i = 0; i < NOPTIONS; i++)
		if (strlen(options[i].name) == len && memcmp(options[i].name, name, len) == 0)
			return &options[i];
	return NULL;
}

static const struct option *
find_letter(char letter)
{
	for (size_t i = 0; i < NOPTIONS; i++)
		if (options[i].letter == letter)
			return &options[i];
	return NULL;
}

static int
unknown_option(const struct walk *w, const char *arg, const struct option *op, struct failure *f)
{
	const char *verb = verb_name(w->o->verb);

	if (op)
		return failed(f, "%s: not an option of %s; sluice %s --help lists them", arg,
			      *verb ? verb : "sluice without a command", verb);
	return failed(f, "%s: no such option; sluice %s%s--help lists them", arg, verb, *verb ? " " : "");
}

static int
take_option(struct walk *w, const struct option *op, const char *joined, struct failure *f)
{
	const char *value = joined;

	if (!op->value && joined)
		return failed(f, "--%s=%s: this option takes no value; leave it out", op->name, joined);
	if (op->value && op->value[0] != '[' && !joined) {
		if (w->at == w->argc)
			return failed(f, "--%s: needs a value; write --%s %s", op->name, op->name, op->value);
		value = w->argv[w->at++];
	}
	return op->take(w->o, value, f);
}

static int
take_long(struct walk *w, const char *arg, struct failure *f)
{
	const char *name = arg + 2;
	size_t len = strcspn(name, "=");
	const struct option *op = find_name(name, len);

	if (!op || !(op->verbs & 1u << w->o->verb))
		return unknown_option(w, arg, op, f);
	return take_option(w, op, name[len] == '=' ? name + len + 1 : NULL, f);
}

/* "-v", "-vq", "-p8080:80", "-p 8080:80" */
static int
take_letters(struct walk *w, const char *arg, struct failure *f)
{
	for (const char *c = arg + 1; *c; c++) {
		const struct option *op = find_letter(*c);
		if (!op || !(op->verbs & 1u << w->o->verb))
			return unknown_option(w, arg, op, f);
		bool rest = op->value && c[1] != '\0';
		if (take_option(w, op, rest ? c + 1 : NULL, f) < 0)
			return -1;
		if (rest)
			break;
	}
	return 0;
}

static int
walk_args(struct walk *w, struct failure *f)
{
	bool options_end = false;

	while (w->at < w->argc) {
		const char *arg = w->argv[w->at];
		int r = 0;

		if (!options_end && arg[0] == '-' && arg[1] != '\0') {
			w->at++;
			if (strcmp(arg, "--") == 0)
				options_end = true;
			else
				r = arg[1] == '-' ? take_long(w, arg, f) : take_letters(w, arg, f);
		} else if (w->o->verb == VERB_RUN) {
			w->o->command = w->argv + w->at;
			break; /* what follows is the command's own */
		} else {
			w->at++;
			if (w->noperands < 3)
				w->operands[w->noperands++] = arg;
		}
		if (r < 0)
			return -1;
	}
	return 0;
}

/* --- what is left, and what goes together ----------------------------------------------------------- */

static int
check_run(struct options *o, struct failure *f)
{
	if (!o->command)
		return failed(f, "run: no command given; write sluice run [OPTIONS] -- COMMAND");
	return o->command[0][0] ? 0
				: failed(f, "run: the command's name is empty; write sluice run -- COMMAND");
}

static int
check_serve(const struct walk *w, struct options *o, struct failure *f)
{
	if (w->noperands == 0)
		return failed(f, "serve: no link given; write sluice serve tap:IFNAME[@NETNS]");
	if (w->noperands > 1)
		return failed(f, "serve: '%s' is one link too many; serve one", w->operands[1]);
	return value_link(w->operands[0], &o->link, f);
}

static int
check_replay(const struct walk *w, struct options *o, struct failure *f)
{
	if (w->noperands < 2)
		return failed(f, "replay: needs two files; write sluice replay IN.pcap OUT.pcap");
	if (w->noperands > 2)
		return failed(f,
			      "replay: '%s' is one file too many; give one capture to read and one to write",
			      w->operands[2]);
	o->replay_in = w->operands[0];
	o->replay_out = w->operands[1];
	return 0;
}

/* An address of a family that was switched off is a contradiction, not a detail to ignore. */
static int
check_off(const struct sluice_net *net, int version, struct failure *f)
{
	const char *left = net->guest ? net->guest : net->gateway ? net->gateway : net->dns;

	if (net->off && left)
		return failed(f, "--no-ipv%d: %s was given as well; leave one of them out", version, left);
	return 0;
}

static int
check(const struct walk *w, struct options *o, struct failure *f)
{
	if (o->quiet && o->verbose)
		return failed(f, "-q and -v: say less or say more, not both");
	if (check_off(&o->ipv4, 4, f) < 0 || check_off(&o->ipv6, 6, f) < 0)
		return -1;
	if (network_decide(&o->ipv4, &o->ipv6, &o->network, f) < 0)
		return -1;
	switch (o->verb) {
	case VERB_RUN:
		return check_run(o, f);
	case VERB_SERVE:
		return check_serve(w, o, f);
	case VERB_REPLAY:
		return check_replay(w, o, f);
	case VERB_NONE:
		break;
	}
	if (w->noperands > 0)
		return failed(f, "%s: not a command of sluice; use run, serve or replay", w->operands[0]);
	return failed(f, "no command given; use run, serve or replay (sluice --help)");
}

int
options_parse(struct options *o, int argc, char **argv, struct failure *f)
{
	memset(o, 0, sizeof(*o));
	struct walk w = {.o = o, .argc = argc, .at = 1, .argv = argv};

	if (argc > 1)
		for (enum verb v = VERB_RUN; v <= VERB_REPLAY; v++)
			if (strcmp(argv[1], verbs[v].name) == 0) {
				o->verb = v;
				w.at = 2;
			}
	if (argc > 1 && o->verb == VERB_NONE && argv[1][0] != '-')
		return failed(f, "%s: not a command of sluice; use run, serve or replay", argv[1]);
	if (walk_args(&w, f) < 0)
		return -1;
	/* --help helps also where the rest is wrong or missing. */
	return o->help || o->version ? 0 : check(&w, o, f);
}

/* --- help ------------------------------------------------------------------------------------------ */

#define HELP_COLUMN 28

static void
help_option(FILE *to, const struct option *op)
{
	char head[64];
	const char *value = op->value ? op->value : "";
	int n = op->letter ? snprintf(head, sizeof(head), "  -%c, --%s", op->letter, op->name)
			   : snprintf(head, sizeof(head), "      --%s", op->name);

	if (op->value && op->value[0] == '[')
		n += snprintf(head + n, sizeof(head) - (size_t)n, "[=%.*s]", (int)strlen(value) - 2,
			      value + 1);
	else if (op->value)
		n += snprintf(head + n, sizeof(head) - (size_t)n, " %s", value);
	fputs(head, to);
	if (n > HELP_COLUMN - 2) {
		fputc('\n', to);
		n = 0;
	}
	for (const char *line = op->help; line;) {
		size_t len = strcspn(line, "\n");
		fprintf(to, "%*s%.*s\n", HELP_COLUMN - n, "", (int)len, line);
		line = line[len] ? line + len + 1 : NULL;
		n = 0;
	}
}

void
options_help(FILE *to, enum verb verb)
{
	fprintf(to, "usage: sluice %s\n\n%s\n\n", verbs[verb].line, verbs[verb].about);
	if (verb == VERB_NONE)
		for (enum verb v = VERB_RUN; v <= VERB_REPLAY; v++)
			fprintf(to, "  sluice %-38s %s\n", verbs[v].line, verbs[v].about);
	if (verb == VERB_SERVE)
		fputs("LINK is tap:IFNAME[@NETNS]; NETNS is a path such as /run/netns/x, or a pid.\n"
		      "The tap is created if it is not there, brought up, and removed at the end if "
		      "created.\n\n",
		      to);
	if (verb != VERB_NONE)
		for (size_t i = 0; i < NOPTIONS; i++)
			if (options[i].verbs & 1u << verb)
				help_option(to, &options[i]);
	fputs(verb == VERB_NONE
		  ? "\nsluice COMMAND --help lists a command's options; sluice --version says the version.\n"
		  : "\nIn parentheses: what is used when the option is not given.  More: man sluice\n",
	      to);
}
