#!/bin/bash
# passt_args_test.sh - sluice in passt's place: the argument lists of QEMU, libvirt and muvm, and their sockets
#
# The lists are recordings: QEMU 10.1's net/passt.c (every option of -netdev passt, in its order), libvirt's
# qemu_passt.c, muvm's net.rs.
VMM=$(dirname "$(realpath "$0")")/fake_vmm.py CUT=$(dirname "$(realpath "$0")")/vhost_cut.py
. "$(dirname "$0")/lib.sh"

vmm() { soon "$VMM" "$@" 2>"$W/vmm.err"; }
met='arp 52:55:0a:00:02:02 ping ping ping '
meets() { check "$1" "$met" "$(vmm "${@:2}" | tr '\n' ' ')"; check "$1: nothing is said" '' "$(cat "$W/vmm.err")"; }
mkdir bin
ln -s "$SLUICE" bin/passt
PASST=$W/bin/passt
# The process of a pid file has ended, and its file is gone.
over() { await "[ ! -e $W/$2 ]" && ok "$1: it ends with its guest" || not_ok "$1: it ends with its guest" "$(cat "$W/$2")"; }

# --- QEMU: -netdev passt,path=.../sluice.  A pid file that is there already and empty, the socket as descriptor 3,
# and the exit of what was started says that all is well.
: >qemu.pid
meets 'QEMU, no options' spawn 3 stream "$SLUICE" --quiet --pid "$W/qemu.pid" --fd 3
over 'QEMU, no options' qemu.pid
python3 -m http.server --bind 127.0.0.1 7002 >/dev/null 2>&1 &
web=$!
await "python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", 7002))'"
: >qemu.pid
told=$(vmm --guest 10.9.0.5 --gateway 10.9.0.1 --dhcp --tcp 7002 spawn 3 stream "$SLUICE" --quiet --mtu 9000 \
	--address 10.9.0.5 --netmask 255.255.255.0 --mac-addr 52:54:00:12:34:56 --gateway 10.9.0.1 --interface lo \
	--outbound 127.0.0.1 --outbound-if4 lo --outbound-if6 lo --dns 127.0.0.1 --fqdn box.lab.example \
	--no-dhcp-dns --no-dhcp-search --map-host-loopback 10.9.0.1 --map-guest-addr none --dns-forward 10.9.0.3 \
	--dns-host 127.0.0.1 --no-dhcpv6 --no-ra --no-ndp --freebind --ipv4-only --search 'lab.example example' \
	--tcp-ports 7100,7101:7001 --udp-ports 7100-7110:8100-8110,~7105 --pid "$W/qemu.pid" --fd 3)
for line in 'address 10.9.0.5' 'mask 255.255.255.0' 'router 10.9.0.1' 'dns 10.9.0.3' 'mtu 9000' 'hostname box.lab.example'; do
	contains "QEMU, every option: $line" "dhcp $line" "$told"
done
contains 'QEMU, every option: the host is reached' 'tcp connected' "$told"
check 'QEMU, every option: quiet' '' "$(cat "$W/vmm.err")"
over 'QEMU, every option' qemu.pid
: >qemu.pid
soon "$VMM" --count 0 --tcp 7002 spawn 3 stream "$SLUICE" --quiet --no-tcp --no-map-gw --pid "$W/qemu.pid" --fd 3 >out 2>&1 &
asked=$!
await "grep -q arp $W/out"
contains 'QEMU, tcp=off: a SYN is met with silence' 'arp' "$(cat out)"
kill "$asked"
wait "$asked" 2>/dev/null
contains 'the host can be closed' 'tcp refused' \
	"$(vmm --tcp 7002 spawn 3 stream "$SLUICE" --quiet --map-host-loopback none --pid "$W/qemu.pid" --fd 3)"
kill "$web"
wait "$web" 2>/dev/null
soon "$SLUICE" --quiet --mtu 5 --pid "$W/qemu.pid" --fd 3 2>err
check 'QEMU hears of a mistake' 2 $?
contains 'in a sentence' '--mtu 5' "$(cat err)"
soon "$SLUICE" --quiet --pid "$W/qemu.pid" --fd 3 2>err
check 'and of a descriptor that is not there' 1 $?
contains 'in a sentence too' 'descriptor 3' "$(cat err)"

# --- libvirt: a path, no -f; the pid file and a warning-free exit say that QEMU may connect
soon "$PASST" --one-off --socket "$W/s" --pid "$W/virt.pid" --mtu 1400 --interface lo --log-file "$W/virt.log" \
	--hostname box --address 10.8.0.5 --netmask 24 --tcp-ports 127.0.0.1/7200-7202:8200-8202,~7201 \
	--udp-ports 127.0.0.1/7300 >out 2>err
check 'libvirt: it starts' 0 $?
check 'libvirt: nothing on stdout or stderr' '' "$(cat out err)"
contains 'libvirt: what has no effect is in the log' '--interface has no effect' "$(cat virt.log)"
check 'libvirt: the process is its own session' "$(cat virt.pid)" "$(ps -o sid= -p "$(cat virt.pid)" | tr -d ' ')"
check 'libvirt: ports as they were given' '7200 7202 ' "$(ss -Hltn "sport >= :7200 and sport <= :7210" | sed 's/.*127.0.0.1:\([0-9]*\) .*/\1/' | sort | tr '\n' ' ')"
contains 'libvirt: UDP too' '127.0.0.1:7300' "$(ss -Hlun)"
told=$(vmm --guest 10.8.0.5 --gateway 10.8.0.2 --dhcp connect "$W/s")
contains 'libvirt: the guest is told its name' 'dhcp hostname box' "$told"
contains 'libvirt: and served' 'ping' "$told"
over 'libvirt, one-off' virt.pid
[ ! -e s ] && ok 'libvirt: the socket is gone' || not_ok 'libvirt: the socket is gone' 'it is there'
soon "$PASST" --vhost-user --one-off --socket "$W/u" --pid "$W/virt.pid" 2>err
check 'libvirt, vhost-user: it starts' 0 $?
[ -S u ] && ok 'libvirt, vhost-user: it listens' || not_ok 'libvirt, vhost-user: it listens' "$(cat err)"
kill "$(cat virt.pid)"
over 'libvirt, vhost-user' virt.pid
soon "$PASST" --one-off --socket "$W/s" --pid "$W/virt.pid" --tcp-ports all 2>err
check 'libvirt: all ports are refused' 2 $?
contains 'with what to write' 'name them' "$(cat err)"

# --- muvm: in front, quiet, a descriptor of any number
stays() { check "$1" "${met}status 0 " "$(vmm "${@:2}" | tr '\n' ' ')"; check "$1: nothing is said" '' "$(cat "$W/vmm.err")"; }
stays 'muvm' beside 9 stream "$PASST" -q -f --fd 9
stays 'muvm, ports' beside 6 stream "$PASST" -q -f --fd 6 -t 7400-7400:80-80 -u 127.0.0.1/7401-7402:81-82
# --- the names of a person
stays 'letters in one word' beside 4 stream "$PASST" -qf1F4 -m0 -4
contains 'help' '--tcp-ports VALUE' "$("$PASST" --help)"
contains 'version' 'sluice 0' "$("$PASST" --version)"
contains 'what the vhost-user back end can' '"net"' "$("$PASST" --print-capabilities)"
