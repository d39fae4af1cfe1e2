#!/usr/bin/env bats
#
# --check of es-decide, es-project and es-react, and about.handles: what is
# wrong with a handler is found, with its place, before it runs.
#
# shellcheck disable=SC2016,SC2030,SC2031 # jq has variables; run's are a test's

load helper

setup() {
    es_setup
    mkdir -p app/deciders app/reactors app/projectors
    cat >app/messages.json <<'END'
{
 "loans.lend": {"kind": "command", "payload": {"book": "string"}},
 "loans.give_back": {"kind": "command", "payload": {"book": "string"}},
 "loans.lent": {"kind": "event", "payload": {"book": "string", "to": "string?"}},
 "loans.returned": {"kind": "event",
   "payload": {"book": "string", "late": {"type": "boolean", "default": false}}}
}
END
    cat >app/deciders/loans.jq <<'END'
def about: {partition_by: ["book"]};
def evolve($e): apply($e; "loans.lent"; "lent") | apply($e; "loans.returned"; null);
def decide($c):
    on($c; "loans.lend"; event("loans.lent"; {book: $c.payload.book})),
    on($c; "loans.give_back"; event("loans.returned"; {book: $c.payload.book}));
END
}

# finds TEXT...: exit 1, and exactly these lines on standard error.
finds() {
    assert_failure 1
    refute_output
    assert_stderr "$(printf '%s\n' "$@")"
}

warns() {
    assert_success
    refute_output
    assert_stderr "$(printf '%s\n' "$@")"
}

decider() {
    cat >app/deciders/loans.jq
    run --separate-stderr es-decide --check app/deciders/loans.jq
}

@test "nothing is wrong: nothing is said, no store is needed, nothing runs" {
    run --separate-stderr es-decide --check app/deciders/loans.jq
    assert_success
    refute_output
    assert_stderr
    run --separate-stderr es-react --check app
    assert_success
    refute_output
    assert_stderr
    run --separate-stderr es-project --check app/deciders/loans.jq
    assert_success
    assert_stderr
    assert_not_exist es.db
    assert_equal "$(find . -name 'es.db*')" ''
}

@test "the apps that come with it have nothing wrong" {
    for app in "$ES_TOP"/share/es/apps/* "$ES_TOP/share/es/new"; do
        run --separate-stderr es-react --check "$app"
        assert_success
        assert_stderr
    done
}

@test "all that does not compile is told, a line each, with the user's lines" {
    cat >h.jq <<'END'
def x: foo;

def decide($c): on($c; "a"; bar | baz(1));
def unused: nope;
END
    run --separate-stderr es-decide --check h.jq
    finds 'h.jq:1: foo/0 is not defined' 'h.jq:3: bar/0 is not defined' \
        'h.jq:3: baz/1 is not defined' 'h.jq:4: nope/0 is not defined'
    echo 'def decide($c): on($c; "a"; .' >h.jq
    run --separate-stderr es-decide --check h.jq
    assert_failure 1
    [[ $stderr == h.jq:1:\ * ]]
}

@test "all that cannot be read is told, a line each" {
    cat >h.jq <<'END'
def event(x): x;
def evolve($e):
    apply($e; "a"; 1), apply($e; "b"; 2);
def helper($c; $t): on($c; $t; now);
def decide($c):
    on($c; "c"; input)
  | on($c; "d"; helper($c; "d")), $ENV.x;
def decide($c): on($c; "f"; .);
def react(e): on(e; "a"; .);
END
    run --separate-stderr es-decide --check h.jq
    finds \
        'h.jq:1: event is a helper that es gives: call your own definition by another name' \
        'h.jq:3: apply(…), apply(…) gives two states, not one; write apply(…) | apply(…)' \
        'h.jq:4: now: a handler has no clock; use a message'\''s stored_at' \
        'h.jq:4: the types of on() and apply() are read from the source: write them as literal strings, separated by commas' \
        'h.jq:6: input: a handler is given its messages one by one' \
        'h.jq:7: $ENV: a handler has no environment' \
        'h.jq:7: on(…) | on(…): the second is given what the first gives, and nothing when the type is another one; write on(…), on(…)' \
        'h.jq:8: decide is defined twice' \
        'h.jq:9: react is defined with these parameters: def react($e): …;'
    # The program that runs it says the same.
    run --separate-stderr es-decide --given /dev/null h.jq -t c
    assert_failure 1
    assert_equal "$(grep -c '^es-decide: h.jq:[0-9]: ' <<<"$stderr")" 9
    # Up to where its form ends.
    printf '%s\n' 'def at: 1;' 'def decide($c): if . then 1;' 'def evolve(e): .;' >h.jq
    run --separate-stderr es-decide --check h.jq
    assert_failure 1
    assert_equal "$(cut -d: -f-2 <<<"$stderr" | xargs)" 'h.jq:1 h.jq:2'
    # What names no type, of each.
    printf '%s\n' 'def decide($c): .;' 'def evolve($e): .;' >h.jq
    run --separate-stderr es-decide --check h.jq
    finds \
        'h.jq:1: decide names no type, so it would never be called: write on($m; "area.name"; …)' \
        'h.jq:2: evolve names no type, so it would never be called: write apply($e; "area.name"; …)'
}

@test "types that the catalog lacks, or has as another kind" {
    decider <<'END'
def about: {partition_by: ["book"]};
def evolve($e):
    apply($e; "loans.lennt"; 1)
  | apply($e; "loan."; 2);
def decide($c):
    on($c; "loans.lent"; event("loans.lend"; {book: 1})),
    on($c; "loans.lend"; event("loans.lost"; {book: 1}));
END
    finds \
        'app/deciders/loans.jq:3: loans.lennt: app/messages.json has no such type' \
        'app/deciders/loans.jq:4: loan.: app/messages.json has no type that begins so' \
        'app/deciders/loans.jq:6: loans.lend: is made as an event, but is a command in app/messages.json' \
        'app/deciders/loans.jq:6: loans.lent: is decided, but is an event in app/messages.json' \
        'app/deciders/loans.jq:7: loans.lost: app/messages.json has no such type'
}

@test "attributes of a literal payload: those that lack, those that are not declared" {
    decider <<'END'
def evolve($e): apply($e; "loans."; .);
def decide($c):
    on($c; "loans.lend";
        event("loans.lent"; {to: "m"}),
        event("loans.lent"; {book: "b", "boook": 1}),
        event("loans.lent"; {book: "b", ($c.x): 1}),
        event("loans.lent"; {($c.x): 1, shelf: 2}),
        event("loans.lent"; $c.payload),
        event("loans.returned"; {book: {a: 1}}));
END
    finds \
        'app/deciders/loans.jq:4: loans.lent: book: is missing' \
        'app/deciders/loans.jq:5: loans.lent: boook: no such attribute' \
        'app/deciders/loans.jq:7: loans.lent: shelf: no such attribute'
}

@test "warnings leave the exit status 0, and -q leaves them out" {
    cat >h.jq <<'END'
def evolve($e): apply($e; "a"; .);
def decide($c): on($c; "c"; event("a"; {}), event("b"; {}), event($c.x; {}));
END
    run --separate-stderr es-decide --check h.jq
    warns 'h.jq:2: warning: b: nothing here evolves it or reacts to it' \
        "h.jq:2: warning: the event's type is computed: what is made here is not known"
    run --separate-stderr es-decide --check -q h.jq
    assert_success
    assert_stderr
}

@test "an app: events that nobody evolves, commands that nobody decides" {
    cat >app/deciders/loans.jq <<'END'
def evolve($e): apply($e; "loans.lent"; .);
def decide($c): on($c; "loans.lend"; event("loans.lent", "loans.returned"; {book: "b"}));
END
    cat >app/reactors/r.jq <<'END'
def react($e): on($e; "loans.lent"; command("loans.give_back"; {book: "b"}));
END
    run --separate-stderr es-react --check app
    warns \
        'app/deciders/loans.jq:2: warning: loans.returned: nothing in the app evolves it or reacts to it' \
        'app/reactors/r.jq:1: warning: loans.give_back: nothing in the app decides it' \
        'app/messages.json:3: warning: loans.give_back: nothing in the app decides it'
}

@test "an app: what only a page shows is evolved" {
    mkdir app/pages
    cat >app/deciders/loans.jq <<'END'
def evolve($e): apply($e; "loans.lent"; .);
def decide($c): on($c; "loans.lend", "loans.give_back"; event("loans.returned"; {book: "b"}));
END
    cat >app/pages/p.jq <<'END'
def about: {path: "/"};
def evolve($e): apply($e; "loans.ret"; .);
def render($page): ["p"];
END
    run --separate-stderr es-react --check app
    warns 'app/deciders/loans.jq:2: warning: loans.returned: nothing in the app evolves it or reacts to it'
    sed -i 's/loans.ret"/loans.returned"/' app/pages/p.jq
    run --separate-stderr es-react --check app
    assert_success
    assert_stderr
    echo 'def render($page): ["p"' >app/pages/p.jq
    run --separate-stderr es-react --check app
    assert_failure 1
    [[ $stderr == app/pages/p.jq:1:\ * ]]
}

@test "an app: every file is looked at, two deciders of one type are none" {
    echo 'def react($e): on($e; "loans.lent"; oops);' >app/reactors/a.jq
    echo 'def react($e): on($e; $e.type; .);' >app/reactors/b.jq
    echo 'def evolve(e): .;' >app/projectors/c.jq
    cp app/deciders/loans.jq app/deciders/more.jq
    run --separate-stderr es-react --check app
    assert_failure 1
    refute_output
    [[ $stderr == *'app/reactors/a.jq:1: oops/0 is not defined'* ]]
    [[ $stderr == *'app/reactors/b.jq:1: the types of on() and apply() are read'* ]]
    [[ $stderr == *'app/projectors/c.jq:1: evolve is defined with these parameters'* ]]
    [[ $stderr == *'app/deciders/more.jq: decides loans.give_back, as app/deciders/loans.jq does'* ]]
    assert_equal "$(sort <<<"$stderr" | uniq -d)" ''
}

@test "a catalog that is wrong, a type that an executable is given" {
    printf '#!/bin/sh\n# es: on loans.gone\n' >app/reactors/x
    chmod +x app/reactors/x
    run --separate-stderr es-react --check app
    finds 'app/reactors/x: loans.gone: app/messages.json has no such type'
    printf '#!/bin/sh\n# es: decide loans.go\n' >app/deciders/x
    chmod +x app/deciders/x
    rm app/reactors/x
    run --separate-stderr es-react --check app
    finds 'app/deciders/x: loans.go: app/messages.json has no such type'
    echo '{' >app/messages.json
    run --separate-stderr es-react --check app
    assert_failure 1
    [[ $stderr == app/messages.json:* ]]
}

@test "a handler of another kind, a file that is not there, a flag too many" {
    echo 'def react($e): on($e; "a"; empty);' >r.jq
    run --separate-stderr es-decide --check r.jq
    finds 'r.jq:1: there is no "def decide($c):"'
    run --separate-stderr es-project --check r.jq
    finds 'r.jq:1: there is no "def evolve($e):"'
    run --separate-stderr es-decide --check none.jq
    finds 'none.jq: No such file or directory'
    run --separate-stderr es-decide --check r.jq -t a
    assert_failure 2
    assert_error_line es-decide '--check: takes a HANDLER and nothing else'
    run --separate-stderr es-project --check --print r.jq
    assert_failure 2
    assert_error_line es-project '--check: takes a HANDLER and nothing else'
}

@test "about is run, and what it says wrongly is found at its line" {
    printf '\n\ndef about: {partition: []};\ndef decide($c): on($c; "a"; .);\n' >h.jq
    run --separate-stderr es-decide --check h.jq
    finds 'h.jq:3: about: partition: no such field (name, partition_by, reads, handles, deadline, retries, backoff)'
}

@test "-m: another catalog; -s: the one that a store has loaded" {
    cat >m.json <<'END'
{"loans.lend": {"kind": "command", "payload": {"book": "string"}},
 "loans.give_back": {"kind": "command", "payload": {"book": "string"}},
 "loans.lent": {"payload": {"book": "string", "to": "string"}}}
END
    wrong() {
        cat <<END
app/deciders/loans.jq:2: loans.returned: $1 has no such type
app/deciders/loans.jq:4: loans.lent: to: is missing
app/deciders/loans.jq:5: loans.returned: $1 has no such type
END
    }
    run --separate-stderr es-decide --check -m m.json app/deciders/loans.jq
    finds "$(wrong m.json)"
    run --separate-stderr es-react --check app --catalog m.json
    finds "$(wrong m.json)"
    run --separate-stderr es-project --check -m m.json app/deciders/loans.jq
    finds "$(wrong m.json)"
    es-init -s other.db -m m.json
    run --separate-stderr es-decide --check -s other.db app/deciders/loans.jq
    finds "$(wrong 'the catalog of other.db')"
    run --separate-stderr es-react --check -s other.db app
    finds "$(wrong 'the catalog of other.db')"
    # Only when it is asked for.
    export ES_STORE=other.db
    run --separate-stderr es-decide --check app/deciders/loans.jq
    assert_success
    # For a file that stands in no app.
    cp app/deciders/loans.jq .
    run --separate-stderr es-decide --check loans.jq
    assert_success
    run --separate-stderr es-decide --check -m app/messages.json loans.jq
    assert_success
    assert_stderr
    run --separate-stderr es-decide --check -m m.json loans.jq
    finds "$(wrong m.json | sed 's,^app/deciders/,,')"
    # A store without a catalog says nothing.
    es-init -s empty.db
    run --separate-stderr es-decide --check -s empty.db app/deciders/loans.jq
    assert_success
    assert_stderr
}

@test "-m and -s: what they cannot be" {
    run --separate-stderr es-decide --check -m none.json app/deciders/loans.jq
    assert_failure 1
    assert_error_line es-decide '^es-decide: none.json: No such file'
    echo '{' >bad.json
    run --separate-stderr es-react --check -m bad.json app
    assert_failure 1
    assert_error_line es-react '^es-react: bad.json:2: '
    run --separate-stderr es-decide --check -s none.db app/deciders/loans.jq
    assert_failure 1
    assert_error_line es-decide 'none.db: .*es-init'
    run --separate-stderr es-decide --check -s es.db -m bad.json loans.jq
    assert_failure 2
    assert_error_line es-decide '^es-decide: -m: goes not with -s'
    for program in es-decide es-project es-react; do
        run --separate-stderr "$program" -m bad.json app/deciders/loans.jq
        assert_failure 2
        assert_error_line "$program" '^[a-z-]*: -m: only with --check'
    done
}

@test "a command that cannot carry what its decider is partitioned by" {
    sed -i '3s/"payload"/"keys": [], "payload"/' app/messages.json
    sed -i 's/"book"\]/"book", "shelf"]/' app/deciders/loans.jq
    run --separate-stderr es-decide --check app/deciders/loans.jq
    warns 'app/deciders/loans.jq:1: warning: loans.give_back: is partitioned by book, which no attribute gives it in app/messages.json' \
        'app/deciders/loans.jq:1: warning: loans.give_back: is partitioned by shelf, which no attribute gives it in app/messages.json' \
        'app/deciders/loans.jq:1: warning: loans.lend: is partitioned by shelf, which no attribute gives it in app/messages.json'
}

# ---- about.handles ----

@test "about.handles says what cannot be read" {
    cat >h.jq <<'END'
def about: {handles: {decide: ["a.", "b"]}};
def types: "a.x", "b";
def evolve($e): apply($e; "done"; . + 1);
def decide($c): on($c; types; event("done"; {n: .}));
END
    for type in a.x b; do
        run --separate-stderr es-decide h.jq --given /dev/null -t "$type"
        assert_success
        assert_equal "$(jq -r .type <<<"$output")" "done"
    done
    run --separate-stderr es-decide h.jq --given /dev/null -t c
    assert_failure 1
    assert_error_line es-decide 'c is not decided by h.jq, which decides a\., b'
}

@test "about.handles as a list, where there is one definition" {
    cat >h.jq <<'END'
def about: {handles: ["a"]};
def decide($c): if $c.type == "a" then event("b"; {}) else empty end;
END
    run --separate-stderr es-decide h.jq --given /dev/null -t a
    assert_success
    assert_equal "$(jq -r .type <<<"$output")" b
}

@test "what about.handles does not say is refused, with its line" {
    cat >h.jq <<'END'
def about: {handles: {decide: ["a"]}};
def evolve($e):
    apply($e; $e.type; .);
def decide($c): on($c; .x; empty);
END
    run --separate-stderr es-decide h.jq --given /dev/null -t a
    assert_failure 1
    refute_output
    assert_error_line es-decide '^es-decide: h.jq:3: the types of on.* \(about.handles does not say it: evolve\)$'
}

@test "what about.handles says of evolve is what is read" {
    cat >h.jq <<'END'
def about: {partition_by: ["k"], handles: {evolve: ["in.two"]}};
def evolve($e): apply($e; "in.one", "in.two"; . + 1);
def decide($c): on($c; "a"; event("n"; {n: .}));
END
    es-init
    es-append -q -t in.one k=1
    es-append -q -t in.two k=1
    run --separate-stderr es-decide h.jq --state -p k=1
    assert_output 1
}
