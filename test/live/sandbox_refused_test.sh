#!/bin/bash
# sandbox_refused_test.sh - G7: containers and administrators refuse parts of the sandbox: what is missing is said, and the rest holds
. "$(dirname "$0")/lib.sh"
mkdir -p -m 777 files
refuse=$(dirname "$0")/refuse.py
python3 "$refuse" EPERM swapon true || { echo 'skip sandbox_refused - no filters can be made here'; exit 0; }
landlock=$(python3 -c 'import ctypes; print(ctypes.CDLL(None).syscall(444, None, 0, 1))')
[ "$landlock" -ge 1 ] || { echo 'skip sandbox_refused - this kernel has no Landlock'; exit 0; }
user=(setpriv --reuid 1234 --regid 1234 --clear-groups)

field() { sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"; }
# What holds, as programs are told.
told() { python3 -c 'import json; print(" ".join(json.loads(open("files/events").readline())["confined"]))'; }
viewed() { [ "$(readlink "/proc/$1/ns/mnt")" != "$(readlink /proc/self/ns/mnt)" ] && echo view; }

# held NAME HELD SENTENCE COMMAND...: a gateway behind the command, what holds of its confinement, and what is said
held()
{
	local name=$1 held=$2 sentence=$3
	shift 3
	rm -rf files/* && echo 'policy: {profiles: [public]}' >files/sluice.yaml && echo secret >files/beside && chmod 644 files/*
	gateway files/refused "$@" "$SLUICE" serve "qemu:$W/files/socket" --events "$W/files/events" -c "$W/files/sluice.yaml" || return
	check "$name: what holds" "$held" "$(told)"
	check "$name: and does" "$(case $held in *calls*) echo 2 ;; *) echo "${outer-}" ;; esac)|$(case $held in *view*) echo view ;; esac)" \
		"$(field "$gateway" Seccomp)|$(viewed "$gateway")"
	check "$name: no privileges" '1 0000000000000000' "$(field "$gateway" NoNewPrivs) $(field "$gateway" CapPrm)"
	if [ -n "$sentence" ]; then
		contains "$name: what is missing is said" "$sentence" "$(cat files/refused.err)"
		check "$name: once" 1 "$(grep -c 'not all of the sandbox' files/refused.err)"
	else
		check "$name: nothing is said" '' "$(cat files/refused.err)"
	fi
	# It goes on: a file that is replaced is read.
	echo 'policy: {profiles: [none], rules: [allow to 192.0.2.1]}' >files/new && chmod 644 files/new && mv files/new files/sluice.yaml
	kill -HUP "$gateway"
	await "grep -q '\"reloaded\"' files/events"
	check "$name: a reload" 0 "$(grep -q '"reloaded"' files/events; echo $?)"
	stop
	check "$name: nothing is left behind" 'beside events refused.err sluice.yaml' "$(ls files | paste -sd ' ')"
}

unshare --mount true 2>/dev/null || { echo 'skip sandbox_refused - nobody can have mounts of his own here'; exit 0; }
mounts=mount,umount2,pivot_root,fsopen,fsmount,fsconfig,fspick,move_mount,open_tree,mount_setattr
hidden="names of the host's files can be seen:"
for who in root user; do
	as=()
	[ $who = root ] || as=("${user[@]}")
	held "$who, all of it" 'privileges calls files view' '' "${as[@]}"
	outer=2
	held "$who in a container" 'privileges calls files' "$hidden" python3 "$refuse" EPERM "unshare,setns,$mounts" "${as[@]}"
	contains "$who in a container: why" 'cannot be had (Operation not permitted): a container' "$(cat files/refused.err)"
	held "$who in an older container" 'privileges calls files' "$hidden this kernel cannot make a root of its own" python3 "$refuse" ENOSYS mount_setattr "${as[@]}"
	held "$who without Landlock" 'privileges calls view' 'files are not confined: this kernel has no Landlock' python3 "$refuse" EPERM landlock_create_ruleset "${as[@]}"
	held "$who without filters" 'privileges files view' 'system calls are not confined' python3 "$refuse" EPERM seccomp "${as[@]}"
	held "$who without any of them" 'privileges' 'files are not confined' python3 "$refuse" EPERM "seccomp,landlock_create_ruleset,unshare" "${as[@]}"
	contains "$who without any of them: names" "$hidden" "$(cat files/refused.err)"
	contains "$who without any of them: calls" 'system calls are not confined' "$(cat files/refused.err)"
done
# A setting of the administrator's: in a user namespace of its own, so that it is no other's.
forbid='echo 0 >/proc/sys/user/max_user_namespaces && exec setpriv --inh-caps=-all --bounding-set=-all "$@"'
held 'user namespaces that are forbidden' 'privileges calls files' "$hidden this system lets an ordinary user make no namespace (user.max_user_namespaces=0)" \
	unshare --user --map-root-user sh -c "$forbid" sh
