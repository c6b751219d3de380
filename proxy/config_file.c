/*
 * config_file.c - a configuration file becomes options
 *
 * libyaml tells the file as events (a mapping begins, a word, a list ends ...), each with its place.  A section is
 * walked key by key along the table of config_schema.c: what is unknown, given twice, or not what the table says is
 * told with line and column, left out, and reading goes on, so that one look at a file shows all that is wrong with
 * it.  Only what is not YAML ends the reading.
 *
 * YAML has more than a configuration needs, and what is not needed is refused with a sentence: anchors and aliases
 * (a value should be read where it stands), tags, several documents, keys that are no words.  Depth is bounded, and
 * so is the file.
 */
#include "proxy/config_file.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

#include "proxy/config_schema.h"
#include "proxy/settings.h"

#define VALUE_MAX 1024u /* bytes of a value that is no rule */
#define KEYS_MAX 96u    /* of the table */

struct reading {
	yaml_parser_t parser;
	yaml_event_t event; /* the one that is looked at */
	bool have, over;    /* over: not YAML, or too much is wrong */
	unsigned depth;
	const char *file;
	struct sluice_options *o;
	file_reader *read;
	void *read_ctx;
	struct diag_sink *d;
	unsigned seen[KEYS_MAX]; /* the line in which a key of the table stands; 0: it does not */
};

/* --- places ------------------------------------------------------------------------------------------------ */

static struct mark
mark_of(const struct reading *r, const yaml_mark_t *m)
{
	return (struct mark){r->file, (unsigned)m->line + 1, (unsigned)m->column + 1};
}

static struct mark
here(const struct reading *r)
{
	return mark_of(r, &r->event.start_mark);
}

static void complain(struct reading *r, const struct mark *at, const char *word, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static void
complain(struct reading *r, const struct mark *at, const char *word, const char *fmt, ...)
{
	char text[DIAG_TEXT];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	diag_error(r->d, at, word, "%s", text);
	if (r->d->errors >= CONFIG_ERRORS && !r->over) {
		r->over = true;
		diag_error(r->d, at, NULL, "more than %d errors; the rest is not read", CONFIG_ERRORS);
	}
}

/* --- events ------------------------------------------------------------------------------------------------ */

/* What libyaml says of what it cannot read.  Odd bytes have no mark, but what is before them was read. */
static void
not_yaml(struct reading *r)
{
	const yaml_parser_t *p = &r->parser;
	const char *problem = p->problem ? p->problem : "something is wrong";
	const char *context = p->context ? p->context : "";
	const struct mark at = mark_of(r, &p->problem_mark), whole = {r->file, 0, 0};
	const struct mark line = {r->file, (unsigned)p->mark.line + 1, 0};

	if (p->error == YAML_MEMORY_ERROR)
		complain(r, &whole, "", "no memory to read it");
	else if (p->error == YAML_READER_ERROR)
		complain(r, &line, "", "not YAML in UTF-8: %s", problem);
	else
		complain(r, &at, "", "not YAML: %s%s%s", problem, *context ? ", " : "", context);
	r->over = true;
}

static void
refuse_extras(struct reading *r)
{
	const yaml_event_t *e = &r->event;
	const yaml_char_t *anchor = NULL, *tag = NULL;
	struct mark at = here(r);

	if (e->type == YAML_SCALAR_EVENT) {
		anchor = e->data.scalar.anchor;
		tag = e->data.scalar.tag;
	} else if (e->type == YAML_SEQUENCE_START_EVENT) {
		anchor = e->data.sequence_start.anchor;
		tag = e->data.sequence_start.tag;
	} else if (e->type == YAML_MAPPING_START_EVENT) {
		anchor = e->data.mapping_start.anchor;
		tag = e->data.mapping_start.tag;
	} else if (e->type == YAML_ALIAS_EVENT) {
		complain(r, &at, (const char *)e->data.alias.anchor,
			 "aliases are not taken; write the value again where it is meant");
	}
	if (anchor)
		complain(r, &at, (const char *)anchor, "anchors are not taken; leave it out");
	if (tag)
		complain(r, &at, (const char *)tag, "tags are not taken; leave it out");
}

/* The next event into r->event; false: reading is over. */
static bool
next(struct reading *r)
{
	if (r->have)
		yaml_event_delete(&r->event);
	r->have = false;
	if (r->over)
		return false;
	if (!yaml_parser_parse(&r->parser, &r->event)) {
		not_yaml(r);
		return false;
	}
	r->have = true;
	refuse_extras(r);
	return !r->over;
}

static bool
is(const struct reading *r, yaml_event_type_t type)
{
	return r->have && r->event.type == type;
}

static bool
deeper(struct reading *r)
{
	struct mark at = here(r);

	if (++r->depth <= CONFIG_DEPTH)
		return true;
	complain(r, &at, NULL, "more than %u levels deep; nothing here is", CONFIG_DEPTH);
	r->over = true;
	return false;
}

/* Past the value that begins here, whatever it is; its last event is looked at then. */
static void
skip(struct reading *r)
{
	unsigned begin = r->depth;

	do {
		if (is(r, YAML_MAPPING_START_EVENT) || is(r, YAML_SEQUENCE_START_EVENT)) {
			if (!deeper(r))
				return;
		} else if (is(r, YAML_MAPPING_END_EVENT) || is(r, YAML_SEQUENCE_END_EVENT)) {
			r->depth--;
		}
	} while (r->depth > begin && next(r));
}

/* --- words ------------------------------------------------------------------------------------------------- */

static const char *
word(const struct reading *r)
{
	return (const char *)r->event.data.scalar.value;
}

/* Nothing is written here: "key:", "~" or "null". */
static bool
is_nothing(const struct reading *r)
{
	return is(r, YAML_SCALAR_EVENT) && r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       (word(r)[0] == '\0' || strcmp(word(r), "~") == 0 || strcmp(word(r), "null") == 0);
}

/* The word that is looked at, if it can be the value of k. */
static const char *
value_word(struct reading *r, const struct config_key *k)
{
	struct mark at = here(r);

	if (is_nothing(r))
		complain(r, &at, NULL, "%s has no value; give %s", k->path, k->type);
	else if (strlen(word(r)) != r->event.data.scalar.length)
		complain(r, &at, word(r), "there is a zero byte in it; leave it out");
	else if (r->event.data.scalar.length > VALUE_MAX)
		complain(r, &at, word(r), "longer than %u bytes; %s is %s", VALUE_MAX, k->path, k->type);
	else
		return word(r);
	return NULL;
}

/* --- values ------------------------------------------------------------------------------------------------ */

/* An option's sentence without the option and the value before it, which stand in the file. */
static const char *
without_option(const char *sentence, const char *option, const char *value)
{
	size_t name = strlen(option), len = strlen(value);

	if (strncmp(sentence, "--", 2) == 0 && strncmp(sentence + 2, option, name) == 0 &&
	    sentence[2 + name] == ' ' && strncmp(sentence + 3 + name, value, len) == 0 &&
	    strncmp(sentence + 3 + name + len, ": ", 2) == 0)
		return sentence + 5 + name + len;
	return sentence;
}

static void
give(struct reading *r, const struct config_key *k, const char *option, const char *value,
     const struct mark *at)
{
	char why[VALUE_MAX + 512] = "";
	struct setup su = {why, sizeof(why)};

	if (option ? option_take_named(&su, r->o, option, value) : k->take(&su, r->o, value))
		return;
	/* Of a secret only the name is said again. */
	char shown[VALUE_MAX * 2];
	snprintf(shown, sizeof(shown), "%s", value);
	if (option && strcmp(option, "secret") == 0)
		shown[strcspn(shown, "=")] = '\0';
	complain(r, at, shown, "%s: %s", k->path, option ? without_option(why, option, shown) : why);
}

static bool
of_family(const char *value, enum family fam)
{
	/* What is no address at all is refused by whoever takes it. */
	return (strchr(value, ':') != NULL) == (fam == FAMILY_V6) || !strpbrk(value, ".:");
}

static void
read_value(struct reading *r, const struct config_key *k, const char *option)
{
	struct mark at = here(r);
	const char *value = value_word(r, k);

	if (!value)
		return;
	if ((k->one_family || k->kind == KEY_FAMILY) && !of_family(value, k->family)) {
		complain(r, &at, value, "%s: not an IPv%d address", k->path, k->family == FAMILY_V4 ? 4 : 6);
		return;
	}
	char *path = k->file && *value ? option_beside(r->file, value) : NULL;
	if (k->file && *value && !path)
		complain(r, &at, value, "%s: no memory", k->path);
	else
		give(r, k, option, path ? path : value, &at);
	free(path);
}

static void
read_flag(struct reading *r, const struct config_key *k)
{
	struct mark at = here(r);
	const char *value = value_word(r, k);
	bool on = value && strcmp(value, "true") == 0;

	if (!value)
		return;
	if (!on && strcmp(value, "false") != 0)
		complain(r, &at, value, "%s: write true or false", k->path);
	else if (on == k->when)
		give(r, k, k->option, "", &at);
}

static void
read_family(struct reading *r, const struct config_key *k)
{
	const struct mark at = here(r);

	if (strcmp(word(r), "off") == 0)
		give(r, k, k->family == FAMILY_V4 ? "no-ipv4" : "no-ipv6", "", &at);
	else
		read_value(r, k, "guest");
}

/*
 * Where a rule's first character stands.  Of one that goes over several lines, or that YAML quotes so that it looks
 * different in the file, no column is known.
 */
static struct mark
rule_mark(const struct reading *r)
{
	const yaml_event_t *e = &r->event;
	struct mark at = here(r);

	switch (e->data.scalar.style) {
	case YAML_SINGLE_QUOTED_SCALAR_STYLE:
	case YAML_DOUBLE_QUOTED_SCALAR_STYLE:
		at.column++;
		break;
	case YAML_LITERAL_SCALAR_STYLE:
	case YAML_FOLDED_SCALAR_STYLE:
		at.line++;
		at.column = 0;
		break;
	default:
		break;
	}
	if (e->end_mark.line != e->start_mark.line)
		at.column = 0;
	return at;
}

static void
read_rule(struct reading *r, const struct config_key *k)
{
	struct mark at = rule_mark(r);
	const char *text = word(r);
	size_t len = r->event.data.scalar.length, blanks = strspn(text, " \t\n");

	if (is_nothing(r))
		len = 0;
	while (len > blanks && strchr(" \t\n", text[len - 1]))
		len--;
	at.column += at.column ? (unsigned)blanks : 0;
	const char *why = option_add_rule(k->floor ? &r->o->floor : &r->o->policy, text + (len ? blanks : 0),
					  len ? len - blanks : 0, &at);
	if (why)
		complain(r, &at, text, "the rule %s", why);
}

static void
read_profile(struct reading *r, const struct config_key *k)
{
	struct mark at = here(r);
	const char *value = value_word(r, k), *why = NULL;

	for (const char *p = value; p && !why; p += strcspn(p, ",") + 1) {
		size_t blanks = strspn(p, " "), len = strcspn(p + blanks, ", ");
		why = option_add_profile(k->floor ? &r->o->floor : &r->o->policy, p + blanks, len);
		if (why)
			complain(r, &at, value, "%s: %s", k->path, why);
		if (p[strcspn(p, ",")] == '\0')
			break;
	}
}

static void
read_rule_file(struct reading *r, const struct config_key *k)
{
	struct mark at = here(r);
	const char *value = value_word(r, k);
	char *path = value ? option_beside(r->file, value) : NULL;

	if (path && *value)
		option_rule_file(r->o, k->floor ? &r->o->floor : &r->o->policy, path, &at, r->read,
				 r->read_ctx, r->d);
	else if (value)
		complain(r, &at, value, "%s: %s", k->path, path ? "the file's name is empty" : "no memory");
	free(path);
}

static void
read_events(struct reading *r, const struct config_key *k)
{
	struct mark at = here(r);
	const char *value = value_word(r, k);

	if (!value)
		return;
	bool file = strcmp(value, "-") != 0 && strncmp(value, "fd:", 3) != 0;
	free(r->o->events);
	r->o->events = file ? option_beside(r->file, value) : option_copy(value, strlen(value));
	if (!r->o->events || !*value)
		complain(r, &at, value, "%s: %s", k->path, *value ? "no memory" : "the file's name is empty");
}

/* One value of a key that can have one, or one of a list of them. */
static void
read_one(struct reading *r, const struct config_key *k)
{
	switch (k->kind) {
	case KEY_FLAG:
		read_flag(r, k);
		break;
	case KEY_FAMILY:
		read_family(r, k);
		break;
	case KEY_RULES:
		read_rule(r, k);
		break;
	case KEY_PROFILES:
		read_profile(r, k);
		break;
	case KEY_FILES:
		read_rule_file(r, k);
		break;
	case KEY_EVENTS:
		read_events(r, k);
		break;
	default:
		read_value(r, k, k->option);
		break;
	}
}

/* --- lists ------------------------------------------------------------------------------------------------- */

static void
no_place_here(struct reading *r, const struct config_key *k, const char *what)
{
	struct mark at = here(r);

	complain(r, &at, NULL, "%s is %s, and this is %s", k->path, k->type, what);
	skip(r);
}

static const char *
shape(const struct reading *r)
{
	return is(r, YAML_MAPPING_START_EVENT)    ? "a mapping (KEY: VALUE)"
	       : is(r, YAML_SEQUENCE_START_EVENT) ? "a list"
						  : "a word";
}

/* A list, or one value in its place; nothing at all is an empty list. */
static void
read_list(struct reading *r, const struct config_key *k)
{
	if (is_nothing(r))
		return;
	if (is(r, YAML_SCALAR_EVENT)) {
		read_one(r, k);
		return;
	}
	if (!is(r, YAML_SEQUENCE_START_EVENT)) {
		no_place_here(r, k, shape(r));
		return;
	}
	if (!deeper(r))
		return;
	while (next(r) && !is(r, YAML_SEQUENCE_END_EVENT)) {
		if (is(r, YAML_SCALAR_EVENT))
			read_one(r, k);
		else if (!is(r, YAML_ALIAS_EVENT))
			no_place_here(r, k, shape(r));
	}
	r->depth--;
}

/* --- pairs ------------------------------------------------------------------------------------------------- */

struct pair {
	char text[VALUE_MAX * 2]; /* "NAME=VALUE,VALUE" */
	size_t len;
	bool bad;
};

static void
add_part(struct reading *r, struct pair *p, const struct config_key *k)
{
	struct mark at = here(r);
	const char *value = value_word(r, k);

	p->bad |= !value;
	if (!value)
		return;
	char *path = k->file && *value ? option_beside(r->file, value) : NULL;
	int n = snprintf(p->text + p->len, sizeof(p->text) - p->len, "%s%s",
			 p->text[p->len - 1] == '=' ? "" : ",", path ? path : value);
	free(path);
	if (n >= (int)(sizeof(p->text) - p->len)) {
		p->bad = true;
		complain(r, &at, value, "%s: too many of them", k->path);
		return;
	}
	p->len += (size_t)n;
}

/* Of hosts with settings of their own: was this one set? */
static bool
is_set_already(const struct sluice_options *o, bool roots, const char *text)
{
	size_t len = strcspn(text, "=");

	for (size_t i = 0; i < o->ntls_host; i++) {
		const struct sluice_tls_host *h = &o->tls_host[i];

		if (strlen(h->match) == len && strncasecmp(h->match, text, len) == 0)
			return roots ? h->roots != NULL : h->certificate != NULL;
	}
	return false;
}

static bool
is_there_already(const struct reading *r, const struct config_key *k, const char *text)
{
	bool host = strcmp(k->option, "host") == 0;
	const struct option_texts *t = host ? &r->o->hosts : &r->o->routes;
	size_t len = strcspn(text, "=") + 1;

	if (strcmp(k->option, "secret") == 0)
		return false; /* its option looks */
	if (!host && strcmp(k->option, "dns-route") != 0)
		return is_set_already(r->o, strcmp(k->option, "tls-host-roots") == 0, text);

	for (size_t i = 0; i < t->n; i++)
		if (strncasecmp(t->text[i], text, len) == 0)
			return true;
	return false;
}

/* NAME was read; what follows is its value. */
static void
read_pair(struct reading *r, const struct config_key *k, struct pair *p, const struct mark *at)
{
	if (is(r, YAML_SCALAR_EVENT)) {
		add_part(r, p, k);
	} else if (is(r, YAML_SEQUENCE_START_EVENT) && deeper(r)) {
		while (next(r) && !is(r, YAML_SEQUENCE_END_EVENT)) {
			bool fits = is(r, YAML_SCALAR_EVENT);
			p->bad |= !fits;
			if (fits)
				add_part(r, p, k);
			else
				no_place_here(r, k, shape(r));
		}
		r->depth--;
	} else if (!r->over) {
		p->bad = true;
		no_place_here(r, k, shape(r));
	}
	if (p->bad || r->over)
		return;
	if (is_there_already(r, k, p->text))
		complain(r, at, p->text, "%s: this name is there already", k->path);
	else
		give(r, k, k->option, p->text, at);
}

static void
read_pairs(struct reading *r, const struct config_key *k)
{
	if (is_nothing(r))
		return;
	if (!is(r, YAML_MAPPING_START_EVENT)) {
		no_place_here(r, k, shape(r));
		return;
	}
	if (!deeper(r))
		return;
	while (next(r) && !is(r, YAML_MAPPING_END_EVENT)) {
		struct pair p = {.bad = false};
		struct mark at = here(r);
		const char *name = is(r, YAML_SCALAR_EVENT) ? value_word(r, k) : NULL;

		if (name)
			p.len = (size_t)snprintf(p.text, sizeof(p.text), "%s=", name);
		else if (!is(r, YAML_SCALAR_EVENT))
			no_place_here(r, k, shape(r));
		if (name && next(r))
			read_pair(r, k, &p, &at);
		else if (next(r))
			skip(r);
	}
	r->depth--;
}

/* --- sections ---------------------------------------------------------------------------------------------- */

static void read_section(struct reading *r, const char *section);

static void
read_key(struct reading *r, const struct config_key *k)
{
	switch (k->kind) {
	case KEY_SECTION:
	case KEY_FAMILY:
		/* A floor that says nothing is one too: it allows nothing. */
		r->o->floor.given |= k->floor;
		if (is(r, YAML_MAPPING_START_EVENT))
			read_section(r, k->path);
		else if (is_nothing(r))
			break;
		else if (k->kind == KEY_FAMILY && is(r, YAML_SCALAR_EVENT))
			read_one(r, k);
		else
			no_place_here(r, k, shape(r));
		break;
	case KEY_LIST:
	case KEY_RULES:
	case KEY_PROFILES:
	case KEY_FILES:
		read_list(r, k);
		break;
	case KEY_PAIRS:
		read_pairs(r, k);
		break;
	default:
		if (is(r, YAML_SCALAR_EVENT))
			read_one(r, k);
		else
			no_place_here(r, k, shape(r));
		break;
	}
}

/* The key that is looked at, if it is one and not given before. */
static const struct config_key *
known_key(struct reading *r, const char *section)
{
	size_t nkeys;
	const struct config_key *keys = config_keys(&nkeys), *k;
	struct mark at = here(r);
	char meant[256] = "";

	if (!is(r, YAML_SCALAR_EVENT)) {
		complain(r, &at, NULL, "a key is one word; this is %s", shape(r));
		skip(r);
		return NULL;
	}
	k = config_key(section, word(r), r->event.data.scalar.length);
	if (!k) {
		config_suggest(section, word(r), meant, sizeof(meant));
		complain(r, &at, word(r), "no such key%s%s; %s", *section ? " in " : "", section, meant);
		return NULL;
	}
	unsigned *seen = &r->seen[k - keys];
	if (*seen) {
		complain(r, &at, word(r), "is there already, in line %u", *seen);
		return NULL;
	}
	*seen = at.line;
	return k;
}

/* From the mapping's beginning to its end. */
static void
read_section(struct reading *r, const char *section)
{
	if (!deeper(r))
		return;
	while (next(r) && !is(r, YAML_MAPPING_END_EVENT)) {
		const struct config_key *k = known_key(r, section);
		if (!next(r))
			return;
		if (k)
			read_key(r, k);
		else
			skip(r);
	}
	r->depth--;
}

static void
read_document(struct reading *r)
{
	const struct mark at = here(r);

	if (is(r, YAML_MAPPING_START_EVENT)) {
		read_section(r, "");
	} else if (!is_nothing(r)) {
		complain(r, &at, NULL, "a configuration is a mapping (KEY: VALUE), and this is %s", shape(r));
		skip(r);
	}
}

/* One, or none at all, which says nothing. */
static void
read_stream(struct reading *r)
{
	bool begun = false;

	while (next(r) && !is(r, YAML_STREAM_END_EVENT)) {
		if (!is(r, YAML_DOCUMENT_START_EVENT))
			continue;
		const struct mark at = here(r);
		if (begun) {
			complain(r, &at, NULL, "a second document; a configuration is one");
			return;
		}
		begun = true;
		if (next(r))
			read_document(r);
	}
}

bool
config_read(struct sluice_options *o, const char *file, const char *text, size_t len, file_reader *read,
	    void *read_ctx, struct diag_sink *d)
{
	unsigned before = d->errors;
	const struct mark whole = {file, 0, 0};
	struct reading r = {.o = o, .read = read, .read_ctx = read_ctx, .d = d};

	if (!option_add_text(&o->files, file) || !yaml_parser_initialize(&r.parser)) {
		diag_error(d, &whole, "", "no memory to read it");
		return false;
	}
	r.file = o->files.text[o->files.n - 1];
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
	read_stream(&r);
	if (r.have)
		yaml_event_delete(&r.event);
	yaml_parser_delete(&r.parser);
	return d->errors == before;
}

/* --- from a file ------------------------------------------------------------------------------------------- */

int
sluice_options_file(struct sluice_options *o, const char *path,
		    void (*diagnostic)(void *ctx, const struct sluice_diagnostic *d), void *diagnostic_ctx,
		    char *err, size_t errlen)
{
	const struct mark whole = {path, 0, 0};
	struct setup su = {err, errlen};
	struct sluice_config cfg;
	size_t len = 0;
	const char *why = "";

	sluice_config_init(&cfg);
	cfg.diagnostic = diagnostic;
	cfg.diagnostic_ctx = diagnostic_ctx;
	struct diag_sink d = settings_sink(&cfg);
	char *text = option_read_file(NULL, path, &len, &why);
	if (!text)
		diag_error(&d, &whole, "", "cannot be read: %s; name a configuration file", why);
	else if (!config_read(o, path, text, len, option_read_file, NULL, &d)) {
		/* What rules say is judged later, but not where there is no later: all at once. */
		sluice_options_apply(o, &cfg);
		settings_free(settings_new(&cfg, &d));
	}
	free(text);
	if (d.errors == 0)
		return 0;
	if (d.errors > 1)
		wrong(&su, "%s (and %u more)", d.first, d.errors - 1);
	else
		wrong(&su, "%s", d.first);
	return -1;
}
