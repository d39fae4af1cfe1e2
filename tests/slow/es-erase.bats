#!/usr/bin/env bats
# bats file_tags=slow
#
# es-erase: killed at any moment; while an app runs; and what is left in the
# file after thousands of messages.

load ../helper

# nowhere FILE-OF-TEXTS: no file of the store holds one of them.
nowhere() {
    local file
    while IFS= read -r -d '' file; do
        ! grep -aoF -f "$1" "$file" >found || fail "in $file: $(head -n 3 found)"
    done < <(find . -name 'es.db*' -type f -print0
        find es.db.views -type f -print0 2>/dev/null)
}

# people FROM TO: each with a name of its own, some long ones, some with tags.
people() {
    seq "$1" "$2" | jq -c '{id: "m\(.)", type: "people.\(["came", "left"][. % 2])",
        payload: {person_id: "\(. % 97)", name: "MARK\(.)X",
            long: (if . % 50 == 0 then "LONG\(.)X" * 900 else null end)}
        } | if .payload.long == null then del(.payload.long) else . end
        | if (.id | ltrimstr("m") | tonumber) % 3 == 0
          then .tags = ["extra:TAG\(.id)X"] else . end'
}

# texts ID...: what must be nowhere once these are erased.
texts() {
    sed 's/^m\(.*\)$/MARK\1X\nLONG\1X\nTAGm\1X/'
}

@test "of thousands, erased in any order, nothing is left" {
    es-init
    people 1 4000 | es-append -q
    cat >names.jq <<'JQ'
def about: {partition_by: ["person_id"]};
def evolve($e): apply($e; "people."; ((. // []) + [$e.payload.name]) | .[-9:]);
JQ
    es-project -q names.jq
    seed=$RANDOM
    echo "seed $seed"
    es-query | jq -r .id | shuf --random-source=<(yes "$seed") >order
    for n in 1 10 400 1000; do
        head -n "$n" order >these
        tail -n "+$((n + 1))" order >rest && mv rest order
        es-erase - <these >events
        assert_equal "$(wc -l <events)" "$n"
        cat these >>erased
        texts <erased >gone
        es-project -q names.jq
        nowhere gone
        run es-check
        assert_success
        people 5000 5200 | sed 's/"id":"m/&'"$n"'-/' | es-append -q
    done
    es-query -t people. | jq -c 'select(.erased_at | not)' >left
    assert_equal "$(es-project --print names.jq | jq -cS .state)" \
        "$(es-project --print --given left names.jq | jq -cS .state)"
}

@test "killed at any moment, each message is erased or not, wholly" {
    es-init
    people 1 1500 | es-append -q
    done=0 killed=0
    for i in $(seq 60); do
        seq $((i * 20 - 19)) $((i * 20)) | sed 's/^/m/' >these
        es-erase - <these >/dev/null 2>&1 &
        eraser=$!
        # From before it begins to after it has ended.
        if [ $((i % 4)) != 0 ]; then
            read -rt "0.0$(printf %02d $((RANDOM % 60)))" <> <(:) || true
            kill -KILL "$eraser" 2>/dev/null || true
        fi
        if wait "$eraser" 2>/dev/null; then done=$((done + 1))
        else killed=$((killed + 1)); fi
        n=$(sqlite3 -readonly es.db "select count(*) from messages
            where erased_at is not null and position > $((i * 20 - 20))
            and position <= $((i * 20))")
        [ "$n" = 0 ] || [ "$n" = 20 ] || fail "$n of 20"
        assert_equal "$(es-query -t es.message_erased --count)" \
            "$(sqlite3 -readonly es.db 'select count(*) from messages
                where erased_at is not null')"
    done
    echo "$done done, $killed killed"
    run es-check
    assert_success
    # Repeated, it ends well, and what a killed one left is gone, too.
    seq 1 1200 | sed 's/^/m/' >all
    es-erase -q - <all
    assert_equal "$(es-query -t es.message_erased --count)" 1200
    texts <all >gone
    nowhere gone
    run es-check
    assert_success
}

@test "while an app runs and others append" {
    mkdir -p app/deciders app/reactors app/projectors
    cat >app/deciders/greet.jq <<'JQ'
def about: {partition_by: ["person_id"]};
def initial: 0;
def evolve($e): apply($e; "people.came"; . + 1);
def decide($c): on($c; "people.greet"; event("people.greeted"; {person_id: $c.payload.person_id, times: .}));
JQ
    cat >app/reactors/follow.jq <<'JQ'
def about: {partition_by: ["person_id"]};
def react($e): on($e; "people.came"; command("people.greet"; {person_id: $e.payload.person_id}));
JQ
    cat >app/projectors/names.jq <<'JQ'
def about: {partition_by: ["person_id"]};
def evolve($e): apply($e; "people."; (. // []) + [$e.payload.name]);
JQ
    echo '{}' >app/messages.json
    es-init app
    start react es-react -f -j 2 app
    # shellcheck disable=SC2154 # start sets it
    react=$pid
    for i in $(seq 15); do
        people $((i * 100)) $((i * 100 + 99)) | es-append -q
        # What is there already, and what is just being handled.
        es-query -t people.came -t people.left --tail 150 |
            jq -c 'select(.erased_at | not)' | shuf -n 20 >these
        jq -r .id these >>erased
        es-erase -q - <these
    done
    es-query -t es.message_erased | jq -r .payload.id >told
    sort erased >a && sort told >b && cmp a b
    kill -0 "$react"
    kill "$react"
    finish 30 "$react"
    assert_equal "$(cat react.err)" "$(grep 'a new group' react.err)"
    run --separate-stderr es-react app
    assert_success
    es-project -q app/projectors/names.jq
    texts <erased >gone
    nowhere gone
    run es-check
    assert_success
    es-query -t people. | jq -c 'select(.erased_at | not)' >left
    es-project --print app/projectors/names.jq | jq -cS '[.key, .state]' >is
    es-project --print --given left app/projectors/names.jq |
        jq -cS '[.key, .state]' >wanted
    run diff is wanted
    assert_success
    # Every command was decided once, and every other one was not erased.
    assert_equal "$(es-group list --json | jq -r '[.lag, .parked] | @text' |
        sort -u)" '[0,0]'
    assert_equal "$(es-query -t people.greet --count)" \
        "$(es-query -t people.greeted --count)"
}
