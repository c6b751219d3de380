# live.sh - what the live tests with a real guest share: the host's side of its checks
#
# Sourced first thing by each guest_*_test.sh.  The kernel and the file system of the guest are made before
# lib.sh shuts the network of this machine out; where they cannot be had, the test is skipped and says why.  A
# test of sluice-vmm names it in VMM.
# shellcheck shell=bash source=test/live/lib.sh
GUEST=$(realpath "$(dirname "$0")/../guest")
if [ "${LIVE_HOST:-}" != inside ]; then
	name=${0##*/} name=${name%_test.sh}
	command -v qemu-system-x86_64 >/dev/null || { echo "skip $name - there is no QEMU (qemu-system-x86_64) here"; exit 0; }
	why=$({ "$GUEST/make_kernel.sh" && "$GUEST/make_initramfs.sh" ${VMM:+"$VMM"}; } 2>&1)
	case $?,${CI:-} in
	0,*) ;;
	77,* | 1,) echo "skip $name - $why"; exit 0 ;;
	*) echo "not ok $name - $why"; exit 1 ;;
	esac
fi
# shellcheck disable=SC1091
. "$(dirname "$0")/lib.sh"

# --- the host -------------------------------------------------------------------------------------------

mkdir -p web/cgi-bin
cp "$GUEST/put" web/cgi-bin/
head -c 24000000 /dev/urandom >web/file
head -c 1000001 web/file >part
sha256sum <web/file >web/sum
for addr in 127.0.0.1 '[::1]'; do
	busybox httpd -f -p "$addr:8000" -h "$W/web" &
	await "curl -fsS --noproxy '*' -o got 'http://$addr:8000/sum'" || not_ok 'the web server starts' "$addr"
done
dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --user=root --pid-file= --log-facility=- \
	--bind-interfaces --listen-address=127.0.0.1 --port=5353 --address="/web.example/$G4" --address="/web.example/$G6" >dns.log 2>&1 &
await 'dig @127.0.0.1 -p 5353 web.example +short +time=1 +tries=1 | grep -q .' || not_ok 'the name server starts' "$(cat dns.log)"

# serve_guest LINK [OPTIONS]: the gateway of the guests to come
serve_guest() { gateway vm "$SLUICE" serve "$@" --nameserver 127.0.0.1:5353 -p 9000 -r 'allow to @host' --stats=json; }

# --- a guest --------------------------------------------------------------------------------------------

same() { if cmp -s "$2" "$3"; then ok "$1"; else not_ok "$1" "$(cmp "$2" "$3" 2>&1)"; fi; }     # NAME FILE FILE

# visit NAME COMMAND...: the command boots a guest that makes its checks, its console in $W/console.  Its results
# and the host's come under that name.
visit()
{
	local name=$1 booted begin=$SECONDS status
	shift
	rm -f web/back4 web/back6 echoed
	: >console
	"$@" 2>boot.err &
	booted=$!
	until grep -aq '^guest listens' console || ended $booted; do sleep 0.1; done
	if grep -aq '^guest listens' console; then
		timeout 60 socat -t 30 - TCP:127.0.0.1:9000 <part >echoed
		same "$name: a published port echoes" part echoed
	fi
	wait $booted
	status=$?
	results "$name" console
	cat boot.err
	check "$name: the guest ends well" 0 $status
	same "$name: the host has what was put, IPv4" part web/back4
	same "$name: the host has what was put, IPv6" web/file web/back6
	echo "# $name: $((SECONDS - begin)) s; $(tr -d '\r' <console | grep -a '^guest is [ud]' | tr '\n' ' ')"
}

# qemu ARGUMENTS...: a guest in QEMU as boot_qemu.sh is told
qemu() { "$GUEST/boot_qemu.sh" -o console "$@" RUN=/check; }

# results NAME CONSOLE: the guest's own results, all that it announced
results()
{
	tr -d '\r' <"$2" | grep -aE '^(not )?ok ' | sed -E "s/^((not )?ok) /\1 $1: /"
	check "$1: all results arrived" "guest has $(tr -d '\r' <"$2" | grep -acE '^(not )?ok ') results" \
		"$(tr -d '\r' <"$2" | grep -a '^guest has')"
}

# spent NAME GUESTS [offloads]: ends the gateway, and looks at its account
spent()
{
	stop
	account "$@"
}

# account NAME GUESTS [offloads]: the gateway has counted what so many guests did, and nothing of it is left.  With
# the third word its frames must have been longer than a wire's.
account()
{
	grep '^{' vm.err | tail -n 1 >stats
	check "$1: the gateway's account" right "$(python3 -c "$counted" "$2" "${3:-}" <stats 2>&1)"
	check "$1: nothing of the gateway is left" '' "$(pgrep -l 'sluice|qemu')"
}

counted='
import json, sys
guests, offloads = int(sys.argv[1]), sys.argv[2]
said = json.load(sys.stdin)
count = said["counters"]
wrong = []
def ask(what, true): wrong.extend([] if true else [what])
# curl of the sum and the file, two files put back, the published port; the closed port is refused.  More, if curl
# tries both families.
ask("tcp_opened", count["tcp opened"] >= 5 * guests)
ask("tcp_refused", said["tcp_refused"] >= guests)
ask("published", said["published"] == guests)
ask("dns queries", count["dns queries"] >= 2 * guests)
ask("bytes_to_host", said["bytes_to_host"] >= 26000002 * guests)
ask("bytes_to_guest", said["bytes_to_guest"] >= 25000001 * guests)
ask("tcp_bad, udp_bad, l4_checksum", count["tcp_bad"] == count["udp_bad"] == count["l4_checksum"] == 0)
ask("limited", said["limited"] == 0)
if offloads:
    ask("long frames in", count["bytes_in"] > 1600 * count["frames_in"])
    ask("long frames out", count["bytes_out"] > 1600 * count["frames_out"])
print("right" if not wrong else f"{wrong}: {said}")'
