/*
 * options.c - a table of options, the walk over argv, and the help that is printed from the same table
 *
 * Each row says what an option is called, in which verbs it exists, whether it takes a value, what the help
 * says, and which function takes the value.  The walk knows nothing of single options; a new one is a row and
 * a short function.  What is not in the table is offered to the library, which has a table of its own.
 */
#include "cli/options.h"

#include <string.h>

#include "cli/passt.h"
#include "cli/question.h"

enum {
	RUN = 1 << VERB_RUN,
	SERVE = 1 << VERB_SERVE,
	REPLAY = 1 << VERB_REPLAY,
	CHECK = 1 << VERB_CHECK,
	EXPLAIN = 1 << VERB_EXPLAIN,
	CA = 1 << VERB_CA,
	ASK = CHECK | EXPLAIN,              /* they look at everything, and start nothing */
	EVERY = RUN | SERVE | REPLAY | ASK, /* but CA, which is about a directory alone */
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
take_pcap(struct options *o, const char *value, struct failure *f)
{
	if (*value == '\0')
		return failed(f, "--pcap: the file's name is empty; give one");
	o->pcap = value;
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
take_one_off(struct options *o, const char *value, struct failure *f)
{
	(void)value, (void)f;
	o->one_off = true;
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
take_no_sandbox(struct options *o, const char *value, struct failure *f)
{
	(void)value, (void)f;
	o->no_sandbox = true;
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
take_config(struct options *o, const char *value, struct failure *f)
{
	if (*value == '\0')
		return failed(f, "--config: the file's name is empty; give one");
	if (o->config_file)
		return failed(f, "--config %s: %s was given already; join them", value, o->config_file);
	o->config_file = value;
	return 0;
}

static int
take_events(struct options *o, const char *value, struct failure *f)
{
	if (*value == '\0')
		return failed(f,
			      "--events: the file's name is empty; give one, fd:N, or - for standard output");
	o->events = value;
	return 0;
}

static int
take_json(struct options *o, const char *value, struct failure *f)
{
	(void)value, (void)f;
	o->json = true;
	return 0;
}

static int
take_ingress(struct options *o, const char *value, struct failure *f)
{
	(void)value, (void)f;
	o->question.ingress = true;
	return 0;
}

static int
take_sni(struct options *o, const char *value, struct failure *f)
{
	(void)f;
	o->question.sni = value;
	return 0;
}

static int
take_address(struct options *o, const char *value, struct failure *f)
{
	if (*value == '\0')
		return failed(f, "--address: the address is empty; write one as in 192.0.2.1");
	o->question.address = value;
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
    {"config", 'c', "FILE", EVERY, take_config,
     "a configuration file (man sluice.yaml); options override it"},
    {"events", 0, "FILE", RUN | SERVE, take_events, "events as JSON lines to FILE, fd:N, or - (stdout)"},
    {"ingress", 0, NULL, EXPLAIN, take_ingress, "a client at HOST, of the guest's published PORT"},
    {"address", 0, "ADDR", EXPLAIN, take_address, "where the name leads (a public address)"},
    {"sni", 0, "NAME", EXPLAIN, take_sni, "the name TLS or HTTP tells; '': none (that of HOST)"},
    {"json", 0, NULL, ASK | CA, take_json, "as JSON"},
    {"configure", 0, NULL, SERVE, take_configure, "tap: give it the guest's MAC, addresses and routes too"},
    {"one-off", '1', NULL, SERVE, take_one_off, "end when the first guest has left"},
    {"root", 0, NULL, RUN, take_root, "an ordinary user's command sees itself as root"},
    {"pcap", 0, "FILE", RUN | SERVE, take_pcap, "write every frame both ways to FILE (pcapng)"},
    {"verbose", 'v', NULL, EVERY, take_verbose, "say more; -vv says everything"},
    {"quiet", 'q', NULL, EVERY, take_quiet, "errors only"},
    {"stats", 0, "[json]", RUN | SERVE, take_stats, "a summary on stderr at the end; =json: as one line"},
    {"pid", 0, "FILE", RUN | SERVE, take_pid, "write the pid of sluice to FILE when it is ready"},
    {"no-sandbox", 0, NULL, RUN | SERVE | REPLAY, take_no_sandbox,
     "for debugging: the program keeps all rights of its user"},
    {"help", 'h', NULL, EVERY | CA | 1 << VERB_NONE, take_help, "this text"},
    {"version", 0, NULL, 1 << VERB_NONE, take_version, "the version"},
};

#define NOPTIONS (sizeof(options) / sizeof(options[0]))

/* Options of the library that make no sense in every verb. */
static const struct {
	const char *name;
	char letter;
	unsigned verbs;
} elsewhere[] = {
    {"publish", 'p', RUN | SERVE | ASK},
    {"nameserver", 0, RUN | SERVE | ASK},
    {"udp-endpoint-independent", 0, RUN | SERVE | ASK},
    {"keep-flows", 0, RUN | SERVE | ASK},
    /* A command of run is configured already. */
    {"hostname", 0, SERVE | REPLAY | ASK},
    {"search", 0, SERVE | REPLAY | ASK},
    {"no-dhcp", 0, SERVE | REPLAY | ASK},
};

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
    [VERB_CHECK] = {"check", "check [-c FILE] [OPTIONS]", "is anything wrong with a configuration?"},
    [VERB_EXPLAIN] = {"explain", "explain [-c FILE] [OPTIONS] WHAT", "may the guest reach it, and why?"},
    [VERB_CA] = {"ca", "ca make|show|export|bundle DIR", "the CA that guests trust"},
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
unknown_option(const struct walk *w, const char *arg, bool elsewhere_known, struct failure *f)
{
	const char *verb = verb_name(w->o->verb);

	if (elsewhere_known)
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

static bool
is_elsewhere(const char *name, size_t len, char letter, enum verb verb)
{
	for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++)
		if (!(elsewhere[i].verbs & 1u << verb) &&
		    (letter ? elsewhere[i].letter == letter
			    : strlen(elsewhere[i].name) == len && memcmp(elsewhere[i].name, name, len) == 0))
			return true;
	return false;
}

/* An option of the library's, "--name", "--name=value" or "-p..."; the next argument may be its value. */
static int
take_foreign(struct walk *w, const char *arg, struct failure *f)
{
	struct failure why = {.text = ""};

	if (w->o->verb == VERB_NONE)
		return unknown_option(w, arg, false, f);
	int used = sluice_options_take(w->o->gateway, arg, w->at < w->argc ? w->argv[w->at] : NULL, why.text,
				       sizeof(why.text));

	if (used < 0)
		return failed(f, "%s", why.text);
	if (used == 0)
		return unknown_option(w, arg, false, f);
	w->at += used - 1;
	return 0;
}

static int
take_long(struct walk *w, const char *arg, struct failure *f)
{
	const char *name = arg + 2;
	size_t len = strcspn(name, "=");
	const struct option *op = find_name(name, len);

	if (op ? !(op->verbs & 1u << w->o->verb) : is_elsewhere(name, len, 0, w->o->verb))
		return unknown_option(w, arg, true, f);
	/* Their files are read again when SIGHUP says so. */
	w->o->reloads |= len == 6 && memcmp(name, "policy", 6) == 0;
	w->o->reloads |= len == 5 && memcmp(name, "floor", 5) == 0;
	if (op)
		return take_option(w, op, name[len] == '=' ? name + len + 1 : NULL, f);
	return take_foreign(w, arg, f);
}

/* "-v", "-vq", "-p8080:80", "-p 8080:80", "-vp8080:80" */
static int
take_letters(struct walk *w, const char *arg, struct failure *f)
{
	for (const char *c = arg + 1; *c; c++) {
		const struct option *op = find_letter(*c);
		if (op ? !(op->verbs & 1u << w->o->verb) : is_elsewhere(NULL, 0, *c, w->o->verb))
			return unknown_option(w, arg, true, f);
		if (!op) {
			/* The rest is the library's: with a dash of its own, and short, or it is no port. */
			char rest[128];
			if (snprintf(rest, sizeof(rest), "-%s", c) >= (int)sizeof(rest))
				return failed(f, "%s: too long; give -%c a word of its own", arg, *c);
			return take_foreign(w, rest, f);
		}
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
		return failed(f, "serve: no link given; write sluice serve tap:IFNAME, qemu:PATH, fd:N, "
				 "vfkit:PATH or vhost-user:PATH");
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

static int
check_explain(const struct walk *w, struct options *o, struct failure *f)
{
	return question_read(o, w->operands, (size_t)w->noperands, f);
}

static int
check_ca(const struct walk *w, struct options *o, struct failure *f)
{
	static const char *const what[] = {"make", "show", "export", "bundle"};

	if (w->noperands != 2)
		return failed(f, "ca: what, and of which directory? write it as in sluice ca make DIR");
	o->ca_dir = w->operands[1];
	for (size_t i = 0; i < sizeof(what) / sizeof(what[0]); i++)
		if (strcmp(w->operands[0], what[i]) == 0)
			o->ca_what = what[i];
	return o->ca_what ? 0
			  : failed(f, "ca: '%s' is none of make, show, export and bundle", w->operands[0]);
}

static int
check(const struct walk *w, struct options *o, struct failure *f)
{
	if (o->quiet && o->verbose)
		return failed(f, "-q and -v: say less or say more, not both");
	if (!o->config_file && options_decide(o, f) < 0)
		return -1;
	o->reloads |= o->config_file != NULL;
	switch (o->verb) {
	case VERB_RUN:
		return check_run(o, f);
	case VERB_SERVE:
		return check_serve(w, o, f);
	case VERB_REPLAY:
		return check_replay(w, o, f);
	case VERB_EXPLAIN:
		return check_explain(w, o, f);
	case VERB_CHECK:
		if (w->noperands > 0)
			return failed(f, "check: '%s' is too much; a file goes behind -c", w->operands[0]);
		return 0;
	case VERB_CA:
		return check_ca(w, o, f);
	case VERB_NONE:
		break;
	}
	if (w->noperands > 0)
		return failed(f, "%s: not a command of sluice; use run, serve, replay, check, explain or ca",
			      w->operands[0]);
	return failed(f, "no command given; use run, serve, replay, check, explain or ca (sluice --help)");
}

int
options_give(struct options *o, const char *name, const char *value, struct failure *f)
{
	struct failure why = {.text = ""};

	if (sluice_options_take(o->gateway, name, value, why.text, sizeof(why.text)) < 0)
		return failed(f, "%s", why.text);
	return 0;
}

int
options_decide(struct options *o, struct failure *f)
{
	struct failure why = {.text = ""};

	sluice_config_init(&o->config);
	/* What is given last wins, but rules go first. */
	if (o->file)
		sluice_options_apply(o->file, &o->config);
	sluice_options_apply(o->gateway, &o->config);
	o->guest = (struct sluice_guest){.size = sizeof(o->guest)};
	if (sluice_guest_info(&o->config, &o->guest, why.text, sizeof(why.text)) < 0)
		return failed(f, "%s", why.text);
	return 0;
}

int
options_load(struct options *o, void (*told)(void *ctx, const struct sluice_diagnostic *d), void *ctx,
	     struct failure *f)
{
	struct failure why = {.text = ""};

	if (!o->config_file)
		return 0;
	sluice_options_free(o->file);
	o->file = sluice_options_new();
	if (!o->file)
		return failed(f, "no memory for %s; free some", o->config_file);
	if (sluice_options_file(o->file, o->config_file, told, ctx, why.text, sizeof(why.text)) < 0)
		return failed(f, "%s", why.text);
	o->level = sluice_options_level(o->file);
	if (!o->events)
		o->events = sluice_options_events(o->file);
	return options_decide(o, f);
}

int
options_read_secrets(struct options *o, void (*told)(void *ctx, const struct sluice_diagnostic *d), void *ctx,
		     struct failure *f)
{
	struct failure why = {.text = ""};

	for (int i = 0; i < 2; i++) {
		struct sluice_options *from = i ? o->file : o->gateway;

		if (from && sluice_options_secrets(from, told, ctx, why.text, sizeof(why.text)) < 0)
			return failed(f, "%s", why.text);
	}
	return 0;
}

void
options_forget_secrets(const struct options *o)
{
	sluice_options_forget(o->gateway);
	if (o->file)
		sluice_options_forget(o->file);
}

const uint8_t *
options_mac(const struct options *o)
{
	static const uint8_t none[6];

	return memcmp(o->config.guest_mac, none, sizeof(none)) != 0 ? o->config.guest_mac : NULL;
}

void
options_free(struct options *o)
{
	sluice_options_free(o->gateway);
	sluice_options_free(o->file);
	o->gateway = o->file = NULL;
}

int
options_parse(struct options *o, int argc, char **argv, struct failure *f)
{
	*o = (struct options){.argc = argc, .argv = argv, .gateway = sluice_options_new(), .level = -1};
	struct walk w = {.o = o, .argc = argc, .at = 1, .argv = argv};

	if (!o->gateway)
		return failed(f, "no memory for the options; free some");
	if (passt_is_meant(argc, argv))
		return passt_parse(o, argc, argv, f);
	if (argc > 1)
		for (enum verb v = VERB_RUN; v <= VERB_CA; v++)
			if (strcmp(argv[1], verbs[v].name) == 0) {
				o->verb = v;
				w.at = 2;
			}
	if (argc > 1 && o->verb == VERB_NONE && argv[1][0] != '-')
		return failed(f, "%s: not a command of sluice; use run, serve, replay, check, explain or ca",
			      argv[1]);
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
	fprintf(to, "%s%*s%s\n", head, HELP_COLUMN - n, "", op->help);
}

/* The library's lines, but for the options that are not this verb's: each begins with its name. */
static void
help_library(FILE *to, enum verb verb)
{
	bool skip = false;

	for (const char *line = sluice_options_help(); *line;) {
		size_t len = strcspn(line, "\n") + 1, from = strspn(line, " ");
		const char *dashes = strstr(line, "--");
		if (from < HELP_COLUMN)
			skip = is_elsewhere(dashes + 2, strcspn(dashes + 2, " \n"), 0, verb);
		if (!skip)
			fwrite(line, 1, len, to);
		line += len;
	}
}

static const char links_help[] =
    "LINK is how the guest's frames come and go:\n"
    "  tap:IFNAME[@NETNS]        a tap, made if it is not there; NETNS is a path such as\n"
    "                            /run/netns/x, or a pid\n"
    "  qemu:PATH                 listen for a VMM that speaks QEMU's stream format (QEMU, libkrun)\n"
    "  qemu-connect:PATH         the same, with the VMM listening\n"
    "  vfkit:PATH                a frame a datagram (krunkit, vfkit, podman machine, QEMU dgram)\n"
    "  vhost-user:PATH           shared memory (QEMU, cloud-hypervisor, crosvm)\n"
    "  vhost-user-connect:PATH   the same, with the VMM listening\n"
    "  fd:N                      a socket that was inherited: its type says which of stream or datagram\n\n";

static const char what_help[] =
    "WHAT is a flow of the guest, or a name it asks for:\n"
    "  tcp HOST:PORT             HOST is a name, as if the guest had just asked for it, or an address\n"
    "  udp HOST:PORT\n"
    "  icmp HOST                 ping\n"
    "  dns NAME\n"
    "The exit status is 0 if it is allowed and 3 if it is refused.\n\n";

static const char ca_help[] =
    "  make DIR                  ca.pem and ca.key in DIR, if they are not there yet; then as show\n"
    "  show DIR                  whose it is, how long it is valid, its fingerprint\n"
    "  export DIR                its certificate, for a guest's list of trusted ones\n"
    "  bundle DIR                the same and all that this system trusts, for programs that have one "
    "list\n\n";

static const char policy_help[] =
    "\nThe guest reaches the internet and the name service, and nothing else, unless rules or\n"
    "profiles say otherwise: -r 'allow to @host' opens this host, --profile all everything.\n"
    "Clients of published ports are let in.  The rules' grammar: docs/policy.md.\n";

void
options_help(FILE *to, enum verb verb)
{
	fprintf(to, "usage: sluice %s\n\n%s\n\n", verbs[verb].line, verbs[verb].about);
	if (verb == VERB_NONE)
		for (enum verb v = VERB_RUN; v <= VERB_CA; v++)
			fprintf(to, "  sluice %-38s %s\n", verbs[v].line, verbs[v].about);
	if (verb == VERB_SERVE)
		fputs(links_help, to);
	if (verb == VERB_EXPLAIN)
		fputs(what_help, to);
	if (verb == VERB_CA)
		fputs(ca_help, to);
	if (verb != VERB_NONE) {
		if (verb != VERB_CA)
			help_library(to, verb);
		for (size_t i = 0; i < NOPTIONS; i++)
			if (options[i].verbs & 1u << verb)
				help_option(to, &options[i]);
		if (verb != VERB_CA)
			fputs(policy_help, to);
	}
	if (verb != VERB_NONE && verb <= VERB_REPLAY)
		fprintf(to, "\nThe MTU is %s unless given.\n",
			verb == VERB_RUN     ? "65520"
			: verb == VERB_SERVE ? "65520 on stream links (qemu:), 1500 on others,"
					     : "1500");
	fputs(
	    verb == VERB_NONE
		? "\nsluice COMMAND --help lists a command's options; sluice --version says the version.\n"
		  "Under the name passt, or with passt's options, sluice takes passt's place (man sluice).\n"
		: "In parentheses: what is used when the option is not given.  More: man sluice\n",
	    to);
}
