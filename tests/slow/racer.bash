#!/bin/bash
#
# racer.bash NUMBER SEED ROUNDS: read with a random query, think, append under
# what was read, and write down what came of it, a line of JSON a round:
# guard (query and after), flags and ids of what was read, ids of what was to
# be stored, status, and the position that the refusal names.  For guards.bats.

set -eu
me=$1 rounds=$3
RANDOM=$2
# Where the programs dawdle; it is none where PAUSE is not set.
run() {
    ES_PAUSE_SEED=$pause LD_PRELOAD=${PAUSE-} "$@"
}

# one WORD...: choose one of them.  (In a subshell RANDOM is another one.)
one() {
    shift $((RANDOM % $#))
    chosen=$1
}
chance() { [ $((RANDOM % $1)) -eq 0 ]; }

types=(a.x a.y b.x b)
tags=(k:1 k:2 l:1 l:true red)

# A query item, as flags.
item() {
    words=()
    local name
    if chance 2; then
        one "${types[@]}" a. 'b.*' && words+=(-t "$chosen")
        if chance 3; then one "${types[@]}" && words+=(-t "$chosen"); fi
    fi
    if chance 3; then one "${tags[@]}" && words+=(-g "$chosen"); fi
    if chance 3; then
        for name in k l; do
            if ! chance 4; then one 1 2 true && words+=(-p "$name=$chosen"); fi
        done
    fi
    if chance 6; then one event command && words+=(--kind "$chosen"); fi
    if [ ${#words[@]} -eq 0 ]; then
        one "${types[@]}" && words=(-t "$chosen")
    fi
    if chance 5; then words+=(--last); fi
}

# One to three of them, now and then none: everything.
query() {
    flags=()
    local i n=$((1 + RANDOM % 3))
    chance 40 && return 0
    for ((i = 0; i < n; i++)); do
        if [ "$i" -gt 0 ]; then flags+=(-o); fi
        item
        flags+=("${words[@]}")
    done
}

message() {
    local payload='' set='' type
    if chance 2; then
        one 1 2 '"1"' '"2"' null 1.5 && payload+=",\"k\":$chosen"
    fi
    if chance 2; then
        one 1 true false '"1"' && payload+=",\"l\":$chosen"
    fi
    if chance 4; then
        one '"red"' '"k:1"' '"k:2","red"' '"l:true","l:1"' && set=$chosen
    fi
    one "${types[@]}" && type=$chosen
    one event event command
    printf '{"id":"%s","type":"%s","kind":"%s","tags":[%s],"payload":{%s}}\n' \
        "$1" "$type" "$chosen" "$set" "${payload#,}"
}

for ((round = 1; round <= rounds; round++)); do
    query
    pause=$RANDOM bounds=() seen=null how=guard
    if chance 4; then
        # No reading: the position is a guess.
        how=unless
        head=$(es-query -r -n 1 | jq -r .position)
        after=$((${head:-0} - RANDOM % 8))
        [ "$after" -ge 0 ] || after=0
        bounds=(-a "$after")
        es-query "${flags[@]}" -n 0 --guard "g$me"
        guard=$(jq -c ".after = $after" "g$me")
    else
        if chance 5; then bounds+=(-a $((RANDOM % 40))); fi
        if chance 6; then bounds+=(-b $((1 + RANDOM % 200))); fi
        if chance 6; then bounds+=(-n $((RANDOM % 30))); fi
        file=()
        if chance 3; then
            # As JSON, with a name that must not be there.
            es-query "${flags[@]}" -n 0 --guard "g$me"
            jq -c --argjson dice "$RANDOM" '.query | if .items then
                .items |= map(if .partition then .partition |=
                    (if $dice % 2 == 0 then .k = null else .l = null end)
                    else . end) else . end' "g$me" >"q$me"
            file=("q$me")
            flags=()
        fi
        seen=$(run es-query "${flags[@]}" "${file[@]}" "${bounds[@]}" \
            --guard "g$me" | jq -c -s 'map(.position)')
        guard=$(<"g$me")
    fi
    ids=("r$me-$round")
    if chance 4; then ids+=("r$me-$round-b"); fi
    for id in "${ids[@]}"; do message "$id"; done >"m$me"
    if chance 3; then read -rt "0.00$((RANDOM % 10))" || true; fi <>"wait$me"
    status=0
    if [ $how = guard ]; then
        run es-append --guard "g$me" "m$me" >"o$me" 2>"e$me" || status=$?
    else
        run es-append "m$me" --unless "${flags[@]}" "${bounds[@]}" \
            >"o$me" 2>"e$me" || status=$?
    fi
    jq -c -n --argjson guard "$guard" --argjson seen "$seen" \
        --arg bounds "${bounds[*]}" --arg ids "${ids[*]}" --arg how $how \
        --argjson status $status --arg said "$(<"e$me")" \
        --slurpfile stored "o$me" '{how: $how, guard: $guard,
            bounds: ($bounds | split(" ")), seen: $seen,
            ids: ($ids | split(" ")), status: $status, said: $said,
            positions: ($stored | map(.position))}'
done
