/*
 * reload.c - the thread that reads, and what is said of it
 */
#include "cli/reload.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "cli/diagnose.h"
#include "cli/sandbox.h"

int
reload_init(struct reload *r, const struct options *o, const struct log *log, struct sluice *s,
	    struct failure *f)
{
	*r = (struct reload){.o = o, .log = log, .s = s, .done = -1};
	if (o->reloads)
		r->done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (r->done >= 0 || !o->reloads)
		return 0;
	return failed(f, "cannot prepare to be reloaded: %s; raise the limit of descriptors (ulimit -n)",
		      strerror(errno));
}

bool
reload_is_meant(const struct reload *r, const struct signalfd_siginfo *info)
{
	return r->done >= 0 && info->ssi_signo == SIGHUP && info->ssi_code != SI_KERNEL;
}

/* As at the start, from the same words. */
static int
read_again(const struct reload *r, struct options *o, struct diagnoses *d, struct failure *f)
{
	struct failure why = {.text = ""};

	if (options_parse(o, r->o->argc, r->o->argv, f) < 0)
		return -1;
	if (options_load(o, diagnose_hook, d, &why) < 0)
		return diagnosed(d, why.text, f);
	o->config.diagnostic = diagnose_hook;
	o->config.diagnostic_ctx = d;
	if (sluice_reload(r->s, &o->config, why.text, sizeof(why.text)) < 0)
		return diagnosed(d, why.text, f);
	return 0;
}

static void *
read_in_thread(void *arg)
{
	const struct reload *r = arg;
	struct diagnoses d = {.log = r->log};
	struct options o = {.verb = VERB_NONE};
	struct failure f = {.text = ""};
	const char *what = r->o->config_file ? r->o->config_file : "the policy";
	uint64_t one = 1;

	if (read_again(r, &o, &d, &f) < 0) {
		o.no_sandbox = r->o->no_sandbox;
		sandbox_explain(&o, r->log);
		log_say(r->log, SLUICE_LOG_ERROR, "%s: not reloaded%s%s: nothing has changed", what,
			f.text[0] ? ", " : "", f.text);
	} else if (r->log->level > SLUICE_LOG_ERROR) /* no error, but somebody is waiting for it */
		log_say(r->log, SLUICE_LOG_ERROR, "%s: reloaded", what);
	options_free(&o);
	ssize_t n = write(r->done, &one, sizeof(one));
	(void)n;
	return NULL;
}

void
reload_begin(struct reload *r)
{
	if (r->running) {
		r->again = true;
		return;
	}
	int error = pthread_create(&r->thread, NULL, read_in_thread, r);
	r->running = error == 0;
	if (error)
		log_say(r->log, SLUICE_LOG_ERROR, "not reloaded: %s; try again", strerror(error));
}

void
reload_end(struct reload *r)
{
	uint64_t count;
	ssize_t n = read(r->done, &count, sizeof(count));

	(void)n;
	if (r->running)
		pthread_join(r->thread, NULL);
	r->running = false;
	if (r->again) {
		r->again = false;
		reload_begin(r);
	}
}

void
reload_done(struct reload *r)
{
	if (r->running)
		pthread_join(r->thread, NULL);
	r->running = false;
	if (r->done >= 0)
		close(r->done);
	r->done = -1;
}
