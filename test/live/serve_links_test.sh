#!/bin/bash
# serve_links_test.sh - `sluice serve` on sockets: how each link is met, left and met again, and what cannot be
VMM=$(dirname "$(realpath "$0")")/fake_vmm.py CUT=$(dirname "$(realpath "$0")")/vhost_cut.py
. "$(dirname "$0")/lib.sh"

vmm() { soon "$VMM" "$@" 2>&1; }
met='arp 52:55:0a:00:02:02 ping ping ping '
meets() { check "$1" "$met" "$(vmm "${@:2}" | tr '\n' ' ')"; }

# link NAME LINK [OPTIONS]: a gateway on it, ready as soon as its pid file is there
link() { local name=$1; shift; gateway "$name" "$SLUICE" serve "$@" -r 'allow to @host' -v; }
said() { cat "$W/$1.err"; }
# ends NAME STATUS: the gateway does so by itself
ends() { await "ended $gateway"; wait "$gateway"; check "$1" "$2" $?; }

# --- qemu:PATH
link qemu "qemu:$W/q"
check 'ready: its socket is there, for its owner alone' 'socket 600' "$(stat -c '%F %a' "$W/q")"
contains 'the log names the link, the guest and the MTU' \
	"serving qemu:$W/q: guest $A4/24 $A6/64, MTU 65520" "$(said qemu)"
meets 'a guest is served' connect "$W/q"
meets 'it comes back and is served again' connect "$W/q"
await "[ \$(grep -c 'the guest left' $W/qemu.err) = 2 ]"
check 'each coming and going is a line' '2 2' \
	"$(grep -c 'a guest is attached' "$W/qemu.err") $(grep -c 'the guest left' "$W/qemu.err")"
check 'a second gateway there is refused' 1 "$(soon "$SLUICE" serve "qemu:$W/q" 2>"$W/err"; echo $?)"
contains 'the path and the remedy are said' "$W/q': another program has a socket there; end it" "$(cat "$W/err")"
meets 'and disturbs nobody' connect "$W/q"
kill -KILL "$gateway"
wait "$gateway" 2>/dev/null
[ -S "$W/q" ] && ok 'killed: the socket is left' || not_ok 'killed: the socket is left' 'it is gone'
link again "qemu:$W/q"
meets 'and taken over by the next' connect "$W/q"
stop
[ ! -e "$W/q" ] && ok 'ended: the socket is gone' || not_ok 'ended: the socket is gone' 'it is there'

# --- what a guest is told
link told "qemu:$W/q" --hostname box --search lab.example --search example --guest 10.9.8.7/24 --mtu 4000
told=$(vmm --guest 10.9.8.7 --gateway 10.9.8.2 --dhcp connect "$W/q")
for line in 'address 10.9.8.7' 'mask 255.255.255.0' 'router 10.9.8.2' 'dns 10.9.8.3' 'mtu 4000' 'hostname box'; do
	contains "DHCP: $line" "dhcp $line" "$told"
done
contains 'DHCP: both domains' "dhcp search $(printf '\3lab\7example\0\7example\0' | od -An -tx1 | tr -d ' \n')" "$told"
stop
link silent "qemu:$W/q" --no-dhcp
contains '--no-dhcp: no answer' 'no answer to DHCP' "$(vmm --dhcp connect "$W/q")"
stop

# --- one guest only
link once "qemu:$W/q" --one-off --stats
meets 'one guest' connect "$W/q"
ends '--one-off: it leaves, the gateway ends with status 0' 0
contains 'with the summary' 'sluice: summary of' "$(said once)"
[ ! -e "$W/q" ] && [ ! -e "$W/once.pid" ] && ok 'nothing is left behind' || not_ok 'nothing is left behind' "$(ls "$W")"

# --- qemu-connect:PATH
vmm listen "$W/l" >"$W/met" &
listener=$!
await "grep -q ready $W/met"
soon "$SLUICE" serve "qemu-connect:$W/l"
check 'when a VMM that listens leaves, that is the end' 0 $?
wait "$listener"
check 'it was met' "ready $met" "$(tr '\n' ' ' <"$W/met")"

# --- fd:N
meets_and_ends() { check "$1" "${met}status 0 " "$(vmm "${@:2}" | tr '\n' ' ')"; }
meets_and_ends 'fd: a stream that is connected' beside 3 stream "$SLUICE" serve fd:3
meets_and_ends 'fd: another number' beside 9 stream "$SLUICE" serve fd:9
meets_and_ends 'fd: a stream that listens' accept 5 "$SLUICE" serve fd:5
meets 'fd: datagrams' beside 7 dgram "$SLUICE" serve fd:7 --pid "$W/dgram.pid"
await "[ ! -e $W/dgram.pid ]" && ok 'fd: it ends with the VMM' || not_ok 'fd: it ends with the VMM' 'it did not'

# --- vfkit:PATH
link vfkit "vfkit:$W/v"
contains 'datagrams: MTU 1500' 'MTU 1500' "$(said vfkit)"
meets 'a guest of datagrams' dgram "$W/v"
meets 'one that greets' --vfkit dgram "$W/v"
stop
[ ! -e "$W/v" ] && ok 'ended: its socket is gone' || not_ok 'ended: its socket is gone' 'it is there'

# --- a connection, and a refusal
link tcp "qemu:$W/q"
python3 -m http.server --bind 127.0.0.1 7002 >/dev/null 2>&1 &
web=$!
await "python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", 7002))'"
contains 'a connection to the host' 'tcp connected' "$(vmm --tcp 7002 connect "$W/q")"
contains 'a refusal of the host' 'tcp refused' "$(vmm --tcp 7003 connect "$W/q")"
kill "$web"
wait "$web" 2>/dev/null
stop

# --- vhost-user: memory that is cut off
link bus "vhost-user:$W/u"
soon "$CUT" "$W/u" >"$W/cut" &
cutter=$!
ends 'memory cut off under the gateway: status 1' 1
contains 'and a sentence' "sluice: the guest's memory is gone" "$(tail -n 1 "$W/bus.err")"
kill "$cutter"
wait "$cutter" 2>/dev/null
check 'the cut was made' cut "$(cat "$W/cut")"
link unbus "vhost-user:$W/u"
ok 'its socket is taken over'
stop

# --- what cannot be: one sentence with the value and what to do
cannot() # cannot NAME LINK PART...
{
	local name=$1 link=$2 part
	check "$name: status" '1 1' "$(soon "$SLUICE" serve "$link" 2>err 8</dev/null; echo "$? $(wc -l <err)")"
	for part in "${@:3}"; do contains "$name: '$part'" "$part" "$(cat err)"; done
}
echo precious >"$W/file"
for kind in qemu vfkit vhost-user; do
	cannot "$kind: a file is there" "$kind:$W/file" "$W/file" 'not a socket' 'choose another'
done
check 'the file is untouched' precious "$(cat "$W/file")"
cannot 'no such folder' "qemu:$W/none/q" "$W/none/q"
cannot 'nobody listens' "qemu-connect:$W/none" "$W/none"
cannot 'nobody listens there either' "vhost-user-connect:$W/none" "$W/none"
cannot 'a descriptor that is not open' fd:77 'descriptor 77 is not open' 'close-on-exec'
cannot 'a descriptor that is no socket' fd:8 'descriptor 8 is not a socket' 'pass on'
