/*
 * confine.c - what the thread that runs a gateway may still ask of the kernel
 *
 * Whoever takes a gateway over by a mistake in it has what its thread has.  So the thread gives up what a running
 * gateway does not need, in an order in which each step can still be made: the files that stay are opened first, then the
 * rest of them goes out of sight (mounts, which Landlock forbids), then no new privileges (the kernel demands it of who restricts
 * itself), capabilities, files, and at last system calls, among which those of the other steps are.
 *
 * docs/confinement.md has the whole: what is taken away, what is left, and what that cannot prevent.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "link/dgram.h"
#include "proxy/confine_int.h"
#include "proxy/event.h"
#include "proxy/gateway.h"

const char *
sluice_confined_name(unsigned n)
{
	static const char *const names[] = {"privileges", "calls", "files", "view"};

	_Static_assert(SLUICE_CONFINED_ALL + 1 == 1u << sizeof(names) / sizeof(names[0]), "a name for each");
	return n < sizeof(names) / sizeof(names[0]) ? names[n] : NULL;
}

void
sluice_confine_init(struct sluice_confine *c)
{
	*c = (struct sluice_confine){.size = sizeof(*c)};
}

/* --- what is asked for ----------------------------------------------------------------------------- */

static bool
has(const char *const *list)
{
	return list && *list;
}

static unsigned
needs(const struct sluice *s, const struct sluice_confine *c)
{
	const char *link = s ? s->link->ops->name : NULL;
	unsigned n = 0;

	if (has(c->write))
		n |= NEED_WRITE | NEED_REMOVE;
	if (has(c->remove))
		n |= NEED_REMOVE;
	if (c->ways)
		n |= NEED_WAYS;
	if (!s || strcmp(link, "dgram") == 0)
		n |= NEED_SOCKET | NEED_PEERS;
	if (s && strcmp(link, "dgram") == 0 && link_dgram_answers_by_path(s->link))
		n |= NEED_PATHS;
	if (!s || strcmp(link, "stream") == 0 || strcmp(link, "vhost-user") == 0)
		n |= NEED_SOCKET;
	if (!s || dns_servers_want_file(s->settings->servers))
		n |= NEED_RESOLV;
	return n;
}

static bool
whole_ask(struct setup *su, const struct sluice_confine *given, struct sluice_confine *whole)
{
	sluice_confine_init(whole);
	if (!given)
		return true;
	if (given->size < offsetof(struct sluice_confine, without) || given->size > sizeof(*whole))
		return wrong(
		    su, "a confinement of %zu bytes is not of this library (%zu): call sluice_confine_init()",
		    given->size, sizeof(*whole));
	memcpy(whole, given, given->size);
	whole->size = sizeof(*whole);
	if (whole->without & ~SLUICE_CONFINED_ALL)
		return wrong(su, "without 0x%x: not bits of enum sluice_confined", whole->without);
	if (whole->without == SLUICE_CONFINED_ALL)
		return wrong(su, "without 0x%x: nothing is left to take away; do not call it",
			     whole->without);
	return true;
}

/* Where other threads run, some of it is theirs alone to give up. */
static bool
others_can_be_had(const struct confine *f, struct setup *su)
{
	unsigned without = f->asked.without;

	if (!(without & SLUICE_CONFINED_PRIVILEGES) && !confine_others_have_nothing(f))
		return wrong(
		    su, "other threads run, and their capabilities cannot be taken away from here: call "
			"sluice_confine() before they are started, or without SLUICE_CONFINED_PRIVILEGES");
	if (!(without & SLUICE_CONFINED_PRIVILEGES) && without & SLUICE_CONFINED_CALLS)
		return wrong(
		    su, "other threads run, and can be kept from new privileges only together with system "
			"calls: call sluice_confine() before they are started, or with both");
	if (!(without & SLUICE_CONFINED_VIEW))
		return wrong(su, "other threads run, and what they see of the host's files cannot be taken "
				 "from here: call sluice_confine() before they are started, or without "
				 "SLUICE_CONFINED_VIEW");
	if (!(without & SLUICE_CONFINED_FILES) && confine_files_version() > 0 && confine_files_version() < 8)
		return wrong(
		    su,
		    "other threads run, and this kernel cannot confine their files from here (it has "
		    "Landlock %d, 8 can): call sluice_confine() before they are started, or without "
		    "SLUICE_CONFINED_FILES",
		    confine_files_version());
	return true;
}

/* --- what is missing -------------------------------------------------------------------------------- */

static void
add_missing(struct setup *su, const char *what)
{
	size_t len = su->errlen ? strlen(su->err) : 0;

	if (su->errlen)
		snprintf(su->err + len, su->errlen - len, "%s%s", len ? "; " : "", what);
}

/* --- the order ------------------------------------------------------------------------------------- */

static void
say_missing(const struct confine *f, unsigned missing, struct setup *su)
{
	if (missing & SLUICE_CONFINED_FILES)
		add_missing(su, "files are not confined: this kernel has no Landlock (Linux 5.13, "
				"CONFIG_SECURITY_LANDLOCK and lsm=landlock)");
	if (missing & SLUICE_CONFINED_VIEW)
		add_missing(su, f->no_view);
	if (missing & SLUICE_CONFINED_CALLS)
		add_missing(su, "system calls are not confined: this kernel has no seccomp filters "
				"(CONFIG_SECCOMP_FILTER)");
}

static bool
note(unsigned part, enum confine_part came_to, unsigned *held)
{
	if (came_to == PART_HOLDS)
		*held |= part;
	return came_to != PART_FAILED;
}

/* The parts that hold now, or -1. */
static int
take_away(struct confine *f, struct setup *su)
{
	unsigned asked = SLUICE_CONFINED_ALL & ~f->asked.without, held = 0;
	enum confine_part files = PART_MISSING;

	if (asked & SLUICE_CONFINED_FILES)
		files = confine_files_prepare(f, su);
	if (files == PART_FAILED)
		return -1;
	if (asked & SLUICE_CONFINED_VIEW && !note(SLUICE_CONFINED_VIEW, confine_view(f, su), &held))
		return -1;
	if (confine_no_new_privileges(su) == PART_FAILED)
		return -1;
	/* Those of a user namespace are none that the thread had before. */
	if ((asked & SLUICE_CONFINED_PRIVILEGES || f->user_namespace) &&
	    !note(SLUICE_CONFINED_PRIVILEGES & asked, confine_capabilities(f, su), &held))
		return -1;
	if (files == PART_HOLDS && !note(SLUICE_CONFINED_FILES, confine_files_obey(f, su), &held))
		return -1;
	if (asked & SLUICE_CONFINED_CALLS && !note(SLUICE_CONFINED_CALLS, confine_calls(f, su), &held))
		return -1;
	say_missing(f, asked & ~held, su);
	return (int)held;
}

int
sluice_confine(struct sluice *s, const struct sluice_confine *given, char *err, size_t errlen)
{
	struct setup su = {err, errlen};
	struct confine f = {.files = -1};

	if (errlen)
		err[0] = '\0';
	if (!whole_ask(&su, given, &f.asked) || !confine_names_are_calls(f.asked.calls, &su))
		return -1;
	f.needs = needs(s, &f.asked);
	if (f.asked.all_threads) {
		int others = confine_other_threads(&su);

		f.others = others > 0;
		if (others < 0 || (f.others && !others_can_be_had(&f, &su)))
			return -1;
	}

	int held = take_away(&f, &su);
	if (f.files >= 0)
		close(f.files);
	if (held >= 0 && s) {
		s->confined |= (unsigned)held;
		event_confined(s, errlen ? err : "");
	}
	return held;
}
