#!/bin/bash
# usage_test.sh - wrong command lines: status 2, what cannot be done: status 1, each with one sentence
. "$(dirname "$0")/lib.sh"

fails() { timeout 20 "$SLUICE" "$@" >out 2>err; }

wrong() # wrong VALUE ARGUMENTS...
{
	local value=$1 status
	shift
	fails "$@"
	status=$?
	check "$*: status" "2 1" "$status $(wc -l <err)"
	contains "$*: the value is named" "$value" "$(cat err)"
}
wrong 1279 serve tap:t0 --mtu 1279
wrong 65521 run --mtu 65521 true
wrong 15x run --mtu 15x true
wrong 10.0.2.300 serve tap:t0 --guest 10.0.2.300/24
wrong 10.0.2.15/33 serve tap:t0 --guest 10.0.2.15/33
wrong 10.9.9.9 serve tap:t0 --gateway 10.9.9.9
wrong 10.0.2.999 serve tap:t0 --dns 10.0.2.999
wrong 70000 serve tap:t0 -p 70000
wrong 9-8 serve tap:t0 -p 9-8
wrong 80/sctp serve tap:t0 -p 80/sctp
wrong 1.2.3 serve tap:t0 -p 1.2.3:80
wrong 192.0.2.1:99999 serve tap:t0 --nameserver 192.0.2.1:99999
wrong zz serve tap:t0 --mac 52:54:00:11:22:zz
wrong 12q serve tap:t0 --memory 12q
wrong -5 serve tap:t0 --max-tcp=-5
wrong --frobnicate serve tap:t0 --frobnicate
wrong veth:x serve veth:x
wrong averyveryverylongname serve tap:averyveryverylongname
wrong frob frob
wrong --mtu run --mtu
wrong qemu: serve qemu:
wrong fd:x serve fd:x
wrong "$(printf 'x%.0s' {1..108})" serve "vhost-user:$(printf 'x%.0s' {1..108})"
wrong -x serve qemu:/x --hostname -x
wrong 'a b' serve qemu:/x --search 'a b'
wrong --hostname run --hostname x true
wrong --socket --quiet --mtu 1500
wrong 3-1 --fd 3 -t 3-1
fails serve tap:t0@/run/netns/nowhere
check 'a namespace that is not there' 1 $?
contains 'is named' /run/netns/nowhere "$(cat err)"
fails serve tap:t0@4194999
check 'a pid that is not there' 1 $?
contains 'is named too' 4194999 "$(cat err)"
fails serve tap:lo
check 'an interface that is no tap' 1 $?
fails serve tap:t0 --pcap /nowhere/x.pcapng
check 'a capture that cannot be written' 1 $?
contains 'its name is said' /nowhere/x.pcapng "$(cat err)"
check 'nothing is left of all that' 'lo ' "$(ip -br link | awk '{ printf "%s ", $1 }')"
