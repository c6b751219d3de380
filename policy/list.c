/*
 * list.c - lists of names and networks: one a line, or as a hosts file has them
 *
 *     ads.example.com            # exactly this name
 *     *.tracker.example          # this one and all below
 *     203.0.113.0/24
 *     0.0.0.0 ads.example other.example
 *
 * In the last form, which block lists often have, the address says nothing: the names are the list.  The names every
 * hosts file has for the machine itself are passed over.  A list may have millions of lines, so the way of a good
 * line is short.
 */
#include <stdio.h>
#include <stdlib.h>

#include "policy/reader.h"

struct lines {
	struct rule_reader line; /* text: the line */
	struct rule_list *list;
	struct diag_sink sink, *to;
	size_t entries;
	bool full;
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

static void
pass_some(void *ctx, const struct diag *d)
{
	struct lines *l = ctx;

	if (d->error && l->sink.errors <= LIST_ERRORS_TOLD)
		diag_pass(l->to, d);
}

/* --- entries ----------------------------------------------------------------------------------------------- */

static void
added(struct lines *l, bool good)
{
	l->entries++;
	if (good && l->entries <= LIST_ENTRIES_MAX)
		return;
	l->full = true;
	if (good)
		reader_error(&l->line, 0, 0, "more than %u entries in a list", LIST_ENTRIES_MAX);
	else
		reader_error(&l->line, 0, 0, "no memory for the list");
}

static void
add_net(struct lines *l, size_t from, size_t len)
{
	struct rule_target t;

	if (reader_net(&l->line, from, len, &t))
		added(l, netset_add(l->list->nets, &t.net, t.plen));
}

static void
add_name(struct lines *l, size_t from, size_t len)
{
	const char *text = l->line.text + from;
	bool suffix = len > 2 && text[0] == '*' && text[1] == '.';
	struct rule_target t;

	from += suffix ? 2 : 0;
	len -= suffix ? 2 : 0;
	if (!reader_name(&l->line, from, len, suffix, &t))
		return;
	if (suffix && name_labels(&t.name) < 2 && !l->list->broad)
		l->list->broad = l->line.place.line;
	added(l, nameset_add(l->list->names, &t.name, suffix));
}

/* --- lines ------------------------------------------------------------------------------------------------- */

/* The word at the cursor; len 0: the line has no more. */
static size_t
next_word(struct rule_reader *r, size_t *from)
{
	while (r->at < r->len && is_blank(r->text[r->at]))
		r->at++;
	*from = r->at;
	while (r->at < r->len && !is_blank(r->text[r->at]))
		r->at++;
	return r->at - *from;
}

/* What hosts files say of the machine itself. */
static bool
is_local_name(const char *text, size_t len)
{
	static const char *const names[] = {"localhost", "localhost.localdomain", "local", "broadcasthost",
					    "0.0.0.0"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == len && memcmp(text, names[i], len) == 0)
			return true;
	return len > 4 && memcmp(text, "ip6-", 4) == 0;
}

static bool
is_address(const char *text, size_t len)
{
	const char *zone = memchr(text, '%', len);
	char copy[ADDR_TEXT];
	struct addr a;

	if (zone)
		len = (size_t)(zone - text);
	if (len >= sizeof(copy) || !looks_like_net(text, len))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	return addr_parse(copy, &a);
}

/* Behind the first word: names, if that was an address. */
static void
read_more(struct lines *l, size_t first, size_t len)
{
	struct rule_reader *r = &l->line;
	bool hosts = is_address(r->text + first, len);
	size_t from;

	r->at = first + len;
	while ((len = next_word(r, &from)) > 0 && !l->full) {
		if (!hosts) {
			reader_error(
			    r, from, len,
			    "one name or network a line is expected, or an address and names as in a hosts "
			    "file");
			return;
		}
		if (!is_local_name(r->text + from, len))
			add_name(l, from, len);
	}
}

static void
read_line(struct lines *l)
{
	struct rule_reader *r = &l->line;
	size_t from, len = next_word(r, &from), next;

	if (len == 0)
		return;
	if (next_word(r, &next) > 0)
		read_more(l, from, len);
	else if (looks_like_net(r->text + from, len))
		add_net(l, from, len);
	else
		add_name(l, from, len);
}

bool
list_parse(const char *text, size_t len, const char *file, struct rule_list *list, struct diag_sink *d)
{
	struct lines l = {.list = list, .to = d};
	const struct mark whole = {file, 0, 0};
	const char *end = text + len;

	l.sink = (struct diag_sink){.told = pass_some, .ctx = &l};
	l.line = (struct rule_reader){.d = &l.sink, .place = {file, 0, 1}};
	l.line.rule.action =
	    RULE_DENY; /* what only an allow may not have is found out where the list is used */
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		text += 3;
	while (text < end && !l.full) {
		const char *stop = memchr(text, '\n', (size_t)(end - text)), *hash;

		if (!stop)
			stop = end;
		hash = memchr(text, '#', (size_t)(stop - text));
		l.line.text = text;
		l.line.len = (size_t)((hash ? hash : stop) - text);
		l.line.at = 0;
		l.line.place.line++;
		read_line(&l);
		text = stop < end ? stop + 1 : end;
	}
	if (l.sink.errors > LIST_ERRORS_TOLD)
		diag_error(d, &whole, NULL, "%u more lines are wrong", l.sink.errors - LIST_ERRORS_TOLD);
	if (!l.sink.errors && (!nameset_seal(list->names) || !netset_seal(list->nets))) {
		diag_error(d, &whole, NULL, "no memory for the list");
		return false;
	}
	return l.sink.errors == 0;
}

/* --- lists of a policy ------------------------------------------------------------------------------------- */

/* PATH as the rule's own file would call it, NUL-ended, malloc()ed. */
static char *
path_beside(const char *file, const char *path, size_t len)
{
	const char *slash = file && len && path[0] != '/' ? strrchr(file, '/') : NULL;
	size_t folder = slash ? (size_t)(slash + 1 - file) : 0;
	char *out = malloc(folder + len + 1);

	if (out) {
		memcpy(out, file ? file : "", folder);
		memcpy(out + folder, path, len);
		out[folder + len] = '\0';
	}
	return out;
}

static struct rule_list *
find_list(const struct rules *to, const char *path)
{
	for (uint32_t i = 0; i < to->nlist; i++)
		if (strcmp(to->list[i].path, path) == 0)
			return &to->list[i];
	return NULL;
}

/* A place for the list at path, with empty sets; takes over path. */
static struct rule_list *
new_list(struct rule_reader *r, size_t from, size_t len, char *path)
{
	struct rules *to = r->to;
	struct rule_list l = {.path = path}, *more;

	if (to->nlist == LISTS_MAX) {
		reader_error(r, from, len, "a policy has at most %u lists", LISTS_MAX);
		free(path);
		return NULL;
	}
	more = realloc(to->list, (to->nlist + 1) * sizeof(*more));
	if (more)
		to->list = more;
	l.names = nameset_new();
	l.nets = netset_new();
	if (!more || !l.names || !l.nets) {
		reader_no_memory(r);
		nameset_free(l.names);
		netset_free(l.nets);
		free(path);
		return NULL;
	}
	to->list[to->nlist] = l;
	return &to->list[to->nlist++];
}

static void
mark_bad(struct rule_list *l)
{
	nameset_free(l->names);
	netset_free(l->nets);
	l->names = NULL;
	l->nets = NULL;
}

static bool
fill(struct rule_reader *r, size_t from, size_t len, struct rule_list *l)
{
	const char *why = "no memory";
	size_t n = 0;
	char *text;
	bool good;

	if (l->path[0] == '@') { /* only @doh: a path of a file may be @doh too, but then it is ./@doh */
		const char *doh = doh_list(&n);

		return list_parse(doh, n, l->path, l, r->d);
	}
	text = r->read ? r->read(r->read_ctx, l->path, &n, &why) : NULL;
	if (!text) {
		reader_error(r, from, len, "cannot be read: %s", r->read ? why : "there are no files here");
		return false;
	}
	good = list_parse(text, n, rules_keep_name(r->to, l->path, strlen(l->path)), l, r->d);
	free(text);
	return good;
}

static bool
is_quoted(const char *path, size_t len)
{
	return len >= 2 && path[0] == '"' && path[len - 1] == '"';
}

bool
list_read(struct rule_reader *r, size_t from, size_t len, struct rule_target *out)
{
	const char *word = r->text + from, *name = word + 6;
	size_t n = len > 6 ? len - 6 : 0;
	bool doh = word[1] == 'd';
	struct rule_list *l;
	char *path;

	if (!doh && is_quoted(name, n))
		name++, n -= 2;
	if (!doh && (n == 0 || memchr(name, '"', n) || memchr(name, '\0', n))) {
		reader_error(r, from, len,
			     "a file is expected: @file:PATH, or @file:\"PATH\" if it has blanks or commas");
		return false;
	}
	path =
	    doh ? path_beside(NULL, "@doh", 4) : path_beside(name[0] == '@' ? "./" : r->place.file, name, n);
	if (!path) {
		reader_no_memory(r);
		return false;
	}
	l = find_list(r->to, path);
	if (l) {
		free(path);
		r->errors += !l->names; /* it was told when it was read */
	} else {
		l = new_list(r, from, len, path);
		if (l && !fill(r, from, len, l)) {
			mark_bad(l);
			r->errors++;
		}
	}
	if (!l || !l->names)
		return false;
	out->names = l->names;
	out->nets = l->nets;
	out->path = doh ? "@doh" : rules_keep_name(r->to, name, n);
	if (!out->path)
		reader_no_memory(r);
	else if (l->broad && r->rule.action == RULE_ALLOW)
		reader_error(
		    r, from, len,
		    "its line %u allows everything below a whole top-level domain; name a domain below it",
		    l->broad);
	return out->path != NULL;
}
