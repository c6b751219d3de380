#!/bin/bash
# config_test.sh - configuration files with a real program: check, explain, events, and SIGHUP with a flow under way
. "$(dirname "$0")/lib.sh"
examples=$OLDPWD/docs/examples

# --- check
for use in agent ci devbox; do
	soon "$SLUICE" check -c "$examples/$use.yaml" >out 2>err
	check "the example $use is good" '0 0' "$? $(wc -l <err)"
	contains "the example $use: the sum" '0 errors, 0 warnings' "$(tail -n 1 out)"
done
cat >bad.yaml <<'END'
guest:
  mtu: 15x
  hostnaem: box
policy:
  rules:
    - allow tcp/443 to *.example.com
    - allwo to @any
    - allow tcp/99999 to @any
END
soon "$SLUICE" check -c bad.yaml >out 2>err
check 'a bad file' '1 0' "$? $(wc -l <err)"
for part in "bad.yaml:2:8: '15x'" "bad.yaml:3:3: 'hostnaem'" 'did you mean' "bad.yaml:7:7: 'allwo'" 'bad.yaml:8:'; do
	contains "all errors are told: $part" "$part" "$(cat out)"
done
contains 'and counted' 'bad.yaml: 4 errors' "$(tail -n 1 out)"
soon "$SLUICE" check -c bad.yaml --json >out
check 'as JSON' '1 False 4 4' "$? $(python3 -c "
import json; j = json.load(open('out')); print(j['ok'], j['errors'], len([d for d in j['diagnostics'] if d['line'] > 0]))")"
soon "$SLUICE" run -c bad.yaml -- true >out 2>err
check 'nothing is started with it' 1 $?
contains 'and why is said' "bad.yaml:7:7: 'allwo'" "$(cat err)"
soon "$SLUICE" check -c nowhere.yaml >out
check 'a file that is not there' 1 $?
contains 'is named' 'nowhere.yaml: cannot be read' "$(cat out)"
soon "$SLUICE" check -r 'allow to @host' >out
check 'the command line alone' '0 1' "$? $(grep -c '1 rule$' out)"
soon "$SLUICE" run -r 'allwo to @host' -r 'deny tcp/0 to @any' true 2>err
check 'rules with slips in them: nothing is started, and all of them are told' '1 3' "$? $(wc -l <err)"
contains 'the second by its number too' 'rule 2, column 10' "$(cat err)"
printf 'allow to 192.0.2.1\nfrob to x\n' >bad.rules
soon "$SLUICE" check --policy bad.rules >out
check 'a file of rules' 1 $?
contains 'says where' 'bad.rules:2:1:' "$(cat out)"

# --- explain
cat >good.yaml <<'END'
policy:
  profiles: [none]
  rules:
    - deny to 192.0.2.66 "it is known"
    - allow tcp/7001-7009 to @host
    - allow tcp/443 to api.example
logging:
  events: events.jsonl
END
asks() # asks STATUS PART ARGUMENTS...
{
	local wanted=$1 part=$2
	shift 2
	soon "$SLUICE" explain -c good.yaml "$@" >out 2>err
	check "explain $*: status" "$wanted 0" "$? $(wc -l <err)"
	contains "explain $*: says" "$part" "$(cat out)"
}
asks 0 'good.yaml:5' tcp 10.0.2.2:7001
asks 3 'no rule allows it' tcp 10.0.2.2:80
asks 3 'good.yaml:4' icmp 192.0.2.66
asks 0 'good.yaml:6' tcp api.example:443
asks 0 'good.yaml:6' dns api.example
asks 3 "-r 'allow to www.example'" dns www.example
asks 3 'tells the name www.example' --sni www.example tcp api.example:443
asks 0 '"verdict":"allow"' --json tcp api.example:443
asks 0 'no rule says' --ingress tcp 192.0.2.1:80
soon "$SLUICE" explain -c good.yaml tcp api.example 2>err
check 'no port: the command line is wrong' 2 $?
soon "$SLUICE" explain -c bad.yaml tcp api.example:443 >out 2>err
check 'of a bad file nothing is explained' '1 0' "$? $(wc -l <out)"

# --- a gateway: the file decides, events are written
soon ip netns add guest
python3 - >servers.log 2>&1 <<'END' &
import socket, threading
def serve(port):
    s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(('127.0.0.1', port)); s.listen()
    while True:
        c, _ = s.accept()
        threading.Thread(target=echo, args=(c,), daemon=True).start()
def echo(c):
    while d := c.recv(4096):
        c.sendall(d)
    c.close()
for p in (7001, 7002, 8001):
    threading.Thread(target=serve, args=(p,), daemon=True).start()
print('ready', flush=True)
threading.Event().wait(150)
END
servers=$!
await 'grep -q ready servers.log'
serve guest -c good.yaml
reaches() { guest timeout 5 bash -c "exec 3<>/dev/tcp/10.0.2.2/$1; echo hello >&3; read -r -t 4 line <&3; [ \"\$line\" = hello ]" 2>/dev/null; }
reaches 7001
check 'what the file allows is reached' 0 $?
reaches 8001
check 'what it does not allow is refused' 1 $?
await 'grep -q "event\":\"refused" events.jsonl'
check 'events: each line is JSON of version 1, and the refusal says why' ok "$(python3 -c "
import json
lines = [json.loads(l) for l in open('events.jsonl')]
assert all(l['v'] == 1 for l in lines), lines
r = [l for l in lines if l['event'] == 'refused' and ':8001' in l['remote']]
assert r and r[0]['verdict'] == 'deny' and r[0]['reason'] == 'rule', r
o = [l for l in lines if l['event'] == 'opened' and ':7001' in l['remote']]
assert o and o[0]['file'].endswith('good.yaml') and o[0]['line'] == 5, o
print('ok')" 2>&1 | tail -n 1)"
check 'the file of events is its owner'"'"'s' 600 "$(stat -c %a events.jsonl)"

# --- SIGHUP: a bad file changes nothing and says so; a flow under way goes on
mkfifo ask
exec 8<>ask
python3 - >held.log 2>&1 <<'END' &
import os, socket, ctypes
libc = ctypes.CDLL(None)
assert libc.setns(os.open('/run/netns/guest', os.O_RDONLY), 0x40000000) == 0
def talk(port):
    s = socket.create_connection(('10.0.2.2', port), 10); s.settimeout(20); return s
def alive(s):
    try:
        s.sendall(b'x'); return s.recv(1) == b'x'
    except OSError:
        return False
a, b = talk(7001), talk(7002)
print('open', alive(a), alive(b), flush=True)
for line in open('/run/live/ask'):
    print(line.strip(), alive(a), alive(b), flush=True)
END
held=$!
await 'grep -q "open True True" held.log'
check 'two flows are open' 'open True True' "$(cat held.log)"
asked() { echo "$1" >&8; await "grep -q '^$1' held.log"; grep "^$1" held.log; }

cp bad.yaml good.yaml
kill -HUP "$gateway"
await 'grep -q "not reloaded" guest.err'
contains 'a bad file is said' "good.yaml:7:7: 'allwo'" "$(cat guest.err)"
contains 'nothing has changed' 'nothing has changed' "$(cat guest.err)"
check 'flows go on' 'bad True True' "$(asked bad)"
reaches 7001
check 'and so does the policy' 0 $?

cat >good.yaml <<'END'
policy:
  profiles: [none]
  rules:
    - allow tcp/7002,8001 to @host
END
kill -HUP "$gateway"
await 'grep -q "good.yaml: reloaded" guest.err'
contains 'a good file is said' 'good.yaml: reloaded' "$(cat guest.err)"
await '! reaches 7001'
check 'the new policy is in force' 1 "$(reaches 7001; echo $?)"
reaches 8001
check 'also in what it allows' 0 $?
check 'a flow it refuses has ended, another goes on' 'good False True' "$(asked good)"
contains 'a reload is an event' '"event":"reloaded"' "$(cat events.jsonl)"
contains 'what it ended says so' '"reason":"reload"' "$(grep '"event":"closed"' events.jsonl)"

# Flows are kept where the file says so
cat >good.yaml <<'END'
policy: {profiles: [none], keep_flows: true}
END
kill -HUP "$gateway"
await '[ "$(grep -c "good.yaml: reloaded" guest.err)" = 2 ]'
await '! reaches 8001'
check 'with keep_flows nothing ends' 'kept False True' "$(asked kept)"
check 'the gateway lives' 1 "$(ended "$gateway"; echo $?)"
exec 8>&-
end "$held"
stop

# --- run: the file is read again, the command hears nothing of it; without a file SIGHUP is the command's
echo 'allow tcp/7001 to @host' >run.rules
"$SLUICE" run --policy run.rules --profile none --pid "$W/run.pid" -- sh -c 'trap "echo hup; exit 5" HUP; while [ ! -e /run/live/over ]; do sleep 0.1; done' >run.out 2>run.err &
p=$!
await '[ -s run.pid ]'
echo 'allow tcp/7002 to @host' >run.rules
kill -HUP "$(cat run.pid)"
await 'grep -q reloaded run.err'
contains 'run reads its files again' 'reloaded' "$(cat run.err)"
touch over
wait $p
check 'the command heard nothing' '0 ' "$? $(cat run.out)"
rm -f over run.pid
"$SLUICE" run --pid "$W/run.pid" -- sh -c 'trap "echo hup; exit 5" HUP; : >/run/live/heard; while [ ! -e /run/live/over ]; do sleep 0.1; done' >run.out 2>run.err &
p=$!
await '[ -s run.pid ] && [ -e heard ]' # before that, the signal would end it as any shell
kill -HUP "$(cat run.pid)"
wait $p
check 'without a file it is the command'"'"'s signal' '5 hup' "$? $(cat run.out)"

# --- events elsewhere
"$SLUICE" run -q --events fd:7 -- sh -c '[ ! -e /proc/self/fd/7 ]; ping -c 1 -W 1 10.0.2.2' 7>fd.jsonl >/dev/null 2>&1
check 'a descriptor: lines of JSON' ok "$(python3 -c "
import json
print('ok' if [json.loads(l) for l in open('fd.jsonl')] else 'empty')" 2>&1 | tail -n 1)"
check 'which the command does not have' 0 "$("$SLUICE" run -q --events fd:7 -- sh -c '[ -e /proc/self/fd/7 ]; echo $?' 7>fd2.jsonl | grep -c '^0')"
soon "$SLUICE" run --events /nowhere/x true 2>err
check 'events that cannot be written' '1 1' "$? $(wc -l <err)"
soon "$SLUICE" run --events fd:9 true 2>err
check 'a descriptor that is not there' '1 1' "$? $(wc -l <err)"
end "$servers"
