/*
 * verify.c - what is wrong with a server's certificate
 *
 * What costs little comes first: bounds, the server's own certificate, its dates, names and usage; then the
 * way to a root (path.c).
 */
#include <stdlib.h>

#include "tls/path.h"

static const struct {
	const char *name;
	uint8_t alert;
} faults[] = {
    [VERIFY_GOOD] = {"good", TLS_ALERT_CLOSE},
    [VERIFY_NONE] = {"none", TLS_ALERT_BAD_CERTIFICATE},
    [VERIFY_BOUNDS] = {"beyond-bounds", TLS_ALERT_UNSUPPORTED_CERTIFICATE},
    [VERIFY_UNREADABLE] = {"unreadable", TLS_ALERT_BAD_CERTIFICATE},
    [VERIFY_UNKNOWN_CA] = {"unknown-ca", TLS_ALERT_UNKNOWN_CA},
    [VERIFY_SELF_SIGNED] = {"self-signed", TLS_ALERT_UNKNOWN_CA},
    [VERIFY_EXPIRED] = {"expired", TLS_ALERT_EXPIRED},
    [VERIFY_NOT_YET] = {"not-yet", TLS_ALERT_EXPIRED}, /* "or is not currently valid", RFC 8446 6.2 */
    [VERIFY_NAME] = {"wrong-name", TLS_ALERT_BAD_CERTIFICATE},
    [VERIFY_USAGE] = {"wrong-usage", TLS_ALERT_UNSUPPORTED_CERTIFICATE},
    [VERIFY_WEAK] = {"weak", TLS_ALERT_BAD_CERTIFICATE},
    [VERIFY_SIGNATURE] = {"wrong-signature", TLS_ALERT_BAD_CERTIFICATE},
    [VERIFY_CONSTRAINTS] = {"outside-constraints", TLS_ALERT_CERTIFICATE_UNKNOWN},
    [VERIFY_MEMORY] = {"no-memory", TLS_ALERT_INTERNAL},
};

const char *
verify_fault_name(enum verify_fault f)
{
	return faults[f].name;
}

static bool
is_for_whom_was_asked(struct search *s, const struct cert *leaf)
{
	char why[140];
	struct text t = {why, sizeof(why)};

	if (cert_is_for(leaf, s->q->name, &s->q->addr))
		return true;
	text_add(&t, "is for: ");
	text_add_names(&t, leaf);
	path_note(s, VERIFY_NAME, leaf, why);
	return false;
}

/* All that only the server's own certificate has to be. */
static bool
leaf_is_good(struct search *s)
{
	const struct cert *leaf = &s->shown[0].cert;

	if (leaf->fault != VERIFY_GOOD) {
		path_note(s, leaf->fault, leaf, leaf->why);
		return false;
	}
	if (s->q->only_signature)
		return true;
	if (!path_check_dates(s, leaf) || !is_for_whom_was_asked(s, leaf))
		return false;
	/* RFC 5280 4.2.1.3, 4.2.1.12.  Keys that only encipher or agree are for key exchanges that are not
	 * used here. */
	if (leaf->has_usage && !(leaf->usage & USE_SIGN))
		path_note(s, VERIFY_USAGE, leaf, "is not for signing");
	else if (!cert_is_for_servers(leaf))
		path_note(s, VERIFY_USAGE, leaf, "is not for servers");
	return s->out->fault == VERIFY_GOOD;
}

static bool
within_bounds(struct search *s)
{
	size_t bytes = 0;

	for (int i = 0; i < s->q->n && i < VERIFY_CERTS; i++)
		bytes += s->q->cert[i].len;
	if (s->q->n <= 0)
		path_note(s, VERIFY_NONE, NULL, "was not shown");
	else if (s->q->n > VERIFY_CERTS)
		path_note(s, VERIFY_BOUNDS, NULL, "comes with too many others");
	else if (bytes > VERIFY_BYTES)
		path_note(s, VERIFY_BOUNDS, NULL, "and its issuers' are too large");
	return s->out->fault == VERIFY_GOOD;
}

/* The same certificate again adds nothing. */
static bool
is_again(const struct search *s, struct view der)
{
	for (int i = 0; i < s->n; i++)
		if (view_eq(s->shown[i].cert.der, der))
			return true;
	return false;
}

static bool
judge(struct search *s)
{
	if (!within_bounds(s))
		return false;
	for (int i = 0; i < s->q->n; i++)
		if (!is_again(s, s->q->cert[i]))
			cert_read(s->q->cert[i], RSA_MAX, &s->shown[s->n++].cert);
	return leaf_is_good(s) && (s->q->only_signature ? path_check_shown(s) : path_find(s));
}

bool
tls_verify(const struct verify_question *q, struct verify_answer *out)
{
	struct search *s = calloc(1, sizeof(*s));

	memset(out, 0, sizeof(*out));
	if (!s) {
		out->fault = VERIFY_MEMORY;
		out->alert = faults[VERIFY_MEMORY].alert;
		return false;
	}
	s->q = q;
	s->out = out;
	s->names = PATH_NAMES;
	bool good = judge(s);
	for (int i = 0; i < s->n; i++)
		if (s->shown[i].parsed)
			mbedtls_x509_crt_free(&s->shown[i].crt);
	free(s);
	if (good)
		memset(out, 0, sizeof(*out)); /* a way that failed before another was found */
	out->alert = faults[out->fault].alert;
	return good;
}
