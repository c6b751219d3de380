#!/usr/bin/env python3
"""Writes the seeds of fuzz_certificate into test/fuzz/corpus/; each run makes others, with openssl by test/live/certs.sh."""
import base64
import os
import re
import struct
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "corpus", "certificate")
BY_ADDRESS, ONLY_SIGNATURE, WITHOUT_ROOT, ORDINARY = 2, 4, 8, 16
KINDS = """good good_ip4 good_many_names good_wildcard good_p521 good_pss good_rsa nul_in_name cn_only expired client_only sha1 md5 p224
    brainpool ed25519 giant_exponent critical_unknown self_signed unordered twice by_leaf pathlen good_pathlen constrained_in
    constrained_out constrained_wildcard critical_out broken_signature""".split()


def ders(pem):
    blocks = re.findall("-----BEGIN CERTIFICATE-----(.*?)-----END", pem, re.S)
    return [base64.b64decode(b) for b in blocks]


def chain(flags, certs):
    return bytes([flags]) + b"".join(struct.pack(">H", len(c)) + c for c in certs)


def main():
    os.makedirs(OUT, exist_ok=True)

    def seed(name, data):
        with open(os.path.join(OUT, name), "wb") as f:
            f.write(data)

    with tempfile.TemporaryDirectory() as tmp:
        subprocess.run(["sh", os.path.join(HERE, "..", "live", "certs.sh"), tmp], check=True)

        def read(name):
            with open(os.path.join(tmp, name), encoding="ascii") as f:
                return f.read()

        root = ders(read("roots.pem"))[0]
        for kind in KINDS:
            flags = BY_ADDRESS if "ip" in kind else ORDINARY
            seed(kind, chain(flags, [root] + ders(read(kind + ".pem"))))
        good = ders(read("good.pem"))
        seed("direct", chain(ORDINARY, [good[1], good[0]]))
        seed("only_signature", chain(ONLY_SIGNATURE | WITHOUT_ROOT, [b""] + good))
        seed("tangle", chain(ORDINARY, [root] + good + [root] * 3 + good[1:] * 3))
        pem = read("roots.pem")
        seed("roots", b"\0" + pem.encode())
        seed("roots_broken", b"\0" + pem.replace("-----END", "-----NO", 1).encode() + b"-----BEGIN CERTIFICATE-----\n!")
        seed("authority", b"\1" + read("root.c").encode() + b"\0" + read("root.key").encode())
        seed("authority_rsa", b"\1" + read("inter_rsa.c").encode() + b"\0" + read("inter_rsa.key").encode())
        seed("authority_leaf", b"\1" + read("good.c").encode() + b"\0" + read("good.key").encode())
        seed("authority_other_key", b"\1" + read("root.c").encode() + b"\0" + read("other.key").encode())


if __name__ == "__main__":
    main()
