# es-diff: where two versions of a decider differ over the stored commands.
#
# shellcheck disable=SC2016 # the rules are jq
load helper

setup() {
    es_setup
    es-init
    cat >old.jq <<'JQ'
def about: {partition_by: ["book_id"]};
def initial: {lent: false};
def evolve($e):
    apply($e; "loans.book_lent"; .lent = true)
  | apply($e; "loans.book_returned"; .lent = false);
def decide($c):
  on($c; "loans.lend_book";
      require(.lent | not; "it is lent already")
    | event("loans.book_lent"; {book_id: $c.payload.book_id})),
  on($c; "loans.return_book";
      event("loans.book_returned"; {book_id: $c.payload.book_id}));
JQ
}

# lend ID BOOK, give_back ID BOOK: decided by the old rules.
lend() {
    es-decide -q old.jq -t loans.lend_book --id "$1" book_id="$2"
}
give_back() {
    es-decide -q old.jq -t loans.return_book --id "$1" book_id="$2"
}

# new OLD NEW: the new rules are the old ones with another text in one place.
new() {
    local text
    text=$(<old.jq)
    [[ $text == *"$1"* ]] || fail "the old rules lack: $1"
    printf '%s\n' "${text/"$1"/"$2"}" >new.jq
}

@test "versions that do not differ: nothing, exit 0" {
    lend c1 b1
    give_back c2 b1
    new initial 'initial'
    run --separate-stderr es-diff -v old.jq new.jq
    assert_success
    refute_output
    assert_stderr 'es-diff: 2 commands replayed, 0 differ'
}

@test "a store without commands: nothing, exit 0" {
    run --separate-stderr es-diff old.jq old.jq
    assert_success
    refute_output
    assert_stderr
}

@test "what differs is printed, the rest is not; exit 4" {
    lend c1 b1
    give_back c2 b1
    lend c3 b1
    new 'event("loans.book_returned"; {book_id: $c.payload.book_id})' \
        'event("loans.seen"; {}), event("loans.book_returned";
            {book_id: $c.payload.book_id}), event("loans.shelved"; {n: 1})'
    run --separate-stderr es-diff -v old.jq new.jq
    assert_failure 4
    assert_output - <<'TEXT'
--- old.jq
+++ new.jq
@@ 3 loans.return_book c2, read up to 2 @@
-loans.book_returned {"book_id":"b1"}
+loans.seen {}
+loans.book_returned {"book_id":"b1"}
+loans.shelved {"n":1}
TEXT
    assert_stderr 'es-diff: 3 commands replayed, 1 differ'
    # Equal ones at either end are shown once.
    sed 's/n: 1/n: 2/' new.jq >newer.jq
    run --separate-stderr es-diff new.jq newer.jq
    assert_failure 4
    assert_line --index 3 ' loans.seen {}'
    assert_line --index 4 ' loans.book_returned {"book_id":"b1"}'
    assert_line --index 5 '-loans.shelved {"n":1}'
    assert_line --index 6 '+loans.shelved {"n":2}'
}

@test "each command is read for up to where it was read when it was decided" {
    es-append -q -t loans.lend_book --kind command --id c1 book_id=b1
    es-append -q -t loans.lend_book --kind command --id c2 book_id=b1
    es-react -q old.jq
    give_back c3 b1
    new 'require(.lent | not; "it is lent already")' .
    # The second one, at its own position, would lend it as well.
    run --separate-stderr es-diff old.jq new.jq
    assert_failure 4
    assert_output - <<'TEXT'
--- old.jq
+++ new.jq
@@ 2 loans.lend_book c2, read up to 3 @@
-rejected: it is lent already
+loans.book_lent {"book_id":"b1"}
TEXT
}

@test "a command without a recorded position: up to its own" {
    lend c1 b1
    give_back c2 b1
    es-query >log
    es-init -s other.db
    es-append -q -s other.db --import log
    # Not decided yet, and never to be: b1 is not lent.
    es-append -q -s other.db -t loans.lend_book --kind command --id c5 \
        book_id=b1
    new '"loans.book_lent"; {' '"loans.book_lent"; {more: .lent} + {'
    run --separate-stderr es-diff -s other.db --json old.jq new.jq
    assert_failure 4
    run jq -c '[.id, .position, .read_at, .new.events[0].payload.more]' \
        <<<"$output"
    assert_output - <<'TEXT'
["c1",1,1,false]
["c5",5,5,false]
TEXT
}

@test "faults: the same in both is no difference, another one is" {
    lend c1 b1
    sed 's/"it is lent already"/.x.y.z | error("broken")/
        s/require(.lent | not/require(.lent | tostring/' old.jq >new.jq
    cp new.jq again.jq
    run --separate-stderr es-diff -v again.jq new.jq
    assert_success
    refute_output
    assert_stderr \
        'es-diff: 1 command replayed, 0 differ, 1 fail in both'
    run --separate-stderr es-diff old.jq new.jq
    assert_failure 4
    assert_line --index 3 '-loans.book_lent {"book_id":"b1"}'
    assert_line --index 4 --regexp \
        '^\+fault: decide: loans.lend_book c1 at 1: .*true or false'
    assert_stderr
}

@test "a decider that makes what only react may make is a fault" {
    lend c1 b1
    new 'event("loans.book_lent"' 'command("loans.book_lent"'
    run --separate-stderr es-diff --json old.jq new.jq
    assert_failure 4
    run jq -r '.new.answer, .new.reason' <<<"$output"
    assert_line --index 0 fault
    assert_line --index 1 --partial 'only react makes commands'
}

@test "events are compared as the store's catalog would have them" {
    lend c1 b1
    cat >messages.json <<'END'
{"loans.book_lent": {"payload": {"book_id": "string",
  "days": {"type": "integer", "default": 14}}}}
END
    es-init -m messages.json
    # The default is what leaving it out gives.
    new '"loans.book_lent"; {' '"loans.book_lent"; {days: 14} + {'
    run --separate-stderr es-diff -v old.jq new.jq
    assert_success
    refute_output
    assert_stderr 'es-diff: 1 command replayed, 0 differ'
    new '"loans.book_lent"; {' '"loans.book_lent"; {dayz: 14} + {'
    run --separate-stderr es-diff old.jq new.jq
    assert_failure 4
    assert_line --index 3 '-loans.book_lent {"book_id":"b1","days":14}'
    assert_line --index 4 '+fault: output 1: loans.book_lent: dayz: no such attribute'
    # Two that are refused, each for something else.
    cp new.jq other.jq
    new '"loans.book_lent"; {' '"loans.book_lent"; {days: "x"} + {'
    run --separate-stderr es-diff other.jq new.jq
    assert_failure 4
    assert_line --index 4 '+fault: output 1: loans.book_lent: days: must be an integer, not "x"'
    run --separate-stderr es-diff -v new.jq new.jq
    assert_success
    assert_stderr 'es-diff: 1 command replayed, 0 differ, 1 fail in both'
}

@test "a deadline is a fault of one command" {
    lend c1 b1
    give_back c2 b1
    new 'event("loans.book_lent"; {' \
        'event("loans.book_lent"; last(range(infinite)) | {'
    run --separate-stderr timeout 60 es-diff --deadline 100ms old.jq new.jq
    assert_failure 4
    assert_line --regexp '^\+fault: decide: .*no answer after [12]00 ms'
    assert_equal "${#lines[@]}" 5
}

@test "what one version does not decide is a difference" {
    lend c1 b1
    give_back c2 b1
    sed '/loans.return_book/,$d; s/^  on(\$c; "loans.lend_book"/&/' old.jq |
        sed '$d' >new.jq
    echo '    | event("loans.book_lent"; {book_id: $c.payload.book_id}));' \
        >>new.jq
    run --separate-stderr es-diff old.jq new.jq
    assert_failure 4
    assert_output - <<'TEXT'
--- old.jq
+++ new.jq
@@ 3 loans.return_book c2, read up to 2 @@
-loans.book_returned {"book_id":"b1"}
+not decided
TEXT
    run --separate-stderr es-diff --json new.jq old.jq
    assert_failure 4
    assert_output '{"position":3,"id":"c2","type":"loans.return_book","read_at":2,"old":{"answer":"undecided"},"new":{"answer":"decided","events":[{"type":"loans.book_returned","payload":{"book_id":"b1"},"metadata":{}}]}}'
}

@test "how JSON is written, and how handlers are named, is no difference" {
    es-append -q <<'NDJSON'
{"type":"loans.lend_book","kind":"command","payload":{"b": "\u0041", "book_id":"b1","a":[1,{"y":1,"x":2}]}}
{"type":"loans.lend_book","kind":"command","payload":{}}
NDJSON
    sed 's/event("loans.book_lent"; .*$/event("loans.book_lent"; $c.payload)),/' \
        old.jq >one.jq
    sed 's/event("loans.book_lent"; .*$/event("loans.book_lent"; {a: [1, {x: 2, y: 1}], book_id: "b1", b: "A"}) | meta({p: 1, q: 2})),/' \
        old.jq >two.jq
    sed 's/event("loans.book_lent"; .*$/event("loans.book_lent"; $c.payload) | meta({q: 2, p: 1})),/' \
        old.jq >three.jq
    # The second command lacks book_id, and the reason has the name in it.
    run --separate-stderr es-diff -v two.jq three.jq
    assert_success
    refute_output
    assert_stderr 'es-diff: 2 commands replayed, 0 differ'
    run --separate-stderr es-diff one.jq two.jq
    assert_failure 4
    assert_line --regexp '^\+loans.book_lent .* metadata \{"p":1,"q":2\}$'
}

@test "query flags choose commands, never what is read for them" {
    lend c1 b1
    lend c2 b2
    give_back c3 b1
    lend c4 b1
    new 'require(.lent | not; "it is lent already")' 'reject("closed")'
    run --separate-stderr es-diff -v -t loans.lend_book -k book_id=b1 -a 4 \
        old.jq new.jq
    assert_failure 4
    assert_line --index 2 '@@ 7 loans.lend_book c4, read up to 6 @@'
    assert_line --index 3 '-loans.book_lent {"book_id":"b1"}'
    assert_stderr 'es-diff: 1 command replayed, 1 differ'
    run --separate-stderr es-diff -v -n 1 -t loans. old.jq new.jq
    assert_failure 4
    assert_line --index 2 '@@ 1 loans.lend_book c1, read up to 0 @@'
    assert_stderr 'es-diff: 1 command replayed, 1 differ'
    run --separate-stderr es-diff -v --id c3 old.jq new.jq
    assert_success
    refute_output
    run --separate-stderr es-diff -k book_id=b2 -o -t loans.return_book \
        --json old.jq new.jq
    assert_failure 4
    assert_equal "$(jq -r .id <<<"$output")" c2
}

@test "types that neither version decides are usage" {
    lend c1 b1
    run --separate-stderr es-diff -t loans.book_lent old.jq old.jq
    assert_failure 2
    refute_output
    assert_error_line es-diff 'neither version decides'
}

@test "erased commands are left out, and erased events are not read" {
    lend c1 b1
    es-append -q -t loans.book_returned --id e1 book_id=b1
    lend c2 b1
    give_back c3 b1
    es-erase -q e1 c3
    new '"it is lent already"' '"it is gone"'
    run --separate-stderr es-diff -v old.jq new.jq
    assert_failure 4
    assert_line --index 2 --regexp '^@@ 4 loans.lend_book c2, '
    assert_line --index 3 '-rejected: it is lent already'
    assert_line --index 4 '+rejected: it is gone'
    assert_stderr \
        'es-diff: 2 commands replayed, 1 differ, 1 erased and left out'
}

@test "-q: nothing is printed, the status tells" {
    lend c1 b1
    new '"loans.book_lent"; {' '"loans.book_lent"; {n: 1} + {'
    run --separate-stderr es-diff -q old.jq new.jq
    assert_failure 4
    refute_output
    assert_stderr
    run --separate-stderr es-diff -q old.jq old.jq
    assert_success
}

@test "handlers that cannot be used are named" {
    run --separate-stderr es-diff old.jq
    assert_failure 2
    assert_error_line es-diff 'NEW is missing'
    run --separate-stderr es-diff old.jq old.jq old.jq
    assert_failure 2
    assert_error_line es-diff '"old.jq" is too much'
    run -127 --separate-stderr es-diff old.jq none.jq
    assert_error_line es-diff 'none.jq: .*No such file'
    printf '#!/bin/sh\n# es: on loans.book_lent\n' >run
    chmod +x run
    run --separate-stderr es-diff old.jq run
    assert_failure 1
    assert_error_line es-diff 'run: not a jq handler'
    sed '/^def decide/,$d' old.jq >none.jq
    run --separate-stderr es-diff none.jq old.jq
    assert_failure 1
    assert_error_line es-diff 'none.jq: it decides nothing'
    sed 's/\.lent = true/.lent = tru/' old.jq >broken.jq
    run --separate-stderr es-diff old.jq broken.jq
    assert_failure 1
    assert_error_line es-diff 'broken.jq:4: '
}

@test "output that cannot be written fails" {
    [ -c /dev/full ] || skip "no /dev/full here"
    lend c1 b1
    new '"loans.book_lent"; {' '"loans.book_lent"; {n: 1} + {'
    run --separate-stderr sh -c 'es-diff old.jq new.jq >/dev/full'
    assert_failure 1
    assert_error_line es-diff 'No space left'
}

@test "many commands, of many partitions and of one, in the order of reading" {
    seq 600 | sed 's/.*/{"type":"loans.lend_book","kind":"command","payload":{"book_id":"b&"}}/' >commands
    seq 600 | sed 's/.*/{"type":"loans.lend_book","kind":"command","payload":{"book_id":"b&"}}/' >>commands
    es-decide -q old.jq commands 2>/dev/null || [ $? -eq 4 ]
    new '"loans.book_lent"; {' '"loans.book_lent"; {n: 1} + {'
    run --separate-stderr es-diff -v old.jq new.jq
    assert_failure 4
    assert_equal "$(grep -c '^@@' <<<"$output")" 600
    assert_equal "$(grep '^@@' <<<"$output" | awk '{ print $NF, $2 }' |
        sort -c -k2n && echo sorted)" sorted
    # What the new version reads does not depend on what it gave before.
    sed 's/partition_by: \["book_id"\]/name: "one"/' old.jq >one.jq
    es-init -s one.db
    head -n 600 commands | es-append -s one.db >stored
    es-decide -q -s one.db one.jq stored 2>/dev/null || [ $? -eq 4 ]
    run --separate-stderr es-diff -v -s one.db one.jq old.jq
    assert_failure 4
    assert_equal "$(grep -c '^-rejected' <<<"$output")" 599
}

@test "versions that read several entities, and one that reads one" {
    cat >reads.jq <<'JQ'
def about: {reads: [{types: ["loans.book_lent"], tags: ["book_id:{book_id}"]},
    {types: ["loans.book_lent"], tags: ["member_id:{member_id}"]}]};
def initial: {lent: false, n: 0};
def evolve($e): apply($e; "loans.book_lent"; .n += 1);
def decide($c): on($c; "loans.lend_book";
    require(.n < 2; "\(.n) are enough") | event("loans.book_lent"; $c.payload));
JQ
    for book in b1 b2 b3; do
        es-append -q -t loans.lend_book --kind command --id "$book" \
            book_id="$book" member_id=m1
    done
    es-append -q -t loans.lend_book --kind command --id b4 book_id=b4
    es-react -q reads.jq
    sed 's/n < 2/n < 3/' reads.jq >new.jq
    run --separate-stderr es-diff reads.jq new.jq
    assert_failure 4
    assert_output - <<'TEXT'
--- reads.jq
+++ new.jq
@@ 3 loans.lend_book b3, read up to 6 @@
-rejected: 2 are enough
+loans.book_lent {"book_id":"b3","member_id":"m1"}
TEXT
    run --separate-stderr es-diff --json reads.jq old.jq
    assert_failure 4
    assert_equal "$(jq -c 'select(.old.answer != .new.answer) | [.id, .old.answer, .new.answer]' <<<"$output")" \
        "$(printf '%s\n' '["b4","rejected","decided"]' \
            '["b3","rejected","decided"]')"
}
