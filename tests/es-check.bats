#!/usr/bin/env bats
#
# es-check: what it finds in a store, and what it saves of a damaged one.

load helper
load es-check

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return
    rich_store
}

setup() {
    es_setup
    cp "$BATS_FILE_TMPDIR"/whole.* .
    export ES_STORE=whole.db
}

# damaged SQL REGEX: that change of the store is found, and how it is told.
damaged() {
    cp "$BATS_FILE_TMPDIR/whole.db" damaged.db
    # Newer shells have to be told that a string may stand in double quotes.
    sqlite3 -cmd '.dbconfig dqs_dml on' damaged.db "$1" >/dev/null
    run --separate-stderr es-check -s damaged.db
    assert_failure 1
    assert_stderr
    assert_output --regexp "$2"
    assert_output --regexp $'damaged.db: damaged: [0-9]+ findings?, [0-9]+ messages? read$'
}

@test "a store that is sound" {
    run --separate-stderr es-check
    assert_success
    assert_stderr
    assert_output "whole.db: sound: $(wc -l <whole.ndjson) messages, format 3"
    run --separate-stderr es-check -q
    assert_success
    assert_stderr
    refute_output
}

@test "--json: findings, and a summary" {
    es-query --count --guard g >/dev/null
    run --separate-stderr es-check --json
    assert_success
    assert_stderr
    assert_output "$(jq -c '{store, epoch, format: 3,
        messages: '"$(wc -l <whole.ndjson)"', findings: 0, sound: true}' g)"
    sqlite3 whole.db 'update message set version = 9 where position = 3'
    run --separate-stderr es-check --json
    assert_failure 1
    assert_stderr
    assert_equal "$(jq -r 'select(.check) | [.table, .row, .position, .check,
        (.expected | length), (.found | length)] | join(" ")' <<<"$output")" \
        'message 3 3 digest 64 64'
    assert_equal "$(tail -n 1 <<<"$output" | jq -c '[.findings, .sound]')" \
        '[1,false]'
}

@test "an empty store, and one with the index folded" {
    es-init -s new.db
    run --separate-stderr es-check -s new.db
    assert_success
    assert_stderr
    assert_output 'new.db: sound: 0 messages, format 3'
    # More than the tail of the index holds, and keys that many have.
    seq 5000 | jq -c '{type: "a.b\(. % 3)", tags: ["t:\(. % 7)", "x"],
        payload: {n: ., who: "w\(. % 100)"}}' | es-append -q -s new.db
    run --separate-stderr es-check -s new.db
    assert_success
    assert_stderr
    assert_output 'new.db: sound: 5000 messages, format 3'
}

@test "a message that was changed" {
    damaged 'update message set payload = replace(payload, "one", "two")
        where position = 1' 'message 1: digest: expected [0-9a-f]{64}, found'
    damaged 'update message set kind = 3 where position = 1' \
        'message 1: kind: expected event .1. or command .2., found 3'
    damaged 'update message set type = 99 where position = 1' \
        'message 1: type: expected one that is there, found 99'
    damaged "update message set created_at = 'x' where position = 1" \
        'message 1: created_at: expected a time, found x'
    damaged 'update message set stored_at = 5 where position = 3' \
        'message 3: stored_at: expected [0-9]+ or later, found 5'
    damaged "update message set metadata = '{' where position = 1" \
        'message 1: metadata: expected a JSON object, found [{]'
    damaged "update message set tags = '[1]' where position = 1" \
        'message 1: tags: expected a JSON array of tags, found .1.'
    damaged "update message set payload = '{\"a\":1,\"a\":2}'
        where position = 1" 'message 1: payload: expected a JSON object'
    damaged 'update message set salt = 5 where position = 1' \
        'message 1: salt: expected 16 bytes, found a number'
    damaged 'update message set erased_at = stored_at where position = 1' \
        'message 1: erased: expected no tags, payload, metadata, identity'
    damaged 'update message set causation = "no" where position = 1' \
        'message 1: digest:'
}

@test "the digest of what came in, where the catalog has changed it" {
    assert_equal "$(sqlite3 whole.db 'select count(*) from message
        where identity is not null')" 3
    damaged 'update message set identity = zeroblob(32)
        where identity is not null' 'message [0-9]+: digest:'
    damaged 'update message set identity = null
        where identity is not null' 'message [0-9]+: digest:'
}

@test "positions with a gap, and beyond the end" {
    damaged 'delete from message where position = 3' \
        'message 3: position: expected a message, found none'
    damaged 'update message set position = 40 where position =
        (select max(position) from message)' \
        'message [0-9]+ to 39: position: expected a message, found none'
    damaged 'update message set position = -4 where position = 1' \
        'message -4: position: expected from 1 on, found -4'
}

@test "ids" {
    damaged "delete from ids where id = 'lend1'" \
        'ids lend1: position: expected [0-9]+, found none'
    damaged "update ids set position = 1 where id = 'lend1'" \
        'ids lend1: position: expected of a message with this id, found 1'
    damaged "insert into ids values ('more', 2)" \
        'ids more: position: expected of a message with this id, found 2'
    damaged "insert into ids values ('later', -2)" \
        'ids later: position: expected of a message, or of an es.scheduled'
}

@test "shapes and the index" {
    damaged 'update message set shape = 1 where position > 2 and shape <> 1' \
        'message [0-9]+: shape: expected [0-9]+, found 1'
    damaged 'update shape set names = cast("a" || char(0) as blob)
        where id = 2' 'shape: expected'
    damaged 'update type set name = "other" where name = "notes.taken"' \
        'message 1: digest:'
    damaged 'update tag_tail set keys = zeroblob(length(keys))' \
        'index: form: expected rows that agree, found tag_tail row 1'
    damaged 'delete from tag_tail' \
        'index all messages: posting: expected [0-9]+ of shape [0-9]+, found none'
    damaged 'insert into tag_key values (12345, 262144)' \
        'index key 0000000000003039: posting: expected none at 1, found'
    damaged 'update meta set value = zeroblob(16) where name = "secret"' \
        'index: form:'
}

@test "postings of a folded index" {
    es-init -s whole2.db
    seq 5000 | jq -c '{type: "a.b\(. % 3)", payload: {n: ., who: "w\(. % 2)"}}' |
        es-append -q -s whole2.db
    sqlite3 whole2.db "vacuum into 'folded.db'"
    for sql in 'delete from tag_key where h = (select max(h) from tag_key)' \
        'update tag_open set spilled = spilled + 1 where spilled > 0' \
        'update tag_post set shape = 3 where shape = 1 and id > 0' \
        'update tag_run set first = first + 1' \
        'update tag_run set postings = postings - 1' \
        'delete from tag_run' \
        'update tag_block set h = h + 1 where id = 2' \
        'update tag_block set data = substr(data, 1, length(data) - 1)' \
        'delete from tag_block where id = 1'; do
        cp folded.db damaged.db
        assert_not_equal "$(sqlite3 damaged.db "$sql; select changes()")" 0
        run --separate-stderr es-check -s damaged.db
        assert_failure 1
        assert_stderr
        assert_output --regexp 'index.*: (posting|form):'
    done
}

@test "outcomes and provenance" {
    damaged 'update outcome set result = 1 where result = 2' \
        'outcome [0-9]+: result: expected rejected, found 1'
    damaged 'update outcome set result = 9 where result = 1' \
        'outcome [0-9]+: result: expected decided'
    damaged 'insert into outcome values (1, 1, 1)' \
        'outcome 1: command: expected the position of a command, found an ev'
    damaged 'update outcome set provenance = 77 where result = 2' \
        'outcome [0-9]+: provenance: expected one that is there, found 77'
    damaged 'update provenance set handled = 1 where id = 1' \
        'provenance 1: messages that another one caused: expected 0'
    damaged 'update provenance set last = 99 where id = 1' \
        'provenance 1: last: expected a position, not before first, found 99'
    damaged 'update provenance set handler = 9' \
        'provenance 1: handler: expected one that is there, found 9'
    damaged 'update handler set hash = x'"'00'" \
        'handler 1: hash: expected 32 bytes'
}

@test "meta and epochs" {
    damaged 'update meta set value = 1 where name = "catalog"' \
        'meta catalog: value: expected 2, where the last es.catalog_loaded is'
    damaged 'delete from meta where name = "catalog"' \
        'meta: rows: expected store, secret, catalog, found no catalog'
    damaged 'update epoch set number = 2' 'epoch 1: number: expected 1, found 2'
    damaged 'update meta set value = replace(value, "-7", "-8")
        where name = "store"' 'meta seal: digest of store, secret, epochs: exp'
    damaged 'update epoch set started_at = started_at + 1' 'meta seal: digest'
    damaged 'update meta set name = "sea" where name = "seal"' \
        'meta sea: name: expected store, secret, catalog or seal, found anoth'
    damaged 'update epoch set id = "x"' 'epoch 1: id: expected a UUID, found x'
    damaged 'delete from epoch' 'epoch: rows: expected one at least, found none'
}

@test "groups" {
    damaged 'update shard set position = 999 where shard = 3' \
        'shard loans 3: position: expected 0 to [0-9]+, found 999'
    damaged 'delete from shard where shard = 3' \
        'consumer loans: shards: expected 0 to 15, found 15'
    damaged 'update consumer set state = "ran" where name = "loans"' \
        'consumer loans: state: expected running, stopped or held, found ran'
    damaged 'update consumer set definition = "x" where name = "loans"' \
        'consumer loans: definition: expected an object, found x'
    damaged "insert into done values ('loans', 3, 999)" \
        'done loans 3: position: expected above [0-9]+, to [0-9]+, found 999'
    damaged "insert into done values ('nobody', 3, 1)" \
        'done nobody 3: position: expected none: there is no such shard'
    damaged 'update failing set shard = (shard + 1) % 16' \
        'failing remind: shard: expected [0-9]+, found [0-9]+'
    damaged 'update failing set position = 0' \
        'failing remind [0-9]+: position: expected 1 to [0-9]+, found 0'
}

@test "the schema and the marks of the file" {
    damaged 'create table more(a)' \
        'schema table more: definition: expected no such thing, found CREATE'
    damaged 'drop view messages' \
        'schema view messages: definition: expected CREATE .*, found nothing'
    damaged 'pragma application_id = 7' \
        'file: application_id: expected 1702063207, found 7'
    damaged 'pragma user_version = 0' 'file: user_version: expected the format'
}

@test "a page that is overwritten, and SQLite's own words for it" {
    page=$(sqlite3 whole.db "select rootpage from sqlite_schema
        where name = 'ids'")
    head -c 4096 /dev/urandom |
        dd of=whole.db bs=4096 seek=$((page - 1)) conv=notrunc status=none
    run --separate-stderr es-check
    assert_failure 1
    assert_stderr
    assert_output --regexp "file: SQLite's own checks: expected ok, found"
    assert_output --regexp 'ids: reading: expected a table that can be read'
}

@test "what is no store, or a newer one, is an error" {
    run --separate-stderr es-check -s none.db
    assert_failure 1
    refute_output
    assert_error_line es-check 'none.db: there is no store here.*es-init'
    : >empty.db
    run --separate-stderr es-check -s empty.db
    assert_failure 1
    refute_output
    assert_error_line es-check 'empty.db: an empty file, no store'
    sqlite3 other.db 'create table a(b)'
    run --separate-stderr es-check -s other.db
    assert_failure 1
    refute_output
    assert_error_line es-check 'other.db: not a store of es'
    sqlite3 whole.db 'pragma user_version = 99'
    run --separate-stderr es-check
    assert_failure 1
    refute_output
    assert_error_line es-check 'whole.db: its format is 99.*use a newer es'
}

@test "usage" {
    run --separate-stderr es-check file
    assert_failure 2
    refute_output
    assert_error_line es-check '"file" is too much'
    run --separate-stderr es-check --json --salvage
    assert_failure 2
    refute_output
    assert_error_line es-check 'json does not go with it'
}

@test "a store that is being written is sound" {
    es-init -s live.db
    (while [ ! -e stop ]; do
        seq 50 | sed 's/.*/{"type":"a.b","payload":{"n":"&"}}/'
    done | es-append -q --each -s live.db) &
    within 20 eval '(( $(es-query -s live.db --count) > 500 ))'
    for _ in 1 2 3; do
        run --separate-stderr es-check -s live.db
        assert_success
        assert_stderr
        assert_output --regexp 'live.db: sound: [0-9]+ messages'
    done
    : >stop
    wait
}

# ---- salvage ----

@test "--salvage of a sound store is what es-query prints" {
    run --separate-stderr es-check --salvage
    assert_success
    assert_stderr
    assert_equal "$output" "$(cat whole.ndjson)"
}

# saved LOST...: all messages but these are printed, and these are told.
saved() {
    local position
    run --separate-stderr es-check --salvage
    assert_equal "$output" "$(jq -rn --rawfile all whole.ndjson '$all |
        split("\n")[] | select(. != "") |
        select(fromjson.position | IN($ARGS.positional[]) | not)' \
        --jsonargs "$@")"
    for position; do
        assert_regex "$stderr" "message $position is lost: |lost: see es-che"
    done
}

@test "--salvage: messages that are damaged are told, not printed" {
    sqlite3 whole.db 'update message set version = 2 where position in (2, 4)'
    saved 2 4
    assert_failure 1
    assert_regex "$stderr" 'message 2 is lost: its digest does not match .id '
    assert_regex "$stderr" 'whole.db: 2 of [0-9]+ messages are lost'
}

@test "--salvage: the root of the table is gone, the leaves are not" {
    sqlite3 whole.db 'pragma page_size = 512; vacuum'
    page=$(sqlite3 whole.db "select rootpage from sqlite_schema
        where name = 'message'")
    head -c 512 /dev/zero |
        dd of=whole.db bs=512 seek=$((page - 1)) conv=notrunc status=none
    saved
    assert_success
}

@test "--salvage: the header is gone" {
    head -c 100 /dev/zero | dd of=whole.db conv=notrunc status=none
    saved
    assert_failure 1
    assert_regex "$stderr" 'SQLite cannot read it: .*not a database'
    assert_regex "$stderr" 'whether there were messages after [0-9]+ cannot'
}

@test "--salvage: what is only in the -wal is there without SQLite, too" {
    es-init -s wal.db
    es-append -q -s wal.db -t a.b text=one
    assert_file_exists wal.db-wal
    es-query -s wal.db >want
    head -c 100 /dev/zero | dd of=wal.db conv=notrunc status=none
    # Page 1 is in the -wal as well: SQLite has it from there.
    run --separate-stderr es-check --salvage -s wal.db
    assert_equal "$output" "$(cat want)"
}

@test "--salvage: a file cut short" {
    sqlite3 whole.db 'pragma page_size = 512; vacuum'
    size=$(stat -c %s whole.db)
    truncate -s $((size * 3 / 4)) whole.db
    run --separate-stderr es-check --salvage
    while IFS= read -r line; do
        grep -qxF -- "$line" whole.ndjson || fail "not a line of it: $line"
    done <<<"$output"
    es-check >report && fail 'a file cut short is sound'
    assert_file_not_empty report
}

@test "--salvage: what was erased stays erased, whatever a page still has" {
    es-init -s page.db
    seq 200 | sed 's/.*/{"type":"a.b","id":"&","payload":{"text":"secret &"}}/' |
        es-append -q -s page.db
    sqlite3 page.db 'pragma wal_checkpoint(truncate)'
    es-erase -s page.db 7 77
    sqlite3 page.db 'pragma wal_checkpoint(truncate)'
    es-query -s page.db >want
    page=$(sqlite3 page.db "select rootpage from sqlite_schema
        where name = 'message'")
    head -c 4096 /dev/zero |
        dd of=page.db bs=4096 seek=$((page - 1)) conv=notrunc status=none
    run --separate-stderr es-check --salvage -s page.db
    assert_success
    assert_stderr
    assert_equal "$output" "$(cat want)"
    refute_output --regexp '"secret 77?"'
}

@test "--salvage into a new store, when all is there" {
    sqlite3 whole.db 'pragma page_size = 512; vacuum'
    page=$(sqlite3 whole.db "select rootpage from sqlite_schema
        where name = 'message'")
    head -c 512 /dev/zero |
        dd of=whole.db bs=512 seek=$((page - 1)) conv=notrunc status=none
    es-init -s new.db
    run --separate-stderr bash -o pipefail -c \
        'es-check --salvage | es-append -q --import -s new.db'
    assert_success
    assert_stderr
    refute_output
    run --separate-stderr es-query -s new.db
    assert_success
    assert_equal "$output" "$(cat whole.ndjson)"
    run --separate-stderr es-check -s new.db
    assert_success
    assert_stderr
    assert_output --regexp '^new.db: sound: '
}

@test "--salvage with gaps: numbered anew it is a log" {
    sqlite3 whole.db 'update message set version = 2 where position = 4'
    es-check --salvage 2>lost >saved && fail 'nothing is lost'
    assert_file_contains lost 'message 4 is lost'
    es-init -s new.db
    run --separate-stderr es-append -q --import -s new.db saved
    assert_failure 1
    refute_output
    assert_error_line es-append 'saved:4: position: is 5, and 4 would be'
    awk '{ sub(/"position":[0-9]+/, "\"position\":" NR) } 1' saved >anew
    run --separate-stderr es-append -q --import -s new.db anew
    assert_success
    assert_stderr
    refute_output
    run --separate-stderr es-check -s new.db
    assert_success
    assert_output "new.db: sound: $(wc -l <saved) messages, format 3"
}

@test "--salvage of what is no store" {
    run --separate-stderr es-check --salvage -s none.db
    assert_failure 1
    refute_output
    assert_error_line es-check 'none.db: there is no store here'
    head -c 20000 /dev/urandom >noise.db
    run --separate-stderr es-check --salvage -s noise.db
    assert_failure 1
    refute_output
    assert_error_line es-check 'noise.db: no message of a store is in it'
    mkdir dir
    run --separate-stderr es-check --salvage -s dir
    assert_failure 1
    refute_output
    assert_error_line es-check 'dir: is a directory'
}
