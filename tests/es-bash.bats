# share/es/es.bash, the library for tests of handlers: es-bats(7).  Its words
# are used in test files of its own, which are written and run here.

load helper

setup() {
    es_setup
    mkdir -p app/deciders app/reactors app/projectors app/tests
    cd app || return
    cat >deciders/loan.jq <<'END'
def about: {partition_by: ["book_id"]};
def initial: {lent: false, at: null};
def evolve($e): apply($e; "loans.book_lent"; .lent = true | .at = $e.stored_at);
def decide($c):
    on($c; "loans.lend_book";
        require(.lent | not; "the book is lent"; {book: $c.payload.book_id})
      | event("loans.book_lent"; $c.payload)),
    on($c; "loans.lose_book"; error("lost")),
    on($c; "loans.burn_book"; event("loans.book_lent"; {book_id: 7, x: 1})),
    on($c; "loans.loop"; last(range(1e12)));
END
    cat >reactors/fine.jq <<'END'
def react($e):
    on($e; "loans.book_lent";
        command("loans.remind"; {book_id: $e.payload.book_id}),
        event("loans.noted"; {}));
END
    cat >projectors/shelf.jq <<'END'
def about: {partition_by: ["book_id"]};
def initial: {times: 0};
def evolve($e): apply($e; "loans.book_lent"; .times += 1);
END
    cat >messages.json <<'END'
{"loans.lend_book": {"kind": "command", "payload": {"book_id": "string",
    "days": "integer?"}},
 "loans.book_lent": {"kind": "event", "payload": {"book_id": "string",
    "days": "integer?"}}}
END
}

# What ends with the file is gone soon after it, but not at once.
teardown() {
    es_teardown
    within 10 nothing_left
}

nothing_left() {
    local pid
    [ -e keepers ] || return 0
    while read -r pid; do
        ! kill -0 "$pid" 2>/dev/null || return 1
    done <keepers
}

# tests [FLAG]... <LINES: run them as a file of tests of the app; there "@" is
# a test, so that bats does not take it for one of this file.
tests() {
    {
        printf 'load "%s/share/es/es.bash"\n' "$ES_TOP"
        # shellcheck disable=SC2016 # for the file
        printf 'teardown() { echo "${_es_keeper-}" >>"%s/keepers"; }\n' "$PWD"
        sed 's/^@ /@test /'
    } >tests/t.bats
    run outside env -u COLUMNS TERM=dumb "${in[@]}" bats "$@" tests
    sed -i '/^$/d' keepers
}

in=()

# What follows is in the output, with "# " in front.
told() {
    local line
    while IFS= read -r line; do
        assert_line "# $line"
    done
}

@test "given, when, then: what is so passes" {
    tests <<'END'
@ "decided" {
    handler deciders/loan.jq
    when loans.lend_book book_id=b1 days=3
    then_events loans.book_lent book_id=b1 days=3
    then_events loans.book_lent days:=3 book_id:='"b1"'
    then_state '.lent == true' '.at | startswith("20")'
    when loans.lend_book book_id=b1
    then_rejected "the book is lent"
    then_rejected "the book is lent" '{"book": "b1"}'
    then_state -p book_id=b2 '.lent == false and .at == null'
}
@ "faults" {
    handler deciders/loan.jq
    when loans.lose_book book_id=b1
    then_fault
    then_fault "deciders/loan.jq: decide: loans.lose_book"
    when loans.burn_book
    then_rejected "does not carry book_id (loan is partitioned by it)"
    when loans.burn_book book_id=b1
    then_fault 'book_id: must be a string, not 7'
    when loans.lend_book book_id=b1 days=ten
    then_fault 'days: must be an integer, not "ten"'
    when loans.lend_book book_id=b1
    then_events loans.book_lent book_id=b1
}
@ "a time, a tag, an id" {
    handler deciders/loan.jq
    given --at 2026-03-01T12:00:00Z --id m1 --meta by=me -g x:y \
        loans.book_lent book_id=b1
    then_state '.at | startswith("2026-03-01T12:00")'
}
@ "reacted" {
    handler reactors/fine.jq
    when loans.book_lent book_id=b1
    then_commands loans.remind book_id=b1
    then_events loans.noted
    then_messages loans.remind book_id=b1 loans.noted
}
@ "projected" {
    handler projectors/shelf.jq
    then_read_model
    given loans.book_lent book_id=b2
    given loans.book_lent book_id=b1
    when loans.book_lent book_id=b1
    then_nothing
    then_read_model '{"key":{"book_id":"b1"},"state":{"times":2}}' \
        '{"state":{"times":1.0}}'
    then_read_model -p book_id=b2 '{"key":{"book_id":"b2"}}'
}
@ "text that is hard to pass on" {
    local odd=$'a "b" \\ c\n\td\r\001 \'e\' $f `g` é'
    handler deciders/loan.jq
    when loans.lend_book book_id="$odd"
    then_events loans.book_lent book_id="$odd"
}
@ "in a store" {
    with_handlers deciders/loan.jq reactors/fine.jq
    given loans.book_lent book_id=b1
    when loans.lend_book book_id=b2
    then_messages loans.book_lent book_id=b2 loans.remind book_id=b2 loans.noted
    when loans.lend_book book_id=b1
    then_rejected "the book is lent"
    then_messages es.command_rejected type=loans.lend_book \
        reason="the book is lent"
    handler projectors/shelf.jq
    then_read_model '{"state":{"times":1}}' '{"state":{"times":1}}'
}
END
    assert_success
    refute_line --partial 'not ok'
    assert_line 'ok 7 in a store'
}

@test "what is not so fails, with what was expected beside what came" {
    tests <<'END'
setup() { handler deciders/loan.jq; }
@ "events" {
    when loans.lend_book book_id=b1 days=3
    then_events loans.book_lent book_id=b2 days=3
}
@ "too few" {
    when loans.lend_book book_id=b1
    then_events loans.book_lent book_id=b1 loans.book_lent book_id=b1
}
@ "nothing" {
    when loans.lend_book book_id=b1
    then_nothing
}
@ "rejected" {
    given loans.book_lent book_id=b1
    when loans.lend_book book_id=b1
    then_rejected "no"
}
@ "detail" {
    given loans.book_lent book_id=b1
    when loans.lend_book book_id=b1
    then_rejected "the book is lent" '{"book":"b2"}'
}
@ "fault" {
    when loans.lose_book book_id=b1
    then_events loans.book_lent book_id=b1
}
@ "no fault" {
    when loans.lend_book book_id=b1
    then_fault
}
@ "state" {
    when loans.lend_book book_id=b1
    then_state '.lent == true' '.lent == "b1"'
}
@ "read model" {
    handler projectors/shelf.jq
    given loans.book_lent book_id=b1
    then_read_model '{"state":{"times":2}}'
}
END
    assert_failure 1
    refute_line --regexp '^ok'
    # The place is the test's.
    assert_line --partial 'in test file tests/t.bats, line 6)'
    told <<'END'
then_events: not these events
expected          actual
loans.book_lent   loans.book_lent
  book_id: "b2" |   book_id: "b1"
  days: 3           days: 3
loans.book_lent <
  book_id: "b1" <
then_nothing: there is something
nothing  | loans.book_lent
         >   book_id: "b1"
then_rejected: another reason
rejected: no | rejected: the book is lent
             >   detail: {"book":"b1"}
then_rejected: another detail
detail: {"book":"b2"} | detail: {"book":"b1"}
then_fault: there was no fault
fault: ... | loans.book_lent
then_state: .lent == "b1": is false, not true, of this state
  lent: true
then_read_model: not these states
  times: 2 |   times: 1
END
    assert_line --regexp 'fault: deciders/loan.jq: decide: loans.lose_book .*lost'
}

@test "what is too wide stands below each other; colours where they are asked for" {
    file='@ "events" {
        handler deciders/loan.jq
        when loans.lend_book book_id=b1 days=3
        then_events loans.book_lent book_id=b2 days=3
    }'
    in=(COLUMNS=30)
    tests <<<"$file"
    told <<'END'
--- expected
+++ actual
  loans.book_lent
-   book_id: "b2"
+   book_id: "b1"
    days: 3
END
    refute_output --partial $'\033'
    in=(CLICOLOR_FORCE=1 COLUMNS=30)
    tests <<<"$file"
    assert_line $'# \033[31m-   book_id: "b2"\033[0m'
    assert_line $'# \033[32m+   book_id: "b1"\033[0m'
    in=(FORCE_COLOR=1)
    tests <<<"$file"
    assert_line --partial $'\033[31m  book_id: "b2"'
    in=(CLICOLOR_FORCE=1 NO_COLOR=1)
    tests <<<"$file"
    refute_output --partial $'\033'
}

@test "slips of the pen are told where they stand" {
    echo 'def decide($c): nosuch;' >deciders/broken.jq
    printf '%s\n' '#!/bin/sh' '# es: on loans.book_lent' >reactors/exec
    chmod +x reactors/exec
    tests <<'END'
@ "1" { handler nosuch.jq; }
@ "2" { handler deciders/broken.jq; }
@ "3" { handler reactors/exec; }
@ "4" { when loans.lend_book book_id=b1; }
@ "5" { handler deciders/loan.jq; given loans.book_lnt book_id=b1; }
@ "6" { handler deciders/loan.jq; given loans.book_lent isbn=b1 book_id=b; }
@ "7" { handler deciders/loan.jq; given loans.book_lent book_id; }
@ "8" { handler deciders/loan.jq; then_events loans.book_lent; }
@ "9" { handler deciders/loan.jq; when loans.lend_book book_id=b1; then_events loans.lent; }
@ "10" { handler reactors/fine.jq; when loans.lend_book book_id=b1; }
@ "11" { handler deciders/loan.jq; given --at noon loans.book_lent book_id=b1; }
@ "12" { handler deciders/loan.jq; when loans.lend_book book_id=b1; then_state '.lent =='; }
@ "13" { handler deciders/loan.jq; then_state .lent; }
@ "14" { with_handlers deciders/loan.jq; given --at 2026-03-01T12:00:00Z loans.book_lent; }
@ "15" { with_handlers deciders/nosuch.jq; when loans.lend_book book_id=b1; }
END
    assert_failure 1
    refute_line --regexp '^ok'
    told <<'END'
handler: nosuch.jq: No such file or directory
handler: reactors/exec: not a jq file: it can be tried with with_handlers
when: there is no handler yet
given: loans.book_lnt: messages.json has no such type
given: loans.book_lent: isbn: no such attribute
given: "book_id" is not an attribute: NAME=STRING or NAME:=JSON
then_events: there was no when yet
loans.lent | loans.book_lent
when: loans.lend_book: reactors/fine.jq does not handle it
given: --at: must be a time as 2026-03-01T12:00:00Z, not "noon"
then_state: of which partition: -p NAME=VALUE
given: --at: not with with_handlers: a store has its own clock
END
    assert_line --partial 'handler: deciders/broken.jq:1: '
    assert_line --partial 'then_state: EXPRESSION:'
    assert_line --partial 'deciders/nosuch.jq'
}

# The process that compiled a handler is a child of es-decide's.
@test "a handler is compiled once for all tests, and again when it has changed" {
    tests <<'END'
compiled() {
    pgrep -P "$(pgrep -P "$_es_keeper")" | sort >>compiled
}
@ "1" { handler deciders/loan.jq; when loans.lend_book book_id=b1; compiled; }
@ "2" { handler deciders/loan.jq; when loans.lend_book book_id=b1; compiled; }
@ "3" { handler deciders/loan.jq; handler deciders/loan.jq; compiled; }
@ "4" {
    sed -i 's/the book is lent/it is gone/' deciders/loan.jq
    handler deciders/loan.jq
    given loans.book_lent book_id=b1
    when loans.lend_book book_id=b1
    then_rejected "it is gone"
    compiled
}
END
    assert_success
    assert_equal "$(wc -l <compiled)" 4
    assert_equal "$(uniq compiled | wc -l)" 2
    assert_equal "$(sort -u keepers | wc -l)" 1
}

@test "a test that ends in the middle is no harm to the next" {
    tests <<'END'
@ "killed" {
    handler deciders/loan.jq
    printf '["given","loans.bo' >&"$_es_in"
    printf '["then_nothing"]\n' >&"$_es_in"
    false
}
@ "crashed" {
    handler deciders/loan.jq
    when loans.loop book_id=b1
    then_fault "no answer after 1000 ms"
    when loans.lend_book book_id=b1
    then_events loans.book_lent book_id=b1
}
@ "gone" {
    handler deciders/loan.jq
    kill "$(pgrep -P "$_es_keeper")"
    run given loans.book_lent book_id=b1
    [ "$status" -eq 1 ]
    [ "$output" = 'es-decide --trial is gone' ]
}
@ "there again" {
    handler deciders/loan.jq
    when loans.lend_book book_id=b1
    then_events loans.book_lent book_id=b1
}
END
    assert_line 'not ok 1 killed'
    assert_line 'ok 2 crashed'
    assert_line 'ok 3 gone'
    assert_line 'ok 4 there again'
}

@test "tests side by side do not meet" {
    local i
    for i in 1 2 3 4 5 6; do
        printf '@ "%s" {\n handler deciders/loan.jq\n' "$i"
        printf ' given loans.book_lent book_id=b%s\n' "$i"
        printf ' when loans.lend_book book_id=b1\n'
        if [ "$i" = 1 ]; then
            printf ' then_rejected "the book is lent"\n}\n'
        else
            printf ' then_events loans.book_lent book_id=b1\n}\n'
        fi
    done >more
    tests --jobs 3 --no-parallelize-across-files <more
    assert_success
    assert_line 'ok 6 6'
}

@test "it leaves neither processes nor files behind" {
    mkdir tmp
    in=(TMPDIR="$PWD/tmp")
    tests <<'END'
@ "1" { handler deciders/loan.jq; when loans.lend_book book_id=b1; }
@ "2" { handler deciders/loan.jq; then_nothing; }
END
    assert_failure 1
    assert_equal "$(wc -l <keepers)" 2
    within 10 nothing_left
    run ls -A tmp
    refute_output
}

@test "without bats it says so" {
    run -1 --separate-stderr bash "$ES_TOP/share/es/es.bash"
    refute_output
    assert_stderr 'es.bash: this is for bats: run the file as: bats es.bash'
}

@test "bats_load_library es, from where make install puts it" {
    mkdir -p prefix/lib/bats/es
    cp "$ES_TOP/share/es/es.bash" prefix/lib/bats/es/load.bash
    ln -s "$ES_BIN" prefix/bin
    sed 's/^@ /@test /' >tests/t.bats <<'END'
bats_load_library es
@ "it is found, and finds the programs" {
    handler deciders/loan.jq
    when loans.lend_book book_id=b1
    then_events loans.book_lent book_id=b1
}
END
    run -0 outside env BATS_LIB_PATH="$PWD/prefix/lib/bats" \
        bash -c 'PATH=${PATH//"$ES_BIN":/}; exec bats tests'
    assert_line 'ok 1 it is found, and finds the programs'
}

@test "what finds it is the same in all apps" {
    local file
    for file in "$ES_TOP"/share/es/apps/*/tests/es.bash; do
        cmp "$ES_TOP/share/es/new/tests/es.bash" "$file"
    done
    cp "$ES_TOP/share/es/new/tests/es.bash" tests/
    printf 'load es\n@test "x" { handler nosuch.jq; }\n' >tests/t.bats
    [ ! -e /usr/share/es/es.bash ] && [ ! -e /usr/local/share/es/es.bash ] ||
        skip "es is installed here"
    run outside bash -c 'PATH=${PATH//"$ES_BIN":/}; exec bats tests'
    assert_failure
    assert_output --partial 'There is no es-decide'
}

@test "--trial answers what is no request" {
    run -0 --separate-stderr es-decide --trial <<'END'
x
{}
[1]
[]
["nosuch"]
["begin"]
["begin","nosuch"]
END
    assert_stderr
    assert_line --index 0 --partial '{"ok":false,"message":"'
    assert_line --index 1 \
        '{"ok":false,"message":"a request is an array of strings"}'
    assert_line --index 2 \
        '{"ok":false,"message":"a request is an array of strings"}'
    assert_line --index 3 '{"ok":false,"message":"\"\": no such word"}'
    assert_line --index 4 '{"ok":false,"message":"\"nosuch\": no such word"}'
    assert_line --index 5 \
        '{"ok":false,"message":"begin: one DIRECTORY, not 0"}'
    assert_line --index 6 \
        '{"ok":false,"message":"begin: nosuch: No such file or directory"}'
    run -2 --separate-stderr es-decide --trial deciders/loan.jq
    assert_error_line es-decide '--trial: goes with nothing else'
}
