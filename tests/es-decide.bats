#!/usr/bin/env bats
#
# es-decide: what is decided, what it says of it, and what is in the log then.
#
# shellcheck disable=SC2016,SC2030,SC2031 # jq has variables; pid is a test's

load helper

setup() {
    es_setup
    cat >stock.jq <<'END'
def about: {partition_by: ["item"]};
def initial: {stock: 0};
def evolve($e):
    apply($e; "stock.added"; .stock += $e.payload.n)
  | apply($e; "stock.taken"; .stock -= 1);
def decide($c):
    on($c; "stock.add"; event("stock.added"; $c.payload) | meta({by: "test"})),
    on($c; "stock.take";
        require(.stock > 0; "sold out"; {left: .stock})
      | event("stock.taken"; $c.payload)),
    on($c; "stock.count"; empty);
END
    cat >wrong.jq <<'END'
def about: {partition_by: ["item"], deadline: "200ms"};
def evolve($e):
    apply($e; "wrong.error"; error("boom"))
  | apply($e; "wrong.two"; ., .);
def decide($c):
    on($c; "wrong.fine"; event("wrong.done"; $c.payload)),
    on($c; "wrong.late"; event("wrong.done"; {}), error("too late")),
    on($c; "wrong.loop"; last(range(infinite))),
    on($c; "wrong.crash"; .[1e9] = 1 | event("wrong.done"; {n: length})),
    on($c; "wrong.eat"; (1000000000 as $n | "x" * $n) | event("wrong.done"; {n: length})),
    on($c; "wrong.command"; command("wrong.fine"; {})),
    on($c; "wrong.own"; event("es.own"; {})),
    on($c; "wrong.type"; event("no type"; {})),
    on($c; "wrong.many"; event("wrong.done"; {}), event("wrong.bad"; {n: "x"})),
    on($c; "wrong.kind"; event("wrong.fine"; $c.payload));
END
}

# store [CATALOG]: one with 2 of "a" and 1 of "b".
store() {
    es-init ${1:+-m "$1"}
    es-append -q <<'END'
{"type":"stock.added","payload":{"item":"a","n":2}}
{"type":"stock.added","payload":{"item":"b","n":1}}
END
}

stored() {
    es-query --count
}

take() {
    printf '{"type":"stock.take","payload":{"item":"%s"}%s}\n' "$@"
}

# ---- what is decided ----

@test "a command is appended with its events, and these are printed" {
    store
    run --separate-stderr es-decide stock.jq -t stock.take item=a
    assert_success
    assert_stderr
    assert_output "$(es-query -a 3)"
    es-query -a 2 | jq -se '
        length == 2 and (.[0] | .kind == "command" and .type == "stock.take"
            and .position == 3 and .payload == {item: "a"})
        and (.[1] | .kind == "event" and .type == "stock.taken"
            and .position == 4 and .payload == {item: "a"})
        and .[1].causation_id == .[0].id
        and .[1].correlation_id == .[0].correlation_id
        and .[1].stored_at == .[0].stored_at
        and .[0].created_at == .[0].stored_at'
}

@test "with -q it stores and says nothing" {
    store
    run --separate-stderr es-decide -q stock.jq -t stock.take item=a
    assert_success
    refute_output
    assert_stderr
    assert_equal "$(stored)" 4
}

@test "a command may decide on no event" {
    store
    run --separate-stderr es-decide stock.jq -t stock.count item=a
    assert_success
    refute_output
    assert_stderr
    assert_equal "$(es-query -a 2 | jq -r .type)" stock.count
}

@test "a stream: each command sees what those before it did" {
    store
    take a "" b "" a "" >in
    take b "" >in2
    run --separate-stderr es-decide stock.jq in in2
    assert_failure 4
    assert_equal "$(jq -r .payload.item <<<"$output" | paste -sd' ')" 'a b a'
    assert_stderr 'es-decide: in2:1: rejected: sold out'
    assert_equal "$(stored)" 8
}

@test "what handlers make has causes, metadata and provenance" {
    store
    es-append -q -t stock.seen --id first item=z
    es-decide -q stock.jq --id c1 --cause first --meta who=me -g urgent \
        -t stock.add item=a n:=1
    es-query -a 3 | jq -se '
        (.[0] | .id == "c1" and .causation_id == "first"
            and .correlation_id == "first" and .tags == ["urgent"]
            and .metadata == {who: "me"})
        and (.[1] | .causation_id == "c1" and .correlation_id == "first"
            and .metadata == {by: "test"})'
    run sqlite3 -readonly es.db 'select handled, read_at, partition, attempt,
        first, last from provenance; select name from handler;
        select command, result from outcome'
    assert_output '4|3|{"item":"a"}|1|5|5
stock
4|1'
}

@test "a cause that is not stored is refused" {
    store
    run --separate-stderr es-decide stock.jq --cause nobody \
        -t stock.take item=a
    assert_failure 1
    refute_output
    assert_error_line es-decide 'es.db: --cause: no message has the id nobody'
    assert_equal "$(stored)" 2
}

@test "each answer comes before the next command is read" {
    store
    mkfifo in out
    start decide sh -c 'exec es-decide stock.jq <in >out'
    exec 8>in 9<out
    take a "" >&8
    read -rt 10 -u 9 answer
    assert_equal "$(jq -r .position <<<"$answer")" 4
    take b "" >&8
    read -rt 10 -u 9 answer
    assert_equal "$(jq -r .position <<<"$answer")" 6
    exec 8>&-
    finish 10 "$pid"
    assert_equal "$status" 0
    exec 9<&-
}

@test "\$c.stored_at is the time at which it is stored" {
    cat >time.jq <<'END'
def decide($c): on($c; "time.ask"; event("time.told";
    {stored_at: $c.stored_at, kind: $c.kind, position: $c.position}));
END
    es-init
    es-decide -q time.jq -t time.ask
    es-query | jq -se '.[1].payload == {stored_at: .[0].stored_at,
        kind: "command", position: null}
        and .[1].stored_at == .[0].stored_at'
}

@test "words are coerced by the catalog, lines are not" {
    cat >messages.json <<'END'
{"stock.add": {"kind": "command", "payload": {"item": "string", "n": "integer"}},
 "stock.added": {"payload": {"item": "string", "n": "integer"}}}
END
    store messages.json
    run --separate-stderr es-decide stock.jq -t stock.add item=a n=5
    assert_success
    assert_equal "$(jq -c .payload <<<"$output")" '{"item":"a","n":5}'
    run --separate-stderr es-decide stock.jq -t stock.add item=a n=x
    assert_failure 1
    assert_error_line es-decide 'es-decide: stock.add: n: must be an integer'
    run --separate-stderr es-decide stock.jq \
        <<<'{"type":"stock.add","payload":{"item":"a","n":"5"}}'
    assert_failure 1
    refute_output
    assert_error_line es-decide '<stdin>:1: stock.add: n: must be an integer'
    assert_equal "$(stored)" 5
}

# ---- rejections ----

@test "a rejected command is not stored, and the rest goes on" {
    store
    run --separate-stderr es-decide stock.jq < <(take c "" b "" c "")
    assert_failure 4
    assert_equal "${#lines[@]}" 1
    assert_stderr 'es-decide: <stdin>:1: rejected: sold out
es-decide: <stdin>:3: rejected: sold out'
    assert_equal "$(stored)" 4
}

@test "a command without the partition's names is rejected" {
    store
    run --separate-stderr es-decide stock.jq -t stock.take thing=a
    assert_failure 4
    refute_output
    assert_error_line es-decide 'rejected: does not carry item'
    run --separate-stderr es-decide stock.jq -g item:b -t stock.take item=a
    assert_failure 4
    assert_error_line es-decide 'rejected: carries several values of item'
    assert_equal "$(stored)" 2
}

# ---- once ----

@test "the same id again gives the same events and decides nothing" {
    store
    run --separate-stderr es-decide stock.jq --id x -t stock.take item=b
    assert_success
    first=$output
    run --separate-stderr es-decide stock.jq --id x -t stock.take item=b
    assert_success
    assert_output "$first"
    assert_stderr
    assert_equal "$(stored)" 4
}

@test "the same id with another content is an error" {
    store
    es-decide -q stock.jq --id x -t stock.take item=b
    run --separate-stderr es-decide stock.jq < <(take a ',"id":"x"')
    assert_failure 1
    refute_output
    assert_error_line es-decide \
        '<stdin>:1: id: x is stored at position 3 with another payload'
    assert_equal "$(stored)" 4
}

@test "a command that is in the log is decided there, once" {
    store
    es-append -q --kind command --id x -t stock.take item=b
    es-query --kind command >commands
    run --separate-stderr es-decide stock.jq commands
    assert_success
    assert_equal "$(jq -r '"\(.position) \(.causation_id)"' <<<"$output")" \
        '4 x'
    first=$output
    run --separate-stderr es-decide stock.jq commands
    assert_success
    assert_output "$first"
    assert_equal "$(stored)" 4
}

@test "its rejection is recorded, with its tags, and told again" {
    store
    es-append -q --kind command --id x -g urgent -t stock.take item=c
    for _ in 1 2; do
        run --separate-stderr es-decide stock.jq <<<"$(es-query --kind command)"
        assert_failure 4
        refute_output
        assert_stderr 'es-decide: <stdin>:1: rejected: sold out'
        assert_equal "$(stored)" 4
    done
    run --separate-stderr es-decide -v stock.jq <<<"$(es-query --kind command)"
    assert_failure 4
    assert_stderr 'es-decide: <stdin>:1: rejected: sold out {"left":0}'
    es-query -t es. -g urgent -k item=c | jq -e '
        .type == "es.command_rejected" and .causation_id == "x"
        and .payload == {command_id: "x", type: "stock.take",
            reason: "sold out", detail: {left: 0}}'
    run sqlite3 -readonly es.db 'select command, result from outcome'
    assert_output '3|2'
}

@test "one that the catalog had rewritten can be piped in from es-query" {
    cat >messages.json <<'END'
{"stock.add": {"kind": "command", "payload": {"item": "string", "n": "integer"}}}
END
    store messages.json
    es-append -q -t stock.add item=a n=5
    run --separate-stderr es-decide stock.jq < <(es-query -t stock.add)
    assert_success
    assert_equal "$(jq -c .payload.n <<<"$output")" 5
}

@test "one that was skipped stays so" {
    store
    es-append -q --kind command --id x -t stock.take item=b
    sqlite3 es.db 'insert into outcome(command, result) values (3, 3)'
    run --separate-stderr es-decide stock.jq < <(es-query --kind command)
    assert_failure 4
    refute_output
    assert_error_line es-decide '<stdin>:1: skipped: '
    assert_equal "$(stored)" 3
}

@test "an event with that id is no command" {
    store
    es-append -q --id x -t stock.take item=b
    run --separate-stderr es-decide stock.jq --id x -t stock.take item=b
    assert_failure 1
    refute_output
    assert_error_line es-decide 'kind'
    assert_equal "$(stored)" 3
}

# ---- bad commands ----

@test "what the handler does not decide is an error that says what it does" {
    store
    run --separate-stderr es-decide stock.jq \
        < <(take a ""; echo '{"type":"stock.eat"}'; take b "")
    assert_failure 1
    assert_equal "${#lines[@]}" 1
    assert_error_line es-decide '<stdin>:2: type: stock.eat is not decided by '
    assert_error_line es-decide 'decides stock.add, stock.count, stock.take'
    assert_equal "$(stored)" 4
}

@test "an event is nothing to decide" {
    store
    run --separate-stderr es-decide stock.jq < <(take a ',"kind":"event"')
    assert_failure 1
    refute_output
    assert_error_line es-decide '<stdin>:1: kind: '
    assert_equal "$(stored)" 2
}

@test "a type that the catalog calls an event is refused" {
    echo '{"stock.take": {"kind": "event", "payload": {"item": "string"}}}' \
        >messages.json
    store messages.json
    run --separate-stderr es-decide stock.jq < <(take a "")
    assert_failure 1
    refute_output
    assert_error_line es-decide '<stdin>:1: stock.take: kind: '
    assert_equal "$(stored)" 3
}

# ---- faults ----

# fault TYPE REGEX: a fault with its place, and nothing is stored.
fault() {
    run --separate-stderr es-decide wrong.jq --id it -t "$1" item=i
    assert_failure 1
    refute_output
    # A sanitizer has its own say about a worker that runs out of memory.
    [[ $stderr != *AddressSanitizer* ]] || stderr=${stderr##*$'\n'}
    assert_error_line es-decide "^es-decide: wrong.jq: decide: $1 it: .*$2"
    assert_equal "$(stored)" 0
}

@test "a fault names file, operation, type and id; nothing is stored" {
    es-init
    fault wrong.late 'too late'
    fault wrong.command 'command'
    fault wrong.own 'es\.'
    fault wrong.type 'no type'
}

@test "a handler that loops is stopped" {
    es-init
    fault wrong.loop '200 ms'
}

@test "a handler that crashes or eats memory is a fault of one command" {
    es-init
    fault wrong.crash ''
    fault wrong.eat ''
    run --separate-stderr es-decide wrong.jq -t wrong.fine item=i
    assert_success
}

# A reactor: what is told of its fault is stored as well.
@test "what a handler raises is cut at a character" {
    store
    cat >long.jq <<'END'
def react($e):
    on($e; "long.text"; error("x" + ([range(1500) | "é"] | add))),
    on($e; "long.value"; error(["x", ([range(1500) | "é"] | add)]));
END
    for type in long.text long.value; do
        es-append -q -t "$type" n:=1
        run --separate-stderr es-react --from start long.jq
        assert_failure 1
        assert_regex "$stderr" 'éé'
        refute_regex "$stderr" '[\\]x'
        es-group skip long >/dev/null
    done
    run es-query -t es.partition_parked -n 2
    assert_success
    assert_output --partial ': xéé'
    assert_output --partial '[\"x\",\"éé'
}

@test "--deadline is stronger than the handler's own" {
    es-init
    run --separate-stderr es-decide --deadline 50ms wrong.jq \
        -t wrong.loop item=i
    assert_failure 1
    assert_error_line es-decide ' 50 ms'
    run --separate-stderr es-decide --deadline 0s wrong.jq -t wrong.loop
    assert_failure 2
    assert_error_line es-decide 'deadline'
}

@test "an output that the catalog refuses is a fault of the handler" {
    cat >messages.json <<'END'
{"wrong.bad": {"payload": {"n": "integer"}},
 "wrong.fine": {"kind": "command", "payload": {"item": "string"}}}
END
    es-init -m messages.json
    before=$(stored)
    run --separate-stderr es-decide wrong.jq --id it -t wrong.many item=i
    assert_failure 1
    assert_stderr "es-decide: wrong.jq: decide: wrong.many it: output 2:\
 wrong.bad: n: must be an integer, not \"x\""
    run --separate-stderr es-decide wrong.jq --id it -t wrong.kind item=i
    assert_failure 1
    assert_error_line es-decide \
        'wrong.jq: decide: wrong.kind it: output 1: wrong.fine: kind: '
    assert_equal "$(stored)" "$before"
}

@test "a fault in the history names the event and where it is" {
    es-init
    es-append -q --id e1 -t wrong.done item=i
    es-append -q --id e2 -t wrong.error item=i
    run --separate-stderr es-decide wrong.jq --id it -t wrong.fine item=i
    assert_failure 1
    assert_stderr "es-decide: wrong.jq: evolve: wrong.error e2 at 2\
 (for wrong.fine it): boom"
    es-append -q --id e3 -t wrong.two item=j
    run --separate-stderr es-decide wrong.jq --state -p item=j
    assert_failure 1
    assert_error_line es-decide 'wrong.jq: evolve: wrong.two e3 at 3: '
}

@test "a fault stops; what was decided before it is stored and printed" {
    es-init
    run --separate-stderr es-decide wrong.jq <<'END'
{"type":"wrong.fine","payload":{"item":"i"}}
{"type":"wrong.late","payload":{"item":"i"}}
{"type":"wrong.fine","payload":{"item":"i"}}
END
    assert_failure 1
    assert_equal "${#lines[@]}" 1
    assert_error_line es-decide 'wrong.late'
    assert_equal "$(stored)" 2
}

@test "what cannot be told is told of: up to where it is stored" {
    [ -w /dev/full ] || skip "no /dev/full"
    store
    take a "" >in
    run --separate-stderr sh -c 'es-decide stock.jq in >/dev/full'
    assert_failure 1
    assert_error_line es-decide 'stored up to position 4'
    assert_equal "$(stored)" 4
}

# ---- many at once ----

# takes N: that many commands for the one item.
takes() {
    local i
    for ((i = 0; i < $1; i++)); do
        take a ""
    done
}

@test "processes that decide on one partition take turns: no lost update" {
    es-init
    es-append -q -t stock.added item=a n:=50
    takes 34 >in
    pids=()
    for name in one two three; do
        start "$name" es-decide stock.jq in
        pids+=("$pid")
    done
    for pid in "${pids[@]}"; do
        finish 30 "$pid"
        [ "$status" -eq 0 ] || [ "$status" -eq 4 ]
    done
    assert_equal "$(cat one.out two.out three.out | wc -l)" 50
    assert_equal "$(cat one.err two.err three.err |
        grep -c 'rejected: sold out$')" 52
    assert_equal "$(es-query --count -t stock.taken)" 50
    assert_equal "$(es-query --count -t stock.take)" 50
    assert_equal "$(es-decide stock.jq --state -p item=a)" '{"stock":0}'
}

@test "it gets through against one who never pauses" {
    cat >slow.jq <<'END'
def about: {partition_by: ["item"]};
def evolve($e): apply($e; "stock.added"; . + 1);
def decide($c): on($c; "stock.take";
    . as $n | reduce range(40000) as $i (0; . + 1)
  | event("stock.taken"; {n: $n}));
END
    es-init
    # It ends with the file, which goes away with the test at the latest.
    touch busy
    start busy bash -c 'while [ -e busy ] && printf "%s\n" \
        "{\"type\":\"stock.added\",\"payload\":{\"item\":\"a\"}}"; do
        read -rt 0.002 <> <(:); done | es-append --each'
    within 10 lines busy.out 20
    for _ in 1 2 3; do
        run --separate-stderr es-decide slow.jq -t stock.take item=a
        assert_success
        # All that came before it was read.
        at=$(jq .position <<<"$output")
        assert_equal "$(jq .payload.n <<<"$output")" \
            "$(es-query --count -t stock.added -b "$at")"
    done
    rm busy
    finish 10 "$pid"
}

@test "a stream in one process gives what one process each gives" {
    cat >in <<'END'
{"type":"stock.add","payload":{"item":"a","n":2}}
{"type":"stock.take","payload":{"item":"b"}}
{"type":"stock.take","payload":{"item":"a"}}
{"type":"stock.add","payload":{"item":"b","n":1}}
{"type":"stock.take","payload":{"item":"a"}}
{"type":"stock.take","payload":{"item":"b"}}
{"type":"stock.take","payload":{"item":"a"}}
END
    es-init -s one.db
    es-init -s each.db
    es-decide -s one.db stock.jq in >one.out 2>one.err || true
    while IFS= read -r line; do
        es-decide -s each.db stock.jq <<<"$line" || true
    done <in >each.out 2>each.err
    same='{position, type, payload, metadata}'
    assert_equal "$(jq -c "$same" one.out)" "$(jq -c "$same" each.out)"
    assert_equal "$(sed 's/:[0-9]*: /: /;s/in:/<stdin>:/' one.err)" \
        "$(sed 's/:[0-9]*: /: /' each.err)"
    assert_equal "$(wc -l <one.out)" 5
}

# commands N: a line each, at random, for few items, some with an id that may
# be there already, and some that lack the item.
commands() {
    local i item
    for ((i = 0; i < $1; i++)); do
        item=i$((RANDOM % 3))
        case $((RANDOM % 8)) in
        0 | 1) echo '{"type":"stock.add","payload":{"item":"'$item'","n":1}}' ;;
        2) take $item ',"id":"same-'$item'"' ;;
        3) echo '{"type":"stock.take","payload":{}}' ;;
        *) take $item "" ;;
        esac
    done
}

# of_all FILE: what counts of answers and messages.
of_all() {
    jq -c '{position, type, payload, metadata, reason, detail}' "$1"
}

@test "states that are kept give what fresh ones give" {
    seed=${SEED:-$RANDOM}
    echo "SEED=$seed"
    RANDOM=$seed
    commands "${COMMANDS:-40}" >in
    es-init -s one.db
    es-init -s each.db
    es-decide -s one.db --rejections stock.jq in >one.out 2>one.err ||
        [ $? -eq 4 ]
    while IFS= read -r line; do
        es-decide -s each.db --rejections stock.jq <<<"$line" || [ $? -eq 4 ]
    done <in >each.out 2>each.err
    assert_equal "$(of_all one.out)" "$(of_all each.out)"
    assert_equal "$(es-query -s one.db | of_all -)" \
        "$(es-query -s each.db | of_all -)"
    same='select handled, partition, attempt, first, last from provenance'
    assert_equal "$(sqlite3 -readonly one.db "$same")" \
        "$(sqlite3 -readonly each.db "$same")"
    es-query -s one.db >given
    for item in i0 i1 i2; do
        assert_equal "$(es-decide -s one.db --state -p item=$item stock.jq)" \
            "$(es-decide --given given --state -p item=$item stock.jq)"
    done
}

# One that takes long is not decided in the transaction of those before it.
@test "an id that comes again in a stream gets the outcome that it has" {
    cat >slow.jq <<'END'
def about: {partition_by: ["item"], deadline: "60s"};
def initial: {stock: 0};
def evolve($e): apply($e; "s.added"; .stock += 1) | apply($e; "s.taken"; .stock -= 1);
def decide($c):
    on($c; "s.add"; event("s.added"; $c.payload)),
    on($c; "s.take"; last(range(100000)) as $slow
      | require(.stock > 0; "sold out") | event("s.taken"; $c.payload));
END
    es-init
    run --separate-stderr es-decide slow.jq <<'END'
{"type":"s.add","payload":{"item":"a"}}
{"type":"s.take","id":"same","payload":{"item":"a"}}
{"type":"s.take","id":"same","payload":{"item":"a"}}
END
    assert_success
    assert_stderr
    assert_equal "${#lines[@]}" 3
    assert_equal "${lines[1]}" "${lines[2]}"
    assert_equal "$(stored)" 4
}

@test "what all items read is seen by each command behind it" {
    cat >shop.jq <<'END'
def about: {partition_by: ["shop", "item"]};
def evolve($e):
    apply($e; "shop.closed"; .closed = true)
  | apply($e; "shop.sold"; .sold += 1);
def decide($c):
    on($c; "shop.close"; event("shop.closed"; {shop: $c.payload.shop})),
    on($c; "shop.sell"; .sold as $n | require(.closed | not; "closed")
      | event("shop.sold"; $c.payload + {before: $n}));
END
    sell() {
        printf '{"type":"shop.sell","payload":{"shop":"s","item":"%s"}}\n' "$@"
    }
    { sell a b c a
      echo '{"type":"shop.close","payload":{"shop":"s","item":"z"}}'
      sell d a e; } >in
    es-init
    run --separate-stderr es-decide shop.jq in
    assert_failure 4
    assert_equal "$(jq -c '[.type, .payload.item, .payload.before]' \
        <<<"$output")" '["shop.sold","a",null]
["shop.sold","b",null]
["shop.sold","c",null]
["shop.sold","a",1]
["shop.closed",null,null]'
    assert_stderr 'es-decide: in:6: rejected: closed
es-decide: in:7: rejected: closed
es-decide: in:8: rejected: closed'
    assert_equal "$(stored)" 10
    run --separate-stderr es-check
    assert_success
}

@test "a fault among many: those before it are stored, and nothing of it" {
    es-init
    fine() {
        printf '{"type":"wrong.fine","payload":{"item":"%s"}}\n' "$@"
    }
    # The types are looked at as the events are appended, behind the command.
    for bad in type own late; do
        { fine a b a c a
          echo '{"id":"bad","type":"wrong.'$bad'","payload":{"item":"a"}}'
          fine a d; } >in
        before=$(stored)
        run --separate-stderr es-decide wrong.jq in
        assert_failure 1
        assert_equal "$(jq -r .payload.item <<<"$output" | paste -sd' ')" \
            'a b a c a'
        assert_error_line es-decide "^es-decide: wrong.jq: decide: wrong.$bad bad: "
        assert_equal "$(stored)" $((before + 10))
    done
    assert_equal "$(es-query --count --id bad)" 0
    run --separate-stderr es-check
    assert_success
}

@test "a line that is wrong: those before it are answered" {
    store
    { take a "" b ""; echo '{"type":"stock.take"'; take a ""; } >in
    run --separate-stderr es-decide stock.jq in
    assert_failure 1
    assert_equal "${#lines[@]}" 2
    assert_error_line es-decide '^es-decide: in:3: '
    assert_equal "$(stored)" 6
}

@test "deciding 1,000 times on 10,000 messages does not read them 1,000 times" {
    es-init
    seq 10000 | sed 's/.*/{"type":"stock.added","payload":{"item":"a","n":1}}/' |
        es-append -q
    takes 1000 >in
    es-decide -v stock.jq in >out 2>err
    assert_equal "$(wc -l <out)" 1000
    # Each event is read once more, as the next command's; a few twice, where
    # they were read before and after a commit.
    run cat err
    assert_output --regexp \
        '^es-decide: 1000 commands answered, [0-9]+ messages read$'
    n=${output##*answered, }
    n=${n% messages*}
    echo "$n messages"
    [ "$n" -ge 10000 ]
    [ "$n" -le 12000 ]
}

# ---- conflicts ----

@test "--retries is a number, for what can be in conflict" {
    store
    for bad in -1 x; do
        run --separate-stderr es-decide --retries "$bad" stock.jq -t stock.take
        assert_failure 2
        assert_error_line es-decide 'retries'
    done
    for other in '--as-of 1' '--given /dev/null' '--state -p item=a'; do
        # shellcheck disable=SC2086 # a flag and its argument
        run --separate-stderr es-decide --retries 1 $other stock.jq
        assert_failure 2
        assert_error_line es-decide "^es-decide: --retries: not with ${other%% *}"
    done
    es-decide -q --retries 0 stock.jq -t stock.take item=a
    assert_equal "$(stored)" 4
}

# ---- rejections as data ----

@test "--rejections prints them in their place" {
    store
    take a ',"id":"c1"' c ',"id":"c2"' b ',"id":"c3"' >in
    run --separate-stderr es-decide --rejections stock.jq in
    assert_failure 4
    assert_equal "$(jq -r '.rejected // .causation_id' <<<"$output" |
        paste -sd' ')" 'c1 c2 c3'
    assert_line --index 1 '{"rejected":"c2","type":"stock.take","reason":"sold out","detail":{"left":0}}'
    assert_stderr 'es-decide: in:2: rejected: sold out'
    run --separate-stderr es-decide -q --rejections --given /dev/null stock.jq \
        --id c9 -t stock.take thing=a
    assert_failure 4
    assert_output '{"rejected":"c9","type":"stock.take","reason":"does not carry item (stock is partitioned by it)","detail":null}'
    run --separate-stderr es-decide --rejections --state -p item=a stock.jq
    assert_failure 2
    assert_error_line es-decide 'not with --state'
}

# ---- as it was ----

@test "--as-of decides and folds as of then, and appends nothing" {
    store
    es-decide -q stock.jq -t stock.take item=b
    assert_equal "$(es-decide --state -p item=b --as-of 2 stock.jq)" '{"stock":1}'
    assert_equal "$(es-decide --state -p item=b --as-of 1 stock.jq)" '{"stock":0}'
    assert_equal "$(es-decide --state -p item=b --as-of 99 stock.jq)" '{"stock":0}'
    then=$(es-query -b 3 --tail 1 | jq -r .stored_at)
    assert_equal "$(es-decide --state -p item=b --as-of "$then" stock.jq)" \
        '{"stock":1}'
    assert_equal "$(es-decide --state -p item=a --as-of 1d stock.jq)" \
        '{"stock":0}'
    take b "" b "" >in
    run --separate-stderr es-decide --as-of 2 stock.jq in
    assert_success
    assert_output '{"kind":"event","type":"stock.taken","version":1,"payload":{"item":"b"},"metadata":{}}
{"kind":"event","type":"stock.taken","version":1,"payload":{"item":"b"},"metadata":{}}'
    run --separate-stderr es-decide --as-of 4 stock.jq in
    assert_failure 4
    refute_output
    assert_equal "$(stored)" 4
}

@test "--as-of: one that is in the log is decided anew; its time is then" {
    cat >time.jq <<'END'
def decide($c): on($c; "time.ask"; event("time.told"; {at: $c.stored_at}));
END
    es-init
    es-append -q --kind command --id q -t time.ask
    es-decide -q time.jq <<<"$(es-query --id q)"
    then=$(es-query --id q | jq -r .stored_at)
    run --separate-stderr es-decide --as-of 1 time.jq <<<"$(es-query --id q)"
    assert_success
    assert_equal "$(jq -r .payload.at <<<"$output")" "$then"
    run --separate-stderr es-decide --as-of 1 time.jq -t time.ask
    assert_equal "$(jq -r .payload.at <<<"$output")" "$then"
    run --separate-stderr es-decide --as-of 2020-02-29T12:00:00Z time.jq \
        -t time.ask
    assert_equal "$(jq -r .payload.at <<<"$output")" \
        2020-02-29T12:00:00.000000Z
    run --separate-stderr es-decide --as-of soon time.jq -t time.ask
    assert_failure 2
    assert_error_line es-decide '^es-decide: --as-of: must be a position'
    run --separate-stderr es-decide --as-of 1 --given /dev/null time.jq
    assert_failure 2
    assert_error_line es-decide 'not with --given'
}

# ---- the state ----

@test "--state prints the state of a partition" {
    store
    run --separate-stderr es-decide --state -p item=a stock.jq
    assert_success
    assert_output '{"stock":2}'
    assert_stderr
    run --separate-stderr es-decide stock.jq --state -p item=nobody
    assert_success
    assert_output '{"stock":0}'
    assert_equal "$(stored)" 2
}

@test "--state wants exactly the partition's names" {
    store
    run --separate-stderr es-decide --state stock.jq
    assert_failure 2
    assert_error_line es-decide 'item: its value is missing'
    run --separate-stderr es-decide --state -p item=a -p n=1 stock.jq
    assert_failure 2
    assert_error_line es-decide 'n: stock is partitioned by item'
    run --separate-stderr es-decide --state -p item=a stock.jq file
    assert_failure 2
    assert_error_line es-decide 'reads no commands'
    run --separate-stderr es-decide -p item=a stock.jq -t stock.take
    assert_failure 2
    assert_error_line es-decide 'only with --state'
}

# ---- without a store ----

@test "--given decides on a history in a file, and touches no store" {
    cat >given <<'END'
{"type":"stock.added","payload":{"item":"a","n":2}}
{"type":"stock.added","payload":{"item":"b","n":5}}
{"type":"stock.eaten","payload":{"item":"a"}}
{"type":"stock.taken","payload":{"item":"a"}}
END
    take a "" >in
    run --separate-stderr es-decide --given given stock.jq in
    assert_success
    assert_stderr
    assert_output '{"kind":"event","type":"stock.taken","version":1,"payload":{"item":"a"},"metadata":{}}'
    run --separate-stderr es-decide --given given stock.jq --state -p item=a
    assert_success
    assert_output '{"stock":1}'
    run --separate-stderr es-decide --given given stock.jq \
        -t stock.add item=a n:=3
    assert_success
    assert_output '{"kind":"event","type":"stock.added","version":1,"payload":{"item":"a","n":3},"metadata":{"by":"test"}}'
    assert_not_exists es.db
}

@test "--given: a command sees the events of those before it" {
    echo '{"type":"stock.added","payload":{"item":"a","n":1}}' >given
    take a "" a "" b "" >in
    run --separate-stderr es-decide --given given stock.jq in
    assert_failure 4
    assert_equal "${#lines[@]}" 1
    assert_stderr 'es-decide: in:2: rejected: sold out
es-decide: in:3: rejected: sold out'
}

@test "--given takes what es-query prints, on stdin too" {
    store
    es-decide -q stock.jq -t stock.take item=a
    run --separate-stderr sh -c 'es-query |
        es-decide --given - stock.jq --state -p item=a'
    assert_success
    assert_output '{"stock":1}'
    run --separate-stderr es-decide --given - stock.jq
    assert_failure 2
    assert_error_line es-decide 'cannot be read twice'
    es-query --kind command >commands
    run --separate-stderr es-decide --given /dev/null stock.jq commands
    assert_failure 4
    assert_error_line es-decide 'commands:1: rejected: sold out'
}

@test "--given: the command's stored_at is its time" {
    cat >time.jq <<'END'
def decide($c): on($c; "time.ask"; event("time.told"; {at: $c.stored_at}));
END
    run --separate-stderr es-decide --given /dev/null time.jq \
        <<<'{"type":"time.ask","stored_at":"2024-02-29T12:00:00Z"}'
    assert_success
    assert_output --partial '{"at":"2024-02-29T12:00:00.000000Z"}'
}

@test "--given: bad history and faults are named" {
    printf '%s\n' '{"type":"wrong.done"}' '{"type":""}' >given
    run --separate-stderr es-decide --given given stock.jq -t stock.take
    assert_failure 1
    refute_output
    assert_error_line es-decide 'given:2: type: '
    echo '{"type":"wrong.error","id":"e9","payload":{"item":"i"}}' >given
    run --separate-stderr es-decide --given given wrong.jq --id it \
        -t wrong.fine item=i
    assert_failure 1
    assert_stderr "es-decide: wrong.jq: evolve: wrong.error e9 at 1\
 (for wrong.fine it): boom"
    run --separate-stderr es-decide --given /dev/null wrong.jq --id it \
        -t wrong.own item=i
    assert_failure 1
    assert_error_line es-decide 'wrong.jq: decide: wrong.own it: .*es\.'
    run --separate-stderr es-decide --given nowhere stock.jq -t stock.take
    assert_failure 1
    assert_error_line es-decide 'nowhere: '
}

# ---- handlers ----

@test "a handler that cannot be used says so, before anything is read" {
    es-init
    run -127 --separate-stderr es-decide nowhere.jq -t a.b
    assert_error_line es-decide 'nowhere.jq: '
    printf 'def decide($c):\n  on($c; "a.b"; nothing_like_it);\n' >bad.jq
    run --separate-stderr es-decide bad.jq -t a.b
    assert_failure 1
    assert_error_line es-decide 'bad.jq:2: '
    echo 'def evolve($e): apply($e; "a.b"; .);' >none.jq
    run --separate-stderr es-decide none.jq -t a.b
    assert_failure 1
    assert_error_line es-decide 'none.jq: it decides nothing'
    printf '#!/bin/sh\n# es: on a.b\n' >run.sh
    chmod +x run.sh
    run --separate-stderr es-decide run.sh -t a.b
    assert_failure 1
    assert_error_line es-decide 'run.sh: it decides nothing'
    run --separate-stderr es-decide
    assert_failure 2
    assert_error_line es-decide 'HANDLER is missing'
}

@test "flags that do not go together are usage errors" {
    store
    run --separate-stderr es-decide --check stock.jq -t stock.take item=a
    assert_failure 2
    assert_error_line es-decide '--check: takes a HANDLER and nothing else'
    run --separate-stderr es-decide stock.jq --id x
    assert_failure 2
    assert_error_line es-decide '--id: only with --type'
    assert_equal "$(stored)" 2
}

@test "a file that also asks for what only a later version does can be decided by" {
    es-init
    cat >select.jq <<'END'
def decide($c):
  on($c; "donations.select"; event("donations.selected"; $c.payload)),
  on($c; "donations.later"; event("donations.selected"; {}) | at("+5m"));
def react($e):
  on($e; "donations.selected"; command("donations.remind"; {}) | at("+5m")),
  on($e; "donations.paid"; broadcast({}));
END
    es-decide -q select.jq -t donations.select amount:=5
    assert_equal "$(es-query -t donations.selected | jq -c .payload)" '{"amount":5}'
    run --separate-stderr es-decide select.jq -t donations.later
    assert_failure 1
    assert_error_line es-decide 'at: this version has no schedules'
    # A reaction that is never made would be missed later.
    run --separate-stderr es-react select.jq
    assert_failure 1
    assert_error_line es-react 'select.jq:3: at: this version has no schedules'
}
