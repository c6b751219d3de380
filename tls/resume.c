/*
 * resume.c - sessions of servers that may be taken up again
 *
 * A table that grows to its limit and is searched from end to end: a thousand comparisons of a few bytes are nothing beside a handshake.
 */
#include "tls/resume.h"

#include <stdlib.h>

#include "tls/lib.h"

#define FIRST_PLACES 16u

struct kept {
	struct resume_key key;
	usec_t verified;
	uint64_t used; /* the table's count when it was last of use */
	uint8_t *session;
	uint32_t len;
};

struct resume {
	struct kept *kept;
	uint32_t n, room, max;
	uint64_t count;
};

/* --- the key ------------------------------------------------------------------------------------------------------------- */

static size_t
write_key(const struct tls_client *c, uint8_t *to, size_t size)
{
	struct wr w = wr_of(to, size);
	uintptr_t shown = (uintptr_t)c->identity;

	wr_u8(&w, c->name != NULL);
	if (c->name)
		wr_bytes(&w, c->name->wire, c->name->len);
	else
		wr_bytes(&w, c->addr.b, sizeof(c->addr.b));
	wr_u16(&w, c->port);
	wr_bytes(&w, &c->trust, sizeof(c->trust));
	wr_bytes(&w, &shown, sizeof(shown));
	for (unsigned i = 0; c->alpn && i < c->alpn->n; i++) {
		uint8_t len = (uint8_t)strlen(c->alpn->name[i]);

		wr_u8(&w, len);
		wr_bytes(&w, c->alpn->name[i], len);
	}
	return size - (size_t)(w.end - w.p);
}

bool
resume_key(const struct tls_client *c, struct resume_key *out)
{
	uint8_t what[1 + NAME_MAX_WIRE + 2 + 8 + 8 + TLS_ALPN_MAX * 32];
	size_t n = write_key(c, what, sizeof(what));

	return mbedtls_md(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), what, n, out->b) == 0;
}

/* --- the table ------------------------------------------------------------------------------------------------------------ */

struct resume *
resume_new(uint32_t max)
{
	struct resume *r = calloc(1, sizeof(*r));

	if (r)
		r->max = max;
	return r;
}

/* A session is as good as the keys of a connection. */
static void
forget(struct kept *k)
{
	mbedtls_platform_zeroize(k->session, k->len);
	free(k->session);
}

void
resume_free(struct resume *r)
{
	if (!r)
		return;
	for (uint32_t i = 0; i < r->n; i++)
		forget(&r->kept[i]);
	free(r->kept);
	free(r);
}

static struct kept *
look_up(struct resume *r, const struct resume_key *key)
{
	for (uint32_t i = 0; i < r->n; i++) {
		if (memcmp(r->kept[i].key.b, key->b, sizeof(key->b)) == 0)
			return &r->kept[i];
	}
	return NULL;
}

static void
take_out(struct resume *r, struct kept *k)
{
	forget(k);
	*k = r->kept[--r->n];
}

struct view
resume_find(struct resume *r, const struct resume_key *key, usec_t now, usec_t *verified)
{
	struct kept *k = look_up(r, key);

	if (!k)
		return view_of(NULL, 0);
	if (now - k->verified >= RESUME_LIFE) {
		take_out(r, k);
		return view_of(NULL, 0);
	}
	k->used = ++r->count;
	*verified = k->verified;
	return view_of(k->session, k->len);
}

static bool
grow(struct resume *r)
{
	uint32_t room = r->room ? r->room * 2 : FIRST_PLACES;

	room = room < r->max ? room : r->max;
	struct kept *more = realloc(r->kept, room * sizeof(*more));
	if (!more)
		return false;
	r->kept = more;
	r->room = room;
	return true;
}

static struct kept *
used_longest_ago(struct resume *r)
{
	struct kept *oldest = &r->kept[0];

	for (uint32_t i = 1; i < r->n; i++) {
		if (r->kept[i].used < oldest->used)
			oldest = &r->kept[i];
	}
	return oldest;
}

/* A place that is of nobody's yet; NULL: no memory. */
static struct kept *
place(struct resume *r)
{
	if (r->n == r->max)
		take_out(r, used_longest_ago(r));
	if (r->n == r->room && !grow(r))
		return NULL;
	return &r->kept[r->n];
}

void
resume_keep(struct resume *r, const struct resume_key *key, struct view session, usec_t verified)
{
	if (session.len == 0 || session.len > RESUME_BYTES)
		return;
	uint8_t *copy = malloc(session.len);
	if (!copy)
		return;
	memcpy(copy, session.p, session.len);

	struct kept *k = look_up(r, key);
	if (k) {
		forget(k);
	} else {
		k = place(r);
		if (!k) {
			mbedtls_platform_zeroize(copy, session.len);
			free(copy);
			return;
		}
		r->n++;
	}
	*k = (struct kept){.key = *key,
			   .verified = verified,
			   .used = ++r->count,
			   .session = copy,
			   .len = (uint32_t)session.len};
}

/* One byte: no session is that short. */
void
resume_note_only_12(struct resume *r, const struct resume_key *key, usec_t now)
{
	static const uint8_t mark[] = {12};

	resume_keep(r, key, view_of(mark, sizeof(mark)), now);
}

bool
resume_is_only_12(struct view found)
{
	return found.len == 1;
}

void
resume_drop(struct resume *r, const struct resume_key *key)
{
	struct kept *k = look_up(r, key);

	if (k)
		take_out(r, k);
}
