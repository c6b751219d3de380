#!/bin/bash
# tls.sh - the rows of bench.sh whose connections are opened; sourced by it, it is nothing by itself
#
# A guest speaks TLS with a server on the host (python, which is OpenSSL at both ends), through sluice that opens the connection; and, beside it,
# through mitmproxy on the host as a reverse proxy, if that is installed.  What two bare ends of the library do back to back in memory is
# measured in the same run (test/bench/tls.c): an opened connection is unsealed and sealed once, as theirs.
#
# tls_turn is a gateway whose every turn is timed (test/bench/turns.c), while connections are opened as fast as they can.

tls_peer=$PWD/test/bench/tls_peer.py tls_port=8443 tls_mitm=9443 tls_held=200

tls_setup()
{
	local d=$work/tls
	mkdir -p "$d"
	# The chain of a usual server: P-256 below P-256.
	openssl ecparam -genkey -name prime256v1 -out "$d/root.key" 2>/dev/null
	openssl req -x509 -new -key "$d/root.key" -subj /CN=bench -days 100 -out "$d/root.pem" \
		-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign 2>/dev/null
	openssl ecparam -genkey -name prime256v1 -out "$d/server.key" 2>/dev/null
	openssl req -new -key "$d/server.key" -subj /CN=bench.test -out "$d/server.csr" 2>/dev/null
	printf '%s\n' subjectAltName=DNS:bench.test keyUsage=digitalSignature extendedKeyUsage=serverAuth >"$d/ext"
	openssl x509 -req -in "$d/server.csr" -CA "$d/root.pem" -CAkey "$d/root.key" -CAcreateserial -days 50 \
		-extfile "$d/ext" -out "$d/server.pem" 2>/dev/null
	build/sluice ca make "$d/ca" >/dev/null || return 1
	cat "$d/ca/ca.pem" "$d/root.pem" >"$d/trusted.pem"
	background python3 "$tls_peer" serve "$d/server.pem" "$d/server.key" $tls_port $life; tls_servers+=($!)
	if command -v mitmdump >/dev/null 2>&1; then
		background mitmdump -q --mode "reverse:https://127.0.0.1:$tls_port" --listen-host 127.0.0.1 -p $tls_mitm --ssl-insecure \
			--set confdir="$d/mitm" --set stream_large_bodies=1m
		pid[mitmproxy]=$!
		version[mitmproxy]=$(mitmdump --version | awk '{ print $2; exit }')
		for _ in {1..100}; do [ -s "$d/mitm/mitmproxy-ca-cert.pem" ] && break; sleep 0.1; done
		cat "$d/mitm/mitmproxy-ca-cert.pem" >>"$d/trusted.pem"
	fi
	sleep 1
}

# tls_run GATEWAY WHAT ARGS...
tls_run()
{
	local g=$1 what=$2; shift 2
	case $g in
	mitmproxy) on_host timeout $((seconds + 60)) python3 "$tls_peer" "$what" 127.0.0.1 $tls_mitm "$work/tls/trusted.pem" "$@" ;;
	*) on_guest sluice timeout $((seconds + 60)) python3 "$tls_peer" "$what" $gateway $tls_port "$work/tls/trusted.pem" "$@" ;;
	esac 2>>"$work/tls.log"
}

tls_held_bytes() # tls_held_bytes GATEWAY: what each connection that is held adds
{
	local g=$1 before holder
	before=$(rss_kb "${pid[$g]}")
	mkfifo "$work/tls.hold.$g" || return
	tls_run "$g" hold $tls_held <"$work/tls.hold.$g" >"$work/tls.held.$g" & holder=$!
	exec 9>"$work/tls.hold.$g"
	while [ ! -s "$work/tls.held.$g" ] && kill -0 $holder 2>/dev/null; do sleep 0.2; done
	sleep 0.5
	printf '{"value":%s,"held":%s}\n' "$((($(rss_kb "${pid[$g]}") - before) * 1024 / tls_held))" "$tls_held"
	exec 9>&-
	wait $holder
}

tls_rows()
{
	any_wanted tls_down tls_up tls_connect tls_held_bytes tls_turn tls_bare || return 0
	tls_servers=()
	tls_setup || { say 'bench: the ends of TLS did not start'; return 1; }
	sluice_options=(--intercept --intercept-port $tls_port --max-intercepted 1024 --ca "$work/tls/ca" --tls-roots "$work/tls/root.pem")
	if any_wanted tls_down tls_up tls_connect tls_held_bytes; then
		start sluice 65520
		started=(sluice)
		[ -z "${pid[mitmproxy]:-}" ] || started+=(mitmproxy)
		row tls_held_bytes 65520 1 tls_held_bytes @
		row tls_down 65520 "$runs" tls_run @ down "$seconds"
		row tls_up 65520 "$runs" tls_run @ up "$seconds"
		row tls_connect 65520 "$runs" tls_run @ connect "$seconds"
		stop sluice
	fi
	if wanted tls_turn; then
		tls_turns
	fi
	end_processes ${pid[mitmproxy]:+"${pid[mitmproxy]}"} "${tls_servers[@]}"
	unset 'pid[mitmproxy]'
	started=()
	if any_wanted tls_bare tls_down tls_up; then
		for ((i = 1; i <= runs; i++)); do
			progress tls_bare "$i" "$runs" library
			"$tools/tls" 1 2>/dev/null >"$work/tls.bare"
			cat "$work/tls.bare" >>"$json"
			tls_as_rows "$work/tls.bare" >>"$json"
		done
		progress_end tls_bare
	fi
}

# What two bare ends of the library do in a second of one thread, sealing and opening by themselves, beside the rows of an opened connection:
# the newest version of TLS there is, the suite that they are fastest with.
tls_as_rows()
{
	python3 - "$1" <<-'END'
		import json, sys
		runs = [r for r in map(json.loads, open(sys.argv[1], encoding="utf-8")) if r["gateway"] == "Mbed TLS"]
		newest = [r for r in runs if r["row"].startswith("tls13")] or runs
		best = max(newest, key=lambda r: r["value"], default=None)
		for row in ("tls_down", "tls_up") if best else ():
		    print(json.dumps(dict(best, row=row, amount=best["value"] * 1e6, cpu_ns=1e9)))
	END
}

# A gateway of its own whose turns are timed, on the same tap.
tls_turns()
{
	local ns=/run/netns/${name}_sluice out
	background "$tools/turns" "$ns" $tap $guest/24 $gateway $tls_port "$work/tls/ca" "$work/tls/root.pem" $((seconds + 4))
	pid[sluice]=$!
	sleep 1
	ip -n "${name}_sluice" link set dev $tap mtu 65520 up
	ip -n "${name}_sluice" addr add $guest/24 dev $tap
	tls_run sluice connect "$seconds" >/dev/null
	wait "${pid[sluice]}"
	unset 'pid[sluice]'
	out=$(cat "$work/turns.log")
	record tls_turn sluice 65520 "$out" 0 0
	ip -n "${name}_sluice" link del $tap 2>/dev/null
	progress_end tls_turn
}
