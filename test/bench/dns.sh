#!/bin/bash
# dns.sh - the rows of bench.sh that ask for names; sourced by it, it is nothing by itself
#
# dnsperf asks, 64 questions under way: in a guest through sluice's name service and through pasta's plain relay (its
# gateway's address is the host, so its datagrams go to the server there), and on the host of dnsmasq, a forwarder
# with a cache and no guest.  Behind all three is nsd with one wildcard.  Cached are a thousand names over and over (pasta
# has no cache: all of them are relayed); forwarded are names that were never asked before.
#
# CPU is that of the gateway, or of dnsmasq; nsd's and dnsperf's are not counted.

dns_servers=()

dns_setup()
{
	local dir=$work/dns i
	mkdir -p "$dir"
	cat >"$dir/nsd.conf" <<-END
		server:
		  ip-address: 127.0.0.1
		  username: ""
		  zonesdir: "$dir"
		  database: ""
		  pidfile: ""
		  xfrdfile: ""
		  zonelistfile: "$dir/zone.list"
		  xfrdir: "$dir"
		  server-count: 1
		  rrl-ratelimit: 0
		remote-control:
		  control-enable: no
		zone:
		  name: bench.test
		  zonefile: zone
	END
	printf '%s\n' '$ORIGIN bench.test.' '$TTL 3600' '@ SOA ns h 1 3600 600 86400 3600' '@ NS ns' 'ns A 11.0.0.2' '* A 11.0.0.1' >"$dir/zone"
	seq -f 'c%.0f.bench.test A' 1000 >"$dir/cached"
	for ((i = 1; i <= 3 * runs; i++)); do seq -f "f$i-%.0f.bench.test A" 400000 >"$dir/forwarded.$i"; done

	background nsd -d -c "$dir/nsd.conf"; dns_servers+=($!)
	background dnsmasq -k -C /dev/null --no-resolv --no-hosts --user=root --pid-file= --port=53 --listen-address=127.0.0.5 \
		--bind-interfaces --server=127.0.0.1 --cache-size=10000 --dns-forward-max=1000
	pid[dnsmasq]=$!
	version[dnsmasq]=$(dnsmasq --version | awk 'NR == 1 { print $3 }')
	sleep 0.5
}

# dns_ask GATEWAY FILE SECONDS: answers in all, and how many a second
dns_ask()
{
	local at=$gateway run=(on_guest "$1")
	case $1 in
	sluice) at=10.0.2.3 ;;
	dnsmasq) at=127.0.0.5 run=(on_host) ;;
	esac
	"${run[@]}" timeout $((seconds + 20)) dnsperf -s "$at" -d "$2" -l "$3" -q 64 -c 4 -t 2 2>/dev/null |
		awk '/Queries completed/ { n = $3 } /Queries lost/ { lost = $3 } /Queries per second/ { rate = $4 }
			/Average Latency/ { latency = $4 }
			END { if (n) printf "{\"value\":%s,\"amount\":%s,\"lost\":%s,\"latency_us\":%.1f}\n", rate, n, lost, latency * 1e6 }'
}

dns_cached() { dns_ask "$1" "$work/dns/cached" "$seconds"; }

# Never the same file twice.
dns_forwarded() { dns_ask "$1" "$work/dns/forwarded.$(($(dns_next)))" "$seconds"; }
dns_next()
{
	local n
	n=$(($(cat "$work/dns/next" 2>/dev/null || echo 0) + 1))
	echo $n | tee "$work/dns/next"
}

dns_rows()
{
	local g
	any_wanted dns_cached dns_forwarded || return 0
	for g in nsd dnsmasq dnsperf; do
		command -v $g >/dev/null || { say "bench: $g is not installed: no names are asked for"; return 0; }
	done
	dns_setup
	sluice_options=(--nameserver 127.0.0.1)
	started=()
	for g in $gateways; do [ "$g" = slirp4netns ] || start "$g" 1500; done
	started+=(dnsmasq)
	for g in "${started[@]}"; do dns_cached "$g" >/dev/null; done
	row dns_cached 1500 "$runs" dns_cached @
	row dns_forwarded 1500 "$runs" dns_forwarded @
	for g in "${started[@]}"; do [ "$g" = dnsmasq ] || stop "$g"; done
	end_processes "${dns_servers[@]}" "${pid[dnsmasq]}"
	unset 'pid[dnsmasq]'
	started=()
}
