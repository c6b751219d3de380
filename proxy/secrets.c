/*
 * secrets.c - the secrets of a gateway
 *
 * A change makes a whole new set and puts it in the place of the old one, which lives on with the requests that keep it.  What was
 * said of a secret (struct entry) is shared by the sets that have it; its value is copied from set to set, so that each set's
 * values lie together in locked pages of its own, with the table that finds them in responses.
 */
#include "proxy/secrets.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "http/scan.h"
#include "proxy/locked.h"
#include "proxy/secret_check.h"
#include "stack/siphash.h"

#define CHANCE 32u /* characters of a placeholder that nobody can guess: five bits each */

struct entry {
	atomic_uint users;
	char *name;
	char *placeholder;
	struct secret secret; /* but for the value */
};

struct held_set {
	struct secret_set set;
	struct entry *entry[SECRETS];
	struct locked memory;
};

struct secret_store {
	pthread_mutex_t change; /* held while a new set is made: one after the other */
	pthread_mutex_t lock;   /* held while `now` is looked at or swapped */
	struct held_set *now;   /* NULL: there are no secrets */
	atomic_uint n;
	uint8_t key[SIPHASH_KEY]; /* of placeholders; drawn once, so that any thread can make one */
	uint64_t drawn;
};

/* --- entries ---------------------------------------------------------------------------------------------------- */

static void
entry_drop(struct entry *e)
{
	if (!e || atomic_fetch_sub_explicit(&e->users, 1, memory_order_acq_rel) != 1)
		return;
	nameset_free(e->secret.hosts);
	nameset_free(e->secret.pass_hosts);
	free(e->name);
	free(e->placeholder);
	free(e);
}

static bool
add_host(struct nameset *set, const char *text)
{
	bool suffix = strncmp(text, "*.", 2) == 0;
	struct name name;

	text += suffix ? 2 : 0;
	return name_parse(text, strlen(text), &name) && nameset_add(set, &name, suffix);
}

static struct nameset *
read_hosts(const char *const *host, size_t n)
{
	struct nameset *set = nameset_new();
	bool good = set;

	for (size_t i = 0; good && i < n; i++)
		good = strcmp(host[i], "*") == 0 || add_host(set, host[i]);
	if (good && nameset_seal(set))
		return set;
	nameset_free(set);
	return NULL;
}

static bool
has_any_host(const struct sluice_secret *g)
{
	for (size_t i = 0; i < g->nhosts; i++)
		if (strcmp(g->hosts[i], "*") == 0)
			return true;
	return false;
}

static unsigned
places(unsigned where)
{
	static const struct {
		unsigned where;
		enum secret_place place;
	} known[] = {{SLUICE_SECRET_HEADERS, SECRET_HEADER},
		     {SLUICE_SECRET_BASIC, SECRET_BASIC},
		     {SLUICE_SECRET_QUERY, SECRET_QUERY},
		     {SLUICE_SECRET_BODY, SECRET_BODY}};
	unsigned to = 0;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (where & known[i].where)
			to |= known[i].place;
	return where ? to : SECRET_HEADER | SECRET_BASIC;
}

static enum secret_action
action(enum sluice_secret_action a)
{
	switch (a) {
	case SLUICE_SECRET_LOG:
		return SECRET_LOG;
	case SLUICE_SECRET_TERMINATE:
		return SECRET_TERMINATE;
	case SLUICE_SECRET_PASS:
		return SECRET_PASS;
	default:
		return SECRET_BLOCK;
	}
}

static char *
copy_text(const char *text)
{
	size_t n = strlen(text) + 1;
	char *copy = malloc(n);

	return copy ? memcpy(copy, text, n) : NULL;
}

/* Of a valid one.  NULL: no memory. */
static struct entry *
entry_new(const struct sluice_secret *g, const char *placeholder)
{
	struct entry *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	atomic_init(&e->users, 1);
	e->name = copy_text(g->name);
	e->placeholder = copy_text(placeholder);
	e->secret = (struct secret){.name = e->name,
				    .any_host = has_any_host(g),
				    .places = places(g->where),
				    .action = action(g->action),
				    .plain = g->plain,
				    .redact_headers = !g->no_redact,
				    .redact_body = g->redact_body};
	e->secret.hosts = read_hosts(g->hosts, g->nhosts);
	if (g->pass_hosts && g->npass_hosts > 0)
		e->secret.pass_hosts = read_hosts(g->pass_hosts, g->npass_hosts);
	bool pass = e->secret.pass_hosts || !g->pass_hosts || g->npass_hosts == 0;

	if (e->name && e->placeholder && e->secret.hosts && pass) {
		e->secret.placeholder = view_of(e->placeholder, strlen(e->placeholder));
		return e;
	}
	entry_drop(e);
	return NULL;
}

/* --- sets --------------------------------------------------------------------------------------------------------- */

static void *
room_of(void *ctx, size_t n)
{
	struct held_set *h = ctx;

	return locked_take(&h->memory, n);
}

static void
wipe(void *ctx, struct secret_set *s)
{
	struct held_set *h = ctx;

	for (uint32_t i = 0; i < s->n; i++)
		entry_drop(h->entry[i]);
	locked_close(&h->memory);
	free(h);
}

/* Takes no more than a look at values: they are somebody else's until copy_values(). */
static void
add(struct held_set *h, struct entry *e, struct view value)
{
	h->set.secret[h->set.n] = e->secret;
	h->set.secret[h->set.n].value = value;
	h->entry[h->set.n++] = e;
	atomic_fetch_add_explicit(&e->users, 1, memory_order_relaxed);
}

static size_t
memory_of(const struct held_set *h)
{
	struct view pattern[SECRETS] = {{NULL, 0}};
	bool redacts = false;
	size_t n = 0;

	for (uint32_t i = 0; i < h->set.n; i++) {
		const struct secret *s = &h->set.secret[i];

		n += locked_room(s->value.len);
		if (s->redact_headers || s->redact_body)
			pattern[i] = s->value, redacts = true;
	}
	return n + (redacts ? locked_room(scan_table_size(pattern, h->set.n)) : 0);
}

static bool
copy_values(struct held_set *h, struct setup *su)
{
	size_t need = memory_of(h);
	int error = locked_open(&h->memory, need);

	if (error == -EPERM)
		return wrong(
		    su,
		    "%zu KiB for the values of %u secrets cannot be locked, and would end up in swap: "
		    "the limit is %lu KiB (RLIMIT_MEMLOCK); raise it (ulimit -l, LimitMEMLOCK=)",
		    (need >> 10) + 1, h->set.n, locked_limit());
	if (error < 0)
		return wrong(su, "no memory for the values of %u secrets", h->set.n);
	for (uint32_t i = 0; i < h->set.n; i++) {
		struct view *v = &h->set.secret[i].value;
		void *p = locked_take(&h->memory, v->len);

		memcpy(p, v->p, v->len);
		*v = view_of(p, v->len);
	}
	return true;
}

/* All of `old` but the one of that name, and e, which may be NULL. */
static struct held_set *
set_new(const struct held_set *old, const char *without, struct entry *e, struct view value, struct setup *su)
{
	struct held_set *h = calloc(1, sizeof(*h));

	if (!h) {
		wrong(su, "no memory for secrets");
		return NULL;
	}
	h->set.room = room_of;
	h->set.wipe = wipe;
	h->set.ctx = h;
	for (uint32_t i = 0; old && i < old->set.n; i++)
		if (strcmp(old->entry[i]->name, without) != 0)
			add(h, old->entry[i], old->set.secret[i].value);
	if (e)
		add(h, e, value);
	if (copy_values(h, su)) {
		if (secret_set_seal(&h->set))
			return h;
		wrong(su, "no memory for secrets");
	}
	wipe(h, &h->set);
	return NULL;
}

/* --- the store ------------------------------------------------------------------------------------------------------ */

struct secret_set *
secret_store_take(struct secret_store *s)
{
	pthread_mutex_lock(&s->lock);
	struct secret_set *set = s->now ? secret_set_keep(&s->now->set) : NULL;
	pthread_mutex_unlock(&s->lock);
	return set;
}

bool
secret_store_any(const struct secret_store *s)
{
	return s && atomic_load_explicit(&s->n, memory_order_acquire) > 0;
}

static void
swap(struct secret_store *s, struct held_set *with)
{
	pthread_mutex_lock(&s->lock);
	struct held_set *old = s->now;
	s->now = with;
	atomic_store_explicit(&s->n, with ? with->set.n : 0, memory_order_release);
	pthread_mutex_unlock(&s->lock);
	if (old)
		secret_set_drop(&old->set);
}

static const struct entry *
find(const struct held_set *h, const char *name)
{
	for (uint32_t i = 0; h && i < h->set.n; i++)
		if (strcmp(h->entry[i]->name, name) == 0)
			return h->entry[i];
	return NULL;
}

/* "SLUICE_NAME_" and 160 bits of what only the key knows, in letters and digits (RFC 4648 6). */
static void
draw(struct secret_store *s, const char *name, char *to, size_t size)
{
	static const char characters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	char *at = to + snprintf(to, size, "SLUICE_%s_", name);

	for (unsigned i = 0; i < CHANCE; i++) {
		uint64_t word[2] = {s->drawn++, 0};

		*at++ = characters[siphash(s->key, word, sizeof(word)) & 31];
	}
	*at = '\0';
}

/* A placeholder inside of another could not be told from it. */
static bool
stands_alone(const struct held_set *h, const char *name, const char *placeholder, struct setup *su)
{
	for (uint32_t i = 0; h && i < h->set.n; i++) {
		const struct entry *e = h->entry[i];

		if (strcmp(e->name, name) != 0 &&
		    (strstr(e->placeholder, placeholder) || strstr(placeholder, e->placeholder)))
			return wrong(
			    su,
			    "the placeholder of secret \"%s\" is that of \"%s\", or one is inside of the "
			    "other: choose another, or none for one by chance",
			    name, e->name);
	}
	return true;
}

static int
change(struct secret_store *s, const struct sluice_secret *g, struct setup *su)
{
	char drawn[sizeof("SLUICE__") + SECRET_NAME + CHANCE];
	const struct entry *old = find(s->now, g->name);
	const char *placeholder = g->placeholder ? g->placeholder : old ? old->placeholder : drawn;

	if (!old && s->now && s->now->set.n == SECRETS) {
		wrong(su, "secret \"%s\" is one too many: there are %u, remove one first", g->name, SECRETS);
		return -1;
	}
	if (placeholder == drawn)
		draw(s, g->name, drawn, sizeof(drawn));
	if (!stands_alone(s->now, g->name, placeholder, su))
		return -1;
	struct entry *e = entry_new(g, placeholder);
	if (!e) {
		wrong(su, "no memory for secret \"%s\"", g->name);
		return -1;
	}
	struct held_set *h = set_new(s->now, g->name, e, view_of(g->value, g->value_len), su);
	entry_drop(e);
	if (!h)
		return -1;
	swap(s, h);
	return 0;
}

/* `now` is changed only with `change` held, so whoever holds it may look. */
int
secret_store_set(struct secret_store *s, const struct sluice_secret *given, char *err, size_t errlen)
{
	struct setup su = {err, errlen};
	struct sluice_secret g;

	if (!secret_given(&su, given, &g) || !secret_valid(&su, &g))
		return -1;
	pthread_mutex_lock(&s->change);
	int done = change(s, &g, &su);
	pthread_mutex_unlock(&s->change);
	return done;
}

int
secret_store_remove(struct secret_store *s, const char *name)
{
	struct setup su = {NULL, 0};
	struct held_set *h = NULL;
	int done = -ENOENT;

	pthread_mutex_lock(&s->change);
	if (name && find(s->now, name)) {
		bool last = s->now->set.n == 1;

		if (!last)
			h = set_new(s->now, name, NULL, (struct view){NULL, 0}, &su);
		done = last || h ? 0 : -ENOMEM;
		if (done == 0)
			swap(s, h);
	}
	pthread_mutex_unlock(&s->change);
	return done;
}

int
secret_store_placeholder(struct secret_store *s, const char *name, char *buf, size_t size)
{
	int result = -ENOENT;

	pthread_mutex_lock(&s->lock);
	const struct entry *e = name ? find(s->now, name) : NULL;
	if (e) {
		size_t n = strlen(e->placeholder);

		result = n < size ? (int)n : -ENOSPC;
		if (n < size)
			memcpy(buf, e->placeholder, n + 1);
	}
	pthread_mutex_unlock(&s->lock);
	return result;
}

struct secret_store *
secret_store_new(const struct sluice_config *cfg, struct host *host, char *err, size_t errlen)
{
	struct setup su = {err, errlen};
	struct secret_store *s = calloc(1, sizeof(*s));

	if (!s) {
		wrong(&su, "no memory for secrets");
		return NULL;
	}
	pthread_mutex_init(&s->change, NULL);
	pthread_mutex_init(&s->lock, NULL);
	host->ops->random(host, s->key, sizeof(s->key));
	for (size_t i = 0; i < cfg->nsecrets; i++) {
		const struct sluice_secret *one = &cfg->secrets[i];

		if (secret_given(&su, one, &(struct sluice_secret){0}) && one->name &&
		    find(s->now, one->name))
			wrong(&su, "secret \"%s\" is given twice", one->name);
		else if (secret_store_set(s, one, err, errlen) == 0)
			continue;
		secret_store_free(s);
		return NULL;
	}
	return s;
}

void
secret_store_free(struct secret_store *s)
{
	if (!s)
		return;
	swap(s, NULL);
	pthread_mutex_destroy(&s->change);
	pthread_mutex_destroy(&s->lock);
	explicit_bzero(s->key, sizeof(s->key));
	free(s);
}
