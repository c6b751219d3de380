#!/usr/bin/env python3
# seeds_gateway.py - writes the seeds of fuzz_gateway.c that a person thought of
#
# The other half of that file's notation: a setting, a policy, then records.  Run it after a change of either; what fuzzing found lies
# beside these and is not touched.
import os

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus", "gateway")

(OPEN, HELLO, REQUEST, WORDS, REST, END, UDP, PING, ASK, ANSWER, HOST, TIME, RELOAD, OWN, CLIENT, DGRAM, FAIL,
 DEFAULT) = range(18)
MORE = 0x80
MAPPED, PUBLISHED, NO_REBIND, EXEMPT, OPENS, SMALL, ONE_FAMILY, KEEP = (1 << n for n in range(8))

# --- the world: as in gate_rules.c ---------------------------------------------------------------------------

GW4, GW6, DNS4, DNS6, P1, P2, ONE, EIGHT, V6A, V6B, TEN, NET192, META, LL, CGN, DOC, OWN4, OWN6, ULA, NAT64, NAT64TEN, SIX4, \
    DOC6, ISATAP, NAT64L, TEREDO, LO, MC, META6, STATIC4 = range(30)
AT_ONE, AT_EIGHT, AT_GW, AT_V6 = 32, 40, 48, 56  # resolvers of the guest's own
A, BA, CBA, BAD, BATEST, XY, Y, GITHUB, API, HOSTNAME, GWNAME, STATIC = range(12)
HTTPS, HTTP, SSH, P8080, P53, P853, P5353, P123 = range(8)
TARGETS = ["@any", "@public", "@private", "@host", "@dns", "@metadata", "@loopback", "@link-local", "@multicast", "@doh", "a.test",
           "*.a.test", "b.a.test", "bad.test", "*.test.example", "*.y.test", "x.y.test", "github.com", "*.github.com",
           "host.sluice.internal", "static.test", "93.184.216.1", "93.184.216.0/24", "1.1.1.1", "8.8.8.8, 1.1.1.1", "2a00:1::/32",
           "2a00:1::1", "10.0.0.0/8", "10.1.1.1", "192.168.0.0/16", "169.254.169.254", "100.64.0.0/10", "203.0.113.0/24", "0.0.0.0/0",
           "::/0", "fd00::/8", "64:ff9b::/96", "2002::/16", "2001:db8::/32", "10.0.2.2", "*.sluice.internal", "ba.test, y.test",
           "93.184.216.50", "10.9.9.9", "*.internal", "127.0.0.0/8", "a.test, 10.1.1.1", "bad.test, @metadata"]
PROTOS = ["", "tcp", "udp", "icmp", "tcp/443", "tcp/80", "udp/443", "tcp/53 udp/53", "tcp/22,80-443", "udp/1-65535", "tcp/853",
          "udp/5353 tcp/1-1000", "tcp udp", "tcp/80 icmp", "tcp/8080", "udp/123"]
SCHEMES = ["http", "http", "http/8080", "https", "http https", "http/80,8080"]
METHODS = ["", "GET", "POST", "GET,HEAD", "*"]
PATHS = ["", "/x", "/x/**", "/*", "/**", "/x/*/z", "/x*"]
PROFILES = ["none", "public", "all", "public,host", "private", "host"]
ACTIONS = {"allow": 0, "deny": 2, "drop": 3}


def rule(action, proto, target, also=None, ingress=False):
    return bytes([ACTIONS[action] | (16 if ingress else 0), PROTOS.index(proto), TARGETS.index(target),
                  128 | TARGETS.index(also) if also else 0])


def both(low, table, high):
    """A byte that says both: the entry of a table by its remainder, and what is above so many."""
    return next(high + n for n in range(table) if (high + n) % table == low)


def asks(action, scheme, target, path="", method=""):
    what = both(SCHEMES.index(scheme), len(SCHEMES), 16 * METHODS.index(method))
    return bytes([ACTIONS[action] | 8, what, TARGETS.index(target), PATHS.index(path)])


def policy(profile, *rules, floor=None):
    """floor: (profile, rules)."""
    top = 0
    behind = b""
    if floor:
        top = 128 | PROFILES.index(floor[0]) << 4 | len(floor) - 1
        behind = b"".join(floor[1:])
    return bytes([PROFILES.index(profile) << 4 | len(rules), top]) + b"".join(rules) + behind


def setting(flags, *pol, **kw):
    return bytes([flags, 7]) + policy(*pol, **kw)


# --- records -----------------------------------------------------------------------------------------------


def open_(slot, to, port): return bytes([OPEN, slot, to, port])
def hello(slot, name, flags=0, cut=0): return bytes([HELLO, slot, name, flags, cut])
def words(slot, which, cut=0): return bytes([WORDS, slot, which, cut])
def rest(slot): return bytes([REST, slot])
def end(slot, reset=0): return bytes([END, slot | reset])
def udp(to, port, how=32): return bytes([UDP, to, port, how])
def ping(to): return bytes([PING, to, 1])
def ask(name, kind=0, where=0, more=0): return bytes([ASK | more, name, kind, where])
def host(slot, what, text=0): return bytes([HOST, slot, what | text << 3])
def time(step): return bytes([TIME, step])
def reload(*pol, **kw): return bytes([RELOAD]) + policy(*pol, **kw)
def own(n): return bytes([OWN, n])
def client(n): return bytes([CLIENT, n])
def dgram(n): return bytes([DGRAM, n])
def fail(call, how): return bytes([FAIL, call, how])
def default(n): return bytes([DEFAULT, n])


def request(slot, host_=A, method=0, path=0, form=0, more=0, body=0, cut=0):
    return bytes([REQUEST, slot, both(method, 6, path << 5), host_, form, more | body << 3, cut])


def answer(addr, *more, how=0, chain=0, ttl=0, which=0):
    """chain: links, and the first name of them times four."""
    return bytes([ANSWER, which, how | (64 if more else 0), chain, ttl, addr]) + bytes(more)


def led(name, addr, *more, kind=0, **kw):
    return ask(name, kind) + answer(addr, *more, **kw)


ECH, NONAME, RECORDS, GREASE, TWO, LOUD, PADDED, SPOILT = 2, 1, 4, 8, 16, 32, 64, 128
MS1, MS100, MS300, S1, S3, S6, S31, S59, S61, S130, S200, S1000, S3601 = range(13)
ALL_PLACES = b"".join(open_(n % 8, n, HTTPS) + udp(n, HTTPS) + ping(n) for n in range(32))

NAMED = ("none", rule("allow", "tcp/443", "a.test"), rule("allow", "tcp/80", "*.a.test"))
SEEDS = {
    "places-public": setting(0, "public") + ALL_PLACES,
    "places-all": setting(0, "all") + ALL_PLACES,
    "places-none": setting(0, "none") + ALL_PLACES,
    "places-private": setting(0, "private", rule("deny", "", "10.0.0.0/8")) + ALL_PLACES,
    "places-host": setting(0, "public,host") + own(2) + ALL_PLACES + own(0) + ALL_PLACES,
    "places-nets": setting(0, "none", rule("allow", "", "0.0.0.0/0"), rule("allow", "", "::/0"), rule("allow", "", "2001:db8::/32")) + ALL_PLACES,
    "places-denied": setting(0, "all", rule("deny", "", "10.0.0.0/8"), rule("drop", "tcp", "64:ff9b::/96"), rule("deny", "udp", "2002::/16"),
                             rule("deny", "", "@metadata")) + ALL_PLACES,
    "places-floor": setting(0, "all", floor=("none", rule("allow", "tcp", "@public"), rule("allow", "udp", "10.1.1.1"))) + ALL_PLACES,
    "services": setting(0, "all", rule("allow", "tcp/853", "@any")) + b"".join(open_(n % 8, P1, n) + udp(P1, n) for n in range(8)) +
                reload("none", rule("allow", "udp/5353 tcp/1-1000", "@public")) + b"".join(open_(n % 8, P1, n) + udp(P1, n) for n in range(8)),
    "name-tls": setting(0, *NAMED) + open_(0, P1, HTTPS) + led(A, P1) + open_(0, P1, HTTPS) + hello(0, A) + host(0, 2) + open_(1, P1, HTTPS) +
                hello(1, BAD) + open_(2, P2, HTTPS) + hello(2, A),
    "name-tls-cut": setting(0, *NAMED) + led(A, P1) + open_(0, P1, HTTPS) + hello(0, A, RECORDS | GREASE, 0x80 | 20) + time(MS100) + rest(0) +
                    open_(1, P1, HTTPS) + hello(1, A, PADDED, 0xC0 | 33) + rest(1) + open_(2, P1, HTTPS) + hello(2, A, 0, 9) + end(2) +
                    open_(3, P1, HTTPS) + hello(3, A, 0, 9) + time(S6) + rest(3),
    "name-tls-odd": setting(0, *NAMED) + led(A, P1) + b"".join(open_(n, P1, HTTPS) + hello(n, A, 1 << n) for n in range(8)),
    "name-deny": setting(0, "all", rule("deny", "", "bad.test"), rule("drop", "tcp/443", "*.y.test")) + open_(0, P1, HTTPS) + hello(0, BAD) +
                 open_(1, P1, HTTPS) + hello(1, A) + open_(2, P1, HTTPS) + hello(2, XY) + open_(3, P1, HTTPS) + hello(3, A, ECH) +
                 open_(4, P1, SSH) + words(4, 0) + udp(P1, HTTPS, 16) + open_(5, P1, HTTP) + request(5, BAD) + open_(6, P1, HTTP) + host(6, 0, 2) +
                 words(6, 1),
    "name-expires": setting(0, *NAMED) + led(A, P1, ttl=1) + open_(0, P1, HTTPS) + time(S61) + hello(0, A) + open_(1, P1, HTTPS) +
                    led(A, P1) + open_(2, P1, HTTPS) + time(S200) + open_(3, P1, HTTPS) + time(S3601) + open_(4, P1, HTTPS),
    "name-lasts": setting(0, *NAMED) + led(A, P1, ttl=1) + time(S3) + open_(0, P1, HTTPS) + hello(0, A) + led(BA, P2, ttl=1) + time(S31) +
                  open_(1, P2, HTTP) + request(1, BA),
    "name-cached": setting(0, *NAMED) + led(A, P1) + time(S59) + ask(A) + time(S59) + open_(0, P1, HTTPS) + hello(0, A) + time(S200) + ask(A) +
                   open_(1, P1, HTTPS) + time(S61) + open_(2, P1, HTTPS),
    "name-shared": setting(0, *NAMED) + led(A, P1) + led(BA, P1) + open_(0, P1, HTTPS) + hello(0, BA) + open_(1, P1, HTTPS) + hello(1, A) +
                   open_(2, P1, HTTP) + request(2, BA) + open_(3, P1, HTTP) + request(3, BAD),
    "name-claimed": setting(0, "none", rule("allow", "tcp/443", "a.test"), rule("allow", "tcp/443", "*.y.test"), rule("allow", "tcp/80", "x.y.test"),
                            rule("allow", "tcp/80", "a.test")) + led(A, P1) + open_(0, P1, HTTPS) + hello(0, XY) + open_(1, P1, HTTP) + request(1, XY) +
                    open_(2, P1, HTTPS) + hello(2, A) + open_(3, P1, HTTP) + request(3, A) + host(3, 0) + request(3, XY),
    "http": setting(0, *NAMED) + led(A, P1) + open_(0, P1, HTTP) + request(0, A) + host(0, 0) + request(0, BA) + host(0, 0) + request(0, BAD) +
            open_(1, P1, HTTP) + request(1, A, 0, 1, 1 | A << 4) + open_(2, P1, HTTP) + request(2, A, 0, 1, 1 | BAD << 4),
    "http-bodies": setting(0, *NAMED) + led(A, P1) + b"".join(open_(n, P1, HTTP) + request(n, A, 1, 1, 0, m, n, 0x40) + request(n, BAD)
                                                           for n, m in enumerate((1, 2, 2, 2, 0, 1, 5, 6))),
    "http-cut": setting(0, *NAMED) + led(A, P1) + b"".join(open_(n, P1, HTTP) + request(n, A, n % 6, n, 0, n, n, 12 * n) + time(MS300) + rest(n) +
                                                        host(n, 0, n) + request(n, A) for n in range(8)),
    "http-pipelined": setting(0, *NAMED) + led(A, P1) + open_(0, P1, HTTP) + bytes([REQUEST | MORE, 0, 0, A, 0, 0, 0]) +
                      request(0, BAD) + open_(1, P1, HTTP) + request(1, A, 1, 0, 0, 1, 4) + request(1, A, 1, 0, 0, 2, 6),
    "http-upgrade": setting(0, *NAMED) + led(A, P1) + open_(0, P1, HTTP) + request(0, A, 0, 1, 0, 4) + words(0, 2) + host(0, 0, 1) + words(0, 0) +
                    open_(1, P1, HTTP) + request(1, A, 0, 1, 0, 4) + host(1, 0, 0) + request(1, BAD),
    "http-old": setting(0, *NAMED) + led(A, P1) + open_(0, P1, HTTP) + request(0, A, 0, 0, 2 | 4) + open_(1, P1, HTTP) + words(1, 4) +
                open_(2, P1, HTTP) + words(2, 8) + open_(3, P1, HTTP) + words(3, 2),
    "connect": setting(0, "public", rule("allow", "tcp/443", "a.test"), rule("deny", "", "bad.test")) + open_(0, P1, P8080) +
               request(0, A | 64, 3) + host(0, 0, 3) + hello(0, A) + open_(1, P1, P8080) + request(1, BAD | 64, 3) + open_(2, P1, P8080) +
               request(2, 128 | 64, 3) + host(2, 0, 3) + hello(2, BAD) + open_(3, P1, P8080) + words(3, 9) + open_(4, P1, P8080) + words(4, 5) +
               time(MS300) + open_(5, P1, P8080) + request(5, A, 0) + host(5, 0) + request(5, A | 64, 3),
    "requests": setting(0, "none", asks("deny", "http", "a.test", "/x/*/z"), asks("allow", "http", "a.test", "/x/**", "GET"),
                        rule("allow", "tcp/8080", "b.a.test")) +
                led(A, P1) + b"".join(open_(n, P1, HTTP) + request(n, A, 0, n) + host(n, 0) for n in range(8)) + open_(0, P1, HTTP) +
                request(0, A, 1, 1, 0, 1, 1) + request(0, A, 0, 1) + host(0, 0) + request(0, BAD, 0, 1) + open_(1, P1, HTTP) + words(1, 0) +
                open_(2, P1, HTTP) + words(2, 2) + open_(3, P1, HTTP) + request(3, A | 64, 3),
    "requests-denied": setting(0, "all", asks("deny", "http", "@any", "/x/**", "POST"), asks("deny", "http https", "bad.test")) +
                       open_(0, P1, HTTP) + request(0, A, 1, 1, 0, 2, 2) + host(0, 0) + request(0, A, 0, 1) + host(0, 0) + request(0, BAD) +
                       open_(1, P1, HTTP) + words(1, 0) + udp(P1, HTTPS),
    "requests-tls": setting(0, "none", asks("allow", "https", "a.test", "/x/**", "GET")) + led(A, P1) + open_(0, P1, HTTPS) + hello(0, A) +
                    host(0, 0, 6) + open_(1, P1, HTTPS) + hello(1, BAD) + open_(2, P1, HTTPS) + hello(2, A, 0, 20) + end(2),
    "opened": setting(OPENS, "public") + open_(0, P1, HTTPS) + hello(0, A) + host(0, 0, 6) + open_(1, P1, HTTPS) + hello(1, BAD, NONAME) +
              reload("none") + open_(2, P1, HTTPS),
    "asking": setting(0, *NAMED) + b"".join(ask(n, k, k & 3) for n in range(12) for k in (0, 1, 2)) + ask(BAD, 8) + ask(A, 8 | 32) + time(S1) +
              time(S1) + time(S6),
    "asking-all": setting(0, "all", rule("deny", "", "bad.test"), rule("drop", "udp", "*.y.test")) + b"".join(ask(n, n, n & 3) for n in range(12)) +
                  answer(P1) * 12,
    "answers": setting(0, "all") + b"".join(led(A, P1, how=1 << n) for n in range(7)) + time(S6) + led(BA, TEN) + led(CBA, P1, how=16, ttl=BAD) +
               led(XY, META, ttl=2),
    "answers-of-another": setting(0, *NAMED) + led(A, P1, how=2, chain=BATEST) + open_(0, P1, HTTPS) + hello(0, A),
    "answers-retried": setting(0, "all") + led(A, P1, how=4) + answer(P1) + ask(BA) + answer(P1, how=8, ttl=0x20) + answer(P2) + ask(CBA) +
                       time(S1) + time(S1) + answer(P1, which=1) + answer(P1, how=1) * 17 + answer(P2),
    "chain": setting(0, *NAMED) + led(A, P1, chain=2 | GITHUB << 2) + open_(0, P1, HTTPS) + hello(0, A) + reload("none", rule("allow", "", "github.com")) +
             led(GITHUB, P2, chain=1 | A << 2) + open_(1, P2, HTTPS) + hello(1, GITHUB) + open_(2, P2, HTTPS) + hello(2, A),
    "chain-denied": setting(0, "none", rule("deny", "", "bad.test"), rule("allow", "", "*.a.test")) + led(A, P1, chain=1 | BAD << 2) +
                    open_(0, P1, HTTPS) + led(BA, P1, chain=3 | XY << 2) + open_(1, P1, HTTPS) + hello(1, BA) + led(CBA, P2, how=32, chain=2 | A << 2),
    "rebinding": setting(0, "none", rule("allow", "", "*.a.test")) + b"".join(led(A, n, ttl=1) + open_(0, n, HTTP) for n in (TEN, META, GW4, LO)) +
                 led(BA, P1, TEN, NET192) + open_(1, TEN, HTTP) + open_(2, P1, HTTP) + request(2, BA) + led(A, NAT64TEN, kind=1) + open_(3, NAT64TEN, HTTP),
    "rebinding-let": setting(EXEMPT, "none", rule("allow", "", "*.y.test"), rule("allow", "", "a.test, 10.1.1.1")) + led(XY, TEN) +
                     open_(0, TEN, HTTP) + led(A, TEN) + open_(1, TEN, HTTP) + led(A, NET192) + open_(2, NET192, HTTP),
    "rebinding-off": setting(NO_REBIND, *NAMED) + led(A, TEN) + open_(0, TEN, HTTPS) + hello(0, A),
    "chosen": setting(0, "none", rule("allow", "tcp/53 udp/53", "1.1.1.1"), rule("allow", "", "a.test")) + ask(A, 0, AT_ONE) + answer(P1) +
              open_(0, P1, HTTPS) + ask(A, 1, AT_ONE) + answer(V6A) + open_(3, V6A, HTTPS) + open_(1, ONE, P53) + ask(A, 0, 64 | 1) + answer(P1) + open_(2, P1, HTTPS) +
              ask(BAD, 0, AT_EIGHT) + ask(A, 0, AT_GW) + ask(A, 0, AT_V6),
    "by-tcp": setting(0, *NAMED) + open_(0, DNS4, P53) + ask(A, 0, 64) + answer(P1) + ask(BAD, 0, 64) + ask(A, 1, 64) + open_(1, P1, HTTPS) +
              hello(1, A) + end(0),
    "own-names": setting(0, "none", rule("allow", "tcp/8080", "host.sluice.internal"), rule("allow", "tcp/80", "static.test")) + open_(0, GW4, P8080) +
                 words(0, 0) + ask(HOSTNAME) + ask(STATIC) + open_(1, STATIC4, HTTP) + request(1, STATIC) + ask(GWNAME) + open_(2, DNS4, HTTP) +
                 request(2, GWNAME) + open_(3, GW6, P8080) + open_(4, GW4, HTTP),
    "reload": setting(0, "all") + open_(0, P1, HTTPS) + hello(0, A) + open_(1, P1, HTTP) + request(1, A) + open_(2, P1, SSH) + udp(P1, P123) + ping(P1) +
              udp(ONE, HTTPS) + reload("none", rule("allow", "tcp/443", "93.184.216.1")) + words(0, 0) + udp(P1, P123) + reload("none") + time(S1),
    "reload-named": setting(0, *NAMED) + led(A, P1) + open_(0, P1, HTTPS) + hello(0, A) + open_(1, P1, HTTPS) + open_(2, P1, HTTP) + request(2, A) +
                    time(S200) + reload("none", rule("allow", "", "*.a.test")) + host(2, 0) + request(2, A) + hello(1, A) +
                    reload("none", rule("allow", "", "bad.test")) + words(0, 0),
    "reload-asking": setting(0, "all") + ask(A) + ask(BAD, 1) + ask(BA, 0, AT_ONE) + reload("none", rule("allow", "", "b.a.test")) + time(S1) + time(S3) +
                     answer(P1) * 3,
    "reload-peek": setting(0, "all") + open_(0, P1, HTTPS) + open_(1, P1, HTTP) + reload("all", rule("deny", "", "bad.test")) + hello(0, BAD) +
                   request(1, A) + request(1, BAD),
    "reload-kept": setting(KEEP, "all") + open_(0, P1, HTTPS) + udp(P1, P123) + reload("none") + hello(0, A) + time(S1),
    "reload-floor": setting(0, "all", floor=("all",)) + open_(0, P1, HTTPS) + udp(P1, P123) + reload("all", floor=("none", rule("allow", "tcp", "@public"))) +
                    words(0, 0) + udp(P1, P123) + reload("all", floor=("none",)),
    "own-address": setting(0, "public") + open_(0, OWN4, HTTP) + udp(OWN6, P123) + own(2) + open_(1, OWN4, HTTP) + own(64 | 2) + udp(OWN6, P123) + own(0) +
                   open_(2, OWN4, HTTP),
    "mapped": setting(MAPPED, "public", rule("allow", "", "a.test")) + udp(P1, P123) + udp(P2, P123) + udp(TEN, P123) + led(A, P1) +
              reload("none", rule("allow", "", "a.test")) + udp(P1, P123) + udp(P2, P123) + dgram(0) + time(S200) + udp(P1, P123),
    "published": setting(PUBLISHED, "public", rule("deny", "", "10.0.0.0/8", ingress=True)) + client(4) + client(TEN << 3) + client(1 | V6A << 3) +
                 client(2 | TEN << 3) + client(6) + udp(GW4, P123, 8) + words(0, 0) + reload("public", rule("deny", "tcp", "@any", ingress=True)) + client(4),
    "published-floor": setting(PUBLISHED, "all", floor=("none", rule("deny", "", "127.0.0.0/8", ingress=True))) + client(4) + client(6) + client(1) +
                       client(P1 << 3),
    "quic": setting(0, "public", rule("allow", "", "a.test"), rule("deny", "", "bad.test")) + udp(P1, HTTPS, 16) + led(A, P1) + udp(P1, HTTPS, 16) +
            led(BAD, P2) + udp(P2, HTTPS, 16) + udp(P2, P123) + ping(P2) + time(S3601) + udp(P2, P123),
    "failures": setting(0, *NAMED) + fail(0, 1) + led(A, P1) + answer(P1) + fail(1, 0) + open_(0, P1, HTTPS) + open_(0, P1, HTTPS) + fail(5, 3) +
                hello(0, A) + fail(7, 2) + ask(BA) + fail(4, 4) + host(0, 0) + time(S6),
    "late": setting(0, *NAMED) + default(1) + led(A, P1) + open_(0, P1, HTTPS) + time(S61) + reload("none", rule("allow", "", "a.test")) + host(0, 5) +
            hello(0, A) + open_(1, GW4, HTTP) + default(2) + open_(2, P1, HTTPS) + time(S200),
    "small": setting(SMALL, "all") + b"".join(open_(n % 8, P1 + n % 4, n % 3) + udp(P1 + n % 4, 7, 32 | n) + ping(P1 + n % 4) for n in range(12)) +
             reload("none") + time(S1),
    "doh": setting(0, "all", rule("deny", "", "@doh")) + open_(0, ONE, HTTPS) + open_(1, P1, HTTPS) + hello(1, A) + udp(EIGHT, HTTPS) + ask(A, 0, AT_ONE),
    "one-family": setting(ONE_FAMILY, "public") + ALL_PLACES[:120] + ask(A, 1) + ask(A, 0) + answer(P1),
}

os.makedirs(HERE, exist_ok=True)
for name, data in SEEDS.items():
    with open(os.path.join(HERE, name), "wb") as out:
        out.write(data)
