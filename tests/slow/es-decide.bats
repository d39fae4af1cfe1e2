#!/usr/bin/env bats
# bats file_tags=slow
#
# es-decide: processes that decide on overlapping partitions at once; what is in
# the log then has to be what one after the other would have made.
#
#     SEED=17 COMMANDS=300 bats tests/slow/es-decide.bats

load ../helper

setup() {
    es_setup
    # A transfer reads and guards two accounts.
    cat >bank.jq <<'END'
def about: {reads: [
    {types: ["bank.paid", "bank.moved"], tags: ["account:{from}"]},
    {types: ["bank.moved"], tags: ["to:{from}"]}]};
def initial: {me: .from, balance: 0};
def evolve($e):
    apply($e; "bank.paid"; .balance += $e.payload.n)
  | apply($e; "bank.moved"; if $e.payload.account == .me
      then .balance -= $e.payload.n else .balance += $e.payload.n end);
def decide($c):
    on($c; "bank.move"; require(.balance >= $c.payload.n; "short")
      | event("bank.moved"; {account: $c.payload.from, to: $c.payload.to,
            n: $c.payload.n}));
END
    cat >seats.jq <<'END'
def about: {partition_by: ["course"]};
def initial: {free: 0};
def evolve($e):
    apply($e; "course.opened"; .free = $e.payload.seats)
  | apply($e; "course.joined"; .free -= 1);
def decide($c):
    on($c; "course.join"; require(.free > 0; "full")
      | event("course.joined"; $c.payload + {free}));
END
    seed=${SEED:-$RANDOM}
    echo "SEED=$seed"
    RANDOM=$seed
}

# race HANDLER: four processes, each with its commands in in1 to in4.
race() {
    local i
    pids=()
    for i in 1 2 3 4; do
        start "p$i" es-decide --rejections "$1" "in$i"
        pids+=("$pid")
    done
    for pid in "${pids[@]}"; do
        finish 120 "$pid"
        [ "$status" -eq 0 ] || [ "$status" -eq 4 ]
    done
    # Each command has its answer, decided or rejected.
    for i in 1 2 3 4; do
        assert_equal "$(wc -l <"p$i.out")" "$(wc -l <"in$i")"
    done
    run --separate-stderr es-check
    assert_success
}

@test "four processes move money between few accounts: none is overdrawn" {
    es-init
    for account in a b c; do
        es-append -q -t bank.paid account=$account n:=20
    done
    for i in 1 2 3 4; do
        for ((n = 0; n < ${COMMANDS:-200}; n++)); do
            from=$((RANDOM % 3)) to=$((RANDOM % 3))
            printf '{"type":"bank.move","payload":{"from":"%s","to":"%s","n":%d}}\n' \
                "${from/0/a}" "${to/0/a}" $((RANDOM % 15 + 1))
        done | sed 's/:"1"/:"b"/g; s/:"2"/:"c"/g' >in$i
    done
    race bank.jq
    # At every point of the log.
    es-query -t bank. --kind event | jq -ne '
        reduce inputs as $e ({a: 0, b: 0, c: 0};
            if $e.type == "bank.paid" then .[$e.payload.account] += $e.payload.n
            else .[$e.payload.account] -= $e.payload.n
              | if .[$e.payload.account] < 0 then error("overdrawn") else . end
              | .[$e.payload.to] += $e.payload.n end)
        | add == 60'
}

@test "four processes fill few courses, to the last seat and no further" {
    es-init
    for course in a b; do
        es-append -q -t course.opened course=$course seats:=150
    done
    for i in 1 2 3 4; do
        for ((n = 0; n < ${COMMANDS:-200}; n++)); do
            [ $((RANDOM % 2)) -eq 0 ] && course=a || course=b
            printf '{"type":"course.join","payload":{"course":"%s"}}\n' "$course"
        done >in$i
    done
    race seats.jq
    for course in a b; do
        asked=$(cat in? | grep -c "\"$course\"") || true
        want=$((asked < 150 ? asked : 150))
        # Every one saw all those before it.
        assert_equal "$(es-query -t course.joined -k course=$course |
            jq -c .payload.free)" "$(seq 150 -1 $((151 - want)))"
    done
}
