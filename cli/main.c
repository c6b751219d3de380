/*
 * main.c - the `sluice` program: from argv to a verb and its exit status
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

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
	return fflush(stdout) == 0 ? STATUS_OK : STATUS_CANNOT;
}

int
main(int argc, char **argv)
{
	static struct options o; /* some tens of kilobytes of published ports */
	struct failure f = {.text = ""};

	open_standard_streams();
	if (options_parse(&o, argc, argv, &f) < 0) {
		log_say(&(struct log){SLUICE_LOG_ERROR}, SLUICE_LOG_ERROR, "%s", f.text);
		return STATUS_USAGE;
	}
	if (o.version) {
		printf("sluice %s\n", sluice_version());
		return end_of_output();
	}
	if (o.help) {
		options_help(stdout, o.verb);
		return end_of_output();
	}

	struct log log = setup_log(&o);
	switch (o.verb) {
	case VERB_RUN:
		return verb_run(&o, &log);
	case VERB_SERVE:
		return verb_serve(&o, &log);
	case VERB_REPLAY:
		return verb_replay(&o, &log);
	case VERB_NONE:
		break;
	}
	return STATUS_USAGE;
}
