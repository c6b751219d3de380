/*
 * event_log_test.c - events as JSON lines: what docs/events.md shows, however hostile the texts, however slow the reader
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/event.h"

#define SECOND UINT64_C(1000000)
#define WALL "2026-03-01T12:00:00.000000Z"

static struct sluice_event
plain_event(enum sluice_event_kind kind, enum sluice_reason reason, uint64_t now)
{
	return (struct sluice_event){
	    .size = sizeof(struct sluice_event),
	    .kind = kind,
	    .reason = reason,
	    .now = now,
	    .text = sluice_reason_name(reason),
	    .guest = "",
	    .remote = "",
	    .target = "",
	    .code = event_code(reason),
	    .name = "",
	    .name_from = "",
	    .verdict = "",
	    .rule_text = "",
	    .file = "",
	};
}

/* --- what was written ------------------------------------------------------------------------------------------ */

struct written {
	int fd;
	char *bytes, *next;
};

static int
memory_file(void)
{
	int fd = memfd_create("events", MFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static struct written
read_back(int fd)
{
	off_t n = lseek(fd, 0, SEEK_END);
	struct written w = {.fd = fd, .bytes = calloc(1, (size_t)n + 1)};

	assert_non_null(w.bytes);
	assert_int_equal(pread(fd, w.bytes, (size_t)n, 0), n);
	w.next = w.bytes;
	return w;
}

static void
done_with(struct written *w)
{
	free(w->bytes);
	close(w->fd);
}

/* The next line as JSON, NULL: there is none.  It is whole, and it is an object of version 1 with a time. */
static json_t *
next_line(char **next)
{
	char *line = *next, *end = strchr(line, '\n');
	json_error_t why;

	if (!*line)
		return NULL;
	assert_non_null(end);
	*end = '\0';
	*next = end + 1;
	json_t *j = json_loads(line, JSON_REJECT_DUPLICATES, &why);
	if (!j)
		fail_msg("%s in %s", why.text, line);
	assert_int_equal(json_integer_value(json_object_get(j, "v")), 1);
	const char *wall = json_string_value(json_object_get(j, "time"));
	assert_non_null(wall);
	assert_int_equal(strlen(wall), strlen(WALL));
	return j;
}

static const char *
text_of(const json_t *j, const char *key)
{
	const char *t = json_string_value(json_object_get(j, key));

	return t ? t : "";
}

static uint64_t
count_of(const json_t *j)
{
	return (uint64_t)json_integer_value(json_object_get(j, "count"));
}

/* --- the page ---------------------------------------------------------------------------------------------------- */

static char *
the_page(void)
{
	int fd = open("docs/events.md", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	struct written w = read_back(fd);
	close(fd);
	return w.bytes;
}

/* The n-th line of the page's examples, with its end; NULL: there are no more. */
static char *
example(const char *page, unsigned n)
{
	const char *at = page;

	while ((at = strstr(at, "\n{\"v\":1,\"time\""))) {
		at++;
		if (n-- == 0)
			return strndup(at, (size_t)(strchr(at, '\n') + 1 - at));
	}
	return NULL;
}

/* A line as it was written, with the page's time of day. */
static void
at_the_pages_time(char *line)
{
	char *wall = strstr(line, "\"time\":\"");

	assert_non_null(wall);
	memcpy(wall + strlen("\"time\":\""), WALL, strlen(WALL));
}

static void
flow_1(struct sluice_event *e)
{
	e->flow = 1;
	e->protocol = IPPROTO_TCP;
	e->guest = "10.0.2.15:40000";
	e->remote = e->target = "203.0.113.7:443";
	e->name = "api.example.com";
	e->name_from = "evidence";
	e->verdict = "allow";
	e->rule = 2;
	e->rule_text = "allow tcp/443 to *.example.com";
	e->file = "policy.yaml";
	e->line = 12;
}

/* What is said of requests: flow n, to the n-th address. */
static struct sluice_event
request_event(enum sluice_event_kind kind, enum sluice_reason reason, uint64_t now, unsigned n)
{
	static char guest[32], remote[32];
	struct sluice_event e = plain_event(kind, reason, now);

	snprintf(guest, sizeof(guest), "10.0.2.15:4000%u", n);
	snprintf(remote, sizeof(remote), "203.0.113.%u:443", n == 3 ? 7u : n == 4 ? 9u : 11u);
	e.flow = n;
	e.protocol = IPPROTO_TCP;
	e.guest = guest;
	e.remote = e.target = remote;
	e.name = n == 3 ? "api.example.com" : n == 4 ? "paste.example" : "old.example";
	e.name_from = n == 5 ? "sni" : "host";
	e.method = e.path = e.secret = e.where = e.detail = "";
	return e;
}

static void
write_request_examples(struct sluice_event_log *log)
{
	struct sluice_event e = request_event(SLUICE_EVENT_REQUEST, SLUICE_REASON_NONE, 5200000, 3);

	e.text = "GET https://api.example.com/repos/x (203.0.113.7:443): 200";
	e.verdict = "allow";
	e.method = "GET";
	e.path = "/repos/x";
	e.status = 200;
	e.bytes_to_guest = 5120;
	e.age = 90000;
	e.answered = 70000;
	sluice_event_log_write(log, &e);

	e = request_event(SLUICE_EVENT_REQUEST_REFUSED, SLUICE_REASON_RULE, 5300000, 3);
	e.text =
	    "POST https://api.example.com/admin (203.0.113.7:443): refused by policy.yaml:13 \"deny https "
	    "POST @any/admin\"";
	e.verdict = "deny";
	e.rule = 3;
	e.rule_text = "deny https POST @any/admin";
	e.file = "policy.yaml";
	e.line = 13;
	e.method = "POST";
	e.path = "/admin";
	sluice_event_log_write(log, &e);

	e = request_event(SLUICE_EVENT_SECRET, SLUICE_REASON_SECRET, 5400000, 4);
	e.text =
	    "POST https://paste.example/ (203.0.113.9:443): the placeholder of GITHUB_TOKEN may not go to "
	    "paste.example (found in the body, as base64)";
	e.verdict = "deny";
	e.method = "POST";
	e.path = "/";
	e.secret = "GITHUB_TOKEN";
	e.where = "body/base64";
	e.terminate = true;
	sluice_event_log_write(log, &e);

	e = request_event(SLUICE_EVENT_TLS_FAILED, SLUICE_REASON_CERTIFICATE, 5500000, 5);
	e.detail = "it expired on 2026-02-28";
	sluice_event_log_write(log, &e);
}

static void
write_examples(struct sluice_event_log *log)
{
	struct sluice_event e = plain_event(SLUICE_EVENT_GUEST_UP, SLUICE_REASON_NONE, 2000000);

	e.text = "a guest is attached";
	memcpy(e.mac, "\x52\x54\x00\x12\x34\x56", 6);
	sluice_event_log_write(log, &e);

	e = plain_event(SLUICE_EVENT_FLOW_OPENED, SLUICE_REASON_NONE, 2100000);
	flow_1(&e);
	e.text = "opened";
	sluice_event_log_write(log, &e);

	e = plain_event(SLUICE_EVENT_FLOW_REFUSED, SLUICE_REASON_RULE, 2200000);
	e.text = "tcp 203.0.113.5:25: no rule allows it";
	e.flow = 2;
	e.protocol = IPPROTO_TCP;
	e.guest = "10.0.2.15:40001";
	e.remote = "203.0.113.5:25";
	e.verdict = "deny";
	sluice_event_log_write(log, &e);

	e = plain_event(SLUICE_EVENT_NAME_REFUSED, SLUICE_REASON_RULE, 2300000);
	e.protocol = IPPROTO_UDP;
	e.guest = "10.0.2.15:40002";
	e.remote = "10.0.2.3:53";
	e.name = "bad.example";
	e.name_from = "query";
	e.verdict = "deny";
	e.rule = 1;
	e.rule_text = "deny to bad.example";
	e.file = "policy.yaml";
	e.line = 11;
	sluice_event_log_write(log, &e);

	e = plain_event(SLUICE_EVENT_FLOW_CLOSED, SLUICE_REASON_DONE, 5100000);
	flow_1(&e);
	e.name_from = "sni";
	e.bytes_to_host = 517;
	e.bytes_to_guest = 4242;
	e.age = 3000000;
	sluice_event_log_write(log, &e);
	write_request_examples(log);

	e = plain_event(SLUICE_EVENT_CONFINED, SLUICE_REASON_NONE, 0);
	e.text = "the gateway's thread has given up what it does not need";
	e.confined = SLUICE_CONFINED_ALL;
	sluice_event_log_write(log, &e);
}

static void
the_examples_are_what_is_written(void **state)
{
	int fd = memory_file();
	struct sluice_event_log *log = sluice_event_log_new(fd);
	char *page = the_page();
	unsigned n = 0;

	(void)state;
	assert_non_null(log);
	write_examples(log);
	sluice_event_log_free(log);
	struct written w = read_back(fd);
	for (char *line = w.bytes, *end; (end = strchr(line, '\n')); line = end + 1, n++) {
		char *want = example(page, n), *got = strndup(line, (size_t)(end + 1 - line));

		assert_non_null(want);
		at_the_pages_time(got);
		assert_string_equal(got, want);
		free(want);
		free(got);
	}
	assert_int_equal(n, 10);
	done_with(&w);
	free(page);
}

static void
is_in_a_table(const char *page, const char *word)
{
	char row[64];

	snprintf(row, sizeof(row), "\n| `%s` |", word);
	if (!strstr(page, row))
		fail_msg("docs/events.md has no row for %s", word);
}

static void
every_word_is_on_the_page(void **state)
{
	char *page = the_page(), *line;
	json_error_t why;

	(void)state;
	for (int r = SLUICE_REASON_DONE; r <= SLUICE_REASON_NO_REQUEST; r++) {
		is_in_a_table(page, event_code((enum sluice_reason)r));
		for (int other = 0; other < r; other++)
			assert_string_not_equal(event_code((enum sluice_reason)r),
						event_code((enum sluice_reason)other));
	}
	for (unsigned n = 0; (line = example(page, n)); n++) {
		json_t *j = json_loads(line, JSON_REJECT_DUPLICATES, &why);

		assert_non_null(j);
		for (void *at = json_object_iter(j); at; at = json_object_iter_next(j, at))
			is_in_a_table(page, json_object_iter_key(at));
		is_in_a_table(page, text_of(j, "event"));
		json_decref(j);
		free(line);
	}

	int fd = memory_file();
	struct sluice_event_log *log = sluice_event_log_new(fd);
	for (int k = 0; k <= SLUICE_EVENT_TLS_FAILED; k++) {
		struct sluice_event e = plain_event((enum sluice_event_kind)k, SLUICE_REASON_NONE, SECOND);

		sluice_event_log_write(log, &e);
	}
	sluice_event_log_free(log);
	struct written w = read_back(fd);
	unsigned kinds = 0;
	for (json_t *j; (j = next_line(&w.next)); json_decref(j), kinds++)
		is_in_a_table(page, text_of(j, "event"));
	assert_int_equal(kinds, SLUICE_EVENT_TLS_FAILED + 1);
	done_with(&w);
	free(page);
}

/* --- hostile texts ------------------------------------------------------------------------------------------------ */

static void
text_becomes(const char *text, const char *want)
{
	int fd = memory_file();
	struct sluice_event_log *log = sluice_event_log_new(fd);
	struct sluice_event e = plain_event(SLUICE_EVENT_LIMIT, SLUICE_REASON_FULL, SECOND);

	e.text = text;
	sluice_event_log_write(log, &e);
	sluice_event_log_free(log);
	struct written w = read_back(fd);
	for (const char *p = w.bytes; *p && p[1]; p++) {
		assert_true((unsigned char)*p >= 0x20 && *p != 0x7f);
		/* No C1 control, as UTF-8. */
		assert_false((unsigned char)*p == 0xc2 && (unsigned char)p[1] < 0xa0);
	}
	json_t *j = next_line(&w.next);
	assert_string_equal(text_of(j, "text"), want);
	assert_null(next_line(&w.next));
	json_decref(j);
	done_with(&w);
}

static void
hostile_texts(void **state)
{
	(void)state;
	text_becomes("plain", "plain");
	text_becomes("a\",\"v\":2}\n{\"v\":3}", "a\",\"v\":2}\n{\"v\":3}");
	text_becomes("back\\slash \\\"", "back\\slash \\\"");
	text_becomes("\x1b[2J\a\b\t\r\x7f\x01", "\x1b[2J\a\b\t\r\x7f\x01");
	text_becomes("m\xc3\xbcnchen \xe2\x82\xac \xf0\x9f\x98\x80",
		     "m\xc3\xbcnchen \xe2\x82\xac \xf0\x9f\x98\x80");
	text_becomes("c1 \xc2\x9b"
		     "31m",
		     "c1 \xc2\x9b"
		     "31m");
	text_becomes("turn \xe2\x80\xae line \xe2\x80\xa8 isolate \xe2\x81\xa6",
		     "turn \xe2\x80\xae line \xe2\x80\xa8 isolate \xe2\x81\xa6");
	/* Not UTF-8: alone, cut, too long for what it says, a surrogate, beyond the last. */
	text_becomes("\xff", "\xef\xbf\xbd");
	text_becomes("\x80x", "\xef\xbf\xbdx");
	text_becomes("\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd");
	text_becomes("\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd");
	text_becomes("\xe0\x80\xaf", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	text_becomes("\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	text_becomes("\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	text_becomes("\xf0\x80\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

/* Every byte after every other, as an exact-size heap block: what is written is what jansson can read. */
static void
all_pairs_of_bytes(void **state)
{
	char json[EVENT_JSON(4)];

	(void)state;
	for (unsigned a = 1; a < 256; a++) {
		for (unsigned b = 1; b < 256; b++) {
			char *text = strdup((char[]){(char)a, (char)b, '\0'});
			size_t n = event_json(text, 4, json);
			json_t *j = json_loadb(json, n, JSON_DECODE_ANY, NULL);

			assert_non_null(j);
			json_decref(j);
			free(text);
		}
	}
}

static void
long_texts_are_cut_between_characters(void **state)
{
	int fd = memory_file();
	struct sluice_event_log *log = sluice_event_log_new(fd);
	struct sluice_event e = plain_event(SLUICE_EVENT_LIMIT, SLUICE_REASON_FULL, SECOND);
	char text[5000], rule[5000];

	(void)state;
	for (size_t i = 0; i + 3 < sizeof(text); i += 3)
		memcpy(text + i, "\xe2\x82\xac", 4);
	memset(rule, 1, sizeof(rule) - 1); /* six bytes each */
	rule[sizeof(rule) - 1] = '\0';
	e.text = text;
	e.rule_text = e.name = e.file = rule;
	sluice_event_log_write(log, &e);
	sluice_event_log_free(log);
	struct written w = read_back(fd);
	json_t *j = next_line(&w.next);
	assert_int_equal(strlen(text_of(j, "text")), 2046);
	assert_int_equal(strlen(text_of(j, "rule_text")), 2048);
	json_decref(j);
	done_with(&w);
}

/* --- the limit ---------------------------------------------------------------------------------------------------- */

static void
refuse(struct sluice_event_log *log, enum sluice_reason reason, uint64_t now, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct sluice_event e = plain_event(SLUICE_EVENT_FLOW_REFUSED, reason, now);

		e.flow = i + 1;
		sluice_event_log_write(log, &e);
	}
}

/* Lines with this event and reason, and the sum of their counts. */
static unsigned
lines_of(const struct written *w, const char *event, const char *reason, uint64_t *count)
{
	char *copy = strdup(w->bytes), *next = copy;
	unsigned n = 0;

	*count = 0;
	for (json_t *j; (j = next_line(&next)); json_decref(j)) {
		if (strcmp(text_of(j, "event"), event) != 0 || strcmp(text_of(j, "reason"), reason) != 0)
			continue;
		n++;
		*count += count_of(j);
	}
	free(copy);
	return n;
}

static void
a_flood_is_100_lines_and_a_count(void **state)
{
	int fd = memory_file();
	struct sluice_event_log *log = sluice_event_log_new(fd);
	uint64_t count;

	(void)state;
	refuse(log, SLUICE_REASON_RULE, 10 * SECOND, 1000);
	refuse(log, SLUICE_REASON_QUIC, 10 * SECOND, 10); /* has a limit of its own */
	struct written w = read_back(fd);
	assert_int_equal(lines_of(&w, "refused", "rule", &count), 100);
	assert_int_equal(lines_of(&w, "refused", "quic", &count), 10);
	assert_int_equal(lines_of(&w, "suppressed", "rule", &count), 0);
	free(w.bytes);

	/* A second later: the count, and 50 more. */
	refuse(log, SLUICE_REASON_RULE, 11 * SECOND, 100);
	w = read_back(fd);
	assert_int_equal(lines_of(&w, "suppressed", "rule", &count), 1);
	assert_int_equal(count, 900);
	assert_int_equal(lines_of(&w, "refused", "rule", &count), 150);
	free(w.bytes);

	/* Whatever comes next brings the count, also where it is another reason or no refusal at all. */
	struct sluice_event up = plain_event(SLUICE_EVENT_GUEST_UP, SLUICE_REASON_NONE, 13 * SECOND);
	sluice_event_log_write(log, &up);
	w = read_back(fd);
	assert_int_equal(lines_of(&w, "suppressed", "rule", &count), 2);
	assert_int_equal(count, 950);
	free(w.bytes);

	/* The end brings what is left. */
	refuse(log, SLUICE_REASON_RULE, 13 * SECOND, 151);
	sluice_event_log_free(log);
	w = read_back(fd);
	assert_int_equal(lines_of(&w, "suppressed", "rule", &count), 3);
	assert_int_equal(count, 1001);
	assert_int_equal(lines_of(&w, "refused", "rule", &count), 250);
	done_with(&w);
}

static void
flows_that_live_are_never_left_out(void **state)
{
	int fd = memory_file();
	struct sluice_event_log *log = sluice_event_log_new(fd);
	uint64_t count;

	(void)state;
	for (unsigned i = 0; i < 500; i++) {
		struct sluice_event e = plain_event(SLUICE_EVENT_FLOW_CLOSED, SLUICE_REASON_DONE, SECOND);

		sluice_event_log_write(log, &e);
	}
	sluice_event_log_free(log);
	struct written w = read_back(fd);
	assert_int_equal(lines_of(&w, "closed", "done", &count), 500);
	done_with(&w);
}

/* --- readers that are slow, or gone ------------------------------------------------------------------------------- */

static size_t
read_some(int fd, char *to, size_t max)
{
	ssize_t n = recv(fd, to, max, MSG_DONTWAIT);

	if (n < 0 && errno == ENOTSOCK) {
		assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
		n = read(fd, to, max);
	}
	return n > 0 ? (size_t)n : 0;
}

/* 5,000 events that nobody reads, on a descriptor that would block: none waits, each line is whole, all are counted. */
static void
a_reader_that_sleeps(int writer, int reader)
{
	const size_t room = 4u << 20;
	struct sluice_event_log *log = sluice_event_log_new(writer);
	char *all = calloc(1, room), *next = all;
	size_t got = 0;
	uint64_t lines = 0, lost = 0;

	assert_non_null(all);
	for (unsigned i = 0; i < 5000; i++) {
		struct sluice_event e = plain_event(SLUICE_EVENT_FLOW_CLOSED, SLUICE_REASON_DONE, SECOND + i);

		e.flow = i + 1;
		e.guest = "10.0.2.15:40000";
		sluice_event_log_write(log, &e);
	}
	/* It wakes: the next events bring what waited, and the count. */
	for (unsigned i = 0; i < 100; i++) {
		struct sluice_event e = plain_event(SLUICE_EVENT_FLOW_CLOSED, SLUICE_REASON_DONE, 3 * SECOND);

		for (size_t n; (n = read_some(reader, all + got, room - 1 - got)) > 0;)
			got += n;
		e.flow = 6000 + i;
		sluice_event_log_write(log, &e);
	}
	sluice_event_log_free(log);
	for (size_t n; (n = read_some(reader, all + got, room - 1 - got)) > 0;)
		got += n;
	for (json_t *j; (j = next_line(&next)); json_decref(j)) {
		bool is_lost = strcmp(text_of(j, "event"), "lost") == 0;

		lines += !is_lost;
		lost += is_lost ? count_of(j) : 0;
	}
	assert_true(lost > 0);
	assert_int_equal(lines + lost, 5100);
	free(all);
	close(writer);
	close(reader);
}

static void
a_pipe_that_nobody_reads(void **state)
{
	int p[2];

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	a_reader_that_sleeps(p[1], p[0]);
}

static void
a_socket_that_nobody_reads(void **state)
{
	int p[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p), 0);
	a_reader_that_sleeps(p[1], p[0]);
}

static void
a_reader_that_has_gone(void **state)
{
	(void)state;
	for (int kind = 0; kind < 2; kind++) {
		int p[2];

		assert_int_equal(
		    kind ? pipe2(p, O_CLOEXEC) : socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p), 0);
		struct sluice_event_log *log = sluice_event_log_new(p[1]);
		refuse(log, SLUICE_REASON_RULE, SECOND, 1);
		close(p[0]);
		refuse(log, SLUICE_REASON_RULE, SECOND, 10); /* a SIGPIPE would end this program */
		assert_int_equal(fcntl(p[1], F_GETFL) & O_NONBLOCK, 0);
		sluice_event_log_free(log);
		assert_int_equal(close(p[1]), 0); /* it was the caller's all the time */
	}
}

static void
nothing_open(void **state)
{
	struct sluice_event_log *log = sluice_event_log_new(-1);

	(void)state;
	refuse(log, SLUICE_REASON_RULE, SECOND, 3);
	sluice_event_log_free(log);
	sluice_event_log_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_examples_are_what_is_written),
	    cmocka_unit_test(every_word_is_on_the_page),
	    cmocka_unit_test(hostile_texts),
	    cmocka_unit_test(all_pairs_of_bytes),
	    cmocka_unit_test(long_texts_are_cut_between_characters),
	    cmocka_unit_test(a_flood_is_100_lines_and_a_count),
	    cmocka_unit_test(flows_that_live_are_never_left_out),
	    cmocka_unit_test(a_pipe_that_nobody_reads),
	    cmocka_unit_test(a_socket_that_nobody_reads),
	    cmocka_unit_test(a_reader_that_has_gone),
	    cmocka_unit_test(nothing_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
