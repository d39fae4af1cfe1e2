#!/usr/bin/env bats
#
# es-query: what each flag finds, guards, following.

load helper

setup() {
    es_setup
    es-init
}

# A library: members join, books are added, lent and returned.
library() {
    es-append -q <<'END'
{"type":"members.joined","id":"m1","payload":{"member_id":"m1","name":"Ann"}}
{"type":"members.joined","id":"m2","payload":{"member_id":"m2","name":"Bo"}}
{"type":"books.added","id":"b1","payload":{"book_id":"b1"},"tags":["classic"]}
{"type":"books.added","id":"b2","payload":{"book_id":"b2"}}
{"type":"loans.lend","id":"c1","kind":"command","payload":{"book_id":"b1","member_id":"m1"}}
{"type":"loans.lent","id":"l1","payload":{"book_id":"b1","member_id":"m1"}}
{"type":"loans.returned","id":"l2","payload":{"book_id":"b1","member_id":"m1"}}
{"type":"loans.lent","id":"l3","payload":{"book_id":"b1","member_id":"m2"}}
{"type":"loans.lent","id":"l4","payload":{"book_id":"b2","member_id":"m2"}}
{"type":"loansome.day","id":"x1","tags":["book_id:b2","a:b:c"]}
END
}

# found IDS [FLAGS]...: these messages, in this order, and nothing on stderr.
found() {
    local ids=$1
    shift
    run --separate-stderr es-query "$@"
    assert_success
    assert_stderr
    assert_equal "$(ids <<<"$output")" "${ids:+$ids }"
}

usage() {
    local regex=$1
    shift
    run --separate-stderr es-query "$@"
    assert_failure 2
    refute_output
    assert_error_line es-query "$regex"
}

@test "an empty store: nothing, and nothing wrong" {
    run --separate-stderr es-query
    assert_success
    refute_output
    assert_stderr
    run --separate-stderr es-query --count
    assert_output 0
    run --separate-stderr es-query -t a -k x=1 -r
    assert_success
    refute_output
}

@test "everything, oldest first, as it was acknowledged" {
    for ((n = 0; n < 300; n++)); do echo "{\"type\":\"t$n\"}"; done >input
    es-append input >output
    es-query >all
    cmp all output
}

@test "types and prefixes" {
    library
    found 'l1 l3 l4' -t loans.lent
    found 'l1 l2 l3 l4' -t loans.lent -t loans.returned
    found 'c1 l1 l2 l3 l4' -t loans.
    found 'c1 l1 l2 l3 l4' -t 'loans.*'
    found 'b1 b2 x1' -t books. -t loansome.
    found '' -t loans.lost
    found '' -t loa
}

@test "keys and tags" {
    library
    found 'b1 c1 l1 l2 l3' -k book_id=b1
    found 'b1 c1 l1 l2 l3' -g book_id:b1
    found 'c1 l1 l2' -k book_id=b1 -k member_id=m1
    found 'l3' -t loans.lent -k book_id=b1 -k member_id=m2
    found 'b1' -g classic
    found 'x1' -g a:b:c
    found 'x1' -k a=b:c
    found 'b2 l4 x1' -k book_id=b2
    found '' -k book_id=b3
    found '' -k book_id=
}

@test "1 and \"1\" are the same tag" {
    es-append -q -t a n=1
    es-append -q -t a n:=1
    es-append -q -t a n:=1.0
    es-append -q -t a b:=true
    assert_equal "$(es-query -k n=1 --count)" 2
    assert_equal "$(es-query -k b=true --count)" 1
}

@test "or" {
    library
    found 'm1 l3 l4' -t members.joined -k member_id=m1 -o -t loans.lent \
        -k member_id=m2
    found 'b1 b2 c1' -t books. --or --kind command
}

@test "kind" {
    library
    found 'c1' --kind command
    found 'l1 l2 l3 l4' -t loans. --kind event
    found '' -t books. --kind command
}

@test "a partition reads what carries a name, and the right value of each" {
    library
    found 'm1 b1 c1 l1 l2' -p book_id=b1 -p member_id=m1
    found 'm2 b1 l3' -p book_id=b1 -p member_id=m2
    found 'l3' -t loans. -p book_id=b1 -p member_id=m2
    found 'b1 c1 l1 l2 l3' -p book_id=b1
}

@test "after, before, limit" {
    library
    found 'l1 l2 l3 l4 x1' -a 5
    found 'm1 m2' -b 3
    found 'b1 b2' -a 2 -b 5
    found '' -a 5 -b 6
    found '' -a 10
    found '' -a 1000
    found 'm1 m2 b1' -n 3
    found 'l1 l2' -n2 -t loans. -a 5
    found '' -n 0
    found 'l3' -k book_id=b1 -a 7 -b 9
}

@test "reverse, tail, last" {
    library
    found 'x1 l4 l3' -r -n 3
    found 'l4 l3 l1' -r -t loans.lent
    found 'l3 l4' --tail 2 -t loans.lent
    found 'l2 l3' --tail 2 -k book_id=b1
    found 'x1' --tail 1
    found '' --tail 0
    found 'm1 m2 b1 b2 c1 l1 l2 l3 l4 x1' --tail 100
    found 'l4' -t loans.lent --last
    found 'l2 l4' -t loans.lent --last -o -t loans.returned --last
    found 'b1 b2 l4' -t books. -o -t loans.lent --last
    found 'l1' -t loans.lent --last -b 8
}

@test "an id: that message, if it matches the rest" {
    library
    found 'l3' --id l3
    found 'l3' --id l3 -t loans.
    found '' --id l3 -t books.
    found 'l3' --id l3 -k book_id=b1 --last
    found '' --id l1 -t loans.lent --last
    found '' --id l3 -a 8
    found '' --id l3 -b 8
    found 'l3' --id l3 -a 7 -b 9 --tail 3 -n 2
    found '' --id none
    echo '{"items":[{"types":["loans."]}]}' >q
    found 'l3' q --id l3
    assert_equal "$(es-query --count --id l3)" 1
    # One that es made itself.
    local id
    id=$(es-append -t a | jq -r .id)
    found "$id" --id "$id"
    found '' --id "${id^^}"
}

@test "a correlation: what belongs together, wherever it stands" {
    library
    es-append -q <<'END'
{"type":"r.early","id":"e","correlation_id":"root"}
{"type":"r.root","id":"root"}
{"type":"r.made","id":"m","causation_id":"root","payload":{"n":1}}
{"type":"r.made","id":"n","causation_id":"m","payload":{"n":2}}
{"type":"r.other","id":"o","causation_id":"root","correlation_id":"x"}
END
    found 'e root m n' --correlation root
    found 'm n' --correlation root -t r.made
    found 'n' --correlation root -k n=2
    found 'n m root e' --correlation root -r
    found 'm n' --correlation root --tail 2
    found 'e root' --correlation root -n 2
    found 'm n' --correlation root -a 12
    found 'o' --correlation x
    found 'l1' --correlation l1
    found '' --correlation nobody
    # The newest of the item belongs to another one.
    found '' --correlation x -t r.made --last
    assert_equal "$(es-query --count --correlation root)" 4
    # Ids that es has made are kept in another form.
    local id
    id=$(es-append -t a | jq -r .id)
    es-append -q --id made -t b --cause "$id"
    found "$id made" --correlation "$id"
    found 'made' --correlation "$id" --kind event -a 16
}

@test "since and until" {
    library
    local now
    found '' --since 0s
    found 'm1 m2 b1 b2 c1 l1 l2 l3 l4 x1' --since 1h
    found '' --until 1h
    now=$(es-query -n 1 | jq -r .stored_at)
    found 'm1 m2' --since "$now" --until "$now" -n 2
    found '' --since 2100-01-01T00:00:00Z
    found '' -t books. --until 1999-12-31T23:59:59+01:00
}

@test "es. types are shown where they are asked for" {
    echo '{"a": {}}' >messages.json
    es-init -m messages.json
    es-append -q -t a n=1
    assert_equal "$(es-query | jq -r .type | tr '\n' ' ')" 'es.catalog_loaded a '
    assert_equal "$(es-query -t es. --count)" 1
    assert_equal "$(es-query -t es.catalog_loaded --count)" 1
    assert_equal "$(es-query --kind event --count)" 1
    assert_equal "$(es-query -k n=1 -o --kind event | jq -r .type)" a
}

@test "a JSON query, of a file or of stdin" {
    library
    cat >q <<'END'
{"items": [
  {"types": ["books."], "tags": ["classic"]},
  {"partition": {"book_id": "b2", "member_id": "m2"}, "kind": "event"}
]}
END
    found 'm2 b1 b2 l4 x1' q
    found 'b1 b2' q -n 2 -a 2
    run --separate-stderr es-query - <q
    assert_success
    assert_equal "${#lines[@]}" 5
    run --separate-stderr es-query - <<<'{}'
    assert_equal "${#lines[@]}" 10
    run --separate-stderr es-query - <<<'{"items":[]}'
    assert_success
    refute_output
    run --separate-stderr es-query - <<<'{"items":[{"types":["loans.lent"],"last":true}]}'
    assert_equal "$(jq -r .id <<<"$output")" l4
}

@test "null in a partition: messages that lack the name" {
    library
    run --separate-stderr es-query - \
        <<<'{"items":[{"partition":{"book_id":"b1","member_id":null}}]}'
    assert_success
    assert_equal "$(ids <<<"$output")" 'b1 '
}

@test "a JSON query that is none" {
    local text
    while read -r text; do
        echo "$text" >q
        run --separate-stderr es-query q
        assert_failure 2
        refute_output
        assert_error_line es-query '^es-query: q: '
    done <<'END'
[]
{"item":[]}
{"items":{}}
{"items":[{}]}
{"items":[{"last":true}]}
{"items":[{"types":"a"}]}
{"items":[{"types":[]}]}
{"items":[{"types":["a"],"tag":[]}]}
{"items":[{"kind":"order"}]}
{"items":[{"types":["a b"]}]}
{"items":[
{"items":[{"types":["a"],"types":["b"]}]}
END
    run --separate-stderr es-query none
    assert_failure 1
    refute_output
    assert_stderr 'es-query: none: No such file or directory'
    echo '{}' >q
    usage 'q: a query is told by a file or by flags, not by both' q -t a
    usage 'r: more than one QUERY' q r
}

@test "usage" {
    usage 'unknown option --no-such' --no-such
    usage '--limit' -n x
    usage '--limit' -n -1
    usage '--after' -a 1.5
    usage '--before' -b 0
    usage '--after' -a 99999999999999999999
    usage '--tail' --tail many
    usage 'NAME=VALUE' -k x
    usage '"a b"' -t 'a b'
    usage 'type' -t '*'
    usage 'kind' --kind order
    usage '--since' --since tomorrow
    usage '--id: must be printable ASCII' --id 'a b'
    usage '--id: must have 1 to 128' --id ''
    usage '--id: only once' --id a --id b
    usage '--correlation: only once' --correlation a --correlation a
    usage '-o' -o -t a
    usage '-o' -t a -o
    usage '--last' --last
    usage 'UTF-8' -k $'x=\xff'
    usage '-r: goes not with --tail' -r --tail 1
    usage '--pretty: goes not with --count' --count --pretty
}

@test "a name that nothing is found by is a mistake, not silence" {
    cat >messages.json <<'END'
{"loans.lent": {"keys": ["book_id"], "private": ["reader"],
  "payload": {"book_id": "string", "days": "integer", "reader": "string"}}}
END
    es-init -m messages.json
    es-append -q -t loans.lent book_id=b1 days=1 reader=ann
    assert_equal "$(es-query -k book_id=b1 --count)" 1
    usage 'no message can be found by "days"' -k days=1
    usage 'no message can be found by "reader"' -g reader:ann
    usage 'no message can be found by "days"' -t loans. -p days=1
    # A type that the catalog leaves open may have any.
    run --separate-stderr es-query -t other.type -k days=1
    assert_success
    refute_output
}

@test "count" {
    library
    run --separate-stderr es-query --count
    assert_success
    assert_output 10
    assert_stderr
    run --separate-stderr es-query --count -t loans. -n 3
    assert_output 3
    run --separate-stderr es-query --count -t nothing.like-it
    assert_output 0
}

@test "pretty: one aligned line a message" {
    library
    run --separate-stderr es-query --pretty
    assert_success
    assert_stderr
    assert_equal "${#lines[@]}" 10
    assert_line --index 4 --regexp \
        '^       5  [0-9-]{10} [0-9:]{8}  > loans[.]lend +[{]"book_id":"b1","member_id":"m1"[}]$'
    assert_line --index 5 --regexp '^       6  .*    loans[.]lent +[{]'
    # No colours in a pipe, and nothing that drives a terminal.
    es-append -q -t a $'x=\x7f\xc2\x9b'
    run --separate-stderr es-query --pretty
    refute_output --partial $'\033'
    assert_line --index 10 --partial '{"x":"\u007f\u009b"}'
}

@test "the store's name comes from -s, else from ES_STORE" {
    es-init -s other.db
    es-append -s other.db -q -t a
    assert_equal "$(es-query -s other.db --count)" 1
    assert_equal "$(ES_STORE=other.db es-query --count)" 1
    assert_equal "$(es-query --count)" 0
    run --separate-stderr es-query -s none.db
    assert_failure 1
    refute_output
    assert_stderr 'es-query: none.db: there is no store here: make one with es-init'
    assert_file_not_exist none.db
    # No search upwards.
    mkdir deeper
    cd deeper
    run --separate-stderr es-query
    assert_failure 1
}

@test "output that cannot be written" {
    library
    run --separate-stderr bash -c 'es-query >/dev/full'
    assert_failure 1
    assert_stderr 'es-query: <stdout>: No space left on device'
    run --separate-stderr bash -c 'es-query --count >&-'
    assert_failure 1
    assert_error_line es-query '<stdout>: '
}

@test "a reader that has enough ends it quietly" {
    for ((n = 0; n < 2000; n++)); do echo '{"type":"a"}'; done | es-append -q
    run --separate-stderr bash -c 'es-query | head -n 1'
    assert_success
    assert_stderr
    assert_equal "${#lines[@]}" 1
    # shellcheck disable=SC2016 # the inner shell's
    run bash -c 'es-query | head -n 1 >/dev/null; echo "${PIPESTATUS[0]}"'
    assert_output 141
}

@test "a directory that cannot be written can be read" {
    need_unprivileged
    library
    sqlite3 es.db 'pragma wal_checkpoint(truncate)' >/dev/null
    mkdir ro
    cp es.db ro/es.db
    chmod 555 ro
    run --separate-stderr unprivileged es-query -s ro/es.db --count
    chmod 755 ro
    assert_success
    assert_output 10
    assert_stderr
    es-append -q -t a
    cp es.db es.db-wal ro
    chmod 555 ro
    run --separate-stderr unprivileged es-query -s ro/es.db --count
    chmod 755 ro
    assert_failure 1
    refute_output
    assert_error_line es-query 'ro/es.db: .*-wal'
}

@test "a slow reader keeps no writer from writing" {
    library
    for ((n = 0; n < 2000; n++)); do echo '{"type":"a"}'; done | es-append -q
    mkfifo pipe
    start slow bash -c 'es-query >pipe'
    exec 9<pipe
    read -ru 9 _
    timeout 10 es-append -q -t later
    sqlite3 es.db 'pragma wal_checkpoint(truncate)' >checkpoint
    # busy, so many frames, so many moved
    assert_equal "$(cut -d'|' -f1 checkpoint)" 0
    # And what it reads ends where the log ended when it began.
    assert_equal "$(cat <&9 | wc -l)" 2009
    exec 9<&-
    finish 10 "$pid"
    assert_equal "$status" 0
}

# ---- guards ----

# reaches POS: the guard in g says so.
reaches() {
    assert_regex "$(<g)" ",\"after\":$1,"
}

@test "a guard says what was read" {
    library
    run --separate-stderr es-query --guard g -t loans.lent -k book_id=b1
    assert_success
    assert_stderr
    jq -e '.query == {items: [{types: ["loans.lent"], tags: ["book_id:b1"]}]}
        and .after == 10 and (.store | length == 36)
        and (.epoch | length == 36) and .id == "x1"
        and (keys | length == 5)' g
    assert_equal "$(wc -l <g)" 1
    # Everything; nothing that matches; in a store that is empty.
    es-query --guard g >/dev/null
    jq -e '.query == {} and .after == 10' g
    es-query --guard g -k book_id=none
    reaches 10
    es-init -s other.db
    es-query -s other.db -n 3 --guard g
    reaches 0
    # A count is a reading, too.
    es-query --count --guard g -t loans. >/dev/null
    reaches 10
}

@test "with -n or -b a guard reaches as far as was printed" {
    library
    es-query --guard g -t loans. -n 2 >/dev/null
    reaches 6
    es-query --guard g -t loans. -n 5 >/dev/null
    reaches '(9|10)'
    es-query --guard g -t loans. -n 6 >/dev/null
    reaches 10
    es-query --guard g -t loans. -n 0
    reaches 0
    es-query --guard g -b 8 >/dev/null
    reaches 7
    es-query --guard g -b 800 >/dev/null
    reaches 10
    es-query --guard g -b 8 -n 1 -t loans. >/dev/null
    reaches 5
    es-query --guard g -a 3 -t loans. >/dev/null
    reaches 10
}

@test "a guard is there before the first message, whole" {
    library
    echo old >g
    run --separate-stderr bash -c \
        'es-query --guard g -k book_id=b1 | { IFS= read -r line; cat g; }'
    assert_success
    jq -e '.after == 10' <<<"$output"
    assert_equal "$(echo g.*)" 'g.*'
}

@test "what a guard cannot say is refused, and none written" {
    usage '-f: cannot be said in a guard' --guard g -f
    usage '-r: cannot be said in a guard' --guard g -r
    usage '--tail: cannot be said in a guard' --guard g --tail 1
    usage '--since: cannot be said in a guard' --guard g --since 1h
    usage '--until: cannot be said in a guard' --guard g --until 1h
    usage '--id: cannot be said in a guard' --guard g --id a
    usage '--correlation: cannot be said in a guard' --guard g --correlation a
    assert_file_not_exist g
}

@test "a guard that cannot be written: nothing is printed" {
    library
    run --separate-stderr es-query --guard none/g
    assert_failure 1
    refute_output
    assert_error_line es-query '^es-query: none/g: No such file or directory'
    # A rename would replace these.
    run --separate-stderr es-query --guard /dev/null
    assert_failure 1
    refute_output
    assert_stderr 'es-query: /dev/null: not a regular file'
    [ -c /dev/null ]
    run --separate-stderr es-query --guard .
    assert_failure 1
    assert_stderr 'es-query: .: not a regular file'
}

# ---- following ----

@test "-f prints what is there, then what comes" {
    library
    start follow es-query -f -t loans.lent
    within 5 lines follow.out 3
    es-append -q -t other
    es-append -q --id l5 -t loans.lent
    within 5 lines follow.out 4
    es-append -q --id l6 -t loans.lent
    within 5 lines follow.out 5
    assert_equal "$(ids <follow.out)" 'l1 l3 l4 l5 l6 '
    assert_equal "$(cat follow.err)" ''
    kill -INT "$pid" 2>/dev/null
    kill "$pid"
    finish 5 "$pid"
    assert_equal "$(cat follow.err)" ''
}

@test "-f --tail" {
    library
    start none es-query -f --tail 0
    start two es-query -f --tail 2 --pretty
    within 5 lines two.out 2
    # The first may not have looked yet: only what comes then is sure.
    within 10 eval 'es-append -q -t a && lines none.out 1'
    within 5 lines two.out 3
    assert_equal "$(grep -c -v '"type":"a"' none.out)" 0
}

@test "-f ends by itself where nothing more can come" {
    library
    run --separate-stderr timeout 10 es-query -f -n 3
    assert_success
    assert_equal "${#lines[@]}" 3
    run --separate-stderr timeout 10 es-query -f -b 5
    assert_success
    assert_equal "${#lines[@]}" 4
    start rest es-query -f -n 2 -a 10
    es-append -q -t a
    es-append -q -t b
    finish 5 "$pid"
    assert_equal "$status" 0
    assert_equal "$(jq -r .type rest.out | tr '\n' ' ')" 'a b '
}

@test "-f never misses, and nothing comes twice" {
    start follow es-query -f -n 600
    start a bash -c 'for ((n = 0; n < 30; n++)); do
        for ((k = 0; k < 10; k++)); do echo "{\"type\":\"a\"}"; done |
        es-append -q; done'
    start b bash -c 'for ((n = 0; n < 300; n++)); do echo "{\"type\":\"b\"}"
        done | es-append -q --each'
    finish 30 "${es_started[0]}"
    assert_equal "$status" 0
    jq -e -s 'map(.position) == [range(1; 601)]' follow.out
    es-query | cmp follow.out -
}

@test "-f survives the bell, -wal and -shm being removed and made anew" {
    start follow es-query -f
    es-append -q -t a
    within 5 lines follow.out 1
    rm es.db-bell
    es-append -q -t b
    within 5 lines follow.out 2
    # It holds no read transaction: busy, frames, moved.
    assert_regex "$(sqlite3 es.db 'pragma wal_checkpoint(truncate)')" '^0[|]'
    es-append -q -t c
    within 5 lines follow.out 3
    local n=3 files
    for files in 'es.db-wal es.db-shm' es.db-shm \
        'es.db-wal es.db-shm es.db-bell es.db-lock'; do
        sqlite3 es.db 'pragma wal_checkpoint(truncate)' >/dev/null
        # shellcheck disable=SC2086 # several
        rm $files
        es-append -q -t d
        within 5 lines follow.out $((n += 1))
        es-append -q -t e
        within 5 lines follow.out $((n += 1))
    done
    es-query | cmp follow.out -
    assert_equal "$(jq -s 'map(.position) == [range(1; 10)]' follow.out)" true
    assert_equal "$(cat follow.err)" ''
    kill "$pid"
}

@test "-f keeps its limit when files are made anew" {
    es-append -q -t a
    start follow es-query -f -n 3
    within 5 lines follow.out 1
    sqlite3 es.db 'pragma wal_checkpoint(truncate)' >/dev/null
    rm es.db-wal es.db-shm
    for ((i = 0; i < 5; i++)); do echo '{"type":"b"}'; done | es-append -q
    finish 5 "$pid"
    assert_equal "$status" 0
    assert_equal "$(jq -r .position follow.out | tr '\n' ' ')" '1 2 3 '
}

@test "-f: what was read is not there any more" {
    es-append -q -t a
    sqlite3 es.db 'pragma wal_checkpoint(truncate)' >/dev/null
    start follow es-query -f
    within 5 lines follow.out 1
    es-append -q -t b
    within 5 lines follow.out 2
    # With what was not in the file yet.
    rm es.db-wal es.db-shm
    es-append -q -t c
    finish 5 "$pid"
    assert_equal "$status" 1
    assert_regex "$(cat follow.err)" \
        '^es-query: es.db: another log: position 2, which was read before, '
}

# A backup that is written into the file: same inode, same epoch.
restore() {
    sqlite3 es.db 'pragma wal_checkpoint(truncate)' >/dev/null
    rm -f es.db-wal es.db-shm
    cat "$1" >es.db
}

@test "-f: a backup that was restored is another log" {
    es-append -q --id one -t a
    sqlite3 es.db 'pragma wal_checkpoint(truncate)' >/dev/null
    cp es.db backup
    es-append -q --id two -t a
    start shorter es-query -f
    within 5 lines shorter.out 2
    restore backup
    es-append -q --id three -t a
    finish 5 "$pid"
    assert_equal "$status" 1
    assert_equal "$(cat shorter.err)" "es-query: es.db: another log: position \
2, which was read before, holds another message (a backup was restored?)"
    assert_equal "$(ids <shorter.out)" 'one two '

    start gone es-query -f
    within 5 lines gone.out 2
    restore backup
    finish 5 "$pid"
    assert_equal "$status" 1
    assert_regex "$(cat gone.err)" 'another log: .*is not there'
}

@test "-f --id ends with that message" {
    library
    start follow es-query -f --id new
    es-append -q -t a
    es-append -q --id new -t b
    es-append -q -t c
    finish 5 "$pid"
    assert_equal "$status" 0
    assert_equal "$(jq -r .id follow.out)" new
    run --separate-stderr timeout 10 es-query -f --id l1
    assert_success
    assert_equal "$(jq -r .id <<<"$output")" l1
}

@test "-f --correlation" {
    es-append -q --id root -t a
    start follow es-query -f -n 3 --correlation root
    within 5 lines follow.out 1
    es-append -q --id other -t a
    es-append -q --id one -t b --cause root
    es-append -q --id two -t b --cause other
    es-append -q --id three -t b --cause one
    finish 5 "$pid"
    assert_equal "$status" 0
    assert_equal "$(ids <follow.out)" 'root one three '
}

@test "-f: another es.db in its place is the end" {
    es-append -q -t a
    start follow es-query -f
    within 5 lines follow.out 1
    es-init -s new.db
    mv new.db es.db
    finish 5 "$pid"
    assert_equal "$status" 1
    assert_equal "$(cat follow.err)" \
        'es-query: es.db: is another file than the one that was opened'
}

@test "-f: no es.db any more is the end" {
    start follow es-query -f
    es-append -q -t a
    within 5 lines follow.out 1
    rm es.db
    finish 5 "$pid"
    assert_equal "$status" 1
    assert_equal "$(cat follow.err)" \
        'es-query: es.db: the store is gone: No such file or directory'
}

@test "-f: a new epoch is the end" {
    start follow es-query -f
    es-append -q -t a
    within 5 lines follow.out 1
    sqlite3 es.db "insert into epoch(number, id, parent, branched_at,
        started_at) select 2, '01a20000-0000-7000-8000-000000000000', id, 1, 1
        from epoch"
    finish 5 "$pid"
    assert_equal "$status" 1
    assert_equal "$(cat follow.err)" 'es-query: es.db: a new epoch has begun'
}

@test "-f in a directory that cannot be written says when it cannot go on" {
    need_unprivileged
    es-append -q -t a
    sqlite3 es.db 'pragma wal_checkpoint(truncate)' >/dev/null
    mkdir ro
    cp es.db ro/es.db
    chmod 555 ro
    start follow unprivileged es-query -f -s ro/es.db
    within 5 lines follow.out 1
    # Somebody else may write there.
    chmod 755 ro
    es-append -q -s ro/es.db -t b
    finish 5 "$pid"
    assert_equal "$status" 1
    assert_regex "$(cat follow.err)" \
        '^es-query: ro/es.db: is being written, and cannot be followed'
}

@test "-f ends with its reader, although nothing comes" {
    es-append -q -t a
    # shellcheck disable=SC2016 # the inner shell's
    run --separate-stderr timeout 10 bash -c \
        'es-query -f | head -n 1 >/dev/null; echo "${PIPESTATUS[0]}"'
    assert_success
    assert_output 141
    assert_stderr
}

@test "-f: usage" {
    usage '-r: cannot be followed' -f -r
    usage '--count: cannot be followed' -f --count
    usage '--until: cannot be followed' -f --until 1h
    usage '--last: cannot be followed' -f -t a --last
}
