#!/usr/bin/env bats
#
# es-copy: copies of live stores, branches of older states, and what they do
# not take along.

load helper

some_messages() {
    local i
    for ((i = 1; i <= $1; i++)); do
        printf '{"type":"books.added","payload":{"book_id":"b%d","n":%d}}\n' \
            $((i % 7)) "$i"
    done | es-append -q
}

# An app whose handlers answer to each other: a command is decided, the event
# reacted to in jq, and that by an executable.
loans() {
    mkdir -p app/deciders app/reactors app/projectors
    cat >app/messages.json <<'END'
{"loans.lend":{"kind":"command","payload":{"book_id":"string"}},
 "loans.remind":{"kind":"command","payload":{"book_id":"string"}},
 "loans.lent":{"payload":{"book_id":"string"}},
 "loans.reminded":{"payload":{"book_id":"string"}},
 "loans.posted":{"payload":{"book_id":"string"}}}
END
    cat >app/deciders/loan.jq <<'END'
def about: {partition_by: ["book_id"]};
def initial: {lent: false};
def evolve($e): apply($e; "loans.lent"; .lent = true);
def decide($c):
  on($c; "loans.lend"; require(.lent | not; "is lent already")
     | event("loans.lent"; $c.payload)),
  on($c; "loans.remind"; event("loans.reminded"; $c.payload));
END
    cat >app/reactors/remind.jq <<'END'
def about: {partition_by: ["book_id"]};
def react($e): on($e; "loans.lent"; command("loans.remind"; $e.payload));
END
    cat >app/reactors/post <<'END'
#!/bin/sh
# es: on loans.reminded
# es: partition_by book_id
m=$(cat)
echo "$ES_ID" >>"${ES_STORE%/*}/posted.${ES_STORE##*/}"
printf '%s\n' "$m" | jq -c '{type: "loans.posted", payload}'
END
    cat >app/projectors/lent.jq <<'END'
def about: {partition_by: ["book_id"]};
def initial: {n: 0};
def evolve($e): apply($e; "loans.lent"; .n += 1);
END
    chmod +x app/reactors/post
    es-init app
}

# lend BOOK...
lend() {
    local book
    for book; do
        es-append -q -t loans.lend book_id="$book"
    done
}

# What came of it all, in no order.
essence() {
    es-query -s "$1" | jq -c 'select(.type | startswith("es.group") | not) |
        [.type, .payload | del(.command_id?)]' | sort
}

@test "a copy holds the same messages, under its own epoch" {
    es-init
    some_messages 300
    es-append -q --id x -t t -g a:b --meta by=me
    run --separate-stderr es-copy copy.db
    assert_success
    refute_output
    assert_stderr
    es-query >one
    es-query -s copy.db | cmp - one
    assert_equal "$(es-query -s copy.db -k book_id=b3 | cksum)" \
        "$(es-query -k book_id=b3 | cksum)"
    assert_equal "$(sqlite3 copy.db 'pragma integrity_check')" ok
    es-query --guard g -n 0 >/dev/null
    es-query -s copy.db --guard h -n 0 >/dev/null
    assert_equal "$(jq .store g)" "$(jq .store h)"
    [ "$(jq .epoch g)" != "$(jq .epoch h)" ]
    run sqlite3 -readonly copy.db 'select parent, branched_at from epoch
        order by number desc limit 1'
    assert_output "$(jq -r .epoch g)|301"
    # Nothing is left beside it, and the original is as it was.
    assert_equal "$(find . -name '*.copying')" ''
    assert_equal "$(es-query | cksum)" "$(cksum <one)"
}

@test "a copy goes on, apart from its original" {
    es-init
    some_messages 20
    es-append -q --id x -t t n:=1
    es-copy copy.db
    assert_equal "$(es-append -s copy.db --id x -t t n:=1 | jq .position)" 21
    run --separate-stderr es-append -s copy.db --id x -t t n:=2
    assert_failure 1
    assert_equal "$(es-append -s copy.db -t t n:=2 | jq .position)" 22
    assert_equal "$(es-query --count)" 21
}

@test "a guard of the original does not hold in the copy" {
    es-init
    some_messages 3
    es-query --guard g -k book_id=b1 >/dev/null
    es-copy copy.db
    run --separate-stderr es-append -s copy.db --guard g -t t
    assert_failure 1
    refute_output
}

@test "-v tells how many messages" {
    es-init
    some_messages 5
    run --separate-stderr es-copy -v copy.db
    assert_success
    assert_stderr 'es-copy: copy.db: copied, 5 messages'
}

@test "an empty store can be copied" {
    es-init
    es-copy copy.db
    assert_equal "$(es-query -s copy.db --count)" 0
    es-append -q -s copy.db -t t
}

@test "what is there already stays, without --force" {
    es-init
    some_messages 3
    es-copy copy.db
    some_messages 3
    run --separate-stderr es-copy copy.db
    assert_failure 1
    refute_output
    assert_error_line es-copy 'copy.db: is there already: --force'
    assert_equal "$(es-query -s copy.db --count)" 3
    run --separate-stderr es-copy --force copy.db
    assert_success
    assert_equal "$(es-query -s copy.db --count)" 6
}

@test "what is no store stays, with --force too" {
    es-init
    echo precious >text
    mkdir dir
    sqlite3 other.db 'create table t(n)'
    : >empty
    for name in text other.db dir empty; do
        run --separate-stderr es-copy --force "$name"
        assert_failure 1
        refute_output
        assert_error_line es-copy "$name: "
    done
    assert_equal "$(cat text)" precious
    assert_equal "$(sqlite3 other.db .schema)" 'CREATE TABLE t(n);'
    assert_equal "$(wc -c <empty)" 0
    ln -s nowhere link
    run --separate-stderr es-copy --force link
    assert_failure 1
    assert_error_line es-copy 'link: is a link to nothing'
}

@test "the store itself is refused under every name" {
    es-init
    some_messages 3
    ln -s es.db soft
    ln es.db hard
    for name in es.db ./es.db "$PWD/es.db" soft hard; do
        run --separate-stderr es-copy --force "$name"
        assert_failure 1
        assert_error_line es-copy 'is the store itself'
    done
    assert_equal "$(es-query --count)" 3
}

@test "--force takes the files of the old one away" {
    es-init
    some_messages 3
    es-init -s copy.db
    es-append -q -s copy.db -t other
    [ -s copy.db-wal ]
    mkdir copy.db.views
    touch copy.db.views/x.db copy.db-token
    es-copy --force copy.db
    assert_not_exist copy.db.views
    assert_file_not_exist copy.db-token
    es-query -s copy.db | cmp - <(es-query)
    assert_equal "$(sqlite3 copy.db 'pragma integrity_check')" ok
}

@test "a follower of the store that is replaced ends, a writer fails" {
    es-init
    some_messages 3
    es-init -s copy.db
    es-append -q -s copy.db -t other
    start follow es-query -s copy.db -f
    follower=$pid
    mkfifo in
    start writer bash -c 'es-append -s copy.db --each <in'
    writer=$pid
    exec {in}>in
    echo '{"type":"first"}' >&"$in"
    within 10 lines writer.out 1
    within 10 lines follow.out 2
    es-copy --force copy.db
    finish 10 "$follower"
    assert_equal "$status" 1
    grep -q 'es-query: copy.db: is another file' follow.err
    echo '{"type":"second"}' >&"$in"
    exec {in}>&-
    finish 10 "$writer"
    assert_equal "$status" 1
    grep -q 'copy.db: is another file' writer.err
    assert_equal "$(wc -l <writer.out)" 1
    es-query -s copy.db | cmp - <(es-query)
}

@test "a -wal without its store is not taken for the copy's" {
    es-init
    some_messages 3
    es-init -s copy.db
    rm copy.db
    assert_file_exist copy.db-wal
    run --separate-stderr es-copy copy.db
    assert_failure 1
    assert_error_line es-copy 'copy.db-wal: is left of another store'
    assert_file_not_exist copy.db
    es-copy --force copy.db
    es-query -s copy.db | cmp - <(es-query)
}

longer_than() {
    [ "$(es-query --count)" -gt "$1" ]
}

@test "a copy of a store that is written all the time is of one moment" {
    es-init
    some_messages 500
    mkfifo in
    start writer es-append -q --each in
    exec {in}>in
    (
        exec 2>/dev/null
        while printf '{"type":"a","payload":{"n":1}}\n%.0s' {1..50}; do :; done
    ) >&"$in" 3>&- &
    feeder=$!
    exec {in}>&-
    for i in 1 2; do
        within 20 longer_than $((500 + 100 * i))
        es-copy --force copy.db
        assert_equal "$(sqlite3 copy.db 'pragma integrity_check')" ok
        es-query -s copy.db >copied
        n=$(wc -l <copied)
        es-query -b $((n + 1)) | cmp - copied
    done
    kill "$feeder"
    finish 10 "$pid"
}

@test "what was erased from a page is not in the copy" {
    es-init
    es-append -q --id x -t t secret="$(printf 'XYZZYPLUGH.%.0s' {1..250})"
    sqlite3 es.db "pragma secure_delete=off;
        update message set payload = '{}'; pragma wal_checkpoint(truncate);
        delete from tag_tail" >/dev/null
    grep -q XYZZYPLUGH es.db
    es-copy copy.db
    run grep -c XYZZYPLUGH copy.db
    assert_output 0
}

@test "permissions are those of the original" {
    es-init
    chmod 640 es.db
    es-copy copy.db
    assert_equal "$(stat -c %a copy.db)" 640
}

@test "a directory that cannot be written gets no copy" {
    es-init
    mkdir ro
    chmod 555 ro
    chmod 755 .
    run --separate-stderr unprivileged es-copy ro/copy.db
    assert_failure 1
    assert_error_line es-copy 'ro/copy.db: '
    run --separate-stderr es-copy no/copy.db
    assert_failure 1
    assert_error_line es-copy 'no/copy.db: No such file'
}

@test "a store in a directory that cannot be written can be copied" {
    mkdir ro
    es-init -s ro/es.db
    es-append -q -s ro/es.db -t t
    sqlite3 ro/es.db 'pragma wal_checkpoint(truncate)' >/dev/null
    rm -f ro/es.db-*
    chmod 444 ro/es.db
    chmod 555 ro
    chmod 777 .
    run --separate-stderr unprivileged es-copy -s ro/es.db copy.db
    chmod 755 ro
    assert_success
    assert_equal "$(es-query -s copy.db --count)" 1
}

@test "a full disk leaves nothing under the copy's name" {
    es-init
    some_messages 3000
    run --separate-stderr bash -c \
        'trap "" XFSZ; ulimit -f 200; exec es-copy copy.db'
    assert_failure 1
    refute_output
    assert_error_line es-copy 'copy.db: '
    assert_file_not_exist copy.db
    assert_not_exist copy.db.copying
    es-init -s copy.db
    es-append -q -s copy.db -t old
    run --separate-stderr bash -c \
        'trap "" XFSZ; ulimit -f 200; exec es-copy --force copy.db'
    assert_failure 1
    assert_equal "$(es-query -s copy.db | jq -r .type)" old
}

@test "one that is killed leaves no half copy, and the next makes it" {
    local i
    es-init
    some_messages 3000
    for i in 40 80 160 240; do
        run bash -c "ulimit -c 0 -f $i; exec es-copy copy.db" 2>/dev/null
        [ "$status" -gt 128 ]
        assert_file_not_exist copy.db
    done
    [ -d copy.db.copying ]
    es-copy copy.db
    assert_not_exist copy.db.copying
    es-query -s copy.db | cmp - <(es-query)
}

@test "two copies to one place do not mix" {
    es-init
    some_messages 10
    start one es-copy copy.db
    start two es-copy copy.db
    for pid in "${es_started[@]}"; do
        finish 10 "$pid"
    done
    assert_equal "$(cat one.err two.err | wc -l)" 1
    grep -Eq 'another copy is made there|is there already' one.err two.err
    es-query -s copy.db | cmp - <(es-query)
}

@test "--as-of a position: the log as it was" {
    es-init
    es-append -q -t books.added book_id=b1 -g old
    cat >m.json <<'END'
{"books.added":{"keys":["book_id"],"payload":{"book_id":"string","n":"integer?"}}}
END
    es-init -m m.json
    es-append -q -t books.added book_id=b1 n=2
    es-append -q --id later -t books.added book_id=b2 n=1
    es-init -m <(sed 's/"integer?"/"any?"/' m.json)
    for at in 0 1 2 3 4 5; do
        es-copy --as-of "$at" "at$at.db"
        es-query -s "at$at.db" | cmp - <(es-query -b $((at + 1)))
        for q in '-k book_id=b1' '-k n=2' '-g old' '-t books.added -k n=1'; do
            # shellcheck disable=SC2086 # words
            es-query -b $((at + 1)) $q >want 2>err || [ ! -s want ]
            # shellcheck disable=SC2086
            es-query -s "at$at.db" $q >got 2>err || [ ! -s got ]
            cmp want got
        done
        assert_equal "$(sqlite3 "at$at.db" 'pragma integrity_check')" ok
    done
    # The catalog is that of then, and ids that came later are free.
    assert_equal "$(es-append -s at1.db --id later -t books.added n:=0.5 \
        | jq .position)" 2
    run --separate-stderr es-append -s at3.db -t books.added
    assert_failure 1
    assert_error_line es-append 'book_id: is missing'
    run --separate-stderr es-append -s at3.db -t books.added book_id=b \
        n:='"x"'
    assert_failure 1
    run --separate-stderr es-append -s at5.db -t books.added book_id=b n:='"x"'
    assert_success
}

@test "--as-of a position of a log whose index has runs" {
    es-init
    seq 5000 | jq -c '{type: "a.b", payload: {n: ., who: "w\(. % 300)"}}' |
        es-append -q
    for at in 2500 1000; do
        es-copy --as-of "$at" "at$at.db"
        es-query -s "at$at.db" -k who=w7 | cmp - \
            <(es-query -b $((at + 1)) -k who=w7)
        es-check -q -s "at$at.db"
    done
}

@test "--as-of a time" {
    es-init
    es-append -q -t a
    es-append -q -t b
    time=$(es-query -t b | jq -r .stored_at)
    es-append -q -t c
    es-copy --as-of "$time" at.db
    assert_equal "$(es-query -s at.db | jq -r .type | tr '\n' ' ')" 'a b '
    es-copy --as-of 1h before.db
    assert_equal "$(es-query -s before.db --count)" 0
    es-copy --as-of 2100-01-01T00:00:00Z all.db
    assert_equal "$(es-query -s all.db --count)" 3
}

@test "--as-of a position that there is not yet, or nonsense" {
    es-init
    some_messages 3
    run --separate-stderr es-copy --as-of 4 copy.db
    assert_failure 1
    assert_error_line es-copy 'es.db: there is no position 4 yet, .* 3'
    for at in -1 x 2001-02-30T00:00:00Z ''; do
        run --separate-stderr es-copy --as-of "$at" copy.db
        assert_failure 2
        assert_error_line es-copy '--as-of'
    done
    assert_file_not_exist copy.db
    assert_not_exist copy.db.copying
}

# bats test_tags=slow
@test "a branch does again what is not in it, and only that" {
    local at head
    loans
    lend b1 b2 b1 b3
    inputs=$(es-query --count)
    es-react app
    essence es.db >want
    head=$(es-query --count)
    for ((at = inputs; at <= head; at++)); do
        if ! es-copy --as-of "$at" at.db 2>err; then
            grep -q 'in the midst of what a handler has appended' err
            continue
        fi
        es-group -s at.db adopt post 2>/dev/null
        run --separate-stderr es-react -s at.db app
        assert_success
        diff <(essence at.db) want
        # What was posted before is not posted again.
        touch posted.at.db
        assert_equal "$(wc -l <posted.at.db)" \
            "$(es-query -a "$at" -t loans.posted --count)"
        assert_equal "$(es-group -s at.db list --json | jq -s 'map(.lag) | add')" 0
        rm -rf at.db* posted.at.db
    done
    [ "$head" -gt $((inputs + 8)) ]
}

@test "a branch forgets outcomes and failures that came later" {
    loans
    printf '#!/bin/sh\n# es: on loans.reminded\n# es: retries 0\nexit 1\n' \
        >app/reactors/post
    es-init app 2>/dev/null || true
    lend b1 b1
    es-react app 2>/dev/null || true
    at=$(es-query -t loans.lend | jq .position | tail -1)
    es-copy --as-of "$at" at.db
    run sqlite3 -readonly at.db 'select count(*) from outcome union all
        select count(*) from failing union all
        select count(*) from provenance'
    assert_output "$(printf '0\n0\n0')"
}

@test "in the copy executables wait for es-group adopt; jq goes on" {
    loans
    lend b1
    es-react app
    assert_equal "$(wc -l <posted.es.db)" 1
    es-copy copy.db
    lend b2
    es-append -q -s copy.db -t loans.lend book_id=b3
    run --separate-stderr es-react -s copy.db app
    assert_failure 1
    assert_stderr "es-react: post: is held back: a new epoch has begun, and \
it would do again what it did for another store; let it go on with es-group \
adopt post"
    assert_file_not_exist posted.copy.db
    assert_equal "$(es-query -s copy.db -t loans.reminded --count)" 2
    assert_equal "$(es-project -s copy.db app/projectors/lent.jq --print |
        wc -l)" 2
    run --separate-stderr es-group -s copy.db start post
    assert_failure 1
    assert_error_line es-group 'es-group adopt post'
    es-group -s copy.db adopt post
    run --separate-stderr es-react -s copy.db app
    assert_success
    assert_equal "$(wc -l <posted.copy.db)" 1
    # The original knows nothing of it.
    es-react app
    assert_equal "$(wc -l <posted.es.db)" 2
}

@test "read models of the copy are its own" {
    loans
    lend b1 b2
    es-react app
    es-copy copy.db
    assert_not_exist copy.db.views
    # Those of the original, put beside the copy, are made anew.
    cp -a es.db.views copy.db.views
    es-append -q -s copy.db -t loans.lent book_id=b9
    run --separate-stderr es-project -s copy.db app/projectors/lent.jq
    assert_success
    assert_equal "$(es-project -s copy.db app/projectors/lent.jq --print |
        jq -r .key.book_id | sort | tr '\n' ' ')" 'b1 b2 b9 '
    es-copy --force --as-of 3 copy.db
    assert_equal "$(es-project -s copy.db app/projectors/lent.jq --print |
        wc -l)" 0
}

@test "the progress is for terminals, and not with -q" {
    command -v script >/dev/null || skip 'needs script'
    es-init
    some_messages 5
    run script -qec 'es-copy copy.db' /dev/null </dev/null
    assert_success
    run script -qec 'es-copy -q --force copy.db' /dev/null </dev/null
    assert_success
    refute_output
}

@test "wrong words are refused" {
    es-init
    for words in '' 'a b' '--force' '--as-of 1'; do
        # shellcheck disable=SC2086 # words
        run --separate-stderr es-copy $words
        assert_failure 2
        refute_output
        assert_error_line es-copy
    done
}

@test "a store of every older format is copied as it is" {
    local n
    for n in 1 2; do
        cp "$BATS_TEST_DIRNAME/data/store-$n.db" "$n.db"
        chmod 644 "$n.db"
        es-copy -s "$n.db" "copy$n.db"
        es-query -s "copy$n.db" | cmp - "$BATS_TEST_DIRNAME/data/store-$n.ndjson"
        assert_equal "$(sqlite3 "copy$n.db" 'pragma user_version')" "$n"
        es-copy --as-of 12 -s "$n.db" "at$n.db"
        es-query -s "at$n.db" |
            cmp - <(head -12 "$BATS_TEST_DIRNAME/data/store-$n.ndjson")
        es-init -q -s "copy$n.db"
        es-append -q -s "copy$n.db" -t loans.book_returned book_id=b1
    done
}
