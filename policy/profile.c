/*
 * profile.c - profiles: the rules most people want, by a word
 *
 * Whatever the order and however often they are named, the rules come in one order: the resolver, @public, @private,
 * @host.  "none" adds nothing, "all" makes the others superfluous.
 */
#include "policy/reader.h"

enum profile { PROFILE_PUBLIC, PROFILE_PRIVATE, PROFILE_HOST, PROFILE_NONE, PROFILE_ALL, PROFILES };

static const struct {
	const char *name;
	const char *rule[2];
} profiles_by[PROFILES] = {
    [PROFILE_PUBLIC] = {"public", {"allow to @public"}},
    [PROFILE_PRIVATE] = {"private", {"allow to @private"}},
    [PROFILE_HOST] = {"host", {"allow to @host"}},
    [PROFILE_NONE] = {"none", {NULL}},
    [PROFILE_ALL] = {"all", {"allow to @any", "allow ingress from @any"}},
};

static void
add(struct rules *to, enum profile p, const char *text, struct diag_sink *d)
{
	struct rule_reader r = {.to = to, .d = d, .text = text, .len = strlen(text), .fixed_place = true};

	r.rule.profile = profiles_by[p].name;
	read_sentence(&r);
}

static void
add_named(struct rules *to, const bool named[PROFILES], struct diag_sink *d)
{
	for (unsigned p = PROFILE_PUBLIC; p <= PROFILE_HOST && !named[PROFILE_ALL]; p++)
		if (named[p]) { /* whoever may go anywhere may ask where that is */
			add(to, (enum profile)p, "allow udp/53 tcp/53 to @dns", d);
			break;
		}
	for (unsigned p = 0; p < PROFILES; p++)
		for (unsigned i = 0; i < 2 && named[p] && profiles_by[p].rule[i]; i++)
			if (p == PROFILE_ALL || !named[PROFILE_ALL])
				add(to, (enum profile)p, profiles_by[p].rule[i], d);
}

static bool
find(const char *word, size_t len, bool named[PROFILES])
{
	for (unsigned p = 0; p < PROFILES; p++)
		if (strlen(profiles_by[p].name) == len && memcmp(word, profiles_by[p].name, len) == 0) {
			named[p] = true;
			return true;
		}
	return false;
}

void
read_profiles(struct rules *to, const char *profiles, struct diag_sink *d)
{
	bool named[PROFILES] = {false};
	const char *p = profiles ? profiles : "none";

	for (;;) {
		size_t len;

		p += strspn(p, " \t");
		len = strcspn(p, ", \t");
		if (!find(p, len, named)) {
			struct rule_reader r = {
			    .d = d, .text = p, .len = len, .fixed_place = true, .field = "profiles"};

			reader_error(&r, 0, len,
				     "not a profile: public, private, host, none or all is expected");
		}
		p += len + strspn(p + len, " \t");
		if (*p == '\0')
			break;
		p += *p == ',';
	}
	add_named(to, named, d);
}
