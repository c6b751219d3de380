#!/usr/bin/env python3
"""Writes the seeds of fuzz_config into test/fuzz/corpus/config; run it after changing it.

The examples of the documentation, and what YAML has and a configuration does not.
"""
import pathlib

here = pathlib.Path(__file__).resolve().parent
out = here / "corpus" / "config"
out.mkdir(parents=True, exist_ok=True)

seeds = {p.stem: p.read_bytes() for p in (here.parent.parent / "docs" / "examples").glob("*.yaml")}
seeds["anchor"] = b"guest: &a\n  mtu: 1500\ndns: *a\n"
seeds["tag"] = b"guest: !!map\n  mtu: !!int 1500\n"
seeds["documents"] = b"guest: {}\n---\npolicy: {}\n...\n"
seeds["flow"] = b"{guest: {ipv4: {address: 10.1.0.5/16}, ipv6: off}, publish: [80, '[::1]:53/udp']}\n"
seeds["quotes"] = b"policy:\n  rules: [\"allow\\tto \\x40any\", 'deny to ''x''', >-\n  allow\n  to x\n  ]\n"
seeds["block"] = b"policy:\n  rules:\n  - |\n    allow to @any\n    deny to @host\n  - ? [a]\n    : b\n"
seeds["deep"] = b"guest: " + b"[" * 40 + b"]" * 40 + b"\n"
seeds["unknown"] = b"gest:\n  mtu: 1\nguest:\n  mut: 2\n  mtu: 3\n  mtu: 4\n"
seeds["limits"] = (b"limits: {tcp: 1, udp: 2, ping: 3, memory: 2M, ring: 4K, files: 64, fragmented: 1,\n"
                   b"  fragment_memory: 64K, batch: 1}\nstatus_page: false\n")
seeds["dns"] = (b"dns:\n  nameservers: 192.0.2.1\n  routes: {a.example: [192.0.2.1, '[::1]:53']}\n"
                b"  hosts: {b.example: 192.0.2.2}\n  rebind_allow: '*.lan'\n  timeout: 1.5s\n  cache: off\n")
seeds["msb"] = b"policy:\n  files: [p.json]\n"

for name, text in seeds.items():
    (out / name).write_bytes(b"\0" + text)
(out / "files").write_bytes(b"\1policy:\n  files: [a.rules, b.json]\n  floor: {files: c}\n")
(out / "json").write_bytes(b'\1{"policy": {"files": "a.json"}, "default_egress": "deny", "rules": '
                           b'[{"direction": "any", "destination": "any", "action": "allow"}]}')
