#!/usr/bin/env python3
"""Seeds of fuzz_rule: rules as sentences and tokens, lists, policies as JSON.  Run in the repository's root."""
import os

SEEDS = {
    "sentences": "r" + "\n".join([
        "allow tcp/443 to *.github.com, api.example.com \"the build\"",
        "deny egress tcp/80,443,8000-8999 udp/53 icmp to @metadata, 10.0.0.0/8, 2001:db8::/32",
        "drop ingress tcp/22 from 192.0.2.0/24, @private  # why",
        "allow udp/53 tcp/53 to @dns",
        "allow to public., [::1], a_b.example."]),
    "requests": "r" + "\n".join([
        "allow https GET,HEAD api.github.com/repos/**, api.github.com/user",
        "deny https POST,PUT to *.example.com/admin/*, 10.0.0.0/8/x, 192.0.2.1/32/24, [2001:db8::1]/y",
        "allow http/8080 * build.internal/artifacts/*.tar*",
        "drop https/443,8443 http X-Y_9 to @any/a b, @public/**, @doh/dns-query, @file:\"a\"/z \"why\"",
        "deny https @any"]),
    "bad_requests": "f" + "\n".join([
        "allow https get a/..", "deny http tcp/1 a.b//c, /x, a.b/%20, a.b/**/c", "allow https GET, to https://a/",
        "allow ingress https from @dns/x"]),
    "mistakes": "f" + "\n".join([
        "alow tpc/1 to public, 1.2.3, ::ffff:1.2.3.4",
        "allow tcp/0,9-8 icmp/3 to *.com, *, a*b, http://x/, x:1, fe80::1%e",
        "deny from @dns", "allow ingress icmp from a.b", "allow to \"x", "allow to a,, b c"]),
    "lists": "f" + "deny to @doh, @file:a\nallow to @file:\"b c,d\"\ndeny ingress from @file:none",
    "tokens": "r" + "\n".join([
        "allow@public:tcp:443,deny:any@host", "allow:ingress@[2001:db8::]/32:udp:1,2-3",
        "deny@suffix=example.com:icmpv4", "allow@domain=db", "allow@any:icmpv6", "allow@dns"]),
    "list": "l# a list\nads.example\n*.zip\n10.0.0.0/8\n2001:db8::1\n0.0.0.0 a.example b.example\n"
            "fe80::1%lo0 localhost\nbad one\n",
    "json": 'j{"default_egress": "deny", "default_ingress": "allow", "rules": [\n'
            '{"direction": "egress", "destination": {"domain_suffix": "example.com"}, "protocols": ["tcp"],\n'
            ' "ports": [{"start": 443, "end": 443}], "action": "allow"},\n'
            '{"direction": "any", "destination": {"group": "link_local"}, "action": "deny"},\n'
            '{"direction": "egress", "destination": {"cidr": "10.0.0.0/8"}, "protocols": ["icmpv4"], "action": "deny"},\n'
            '{"direction": "egress", "destination": {"group": "host"}, "ports": [53], "action": "allow"},\n'
            '{"direction": "egress", "destination": "any", "action": "allow"}]}',
}

folder = "test/fuzz/corpus/rule"
os.makedirs(folder, exist_ok=True)
for name, text in SEEDS.items():
    with open(os.path.join(folder, name), "w", encoding="ascii") as f:
        f.write(text)
