#!/usr/bin/env python3
# seeds_opened.py - writes the seeds of fuzz_opened.c that a person thought of; the world and the policies are those of seeds_gateway.py
import os

from seeds_gateway import A, BA, BAD, BATEST, CBA, XY, asks, both, policy, rule

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus", "opened")

(OPEN, REQUEST, WORDS, ANSWER, ANSWER2, END, HURT, TIME) = range(8)
NOBODY, ANOTHER = 128, 64
CLOSE, FIN, SERVER_CLOSES, RESET = range(4)


def setting(*pol, **kw): return bytes([7]) + policy(*pol, **kw)
def open_(slot, name=A, cert=0, cut=1): return bytes([OPEN, slot, name, cert, cut])
def words(slot, text): return bytes([WORDS, slot, len(text)]) + text
def answer(slot, which=0): return bytes([ANSWER, slot, which])
def end(slot, how): return bytes([END, slot, how])
def hurt(slot, at=20, bits=1): return bytes([HURT, slot, at, bits])
def time(step): return bytes([TIME, step])


def request(slot, host=A, method=0, path=0, form=0, more=0, body=0):
    return bytes([REQUEST, slot, both(method, 6, path << 5), host, form, more | body << 3])


SEEDS = {
    "all": setting("all") + open_(0) + request(0) + answer(0) + request(0, A, 1, 1, 0, 1, 1) + answer(0, 1) + end(0, CLOSE) +
           open_(1) + request(1, BA),
    "names": setting("none", rule("allow", "tcp/443", "*.a.test"), rule("deny", "", "bad.test")) +
             b"".join(open_(n % 4, n) + request(n % 4, n) + request(n % 4, BA) + end(n % 4, RESET) for n in (A, BA, CBA, BAD)),
    "certificates": setting("all") + open_(0, A, NOBODY) + open_(1, BA, ANOTHER | BAD) + request(1, BA) + open_(2, XY, 0, 0) + request(2, XY) + open_(3, A),
    "requests": setting("none", asks("allow", "https", "a.test", "/x/**", "GET"), rule("allow", "tcp/443", "b.a.test")) +
                b"".join(open_(n) + request(n, A, n & 1, n) + answer(n) + request(n, A, 0, 1) + answer(n) + request(n, BAD, 0, 1) for n in range(3)) +
                open_(3, BA) + words(3, b"SSH-2.0-x\r\n") + answer(3, 6),
    "denied": setting("all", asks("deny", "https", "a.test", "/x/**", "POST"), asks("drop", "https", "bad.test")) + open_(0) + request(0, A, 1, 1) +
              answer(0) + request(0, A, 0, 1) + open_(1, BAD) + request(1, BAD) + open_(2) + words(2, b"SSH-2.0-x\r\n") + open_(3, BATEST) + words(3, b"x\r\n"),
    "bodies": setting("all") + b"".join(open_(n) + request(n, A, 1, 0, 0, m, b) + answer(n) + request(n, A) + answer(n, 1)
                                        for n, (m, b) in enumerate(((1, 1), (2, 2), (2, 3), (5, 1)))),
    "upgrade": setting("all") + open_(0) + request(0, A, 0, 0, 0, 4) + answer(0, 2) + words(0, b"raw") + answer(0, 7) + open_(1) +
               request(1, A, 0, 0, 0, 4) + answer(1, 0) + request(1, BAD),
    "ends": setting("all") + b"".join(open_(n) + request(n) + answer(n, 5) + end(n, n) + answer(n) for n in range(4)),
    "broken-off": setting("all", asks("deny", "https", "a.test", "/x/*/z")) + open_(0) + words(0, b"GET /x HTTP/1.1") + end(0, CLOSE) + open_(1) +
                  words(1, b"GET / HTTP/1.1\r\nHost: a.test\r\n") + time(2) + time(3),
    "hurt": setting("all") + open_(0) + request(0) + hurt(0) + request(0) + open_(1, A, 0, 3) + hurt(1, 3, 255),
    "floor": setting("all", floor=("none", asks("allow", "https", "a.test", "/x"))) + open_(0) + request(0, A, 0, 1) + answer(0) + request(0, A, 0, 2),
}

os.makedirs(HERE, exist_ok=True)
for name, data in SEEDS.items():
    with open(os.path.join(HERE, name), "wb") as out:
        out.write(data)
