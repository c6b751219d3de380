#!/bin/bash
# sandbox_test.sh - G7: what a confined program has left; what a reload still reads; what one that was taken over can do
. "$(dirname "$0")/lib.sh"
mkdir -p conf links real alone /run/other
cp -a /etc etc && mount --bind etc /etc || exit
mount -t tmpfs -o mode=1777 everybodys /mnt || exit # a folder right under /: all sorts of things are there

# The kernel's Landlock, of which there may be none: files are open then, and it is said.
landlock=$(python3 -c 'import ctypes; print(ctypes.CDLL(None).syscall(444, None, 0, 1))')
[ "$landlock" -ge 1 ] || echo 'skip files - this kernel has no Landlock'
# Sanitizers look into their own process at its end, and are let.
sanitized=$(nm "$SLUICE" 2>/dev/null | grep -c ' T __asan_init\| U __asan_init')
[ "$sanitized" = 0 ] && proc='' || proc=proc
# A build that counts what was reached writes that when it ends: there is a folder more, and calls to write in it.
counted=$(nm "$SLUICE" 2>/dev/null | grep -c ' T __gcov_dump')
[ "$counted" = 0 ] || echo 'skip some of the root - a build that counts writes where it was built'
# Where no process may be traced, nothing can be tried from inside.
[ "$(uname -m)" = x86_64 ] || sanitized=1

field() { sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"; }
confined() { echo "$(field "$1" NoNewPrivs) $(field "$1" Seccomp) $(($(field "$1" CapEff | sed 's/^/0x/'))) $(($(field "$1" CapPrm | sed 's/^/0x/')))"; }

# --- as root, with files that change -------------------------------------------------------------------------
python3 - >servers.log 2>&1 <<'END' &
import socket, threading
def serve(port):
    s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(('127.0.0.1', port)); s.listen()
    while True:
        c, _ = s.accept(); c.sendall(b'hello\n'); c.close()
for p in range(7001, 7009):
    threading.Thread(target=serve, args=(p,), daemon=True).start()
print('ready', flush=True)
threading.Event().wait(150)
END
servers=$!
await 'grep -q ready servers.log'
ip netns add guest
reaches() { guest timeout 5 bash -c "exec 3<>/dev/tcp/10.0.2.2/$1; read -r -t 4 line <&3; [ \"\$line\" = hello ]" 2>/dev/null; }

# policy PORT: conf/policy.yaml allows it and what conf/list says, links/link.yaml is a link to one in real/
rules() { printf 'policy: {profiles: [none], rules: [allow tcp/%s to @host, "deny to @file:list"], files: [../links/link.rules, ../alone/one.rules]}\n' "$1"; }
rules 7001 >conf/policy.yaml
echo 192.0.2.1 >conf/list
echo 'allow tcp/7002 to @host' >real/of-link.rules
ln -s ../real/of-link.rules links/link.rules
echo 'allow tcp/7003 to @host' >alone/one.rules
echo 'allow tcp/7004 to @host' >/mnt/some.rules
serve guest -v -c conf/policy.yaml --policy /mnt/some.rules || exit
check 'root: no new privileges, a filter, no capability' '1 2 0 0' "$(confined "$gateway")"
contains 'what holds is said' 'confined: no privileges, no system calls but a gateway' "$(cat guest.err)"
if [ "$landlock" -ge 1 ]; then
	contains 'files too' "files that can be read: " "$(grep confined: guest.err)"
	lacks 'of the folder of everybody, the file alone' '/mnt,' "$(grep confined: guest.err),"
	lacks 'nothing is missing' 'not all of' "$(cat guest.err)"
fi
# The kernel's mounts for it: where there is no view to be had, all of this is said, and skipped.
viewed() { [ "$(readlink "/proc/$1/ns/mnt")" != "$(readlink /proc/self/ns/mnt)" ]; }
viewed "$gateway" && view=1 || view=0
[ "$view" = 1 ] || echo 'skip a root of its own - this system lets nobody have one'
# What of the host's filesystems a process has mounted: where, each once, without what only covers others.
mounts_of() { awk '$4 != "/file" && $4 != "/folder" { print $5 }' "/proc/$1/mountinfo" | sort -u | paste -sd ' '; }
if [ "$view" = 1 ]; then
	contains 'a root of its own' ' a root of its own,' "$(grep confined: guest.err)"
	[ "$counted" != 0 ] || check 'in it are the folders that are named, and nothing of what the host has mounted' "/ /etc /mnt${proc:+ /$proc} /run /run/live" "$(mounts_of "$gateway")"
	# The mount, or its filesystem; the pid file goes from its folder.
	[ "$counted" != 0 ] || check 'nothing on it can be written to, run from or be a device' 0 \
		"$(awk '$6 !~ /nosuid,nodev,noexec/ || ($6 !~ /^ro/ && $NF !~ /^ro/ && $5 != "/run/live")' "/proc/$gateway/mountinfo" | wc -l)"
	check 'what is beside them is covered' '0 0' "$(stat -c '%s %a' "/proc/$gateway/root/etc/passwd")"
	check 'a folder too' '' "$(ls -A "/proc/$gateway/root/run/netns")"
	[ "$counted" != 0 ] || check 'there is no /proc, but where leaks are looked for' "etc mnt${proc:+ $proc} run" "$(ls -A "/proc/$gateway/root" | paste -sd ' ')"
fi
served() { local p; for p in 7001 7002 7003 7004 7005 7006 7007; do reaches $p && echo -n "$p "; done; }
check 'it serves' '7001 7002 7003 7004 ' "$(served)"

reloads=0
# reload SUCCESS: SIGHUP, and that it ended so
reload()
{
	local word=': reloaded'
	[ "$1" = yes ] || word='not reloaded'
	local before
	before=$(grep -c "$word" guest.err)
	reloads=$((reloads + 1))
	kill -HUP "$gateway"
	await "[ \$(grep -c '$word' guest.err) -gt $before ]"
	check "reload $reloads ends as it should ($1)" 0 $?
}
# written FILE: under another name and then moved, as editors do
written() { cat >"$1.new" && mv "$1.new" "$1"; }

rules 7005 | written conf/policy.yaml
echo 'allow tcp/7006 to @host' | written real/of-link.rules
echo 'allow tcp/7007 to @host' | written alone/one.rules
reload yes
check 'files that were replaced are read: a configuration, a link, rules' '7004 7005 7006 7007 ' "$(served)"
echo 'allow tcp/7001 to @host' >/mnt/some.rules
reload yes
echo 'no address: at all' | written conf/list
reload no
contains 'a list that was replaced is read' 'list:1' "$(cat guest.err)"
echo 192.0.2.2 | written conf/list
reload yes
check 'one in a folder of everybody too, where it is written in place' '7001 7005 7006 7007 ' "$(served)"
echo 'allow tcp/7002 to @host' >conf/second.rules
{ rules 7003 | sed 's|\[\.\./links|[second.rules, ../links|'; } | written conf/policy.yaml
reload yes
check 'a new file beside them is read' '7001 7002 7003 6' "$(served | cut -c 1-15)6"

if [ "$landlock" -ge 1 ]; then
	echo 'allow tcp/7004 to @host' >/run/other/new.rules
	{ rules 7003 | sed 's|\.\./alone/one|/run/other/new|'; } | written conf/policy.yaml
	reload no
	contains 'a file elsewhere: why' '/run/other/new.rules: the sandbox has no room for it' "$(cat guest.err)"
	contains 'and what helps' 'start sluice again' "$(cat guest.err)"
	contains 'the place is said too' 'conf/policy.yaml:1:' "$(cat guest.err)"
	check 'nothing has changed' '7001 7002 7003 6' "$(served | cut -c 1-15)6"
	echo 192.0.2.5 >/run/other/list
	{ rules 7003 | sed 's|@file:list|@file:/run/other/list|'; } | written conf/policy.yaml
	reload no
	contains 'a list elsewhere' '/run/other/list: the sandbox has no room for it' "$(cat guest.err)"
	rules 7003 | written conf/policy.yaml
	echo 'allow tcp/7004 to @host' | written /mnt/some.rules
	reload no
	contains 'one that was replaced in a folder of everybody' '/mnt/some.rules: the sandbox has no room for it' "$(cat guest.err)"
fi
# A folder that is exchanged for another is not silently taken for the one that was there.
cp -r conf conf.next && rules 7004 >conf.next/policy.yaml && mv conf conf.last && mv conf.next conf
if [ "$landlock" -ge 1 ]; then
	reload no
	contains 'a folder that was exchanged: why' 'conf/policy.yaml: the sandbox has no room for it' "$(cat guest.err)"
else
	reload yes
fi
rm -r conf && mv conf.last conf
stop
check 'the pid file goes, as ever' 0 "$(find . -name guest.pid | wc -l)"

# --- names: the host's file is replaced, and becomes a link to elsewhere ------------------------------------------
nameserver()
{
	dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --user=root --pid-file= --log-facility=- \
		--bind-interfaces --listen-address="$1" --port=53 --address="/a.example/$2" >"dns.$1.log" 2>&1 &
	await "dig @$1 a.example +short +time=1 +tries=1 | grep -q $2" || not_ok "dnsmasq on $1" "$(cat "dns.$1.log")"
}
asks() { guest dig +short +time=6 +tries=1 @"$N4" a.example 2>&1 | head -n 1; }
nameserver 127.0.0.1 11.0.1.1
nameserver 127.0.0.2 11.0.1.2
mkdir -p /run/systemd/resolve
echo 'nameserver 127.0.0.1' | written /etc/resolv.conf
serve guest || exit
check 'the resolver of the host' 11.0.1.1 "$(asks)"
if [ "$view" = 1 ]; then
	check 'a plain file: of its folder nothing else' '1 0 0' \
		"$(grep -c 127.0.0.1 "/proc/$gateway/root/etc/resolv.conf") $(stat -c '%s %a' "/proc/$gateway/root/etc/passwd")"
fi
echo 'nameserver 127.0.0.2' | written /etc/resolv.conf
await '[ "$(asks)" = 11.0.1.2 ]'
check 'its file is replaced' 11.0.1.2 "$(asks)"
echo 'nameserver 127.0.0.1' >/run/systemd/resolve/stub-resolv.conf
ln -s ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf.new && mv /etc/resolv.conf.new /etc/resolv.conf
await '[ "$(asks)" = 11.0.1.1 ]'
check 'it becomes a link' 11.0.1.1 "$(asks)"
echo 'nameserver 127.0.0.2' | written /run/systemd/resolve/stub-resolv.conf
await '[ "$(asks)" = 11.0.1.2 ]'
check 'and what it leads to is replaced' 11.0.1.2 "$(asks)"
stop
serve guest --events "$W/events" || exit
check 'a link from the start' 11.0.1.2 "$(asks)"
echo 'nameserver 127.0.0.1' | written /run/systemd/resolve/stub-resolv.conf
await '[ "$(asks)" = 11.0.1.1 ]'
check 'and what it leads to is replaced' 11.0.1.1 "$(asks)"
if [ "$view" = 1 ]; then
	check 'of /etc there is the link alone' 'resolv.conf' "$(ls -A "/proc/$gateway/root/etc")"
	check 'programs are told' '["privileges","calls","files","view"]' \
		"$(python3 -c 'import json; print(json.dumps(json.loads(open("events").readline())["confined"], separators=(",", ":")))')"
fi
# --- the host's own mounts ----------------------------------------------------------------------------------------
# A namespace ends with its name, whoever has mounts, and its cables with it.  That of the guest has its tap's descriptor besides, and
# lives as long as that does.
ip netns add ends && ip link add to-ends type veth peer name host0 netns ends
ip link add to-guest type veth peer name host0 netns guest
umount /run/netns/guest && rm /run/netns/guest && ip netns del ends
await '! ip link show to-ends >/dev/null 2>&1'
check 'a namespace that is deleted ends' 1 "$(ip link show to-ends >/dev/null 2>&1; echo $?)"
check "the guest's is there while its gateway is" 0 "$(ip link show to-guest >/dev/null 2>&1; echo $?)"
stop
await '! ip link show to-guest >/dev/null 2>&1'
check 'and ends with it' 1 "$(ip link show to-guest >/dev/null 2>&1; echo $?)"
ip netns add guest

# --- without ------------------------------------------------------------------------------------------------------
serve guest --no-sandbox || exit
check '--no-sandbox: nothing is taken away' '0 0' "$(field "$gateway" NoNewPrivs) $(field "$gateway" Seccomp)"
[ "$view" = 0 ] || check '--no-sandbox: nor is the view' "$(readlink /proc/self/ns/mnt)" "$(readlink "/proc/$gateway/ns/mnt")"
contains 'and what that means is said' '--no-sandbox: whoever takes over this process can' "$(cat guest.err)"
check 'in one line' 1 "$(wc -l <guest.err)"
stop

# --- an ordinary user, and run -----------------------------------------------------------------------------------
mkdir -m 777 user
setpriv --reuid 1234 --regid 1234 --clear-groups "$SLUICE" serve -v "qemu:$W/user/socket" --pid "$W/user/pid" 2>user.err </ 9</ 8</etc/hostname 7>user.leak &
user=$!
await '[ -s user/pid ]'
check 'an ordinary user: the same' '1 2 0 0' "$(confined "$user")"
contains 'and it is said' 'confined: no privileges, no system calls but a gateway' "$(cat user.err)"
check 'what its starter had open is closed' '' "$(readlink /proc/$user/fd/[789] | paste -sd ' ')"
check 'a folder in place of a standard stream is nothing' /dev/null "$(readlink /proc/$user/fd/0)"
if viewed "$user"; then
	[ "$counted" != 0 ] || check 'an ordinary user has a root of its own, too' "/${proc:+ /$proc} /run/live/user /run/systemd/resolve" "$(mounts_of "$user")"
	check 'in a user namespace, where it is who it was' '1234 1234 1' "$(tr -s ' ' <"/proc/$user/uid_map" | sed 's/^ //')"
else
	contains 'a root of its own: why not' "names of the host's files can be seen: " "$(cat user.err)"
fi
# One that may make no such namespaces is told of the setting.
soon unshare --user --map-root-user sh -c 'echo 0 >/proc/sys/user/max_user_namespaces && exec setpriv --inh-caps=-all \
	--bounding-set=-all "$@"' sh "$SLUICE" replay -v none.pcapng out.pcapng >refused.out 2>&1
contains 'user namespaces that are forbidden: by what' '(user.max_user_namespaces=0)' "$(cat refused.out)"

# run_there NAME: a gateway with a command that waits for $W/NAME.over; its pid is in $gateway
run_there()
{
	"$SLUICE" run --pid "$W/$1.pid" -r 'allow to @host' -- sh -c "grep NoNewPrivs /proc/self/status
		while [ ! -e $W/$1.over ]; do sleep 0.05; done
		bash -c 'read -r line </dev/tcp/10.0.2.2/7001; echo \$line'; exit 7" >"$1.out" 2>"$1.err" &
	gateway=$!
	await "[ -s $W/$1.pid ] || ended $gateway"
	[ -s "$1.pid" ] || not_ok "run starts ($1)" "$(cat "$1.err")"
}
run_there run
check 'run: no new privileges, a filter, no capability' '1 2 0 0' "$(confined "$gateway")"
: >run.over
wait "$gateway"
check 'its command has what it was started with, and is served' '7 NoNewPrivs: 0 hello' "$? $(tr '\t\n' '  ' <run.out | sed 's/ *$//')"

# --- the command and its gateway ----------------------------------------------------------------------------------
# The command has a pid namespace of its own: to it there is no gateway, whoever both are.
cat >look <<'END'
#!/usr/bin/python3
# look PID: what can be done to it
import ctypes, os, sys
p = int(sys.argv[1])
class iovec(ctypes.Structure):
    _fields_ = [('at', ctypes.c_void_p), ('len', ctypes.c_size_t)]
byte = ctypes.create_string_buffer(1)
# Where vDSOs and programs lie is not known: a fault there is an answer, too.
mine, theirs = iovec(ctypes.addressof(byte), 1), iovec(4096, 1)
def can(r):
    return r >= 0 or ctypes.get_errno() == 14
c = ctypes.CDLL(None, use_errno=True)
ways = [('signal', c.kill(p, 0)), ('see', 0 if os.path.isdir(f'/proc/{p}') else -1), ('trace', c.ptrace(0x4206, p, 0, 0)),
        ('pidfd', c.syscall(434, p, 0)), ('read', 0 if can(c.process_vm_readv(p, ctypes.byref(mine), 1, ctypes.byref(theirs), 1, 0)) else -1)]
print(' '.join(n for n, r in ways if r >= 0))
END
chmod 755 look
mkdir -m 777 looks
mknod -m 666 tun c 10 200 && mount --bind tun /dev/net/tun
for who in 0 1234; do
	as=(setpriv --reuid "$who" --regid "$who" --clear-groups)
	soon "${as[@]}" "$SLUICE" run --pid "$W/looks/pid" -- sh -c "id -u; [ -s $W/looks/pid ] && echo there; $W/look \$(cat $W/looks/pid)" >look.out 2>look.err
	check "run as user $who: its command finds no gateway" "$who|there|" "$(paste -sd "|" look.out)"
done
"${as[@]}" "$SLUICE" serve "qemu:$W/looks/socket" --no-sandbox --pid "$W/looks/pid" 2>/dev/null &
looked=$!
await '[ -s looks/pid ]'
check 'who is outside finds one' 'signal see trace pidfd read' "$("${as[@]}" ./look "$looked")"
kill "$looked"
wait "$looked"

# --- from inside -------------------------------------------------------------------------------------------------
# The folder stays: what a host makes anew after the start has a name that is new.
prepare() { rm -rf /run/other/* && echo known >/run/other/secret && echo x >/run/other/file; }
# attack NAME PID: what got through, by name
attack()
{
	local own=none
	[ "$counted" = 0 ] || own=mkdir
	prepare
	soon "$TOOLS/inject" "$2" >"attack.$1"
	sed -n 's/ allowed.*//p' "attack.$1" | grep -vx "$own" | paste -sd ' '
}
tried() { wc -l <"attack.$1"; }

if [ "$sanitized" = 0 ]; then
	serve guest --no-sandbox -r 'allow to @host' || exit
	attack canary "$gateway" >canary.out
	wait "$gateway"
	check 'without the sandbox everything that is tried gets through' '' "$(grep refused attack.canary | paste -sd ' ')"
	contains 'to the last' 'execve allowed, another program runs' "$(tail -n 1 attack.canary)"
	canary=$(tried canary)
	ip -n guest link del tap0 2>/dev/null

	serve guest -r 'allow to @host' -c conf/policy.yaml || exit
	check 'G7 root: nothing gets through' '' "$(attack root "$gateway")"
	check 'as much is tried' "$canary" "$(tried root)"
	check 'the files are as they were' 'known x' "$(cat /run/other/secret /run/other/file | paste -sd ' ')"
	reaches 7003
	check 'the gateway serves on' 0 $?
	soon "$TOOLS/inject" "$gateway" execve >attack.death
	wait "$gateway"
	check 'one that makes such a call dies of it' 159 $?
	contains 'and says so' 'killed by its own sandbox: system call 59 ' "$(cat guest.err)"
	rm -f guest.pid

	check 'G7 an ordinary user: nothing gets through' '' "$(attack user "$user")"
	run_there attacked
	check 'G7 run: nothing gets through' '' "$(attack run "$gateway")"
	: >attacked.over
	wait "$gateway"
	check 'and it runs on' '7 hello' "$? $(tail -n 1 attacked.out)"
else
	echo 'skip G7 from inside - sanitizers need calls of their own, or the registers of this machine are not known'
fi
kill "$user"
wait "$user"
check 'an ordinary user: the end' 0 $?
check 'socket and pid file go' '' "$(ls user)"

# --- replay ------------------------------------------------------------------------------------------------------
serve guest --pcap "$W/ping.pcapng" || exit
guest ping -n -c 1 $G4 >/dev/null
stop
soon "$SLUICE" replay -v ping.pcapng out.pcapng 2>replay.err
check 'a replay' 0 $?
contains 'is confined' 'confined: no privileges, no system calls but a gateway' "$(cat replay.err)"
contains 'and written' 'reply' "$(tcpdump -n -r out.pcapng icmp 2>/dev/null)"
end "$servers"
