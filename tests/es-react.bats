#!/usr/bin/env bats
#
# es-react: what is promised of groups, in the shell.

load helper

# handler NAME: an executable out of stdin.
handler() {
    cat >"$1"
    chmod +x "$1"
}

# A decider that counts places, and a reactor behind it.
rules() {
    cat >seats.jq <<'END'
def about: {partition_by: ["show_id"]};
def initial: {taken: 0};
def evolve($e): apply($e; "shows.seat_taken"; .taken += 1);
def decide($c):
  on($c; "shows.take_seat";
    require(.taken < 3; "sold out")
    | event("shows.seat_taken"; $c.payload + {number: (.taken + 1)}));
END
    cat >thanks.jq <<'END'
def about: {partition_by: ["show_id"]};
def react($e):
  on($e; "shows.seat_taken"; command("mail.send_thanks"; {show_id: $e.payload.show_id}));
END
}

count() {
    es-query --count "$@"
}

json() {
    es-group list --json | jq -c "select(.name == \"$1\") | $2"
}

@test "commands become events, events become the next command" {
    es-init
    rules
    es-react seats.jq thanks.jq
    es-append -q -t shows.take_seat --kind command show_id=s1
    es-append -q -t shows.take_seat --kind command show_id=s2
    run --separate-stderr es-react seats.jq thanks.jq
    assert_success
    refute_output
    assert_stderr
    run es-query
    assert_equal "$(es-query | jq -r '.type' | sort | uniq -c | tr -s ' ')" \
        "$(printf ' 2 mail.send_thanks\n 2 shows.seat_taken\n 2 shows.take_seat')"
}

@test "every message knows its cause" {
    es-init
    rules
    es-react seats.jq thanks.jq
    es-append -q -t shows.take_seat --kind command --id start show_id=s1
    es-react seats.jq thanks.jq
    run es-query
    assert_equal "$(es-query | jq -r .correlation_id | sort -u)" start
    taken=$(es-query -t shows.seat_taken | jq -r .id)
    assert_equal "$(es-query -t shows.seat_taken | jq -r .causation_id)" start
    assert_equal "$(es-query -t mail. | jq -r .causation_id)" "$taken"
}

@test "a command is decided once, and a rejection is recorded" {
    es-init
    rules
    for i in 1 2 3 4 5; do
        es-append -q -t shows.take_seat --kind command --id "c$i" show_id=s1
    done
    es-react seats.jq
    es-react seats.jq
    assert_equal "$(count -t shows.seat_taken)" 3
    assert_equal "$(es-query -t es.command_rejected |
        jq -c '.payload | [.command_id, .type, .reason]')" \
        "$(printf '%s\n' '["c4","shows.take_seat","sold out"]' \
            '["c5","shows.take_seat","sold out"]')"
}

@test "a command without the partition's names is rejected with that reason" {
    es-init
    rules
    es-append -q -t shows.take_seat --kind command place=1
    run --separate-stderr es-react seats.jq
    assert_success
    assert_equal "$(es-query -t es.command_rejected | jq -r .payload.reason |
        grep -c show_id)" 1
    assert_equal "$(count -t shows.)" 1
}

@test "a reactor begins at its creation, a decider at the start; --from decides" {
    es-init
    rules
    es-append -q -t shows.seat_taken show_id=old
    es-append -q -t shows.take_seat --kind command show_id=s1
    run --separate-stderr es-react seats.jq thanks.jq
    assert_success
    assert_stderr 'es-react: seats: a new group, from the start
es-react: thanks: a new group, from position 2 on'
    assert_equal "$(count -t mail.)" 1
    es-react --name all -t shows.seat_taken --from start -- sh -c 'cat >>all'
    assert_equal "$(wc -l <all)" 2
    es-react --name one -t shows.seat_taken --from 1 -- sh -c 'cat >>one'
    assert_equal "$(wc -l <one)" 1
}

@test "an executable gets the message, its environment, and answers with messages" {
    es-init
    mkdir app app/reactors
    handler app/reactors/answer <<'END'
#!/bin/sh
# es: on shop.ordered
# es: partition_by order_id
env | grep '^ES_' | sort >"$OUT"
pwd >>"$OUT"
jq -c '{type: "shop.billed", payload: .payload}'
END
    export OUT=$PWD/out
    es-react app
    es-append -q -t shop.ordered --id first order_id=o1 amount:=1.50
    run --separate-stderr es-react app
    assert_success
    assert_stderr
    assert_equal "$(cat out)" "ES_ATTEMPT=1
ES_ID=first
ES_KEY=answer/first
ES_POSITION=1
ES_REPLAYING=0
ES_STORE=$PWD/es.db
ES_TYPE=shop.ordered
$PWD/app"
    assert_equal "$(es-query -t shop.billed | jq -c '[.causation_id, .payload.order_id]')" \
        '["first","o1"]'
}

@test "a failing message is tried again with the same key, and then goes on" {
    es-init
    handler flaky <<'END'
#!/bin/sh
# es: on shop.ordered
# es: partition_by order_id
# es: backoff 10ms
echo "$ES_ATTEMPT $ES_KEY" >>tries
[ "$ES_ATTEMPT" -ge 3 ] || { echo "the line is busy" >&2; exit 1; }
END
    es-react ./flaky
    es-append -q -t shop.ordered --id o order_id=o1
    run --separate-stderr es-react ./flaky
    assert_success
    assert_equal "$(cat tries)" "$(printf '%s flaky/o\n' 1 2 3)"
    assert_regex "$stderr" 'try 1 failed, again in 0\.0 s'
    assert_regex "$stderr" 'the line is busy'
    assert_equal "$(json flaky '[.lag, .parked, .retrying]')" '[0,0,0]'
}

@test "a partition that fails for good is parked; its later messages wait, others go on" {
    es-init
    handler picky <<'END'
#!/bin/sh
# es: on shop.ordered
# es: partition_by order_id
# es: retries 1
# es: backoff 1ms
m=$(cat)
case $m in *'"order_id":"bad"'*) [ -e mended ] || { echo "no stock" >&2; exit 3; } ;; esac
printf '%s\n' "$ES_ID" >>done
END
    es-react ./picky
    es-append -q -t shop.ordered --id b1 order_id=bad
    es-append -q -t shop.ordered --id g1 order_id=good
    es-append -q -t shop.ordered --id b2 order_id=bad
    run --separate-stderr es-react ./picky
    assert_failure 1
    assert_regex "$stderr" \
        'picky: message [0-9]+: exit 3: no stock: parked after 2 tries; see es-group show picky'
    assert_equal "$(cat done)" g1
    assert_equal "$(json picky '[.state, .lag, .parked]')" '["running",2,1]'
    assert_equal "$(es-query -t es.partition_parked |
        jq -c '.payload | [.group, .partition.order_id, .id]')" \
        '["picky","bad","b1"]'
    # It stays parked, and nothing of it is tried.
    es-append -q -t shop.ordered --id g2 order_id=good
    run --separate-stderr es-react ./picky
    assert_failure 1
    assert_error_line es-react 'picky: 1 partition is parked; see es-group show picky'
    assert_equal "$(cat done)" "$(printf 'g1\ng2')"
    touch mended
    es-group retry picky
    run --separate-stderr es-react ./picky
    assert_success
    assert_equal "$(cat done)" "$(printf 'g1\ng2\nb1\nb2')"
    assert_equal "$(json picky '[.lag, .parked]')" '[0,0]'
}

@test "a skipped message is left out, and its partition goes on behind it" {
    es-init
    rules
    cat >broken.jq <<'END'
def about: {partition_by: ["show_id"]};
def react($e): on($e; "shows.seat_taken";
  if $e.payload.number == 1 then error("no") else command("mail.send"; $e.payload) end);
END
    es-react broken.jq
    for i in 1 2 3; do
        es-append -q -t shows.seat_taken show_id=s1 number:=$i
    done
    run --separate-stderr es-react broken.jq
    assert_failure 1
    assert_error_line es-react 'broken.jq: react: shows.seat_taken .* at 1.*: no: parked after 1 try'
    es-group skip broken
    run --separate-stderr es-react broken.jq
    assert_success
    assert_equal "$(es-query -t mail.send | jq -c .payload.number)" "$(printf '2\n3')"
    assert_equal "$(es-query -t es.message_skipped | jq -r .payload.position)" 1
}

@test "a handler that is not executable, or not there, stops its group: 126, 127" {
    es-init
    es-append -q -t a.b x=1
    run -127 --separate-stderr es-react --name gone -t a.b --from start -- ./nothing
    assert_error_line es-react 'gone: stopped: .*nothing'
    assert_equal "$(json gone '[.state, .lag]')" '["stopped",1]'
    echo text >plain
    run -126 --separate-stderr es-react --name plain -t a.b --from start -- ./plain
    assert_error_line es-react 'plain: stopped: '
    # Mended and started again, nothing is lost and no try was counted.
    printf '#!/bin/sh\necho "$ES_ATTEMPT" >attempt\n' >plain
    chmod +x plain
    run -126 --separate-stderr es-react --name plain -t a.b --from start -- ./plain
    assert_error_line es-react 'plain: is stopped: .*; start it with es-group start plain'
    es-group start plain
    run --separate-stderr es-react --name plain -t a.b --from start -- ./plain
    assert_success
    assert_equal "$(cat attempt)" 1
    assert_equal "$(es-query -t es. | jq -r .type)" \
        "$(printf 'es.group_stopped\nes.group_stopped\nes.group_started')"
}

# Each of two handlers waits until the other has begun.
meeting() {
    handler meet <<'END'
#!/bin/bash
# es: on a.b
# es: partition_by x
# es: retries 0
exec 3<> <(:)
touch "here-$ES_ID"
for _ in $(seq 100); do
    [ -e here-m1 ] && [ -e here-m2 ] && exit 0
    read -rt 0.02 -u 3
done
echo "alone" >&2
exit 1
END
    es-react ./meet
    es-append -q -t a.b --id m1 x=1
    es-append -q -t a.b --id m2 x=2
}

@test "executables of two partitions overlap under -j 2" {
    es-init
    meeting
    run --separate-stderr es-react -j 2 ./meet
    assert_success
}

@test "and do not under -j 1" {
    es-init
    meeting
    run --separate-stderr es-react -j 1 ./meet
    assert_failure 1
    assert_regex "$stderr" alone
}

@test "the messages of one partition are handled in order, one at a time" {
    es-init
    handler order <<'END'
#!/bin/bash
# es: on a.b
# es: partition_by x
mkdir busy-"${ES_ID%%-*}" || exit 1
exec 3<> <(:)
read -rt 0.01 -u 3
echo "$ES_ID" >>"log-${ES_ID%%-*}"
rmdir busy-"${ES_ID%%-*}"
END
    es-react ./order
    for i in 1 2 3 4 5; do
        for x in p q; do
            es-append -q -t a.b --id "$x-$i" x=$x
        done
    done
    run --separate-stderr es-react -j 8 ./order
    assert_success
    assert_stderr
    assert_equal "$(cat log-p)" "$(printf 'p-%s\n' 1 2 3 4 5)"
    assert_equal "$(cat log-q)" "$(printf 'q-%s\n' 1 2 3 4 5)"
}

@test "what a handler made is stored all or nothing" {
    es-init
    handler half <<'END'
#!/bin/sh
# es: on a.b
# es: retries 0
echo '{"type":"a.good"}'
echo '{"type":"a.bad","payload":1}'
END
    es-react ./half
    es-append -q -t a.b x=1
    run --separate-stderr es-react ./half
    assert_failure 1
    assert_error_line es-react 'output line 2: payload: must be an object'
    assert_equal "$(count -t a.good)" 0
}

@test "a handler that loops is a fault of one message" {
    es-init
    cat >loop.jq <<'END'
def about: {partition_by: ["x"], deadline: "100ms", retries: 1, backoff: "1ms"};
def react($e): on($e; "a.b";
  if $e.payload.x == "bad" then (def f: f; f) else event("a.c"; $e.payload) end);
END
    es-react loop.jq
    es-append -q -t a.b x=bad
    es-append -q -t a.b x=good
    run --separate-stderr es-react loop.jq
    assert_failure 1
    assert_regex "$stderr" 'try 1 failed'
    assert_regex "$stderr" 'parked after 2 tries'
    assert_equal "$(es-query -t a.c | jq -r .payload.x)" good
}

@test "a compile error stops the group, with its place, and others go on" {
    es-init
    rules
    mkdir -p app/deciders app/reactors
    mv seats.jq app/deciders
    echo 'def react($e): on($e; "shows.seat_taken"; nosuch);' >app/reactors/bad.jq
    es-append -q -t shows.take_seat --kind command show_id=s1
    run --separate-stderr es-react app
    assert_failure 1
    assert_regex "$stderr" 'bad.jq:1: .*nosuch'
    assert_equal "$(count -t shows.seat_taken)" 1
    assert_equal "$(json bad .state)" '"stopped"'
    # Mended, it starts by itself.
    echo 'def react($e): on($e; "shows.seat_taken"; command("a.b"; {}));' >app/reactors/bad.jq
    es-append -q -t shows.take_seat --kind command show_id=s1
    run --separate-stderr es-react app
    assert_success
    assert_equal "$(count -t a.b)" 2
}

@test "--breaker stops a group with too many parked partitions" {
    es-init
    es-react --name no -t a.b --by x -- false
    printf '{"type":"a.b","payload":{"x":"%s"}}\n' 1 2 3 | es-append -q
    cat >no.jq <<'END'
def about: {partition_by: ["x"]};
def react($e): on($e; "a.c"; error("no"));
END
    es-react no.jq 2>/dev/null || true
    printf '{"type":"a.c","payload":{"x":"%s"}}\n' 1 2 3 | es-append -q
    es-group redefine no no.jq
    run --separate-stderr es-react --breaker 2 no.jq
    assert_failure 1
    assert_regex "$stderr" 'no: stopped: too many parked partitions'
}

@test "another definition under one name is refused until es-group redefine" {
    es-init
    rules
    es-react thanks.jq
    es-append -q -t shows.seat_taken show_id=s1
    es-react thanks.jq
    sed -i 's/"shows.seat_taken"/"shows.", "halls."/' thanks.jq
    run --separate-stderr es-react thanks.jq
    assert_failure 1
    assert_error_line es-react 'es-group redefine thanks'
    es-group redefine thanks thanks.jq
    es-append -q -t halls.built show_id=s1
    run --separate-stderr es-react thanks.jq
    assert_success
    assert_equal "$(count -t mail.)" 2
}

@test "without --from a group that is there goes on where it is" {
    es-init
    es-react --name g -t a.b --from start -- true
    run --separate-stderr es-react --name g -t a.b -- true
    assert_success
    assert_stderr
    run --separate-stderr es-react --name g -t a.b --from now -- true
    assert_failure 1
    assert_error_line es-react 'es-group redefine g'
    es-react -q --name h -t a.b -- true
    run --separate-stderr es-react --name h -t a.b --from start -- true
    assert_failure 1
    assert_error_line es-react 'es-group redefine h'
}

@test "a group's name is what about says, else the file's; two of one name are refused" {
    es-init
    mkdir -p app/deciders app/reactors
    cat >app/reactors/x.jq <<'END'
def about: {name: "mails"};
def react($e): on($e; "a.b"; command("mail.send"; {}));
END
    cp app/reactors/x.jq app/reactors/mails.jq
    for program in es-init es-react; do
        run --separate-stderr "$program" app
        assert_failure 1
        assert_error_line "$program" 'its name, mails, is that of '
    done
    run --separate-stderr es-react app/reactors/x.jq app/reactors/mails.jq
    assert_failure 1
    assert_equal "$(es-group list)" ''
    rm app/reactors/mails.jq
    # Files of one base name do not stand in each other's way then, and the
    # base name need not be a name.
    echo 'def decide($c): on($c; "a.do"; event("a.b"; {}));' >app/deciders/x.jq
    mv app/reactors/x.jq 'app/reactors/a mail.jq'
    es-init app
    es-append -q --kind command -t a.do
    run --separate-stderr es-react app
    assert_success
    assert_equal "$(es-group list --json | jq -r .name)" "$(printf 'mails\nx')"
    assert_equal "$(count -t mail.)" 1
}

@test "an app whose catalog is not the one loaded is refused" {
    mkdir app
    echo '{"a.b": {"payload": {"x": "integer"}}}' >app/messages.json
    es-init
    run --separate-stderr es-react app
    assert_failure 1
    assert_error_line es-react 'es-init app'
    es-init app
    run --separate-stderr es-react app
    assert_success
}

@test "an output that the catalog refuses is the handler's fault" {
    mkdir -p app/reactors
    echo '{"a.b": {}, "a.c": {"payload": {"n": "integer"}}}' >app/messages.json
    echo 'def react($e): on($e; "a.b"; event("a.c"; {n: "one"}));' >app/reactors/r.jq
    es-init app
    es-append -q -t a.b
    run --separate-stderr es-react app
    assert_failure 1
    assert_error_line es-react 'r.jq: .*a.c: n: '
    assert_equal "$(count -t a.c)" 0
}

@test "-f handles what comes, and ends at a signal" {
    es-init
    rules
    start react es-react -f seats.jq thanks.jq
    react=$pid
    groups() { [ "$(es-group list --json | wc -l)" -eq "$1" ]; }
    within 20 groups 2
    es-append -q -t shows.take_seat --kind command show_id=s1
    some() { [ "$(count -t mail.)" -eq "$1" ]; }
    within 20 some 1
    es-append -q -t shows.take_seat --kind command show_id=s1
    within 20 some 2
    assert_equal "$(json seats .workers)" 1
    kill -TERM "$react"
    finish 20 "$react"
    assert_equal "$status" 0
    assert_equal "$(json seats .workers)" 0
}

@test "-f ends when the -wal or the -shm is removed, and nothing is lost" {
    some() { [ "$(count -t shows.seat_taken)" -eq "$1" ]; }
    for file in es.db-wal es.db-shm; do
        es-init
        rules
        start react es-react -q -f seats.jq
        es-append -q -t shows.take_seat --kind command show_id=s1
        within 20 some 1
        rm "$file"
        # Stored, or not acknowledged: only who has the -wal knows the store.
        accepted=0
        ! es-append -q -t shows.take_seat --kind command show_id=s2 \
            2>append.err || accepted=1
        finish 20 "$pid"
        assert_equal "$status" 1
        stderr=$(cat react.err) assert_error_line es-react \
            "$file: is gone, or another file than the one that was opened"
        assert_equal "$(count -t shows.take_seat)" $((1 + accepted))
        es-react -q seats.jq
        some $((1 + accepted))
        es-check
        es-init --delete --force
    done
}

@test "stop and start while it runs" {
    es-init
    rules
    start react es-react -f seats.jq
    some() { [ "$(count -t shows.seat_taken)" -eq "$1" ]; }
    es-append -q -t shows.take_seat --kind command show_id=s1
    within 20 some 1
    es-group stop seats
    es-append -q -t shows.take_seat --kind command show_id=s1
    # Nothing is waited for in vain: another group has come past that command.
    es-react --name after -t shows.take_seat --from start -- true
    assert_equal "$(count -t shows.seat_taken)" 1
    es-group start seats
    within 20 some 2
}

@test "kill -9 in the middle repeats no finished step" {
    es-init
    handler slow <<'END'
#!/bin/bash
# es: on a.b
# es: partition_by x
exec 3<> <(:)
read -rt 0.01 -u 3
jq -c '{type: "a.c", payload: .payload}'
END
    es-react ./slow
    for i in $(seq 30); do echo "{\"type\":\"a.b\",\"payload\":{\"x\":$((i % 7)),\"i\":$i}}"; done |
        es-append -q
    some() { [ "$(count -t a.c)" -ge "$1" ]; }
    for n in 3 9 15; do
        start react es-react -j 3 ./slow
        within 10 some $n
        kill -9 "$pid"
        within 20 gone "$pid"
    done
    es-react -j 3 ./slow
    assert_equal "$(es-query -t a.c | jq .payload.i | sort -n | tr '\n' ' ')" \
        "$(seq 30 | tr '\n' ' ')"
}

@test "two at once share the work and repeat nothing" {
    es-init
    cat >copy.jq <<'END'
def about: {partition_by: ["x"]};
def react($e): on($e; "a.b"; event("a.c"; $e.payload));
END
    es-react copy.jq
    for i in $(seq 300); do echo "{\"type\":\"a.b\",\"payload\":{\"x\":$((i % 40)),\"i\":$i}}"; done |
        es-append -q
    start one es-react copy.jq
    one=$pid
    start two es-react copy.jq
    two=$pid
    finish 20 "$one"
    assert_equal "$status" 0
    finish 20 "$two"
    assert_equal "$status" 0
    assert_equal "$(es-query -t a.c | jq .payload.i | sort -n | tr '\n' ' ')" \
        "$(seq 300 | tr '\n' ' ')"
}

@test "read models are at the head when nothing is pending" {
    es-init
    rules
    cat >sold.jq <<'END'
def about: {partition_by: ["show_id"]};
def initial: 0;
def evolve($e): apply($e; "shows.seat_taken"; . + 1);
END
    for i in 1 2 3 4; do
        es-append -q -t shows.take_seat --kind command show_id=s1
    done
    es-react sold.jq seats.jq
    assert_equal "$(json sold .lag)" 0
    assert_equal "$(sqlite3 -readonly es.db.views/sold.db 'select show_id, state from sold')" 's1|3'
}

@test "query flags, --by and a query of several items for a command" {
    es-init
    printf '{"type":"%s","payload":{"x":"%s"}}\n' a.b 1 a.c 2 b.d 1 b.d 2 | es-append -q
    es-react --name some --from start -t a. -o -t b. -k x=2 --by x -- sh -c 'cat >>seen'
    assert_equal "$(jq -r '[.type, .payload.x] | join(" ")' seen | sort)" \
        "$(printf 'a.b 1\na.c 2\nb.d 2')"
}

@test "wrong command lines are refused and nothing is stored" {
    es-init
    rules
    run --separate-stderr es-react
    assert_failure 2
    assert_error_line es-react 'missing'
    run --separate-stderr es-react -t a.b seats.jq
    assert_failure 2
    assert_error_line es-react -- '--name'
    run --separate-stderr es-react --name x -t a.b
    assert_failure 2
    assert_error_line es-react
    run --separate-stderr es-react --name x -t a.b -n 3 -- true
    assert_failure 2
    assert_error_line es-react
    run --separate-stderr es-react --name ../x -t a.b -- true
    assert_failure 2
    assert_error_line es-react "cannot be a group's name"
    run --separate-stderr es-react seats.jq seats.jq
    assert_failure 1
    assert_error_line es-react 'seats'
    run -127 --separate-stderr es-react nothing.jq
    assert_error_line es-react 'nothing.jq'
    assert_equal "$(es-group list)" ""
}
