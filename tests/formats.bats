#!/usr/bin/env bats
#
# Stores of every format that there was, tests/data: read as they are, written
# once es-init has upgraded them.

load helper

data=$BATS_TEST_DIRNAME/data

# old N: es.db is the store of format N.
old() {
    cp "$data/store-$1.db" es.db
    chmod 644 es.db
}

format() {
    sqlite3 -readonly es.db 'pragma user_version'
}

digests() {
    sqlite3 -readonly es.db 'select position, hex(digest) from message'
}

setup() {
    es_setup
    es-init -s new.db
    current=$(sqlite3 new.db 'pragma user_version')
}

@test "there is a store of every format" {
    local n
    for ((n = 1; n <= current; n++)); do
        old "$n"
        assert_equal "$(format)" "$n"
    done
    assert_equal "$(find "$data" -name 'store-*.db' | wc -l)" "$current"
}

@test "readers read every format and leave it as it is" {
    local n sum
    for ((n = 1; n <= current; n++)); do
        old "$n"
        sum=$(cksum <es.db)
        run --separate-stderr es-query
        assert_success
        assert_stderr
        assert_equal "$output" "$(cat "$data/store-$n.ndjson")"
        es-query --guard g -k book_id=b1 >out
        assert_equal "$(jq -r .id <out | head -1)" added-b1
        assert_equal "$(es-query --count -p book_id=b2)" 4
        assert_equal "$(es-group list --json | jq -r .name | tr '\n' ' ')" \
            'books loan notice slip '
        assert_equal "$(format)" "$n"
        assert_equal "$(cksum <es.db)" "$sum"
    done
}

@test "a read-only store of every format is read in a read-only directory" {
    local n
    for ((n = 1; n <= current; n++)); do
        mkdir "d$n"
        cp "$data/store-$n.db" "d$n/es.db"
        chmod 444 "d$n/es.db"
        chmod 555 "d$n"
        run --separate-stderr unprivileged es-query -s "d$n/es.db"
        chmod 755 "d$n"
        assert_success
        assert_equal "$output" "$(cat "$data/store-$n.ndjson")"
    done
}

@test "writers refuse an older format and name es-init" {
    local n
    for ((n = 1; n < current; n++)); do
        old "$n"
        for program in 'es-append -t t' 'es-group stop slip' \
            'es-react --name r -t t -- true'; do
            # shellcheck disable=SC2086 # words
            run --separate-stderr $program
            assert_failure 1
            refute_output
            assert_error_line "${program%% *}" \
                "es.db: its format is $n, .* upgrade it with es-init"
        done
        assert_equal "$(es-query | cksum)" "$(cksum <"$data/store-$n.ndjson")"
    done
}

@test "es-init upgrades, and everything is as it was" {
    local n head
    for ((n = 1; n < current; n++)); do
        old "$n"
        es-query --guard g -k book_id=b1 >out
        es-query --guard stale -b 5 -k book_id=b1 >out
        es-group list --json >groups
        run --separate-stderr es-init
        assert_success
        refute_output
        assert_stderr \
            "es-init: es.db: upgraded from format $n to $current"
        assert_equal "$(format)" "$current"
        assert_equal "$(es-query | cksum)" "$(cksum <"$data/store-$n.ndjson")"
        head=$(tail -n 1 "$data/store-$n.ndjson" | jq .position)
        assert_equal "$(es-group list --json)" "$(cat groups)"
        assert_equal "$(sqlite3 es.db 'pragma integrity_check')" ok
        run --separate-stderr es-init
        assert_success
        assert_stderr

        # Repeats are known by what came in, before the catalog changed it.
        run --separate-stderr es-append --id returned-b1 \
            -t loans.book_returned book_id=b1
        assert_success
        assert_equal "$(jq .position <<<"$output")" 14
        run --separate-stderr es-append --id added-b1 \
            -t books.added book_id=b1 pages=321 -g shelf:A1 -g new
        assert_failure 1
        assert_error_line es-append 'position 3 with another payload'

        # Guards from before hold.
        run --separate-stderr es-append --guard stale -t loans.extra \
            book_id=b1 </dev/null
        assert_failure 3
        run --separate-stderr es-append --guard g -t loans.extra book_id=b1
        assert_success
        assert_equal "$(jq .position <<<"$output")" $((head + 1))
        run --separate-stderr es-append --guard g -t loans.extra book_id=b1
        assert_failure 3
        rm es.db*
    done
}

@test "the digests of format 2 cover what came in" {
    old 1
    digests >before
    es-init -q
    digests >after
    sqlite3 -readonly es.db 'select position from message
        where identity is not null' >rewritten
    assert_equal "$(diff before after | sed -n 's/^> \([0-9]*\).*/\1/p')" \
        "$(cat rewritten)"
    assert_file_not_empty rewritten
}

@test "damage that was there before stays to be found" {
    old 1
    sqlite3 es.db "update message set payload = replace(payload, '14', '15')
        where position = 10"
    digests >before
    es-init -q
    digests >after
    assert_equal "$(grep '^10|' after)" "$(grep '^10|' before)"
    refute_equal() { [ "$1" != "$2" ]; }
    refute_equal "$(grep '^11|' after)" "$(grep '^11|' before)"
}

@test "a store that is in use is not upgraded" {
    old 1
    start follow es-query -f
    within 10 lines follow.out 18
    run --separate-stderr es-init
    assert_failure 5
    refute_output
    assert_error_line es-init 'es.db: another program has it open'
    assert_equal "$(format)" 1
    kill "$pid"
    finish 10 "$pid"
    run --separate-stderr es-init
    assert_success
    assert_equal "$(format)" "$current"
}

@test "several es-init at once upgrade once" {
    local i
    old 1
    for i in 1 2 3; do
        start "init$i" es-init
    done
    for pid in "${es_started[@]}"; do
        finish 10 "$pid"
        assert_equal "$status" 0
    done
    assert_equal "$(cat init?.err)" \
        "es-init: es.db: upgraded from format 1 to $current"
}
