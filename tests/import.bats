#!/usr/bin/env bats
#
# es-append --import: a log out of its export, as it was.

load helper

setup() {
    es_setup
}

# A log with most of what a log can have, in old.db.
old() {
    local payload='{ "book_id" : "b1", "days": 14,  "note":"\u0041 \/" }'
    es-init -s old.db
    export ES_STORE=old.db
    es-append -q -t loans.book_lent book_id=b0 days:=1
    cat >catalog.json <<'END'
{"loans.lend_book": {"kind": "command", "version": 3, "keys": ["book_id"],
   "payload": {"book_id": "string", "days": "integer", "note": "string?"}},
 "loans.book_lent": {"keys": ["book_id"], "private": ["member_id"],
   "payload": {"book_id": "string", "days": "integer", "note": "string?",
     "member_id": "string?"}}}
END
    es-init -q -m catalog.json
    es-append -q <<END
{"id":"m-1","type":"loans.book_lent","tags":["x:1", "vip", "\u00e9"],"payload":$payload,"metadata":{ "by" : "me" },"created_at":"2020-02-29T12:00:00.5+02:00","causation_id":"elsewhere","correlation_id":"k"}
{"type":"loans.book_lent","payload":{"book_id":"b2","days":1,"member_id":"m7"},"created_at":"1969-07-20T20:17:40.000000Z"}
{"type":"other","kind":"command","version":7,"causation_id":"m-1"}
{"type":"other","payload":{"n":9007199254740993,"e":1e400,"t":true}}
END
    # days is found from now on, and book_id is not.
    sed -i 's/"keys": \["book_id"\]/"keys": ["days"]/' catalog.json
    es-init -q -m catalog.json
    es-append -q -t loans.lend_book book_id=b1 days=14
    es-append -q -t loans.book_lent book_id=b2 days=14
    cat >lend.jq <<'END'
def about: {partition_by: ["days"]};
def initial: 0;
def evolve($e): apply($e; "loans.book_lent"; . + 1);
def decide($c): on($c; "loans.lend_book";
    require($c.payload.days < 99; "too long"; {most: 98})
    | if $c.payload.days == 7 then empty
      else event("loans.book_lent"; {book_id: "x", days: $c.payload.days}),
        event("loans.told"; {days: $c.payload.days}) end);
END
    es-append -q --id c1 -t loans.lend_book book_id=b3 days=3
    es-append -q --id c2 -t loans.lend_book book_id=b4 days=99
    es-append -q --id c3 -t loans.lend_book book_id=b5 days=7
    es-react -q lend.jq || true
    es-append -q --id c4 -t loans.lend_book book_id=b6 days=5
    unset ES_STORE
    es-query -s old.db >old
}

# same QUERY-FLAGS: the same answer from both.
same() {
    es-query -s old.db "$@" >expected
    es-query -s new.db "$@" | diff expected -
}

# refused REGEX: the lines in `input` are, and nothing is stored.
refused() {
    run --separate-stderr es-append --import input
    assert_failure 1
    refute_output
    assert_error_line es-append "$1"
    assert_equal "$(es-query --count)" 0
}

@test "the import of an export is the identity" {
    old
    es-init -s new.db
    run --separate-stderr es-append -s new.db --import <old
    assert_success
    assert_stderr
    diff old - <<<"$output"
    es-query -s new.db | cmp old -
    # And once more.
    es-init -s third.db
    es-query -s new.db | es-append -q -s third.db --import
    es-query -s third.db | cmp old -
    assert_equal "$(sqlite3 -readonly old.db 'select * from messages' | sum)" \
        "$(sqlite3 -readonly new.db 'select * from messages' | sum)"
}

@test "it is found by the same names, whatever the catalog was" {
    local store name value
    old
    es-init -s new.db
    es-append -q -s new.db --import old
    same -t loans.
    same -t es.
    same --kind command
    for store in old new; do
        for name in book_id days member_id x note n t command_id reason; do
            for value in b0 b1 b2 b3 b4 1 3 14 99 m7 true 'A /' c2 'too long'; do
                echo "$name:$value"
                es-query -s "$store.db" -g "$name:$value" 2>&1 || echo "is $?"
            done
        done >"$store.answers"
    done
    diff old.answers new.answers
    # Those that have a message behind them.
    awk '/^[{]/ && last !~ /^[{]/ { print last } { last = $0 }' old.answers >found
    # What was found by book_id and what by days, before and after.
    diff - <(sort -u found) <<'END'
book_id:b0
book_id:b1
book_id:b2
days:1
days:14
days:3
days:99
t:true
x:1
END
    same -g vip
    same -g é
    same -p days=3 -p x=1
    same -t es. -g command_id:c2
    [ -s expected ]
    same --since 1h
    # New messages are found by the last catalog.
    es-append -q -s new.db -t loans.book_lent book_id=b9 days=50
    assert_equal "$(es-query -s new.db -k days=50 --count)" 1
    run --separate-stderr es-append -s new.db -t loans.book_lent book_id=b9
    assert_failure 1
    assert_error_line es-append 'days: is missing'
}

@test "no imported command is decided again" {
    local outcomes
    old
    es-init -s new.db
    es-append -q -s new.db --import old
    # decided, rejected, and of what nothing is known: skipped
    outcomes=$(sqlite3 -readonly new.db "select m.id, o.result from message m
        left join outcome o on o.command = m.position
        where m.kind = 2 and typeof(m.id) = 'text' order by 1")
    assert_equal "$outcomes" $'c1|1\nc2|2\nc3|3\nc4|3'
    run --separate-stderr es-react -s new.db lend.jq
    assert_success
    es-query -s new.db | cmp old -
    # The outcome is given, not made.
    grep '"id":"c1"' old >c1
    run --separate-stderr es-decide -s new.db lend.jq c1
    assert_success
    assert_equal "$(jq -r .type <<<"$output" | tr '\n' ' ')" \
        'loans.book_lent loans.told '
    grep '"id":"c2"' old >c2
    run --separate-stderr es-decide -s new.db lend.jq c2
    assert_failure 4
    refute_output
    assert_error_line es-decide 'rejected: too long'
    es-query -s new.db | cmp old -
}

@test "what is erased stays erased" {
    old
    jq -c 'if .id == "m-1" then del(.tags) | .payload = {} | .metadata = {} |
        .erased_at = "2026-11-24T21:11:05.123456Z" else . end' old >input
    es-init
    es-append -q --import input
    # jq writes numbers in another way
    es-query | grep '"id":"m-1"' | cmp - <(grep '"id":"m-1"' input)
    es-init -s other.db
    es-query | es-append -q -s other.db --import
    es-query | cmp - <(es-query -s other.db)
    assert_equal "$(es-query -g vip --count)" 0
    run --separate-stderr es-append --id m-1 -t loans.book_lent
    assert_failure 1
    assert_error_line es-append 'm-1 was erased'
    # With something in it, it is not.
    jq -c '.payload = {a: 1}' <(grep '"id":"m-1"' input) |
        jq -c '.position = 1' >line
    es-init -s third.db
    run --separate-stderr es-append -s third.db --import line
    assert_failure 1
    assert_error_line es-append '^es-append: line:1: erased_at: '
}

@test "a log of which something was erased, and its check" {
    old
    es-erase -q -s old.db m-1 c1
    es-query -s old.db >old
    grep -c erased_at old
    es-init -s new.db
    es-append -q -s new.db --import old
    es-query -s new.db | cmp old -
    run --separate-stderr es-check -s new.db
    assert_success
    assert_stderr
    run --separate-stderr es-append -s new.db --id c1 -t loans.lend_book \
        book_id=b3 days=3
    assert_failure 1
    assert_error_line es-append 'c1 was erased'
    # It has its outcome all the same.
    assert_equal "$(sqlite3 -readonly new.db "select o.result from message m
        join outcome o on o.command = m.position where m.id = 'c1'")" 1
}

@test "after an import the payload as it is stored counts" {
    old
    cat >again.json <<'END'
{"loans.lend_book": {"kind": "command",
    "payload": {"book_id": "string", "days": "integer"}}}
END
    es-init -q -s first.db -m again.json
    es-append -q -s first.db --id m1 -t loans.lend_book book_id=b1 days=14
    es-query -s first.db >export
    es-init -s new.db
    es-append -q -s new.db --import export
    run --separate-stderr es-append -s new.db --id m1 -t loans.lend_book \
        book_id=b1 days=14
    assert_failure 1
    assert_error_line es-append 'm1 is stored at position 2 with another payload'
    run --separate-stderr es-append -s new.db --id m1 -t loans.lend_book \
        book_id=b1 days:=14
    assert_success
}

@test "an id that a schedule has taken" {
    es-init
    cat >input <<'END'
{"position":1,"id":"s","type":"es.scheduled","payload":{"due":"2030-01-01T00:00:00Z","message":{"id":"later","type":"a"}},"stored_at":"2026-01-01T00:00:00.000000Z"}
{"position":2,"id":"s2","type":"es.scheduled","payload":{"due":"2026-01-01T00:00:00Z","message":{"id":"came","type":"a"}},"stored_at":"2026-01-01T00:00:00.000000Z"}
{"position":3,"id":"came","type":"a","stored_at":"2026-01-02T00:00:00.000000Z"}
END
    es-append -q --import input
    run --separate-stderr es-append --id later -t a
    assert_failure 1
    assert_error_line es-append 'later is reserved by the schedule at position 1'
    run --separate-stderr es-append --id came -t a
    assert_success
    assert_equal "$(jq .position <<<"$output")" 3
}

@test "it begins a new epoch, and time goes on" {
    es-init
    es-query --guard before
    jq -n -c '{position: 1, id: "a", type: "a",
        stored_at: "2099-01-01T00:00:00.000000Z"}' >input
    es-append -q --import input
    es-query --guard after
    assert_equal "$(jq -r .store before)" "$(jq -r .store after)"
    run test "$(jq -r .epoch before)" = "$(jq -r .epoch after)"
    assert_failure
    run --separate-stderr es-append --guard before -t a
    assert_failure 1
    assert_error_line es-append 'another epoch'
    run --separate-stderr es-append -t a
    assert_equal "$(jq -r .stored_at <<<"$output")" 2099-01-01T00:00:00.000000Z
}

@test "groups that the store has are stopped" {
    old
    es-init -s new.db
    es-react -q -s new.db lend.jq
    assert_equal "$(es-group -s new.db list --json | jq -r .state)" running
    es-append -q -s new.db --import old
    assert_equal "$(es-group -s new.db list --json | jq -r .state)" stopped
    es-query -s new.db | cmp old -
}

@test "only into a store without any message" {
    old
    es-init -s new.db
    es-append -q -s new.db -t a
    run --separate-stderr es-append -s new.db --import old
    assert_failure 1
    refute_output
    assert_stderr 'es-append: new.db: has 1 message already: --import wants a store without any (es-init without a catalog makes one)'
    run --separate-stderr es-append -s old.db --import old
    assert_failure 1
    assert_error_line es-append "old.db: has $(wc -l <old) messages already"
    # One with a catalog has the message that says so.
    es-init -q -s third.db -m catalog.json
    run --separate-stderr es-append -s third.db --import old
    assert_failure 1
    assert_error_line es-append 'third.db: has 1 message already'
    run --separate-stderr es-append -s third.db --import </dev/null
    assert_failure 1
}

@test "nothing to import is no import" {
    es-init
    es-query --guard before
    run --separate-stderr es-append --import </dev/null
    assert_success
    refute_output
    assert_stderr
    es-query --guard after
    cmp before after
}

@test "what is no whole log is refused, with its place" {
    local line='{"position":1,"id":"a","type":"a","stored_at":"2026-01-01T00:00:00.000000Z"}'
    es-init
    echo "$line" >first
    refused_second() {
        { cat first; jq -c "$1" first; } >input
        refused "^es-append: input:2: $2"
    }
    refused_second '.position = 3 | .id = "b"' 'position: is 3, and 2 would'
    refused_second '.id = "b"' 'position: is 1, and 2 would be the next'
    refused_second '.position = 2' 'id: a is that of position 1, too'
    refused_second '.position = 2 | .id = "b" |
        .stored_at = "2025-12-31T00:00:00Z"' 'stored_at: is earlier'
    refused_second '.position = 2 | del(.id)' 'id: missing'
    refused_second 'del(.position) | .id = "b"' 'position: missing'
    refused_second '.position = 2 | .id = "b" | del(.stored_at)' \
        'stored_at: missing'
    refused_second '.position = 2 | .id = "b" | .x = 1' 'x: no such field'
    refused_second '.position = "2" | .id = "b"' 'position: must be an integer'
    refused_second '.position = 2 | .id = "b" | .stored_at = "soon"' \
        'stored_at: must be a time'
    refused_second '.position = 2 | .id = "b" | .type = "es.catalog_loaded" |
        .payload = {catalog: {"a": 7}}' '.*a: '
    { cat first; printf '{"position":2,"id":"b"'; } >input
    refused '^es-append: input:2: cut off'
    jq -c '.position = 2' first >input
    refused '^es-append: input:1: position: is 2, and 1 would be the next'
    jq -c '.stored_at = "1969-01-01T00:00:00Z"' first >input
    refused '^es-append: input:1: stored_at: is before 1970'
    # The newest first.
    { jq -c '.position = 2 | .id = "b"' first; cat first; } >input
    refused '^es-append: input:1: position: '
    # What is missing besides has its default.
    es-append -q --import first
    jq -e '.kind == "event" and .version == 1 and .causation_id == "a"
        and .created_at == .stored_at and .payload == {}' <(es-query)
}

@test "what does not go with --import" {
    local words
    es-init
    for words in --each '--batch 5' '--skip-bad x' '--guard g' '-t a' \
        '--cause a' '-g x' '--kind event' '--meta a=b' '--unless -t a'; do
        # shellcheck disable=SC2086 # words
        run --separate-stderr es-append --import $words </dev/null
        assert_failure 2
        refute_output
        assert_error_line es-append "^es-append: --import"
    done
}

@test "--dry-run of an import" {
    old
    es-init -s new.db
    es-query -s new.db --guard before
    es-append -s new.db --import --dry-run old | cmp old -
    assert_equal "$(es-query -s new.db --count)" 0
    es-query -s new.db --guard after
    cmp before after
    { cat old; head -n 1 old; } >input
    run --separate-stderr es-append -s new.db --import --dry-run input
    assert_failure 1
    refute_output
    assert_error_line es-append "input:$(wc -l <input): position: is 1"
    es-append -q -s new.db --import old
}

@test "an import that cannot be acknowledged is stored, and says so" {
    old
    es-init -s new.db
    run --separate-stderr bash -c 'es-append -s new.db --import old >/dev/full'
    assert_failure 1
    assert_stderr "es-append: <stdout>: No space left on device (stored up to position $(wc -l <old))"
    es-query -s new.db | cmp old -
}

@test "an import that is killed has not been" {
    old
    es-init -s new.db
    mkfifo pipe
    start import es-append -s new.db --import pipe
    exec 9>pipe
    head -n 5 old >&9
    # It has begun: others have to wait for it.
    within 10 busy new.db
    kill -KILL "$pid"
    exec 9>&-
    wait "$pid" || true
    assert_equal "$(es-query -s new.db --count)" 0
    es-append -q -s new.db --import old
    es-query -s new.db | cmp old -
}

# busy STORE: whether somebody writes it.
busy() {
    run timeout 30 sqlite3 "$1" 'begin immediate'
    [[ $output == *'database is locked'* ]]
}
