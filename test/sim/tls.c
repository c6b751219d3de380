/*
 * tls.c - connections over TLS: their two ends, which are the library's own, and what the gateway may make of them
 *
 * The guest's end reads and writes what guest_tcp.c carries, the server's the virtual host's socket.  Neither shares code with the gateway's
 * ends but the choice of suites: the guest verifies the certificate it is shown with the library's own verification and the gateway's CA.  Sealed bytes
 * are kept as they are said, both for what has to be sent again and to be compared:
 *
 *	opened     what the gateway says at a number stays the same, however often it is sent; what comes out in the clear is what was
 *	           written, no more of it than was, and an end only where one was made
 *	sealed     the same; and every sealed byte is the other end's
 *	a server whose certificate is another's, or nobody's, gets not a byte in the clear, and its guest's handshake fails
 *
 * Keys and certificates are made once in a process, from a fixed beginning: a seed is the same world everywhere.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "proxy/intercept.h"
#include "test/bed/cert_kit.h"
#include "test/sim/inside.h"
#include "tls/context.h"

#define LATE (5 * USEC_PER_SEC) /* the least of the gateway's times for first flights and handshakes */
#define DOMAIN "sim.example"

struct bytes {
	uint8_t *p;
	size_t n, room;
};

struct peer {
	mbedtls_ssl_context ssl;
	bool over, failed, eof;
	size_t pending; /* of a write that is to be made again as it was */
};

struct sealed {
	struct sim *s;
	struct talk *t;
	struct peer end[WAYS]; /* UP: the guest's */
	struct bytes up, down; /* said by the guest; by the gateway to it */
	struct bytes said;     /* by the host */
	uint64_t heard;        /* sealed bytes that the host has taken */
	uint64_t moved;        /* bytes that went over either wire */
	bool refused;          /* the guest reads why its request was not passed on */
	usec_t shaken;         /* both handshakes were over; 0: not yet */
	size_t nhead[WAYS];
	char head[WAYS][TLS_HEAD];
};

/* Of a world: what its ends are configured with. */
struct tls_world {
	struct luck luck;
	struct host_ops ops;
	mbedtls_ssl_config client[2], server[3]; /* client: SIM_OPENED - 1; server: by enum sim_server */
	mbedtls_x509_crt ca;                     /* the gateway's */
	mbedtls_ssl_ticket_context ticket;
	mbedtls_ssl_session session[TLS_SERVERS];
	bool kept[TLS_SERVERS];
	bool ready;
	char bypass[TLS_SERVERS][32];
	const char *bypassed[TLS_SERVERS];
};

static void
must(int rc)
{
	if (rc)
		abort();
}

/* --- what a process has ------------------------------------------------------------------------------------- */

/* Authorities (the second nobody trusts), and certificates of servers by enum sim_server. */
struct process_keys {
	mbedtls_x509_crt ca[2], cert[3];
	mbedtls_pk_context key;
	char roots[32];
};

static void
fixed_fill(void *ctx, void *to, size_t n)
{
	uint64_t *at = ctx;

	luck_fill(to, 0x746c73, *at, n);
	*at += n;
}

/* A certificate, and after it in the chain nothing. */
static void
certify(struct tls *t, struct cert_kit *c, mbedtls_x509_crt *out)
{
	uint8_t *der = malloc(CERT_KIT_MAX);

	if (!der)
		abort();
	struct view v = cert_kit_make(t, c, der);
	mbedtls_x509_crt_init(out);
	must(mbedtls_x509_crt_parse_der(out, v.p, v.len));
	free(der);
}

/* The roots as a file that is nowhere. */
static void
write_roots(const mbedtls_x509_crt *ca, char path[32])
{
	uint8_t pem[4096];
	size_t n;
	int fd = memfd_create("roots", MFD_CLOEXEC);

	must(mbedtls_pem_write_buffer("-----BEGIN CERTIFICATE-----\n", "-----END CERTIFICATE-----\n",
				      ca->raw.p, ca->raw.len, pem, sizeof(pem), &n));
	if (fd < 0 || write(fd, pem, n - 1) != (ssize_t)(n - 1))
		abort();
	snprintf(path, 32, "/proc/self/fd/%d", fd);
}

static struct process_keys *
make_keys(void)
{
	static const char *const name[] = {"far", "nobody"};
	struct process_keys *k = calloc(1, sizeof(*k));
	uint64_t at = 0;
	struct tls *t = tls_new(&(struct tls_random){fixed_fill, &at}, NULL);
	mbedtls_pk_context key[2];
	uint8_t alt[64];

	if (!k || !t)
		abort();
	for (unsigned i = 0; i < 2; i++) {
		cert_kit_ec(t, MBEDTLS_ECP_DP_SECP256R1, &key[i]);
		certify(t,
			&(struct cert_kit){.subject = name[i],
					   .issuer = name[i],
					   .key = &key[i],
					   .issuer_key = &key[i],
					   .is_ca = true},
			&k->ca[i]);
	}
	cert_kit_ec(t, MBEDTLS_ECP_DP_SECP256R1, &k->key);
	for (unsigned i = 0; i < 3; i++) {
		struct wr w = wr_of(alt, sizeof(alt));
		const char *of = i == SIM_SERVER_OTHERS ? "*.other.example" : "*." DOMAIN;
		unsigned by = i == SIM_SERVER_NOBODYS;

		der_put(&w, 0x82, view_of(of, strlen(of)));
		certify(t,
			&(struct cert_kit){.subject = "server",
					   .issuer = name[by],
					   .key = &k->key,
					   .issuer_key = &key[by],
					   .alt = view_of(alt, (size_t)(w.p - alt))},
			&k->cert[i]);
	}
	mbedtls_pk_free(&key[0]);
	mbedtls_pk_free(&key[1]);
	tls_free(t);
	write_roots(&k->ca[0], k->roots);
	return k;
}

/* Kept until the process ends. */
static struct process_keys *
keys(void)
{
	static struct process_keys *k;

	if (!k)
		k = make_keys();
	return k;
}

/* --- what a world has ------------------------------------------------------------------------------------------ */

static int
draw(void *ctx, unsigned char *to, size_t n)
{
	struct luck *l = ctx;

	luck_fill(to, luck_next(l), 0, n);
	return 0;
}

/* The name of the server at a port. */
static void
server_name(const struct talk *t, char name[64])
{
	snprintf(name, 64, "%c%u." DOMAIN, t->pub.conf.tls == SIM_SEALED ? 's' : 'o',
		 t->pub.tuple.remote.port - TLS_PORT);
}

/* A step of TLS takes time by the gateway's own look at it, so that turns have an end: this is only ever compared with itself. */
static usec_t
work(struct host *h)
{
	static _Atomic usec_t worked;

	(void)h;
	worked += 150; /* clang 14 calls the sum of an _Atomic one, too */
	return worked;
}

void
tls_world_work(struct sim *s)
{
	struct tls_world *w = s->tls;
	struct host *h = vhost_host(s->bed->vhost);

	w->ops = *h->ops;
	w->ops.work = work;
	h->ops = &w->ops;
}

void
tls_world_begin(struct sim *s)
{
	struct sluice_config *gw = &s->conf.gateway;
	struct tls_world *w = calloc(1, sizeof(*w));

	if (!w)
		abort();
	s->tls = w;
	w->luck.state = luck_mix(s->set.seed + 5);
	for (unsigned i = 0; i < TLS_SERVERS; i++) {
		s->tls_port[i] = (uint16_t)(TLS_PORT + i);
		snprintf(w->bypass[i], sizeof(w->bypass[i]), "s%u." DOMAIN, i);
		w->bypassed[i] = w->bypass[i];
	}
	s->conf.start += (usec_t)1700000000 * USEC_PER_SEC;
	gw->intercept = true;
	gw->intercept_ports = s->tls_port;
	gw->nintercept_ports = TLS_SERVERS;
	gw->intercept_bypass = w->bypassed;
	gw->nintercept_bypass = TLS_SERVERS;
	gw->tls_roots = keys()->roots;
	gw->memory = 24u << 20;
}

/* The library's verification, but for dates: its clock is not this world's. */
static int
without_dates(void *ctx, mbedtls_x509_crt *crt, int depth, uint32_t *flags)
{
	(void)ctx;
	(void)crt;
	(void)depth;
	*flags &= ~(uint32_t)(MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE);
	return 0;
}

static void
configure(struct tls_world *w, mbedtls_ssl_config *c, bool server)
{
	mbedtls_ssl_config_init(c);
	must(mbedtls_ssl_config_defaults(c, server ? MBEDTLS_SSL_IS_SERVER : MBEDTLS_SSL_IS_CLIENT,
					 MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT));
	lib_conf(c, false);
	mbedtls_ssl_conf_rng(c, draw, &w->luck);
}

/* When the first connection needs it. */
static struct tls_world *
world(struct sim *s)
{
	struct tls_world *w = s->tls;
	struct process_keys *k = keys();
	const char *pem = interception_ca(s->bed->gw->intercept);

	if (w->ready)
		return w;
	w->ready = true;
	mbedtls_x509_crt_init(&w->ca);
	must(mbedtls_x509_crt_parse(&w->ca, (const uint8_t *)pem, strlen(pem) + 1));
	mbedtls_ssl_ticket_init(&w->ticket);
	must(mbedtls_ssl_ticket_setup(&w->ticket, draw, &w->luck, MBEDTLS_CIPHER_AES_256_GCM, 86400));
	for (unsigned i = 0; i < 2; i++) {
		configure(w, &w->client[i], false);
		mbedtls_ssl_conf_authmode(&w->client[i], MBEDTLS_SSL_VERIFY_REQUIRED);
		mbedtls_ssl_conf_verify(&w->client[i], without_dates, NULL);
		mbedtls_ssl_conf_ca_chain(&w->client[i], i == SIM_OPENED - 1 ? &w->ca : &k->ca[0], NULL);
	}
	for (unsigned i = 0; i < 3; i++) {
		configure(w, &w->server[i], true);
		must(mbedtls_ssl_conf_own_cert(&w->server[i], &k->cert[i], &k->key));
		/* The others know nothing of its tickets. */
		if (i == SIM_SERVER_GOOD)
			mbedtls_ssl_conf_session_tickets_cb(&w->server[i], mbedtls_ssl_ticket_write,
							    mbedtls_ssl_ticket_parse, &w->ticket);
	}
	for (unsigned i = 0; i < TLS_SERVERS; i++)
		mbedtls_ssl_session_init(&w->session[i]);
	return w;
}

void
tls_world_free(struct sim *s)
{
	struct tls_world *w = s->tls;

	if (!w)
		return;
	for (unsigned i = 0; w->ready && i < 3; i++) {
		mbedtls_ssl_config_free(&w->server[i]);
		if (i < 2)
			mbedtls_ssl_config_free(&w->client[i]);
	}
	for (unsigned i = 0; w->ready && i < TLS_SERVERS; i++)
		mbedtls_ssl_session_free(&w->session[i]);
	if (w->ready) {
		mbedtls_ssl_ticket_free(&w->ticket);
		mbedtls_x509_crt_free(&w->ca);
	}
	free(w);
	s->tls = NULL;
}

/* --- sealed bytes ------------------------------------------------------------------------------------------------- */

static void
append(struct bytes *b, const void *p, size_t n)
{
	if (b->n + n > b->room) {
		b->room = 2 * b->room + n + 1024;
		b->p = realloc(b->p, b->room);
		if (!b->p)
			abort();
	}
	if (n)
		memcpy(b->p + b->n, p, n);
	b->n += n;
}

static int
guest_send(void *ctx, const unsigned char *from, size_t n)
{
	struct sealed *x = ctx;

	append(&x->up, from, n);
	x->t->tcp.written += n;
	x->moved += n;
	return (int)n;
}

static int
guest_recv(void *ctx, unsigned char *to, size_t n)
{
	struct sealed *x = ctx;
	struct guest_tcp *g = &x->t->tcp;
	uint64_t have = g->rcv - 1 - (g->eof ? 1 : 0) - g->read;

	if (have == 0)
		return g->eof ? 0 : MBEDTLS_ERR_SSL_WANT_READ;
	n = n < have ? n : (size_t)have;
	memcpy(to, x->down.p + g->read, n);
	g->read += n;
	x->moved += n;
	return (int)n;
}

static int
host_send(void *ctx, const unsigned char *from, size_t n)
{
	struct sealed *x = ctx;
	size_t put = vhost_send(x->s->bed->vhost, x->t->fd, from, n);

	append(&x->said, from, put);
	x->moved += put;
	return put ? (int)put : MBEDTLS_ERR_SSL_WANT_WRITE;
}

static int
host_recv(void *ctx, unsigned char *to, size_t n)
{
	struct sealed *x = ctx;
	struct vhost *v = x->s->bed->vhost;
	size_t got = vhost_recv(v, x->t->fd, to, n);

	if (got == 0)
		return vhost_got_eof(v, x->t->fd) || vhost_closed(v, x->t->fd) ? 0
									       : MBEDTLS_ERR_SSL_WANT_READ;
	if (x->t->pub.conf.tls == SIM_SEALED &&
	    (x->heard + got > x->up.n || memcmp(x->up.p + x->heard, to, got) != 0))
		sim_complain(x->s, "conversation %u: the host got other sealed bytes than the guest sent",
			     x->t->pub.number);
	x->heard += got;
	x->moved += got;
	return (int)got;
}

void
tls_look(struct sim *s, struct talk *t, uint64_t at, struct view v, bool fin)
{
	struct sealed *x = t->sealed;
	size_t again = at < x->down.n ? x->down.n - (size_t)at : 0;

	again = again < v.len ? again : v.len;
	if (at > x->down.n)
		return; /* numbers are left out: look.c complains */
	if (again && memcmp(x->down.p + at, v.p, again) != 0)
		sim_complain(s, "conversation %u: what is sent again is something else, from byte %llu",
			     t->pub.number, (unsigned long long)at);
	append(&x->down, v.p + again, v.len - again);
	/* A refusal is an alert. */
	if (t->pub.conf.tls == SIM_SEALED && !t->forbidden &&
	    (at + v.len > x->said.n || (v.len && memcmp(x->said.p + at, v.p, v.len) != 0)))
		sim_complain(s, "conversation %u: other sealed bytes than the host's, from byte %llu",
			     t->pub.number, (unsigned long long)at);
	if (fin && !t->disturbed && !t->prog[DOWN].shut && !tls_may_end(s, t))
		sim_complain(s, "conversation %u: an end that the host did not make", t->pub.number);
}

struct view
tls_up(const struct talk *t, uint64_t at, size_t n)
{
	return view_of(t->sealed->up.p + at, n);
}

/* --- beginning ------------------------------------------------------------------------------------------------------ */

static void
set_up(struct sealed *x, enum way way)
{
	struct talk *t = x->t;
	struct tls_world *w = world(x->s);
	unsigned port = t->pub.tuple.remote.port - TLS_PORT;
	struct peer *p = &x->end[way];
	char name[64];

	mbedtls_ssl_init(&p->ssl);
	if (way == DOWN) {
		must(mbedtls_ssl_setup(&p->ssl, &w->server[t->pub.conf.server]));
		mbedtls_ssl_set_bio(&p->ssl, x, host_send, host_recv, NULL);
		return;
	}
	must(mbedtls_ssl_setup(&p->ssl, &w->client[t->pub.conf.tls - 1]));
	server_name(t, name);
	must(mbedtls_ssl_set_hostname(&p->ssl, name));
	mbedtls_ssl_set_bio(&p->ssl, x, guest_send, guest_recv, NULL);
	if (w->kept[port])
		must(mbedtls_ssl_set_session(&p->ssl, &w->session[port]));
}

static void
write_heads(struct sealed *x)
{
	struct sim_talk_conf *c = &x->t->pub.conf;
	char name[64];

	server_name(x->t, name);
	int up = snprintf(x->head[UP], TLS_HEAD,
			  "POST /sim HTTP/1.1\r\nHost: %s:%u\r\nContent-Length: %llu\r\n\r\n", name,
			  x->t->pub.tuple.remote.port, (unsigned long long)c->up);
	int down = snprintf(x->head[DOWN], TLS_HEAD, "HTTP/1.1 200 OK\r\nContent-Length: %llu\r\n\r\n",
			    (unsigned long long)c->down);

	x->nhead[UP] = (size_t)up;
	x->nhead[DOWN] = (size_t)down;
	c->up += x->nhead[UP];
	c->down += x->nhead[DOWN];
}

bool
tls_talk(struct sim *s, struct talk *t)
{
	unsigned i = 0;

	while (i < TLS_SERVERS && s->tls_at[i] && !s->tls_at[i]->pub.over)
		i++;
	if (!s->tls || i == TLS_SERVERS)
		return false;
	struct sealed *x = calloc(1, sizeof(*x));
	if (!x)
		abort();
	x->s = s;
	x->t = t;
	t->sealed = x;
	s->tls_at[i] = t;
	t->pub.tuple.remote.port = (uint16_t)(TLS_PORT + i);
	t->disturbed |= t->pub.conf.server != SIM_SERVER_GOOD || t->pub.conf.breaks_off;
	if (t->pub.conf.http)
		write_heads(x);
	set_up(x, UP);
	set_up(x, DOWN);
	return true;
}

void
tls_again(struct talk *t)
{
	struct sealed *x = t->sealed;

	mbedtls_ssl_free(&x->end[DOWN].ssl);
	x->end[DOWN] = (struct peer){.over = false};
	x->heard = 0;
	x->said.n = 0;
	set_up(x, DOWN);
}

void
tls_talk_free(struct talk *t)
{
	struct sealed *x = t->sealed;

	if (!x)
		return;
	mbedtls_ssl_free(&x->end[UP].ssl);
	mbedtls_ssl_free(&x->end[DOWN].ssl);
	free(x->up.p);
	free(x->down.p);
	free(x->said.p);
	free(x);
	t->sealed = NULL;
}

size_t
tls_head(const struct talk *t, enum way way, char head[TLS_HEAD])
{
	memcpy(head, t->sealed->head[way], TLS_HEAD);
	return t->sealed->nhead[way];
}

/* --- handshakes ------------------------------------------------------------------------------------------------------ */

/* RFC 9112 9.3, 9.6: whoever has all of the answer needs the connection no more. */
static bool
is_answered(const struct talk *t)
{
	const struct sim_talk_conf *c = &t->pub.conf;

	return c->http && t->prog[DOWN].read == c->up && t->prog[DOWN].wrote == c->down;
}

bool
tls_may_end(const struct sim *s, const struct talk *t)
{
	const struct sealed *x = t->sealed;
	usec_t begun = t->pub.opened ? t->pub.opened : t->pub.begun;
	usec_t until = x && x->shaken ? x->shaken : sim_now(s);

	if (x && t->pub.conf.http && t->prog[DOWN].read < x->nhead[UP])
		until = sim_now(s);
	return x && (until - begun >= LATE || is_answered(t));
}

bool
tls_is_shaken(const struct talk *t)
{
	return t->sealed->shaken != 0;
}

/* An end cannot go on. */
static void
fails(struct sealed *x, enum way way, int rc)
{
	struct talk *t = x->t;
	char why[160];

	x->end[way].failed = true;
	snprintf(why, sizeof(why), "TLS failed at the %s's end: -0x%04x", way == UP ? "guest" : "host",
		 (unsigned)-rc);
	x->s->res.tls_cut += way == UP && t->pub.conf.breaks_off && t->prog[DOWN].shut;
	x->s->res.tls_late += way == UP && t->pub.conf.server == SIM_SERVER_GOOD && !t->pub.conf.breaks_off;
	x->s->res.tls_refused += way == UP && t->pub.conf.server != SIM_SERVER_GOOD;
	talk_broke(x->s, t, why);
	t->prog[way].shut = t->prog[way].eof = true;
	if (way == UP) {
		t->tcp.shut = true;
	} else if (t->host == HOST_OPEN && !vhost_closed(x->s->bed->vhost, t->fd)) {
		vhost_reset(x->s->bed->vhost, t->fd);
		t->host = HOST_DEAD;
	}
}

static void
shaken(struct sealed *x, enum way way)
{
	struct tls_world *w = x->s->tls;
	struct talk *t = x->t;
	unsigned port = t->pub.tuple.remote.port - TLS_PORT;

	x->end[way].over = true;
	sim_say(x->s, "tls    %u: the %s's handshake is over", t->pub.number, way == UP ? "guest" : "host");
	if (way == UP && t->pub.conf.server != SIM_SERVER_GOOD && t->pub.conf.tls == SIM_OPENED)
		sim_complain(
		    x->s,
		    "conversation %u: the guest was shown a good certificate for a server that has none",
		    t->pub.number);
	if (way == UP) {
		mbedtls_ssl_session_free(&w->session[port]);
		mbedtls_ssl_session_init(&w->session[port]);
		w->kept[port] = mbedtls_ssl_get_session(&x->end[UP].ssl, &w->session[port]) == 0;
	}
}

static bool
is_patience(int rc)
{
	return rc == MBEDTLS_ERR_SSL_WANT_READ || rc == MBEDTLS_ERR_SSL_WANT_WRITE;
}

/* --- bytes in the clear ------------------------------------------------------------------------------------------------- */

static void
look_clear(struct sealed *x, enum way way, size_t n)
{
	struct talk *t = x->t;
	enum way from = way == UP ? DOWN : UP;
	struct program *p = &t->prog[way];

	/* A policy that came since then forbids the request. */
	x->refused |= way == UP && t->pub.conf.http && t->forbidden && p->read == 0 && n >= 12 &&
		      memcmp(x->s->big, "HTTP/1.1 403", 12) == 0;
	if (x->refused && way == UP)
		return;
	if (p->read + n > t->prog[from].wrote)
		sim_complain(x->s, "conversation %u: more came in the clear than was written", t->pub.number);
	else if (!talk_is(t, from, x->s->big, p->read, n))
		sim_complain(x->s,
			     "conversation %u: other bytes in the clear than were written, from byte %llu",
			     t->pub.number, (unsigned long long)p->read);
	if (t->pub.conf.server != SIM_SERVER_GOOD && t->pub.conf.tls == SIM_OPENED)
		sim_complain(x->s,
			     "conversation %u: bytes passed to or from a server that is not who it says",
			     t->pub.number);
	for (size_t i = 0; i < n; i++)
		t->sum[from] = t->sum[from] * 31 + x->s->big[i];
	t->pub.moved = sim_now(x->s);
	if (way == UP) {
		t->pub.down += n;
		x->s->res.tls_http += t->pub.conf.http && t->pub.down == t->pub.conf.down;
		x->s->res.bytes_down += n;
	} else {
		t->pub.up += n;
		x->s->res.bytes_up += n;
	}
}

static void
ends(struct sealed *x, enum way way)
{
	struct program *p = &x->t->prog[way], *other = &x->t->prog[way == UP ? DOWN : UP];

	p->eof = true;
	if (way == UP && x->t->pub.conf.breaks_off)
		sim_complain(x->s, "conversation %u: what broke off at the server is an end to the guest",
			     x->t->pub.number);
	/* Of a forbidden request the server has nothing, and the guest the refusal. */
	if (x->t->pub.conf.http && x->t->forbidden && (way == UP ? x->refused : p->read == 0))
		return;
	if ((!other->shut && !is_answered(x->t)) || p->read != other->wrote)
		sim_complain(x->s, "conversation %u: an end in the clear that nobody made there",
			     x->t->pub.number);
}

static void
read_clear(struct sealed *x, enum way way, bool closed)
{
	struct talk *t = x->t;
	struct program *p = &t->prog[way];
	const struct sim_end *e = way == UP ? &t->pub.conf.guest : &t->pub.conf.host;

	while (!p->eof && (p->read_at <= sim_now(x->s) || closed)) {
		size_t most = (size_t)prog_portion(sizeof(x->s->big), e->read_size);
		int rc = mbedtls_ssl_read(&x->end[way].ssl, x->s->big, most);

		if (is_patience(rc))
			return;
		if (rc > 0) {
			look_clear(x, way, (size_t)rc);
			prog_took(x->s, p, e, (uint64_t)rc);
		} else if (rc == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) {
			ends(x, way);
#if LIB_HAS_13
		} else if (rc == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET) {
			continue;
#endif
		} else {
			fails(x, way, rc);
			return;
		}
	}
}

static void
write_clear(struct sealed *x, enum way way)
{
	struct talk *t = x->t;
	struct program *p = &t->prog[way];
	const struct sim_talk_conf *c = &t->pub.conf;
	const struct sim_end *e = way == UP ? &c->guest : &c->host;
	uint64_t total = way == UP ? c->up : c->down, heard = way == UP ? c->down : c->up, n;
	struct peer *end = &x->end[way];

	/* A server answers what it has read. */
	if (c->http && way == DOWN && p->read < c->up)
		return;
	while (p->write_at <= sim_now(x->s) && (n = prog_to_write(p, e, total, heard)) > 0) {
		size_t len = end->pending ? end->pending : n < 16384 ? (size_t)n : 16384;

		talk_fill(t, way, x->s->big, p->wrote, len);
		int rc = mbedtls_ssl_write(&end->ssl, x->s->big, len);
		end->pending = is_patience(rc) ? len : 0;
		if (is_patience(rc))
			return;
		if (rc < 0) {
			fails(x, way, rc);
			return;
		}
		p->wrote += (uint64_t)rc;
		p->write_at = sim_now(x->s) + e->write_gap;
	}
	bool all = p->wrote == total && e->ends != SIM_RESETS;
	if (!all || p->shut || (e->ends != SIM_ENDS_FIRST && !p->eof))
		return;
	if (!(c->breaks_off && way == DOWN) && mbedtls_ssl_close_notify(&end->ssl) != 0)
		return;
	p->shut = true;
	x->s->res.half_closed += !p->eof;
	if (way == UP)
		t->tcp.shut = true;
	else
		vhost_send_eof(x->s->bed->vhost, t->fd);
}

bool
tls_act(struct sim *s, struct talk *t, enum way way, bool closed)
{
	struct sealed *x = t->sealed;
	struct peer *end = &x->end[way];
	struct program *p = &t->prog[way];
	uint64_t moved = x->moved;
	bool was_shut = p->shut, was_eof = p->eof;

	if (end->failed) {
		/* It takes what still comes, so that its end is seen. */
		while (way == UP && guest_recv(x, s->big, sizeof(s->big)) > 0)
			;
		return false;
	}
	if (!end->over) {
		int rc = mbedtls_ssl_handshake(&end->ssl);

		if (rc == 0)
			shaken(x, way);
		else if (!is_patience(rc))
			fails(x, way, rc);
		if (x->end[UP].over && x->end[DOWN].over && !x->shaken)
			x->shaken = sim_now(s);
	}
	if (end->over && !end->failed)
		read_clear(x, way, closed);
	if (end->over && !end->failed && !closed)
		write_clear(x, way);
	return x->moved != moved || p->shut != was_shut || p->eof != was_eof;
}
