#!/usr/bin/env bats
#
# Versions of a type: what a catalog may change, and old messages as handlers,
# pages and es-query --upcast see them.

load helper

# An app whose handlers know only weeks; days are what version 1 said.
app() {
    mkdir -p app/{deciders,reactors,projectors}
    cat >app/messages.json <<'END'
{
  "loans.lend": {"kind": "command",
    "payload": {"book_id": "string", "days": "integer"}},
  "loans.lent": {"payload": {"book_id": "string", "days": "integer"}},
  "loans.noted": {"payload": {"book_id": "string", "note": "any"}}
}
END
    cat >app/deciders/loans.jq <<'END'
def about: {partition_by: ["book_id"]};
def initial: {weeks: 0};
def evolve($e): apply($e; "loans.lent"; .weeks += $e.payload.weeks);
def decide($c): on($c; "loans.lend";
    require(.weeks < 10; "lent enough")
  | event("loans.lent"; $c.payload));
END
    cat >app/projectors/weeks.jq <<'END'
def about: {partition_by: ["book_id"]};
def initial: {weeks: 0};
def evolve($e): apply($e; "loans.lent"; .weeks += $e.payload.weeks);
END
    cat >app/reactors/note.jq <<'END'
def about: {partition_by: ["book_id"]};
def react($e): on($e; "loans.lent"; event("loans.noted";
    {book_id: $e.payload.book_id, note: [$e.version, $e.payload.weeks]}));
END
    cat >app/reactors/tell <<'END'
#!/bin/sh
# es: on loans.lent
# es: partition_by book_id
exec jq -c '{type: "loans.noted",
  payload: {book_id: .payload.book_id, note: {told: .payload.weeks}}}'
END
    chmod +x app/reactors/tell
    es-init app
}

# weeks FILE: version 2 of both types, in weeks.
weeks() {
    jq '(."loans.lend", ."loans.lent") |= . + {version: 2,
      upcast: ".weeks = .days / 7 | del(.days)",
      payload: {book_id: "string", weeks: "integer"}}' \
        app/messages.json >new
    mv new app/messages.json
}

# edit JQ: change the app's catalog.
edit() {
    jq "$1" app/messages.json >new
    mv new app/messages.json
}

# What es-query prints with the flags given, in short.
short() {
    es-query "$@" | jq -c '[.type, .version, .payload]'
}

@test "every handler is given old messages as the newest version" {
    app
    es-append -q -t loans.lend book_id=b1 days=14
    es-append -q -t loans.lent book_id=b1 days=21
    weeks
    es-init app
    run --separate-stderr es-react app
    assert_success
    run short -t loans.lent -t loans.noted -a 4
    assert_line '["loans.lent",2,{"book_id":"b1","weeks":2}]'
    assert_line '["loans.noted",1,{"book_id":"b1","note":[2,3]}]'
    assert_line '["loans.noted",1,{"book_id":"b1","note":{"told":3}}]'
    assert_line '["loans.noted",1,{"book_id":"b1","note":[2,2]}]'
    run es-project app/projectors/weeks.jq --print
    assert_output --partial '"state":{"weeks":5}'
    run es-decide app/deciders/loans.jq --state -p book_id=b1
    assert_output '{"weeks":5}'
    # The log is as it was, and so is what a message is found by.
    run short -k book_id=b1 -b 4
    assert_line '["loans.lend",1,{"book_id":"b1","days":14}]'
    assert_line '["loans.lent",1,{"book_id":"b1","days":21}]'
}

@test "es-decide gives a stored command as its newest version" {
    app
    es-append -q -t loans.lend --id c1 book_id=b1 days=14
    weeks
    es-init app
    es-query --id c1 >command
    run --separate-stderr es-decide app/deciders/loans.jq command
    assert_success
    assert_output --partial '"payload":{"book_id":"b1","weeks":2}'
    # Its answer is the same whenever it is asked again.
    first=$output
    run --separate-stderr es-decide app/deciders/loans.jq command
    assert_success
    assert_output "$first"
    # What was appended before is repeated, version 1 or not.
    run --separate-stderr es-append -t loans.lend --id c1 book_id=b1 days=14
    assert_success
    assert_output --partial '"version":1,"payload":{"book_id":"b1","days":14}'
    # Its own version is not the one to append any more.
    run --separate-stderr es-append -t loans.lend book_id=b1 days=1
    assert_failure 1
    assert_error_line es-append 'days: no such attribute'
    run --separate-stderr es-append \
        <<<'{"type":"loans.lend","version":1,"payload":{}}'
    assert_failure 1
    assert_error_line es-append 'version: must be 2, not 1'
}

@test "--upcast prints them so, and nothing else is changed" {
    app
    es-append -q -t loans.lent --id m1 book_id=b1 days=14
    weeks
    es-init app
    es-append -q -t loans.lent book_id=b2 weeks=1
    es-append -q -t other.thing a=1
    run --separate-stderr es-query --upcast
    assert_success
    assert_stderr
    diff <(es-query | jq -c 'del(.version, .payload)') \
        <(printf '%s\n' "$output" | jq -c 'del(.version, .payload)')
    run short --upcast -t loans. -t other.
    assert_output - <<'END'
["loans.lent",2,{"book_id":"b1","weeks":2}]
["loans.lent",2,{"book_id":"b2","weeks":1}]
["other.thing",1,{"a":"1"}]
END
    run es-query --upcast --pretty --id m1
    assert_output --partial weeks
    # And so a history for a handler without a store.
    es-query --upcast -t loans. >history
    run es-decide app/deciders/loans.jq --given history --state \
        -p book_id=b1
    assert_output '{"weeks":2}'
}

@test "a chain: each version's step is known from then on, in copies too" {
    app
    es-append -q -t loans.lent book_id=b1 days=14
    weeks
    es-init app
    es-append -q -t loans.lent book_id=b1 weeks=3
    edit '."loans.lent" += {version: 3, upcast: ".span = {weeks} | del(.weeks)",
      payload: {book_id: "string", span: "object"}}'
    es-init app
    es-append -q -t loans.lent book_id=b1 'span:={"weeks":4}'
    cat >expected <<'END'
["loans.lent",3,{"book_id":"b1","span":{"weeks":2}}]
["loans.lent",3,{"book_id":"b1","span":{"weeks":3}}]
["loans.lent",3,{"book_id":"b1","span":{"weeks":4}}]
END
    short --upcast -t loans.lent | diff - expected
    es-query >all
    es-init -s import.db
    es-append -q -s import.db --import all
    short -s import.db --upcast -t loans.lent | diff - expected
    es-query -s import.db | cmp - all
    es-copy copy.db
    short -s copy.db --upcast -t loans.lent | diff - expected
    run --separate-stderr es-check
    assert_success
}

@test "a catalog may give all the steps itself, or some" {
    app
    es-append -q -t loans.lent book_id=b1 days=14
    edit '."loans.lent" += {version: 4, upcast: {"2": ".days *= 10",
      "3": ".days += 1", "4": "{d: .days}"}, payload: {d: "integer"}}'
    es-init app
    run short --upcast -t loans.lent
    assert_output '["loans.lent",4,{"d":141}]'
    # A step that is given again takes the place of what was known.
    edit '."loans.lent" += {version: 5, upcast: {"2": ".", "5": ".d += 1"}}'
    es-init app
    run short --upcast -t loans.lent
    assert_output '["loans.lent",5,{"d":16}]'
}

@test "without a step they stay as they are; es-init says so" {
    app
    es-append -q -t loans.lent book_id=b1 days=14
    edit '."loans.lent" += {version: 2, payload: {weeks: "integer"}}'
    run --separate-stderr es-init app
    assert_success
    refute_output
    assert_stderr 'es-init: app/messages.json: loans.lent: version 2 has no '\
'upcast: handlers are given older messages as they are'
    run short --upcast -t loans.lent
    assert_output '["loans.lent",1,{"book_id":"b1","days":14}]'
    # Once it is there it counts for what is stored.
    edit '."loans.lent".upcast = "{weeks: 1}"'
    run --separate-stderr es-init app
    assert_success
    assert_stderr
    run short --upcast -t loans.lent
    assert_output '["loans.lent",2,{"weeks":1}]'
}

@test "an upcast that fails is a fault of the one message" {
    app
    es-append -q -t loans.lent --id m1 book_id=b1 days=14
    weeks
    edit '."loans.lent".upcast = "if .book_id == \"b1\" then empty else . end"'
    es-init app
    es-append -q -t loans.lend --id c1 book_id=b1 weeks=1
    es-append -q -t loans.lend --id c2 book_id=b2 weeks=1
    run --separate-stderr es-react app/deciders/loans.jq
    assert_failure 1
    [[ $stderr == *'es-react: loans: app/deciders/loans.jq: upcast: loans.lent m1 at 2 (for loans.lend c1): to version 2: must give one object, not nothing: parked'* ]]
    run short -t loans.lent -k book_id=b2
    assert_output '["loans.lent",2,{"book_id":"b2","weeks":1}]'
    run --separate-stderr es-decide app/deciders/loans.jq --state \
        -p book_id=b1
    assert_failure 1
    assert_stderr 'es-decide: app/deciders/loans.jq: upcast: loans.lent m1 at 2: to version 2: must give one object, not nothing'
    run --separate-stderr es-query --upcast
    assert_failure 1
    assert_stderr 'es-query: es.db: upcast: loans.lent m1 at 2: to version 2: must give one object, not nothing'
    run --separate-stderr es-react app/reactors/tell
    assert_failure 1
    assert_error_line es-react \
        'tell: app/reactors/tell: upcast: loans.lent m1 at 2: to version 2: '
    run --separate-stderr es-project app/projectors/weeks.jq
    assert_failure 1
    assert_stderr 'es-project: app/projectors/weeks.jq: upcast: loans.lent m1 at 2: to version 2: must give one object, not nothing'
    # Mended, everything goes on.
    edit '."loans.lent".upcast = "{book_id, weeks: 2}"'
    es-init app
    es-group retry loans
    run --separate-stderr es-react app/deciders/loans.jq
    assert_success
    run --separate-stderr es-project app/projectors/weeks.jq
    assert_success
}

@test "what an upcast may not be" {
    app
    es-append -q -t loans.lent book_id=b1 days=14
    edit '."loans.lent".version = 2'
    for program in '., .' '.days' 'input' 'now' 'env' '[limit(9; repeat(1))]' \
        'error' 'def f: f; f' 'error(null)'; do
        edit '."loans.lent".upcast = '"$(jq -n --arg p "$program" '$p')"
        es-init app
        run --separate-stderr es-query --upcast
        assert_failure 1
        assert_error_line es-query 'upcast: loans.lent .* at 2: to version 2: '
    done
    edit '."loans.lent".upcast = ".a = (1"'
    run --separate-stderr es-init app
    assert_failure 1
    assert_error_line es-init \
        'app/messages.json: loans.lent: upcast to version 2:.* syntax error'
    # Of several errors the first is told.
    edit '."loans.lent".upcast = "{a:(1} | foo("'
    run --separate-stderr es-init app
    assert_failure 1
    assert_error_line es-init 'upcast to version 2:1: syntax error'
    refute_regex "$stderr" '.*version 2.*version 2'
    # A comment at its end is none of the program around it.
    edit '."loans.lent".upcast = "{book_id, days: 1} # days"'
    es-init app
    run short --upcast -t loans.lent
    assert_output '["loans.lent",2,{"book_id":"b1","days":1}]'
}

@test "what an upcast makes has to be what the catalog says" {
    app
    es-append -q -t loans.lent --id m1 book_id=b1 days=15
    es-append -q -t loans.lend --id c1 book_id=b1 days=15
    weeks
    es-init app
    fault='upcast: loans.lent m1 at 2: to version 2: weeks: must be an integer, not 2.14'
    run --separate-stderr es-query --upcast -t loans.lent
    assert_failure 1
    refute_output
    assert_error_line es-query "^es-query: es.db: $fault"
    run --separate-stderr es-decide app/deciders/loans.jq --state -p book_id=b1
    assert_failure 1
    assert_error_line es-decide "^es-decide: app/deciders/loans.jq: $fault"
    run --separate-stderr es-project app/projectors/weeks.jq
    assert_failure 1
    assert_error_line es-project "^es-project: app/projectors/weeks.jq: $fault"
    run --separate-stderr es-react app
    assert_failure 1
    assert_regex "$stderr" "note: app/reactors/note.jq: $fault"
    assert_regex "$stderr" "tell: app/reactors/tell: $fault"
    assert_regex "$stderr" 'loans: app/deciders/loans.jq: upcast: loans.lend c1 at 3: to version 2: weeks: must be an integer'
    while IFS='|' read -r program text; do
        edit ".\"loans.lent\".upcast = $(jq -n --arg p "$program" '$p')"
        es-init app
        run --separate-stderr es-query --upcast --id m1
        assert_failure 1
        assert_error_line es-query "m1 at 2: to version 2: $text\$"
    done <<'END'
{weeks: 1}|book_id: is missing
.|days: no such attribute
{book_id, weeks: null}|weeks: must be an integer, not null
END
    # What it leaves out has its default.
    edit '."loans.lent" += {upcast: "{book_id}", payload: {book_id: "string",
      weeks: {type: "integer", default: 7}}}'
    es-init app
    run short --upcast -t loans.lent
    assert_output '["loans.lent",2,{"book_id":"b1","weeks":7}]'
    # A version that the steps do not reach is nobody's to judge.
    edit '."loans.lent" += {version: 4, upcast: ".x = 1",
      payload: {book_id: "string"}}'
    es-init -q app
    run short --upcast -t loans.lent
    assert_output '["loans.lent",2,{"book_id":"b1"}]'
}

# An app whose decider is an executable, or a coprocess.
executable() {
    rm app/deciders/loans.jq
    cat >app/deciders/exec
    chmod +x app/deciders/exec
}

@test "an executable decides what was stored of an older version" {
    app
    executable <<'END'
#!/bin/sh
# es: decide loans.lend
# es: partition_by book_id
exec jq -c '{type: "loans.lent", payload: {book_id: .payload.book_id,
  weeks: (.payload.weeks + 10 * .version)}}'
END
    es-append -q -t loans.lend --id c1 book_id=b1 days=14
    es-append -q -t loans.lend --id c2 book_id=b2 days=7
    es-append -q -t loans.lend --id c3 book_id=b3 days=8
    weeks
    es-init app
    es-query --id c1 >command
    run --separate-stderr es-decide app/deciders/exec command
    assert_success
    assert_output --partial '"payload":{"book_id":"b1","weeks":22}'
    run --separate-stderr es-decide app/deciders/exec <<<"$(es-query --id c3)"
    assert_failure 1
    assert_error_line es-decide 'app/deciders/exec: upcast: loans.lend c3 at 4: to version 2: weeks: must be an integer'
    run --separate-stderr es-react app
    assert_failure 1
    assert_regex "$stderr" 'exec: app/deciders/exec: upcast: loans.lend c3 at 4: to version 2: weeks: must be an integer'
    run short -t loans.lent
    assert_output - <<'END'
["loans.lent",2,{"book_id":"b1","weeks":22}]
["loans.lent",2,{"book_id":"b2","weeks":21}]
END
}

@test "a coprocess decides what was stored of an older version" {
    app
    executable <<'END'
#!/bin/sh
# es: decide loans.lend
# es: stream
exec jq -c --unbuffered '{type: "loans.lent", payload: {book_id: .payload.book_id,
  weeks: (.payload.weeks + 10 * .version)}}, {done: .id}'
END
    es-append -q -t loans.lend --id c1 book_id=b1 days=14
    es-append -q -t loans.lend --id c2 book_id=b2 days=7
    weeks
    es-init app
    es-query --id c1 >command
    es-decide -q app/deciders/exec command
    es-react -q app
    run short -t loans.lent
    assert_output - <<'END'
["loans.lent",2,{"book_id":"b1","weeks":22}]
["loans.lent",2,{"book_id":"b2","weeks":21}]
END
}

@test "es-diff: commands and events as their newest versions" {
    app
    es-append -q -t loans.lent --id m1 book_id=b1 days=14
    es-append -q -t loans.lend --id c1 book_id=b1 days=14
    es-append -q -t loans.lend --id c2 book_id=b2 days=8
    weeks
    es-init app
    sed 's/weeks < 10/weeks < 2/' app/deciders/loans.jq >new.jq
    run --separate-stderr es-diff app/deciders/loans.jq new.jq -v
    assert_failure 4
    assert_output - <<'END'
--- app/deciders/loans.jq
+++ new.jq
@@ 3 loans.lend c1, read up to 3 @@
-loans.lent {"book_id":"b1","weeks":2}
+rejected: lent enough
END
    # c2 makes no whole weeks: that is no difference.
    assert_stderr 'es-diff: 2 commands replayed, 1 differ, 1 fail in both'
    # One that decides no such command has no fault.
    sed 's/"loans.lend"/"loans.other"/' app/deciders/loans.jq >other.jq
    run --separate-stderr es-diff app/deciders/loans.jq other.jq --id c2
    assert_failure 4
    assert_line --index 3 --partial '-fault: upcast: loans.lend c2 at 4: to version 2: weeks: must be an integer, not '
    assert_line --index 4 '+not decided'
}

@test "a catalog loaded meanwhile counts for who is running" {
    app
    es-append -q -t loans.lent book_id=b1 days=14
    mkfifo commands
    es-decide app/deciders/loans.jq <commands >answers 2>errors &
    es_started+=($!)
    exec 7>commands
    weeks
    es-init app
    echo '{"type":"loans.lend","payload":{"book_id":"b1","weeks":1}}' >&7
    within 10 test -s answers
    edit '."loans.lent" += {version: 3, upcast: ".weeks += 100"}'
    es-init app
    echo '{"type":"loans.lend","payload":{"book_id":"b1","weeks":1}}' >&7
    exec 7>&-
    wait "${es_started[0]}" || status=$?
    es_started=()
    [ "$status" -eq 4 ]
    grep -q 'rejected: lent enough' errors
    [ "$(wc -l <answers)" -eq 1 ]
}

@test "numbers that jq would change are refused, not changed" {
    app
    edit '."loans.noted".payload.note = "any"'
    es-append -q -t loans.noted --id m1 book_id=b1 note:=9007199254740993
    edit '."loans.noted" += {version: 2, upcast: "."}'
    es-init app
    run --separate-stderr es-query --upcast --id m1
    if [ "$status" -eq 0 ]; then
        assert_output --partial '"note":9007199254740993'
    else
        assert_error_line es-query 'm1 at 2: to version 2: .*beyond what jq keeps exactly'
    fi
    edit '."loans.noted".upcast = ".note |= 1"'
    es-init app
    run es-query --upcast --id m1
    assert_output --partial '"note":1'
}

@test "pages are given old messages as the newest version, too" {
    mkdir -p app/pages
    cat >app/pages/page.jq <<'END'
def about: {path: "/", on: ["p.said"], channel: "x"};
def initial: [];
def evolve($e): apply($e; "p.said"; . + [$e.version, $e.payload]);
def render($page): ["p", tojson];
END
    echo '{"p.said": {"payload": {"n": "integer"}}}' >app/messages.json
    es-init app
    es-append -q -t p.said n:=1
    echo '{"p.said": {"version": 2, "private": ["secret"], "upcast":
      "{m: (.n + 1), secret: .n}", "payload": {"m": "any", "secret": "any"}}}' \
        >app/messages.json
    es-init app
    es-serve -l 127.0.0.1:0 --no-react app >url 2>log &
    es_started+=($!)
    within 10 test -s url
    url=$(cat url)
    run curl -s "${url%%\?*}"
    assert_output --partial '<p>[2,{&quot;m&quot;:2}]</p>'
}

@test "what was private in an earlier version stays so" {
    mkdir app
    echo '{"p.said": {"private": ["mail"], "payload": {"mail": "string",
      "x": "any?"}}}' >app/messages.json
    es-init -m app/messages.json
    es-append -q -t p.said mail=secret x=1
    echo '{"p.said": {"version": 2, "private": ["post"], "upcast":
      ".post = .mail | del(.mail)", "payload": {"post": "string",
      "x": "any?"}}}' >app/messages.json
    es-init -m app/messages.json
    run es-query -t es.catalog_loaded --tail 1
    assert_output --partial '"earlier":{"p.said":{"private":["mail"]}}'
}

@test "--strict holds for what handlers make" {
    app
    cat >app/reactors/note.jq <<'END'
def about: {partition_by: ["book_id"]};
def react($e): on($e; "loans.lent"; event("loans.forgotten"; $e.payload));
END
    cat >app/deciders/loans.jq <<'END'
def about: {partition_by: ["book_id"]};
def decide($c): on($c; "loans.lend";
    event("loans.other"; {book_id: $c.payload.book_id}));
END
    es-append -q -t loans.lent --id m1 book_id=b1 days=14
    run --separate-stderr es-react --strict app/reactors/note.jq
    assert_failure 1
    assert_error_line es-react 'note.jq: .*type: loans.forgotten is not in the catalog: parked'
    run --separate-stderr es-decide --strict app/deciders/loans.jq \
        -t loans.lend book_id=b1 days=1
    assert_failure 1
    assert_error_line es-decide 'type: loans.other is not in the catalog'
    run es-query --count -a 2
    assert_output 1
    es-decide app/deciders/loans.jq -t loans.lend book_id=b1 days=1
    : >none
    run --separate-stderr es-decide --strict app/deciders/loans.jq \
        --given none --id c1 -t loans.lend book_id=b1 days=1
    assert_failure 1
    assert_stderr 'es-decide: app/deciders/loans.jq: decide: loans.lend c1: output 1: type: loans.other is not in the catalog'
    cp app/deciders/loans.jq .
    run --separate-stderr es-decide --strict loans.jq \
        --given none -t loans.lend book_id=b1
    assert_failure 2
    assert_error_line es-decide '--strict: with --given there is no catalog but'
}
