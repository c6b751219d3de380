/* der.c - proves: tls/der.c; options: -inline-calls length,digits,der_any,der_take,der_next_is -eva-min-loop-unroll 13 */
#include "tls/der.h"
#include "kit.h"

static void
elements(void)
{
	struct rd r = any_reader();
	struct view whole;
	uint8_t tag;

	switch (Frama_C_interval(0, 5)) {
	case 0:
		der_any(&r, &tag, &whole);
		break;
	case 1:
		der_take(&r, Frama_C_unsigned_char_interval(0, 255));
		break;
	case 2:
		der_next_is(&r, Frama_C_unsigned_char_interval(0, 255));
		break;
	case 3:
		der_flag(&r);
		break;
	default:
		der_small(&r);
	}
}

static void
dates(void)
{
	struct rd r = any_reader();
	char text[DER_TIME], day[DER_DAY];
	uint64_t at = der_time(&r);

	//@ check last: at < 274877906944; // 2^38: what follows is in range
	der_time_text(at, text);
	der_day_text(at, day);
}

static void
writes(void)
{
	struct wr w = any_room(INPUT - 1);

	der_put(&w, Frama_C_unsigned_char_interval(0, 255), any_input());
}

int
main(void)
{
	elements();
	dates();
	writes();
	return 0;
}
