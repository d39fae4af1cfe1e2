#!/usr/bin/env bats
#
# --given and the bats library know the catalog of the app in which the handler
# stands: what is new has to satisfy it, as in a store.
#
# shellcheck disable=SC2016 # jq has variables

load helper

setup() {
    es_setup
    mkdir -p app/deciders app/reactors app/projectors app/tests
    cat >app/messages.json <<'END'
{
 "loans.lend": {"kind": "command",
   "payload": {"book": "string", "days": {"type": "integer", "default": 14}}},
 "loans.lent": {"kind": "event", "version": 2,
   "upcast": ".days = .weeks * 7 | del(.weeks)",
   "payload": {"book": "string", "days": "integer",
     "late": {"type": "boolean", "default": false}}},
 "loans.noted": {"payload": {"book": "string", "n": "integer"}}
}
END
    cat >app/deciders/loans.jq <<'END'
def about: {partition_by: ["book"]};
def initial: {days: 0};
def evolve($e): apply($e; "loans.lent"; .days += $e.payload.days);
def decide($c):
    on($c; "loans.lend";
        require(.days < 30; "lent enough")
      | event("loans.lent"; $c.payload
          | if .book == "typo" then .dys = 1 else . end)),
    on($c; "loans.lose"; event("loans.lost"; {}));
END
    cat >app/reactors/note.jq <<'END'
def about: {partition_by: ["book"]};
def react($e): on($e; "loans.lent"; event("loans.noted";
    {book: $e.payload.book, n: ($e.payload.days / 2)}));
END
    cp app/deciders/loans.jq app/projectors/shelf.jq
    sed -i '/^def decide/,$d' app/projectors/shelf.jq
    : >none
}

# decide [FLAG]... -- WORD...: by the app's decider.
decide() {
    run --separate-stderr es-decide app/deciders/loans.jq --given "$@"
}

@test "the command is coerced and completed, and so is what is made of it" {
    decide none -t loans.lend book=b1 days=3
    assert_success
    assert_stderr
    assert_output '{"kind":"event","type":"loans.lent","version":2,"payload":{"book":"b1","days":3,"late":false},"metadata":{}}'
    decide none -t loans.lend book=b1
    assert_success
    assert_output --partial '"payload":{"book":"b1","days":14,"late":false}'
    # The next one sees it.
    printf '%s\n' '{"type":"loans.lend","payload":{"book":"b1","days":29}}' \
        '{"type":"loans.lend","payload":{"book":"b1"}}' \
        '{"type":"loans.lend","payload":{"book":"b1"}}' >commands
    decide none commands
    assert_failure 4
    assert_equal "${#lines[@]}" 2
    assert_stderr 'es-decide: commands:3: rejected: lent enough'
    assert_not_exist es.db
}

@test "a command that the catalog refuses is told with its place" {
    decide none -t loans.lend book=b1 dayz=3
    assert_failure 1
    refute_output
    assert_stderr 'es-decide: loans.lend: dayz: no such attribute'
    decide none -t loans.lend book=b1 days=soon
    assert_failure 1
    assert_stderr 'es-decide: loans.lend: days: must be an integer, not "soon"'
    echo '{"type":"loans.lend","payload":{"book":7}}' >commands
    decide none commands
    assert_failure 1
    assert_stderr 'es-decide: commands:1: loans.lend: book: must be a string, not 7'
    # As with a store.
    es-init app
    for flags in '--given none' ''; do
        # shellcheck disable=SC2086 # words
        es-decide app/deciders/loans.jq $flags -t loans.lend book=b1 dayz=3 \
            2>>said || [ $? -eq 1 ]
    done
    assert_equal "$(uniq said | wc -l)" 1
}

@test "an output that the catalog refuses is a fault" {
    decide none --id c1 -t loans.lend book=typo
    assert_failure 1
    refute_output
    assert_stderr 'es-decide: app/deciders/loans.jq: decide: loans.lend c1: output 1: loans.lent: dys: no such attribute'
    # Types that it lacks are good, but with --strict.
    decide none --id c1 -t loans.lose book=b1
    assert_success
    decide none --strict --id c1 -t loans.lose book=b1
    assert_failure 1
    assert_error_line es-decide 'loans.lose is not in the catalog'
}

@test "the history: new messages are checked, stored ones are not" {
    echo '{"type":"loans.lent","payload":{"book":"b1","dayz":3}}' >history
    decide history --state -p book=b1
    assert_failure 1
    assert_stderr 'es-decide: history:1: loans.lent: dayz: no such attribute'
    echo '{"type":"loans.lent","kind":"command","payload":{"book":"b1","days":3}}' >history
    decide history --state -p book=b1
    assert_failure 1
    assert_stderr 'es-decide: history:1: loans.lent: kind: must be event, not command'
    echo '{"position":7,"type":"loans.lent","version":2,"payload":{"book":"b1","days":3,"dayz":1}}' >history
    decide history --state -p book=b1
    assert_success
    assert_output '{"days":3}'
    run --separate-stderr es-project app/projectors/shelf.jq --given history
    assert_success
    assert_output '{"key":{"book":"b1"},"state":{"days":3},"position":1}'
    echo '{"type":"loans.lent","payload":{"book":"b1","dayz":3}}' >history
    run --separate-stderr es-project app/projectors/shelf.jq --given history
    assert_failure 1
    assert_stderr 'es-project: history:1: loans.lent: dayz: no such attribute'
}

@test "the history: older versions are given as the newest" {
    printf '%s\n' '{"type":"loans.lent","version":1,"payload":{"book":"b1","weeks":2}}' \
        '{"type":"loans.lent","payload":{"book":"b1","days":3}}' >history
    decide history --state -p book=b1
    assert_success
    assert_output '{"days":17}'
    run --separate-stderr es-project app/projectors/shelf.jq --given history
    assert_success
    assert_output '{"key":{"book":"b1"},"state":{"days":17},"position":2}'
    echo '{"id":"m2","type":"loans.lent","version":1,"payload":{"book":"b1","weeks":"2"}}' >>history
    decide history --state -p book=b1
    assert_failure 1
    assert_error_line es-decide '^es-decide: history:3: upcast: loans.lent m2 at 3: to version 2: days: must be an integer, not "2'
}

@test "which catalog: that of the folder in which the handlers' folder stands" {
    wrong=(--given "$PWD/none" -t loans.lend book=b1 dayz=3)
    for path in app/deciders/loans.jq ./app/deciders/loans.jq \
        app/deciders/../deciders/loans.jq app/deciders/./loans.jq \
        "$PWD/app/deciders/loans.jq"; do
        run --separate-stderr es-decide "$path" "${wrong[@]}"
        assert_failure 1
        assert_error_line es-decide dayz
    done
    ln -s app/deciders link
    run --separate-stderr es-decide link/loans.jq "${wrong[@]}"
    assert_error_line es-decide dayz
    cd app
    run --separate-stderr es-decide deciders/loans.jq "${wrong[@]}"
    assert_error_line es-decide dayz
    cd deciders
    run --separate-stderr es-decide loans.jq "${wrong[@]}"
    assert_error_line es-decide dayz
    # Elsewhere there is none.
    mkdir other
    cp loans.jq other
    run --separate-stderr es-decide other/loans.jq "${wrong[@]}"
    assert_success
    rm ../messages.json
    run --separate-stderr es-decide loans.jq "${wrong[@]}"
    assert_success
    # One that is wrong is not passed over.
    echo '{' >../messages.json
    run --separate-stderr es-decide loans.jq "${wrong[@]}"
    assert_failure 1
    assert_error_line es-decide '^es-decide: \.\./messages.json:2: '
}

@test "--as-of: the store's catalog, as if it were decided now" {
    es-init app
    run --separate-stderr es-decide app/deciders/loans.jq --as-of 1 \
        -t loans.lend book=b1
    assert_success
    assert_output '{"kind":"event","type":"loans.lent","version":2,"payload":{"book":"b1","days":14,"late":false},"metadata":{}}'
    run --separate-stderr es-decide app/deciders/loans.jq --as-of 1 \
        --id c1 -t loans.lend book=typo
    assert_failure 1
    refute_output
    assert_stderr 'es-decide: app/deciders/loans.jq: decide: loans.lend c1: output 1: loans.lent: dys: no such attribute'
    run --separate-stderr es-decide app/deciders/loans.jq --as-of 1 --strict \
        --id c1 -t loans.lend book=b1
    assert_success
    assert_equal "$(es-query --count)" 1
}

# tests <LINES: with the bats library; "@" begins a test.
tests() {
    {
        printf 'load "%s/share/es/es.bash"\n' "$ES_TOP"
        sed 's/^@ /@test /'
    } >app/tests/t.bats
    run outside env -u COLUMNS TERM=dumb bats app/tests
}

@test "the bats library: slips in what is given and made, defaults in what is compared" {
    tests <<'END'
@ "defaults" {
    handler deciders/loans.jq
    when loans.lend book=b1
    then_events loans.lent book=b1 days=14
    then_events loans.lent book=b1 days=14 late=false
    then_state '.days == 14'
}
@ "a slip of the test" {
    handler deciders/loans.jq
    given loans.lent book=b1 dayz=3
}
@ "one in when" {
    handler deciders/loans.jq
    when loans.lend book=b1 dayz=3
    then_rejected "lent enough"
}
@ "one in what is expected" {
    handler deciders/loans.jq
    when loans.lend book=b1
    then_events loans.lent book=b1 dayz=14
}
@ "one of the handler" {
    handler deciders/loans.jq
    when --id c1 loans.lend book=typo
    then_fault "deciders/loans.jq: decide: loans.lend c1: output 1: loans.lent: dys: no such attribute"
}
@ "one of a reactor" {
    handler reactors/note.jq
    when --id e1 loans.lent book=b1 days=3
    then_fault "reactors/note.jq: react: loans.lent e1 at 1: output 1: loans.noted: n: must be an integer, not 1.5"
    when loans.lent book=b1 days=4
    then_events loans.noted book=b1 n=2
}
END
    assert_failure
    assert_line 'ok 1 defaults'
    assert_line 'not ok 2 a slip of the test'
    assert_line '# given: loans.lent: dayz: no such attribute'
    assert_line 'not ok 3 one in when'
    assert_line --partial 'loans.lend: dayz: no such attribute'
    assert_line 'not ok 4 one in what is expected'
    assert_line 'ok 5 one of the handler'
    assert_line 'ok 6 one of a reactor'
}

@test "--trial: a directory that is not there, and one after it" {
    run --separate-stderr es-decide --trial <<END
["begin","$PWD/nosuch"]
["handler","deciders/loans.jq"]
["given","loans.lent","book=b1"]
["begin","$PWD/nosuch"]
["begin","$PWD/app"]
["handler","deciders/loans.jq"]
["when","loans.lend","book=b1"]
["then_events","loans.lent","book=b1","days=14"]
END
    assert_success
    for line in 0 1 3; do
        assert_line --index "$line" --partial '"ok":false'
    done
    for line in 4 5 6 7; do
        assert_line --index "$line" '{"ok":true}'
    done
}
