/*
 * tls_certs_test.c - servers' certificates, good and bad, by two verdicts: ours and that of `openssl verify`
 *
 * test/live/certs.sh makes them and says of each what is to be thought of it; where the two may differ, it
 * says why.
 */
#include "test/unit/tls_kit.h"
#include "tls/pem.h"
#include "tls/verify.h"

static char dir[] = "/tmp/sluice-certs.XXXXXX";
static struct tls_roots *roots;

static int
make_them(void **state)
{
	char command[256];
	const char *why = NULL;
	size_t len;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(command, sizeof(command), "sh test/live/certs.sh %s", dir);
	assert_int_equal(system(command), 0);
	char *pem = kit_read(dir, "roots.pem", &len);
	unsigned skipped = 9;
	roots = tls_roots_read(view_of(pem, len), view_of(NULL, 0), &skipped, &why);
	free(pem);
	assert_non_null(roots);
	assert_int_equal(skipped, 0);
	return 0;
}

static int
remove_them(void **state)
{
	char command[256];

	(void)state;
	tls_roots_free(roots);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

struct chain {
	int n;
	struct view cert[16];
	uint8_t der[16][4096];
};

static void
read_chain(const char *kind, struct chain *c)
{
	char name[128];
	size_t len;

	snprintf(name, sizeof(name), "%s.pem", kind);
	char *pem = kit_read(dir, name, &len);
	struct view in = view_of(pem, len);
	c->n = 0;
	while (pem_next(&in, c->der[c->n], sizeof(c->der[0]), &len)) {
		c->cert[c->n] = view_of(c->der[c->n], len);
		c->n++;
	}
	free(pem);
	assert_true(c->n > 0);
}

static void
ask_for(struct verify_question *q, const char *host, struct name *name)
{
	if (addr_parse(host, &q->addr))
		return;
	assert_true(name_parse(host, strlen(host), name));
	q->name = name;
}

/* "good" or "bad". */
static const char *
openssl_says(const char *kind, const char *host)
{
	char command[1024];
	struct addr a;

	snprintf(command, sizeof(command),
		 "openssl verify -x509_strict -auth_level 2 -purpose sslserver -attime %llu -%s %s "
		 "-CAfile %s/roots.pem -untrusted %s/%s.pem %s/%s.pem >/dev/null 2>&1",
		 KIT_NOW, addr_parse(host, &a) ? "verify_ip" : "verify_hostname", host, dir, dir, kind, dir,
		 kind);
	return system(command) == 0 ? "good" : "bad";
}

static void
each(const char *kind, const char *host, const char *verdict, const char *oracle, const char *why)
{
	struct verify_answer a;
	struct verify_question q = {.roots = roots, .now = KIT_NOW};
	struct name name;
	struct chain c;

	read_chain(kind, &c);
	q.cert = c.cert;
	q.n = c.n;
	ask_for(&q, host, &name);
	bool good = tls_verify(&q, &a);
	const char *said = verify_fault_name(a.fault);
	if (strcmp(said, verdict) != 0)
		fail_msg("%s: wanted %s, got %s (%s)", kind, verdict, said, a.text);
	assert_int_equal(good, a.fault == VERIFY_GOOD);
	assert_int_equal(good, a.text[0] == 0);
	assert_int_equal(good, a.alert == 0);
	print_message("%-24s %-20s %s\n", kind, said, a.text);
	const char *other = openssl_says(kind, host);
	if (strcmp(other, oracle) != 0)
		fail_msg("%s: openssl was to say %s, and says %s", kind, oracle, other);
	if (strcmp(good ? "good" : "bad", other) != 0 && strcmp(why, "-") == 0)
		fail_msg("%s: two verdicts, and no reason for it", kind);
}

static void
each_is_judged_as_the_list_says(void **state)
{
	size_t len;
	char *list = kit_read(dir, "list", &len), *line = list;
	int kinds = 0;

	(void)state;
	for (char *next; *line; line = next + 1, kinds++) {
		char kind[64], host[128], verdict[64], oracle[16], why[128];

		next = strchr(line, '\n');
		assert_int_equal(sscanf(line, "%63s %127s %63s %15s %127s", kind, host, verdict, oracle, why),
				 5);
		each(kind, host, verdict, oracle, why);
	}
	assert_true(kinds >= 60);
	free(list);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_is_judged_as_the_list_says),
	};

	return cmocka_run_group_tests(tests, make_them, remove_them);
}
