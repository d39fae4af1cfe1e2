#!/usr/bin/env bats
# bats file_tags=slow
#
# A store that is replaced or removed, by es-copy --force or es-init --delete,
# under programs that run: they end and say so, and write nothing into either.

load ../helper

setup() {
    es_setup
    mkdir -p app/deciders
    cat >app/deciders/in.jq <<'END'
def about: {partition_by: ["x"]};
def initial: 0;
def evolve($e): apply($e; "a.out"; . + 1);
def decide($c): on($c; "a.in"; event("a.out"; $c.payload));
END
    cat >app/messages.json <<'END'
{"a.in": {"kind": "command", "web": true, "payload": {"x": "string"}},
 "a.out": {"payload": {"x": "string"}}}
END
    es-init app
    es-append -q -t a.in x=1
    es-react -q app
    es-copy -q other.db
    # What the copy lacks.
    es-append -q -t a.in x=2
}

decided() {
    [ "$(es-query --count -t a.out)" = "$1" ]
}

replace() {
    es-copy -q -s other.db --force es.db
    es-query >as-copied
}

# Nothing came to it that a program wrote which had the other one open.
unharmed() {
    es-query | cmp - as-copied
    es-check
}

@test "es-react -f ends when its store is replaced, and has written nothing" {
    start react es-react -q -f app
    within 20 decided 2
    replace
    finish 30 "$pid"
    assert_equal "$status" 1
    run cat react.err
    assert_output --partial 'es-react: es.db: '
    unharmed
}

@test "es-react -f ends when its store is removed, and makes none" {
    start react es-react -q -f app
    within 20 decided 2
    es-init --delete --force
    finish 30 "$pid"
    assert_equal "$status" 1
    run cat react.err
    assert_output --partial 'es-react: es.db: '
    assert_file_not_exist es.db
}

@test "es-project -f ends when its store is replaced" {
    cat >sum.jq <<'END'
def about: {partition_by: ["x"]};
def initial: 0;
def evolve($e): apply($e; "a.out"; . + 1);
END
    start project es-project -q -f sum.jq
    within 20 test -e es.db.views/sum.db
    replace
    finish 30 "$pid"
    assert_equal "$status" 1
    unharmed
}

# Nothing that was acknowledged is lost, and no position given twice.
whole() {
    es-query -t a.in | jq -r .payload.x | sort >stored
    sort acknowledged | comm -23 - stored >lost
    assert_equal "$(cat lost)" ''
    assert_equal "$(es-query | jq .position)" \
        "$(seq "$(es-query --count)")"
    es-react -q app
    assert_equal "$(es-query --count -t a.out)" "$(wc -l <stored)"
    es-check
}

@test "es-react -f ends when the -wal or -shm is removed among writers" {
    for file in es.db-wal es.db-shm; do
        start react es-react -q -f app
        react=$pid
        within 20 decided 2
        es-query -t a.in | jq -r .payload.x >acknowledged
        for ((i = 10; i < 40; i++)); do
            ! es-append -q -t a.in x="$i" 2>>append.err ||
                echo "$i" >>acknowledged
            [ "$i" -ne 20 ] || rm "$file"
        done
        finish 30 "$react"
        assert_equal "$status" 1
        run cat react.err
        assert_output "es-react: $file: is gone, or another file than the one that was opened"
        whole
        es-copy -q -s other.db --force es.db
        es-append -q -t a.in x=2
    done
}

@test "es-react -f ends when both are removed, and es-project -f with either" {
    start react es-react -q -f app
    within 20 decided 2
    # With all of it in the file.
    es-copy -q whole.db
    rm es.db-wal es.db-shm
    mv whole.db es.db
    finish 30 "$pid"
    assert_equal "$status" 1
    cat >sum.jq <<'END'
def about: {partition_by: ["x"]};
def initial: 0;
def evolve($e): apply($e; "a.out"; . + 1);
END
    for files in es.db-wal es.db-shm 'es.db-wal es.db-shm'; do
        es-copy -q --force whole.db
        start project es-project -q -f sum.jq
        es-append -q -t a.out x=5
        seen() { es-project -q sum.jq && [ "$(sqlite3 -readonly es.db.views/sum.db "select state from sum where x = '5'")" ]; }
        within 20 seen
        # shellcheck disable=SC2086 # one or two words
        rm $files
        finish 30 "$pid"
        assert_equal "$status" 1
        run cat project.err
        assert_output --regexp '^es-project: es\.db-(wal|shm): is gone, or another file'
        rm -f es.db-wal es.db-shm
        mv whole.db es.db
        es-project -q sum.jq
        es-check
    done
}

@test "es-serve acknowledges no command into a store that was replaced" {
    start serve es-serve -l 127.0.0.1:0 app
    within 10 grep -q token serve.out
    url=$(sed 's#/?token=.*##' serve.out)
    within 20 decided 2
    replace
    run curl -s -o body -w '%{http_code}' -H 'Content-Type: application/json' \
        -d '{"x":"3"}' "$url/commands/a.in"
    # Refused, or nobody listens any more.
    refute_output 202
    unharmed
}
