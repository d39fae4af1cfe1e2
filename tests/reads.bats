#!/usr/bin/env bats
#
# about.reads: decisions over several entities; what they read, are guarded by
# and wait for.
#
# shellcheck disable=SC2016,SC2030,SC2031 # jq has variables; run's are a test's

load helper

setup() {
    es_setup
    cat >courses.jq <<'END'
def about: {partition_by: ["course_id"],
    reads: [{types: ["courses."], tags: ["course_id:{course_id}"]},
        {types: ["courses.subscribed"], tags: ["student_id:{student_id}"],
         optional: true}]};
def initial: {of: ., capacity: null, subscribed: 0, courses: []};
def evolve($e):
    apply($e; "courses.defined"; .capacity = $e.payload.capacity)
  | apply($e; "courses.subscribed";
        (if $e.payload.course_id == .of.course_id then .subscribed += 1
         else . end)
      | if $e.payload.student_id == .of.student_id
        then .courses += [$e.payload.course_id] else . end)
  | apply($e; "billing.paid"; error("not read"));
def decide($c):
    on($c; "courses.define";
        require(.capacity == null; "it is there already")
      | event("courses.defined"; $c.payload)),
    on($c; "courses.subscribe";
        require(.capacity != null; "no such course")
      | require(.subscribed < .capacity; "the course is full")
      | require(.courses | length < 2; "no more than two courses")
      | event("courses.subscribed"; $c.payload));
END
}

# subscribe COURSE STUDENT [FLAG]...
subscribe() {
    es-decide "${@:3}" courses.jq -t courses.subscribe course_id="$1" \
        student_id="$2"
}

# line TEXT: stderr is one line of es-decide, and has this text.
line() {
    assert_error_line es-decide
    [[ $stderr == *"$1"* ]] || assert_equal "$stderr" "$1"
}

rejected() {
    assert_failure 4
    refute_output
    line "rejected: $1"
}

store() {
    local id
    es-init
    for id in c1 c2 c3; do
        es-decide -q courses.jq -t courses.define course_id="$id" capacity:=2
    done
}

# about FIELDS: the course's file with another about.
about() {
    { printf 'def about: {%s};\n' "$1"; sed 1,4d courses.jq; } >h.jq
    run --separate-stderr es-decide h.jq --given /dev/null -t courses.define \
        course_id=c1 capacity:=1
}

refuses() {
    about "$1"
    assert_failure 1
    refute_output
    line "$2"
}

@test "each entity has its rule, over one log" {
    store
    subscribe c1 s1 -q
    subscribe c2 s1 -q
    run --separate-stderr subscribe c3 s1
    rejected 'no more than two courses'
    subscribe c1 s2 -q
    run --separate-stderr subscribe c1 s3
    rejected 'the course is full'
    run --separate-stderr subscribe c9 s3
    rejected 'no such course'
    run --separate-stderr subscribe c3 s2
    assert_success
    assert_stderr
    assert_output "$(es-query --tail 1)"
}

@test "the same without a store" {
    store
    subscribe c1 s1 -q
    subscribe c1 s2 -q
    es-query >history
    run --separate-stderr subscribe c1 s3 --given history
    rejected 'the course is full'
    run --separate-stderr subscribe c2 s1 --given history
    assert_success
    assert_equal "$(jq -r .type <<<"$output")" courses.subscribed
}

@test "what is not read is not folded: other types, other entities" {
    store
    es-append -q -t billing.paid course_id=c1 student_id=s1
    es-append -q -t courses.subscribed course_id=c2 student_id=s9
    run --separate-stderr es-decide courses.jq --state -p course_id=c1 \
        -p student_id=s1
    assert_success
    assert_output '{"of":{"course_id":"c1","student_id":"s1"},"capacity":2,"subscribed":0,"courses":[]}'
}

@test "a message that two items read is folded once" {
    store
    subscribe c1 s1 -q
    run --separate-stderr es-decide courses.jq --state -p course_id=c1 \
        -p student_id=s1
    assert_output '{"of":{"course_id":"c1","student_id":"s1"},"capacity":2,"subscribed":1,"courses":["c1"]}'
}

@test "an optional item whose value is not there is left out" {
    store
    subscribe c1 s1 -q
    run --separate-stderr es-decide courses.jq --state -p course_id=c1
    assert_success
    assert_output '{"of":{"course_id":"c1","student_id":null},"capacity":2,"subscribed":1,"courses":[]}'
}

@test "a command that lacks a value, or has several, is rejected" {
    store
    sed 's/partition_by: \["course_id"\],//' courses.jq >h.jq
    run --separate-stderr es-decide h.jq -t courses.subscribe student_id=s1
    rejected 'does not carry course_id (h reads by it)'
    run --separate-stderr es-decide h.jq -t courses.subscribe course_id=c1 \
        -g student_id:s1 -g student_id:s2
    rejected 'carries several values of one of course_id, student_id (h reads by it)'
    # A tag is as good as an attribute.
    run --separate-stderr es-decide h.jq -t courses.define -g course_id:c9
    assert_success
    run --separate-stderr es-decide courses.jq -t courses.define student_id=s1
    rejected 'does not carry course_id (courses is partitioned by it)'
    assert_equal "$(es-query --count --kind command)" 4
}

@test "--state takes the values of reads" {
    store
    run --separate-stderr es-decide courses.jq --state -p student_id=s1
    assert_failure 2
    refute_output
    line 'course_id: its value is missing: courses reads by course_id, student_id (-p NAME=VALUE)'
    run --separate-stderr es-decide courses.jq --state -p x=1
    assert_failure 2
    line 'x: courses reads by course_id, student_id'
}

@test "a value that makes no tag is a rejection, not a fault" {
    store
    printf 'def about: {reads: [{tags: ["a:{course_id}-{student_id}"]}]};\n' >h.jq
    sed 1,4d courses.jq >>h.jq
    long=$(printf '%0200d' 0)
    run --separate-stderr es-decide h.jq -t courses.subscribe \
        course_id="$long" student_id="$long"
    rejected 'tag: longer than 256 bytes'
}

@test "what was read is kept beside what was made" {
    store
    subscribe c1 s1 -q
    sqlite3 es.db 'select partition from provenance order by id desc limit 1' \
        >kept
    jq -e . kept
    es-query kept >read
    assert_equal "$(jq -r .type read | tr '\n' ' ')" \
        'courses.defined courses.subscribed '
    subscribe c1 s2 -q
    subscribe c2 s1 -q
    # It is as good as the guard that it was.
    assert_equal "$(es-query --count kept)" 4
    es-check
}

# ---- about.reads itself ----

@test "types and tags restrict; without types all that evolve applies" {
    store
    about 'reads: [{tags: ["course_id:{course_id}"]}]'
    assert_success
    es-append -q -t billing.paid course_id=c1
    run --separate-stderr es-decide h.jq --state -p course_id=c1
    assert_failure 1
    line 'not read'
    # Types alone read them all.
    about 'reads: [{types: ["courses.defined"]}]'
    assert_success
    run --separate-stderr es-decide h.jq --state
    assert_success
    assert_output '{"of":{},"capacity":2,"subscribed":0,"courses":[]}'
    # A literal tag has no value.
    about 'reads: [{types: ["courses.*"], tags: ["course_id:c2"]}]'
    assert_success
    run --separate-stderr es-decide h.jq --state
    assert_output '{"of":{},"capacity":2,"subscribed":0,"courses":[]}'
}

@test "reads that cannot be are refused when the handler is loaded" {
    refuses 'reads: {}' 'about: reads: must be an array'
    refuses 'reads: []' 'about: reads: must be an array'
    refuses 'reads: [[]]' 'about: reads[0]: must be an object'
    refuses 'reads: [{}]' 'about: reads[0]: has neither types nor tags'
    refuses 'reads: [{tags: []}]' 'about: reads[0]: tags: must be an array of strings, one at least'
    refuses 'reads: [{tags: [1]}]' 'about: reads[0]: tags: must be strings'
    refuses 'reads: [{tags: [""]}]' 'about: reads[0]: tags: a tag has 1 to 256 bytes'
    refuses 'reads: [{tags: ["a:{b"]}]' 'about: reads[0]: tags: "a:{b": a brace that is not one of {NAME}'
    refuses 'reads: [{tags: ["a:b}"]}]' 'a brace that is not one of {NAME}'
    refuses 'reads: [{tags: ["a:{b-c}"]}]' 'a brace that is not one of {NAME}'
    refuses 'reads: [{tags: ["a:{}"]}]' 'a brace that is not one of {NAME}'
    refuses 'reads: [{tags: ["a:{{b}}"]}]' 'a brace that is not one of {NAME}'
    refuses 'reads: [{types: "courses."}]' 'about: reads[0]: types: must be an array'
    refuses 'reads: [{types: ["a..b"]}]' 'about: reads[0]: types: type: "a..b" is not'
    refuses 'reads: [{types: ["courses."]}, {types: ["other.type"]}]' \
        'about: reads[1]: types: evolve applies none of them'
    refuses 'reads: [{tags: ["a:b"], optional: 1}]' 'about: reads[0]: optional: must be true or false'
    refuses 'reads: [{tags: ["a:b"], query: 1}]' \
        'about: reads[0]: query: no such field (types, tags, optional)'
}

@test "reads without decide or evolve are refused" {
    cat >react.jq <<'END'
def about: {reads: [{tags: ["a:{a}"]}]};
def evolve($e): apply($e; "a"; .);
def react($e): on($e; "a"; empty);
END
    es-init
    run --separate-stderr es-react react.jq
    assert_failure 1
    [[ $stderr == *'about: reads: is for deciders, and there is no "def decide($c):"; '* ]]
    cat >decide.jq <<'END'
def about: {reads: [{tags: ["a:{a}"]}]};
def decide($c): on($c; "a"; empty);
END
    run --separate-stderr es-decide decide.jq -t a a=1
    assert_failure 1
    line 'about: reads: nothing is read, for there is no "def evolve($e):"'
}

# ---- races ----

@test "cached states are those that would be folded afresh" {
    store
    for ((n = 0; n < 60; n++)); do
        printf '{"type":"courses.subscribe","payload":{"course_id":"c%d","student_id":"s%d"}}\n' \
            $((n % 4)) $((n % 7))
    done >commands
    run --separate-stderr es-decide courses.jq commands
    assert_failure 4
    printf '%s\n' "$stderr" | sed 's/^es-decide: commands:[0-9]*: //' >at_once
    jq -c .payload <<<"$output" >>at_once
    mkdir fresh
    cd fresh
    cp ../courses.jq .
    store
    while IFS= read -r line; do
        printf '%s\n' "$line" | es-decide courses.jq
    done <../commands >out 2>err || true
    sed 's/^es-decide: <stdin>:[0-9]*: //' err >one_by_one
    jq -c .payload out >>one_by_one
    cmp one_by_one ../at_once
    # It was worth comparing.
    [ "$(wc -l <out)" -eq 6 ]
}

@test "processes whose reads overlap lose no update, and all get through" {
    es-init
    for id in c1 c2 c3; do
        es-decide -q courses.jq -t courses.define course_id="$id" capacity:=20
    done
    for ((p = 0; p < 3; p++)); do
        for ((n = 0; n < 30; n++)); do
            printf '{"type":"courses.subscribe","payload":{"course_id":"c%d","student_id":"s%d"}}\n' \
                $(((n + p) % 3 + 1)) $((n % 12))
        done >"commands$p"
        start "$p" es-decide courses.jq "commands$p"
    done
    for ((p = 0; p < 3; p++)); do
        finish 60 "${es_started[p]}"
        assert_equal "$status" 4
    done
    run grep -vh 'rejected: \(no more than two courses\|the course is full\)$' \
        0.err 1.err 2.err
    refute_output
    es-query -t courses.subscribed | jq -e -s '
        (group_by(.payload.course_id) | all(length <= 20))
        and (group_by(.payload.student_id) | all(length == 2))
        and length == 24'
}

@test "es-react: lanes by partition_by, guards by reads" {
    es-init
    for id in c1 c2; do
        es-decide -q courses.jq -t courses.define course_id="$id" capacity:=3
    done
    # Lanes of a name that reads do not have: all read and write the same.
    sed 's/partition_by: \["course_id"\]/partition_by: ["form"]/' \
        courses.jq >by_form.jq
    for ((n = 0; n < 40; n++)); do
        printf '{"kind":"command","type":"courses.subscribe","payload":{"course_id":"c%d","student_id":"s%d","form":"f%d"}}\n' \
            $((n % 2 + 1)) $((n % 10)) "$n"
    done | es-append -q
    run --separate-stderr es-react by_form.jq
    assert_success
    refute_output
    assert_equal "$(es-query --count -t courses.subscribed)" 6
    assert_equal "$(es-query --count -t es.command_rejected)" 34
    es-query -t courses.subscribed | jq -e -s '
        (group_by(.payload.course_id) | map(length) == [3, 3])'
    es-query -t es.command_rejected |
        jq -r .payload.reason | sort | uniq -c >reasons
    assert_equal "$(sed 's/^ *[0-9]* //' reasons)" 'the course is full'
    # A command without the values is an answer there too.
    es-append -q -t courses.subscribe --kind command form=x
    run --separate-stderr es-react by_form.jq
    assert_success
    assert_equal "$(es-query --tail 1 -t es.command_rejected |
        jq -r .payload.reason)" \
        'does not carry course_id (by_form reads by it)'
    es-check
}
