#!/usr/bin/env bats
#
# Executables as handlers: what they are given, what they may say, and what is
# kept of it, whatever becomes of them.

load helper

# handler NAME: an executable out of stdin.
handler() {
    cat >"$1"
    chmod +x "$1"
}

count() {
    es-query --count "$@"
}

json() {
    es-group list --json | jq -c "select(.name == \"$1\") | $2"
}

# fill N PARTITIONS TYPE: that many messages.
fill() {
    local i
    for i in $(seq "$1"); do
        printf '{"id":"m%d","type":"%s","payload":{"x":"p%d","i":%d}}\n' \
            "$i" "$3" $((i % $2)) "$i"
    done | es-append -q
}

# The handled are 1 to N, each once, and those of a partition in order.
each_once() {
    assert_equal "$(es-query -t a.c | jq .payload.i | sort -n | tr '\n' ' ')" \
        "$(seq "$1" | tr '\n' ' ')"
    es-query -t a.c | jq -c '[.payload.x, .payload.i]' | sort -s -t, -k1,1 >order
    assert_equal "$(sort -t, -k1,1 -k2,2n order)" "$(cat order)"
}

# A coprocess that answers each a.b with an a.c.
copier() {
    handler "$1" <<'END'
#!/bin/sh
# es: on a.b
# es: partition_by x
# es: backoff 10ms
# es: stream
exec jq -c --unbuffered '{type: "a.c", payload}, {done: .id}'
END
}

# ---- deciders ----

@test "an executable decides: events or a rejection, once a command" {
    es-init
    handler seats <<'END'
#!/bin/sh
# es: decide shows.take_seat
# es: partition_by show_id
echo "$ES_ID" >>ran
[ "$(es-query --count -t shows.seat_taken)" -lt 2 ] || { echo '{"reject":"sold out"}'; exit; }
jq -c '{type: "shows.seat_taken", payload}'
END
    for i in 1 2 3; do
        es-append -q -t shows.take_seat --kind command --id "c$i" show_id=s1
    done
    run --separate-stderr es-react ./seats
    assert_success
    assert_stderr 'es-react: seats: a new group, from the start'
    assert_equal "$(es-query -t shows.seat_taken | jq -r .causation_id)" \
        "$(printf 'c1\nc2')"
    assert_equal "$(es-query -t es.command_rejected | jq -c .payload)" \
        '{"command_id":"c3","type":"shows.take_seat","reason":"sold out","detail":null}'
    # The outcome is recorded: under another name it is not decided again.
    mv seats again
    run --separate-stderr es-react ./again
    assert_success
    assert_equal "$(cat ran)" "$(printf 'c1\nc2\nc3')"
    assert_equal "$(count)" 6
}

@test "a rejection is one line, and a decider's" {
    es-init
    handler two <<'END'
#!/bin/sh
# es: decide a.do
# es: retries 0
echo '{"type":"a.b"}'
echo '{"reject":"no"}'
END
    handler more <<'END'
#!/bin/sh
# es: decide a.more
# es: retries 0
echo '{"reject":"no","detail":1}'
END
    handler hears <<'END'
#!/bin/sh
# es: on a.b
# es: retries 0
echo '{"reject":"no"}'
END
    es-react -q ./hears
    es-append -q -t a.do --kind command
    es-append -q -t a.more --kind command
    es-append -q -t a.b
    run --separate-stderr es-react -q ./two
    assert_failure 1
    run --separate-stderr es-react ./two ./more ./hears
    assert_failure 1
    assert_regex "$stderr" 'more: message 2: output line 1: reject: no other field goes with it'
    assert_regex "$stderr" 'hears: message 3: .*only a decider rejects'
    assert_equal "$(es-group show two --json | jq -r '.failing[0].reason // .partitions[0].reason')" \
        '{"reject":…} must be its only line'
    assert_equal "$(count -t es.command_rejected)" 0
    assert_equal "$(count -t a.)" 3
}

@test "a decider makes events" {
    mkdir -p app/deciders
    handler app/deciders/d <<'END'
#!/bin/sh
# es: decide a.do
# es: retries 0
printf '%s\n' "$(jq -c .payload.make)"
END
    echo '{"a.do": {"kind": "command", "payload": {"make": "any"}}}' >app/messages.json
    es-init app
    es-append -q -t a.do make:='{"kind":"command","type":"a.more"}'
    run --separate-stderr es-react app
    assert_failure 1
    assert_regex "$stderr" 'd: decide: a.do .* at 2: output line 1: a.more: a command: a decider makes events'
    es-group skip d
    es-append -q -t a.do make:='{"type":"a.do","payload":{"make":1}}'
    run --separate-stderr es-react app
    assert_failure 1
    assert_regex "$stderr" 'output line 1: .*a\.do'
    es-group skip d
    es-append -q -t a.do make:='{"type":"es.mine"}'
    run --separate-stderr es-react app
    assert_failure 1
    assert_regex "$stderr" 'only es itself'
    assert_equal "$(es-query -t a. | jq -r .type | sort -u)" a.do
}

@test "a command that lacks a name of partition_by is rejected, and not given" {
    es-init
    handler d <<'END'
#!/bin/sh
# es: decide a.do
# es: partition_by x
touch ran
END
    es-append -q -t a.do --kind command y=1
    es-react -q ./d
    assert_equal "$(es-query -t es.command_rejected | jq -r .payload.reason)" \
        'does not carry x (d is partitioned by it)'
    assert_not_exists ran
}

@test "two deciders of one type are refused, of whatever kind" {
    es-init
    echo 'def decide($c): on($c; "a.do"; event("a.b"; {}));' >one.jq
    handler two <<'END'
#!/bin/sh
# es: decide a.
END
    run --separate-stderr es-react one.jq ./two
    assert_failure 1
    assert_error_line es-react './two: decides a\., as one.jq does: a command has one decider'
}

@test "a folder wants what its executables must say" {
    es-init
    mkdir -p app/deciders
    handler app/deciders/d <<'END'
#!/bin/sh
# es: on a.b
END
    run --separate-stderr es-react app
    assert_failure 1
    assert_error_line es-react 'deciders/d: a decider that is an executable needs "# es: decide TYPE..."'
    handler app/deciders/d <<'END'
#!/bin/sh
# es: decide a.b
# es: stream 4
END
    run --separate-stderr es-react app
    assert_failure 1
    assert_error_line es-react 'deciders/d:3: stream: takes no value'
}

@test "an executable that decides is held in a new epoch until it is adopted" {
    es-init
    handler d <<'END'
#!/bin/sh
# es: decide a.do
echo '{"type":"a.b"}'
END
    es-react -q ./d
    es-append -q -t a.do --kind command
    es-copy copy.db
    run --separate-stderr es-react -s copy.db ./d
    assert_failure 1
    assert_error_line es-react 'd: is held back: .*es-group adopt d'
    assert_equal "$(count -s copy.db -t a.b)" 0
    es-group -s copy.db adopt d
    es-react -s copy.db ./d
    assert_equal "$(count -s copy.db -t a.b)" 1
}

# A decider that takes two places a show.
seats() {
    handler seats <<'END'
#!/bin/sh
# es: decide shows.take_seat
# es: partition_by show_id
env | grep ^ES_ | sort >seen
[ -z "$ES_STORE" ] || [ "$(es-query --count -t shows.seat_taken)" -lt 2 ] ||
    { echo '{"reject":"sold out"}'; exit; }
jq -c '{type: "shows.seat_taken", tags: ["by:\(.id)"], payload}'
END
}

@test "es-decide: a command in, events out, with the outcome" {
    es-init
    seats
    run --separate-stderr es-decide ./seats -t shows.take_seat --id c1 show_id=s1
    assert_success
    assert_stderr
    assert_equal "$(jq -c '[.position, .kind, .type, .tags, .payload, .causation_id]' <<<"$output")" \
        '[2,"event","shows.seat_taken",["by:c1"],{"show_id":"s1"},"c1"]'
    assert_equal "$(cat seen)" "ES_ATTEMPT=1
ES_ID=c1
ES_KEY=seats/c1
ES_REPLAYING=0
ES_STORE=$PWD/es.db
ES_TYPE=shows.take_seat"
    # Once more it is not run, and says the same.
    rm seen
    first=$output
    run --separate-stderr es-decide ./seats -t shows.take_seat --id c1 show_id=s1
    assert_success
    assert_output "$first"
    assert_not_exists seen
    # One that the log holds, and one that is new, rejected.
    es-append -q -t shows.take_seat --kind command --id c2 show_id=s1
    es-decide -q ./seats -t shows.take_seat --id c2 show_id=s1
    assert_regex "$(cat seen)" 'ES_POSITION=3'
    es-append -q -t shows.take_seat --kind command --id c3 show_id=s1
    printf '{"id":"%s","type":"shows.take_seat","payload":{"show_id":"s1"}}\n' c3 c4 >in
    run --separate-stderr es-decide ./seats in
    assert_failure 4
    refute_output
    assert_stderr 'es-decide: in:1: rejected: sold out
es-decide: in:2: rejected: sold out'
    assert_equal "$(es-query -t es.command_rejected | jq -r .payload.command_id)" c3
    assert_equal "$(count)" 6
}

@test "es-decide: --given has no store, and appends nothing" {
    seats
    ES_STORE=$PWD/other.db run --separate-stderr es-decide --given /dev/null ./seats \
        -t shows.take_seat --id c1 show_id=s1
    assert_success
    assert_output '{"kind":"event","type":"shows.seat_taken","version":1,"tags":["by:c1"],"payload":{"show_id":"s1"},"metadata":{}}'
    refute [ "$(grep ES_STORE seen)" ]
    assert_not_exists es.db
    assert_not_exists other.db
}

@test "es-decide: faults of an executable, and what it cannot be asked" {
    es-init
    handler d <<'END'
#!/bin/sh
# es: decide a.do
case $(jq -r .payload.x) in
exit) echo "no stock" >&2; exit 3 ;;
hang) sleep 1000 ;;
command) echo '{"type":"a.do","kind":"command"}' ;;
line) echo 'hello' ;;
own) echo '{"type":"es.x"}' ;;
esac
END
    for x in 'exit|exit 3: no stock' 'hang|killed after 0\.2 s' \
        'command|output 1: a\.do: a command' 'line|output line 1: ' 'own|output 1: .*only es itself'; do
        deadline=60s
        [[ $x != hang* ]] || deadline=200ms
        run --separate-stderr es-decide --deadline "$deadline" ./d -t a.do --id i x="${x%%|*}"
        assert_failure 1
        refute_output
        assert_regex "$stderr" "es-decide: \\./d: decide: a\\.do i: ${x#*|}"
    done
    assert_equal "$(count)" 0
    for flags in --state '--as-of 1'; do
        # shellcheck disable=SC2086 # words
        run --separate-stderr es-decide $flags ./d
        assert_failure 2
        assert_error_line es-decide 'an executable has no state'
    done
    handler gone <<'END'
#!/nowhere/interpreter
# es: decide a.do
END
    run -126 --separate-stderr es-decide ./gone -t a.do
    assert_error_line es-decide 'its interpreter is not found'
    chmod -x d
    run -126 --separate-stderr es-decide ./d -t a.do
    assert_error_line es-decide
    run -127 --separate-stderr es-decide ./none -t a.do
    assert_error_line es-decide
    handler on <<'END'
#!/bin/sh
# es: on a.b
END
    run --separate-stderr es-decide ./on -t a.b
    assert_failure 1
    assert_error_line es-decide 'it decides nothing: there is no "# es: decide TYPE..."'
}

@test "es-decide: a coprocess decides one command after the other" {
    es-init
    handler d <<'END'
#!/bin/sh
# es: decide a.do
# es: stream
echo run >>runs
jq -c --unbuffered 'if .payload.i % 3 == 0 then {rejected: .id, reason: "by three"}
    else {type: "a.b", payload}, {done: .id} end'
echo end >>runs
END
    for i in $(seq 30); do
        printf '{"id":"c%d","type":"a.do","payload":{"i":%d}}\n' "$i" "$i"
    done >in
    run --separate-stderr es-decide ./d in
    assert_failure 4
    assert_equal "$(jq .payload.i <<<"$output" | wc -l)" 20
    assert_equal "$(grep -c 'rejected: by three' <<<"$stderr")" 10
    assert_equal "$(cat runs)" $'run\nend'
    assert_equal "$(count)" 40
}

@test "es-decide runs no executable that a new epoch holds back" {
    es-init
    handler d <<'END'
#!/bin/sh
# es: decide a.do
echo '{"type":"a.b"}'
END
    es-react -q ./d
    es-copy copy.db
    run --separate-stderr es-decide -s copy.db ./d -t a.do
    assert_failure 1
    assert_error_line es-decide 'd: is held back: .*es-group adopt d'
    assert_equal "$(count -s copy.db -t a.)" 0
    es-group -s copy.db adopt d
    es-decide -q -s copy.db ./d -t a.do
    assert_equal "$(count -s copy.db -t a.)" 2
}

# ---- a process a message ----

@test "the environment is that of es-react and the message's, and nothing else of ES_" {
    es-init
    es-append -q -t a.b --id 'm/1' x=1
    handler h <<'END'
#!/bin/sh
# es: on a.b
/usr/bin/env >seen
END
    run --separate-stderr env -i PATH="$PATH" HOME=/nowhere ES_SYNC=normal \
        ES_SECRET=1 ES_ID=x es-react -q --name g -t a.b --from start -- ./h
    assert_success
    # sh itself adds these.
    assert_equal "$(grep -v '^\(PWD\|OLDPWD\|SHLVL\|_\|PATH\)=' seen | sort)" \
        "ES_ATTEMPT=1
ES_ID=m/1
ES_KEY=g/m/1
ES_POSITION=1
ES_REPLAYING=0
ES_STORE=$PWD/es.db
ES_SYNC=normal
ES_TYPE=a.b
HOME=/nowhere"
}

@test "at the deadline it is killed with its children, whatever they ignore" {
    es-init
    handler h <<'END'
#!/bin/sh
# es: on a.b
# es: retries 0
# es: deadline 500ms
echo '{"type":"a.c"}'
(trap '' TERM HUP; echo $$ >leader; exec sleep 1000) &
echo $! >child
wait
END
    es-react -q ./h
    es-append -q -t a.b
    run --separate-stderr es-react ./h
    assert_failure 1
    assert_error_line es-react 'h: message 1: killed after 0.5 s: parked'
    within 10 gone "$(cat child)"
    within 10 gone "$(cat leader)"
    assert_equal "$(count -t a.c)" 0
}

@test "what it printed counts only at a clean end" {
    es-init
    handler h <<'END'
#!/bin/sh
# es: on a.b
# es: retries 0
# es: partition_by x
echo '{"type":"a.c"}'
case $(jq -r .payload.x) in
1) exit 1 ;;
2) kill -9 $$ ;;
3) echo '{"type":"a.c"' ;;
esac
END
    es-react -q ./h
    for x in 1 2 3 4; do
        es-append -q -t a.b x=$x
    done
    run --separate-stderr es-react ./h
    assert_failure 1
    assert_equal "$(es-query -t a.c | jq -r .causation_id)" \
        "$(es-query -t a.b -k x=4 | jq -r .id)"
}

# ---- a coprocess ----

@test "a coprocess is given one message after another, and is one process" {
    es-init
    handler h <<'END'
#!/bin/sh
# es: on a.b
# es: partition_by x
# es: stream
echo $$ >>started
exec jq -c --unbuffered '{type: "a.c", payload}, {done: .id}'
END
    es-react -q ./h
    fill 300 40 a.b
    run --separate-stderr es-react -j 1 ./h
    assert_success
    refute_output
    assert_stderr
    each_once 300
    assert_equal "$(es-query -t a.c | jq -r .causation_id | sort -u | wc -l)" 300
    assert_equal "$(wc -l <started)" 1
    within 10 gone "$(cat started)"
    assert_equal "$(json h '[.lag, .parked, .retrying]')" '[0,0,0]'
}

@test "-j N: so many coprocesses, and a partition stays in order" {
    es-init
    handler h <<'END'
#!/bin/sh
# es: on a.b
# es: partition_by x
# es: stream
echo $$ >>started
exec jq -c --unbuffered '{type: "a.c", payload}, {done: .id}'
END
    es-react -q ./h
    fill 400 10 a.b
    es-react -j 3 ./h
    each_once 400
    assert_equal "$(wc -l <started)" 3
}

@test "the environment of a coprocess has what belongs to no message" {
    es-init
    handler h <<'END'
#!/bin/sh
# es: on a.b
# es: stream
env | grep ^ES_ | sort >seen
exec jq -c --unbuffered '{done: .id}'
END
    es-react -q ./h
    es-append -q -t a.b
    ES_ID=other ES_KEY=k es-react ./h
    assert_equal "$(cat seen)" "ES_REPLAYING=0
ES_STORE=$PWD/es.db"
}

@test "a coprocess decides, rejects and fails" {
    es-init
    handler d <<'END'
#!/bin/sh
# es: decide a.do
# es: partition_by x
# es: retries 1
# es: backoff 1ms
# es: stream
exec jq -c --unbuffered 'if .payload.x == "no" then {rejected: .id, reason: "not \"that\""}
    elif .payload.x == "bad" then {type: "a.c"}, {failed: .id, reason: "no stock"}
    else {type: "a.b", payload}, {done: .id} end'
END
    for x in no bad good; do
        es-append -q -t a.do --kind command --id "$x" x=$x
    done
    run --separate-stderr es-react ./d
    assert_failure 1
    assert_regex "$stderr" 'd: message 2: no stock: try 1 failed'
    assert_regex "$stderr" 'd: message 2: no stock: parked after 2 tries'
    assert_equal "$(es-query -t es.command_rejected | jq -c '.payload | [.command_id, .reason]')" \
        '["no","not \"that\""]'
    assert_equal "$(es-query -t a.b | jq -r .causation_id)" good
    assert_equal "$(count -t a.c)" 0
}

@test "a coprocess that is no decider rejects nothing" {
    es-init
    handler h <<'END'
#!/bin/sh
# es: on a.b
# es: retries 0
# es: stream
exec jq -c --unbuffered '{rejected: .id, reason: "no"}'
END
    es-react -q ./h
    es-append -q -t a.b
    run --separate-stderr es-react ./h
    assert_failure 1
    assert_error_line es-react 'h: message 1: .*only a decider rejects: parked'
}

# says SCRIPT: a coprocess that runs it for each line, in $m, whose id is $id.
says() {
    handler h <<END
#!/bin/bash
# es: on a.b
# es: partition_by x
# es: retries 0
# es: backoff 1ms
# es: stream
while IFS= read -r m; do
    id=\${m#*'"id":"'} id=\${id%%'"'*}
    $1
done
END
    es-react -q ./h
    fill 3 3 a.b
    run --separate-stderr es-react -j 1 ./h
}

@test "what it must not say is a fault that names it, and the others go on" {
    es-init
    says 'if [ $id = m2 ]; then echo "{\"done\":\"m3\"}"; else echo "{\"done\":\"$id\"}"; fi'
    assert_failure 1
    assert_error_line es-react 'h: message 2: it answers messages out of order: \{"done":"m3"\}: parked'
    assert_equal "$(json h '[.lag, .parked]')" '[1,1]'
}

@test "an id that it was not given is a fault" {
    es-init
    says 'if [ $id = m1 ]; then echo "{\"done\":\"mine\"}"; else echo "{\"done\":\"$id\"}"; fi'
    assert_failure 1
    assert_error_line es-react 'h: message 1: it answers what it was not given, or has answered before: \{"done":"mine"\}'
    assert_equal "$(json h '[.lag, .parked]')" '[1,1]'
}

@test "a line that is no object, or an answer of another form, is a fault" {
    es-init
    says 'case $id in m1) echo "hello";; m2) echo "{\"done\":2}";; m3) echo "{\"failed\":\"m3\"}";; esac'
    assert_failure 1
    assert_regex "$stderr" 'h: message 1: not a JSON object: hello: parked'
    assert_regex "$stderr" 'h: message 2: \{"done":ID\} has an id, and no other field: \{"done":2\}: parked'
    assert_regex "$stderr" 'h: message 3: an answer has an id and a reason, .*: \{"failed":"m3"\}: parked'
    assert_equal "$(count)" 6
}

@test "an output that cannot be stored is a fault of its message only" {
    es-init
    says 'echo "{\"type\":\"a.c\",\"payload\":{\"i\":\"$id\"}}"
        [ $id != m2 ] || echo "{\"type\":\"a b\"}"
        echo "{\"done\":\"$id\"}"'
    assert_failure 1
    assert_error_line es-react 'h: react: a.b m2 at 2: output line 2: type: '
    assert_equal "$(es-query -t a.c | jq -r .payload.i)" "$(printf 'm1\nm3')"
}

@test "an end without an answer is a fault of the first message, with its stderr" {
    es-init
    says 'echo "no $id" >&2; [ $id != m1 ] || exit 3; echo "{\"done\":\"$id\"}"'
    assert_failure 1
    assert_regex "$stderr" 'h: message 1: exit 3: no m1: parked'
    assert_regex "$stderr" $'(^|\n)h: no m3'
    assert_equal "$(json h '[.lag, .parked]')" '[1,1]'
}

@test "a coprocess may end when it has answered" {
    es-init
    handler h <<'END'
#!/bin/sh
# es: on a.b
# es: stream
echo run >>runs
head -1 | jq -c '{type: "a.c", payload}, {done: .id}'
END
    es-react -q ./h
    fill 3 1 a.b
    run --separate-stderr es-react ./h
    assert_success
    assert_stderr
    each_once 3
    assert_equal "$(wc -l <runs)" 3
}

@test "one that fails at its end, with all answered, is told of" {
    es-init
    handler h <<'END'
#!/bin/sh
# es: on a.b
# es: stream
jq -c --unbuffered '{done: .id}'
echo "could not save" >&2
exit 4
END
    es-react -q ./h
    es-append -q -t a.b
    run --separate-stderr es-react ./h
    assert_success
    assert_stderr 'h: could not save
es-react: h: exit 4: could not save'
}

@test "each message has its deadline, and the coprocess goes with its children" {
    es-init
    handler h <<'END'
#!/bin/bash
# es: on a.b
# es: partition_by x
# es: retries 0
# es: deadline 1s
# es: backoff 1ms
# es: stream
while IFS= read -r m; do
    id=$(jq -r .id <<<"$m")
    if [ "$id" = m2 ]; then
        (trap '' TERM HUP; exec sleep 1000) &
        echo $! >child
        wait
    fi
    echo "{\"done\":\"$id\"}"
done
END
    es-react -q ./h
    fill 4 4 a.b
    run --separate-stderr es-react -j 1 ./h
    assert_failure 1
    assert_error_line es-react 'h: message 2: killed after 1 s: parked'
    within 10 gone "$(cat child)"
    assert_equal "$(json h '[.lag, .parked]')" '[1,1]'
}

@test "full pipes on both sides are no deadlock" {
    es-init
    # It prints more than a pipe holds before it reads on, and is given more.
    handler h <<'END'
#!/bin/bash
# es: on a.b
# es: partition_by x
# es: deadline 1m
# es: stream
pad=$(head -c 1000000 /dev/zero | tr '\0' x)
while IFS= read -r m; do
    id=${m#*'"id":"'} id=${id%%'"'*}
    printf '{"type":"a.c","payload":{"pad":"%s"}}\n' "$pad"
    printf '{"done":"%s"}\n' "$id"
done
END
    es-react -q ./h
    for i in $(seq 12); do
        printf '{"type":"a.b","payload":{"x":"%d","pad":"%0200000d"}}\n' "$i" 0
    done | es-append -q
    run --separate-stderr es-react -j 1 ./h
    assert_success
    assert_stderr
    assert_equal "$(es-query -t a.c | jq '.payload.pad | length' | sort | uniq -c | tr -s ' ')" \
        ' 12 1000000'
}

@test "a line that does not end is a fault" {
    es-init
    handler h <<'END'
#!/bin/sh
# es: on a.b
# es: retries 0
# es: stream
tr '\0' x </dev/zero
END
    es-react -q ./h
    es-append -q -t a.b
    run --separate-stderr es-react ./h
    assert_failure 1
    assert_error_line es-react 'h: message 1: a line is longer than 1 MiB: xxx'
}

@test "kill -9 of the coprocess in the middle: each once in the store" {
    es-init
    handler h <<'END'
#!/bin/bash
# es: on a.b
# es: partition_by x
# es: retries 100
# es: backoff 1ms
# es: stream
n=0
while IFS= read -r m; do
    id=${m#*'"id":"'} id=${id%%'"'*} p=${m#*'"payload":'}
    printf '{"type":"a.c","payload":%s}\n' "${p%%'}'*}}"
    ((++n < 40)) || kill -9 $$
    printf '{"done":"%s"}\n' "$id"
done
END
    es-react -q ./h
    fill 300 25 a.b
    run --separate-stderr es-react -j 2 ./h
    assert_success
    assert_regex "$stderr" 'message [0-9]+: killed \(signal 9\): try 1 failed, again in'
    each_once 300
}

@test "kill -9 of es-react: each once in the store" {
    es-init
    copier h
    es-react -q ./h
    fill 600 30 a.b
    some() { [ "$(count -t a.c)" -ge "$1" ]; }
    for n in 1 200 400; do
        start react es-react -j 2 ./h
        within 20 some $n
        kill -9 "$pid" 2>/dev/null || true
        within 20 gone "$pid"
    done
    es-react ./h
    each_once 600
}

@test "after SIGTERM a coprocess ends what it has, and its stdin ends" {
    es-init
    handler h <<'END'
#!/bin/sh
# es: on a.b
# es: stream
jq -c --unbuffered '{type: "a.c", payload}, {done: .id}'
echo end >ended
END
    start react es-react -f ./h
    there() { [ "$(json h .state)" ]; }
    within 20 there
    fill 3 1 a.b
    some() { [ "$(count -t a.c)" -eq "$1" ]; }
    within 20 some 3
    assert_not_exists ended
    kill -TERM "$pid"
    finish 20 "$pid"
    assert_equal "$status" 0
    assert_exists ended
}

@test "one that does not end is killed, after SIGTERM in seconds" {
    es-init
    handler h <<'END'
#!/bin/bash
# es: on a.b
# es: stream
trap '' TERM
echo $$ >leader
while read -r m; do
    id=$(jq -r .id <<<"$m")
    echo "{\"done\":\"$id\"}"
done
exec sleep 1000
END
    start react es-react -f ./h
    react=$pid
    there() { [ "$(json h .state)" ]; }
    within 20 there
    es-append -q -t a.b
    idle() { [ "$(json h .lag)" = 0 ] && [ -s leader ]; }
    within 20 idle
    kill -TERM "$react"
    finish 30 "$react"
    assert_equal "$status" 0
    within 10 gone "$(cat leader)"
}

@test "a coprocess that is not there stops its group: 127" {
    es-init
    handler h <<'END'
#!/nowhere/interpreter
# es: on a.b
# es: stream
END
    es-react -q ./h
    es-append -q -t a.b
    run -126 --separate-stderr es-react ./h
    assert_error_line es-react 'h: stopped: .*its interpreter is not found'
    assert_equal "$(json h '[.state, .lag, .retrying]')" '["stopped",1,0]'
}

@test "a coprocess is given thousands of messages, each once" {
    es-init
    # The same shell, doing the same.
    handler each <<'END'
#!/bin/sh
# es: on a.b
# es: partition_by x
IFS= read -r m
printf '{"type":"a.c","payload":{"i":1}}\n'
END
    handler stream <<'END'
#!/bin/sh
# es: on a.b
# es: partition_by x
# es: stream
while IFS= read -r m; do
    id=${m#*'"id":"'}
    printf '{"type":"a.d","payload":{"i":1}}\n{"done":"%s"}\n' "${id%%'"'*}"
done
END
    es-react -q ./each ./stream
    fill 40 10 a.b
    es-react ./each ./stream
    assert_equal "$(count -t a.c) $(count -t a.d)" '40 40'
    for n in 1 2 3 4 5 6 7; do
        sed "s/\"m/\"n$n-/" <(for i in $(seq 400); do
            printf '{"id":"m%d","type":"a.b","payload":{"x":"p%d","i":%d}}\n' "$i" $((i % 100)) "$i"
        done) | es-append -q
    done
    es-react ./stream
    assert_equal "$(count -t a.d)" 2840
    es-query -t a.d | jq -r .causation_id | sort | uniq -d >twice
    [ ! -s twice ]
}
