/* chunk_step.c - proves: http/chunks.c (what one byte does; `chunks` has the loops) */
#include "http/chunks.c"
#include "kit.h"

int
main(void)
{
	uint8_t before = Frama_C_unsigned_char_interval(0, STEP_BAD);
	struct http_chunks c = {.step = before};

	any_bytes(&c.left, sizeof(c.left));
	c.line = Frama_C_unsigned_int_interval(0, TRAILER_MAX);
	uint8_t after = next(&c, Frama_C_unsigned_char_interval(0, 255));
	//@ check step: after <= STEP_BAD;
	//@ check kept: c.step == before || c.step <= STEP_BAD;
	//@ check bounded: after == STEP_BAD || c.line <= TRAILER_MAX;
	return after;
}
