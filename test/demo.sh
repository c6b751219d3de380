#!/bin/bash
# demo.sh SLUICE - sluice's main job, end to end, on this machine alone
#
# Web servers on the host's loopback, and a guest command in its own network namespace that reaches them
# through the gateway: IPv4, IPv6, a refused port, ping, and a published port the other way; then what policy refuses,
# and how the guest and the operator learn why.  This script is both sides: with the argument "guest" it is the
# command that runs inside.
set -u
export LC_ALL=C
export no_proxy='*' # whatever proxy the machine has, it is not the guest's
gateway4=10.0.2.2 gateway6=fd73:6c75:6963:65::2 published=8080
bold='' green='' red='' plain=''
[ -t 1 ] && bold=$'\e[1m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
bad=0

title() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
good() { printf '  %sok%s   %s\n' "$green" "$plain" "$*"; }
fail() { printf '  %sFAIL%s %s\n' "$red" "$plain" "$*"; bad=1; }

rule_for() { echo "deny tcp/$1 to @host \"that one is private\""; }

# --- inside ---------------------------------------------------------------------------------------------

# fetch FAMILY URL: the body must be the host's file, byte for byte
fetch()
{
	local out sum
	out=$(curl "$1" -sS --max-time 10 -o "$work/got" -w '%{size_download} %{speed_download}' "$2" 2>&1) ||
		{ fail "curl $1 $2: $out"; return; }
	sum=$(sha256sum <"$work/got")
	rm -f "$work/got"
	if [ "$sum" = "$(cat "$work/sum")" ]; then
		set -- "$@" $out
		good "curl $1 $2: $(($3 / 1000000)) MB, same content, $(($4 / 1000000)) MB/s"
	else
		fail "curl $1 $2: other bytes than the host's"
	fi
}

ping_gateway()
{
	local out
	if out=$(ping -n -c 3 -i 0.2 -W 2 "$1" 2>&1); then
		good "ping $1: $(sed -n 's/.*= [0-9.]*\/\([0-9.]*\)\/.*/\1 ms on average/p' <<<"$out")"
	else
		fail "ping $1: $(tail -n 2 <<<"$out" | head -n 1)"
	fi
}

refused()
{
	local out
	out=$(curl -sS --max-time 5 "http://$gateway4:1/" 2>&1)
	if [ $? = 7 ]; then # curl's "failed to connect"; a silent port would be 28
		good "a port nobody listens on is refused at once: \"${out#curl: (7) }\""
	else
		fail "a port nobody listens on was not refused: $out"
	fi
}

# Two empty files say to the other side that we listen, and to us that the host has fetched.
serve_host()
{
	local server
	python3 -m http.server --bind 0.0.0.0 --directory "$work/guest" $published >/dev/null 2>&1 & server=$!
	for _ in {1..100}; do
		! curl -s "http://127.0.0.1:$published/" >/dev/null || break
		sleep 0.05
	done
	: >"$work/listening"
	for _ in {1..100}; do
		[ ! -e "$work/fetched" ] || break
		sleep 0.1
	done
	kill $server
	wait $server 2>/dev/null
}

# What policy refuses is refused at once, and the gateway says why to the guest itself.
forbidden()
{
	local out page
	out=$(curl -sS --max-time 5 "http://$gateway4:$1/" 2>&1)
	if [ $? = 7 ]; then
		good "port $1 of the host, which a rule denies, is refused at once"
	else
		fail "port $1 of the host was not refused: $out"
	fi
	page=$(curl -sS --max-time 5 http://gateway.sluice.internal/ 2>&1)
	printf '  curl http://gateway.sluice.internal/\n'
	sed 's/^/  | /' <<<"$page"
	case $page in
	*"tcp $gateway4:$1"*"$(rule_for "$1")"*) good "the guest reads which rule it was" ;;
	*) fail "the guest does not read which rule it was" ;;
	esac
}

guest()
{
	work=$2 forbidden=$5
	title "Inside the guest: its own network, all of it sluice's"
	ip -o addr show scope global | awk '{ printf "  %s %s\n", $2, $4 }'
	ping_gateway $gateway4
	fetch -4 "http://$gateway4:$3/file"
	if [ -n "$4" ]; then
		ping_gateway $gateway6
		fetch -6 "http://[$gateway6]:$4/file"
	fi
	refused
	title "Inside the guest: what policy refuses, and why"
	forbidden "$forbidden"
	serve_host
	exit $bad
}

# --- outside --------------------------------------------------------------------------------------------

servers=()
cleanup()
{
	trap - EXIT
	[ ${#servers[@]} = 0 ] || kill "${servers[@]}" 2>/dev/null
	wait 2>/dev/null
	rm -rf "$work"
}

# A server on a port the kernel chooses; the port is in $port.
serve() # serve ADDR
{
	python3 -u -m http.server --bind "$1" --directory "$work/host" 0 >"$work/server.$1" 2>/dev/null &
	servers+=($!)
	for _ in {1..50}; do
		[ -e "$work/server.$1" ] || sleep 0.1
		port=$(sed -n 's/.* port \([0-9]*\) .*/\1/p' "$work/server.$1")
		[ -z "$port" ] || return 0
		sleep 0.1
	done
	echo "demo: no web server on $1" >&2
	exit 1
}

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

fetch_published() # once the guest listens
{
	local got
	for _ in {1..400}; do
		[ ! -e "$work/listening" ] || break
		sleep 0.05
	done
	got=$(curl -sS --max-time 5 "http://127.0.0.1:$1/hello" 2>&1)
	if [ "$got" = 'hello from the guest' ]; then
		good "curl http://127.0.0.1:$1/hello: \"$got\""
	else
		fail "curl http://127.0.0.1:$1/hello: $got"
	fi
	: >"$work/fetched"
}

[ "${1:-}" != guest ] || guest "$@"

sluice=${1:-build/sluice}
work=$(mktemp -d) || exit 1
trap cleanup EXIT
trap 'exit 130' INT TERM
chmod 777 "$work"
mkdir "$work/host" "$work/guest"
head -c 50000000 /dev/urandom >"$work/host/file"
sha256sum <"$work/host/file" >"$work/sum"
echo 'hello from the guest' >"$work/guest/hello"

title "On the host: web servers on its loopback"
serve 127.0.0.1
port4=$port port6=
printf '  127.0.0.1 port %s\n' "$port4"
if grep -q '^0*1 ' /proc/net/if_inet6 2>/dev/null; then
	serve ::1
	port6=$port
	printf '  ::1 port %s\n' "$port6"
else
	echo '  (this host has no IPv6 loopback: that part is left out)'
fi

# The same policy, for the guest and for the question about it.
forbidden=$(free_port)
door=$(free_port)
policy=(-r "$(rule_for "$forbidden")" -r 'allow to @host')
title "\$ sluice run -r '${policy[1]}' -r '${policy[3]}' --stats --publish $door:$published -- COMMAND"
fetch_published "$door" >"$work/published" &
"$sluice" run "${policy[@]}" --stats --publish "127.0.0.1:$door:$published" -- \
	"$(realpath "$0")" guest "$work" "$port4" "$port6" "$forbidden" 2>"$work/summary"
status=$?
: >"$work/listening" # in case the guest never came up
wait $!

title "From the host into the guest: the published port"
cat "$work/published"
grep -q FAIL "$work/published" && bad=1
title "\$ sluice explain -r ... tcp $gateway4:$forbidden"
"$sluice" explain "${policy[@]}" tcp "$gateway4:$forbidden" >"$work/explained" 2>&1
explained=$?
sed 's/^/  /' "$work/explained"
if [ $explained != 3 ] || ! grep -qF "$(rule_for "$forbidden")" "$work/explained"; then
	fail "explain does not name the rule (status $explained)"
fi
title "What passed"
sed 's/^/  /' "$work/summary"

if [ $status != 0 ] || [ $bad != 0 ]; then
	printf '\n%sdemo: something above failed%s (sluice run ended with status %d)\n' "$red" "$plain" $status
	exit 1
fi
printf '\n%sdemo: everything worked%s\n' "$green" "$plain"
