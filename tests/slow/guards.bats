#!/usr/bin/env bats
# bats file_tags=slow
#
# Many racers append under random guards, and dawdle in every window: between
# reading and appending, before the lock, behind it, around each write and
# sync, before it is given back.  Then a model that knows only the manual says
# of each append, and of each refusal, whether it was right.
#
#   ES_SEED=N bats tests/slow/guards.bats     the same choices again

load ../helper

setup() {
    es_setup
    es-init
}

# race RACERS ROUNDS
race() {
    local seed=${ES_SEED:-$RANDOM$RANDOM} k
    echo "# seed $seed" >&3
    for ((k = 1; k <= $1; k++)); do
        mkfifo "wait$k"
        start "racer$k" "$ES_TOP/tests/slow/racer.bash" "$k" \
            $(((seed + k) % 32768)) "$2"
    done
    for ((k = 0; k < $1; k++)); do
        finish 900 "${es_started[k]}"
        [ "$status" -eq 0 ] || fail "seed $seed: $(cat "racer$((k + 1)).err")"
    done
    es-query | jq -s . >log
    jq -r -n --slurpfile log log -f "$ES_TOP/tests/slow/guards.jq" \
        racer*.out >wrong
    [ ! -s wrong ] || fail "seed $seed: $(cat wrong)"
}

# Of both kinds there were some, or the race was none.
some_of_each() {
    jq -r '"\(.how) \(.status)"' racer*.out | sort | uniq -c >counts
    sed 's/^/#/' counts >&3
    local kind
    for kind in 'guard 0' 'guard 3' 'unless 0' 'unless 3'; do
        [ "$(awk -v k="$kind" '$2 " " $3 == k { print $1 }' counts)" -ge 5 ]
    done
}

@test "random guards, many racers, every window: the model agrees" {
    cc -shared -fPIC -o pause.so "$ES_TOP/tests/slow/pause.c" -ldl
    export PAUSE=$PWD/pause.so
    race 6 60
    some_of_each
}

@test "the same without dawdling" {
    race 4 60
    some_of_each
}

@test "the model would notice" {
    race 2 12
    # A message slips in before the first one that was stored.
    jq -c 'select(.status == 0 and .how == "guard")' racer*.out | head -n 1 >one
    jq -c '.guard.query = {} | .guard.after = .positions[0] - 2
        | .seen = null' one >twisted
    jq -r -n --slurpfile log log -f "$ES_TOP/tests/slow/guards.jq" twisted \
        >wrong
    if [ "$(jq '.positions[0]' one)" -gt 1 ]; then
        assert_regex "$(cat wrong)" '^stored, although position [0-9]+ came'
    fi
    jq -c '.status = 3 | .said = "at position 1"' one >twisted
    jq -r -n --slurpfile log log -f "$ES_TOP/tests/slow/guards.jq" twisted \
        >wrong
    assert_regex "$(cat wrong)" 'refused, and stored'
    jq -c '.seen += [9999]' one >twisted
    jq -r -n --slurpfile log log -f "$ES_TOP/tests/slow/guards.jq" twisted \
        >wrong
    assert_regex "$(cat wrong)" '^read '
}
