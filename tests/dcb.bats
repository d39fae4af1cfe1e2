#!/usr/bin/env bats
#
# The specification of Dynamic Consistency Boundaries, rule by rule, by what
# the programs do: https://dcb.events/specification/
#
# Its read(query, options) is es-query; its append(events, condition) is
# es-append with --unless (failIfEventsMatch, and -a for after) or --guard.

load helper

setup() {
    es_setup
    es-init
}

# read IDS [FLAGS]...: reading gives these, in this order.
read_gives() {
    local ids=$1
    shift
    run --separate-stderr es-query "$@"
    assert_success
    assert_stderr
    assert_equal "$(ids <<<"$output")" "${ids:+$ids }"
}

stored() {
    assert_equal "$(es-query | ids)" "${1:+$1 }"
}

condition_failed() {
    assert_failure 3
    refute_output
    assert_error_line es-append 'append condition not met'
}

# Every type with every set of three tags: EventType2-13 has tag1 and tag3.
all_kinds() {
    local type tags list
    for type in 1 2 3 4; do
        for tags in '' 1 2 3 12 13 23 123; do
            list=$(sed 's/./"tag&",/g; s/,$//' <<<"$tags")
            echo "{\"id\":\"EventType$type-$tags\",\"type\":\"EventType$type\",\"tags\":[$list]}"
        done
    done | es-append -q
}

@test "event: a type, opaque data, a set of tags" {
    run --separate-stderr es-append <<'END'
{"type":"course.defined","tags":["course:c1","red"],"payload":{ "n": 1.50, "x":[null,{}]}}
END
    assert_success
    assert_equal "$(jq -r .type <<<"$output")" course.defined
    assert_equal "$(jq -c .tags <<<"$output")" '["course:c1","red"]'
    # Not a byte of the data is another one.
    [[ $output == *'"payload":{ "n": 1.50, "x":[null,{}]}'* ]]
    # A tag has no meaning beyond being equal, and may be of any form.
    es-append -q -t a -g 'a tag: with="anything"/é'
    assert_equal "$(es-query --count -g 'a tag: with="anything"/é')" 1
    assert_equal "$(es-query --count -g 'a tag')" 0
    # One that stands there twice is one.
    es-append -q --id twice -t b -g same -g same
    assert_equal "$(es-query --count -g same)" 1
    # None at all is fine.
    es-append -q -t b
}

@test "sequenced event: its position is unique and only grows" {
    for ((n = 0; n < 100; n++)); do echo '{"type":"a"}'; done >many
    for ((n = 0; n < 4; n++)); do
        start "$n" es-append many
    done
    for ((n = 0; n < 4; n++)); do
        finish 30 "${es_started[n]}"
        assert_equal "$status" 0
    done
    jq -e -s 'map(.position) | sort == [range(1; 401)]' ./[0-3].out
    jq -e -s 'map(.position) == [range(1; 401)]' <(es-query)
}

@test "read: a query of no item is all events" {
    all_kinds
    assert_equal "$(es-query --count)" 32
    echo '{}' >q
    assert_equal "$(es-query --count q)" 32
}

@test "query item: types are an OR" {
    all_kinds
    es-query -t EventType1 -t EventType3 >got
    assert_equal "$(jq -r .type got | sort | uniq -c | tr -s ' ' | tr '\n' ';')" \
        ' 8 EventType1; 8 EventType3;'
}

@test "query item: tags are an AND" {
    all_kinds
    read_gives 'EventType1-12 EventType1-123 EventType2-12 EventType2-123 EventType3-12 EventType3-123 EventType4-12 EventType4-123' \
        -g tag1 -g tag2
    read_gives '' -g tag1 -g tag4
}

@test "query item: types and tags are an AND" {
    all_kinds
    read_gives 'EventType2-13 EventType2-123 EventType3-13 EventType3-123' \
        -t EventType2 -t EventType3 -g tag1 -g tag3
}

@test "query: items are an OR, and an event of several comes once" {
    all_kinds
    cat >q <<'END'
{"items":[{"types":["EventType1","EventType2"]}, {"tags":["tag1","tag2"]},
 {"types":["EventType2","EventType3"],"tags":["tag1","tag3"]}]}
END
    es-query q >got
    es-query | jq -c 'def tag($t): .tags // [] | index($t);
        select((.type | IN("EventType1", "EventType2"))
            or (tag("tag1") and tag("tag2"))
            or ((.type | IN("EventType2", "EventType3"))
                and tag("tag1") and tag("tag3")))' >wanted
    assert_equal "$(jq -r .id got)" "$(jq -r .id wanted)"
    assert_equal "$(wc -l <got)" 21
    es-query -t EventType1 -t EventType2 -o -g tag1 -g tag2 \
        -o -t EventType2 -t EventType3 -g tag1 -g tag3 | cmp got -
}

@test "query: an item without any constraint is an error" {
    run --separate-stderr es-query - <<<'{"items":[{}]}'
    assert_failure 2
    refute_output
}

@test "read: from a position, with a limit, backwards" {
    for ((n = 1; n <= 9; n++)); do es-append -q --id "e$n" -t "t$((n % 2))"; done
    read_gives 'e7 e8 e9' -a 6
    read_gives 'e7 e9' -a 6 -t t1
    read_gives 'e2 e4' -t t0 -n 2
    read_gives 'e6 e8' -t t0 -n 2 -a 5
    read_gives 'e9 e8 e7' -r -n 3
    read_gives 'e4 e2' -r -t t0 -b 6
    read_gives '' -a 9
}

@test "append: several events are stored together, or none" {
    printf '{"type":"a","id":"one"}\n{"type":"a","id":"two"}\n' | es-append -q
    stored 'one two'
    printf '{"type":"a","id":"three"}\n{"type":"a b"}\n' >bad
    run --separate-stderr es-append bad
    assert_failure 1
    stored 'one two'
    printf '{"type":"b","id":"four"}\n{"type":"b","id":"five"}\n' >batch
    run --separate-stderr es-append batch --unless -t a
    condition_failed
    stored 'one two'
    run --separate-stderr es-append -q batch --unless -t c
    assert_success
    stored 'one two four five'
}

@test "append: what is stored together is seen together" {
    start watch bash -c 'for ((n = 0; n < 40; n++)); do es-query --count; done'
    for ((n = 0; n < 20; n++)); do
        printf '%s\n' '{"type":"a"}' '{"type":"a"}' '{"type":"a"}' |
            es-append -q
    done
    finish 30 "$pid"
    assert_equal "$status" 0
    run awk '$1 % 3' watch.out
    refute_output
}

@test "append without a condition never fails for what others have stored" {
    es-append -q -t a -g x
    run --separate-stderr es-append -q -t a -g x
    assert_success
}

@test "append condition: fails if events match; all of the log without after" {
    es-append -q --id one -t course.defined -g course:c1
    run --separate-stderr es-append -t course.defined -g course:c1 \
        --unless -t course.defined -g course:c1
    condition_failed
    stored one
    # What matches part of an item only does not match.
    es-append -q --id two -t course.defined -g course:c2 \
        --unless -t course.defined -g course:c2
    es-append -q --id three -t course.closed -g course:c1 \
        --unless -t course.closed -g course:c1
    stored 'one two three'
}

@test "append condition: only what came after a position counts" {
    es-append -q --id one -t a -g x
    es-append -q --id two -t b
    run --separate-stderr es-append --id three -t a --unless -g x -a 0
    condition_failed
    run --separate-stderr es-append -q --id three -t a -g x --unless -g x -a 1
    assert_success
    # Its own event came after it.
    run --separate-stderr es-append --id four -t a --unless -g x -a 1
    condition_failed
    run --separate-stderr es-append --id four -t a --unless -g x -a 2
    condition_failed
    run --separate-stderr es-append -q --id four -t a --unless -g x -a 3
    assert_success
    stored 'one two three four'
}

@test "append condition: any item of its query" {
    es-append -q --id one -t a -g x
    run --separate-stderr es-append -t c --unless -t none -o -g y -o -g x
    condition_failed
    run --separate-stderr es-append -q --id two -t c --unless -t none -o -g y
    assert_success
}

@test "append condition: none matches nothing, all matches everything" {
    es-append -q --id one -t a --unless
    run --separate-stderr es-append -t a --unless
    condition_failed
    run --separate-stderr es-append -q --id two -t a --unless -a 1
    assert_success
}

@test "read and append condition: what was read, and nothing since" {
    es-append -q --id one -t a -g x
    es-query --guard g -g x >seen
    es-append -q --id two -t a -g y
    # It is nobody's business what else was stored.
    run --separate-stderr es-append -q --id three --guard g -t a -g x
    assert_success
    # The boundary is the query: now something of it came.
    run --separate-stderr es-append --id four --guard g -t a -g x
    condition_failed
    stored 'one two three'
}

# A course has three places, a student takes two courses: no entity owns both
# rules, and the boundary of each decision is one query over two tags.
subscribe() {
    local guard=guard-$1-$2-$BASHPID read places courses
    while :; do
        read=$(es-query --guard "$guard" -t subscribed -g "course:$1" \
            -o -t subscribed -g "student:$2")
        places=$(grep -c "\"course:$1\"" <<<"$read")
        courses=$(grep -c "\"student:$2\"" <<<"$read")
        [[ $places -lt 3 && $courses -lt 2 &&
            $read != *"[\"course:$1\",\"student:$2\"]"* ]] || return 0
        es-append -q --guard "$guard" -t subscribed -g "course:$1" \
            -g "student:$2" 2>/dev/null && return 0
        [ $? -eq 3 ] || return 1
    done
}

@test "rules over several entities hold with many at once" {
    local course student n=0
    export -f subscribe
    for student in 1 2 3 4; do
        start "s$student" bash -c "for course in 1 2 3; do
            subscribe \$course $student || exit 1; done"
    done
    for ((n = 0; n < 4; n++)); do
        finish 60 "${es_started[n]}"
        assert_equal "$status" 0
    done
    for course in 1 2 3; do
        [ "$(es-query --count -g course:$course)" -le 3 ]
    done
    for student in 1 2 3 4; do
        [ "$(es-query --count -g student:$student)" -le 2 ]
    done
    # 4 students with 2 courses each, in 9 places: nobody is sent away, unless
    # two courses are full when he comes.
    [ "$(es-query --count)" -ge 6 ]
}
