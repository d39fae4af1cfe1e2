#!/usr/bin/env bats
#
# Faults of jq handlers at run time: each is told with its place, that is file,
# operation, type, id and, of what is stored, position.
#
# shellcheck disable=SC2016 # jq has variables

load helper

setup() {
    es_setup
    cat >h.jq <<'END'
def about: {partition_by: ["k"]};
def initial: if .k == "bad" then error("no state") else {n: 0} end;
def evolve($e):
    apply($e; "e.ok"; .n += 1)
  | apply($e; "e.error"; error("boom"))
  | apply($e; "e.type"; .n + "x")
  | apply($e; "e.null"; error(null))
  | apply($e; "e.none"; empty)
  | apply($e; "e.two"; ., .);
def made:
    if . == "error" then error("boom")
    elif . == "type" then 1 + "x"
    elif . == "object" then error({a: 1})
    elif . == "shape" then event("e.ok"; {}), {a: 1}
    elif . == "text" then "x"
    elif . == "payload" then event("e.ok"; {}), event("e.ok"; {}), event("e.ok"; [1])
    elif . == "notype" then event(7; {})
    elif . == "badtype" then event("a..b"; {})
    elif . == "own" then event("es.x"; {})
    elif . == "meta" then event("e.ok"; {}) | meta(3)
    elif . == "number" then event("e.ok"; {n: [1, 9007199254740992]})
    elif . == "inside" then event("e.ok"; {x: event("e.ok"; {})})
    else event("e.ok"; {k: "z"}) end;
def decide($c):
    on($c; "c."; ($c.type | ltrimstr("c.")) as $what
      | if $what == "reason" then reject(3)
        elif $what == "require" then require(1; "x")
        elif $what == "command" then command("c.ok"; {}) else $what | made end);
def react($e):
    on($e; "r."; ($e.type | ltrimstr("r.")) as $what
      | if $what == "reject" then reject("no") else $what | made end);
END
    es-init
}

# What each of made's gives, as WHAT|TEXT.
outputs() {
    cat <<'END'
error|boom
type|number (1) and string ("x") cannot be added
object|{"a":1}
shape|output 2: event() or command() did not make it: {"a":1}
text|output 1: event() or command() did not make it: "x"
payload|output 3: the payload is not an object but array: [1]
notype|output 1: its type is not a string: 7
badtype|output 1: type: "a..b" is not of the form area.name (A-Z a-z 0-9 _ : - and dots between)
own|output 1: es.x: only es itself makes "es." types
meta|meta: takes an object, not number
inside|output 1: the payload holds what event(), command() or reject() made: those are outputs of their own
number|output 1: the payload: n[1]: 9007199254740992 is beyond what jq keeps exactly (2^53-1): make it a string
END
}

# What evolve may do wrong, in the same way.
states() {
    cat <<'END'
error|boom
type|number (0) and string ("x") cannot be added
null|null
none|gave no state
two|gave 2 states, not one
END
}

@test "decide" {
    {
        outputs
        cat <<'END'
reason|reject: the reason must be one string that is not empty
require|require: the condition must give true or false, once; it gave 1
command|output 1: a command: only react makes commands
END
    } >wrong
    while IFS='|' read -r what text; do
        run --separate-stderr es-decide h.jq -t "c.$what" --id i1 k=a
        assert_failure 1
        refute_output
        assert_stderr "es-decide: h.jq: decide: c.$what i1: $text"
    done <wrong
    # What is stored has a position.
    es-append -q -t c.error --kind command --id i2 k=a
    es-query --id i2 >stored
    run --separate-stderr es-decide h.jq stored
    assert_failure 1
    assert_stderr "es-decide: h.jq: decide: c.error i2 at 1: boom"
    assert_equal "$(es-query --count)" 1
}

@test "evolve, for a decision and for a state" {
    position=0
    while IFS='|' read -r what text; do
        es-append -q -t "e.$what" --id "e-$what" k="$what"
        position=$((position + 1))
        place="h.jq: evolve: e.$what e-$what at $position"
        run --separate-stderr es-decide h.jq -t c.ok --id i1 k="$what"
        assert_failure 1
        assert_stderr "es-decide: $place (for c.ok i1): $text"
        run --separate-stderr es-decide h.jq --state -p k="$what"
        assert_failure 1
        assert_stderr "es-decide: $place: $text"
    done < <(states)
    run --separate-stderr es-project h.jq
    assert_failure 1
    assert_stderr 'es-project: h.jq: evolve: e.error e-error at 1: boom'
}

@test "initial" {
    run --separate-stderr es-decide h.jq -t c.ok --id i1 k=bad
    assert_failure 1
    assert_stderr "es-decide: h.jq: initial: c.ok i1: no state"
    run --separate-stderr es-decide h.jq --state -p k=bad
    assert_failure 1
    assert_stderr "es-decide: h.jq: initial: no state"
    es-append -q -t e.ok --id e1 k=bad
    run --separate-stderr es-project h.jq
    assert_failure 1
    assert_stderr "es-project: h.jq: initial: e.ok e1 at 1: no state"
    es-append -q -t r.ok --id r1 k=bad
    run --separate-stderr es-react --from start h.jq
    assert_failure 1
    assert_regex "$stderr" 'h: h.jq: initial: r.ok r1 at 2: no state: parked'
}

@test "react, and what deciders and states do in es-react" {
    {
        outputs | sed 's/^/react|r./'
        echo 'react|r.reject|reject() and require() are for decide: no'
        outputs | sed 's/^/decide|c./'
    } >wrong
    n=0
    while IFS='|' read -r operation type text; do
        kind=event
        [ "$operation" = react ] || kind="command"
        n=$((n + 1))
        es-append -q -t "$type" --kind "$kind" --id "i$n" k="$n"
        printf 'es-react: h: h.jq: %s: %s i%s at %s: %s: parked after 1 try; see es-group show h\n' \
            "$operation" "$type" "$n" "$n" "$text"
    done <wrong >expected
    while IFS='|' read -r what text; do
        es-append -q -t "e.$what" --id "e-$what" k="$what"
        es-append -q -t r.ok --id "r-$what" k="$what"
        n=$((n + 2))
        printf 'es-react: h: h.jq: evolve: e.%s e-%s at %s (for r.ok r-%s): %s: parked after 1 try; see es-group show h\n' \
            "$what" "$what" $((n - 1)) "$what" "$text"
    done < <(states) >>expected
    run --separate-stderr es-react --from start h.jq
    assert_failure 1
    grep ': parked' <<<"$stderr" | sort | diff - <(sort expected)
}

@test "what the catalog refuses" {
    cat >messages.json <<'END'
{"c.fine": {"kind": "command"}, "r.fine": {},
 "e.ok": {"payload": {"k": "string", "n": "integer"}}}
END
    es-init -m messages.json
    es-append -q -t r.fine --id r1 k=a
    run --separate-stderr es-decide h.jq -t c.fine --id c1 k=a
    assert_failure 1
    assert_stderr 'es-decide: h.jq: decide: c.fine c1: output 1: e.ok: n: is missing'
    run --separate-stderr es-react --from start h.jq
    assert_failure 1
    assert_regex "$stderr" 'h: h.jq: react: r.fine r1 at 2: output 1: e.ok: n: is missing: parked'
}

@test "a deadline, a value that is nested too deeply" {
    cat >slow.jq <<'END'
def about: {deadline: "200ms"};
def evolve($e): apply($e; "e.slow"; last(range(infinite)));
def decide($c):
    on($c; "c.slow"; last(range(infinite))),
    on($c; "c.deep"; event("e.ok"; {d: (reduce range(200) as $i (0; [.]))}));
END
    run --separate-stderr es-decide slow.jq -t c.slow --id i1
    assert_failure 1
    assert_error_line es-decide '^es-decide: slow.jq: decide: c.slow i1: no answer after 200 ms'
    run --separate-stderr es-decide slow.jq -t c.deep --id i1
    assert_failure 1
    assert_error_line es-decide '^es-decide: slow.jq: decide: c.deep i1: output 1: the payload is nested more than 127 deep'
    es-append -q -t e.slow --id e1
    run --separate-stderr es-decide slow.jq -t c.slow --id i1
    assert_failure 1
    assert_error_line es-decide '^es-decide: slow.jq: evolve: e.slow e1 at 1 \(for c.slow i1\): no answer after 200 ms'
    run --separate-stderr es-project slow.jq
    assert_failure 1
    assert_error_line es-project '^es-project: slow.jq: evolve: e.slow e1 at 1: no answer after 200 ms'
}

@test "numbers of the message that jq does not keep are refused where they are copied" {
    cat >copy.jq <<'END'
def decide($c):
    on($c; "c.part"; event("e.ok"; {n: $c.payload.n})),
    on($c; "c.whole"; event("e.ok"; $c.payload));
END
    for n in 100000000000000000001 9007199254740993 0.1234567890123456789 \
        1e-400; do
        run --separate-stderr es-decide -q copy.jq -t c.part --id i1 n:="$n"
        assert_failure 1
        assert_regex "$stderr" "decide: c.part i1: output 1: the payload: n: .*make it a string\$"
        run es-decide copy.jq -t c.whole n:="$n"
        assert_success
        assert_output --partial "\"payload\":{\"n\":$n}"
    done
    for n in 1.0 1e2 0.5 -3; do
        run --separate-stderr es-decide copy.jq -t c.part n:="$n"
        assert_success
        assert_stderr
        jq -e --argjson a "$n" '.payload.n == $a' <<<"$output"
    done
}
