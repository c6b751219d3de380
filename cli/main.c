/*
 * main.c - the `sluice` program: from argv to a verb and its exit status
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/diagnose.h"
#include "cli/passt.h"
#include "cli/setup.h"
#include "cli/verbs.h"

/* A standard stream that is closed would be taken by the next open(): by a tap, say, that printf() then fills. */
static void
open_standard_streams(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

/* What was asked for on stdout has to get there. */
static int
end_of_output(void)
{
	return fflush(stdout) == 0 && !ferror(stdout) ? STATUS_OK : STATUS_CANNOT;
}

static int
print(const struct options *o)
{
	if (o->version)
		printf("sluice %s (%s)\n", sluice_version(), sluice_tls_library());
	else if (o->capabilities) /* the vhost-user back-end program conventions */
		puts("{ \"type\": \"net\" }");
	else if (o->passt)
		passt_help(stdout);
	else
		options_help(stdout, o->verb);
	return end_of_output();
}

static int
perform(struct options *o)
{
	struct log log = setup_log(o);
	struct diagnoses told = {.log = &log};
	struct failure why = {.text = ""}, f = {.text = ""};

	if (o->verb == VERB_CHECK)
		return verb_check(o, &log);
	if (o->verb == VERB_CA)
		return verb_ca(o, &log);
	bool starts = o->verb == VERB_RUN || o->verb == VERB_SERVE;
	if (options_load(o, diagnose_hook, &told, &why) < 0 ||
	    (starts && options_read_secrets(o, diagnose_hook, &told, &why) < 0)) {
		diagnosed(&told, why.text, &f);
		if (f.text[0])
			log_say(&log, SLUICE_LOG_ERROR, "%s", f.text);
		return STATUS_CANNOT;
	}
	log = setup_log(o);
	switch (o->verb) {
	case VERB_RUN:
		return verb_run(o, &log);
	case VERB_SERVE:
		return verb_serve(o, &log);
	case VERB_REPLAY:
		return verb_replay(o, &log);
	case VERB_EXPLAIN:
		return verb_explain(o, &log);
	case VERB_CA:
	case VERB_CHECK:
	case VERB_NONE:
		break;
	}
	return STATUS_USAGE;
}

int
main(int argc, char **argv)
{
	struct options o;
	struct failure f = {.text = ""};

	open_standard_streams();
	if (options_parse(&o, argc, argv, &f) < 0) {
		log_say(&(struct log){SLUICE_LOG_ERROR}, SLUICE_LOG_ERROR, "%s", f.text);
		options_free(&o);
		return STATUS_USAGE;
	}
	int status = o.version || o.help || o.capabilities ? print(&o) : perform(&o);
	options_free(&o);
	return status;
}
