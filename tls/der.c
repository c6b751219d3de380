/*
 * der.c - elements of DER, and dates
 */
#include <stdio.h>

#include "tls/der.h"

#define DAY 86400u
/* The last second a certificate can tell of (RFC 5280 4.1.2.5: 9999-12-31 23:59:59). */
#define LAST 253402300799ull

static size_t
length(struct rd *r)
{
	uint8_t first = rd_u8(r), bytes = first & 0x7f;
	size_t n = 0;

	if (first < 0x80)
		return first;
	if (bytes < 1 ||
	    bytes > 3) /* 0: indefinite, which DER has not; more than 16 MiB: no certificate is */
		r->bad = true;
	for (uint8_t i = 0; i < bytes && !r->bad; i++) {
		n = n << 8 | rd_u8(r);
		r->bad |= n == 0;
	}
	r->bad |= n < 0x80;
	return n;
}

struct view
der_any(struct rd *r, uint8_t *tag, struct view *whole)
{
	struct rd begin = *r;

	*tag = rd_u8(r);
	/* Number 31 begins a longer tag: no certificate needs one. */
	r->bad |= (*tag & 0x1f) == 0x1f;
	size_t n = length(r);
	struct view v = rd_take(r, r->bad ? 0 : n);
	if (whole)
		*whole = rd_take(&begin, rd_left(&begin) - rd_left(r));
	return v;
}

struct view
der_take(struct rd *r, uint8_t tag)
{
	uint8_t got;
	struct view v = der_any(r, &got, NULL);

	r->bad |= got != tag;
	return r->bad ? view_of(NULL, 0) : v;
}

bool
der_next_is(const struct rd *r, uint8_t tag)
{
	struct rd peek = *r;

	return rd_left(r) > 0 && rd_u8(&peek) == tag;
}

bool
der_flag(struct rd *r)
{
	if (!der_next_is(r, DER_BOOLEAN))
		return false;
	struct rd v = rd_of(der_take(r, DER_BOOLEAN));
	uint8_t flag = rd_u8(&v);

	r->bad |= v.bad || rd_left(&v) > 0;
	return !r->bad && flag;
}

uint32_t
der_small(struct rd *r)
{
	struct rd v = rd_of(der_take(r, DER_INTEGER));
	size_t len = rd_left(&v);
	uint32_t n = rd_u8(&v);

	r->bad |= v.bad || len > 4 || n & 0x80;
	while (rd_left(&v) && !r->bad)
		n = n << 8 | rd_u8(&v);
	return r->bad ? 0 : n;
}

/* --- dates ------------------------------------------------------------------------------------------ */

static const uint16_t before[12] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};

static bool
is_leap(unsigned year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days of all years before this one, since 1970. */
static unsigned
days_before(unsigned year)
{
	unsigned y = year - 1;

	return (year - 1970) * 365 + (y / 4 - 492) - (y / 100 - 19) + (y / 400 - 4);
}

static unsigned
digits(struct rd *r, unsigned n)
{
	unsigned v = 0;

	while (n--) {
		uint8_t c = rd_u8(r);

		r->bad |= c < '0' || c > '9';
		v = v * 10 + (c & 0xfu) % 10u;
	}
	return v;
}

/* Days of a year before a month. */
static unsigned
month_begins(unsigned year, unsigned month)
{
	return before[month - 1] + (month > 2 && is_leap(year) ? 1u : 0u);
}

uint64_t
der_time(struct rd *r)
{
	bool general = der_next_is(r, DER_GENERAL_TIME);
	struct rd t = rd_of(der_take(r, general ? DER_GENERAL_TIME : DER_UTC_TIME));
	unsigned year = digits(&t, general ? 4 : 2);

	if (!general)
		year += year < 50 ? 2000 : 1900; /* RFC 5280 4.1.2.5.1 */
	unsigned month = digits(&t, 2), day = digits(&t, 2);
	unsigned hour = digits(&t, 2), minute = digits(&t, 2), second = digits(&t, 2);
	bool zulu = rd_u8(&t) == 'Z' && rd_left(&t) == 0;

	if (t.bad || !zulu || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 ||
	    second > 59)
		r->bad = true;
	if (r->bad || year < 1970)
		return 0;
	uint64_t days = days_before(year) + month_begins(year, month) + day - 1;
	return days * DAY + hour * 3600u + minute * 60u + second;
}

struct date {
	unsigned year, month, day;
};

static struct date
date_of(uint64_t at)
{
	unsigned days = (unsigned)((at < LAST ? at : LAST) / DAY), year = 1970 + days / 366, month = 12;

	while (days_before(year + 1) <= days)
		year++;
	days -= days_before(year);
	while (days < month_begins(year, month))
		month--;
	return (struct date){year, month, days - month_begins(year, month) + 1};
}

void
der_time_text(uint64_t at, char out[DER_TIME])
{
	struct date d = date_of(at);
	unsigned s = (unsigned)((at < LAST ? at : LAST) % DAY);

	snprintf(out, DER_TIME, "%04u%02u%02u%02u%02u%02uZ", d.year % 10000, d.month % 100, d.day % 100,
		 s / 3600 % 100, s / 60 % 60, s % 60);
}

void
der_day_text(uint64_t at, char out[DER_DAY])
{
	struct date d = date_of(at);

	snprintf(out, DER_DAY, "%04u-%02u-%02u", d.year % 10000, d.month % 100, d.day % 100);
}

/* --- writing ---------------------------------------------------------------------------------------- */

void
der_put(struct wr *w, uint8_t tag, struct view value)
{
	w->bad |= value.len > 0xffff;
	wr_u8(w, tag);
	if (value.len < 0x80) {
		wr_u8(w, (uint8_t)value.len);
	} else if (value.len < 0x100) {
		wr_u8(w, 0x81);
		wr_u8(w, (uint8_t)value.len);
	} else {
		wr_u8(w, 0x82);
		wr_u16(w, (uint16_t)value.len);
	}
	wr_bytes(w, value.p, value.len);
}
