#!/bin/bash
# run_test.sh - `sluice run` as a program among others: an ordinary user, a terminal, and both ends by kill -9
#
# cli_run_test.sh has what the command sees, statuses and signals.
. "$(dirname "$0")/lib.sh"

cp "$SLUICE" sluice && SLUICE=$W/sluice     # an ordinary user may not reach the build folder
mkdir -p www && echo 'hello from the host' >www/hello
(cd www && exec python3 -u -m http.server --bind 127.0.0.1 8000) >web.log 2>&1 &
await 'grep -q Serving web.log'

# What is here, apart from this script, what it just runs to look, and its web server.
count()
{
	local strangers namespaces
	strangers=$(ps -e -o comm= | grep -cvxE 'run_test.sh|ps|grep|python3?')
	namespaces=$(lsns -n -o NS | wc -l)
	echo "processes $strangers interfaces $(ip -o link | wc -l) namespaces $namespaces mounts $(wc -l </proc/self/mountinfo)"
}
nobody='setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs'

# --- an ordinary user: a node that is open to all, and nothing else
mount -t tmpfs none /dev/net
mknod -m 666 /dev/net/tun c 10 200
check 'an ordinary user: curl' 'hello from the host' "$($nobody timeout 30 "$SLUICE" run -r 'allow to @host' -- curl -sS http://host.sluice.internal:8000/hello 2>&1)"
check 'an ordinary user: its own uid' 65534 "$($nobody timeout 30 "$SLUICE" run id -u 2>&1)"
$nobody timeout 30 "$SLUICE" run sh -c 'exit 42'
check 'an ordinary user: status' 42 $?
$nobody timeout 30 "$SLUICE" run sh -c 'kill -TERM $$'
check 'an ordinary user: 128 and the signal' 143 $?
# The limit is that of the user namespace we stand in: one of its own, so that the machine's is not touched.
unshare --user --map-root-user sh -c "echo 0 >/proc/sys/user/max_user_namespaces
	exec setpriv --inh-caps=-all --bounding-set=-all '$SLUICE' run true" 2>err
check 'forbidden user namespaces' 1 $?
contains 'the setting is named' 'user.max_user_namespaces' "$(cat err)"
contains 'and what to do' sysctl "$(cat err)"

# --- kill -9 of each side, as root and as an ordinary user
before=$(count)
for who in root nobody; do
	as=
	[ $who = root ] || as=$nobody
	# shellcheck disable=SC2086
	$as "$SLUICE" run sh -c "sleep 1000 & sleep 1000 & exec sleep 1000" &
	p=$!
	# sluice, its helper, and the command with two children
	await '[ "$(pgrep -cx sleep)" = 3 ]'
	kill -KILL "$p"
	wait "$p" 2>/dev/null
	await '[ "$(count)" = "$before" ]'
	check "sluice killed, $who: nothing is left" "$before" "$(count)"

	# shellcheck disable=SC2086
	$as "$SLUICE" run sh -c "sleep 1000 & sleep 1000 & exec sleep 1000" &
	p=$!
	await '[ "$(pgrep -cx sleep)" = 3 ]'
	kill -KILL "$(pgrep -P "$p")"
	wait "$p" 2>/dev/null
	check "the guest's init killed, $who: the status says so" 137 $?
	await '[ "$(count)" = "$before" ]'
	check "the guest's init killed, $who: nothing is left" "$before" "$(count)"

	# shellcheck disable=SC2086
	$as "$SLUICE" run sh -c "sleep 1000 & exec sleep 2000" &
	p=$!
	await 'pgrep -fx "sleep 2000" >/dev/null'
	kill -KILL "$(pgrep -fx 'sleep 2000')"
	wait "$p" 2>/dev/null
	check "the command killed, $who: 128 and the signal" 137 $?
	await '[ "$(count)" = "$before" ]'
	check "the command killed, $who: nothing is left" "$before" "$(count)"
done

# --- a terminal.  The command says what it is, then ^C reaches it, and sluice hands on how it took it.  It waits
# for the signal in one call: bash, between two commands of a loop, now and then loses one.  And no shell stays
# in front of sluice: dash, which a ^C reaches too, dies of it once its command has ended, however that ended.
cat >at-terminal <<'END'
import os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
if os.isatty(0):
    print("terminal", "%d %d" % tuple(reversed(os.get_terminal_size(0))))
print("waiting", flush=True)
signal.sigwait([signal.SIGINT])
print("caught", flush=True)
os._exit(3)
END
mkfifo keys
timeout 60 script -qefc "stty rows 33 cols 77; exec '$SLUICE' run python3 $W/at-terminal" /dev/null <keys >screen 2>&1 &
p=$!
exec 9>keys
await 'grep -q waiting screen'
printf '\003' >&9
await 'grep -q caught screen || ended $p'
wait "$p"
check '^C reaches the command' 3 $?
contains 'the command has the terminal' terminal "$(cat screen)"
contains 'with its size' '33 77' "$(cat screen)"
exec 9>&-

# ^C where nothing catches it: the command dies of it, and so does the pipeline of a shell.
timeout 60 script -qefc "'$SLUICE' run sh -c 'echo waiting; sleep 1000'; echo status \$?" /dev/null <keys >screen 2>&1 &
p=$!
exec 9>keys
await 'grep -q waiting screen'
printf '\003' >&9
await 'ended $p' || kill "$p"
wait "$p"
await '[ "$(count)" = "$before" ] || [ -n "$(pgrep -x script)" ]'
check '^C that nobody catches leaves nothing' 0 "$(pgrep -cx sleep)"
exec 9>&-
