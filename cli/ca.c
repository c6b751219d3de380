/*
 * ca.c - sluice ca: the CA that guests trust, made, shown and handed out
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/failure.h"
#include "cli/trust.h"
#include "cli/verbs.h"

#define DATE 32

static void
date_of(uint64_t seconds, char text[DATE])
{
	time_t t = (time_t)seconds;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || strftime(text, DATE, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		snprintf(text, DATE, "%llu", (unsigned long long)seconds);
}

static void
show(const char *dir, const struct sluice_ca *ca, bool as_json)
{
	char from[DATE], until[DATE];

	date_of(ca->from, from);
	date_of(ca->until, until);
	if (!as_json) {
		printf("directory  %s\nsubject    %s\nvalid      %s to %s\nsha256     %s\n", dir, ca->subject,
		       from, until, ca->sha256);
		return;
	}
	json_t *o = json_pack("{ss ss ss ss ss}", "directory", dir, "subject", ca->subject, "from", from,
			      "until", until, "sha256", ca->sha256);
	if (o)
		json_dumpf(o, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(o);
}

/* Our certificate, and all that this system trusts. */
static int
print_bundle(const struct sluice_ca *ca, struct failure *f)
{
	const char *path = trust_list();
	FILE *from = path ? fopen(path, "re") : NULL;
	char buf[16384];

	fputs(ca->pem, stdout);
	if (!from)
		return failed(f,
			      "this system has no list of certificates it trusts (install ca-certificates)");
	for (size_t n; (n = fread(buf, 1, sizeof(buf), from)) > 0;)
		fwrite(buf, 1, n, stdout);
	fclose(from);
	return 0;
}

int
verb_ca(const struct options *o, const struct log *log)
{
	struct sluice_ca ca = {.size = sizeof(ca)};
	struct failure f = {.text = ""};
	int done = 0;

	if (strcmp(o->ca_what, "make") == 0)
		done = sluice_ca_make(o->ca_dir, f.text, sizeof(f.text));
	if (done == 0)
		done = sluice_ca_read(o->ca_dir, &ca, f.text, sizeof(f.text));
	if (done < 0) {
		log_say(log, SLUICE_LOG_ERROR, "%s", f.text);
		return STATUS_CANNOT;
	}
	if (strcmp(o->ca_what, "bundle") == 0 && print_bundle(&ca, &f) < 0) {
		log_say(log, SLUICE_LOG_ERROR, "%s", f.text);
		return STATUS_CANNOT;
	}
	if (strcmp(o->ca_what, "export") == 0)
		fputs(ca.pem, stdout);
	else if (strcmp(o->ca_what, "bundle") != 0)
		show(o->ca_dir, &ca, o->json);
	return fflush(stdout) == 0 && !ferror(stdout) ? STATUS_OK : STATUS_CANNOT;
}
