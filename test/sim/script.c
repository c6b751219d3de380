/*
 * script.c - conversations with the gateway's own name service: what is said has a meaning there
 *
 * A talk of the guest's like others, but that its bytes are a question, and what comes back is kept and judged.
 */
#include <stdlib.h>

#include "test/sim/inside.h"

void
script_ask(struct sim *s, enum family fam, unsigned name)
{
	struct sim_talk *pub =
	    sim_talk_begin(s, &(struct sim_talk_conf){.fam = fam, .guest.ends = SIM_ENDS_FIRST});
	struct talk *t = (struct talk *)(void *)pub;
	struct script *x = calloc(1, sizeof(*x));

	if (!x)
		abort();
	x->name = name;
	x->id = (uint16_t)luck_next(&s->guest_luck);
	size_t len = question_write(x->up + 2, name, fam, x->id);
	x->up[1] = (uint8_t)len;
	x->up_len = len + 2;
	t->script = x;
	t->pub.conf.up = x->up_len;
	t->pub.tuple.remote = (struct endpoint){s->dns[fam], 53};
	t->prog[DOWN] = (struct program){.shut = true, .eof = true};
	t->pub.up = x->up_len;
	gtcp_start(s, t);
}

void
script_heard(struct sim *s, struct talk *t, uint64_t at, struct view v, bool fin)
{
	struct script *x = t->script;

	if (at + v.len > sizeof(x->down)) {
		sim_complain(s, "the name service says more than an answer");
		return;
	}
	memcpy(x->down + at, v.p ? v.p : x->down, v.len);
	if (at + v.len > t->pub.conf.down)
		t->pub.conf.down = at + v.len;
	x->fin |= fin;
}

void
script_judge(struct sim *s, struct talk *t)
{
	const struct script *x = t->script;
	size_t len = (size_t)(x->down[0] << 8 | x->down[1]);

	if (t->pub.down < 2 || len + 2 != t->pub.down) {
		sim_complain(s, "the name service ended a connection without an answer");
		return;
	}
	answer_judge(s, x->name, t->pub.conf.fam, x->id, view_of(x->down + 2, len));
	s->res.answered++;
}
