#!/bin/bash
# cli_run_test.sh - `sluice run`: statuses, signals, what the command sees, and that nothing is left behind
#
# Servers listen on the loopback of a network namespace made here, which is the host to sluice.
cd "$(dirname "$0")/../.." || exit 1
set -u
SLUICE=$(realpath "${SLUICE:-build/sluice}")
if [ "${1:-}" != inside ]; then
	[ "$(id -u)" = 0 ] || { echo "skip cli_run - it needs root to make a host"; exit 0; }
	exec unshare -n -m --propagation private "$0" inside
fi
ip link set lo up
echo '0 2147483647' >/proc/sys/net/ipv4/ping_group_range
W=$(mktemp -d /tmp/cli_run.XXXXXX)
chmod 755 "$W"
# Its own copy: an ordinary user may not reach the build folder.
cp "$SLUICE" "$W/sluice"
SLUICE=$W/sluice
PIDS=()
# Whatever happens: sluice that is killed takes its guest along.
trap 'for p in "${PIDS[@]}"; do kill -KILL "$p" 2>/dev/null; done; wait 2>/dev/null; rm -rf "$W"' EXIT
trap 'exit 1' INT TERM

ok() { echo "ok $1"; }
not_ok() { echo "not ok $1 - $2"; }
check() { if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "wanted '$2', got '$3'"; fi; }
contains() { case $3 in *"$2"*) ok "$1" ;; *) not_ok "$1" "no '$2' in '$3'" ;; esac; }
# Waits for a condition, 10 s at most.
await() { local i; for i in $(seq 200); do eval "$1" && return 0; sleep 0.05; done; return 1; }
gone() { case $(sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2>/dev/null) in '' | Z | X) return 0 ;; esac; return 1; }
run() { timeout 30 "$SLUICE" run -r 'allow to @host' "$@"; }
# In the background; $p is sluice itself.
start() { "$SLUICE" run "$@" & p=$!; PIDS+=("$p"); }
as_user() { setpriv --reuid 1234 --regid 1234 --clear-groups timeout 30 "$SLUICE" run "$@"; }
status() { run "$@" >"$W/out" 2>"$W/err"; echo $?; }

# --- the command's status is sluice's
check 'status 0' 0 "$(status true)"
check 'status 77' 77 "$(status sh -c 'exit 77')"
check 'status of a signal' 137 "$(status sh -c 'kill -9 $$')"
check 'status of a command that is not there' 127 "$(status no-such-command)"
contains 'sentence of a command that is not there' 'no-such-command' "$(cat "$W/err")"
check 'status of a file that is no command' 126 "$(status /etc/passwd)"

# --- what the command sees
run sh -c 'ip -br link show sluice0; ip -br addr show sluice0; ip -br addr show lo; ip route; ip -6 route; cat /etc/resolv.conf
	tail -n 2 /etc/hosts; cat /proc/1/comm' >"$W/out" 2>&1
seen=$(tr -s ' \t' ' ' <"$W/out")
contains 'IPv4 address' '10.0.2.15/24' "$seen"
contains 'IPv6 address' 'fd73:6c75:6963:65::15/64' "$seen"
contains 'loopback is up' 'lo UNKNOWN 127.0.0.1/8' "$seen"
contains 'IPv4 route' 'default via 10.0.2.2 dev sluice0' "$seen"
contains 'IPv6 route' 'default via fd73:6c75:6963:65::2 dev sluice0' "$seen"
contains 'resolv.conf' 'nameserver 10.0.2.3' "$seen"
contains 'hosts, IPv4' '10.0.2.2 host.sluice.internal' "$seen"
contains 'hosts, IPv6' 'fd73:6c75:6963:65::2 host.sluice.internal' "$seen"
check 'pid 1 is its own init' sluice "$(tail -n 1 "$W/out")"
check 'MTU' 65520 "$(run cat /proc/sys/net/ipv6/conf/sluice0/mtu)"
check 'MTU of --mtu' 1400 "$(run --mtu 1400 cat /proc/sys/net/ipv6/conf/sluice0/mtu)"
run --mac 52:54:00:11:22:33 --no-ipv6 --guest 192.168.7.5/24 ip addr show sluice0 >"$W/out"
contains 'MAC of --mac' '52:54:00:11:22:33' "$(cat "$W/out")"
contains 'address of --guest' '192.168.7.5/24' "$(cat "$W/out")"
check 'no IPv6 of --no-ipv6' 0 "$(grep -c inet6 "$W/out")"
check 'descriptor limit is the caller'"'"'s' 300 "$(ulimit -Sn 300; run sh -c 'ulimit -Sn')"
(ulimit -n 400; run true) 2>"$W/err"
contains 'tables that do not fit are said' 'TCP and' "$(cat "$W/err")"
check 'the command has the descriptors of the caller and no other' "$(bash -c 'exec ls /proc/self/fd')" "$(run bash -c 'exec ls /proc/self/fd')"
check 'the gateway answers' 0 "$(status ping -c 1 -W 5 10.0.2.2)"
check 'the gateway answers IPv6' 0 "$(status ping -c 1 -W 5 fd73:6c75:6963:65::2)"

# --- /etc of a machine whose resolv.conf is replaced, a dangling link, or missing
cp -a /etc "$W/etc"
mount --bind "$W/etc" /etc
printf 'search a.example\nnameserver 192.0.2.1\n' >/etc/resolv.conf.new && mv /etc/resolv.conf.new /etc/resolv.conf
before=$(cat /etc/resolv.conf /etc/hosts | cksum)
start sh -c "touch $W/go; while [ -e $W/go ]; do sleep 0.05; done; cat /etc/resolv.conf; touch /etc/made-by-command" >"$W/out" 2>&1
await '[ -e $W/go ]'
printf 'search a.example\nnameserver 192.0.2.1\n' >/etc/resolv.conf.new && mv /etc/resolv.conf.new /etc/resolv.conf
helper=$(pgrep -P "$p")
await "grep -q ' /etc/resolv.conf ' /proc/$helper/mountinfo"
rm "$W/go"
wait "$p"
contains 'a resolv.conf that the host replaces is covered again' 'nameserver 10.0.2.3' "$(cat "$W/out")"
contains 'its search list stays' 'search a.example' "$(cat "$W/out")"
check 'what the command writes to /etc stays' 1 "$(ls /etc | grep -c made-by-command)"
check 'the host'"'"'s files are as they were' "$before" "$(cat /etc/resolv.conf /etc/hosts | cksum)"
rm /etc/resolv.conf
ln -s ../nowhere/resolv.conf /etc/resolv.conf
contains 'a dangling resolv.conf' 'nameserver 10.0.2.3' "$(run cat /etc/resolv.conf /etc/passwd)"
rm /etc/resolv.conf /etc/hosts
contains 'no resolv.conf' 'nameserver 10.0.2.3' "$(run cat /etc/resolv.conf)"
contains 'no hosts' 'host.sluice.internal' "$(run getent hosts host.sluice.internal)"
umount /etc

# --- signals
waiting='echo ready; while :; do sleep 0.05; done'
start sh -c "trap 'echo TERM; exit 5' TERM; $waiting" >"$W/out"
await 'grep -q ready $W/out'
kill -TERM "$p"
wait "$p"
check 'SIGTERM: the status is what the command made of it' 5 $?
check 'SIGTERM reaches the command' TERM "$(tail -n 1 "$W/out")"
start sh -c "trap 'echo USR1' USR1; $waiting" >"$W/out"
await 'grep -q ready $W/out'
kill -USR1 "$p"
await 'grep -q USR1 $W/out' && ok 'SIGUSR1 reaches the command' || not_ok 'SIGUSR1 reaches the command' 'it did not'
kill -KILL "$(pgrep -P "$p")"
wait "$p"
check 'killed helper: the command'"'"'s status' 137 $?

# --- nothing is left behind
start sh -c "sleep 1000 & setsid sleep 1000 & readlink /proc/self/ns/net >$W/ns; exit 3"
wait "$p"
check 'processes in the background do not hold sluice up' 3 $?
holders() { for n in /proc/[0-9]*/ns/net; do [ "$(readlink "$n" 2>/dev/null)" != "$1" ] || echo "$n"; done; }
check 'nor survive it' '' "$(holders "$(cat "$W/ns")")"
start sleep 1000
await 'c=$(pgrep -P '"$p"') && cc=$(pgrep -P $c)'
ns=$(readlink "/proc/$cc/ns/net")
kill -KILL "$p"
wait "$p" 2>/dev/null
await "gone $c && gone $cc" && ok 'killed sluice: helper and command end' || not_ok 'killed sluice: helper and command end' 'they live'
check 'killed sluice: its namespace is gone' '' "$(holders "$ns")"
check 'no interface in the host' 'lo' "$(ls /proc/sys/net/ipv4/conf | grep -vx -e all -e default | tr -d '\n')"
check 'no mount in the host' 0 "$(grep -c ' - tmpfs sluice ' /proc/self/mountinfo)"

# --- what was sent last arrives
socat -u UDP4-RECV:7001,bind=127.0.0.1 "OPEN:$W/udp,creat,append" &
PIDS+=($!)
socat -u TCP4-LISTEN:7002,bind=127.0.0.1 "OPEN:$W/tcp,creat" &
PIDS+=($!)
await 'grep -qi ":1B59 " /proc/net/udp && grep -qi ":1B5A .* 0A " /proc/net/tcp'
run bash -c 'echo last words >/dev/udp/10.0.2.2/7001'
await '[ -s $W/udp ]'
check 'a datagram sent at the very end arrives' 'last words' "$(cat "$W/udp")"
run bash -c 'head -c 3000000 /dev/zero >/dev/tcp/10.0.2.2/7002'
await '[ "$(stat -c %s $W/tcp)" = 3000000 ]'
check 'a stream that its command did not wait for arrives' 3000000 "$(stat -c %s "$W/tcp")"

# --- never half a start
socat -u TCP4-LISTEN:7003,bind=127.0.0.1 /dev/null &
PIDS+=($!)
await 'grep -qi ":1B5B .* 0A " /proc/net/tcp'
check 'a port that is taken' 1 "$(status -p 7003 touch "$W/started")"
contains 'the port that is taken is named' '7003' "$(cat "$W/err")"
check 'a pid file that cannot be' 1 "$(status --pid /nowhere/pid touch "$W/started")"
check 'a capture that cannot be' 1 "$(status --pcap /nowhere/pcap touch "$W/started")"
check 'a wrong option' 2 "$(status --mtu 5 touch "$W/started")"
check 'one sentence each' 1 "$(wc -l <"$W/err")"
[ ! -e "$W/started" ] && ok 'the command was not started' || not_ok 'the command was not started' 'it was'
check '--pid holds the pid of sluice' 'same' "$(run --pid "$W/pid" sh -c "cat $W/pid" >"$W/out"; [ -s "$W/out" ] && echo same)"
[ ! -e "$W/pid" ] && ok 'the pid file is removed' || not_ok 'the pid file is removed' 'it is there'
check 'a capture is its owner'"'"'s' 600 "$(umask 0; run --pcap "$W/pcap" true; stat -c %a "$W/pcap")"
run --stats=json true 2>"$W/err"
check '--stats=json is one line of JSON' 1 "$(grep -c '^{"seconds":.*"tcp_open":0,.*}}$' "$W/err")"

# --- an ordinary user
mount -t tmpfs none /dev/net
check 'no /dev/net/tun' 1 "$(status true)"
contains 'the driver is named' 'modprobe tun' "$(cat "$W/err")"
mknod -m 600 /dev/net/tun c 10 200
as_user true 2>"$W/err"
check 'a /dev/net/tun that is closed' 1 $?
contains 'what to do about it' 'chmod 0666 /dev/net/tun' "$(cat "$W/err")"
chmod 666 /dev/net/tun
as_user sh -c 'id -u; ip -br addr show sluice0; ping -c 1 -W 5 10.0.2.2; cat /etc/resolv.conf' >"$W/out" 2>&1
check 'an ordinary user' 0 $?
check 'is the same user inside' 1234 "$(head -n 1 "$W/out")"
contains 'has the network' '10.0.2.15/24' "$(cat "$W/out")"
contains 'can ping' '1 received' "$(cat "$W/out")"
contains 'has the resolv.conf' 'nameserver 10.0.2.3' "$(cat "$W/out")"
check 'is root with --root' 0 "$(as_user --root id -u)"
unshare -U --map-root-user sh -c "echo 0 >/proc/sys/user/max_user_namespaces
	setpriv --inh-caps=-all --bounding-set=-all $SLUICE run true" 2>"$W/err"
check 'user namespaces that are forbidden' 1 $?
contains 'by a setting that is named' 'user.max_user_namespaces=0' "$(cat "$W/err")"
