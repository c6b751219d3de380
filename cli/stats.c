/*
 * stats.c - the numbers of a gateway as a few aligned lines, or as JSON
 */
#include "cli/stats.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

/* --- for a person ---------------------------------------------------------------------------------- */

/* "1.2 MiB"; two digits are enough to see which way the bytes went. */
static const char *
bytes_text(uint64_t n, char out[32])
{
	static const char *const unit[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double value = (double)n;
	size_t u = 0;

	for (; value >= 1024 && u + 1 < sizeof(unit) / sizeof(unit[0]); u++)
		value /= 1024;
	if (u == 0)
		snprintf(out, 32, "%" PRIu64 " %s", n, n == 1 ? "byte" : unit[0]);
	else
		snprintf(out, 32, "%.1f %s", value, unit[u]);
	return out;
}

static const char *
plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

/* Counters that the lines above the list already say. */
static bool
is_said(const char *name)
{
	static const char *const said[] = {
	    "frames_in",     "frames_out",     "bytes_in",
	    "bytes_out",     "turns",          "tcp opened",
	    "udp opened",    "ping opened",    "published connections",
	    "bytes to host", "bytes to guest",
	};

	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++)
		if (strcmp(name, said[i]) == 0)
			return true;
	return false;
}

/* The names of the parts that hold, each between quotes; how many. */
static unsigned
print_confined(FILE *to, uint64_t confined, const char *quote, const char *between)
{
	unsigned told = 0;
	const char *name;

	for (unsigned n = 0; (name = sluice_confined_name(n)); n++)
		if (confined >> n & 1)
			fprintf(to, "%s%s%s%s", told++ ? between : "", quote, name, quote);
	return told;
}

void
stats_print(FILE *to, const struct sluice_stats *st, const struct stats_counter *c, size_t n, double seconds)
{
	char out[32], in[32], peak[32];

	fprintf(to, "sluice: summary of %.1f s\n", seconds);
	fprintf(to, "  payload    %s to the host, %s to the guest\n", bytes_text(st->bytes_to_host, out),
		bytes_text(st->bytes_to_guest, in));
	fprintf(to,
		"  TCP        %" PRIu64 " flow%s, %" PRIu64 " refused or unreachable, %" PRIu64
		" still open\n",
		st->tcp_opened, plural(st->tcp_opened), st->tcp_refused, st->tcp_open);
	fprintf(to, "  UDP        %" PRIu64 " flow%s, %" PRIu64 " still open\n", st->udp_opened,
		plural(st->udp_opened), st->udp_open);
	fprintf(to, "  ping       %" PRIu64 " flow%s\n", st->ping_opened, plural(st->ping_opened));
	fprintf(to, "  published  %" PRIu64 " came in\n", st->published);
	fprintf(to, "  frames     %" PRIu64 " from the guest, %" PRIu64 " to it\n", st->frames_in,
		st->frames_out);
	fprintf(to, "  memory     %s at most\n", bytes_text(st->memory_peak, peak));
	fprintf(to, "  sandbox    ");
	fprintf(to, "%s\n", print_confined(to, st->confined, "", ", ") ? "" : "none");
	fprintf(to, "  dropped    %" PRIu64 " frame%s, %" PRIu64 " not served because of a limit\n",
		st->dropped, plural(st->dropped), st->limited);
	for (size_t i = 0; i < n; i++)
		if (c[i].value > 0 && !is_said(c[i].name))
			fprintf(to, "    %10" PRIu64 "  %s\n", c[i].value, c[i].name);
}

/* --- for a program --------------------------------------------------------------------------------- */

static void
json_string(FILE *to, const char *text)
{
	putc('"', to);
	for (; *text; text++) {
		unsigned char ch = (unsigned char)*text;
		if (ch == '"' || ch == '\\')
			fprintf(to, "\\%c", ch);
		else if (ch < 0x20)
			fprintf(to, "\\u%04x", ch);
		else
			putc(ch, to);
	}
	putc('"', to);
}

void
stats_print_json(FILE *to, const struct sluice_stats *st, const struct stats_counter *c, size_t n,
		 double seconds)
{
	const struct stats_counter field[] = {
	    {"frames_in", st->frames_in},
	    {"frames_out", st->frames_out},
	    {"bytes_to_host", st->bytes_to_host},
	    {"bytes_to_guest", st->bytes_to_guest},
	    {"tcp_opened", st->tcp_opened},
	    {"tcp_refused", st->tcp_refused},
	    {"tcp_open", st->tcp_open},
	    {"udp_opened", st->udp_opened},
	    {"udp_open", st->udp_open},
	    {"ping_opened", st->ping_opened},
	    {"ping_open", st->ping_open},
	    {"published", st->published},
	    {"dropped", st->dropped},
	    {"limited", st->limited},
	    {"memory_used", st->memory_used},
	    {"memory_peak", st->memory_peak},
	    {"turns", st->turns},
	};

	fprintf(to, "{\"seconds\":%.3f", seconds);
	for (size_t i = 0; i < sizeof(field) / sizeof(field[0]); i++)
		fprintf(to, ",\"%s\":%" PRIu64, field[i].name, field[i].value);
	fputs(",\"confined\":[", to);
	print_confined(to, st->confined, "\"", ",");
	fputs("],\"counters\":{", to);
	for (size_t i = 0; i < n; i++) {
		fputs(i ? "," : "", to);
		json_string(to, c[i].name);
		fprintf(to, ":%" PRIu64, c[i].value);
	}
	fputs("}}\n", to);
}
