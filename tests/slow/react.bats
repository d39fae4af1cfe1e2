#!/usr/bin/env bats
# bats file_tags=slow
#
# es-react against a model: random messages, faults, stops and kills; what is in
# the log afterwards has to be what one process that never fails would have made.
#
#     SEED=17 ROUNDS=50 bats tests/slow/react.bats

load ../helper

# What each message of a partition becomes, in order and once.
handlers() {
    cat >copy.jq <<'END'
def about: {partition_by: ["x"]};
def initial: {seen: 0};
def evolve($e): apply($e; "a.in"; .seen += 1);
def react($e): on($e; "a.in"; event("a.copied"; $e.payload + {seen: .seen}));
END
    cat >seats.jq <<'END'
def about: {partition_by: ["x"]};
def initial: 0;
def evolve($e): apply($e; "a.taken"; . + 1);
def decide($c): on($c; "a.take";
  require(. < 5; "full") | event("a.taken"; {x: $c.payload.x, number: (. + 1)}));
END
    cat >sum.jq <<'END'
def about: {partition_by: ["x"]};
def initial: {n: 0, sum: 0};
def evolve($e): apply($e; "a.copied"; .n += 1 | .sum += $e.payload.i);
END
    # Fails by chance, decided by key and attempt: every third try or so.
    cat >flaky <<'END'
#!/bin/bash
# es: on a.in
# es: partition_by x
# es: retries 30
# es: backoff 1ms
m=$(cat)
[ $(($(cksum <<<"$SEED $ES_KEY $ES_ATTEMPT" | cut -d ' ' -f 1) % 3)) -gt 0 ] || exit 1
payload=${m#*\"payload\":}
echo "{\"type\":\"a.flaked\",\"payload\":${payload%%\}*}}}"
END
    chmod +x flaky
}

# some N: messages with numbers from $next on, of 11 partitions.
some() {
    local k
    for ((k = 0; k < $1; k++)); do
        if ((RANDOM % 4)); then
            echo "{\"type\":\"a.in\",\"payload\":{\"x\":$((RANDOM % 11)),\"i\":$next}}"
        else
            echo "{\"type\":\"a.take\",\"kind\":\"command\",\"payload\":{\"x\":$((RANDOM % 11)),\"i\":$next}}"
        fi
        next=$((next + 1))
    done >batch
    es-append -q batch
}

all=(copy.jq seats.jq sum.jq ./flaky)
groups=(copy seats sum flaky)

# by_partition TYPE: x and i, in log order within each partition.
by_partition() {
    es-query -t "$1" | jq -r '"\(.payload.x) \(.payload.i)"' | sort -s -n -k 1,1
}

@test "random messages, faults, stops and kills" {
    SEED=${SEED:-$RANDOM}
    export SEED
    RANDOM=$SEED
    echo "SEED=$SEED"
    es-init
    handlers
    es-react -q "${all[@]}"
    next=1
    # Somewhere on the way, or at the end where that comes first.
    grown() {
        [ "$(es-query --count)" -ge "$1" ] ||
            ! es-group list --json | grep -q '"lag":[1-9]'
    }
    for ((round = 0; round < ${ROUNDS:-25}; round++)); do
        pids=()
        for ((k = RANDOM % 2; k < 2; k++)); do
            start "react-$round-$k" es-react -q -f -j 3 "${all[@]}"
            pids+=("$pid")
        done
        some $((RANDOM % 40 + 1))
        # With what waits, what runs and what is tried again.
        group=${groups[RANDOM % 4]}
        es-group stop "$group"
        some $((RANDOM % 10 + 1))
        es-group start "$group"
        within 30 grown $(($(es-query --count) + RANDOM % 30))
        for pid in "${pids[@]}"; do
            if ((RANDOM % 5)); then kill -9 "$pid"; else kill -TERM "$pid"; fi
        done
        for pid in "${pids[@]}"; do
            within 30 gone "$pid"
        done
    done
    run --separate-stderr es-react -q "${all[@]}"
    assert_success

    # Every message once and in order, by either handler.
    assert_equal "$(by_partition a.copied)" "$(by_partition a.in)"
    assert_equal "$(by_partition a.flaked)" "$(by_partition a.in)"
    # Each copy saw its partition as of its own message.
    assert_equal "$(es-query -t a.copied | jq -c '[.payload.x, .payload.seen]' | sort)" \
        "$(es-query -t a.in | jq -c .payload.x | sort -n | uniq -c |
            awk '{ for (i = 1; i <= $1; i++) print "[" $2 "," i "]" }' | sort)"
    # Five seats at most, numbered without a gap; every command has one outcome.
    assert_equal "$(es-query -t a.taken | jq -c '[.payload.x, .payload.number]' | sort)" \
        "$(es-query -t a.take | jq -c .payload.x | sort -n | uniq -c |
            awk '{ n = $1 < 5 ? $1 : 5; for (i = 1; i <= n; i++) print "[" $2 "," i "]" }' | sort)"
    assert_equal "$(sqlite3 -readonly es.db 'select count(*) from outcome')" \
        "$(es-query --count -t a.take)"
    # The read model equals one that is made anew.
    es-project sum.jq --print >followed
    es-project sum.jq --rebuild
    es-project sum.jq --print | cmp - followed
    # No partition is left behind, and no process.
    run es-group list --json
    refute_line --regexp '"lag":[1-9]|"parked":[1-9]'
}

@test "a handler that outlasts es-react has not failed" {
    es-init
    # One ends when it is killed, the other with its input.
    for stream in '' '# es: stream'; do
        printf '#!/bin/bash\n# es: on a.b\n# es: retries 0\n%s\n' \
            "$stream" >endless
        cat >>endless <<'END'
read -r m
echo "$m" >>begun
read -r m || [ -z "${ES_ID-}" ] || exec tail -f /dev/null
END
        chmod +x endless
        rm -f begun
        es-react -q ./endless
        es-append -q -t a.b x=1
        start react es-react -f ./endless
        within 20 lines begun 1
        kill -TERM "$pid"
        finish 30 "$pid"
        assert_equal "$status" 0
        assert_equal "$(cat react.err)" ''
        run es-group list --json
        assert_output --partial '"parked":0,"retrying":0'
        es-init --delete --force
        es-init
    done
}
