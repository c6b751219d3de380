/*
 * replay.c - sluice replay: captured frames in, answers out, on a virtual clock
 */
#include <inttypes.h>
#include <stdio.h>

#include "cli/diagnose.h"
#include "cli/sandbox.h"
#include "cli/setup.h"
#include "cli/verbs.h"

int
verb_replay(const struct options *o, const struct log *log)
{
	struct sluice_replay_stats st = {.size = sizeof(st)};
	struct sluice_config cfg;
	struct failure why = {.text = ""}, f = {.text = ""};
	struct diagnoses told = {.log = log};

	setup_config(o, log, &cfg);
	cfg.diagnostic = diagnose_hook;
	cfg.diagnostic_ctx = &told;
	if (sandbox_enter_replay(o, log, &f) < 0) {
		log_say(log, SLUICE_LOG_ERROR, "%s", f.text);
		return STATUS_CANNOT;
	}
	if (sluice_replay(&cfg, o->replay_in, o->replay_out, &st, why.text, sizeof(why.text)) < 0) {
		diagnosed(&told, why.text, &f);
		if (f.text[0])
			log_say(log, SLUICE_LOG_ERROR, "%s", f.text);
		return STATUS_CANNOT;
	}
	if (!o->quiet)
		fprintf(stderr,
			"sluice: %" PRIu64 " frames of the guest in %s (%" PRIu64 " others), %" PRIu64
			" written to %s, %.3f s of virtual time\n",
			st.frames_in, o->replay_in, st.frames_other, st.frames_out, o->replay_out,
			(double)st.virtual_us / 1e6);
	return STATUS_OK;
}
