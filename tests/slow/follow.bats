#!/usr/bin/env bats
# bats file_tags=slow
#
# Eight writers, and followers whose lists have to equal the log: from the
# start, from the middle, a slow one, one that is stopped and goes on, one that
# is killed and goes on from what it had, some with filters; while the
# WAL is checkpointed and begun anew, and the bell goes away and comes back.
# And copies of the live store, each of which has to be its beginning.

load ../helper

# writer N COUNT [FLAG]: in pieces, some of one message and some of many.
writer() {
    local i=0 some
    local -i seed=$1
    while [ "$i" -lt "$2" ]; do
        seed=$(((seed * 1103515245 + 12345) % 2147483648))
        some=$((seed / 65536 % 200 + 1))
        [ $((seed / 65536 % 4)) -gt 0 ] || some=1
        [ $((i + some)) -le "$2" ] || some=$(($2 - i))
        seq $((i + 1)) $((i + some)) |
            sed "s/.*/{\"type\":\"a.w$1\",\"payload\":{\"i\":&,\"by\":\"w$1\"}}/" |
            es-append -q ${3:+"$3"}
        i=$((i + some))
    done
}

positions() {
    sed 's/^{"position":\([0-9]*\),.*/\1/' "$1"
}

# copier: one copy after the other, over the last.
copier() {
    local n
    for ((n = 0; ; n++)); do
        es-copy -q --force copy.db || return
        es-check -q -s copy.db || return
        es-query -s copy.db >"copied.$n" || return
        [ ! -e written ] || return 0
    done
}

# Whether the last line of the log has come.
caught_up() {
    [ "$(tail -n 1 "$1" | sed 's/^{"position":\([0-9]*\),.*/\1/')" = "$2" ]
}

@test "eight writers, and followers that miss nothing" {
    local per n each pids=() round
    per=$(awk -v by="${ES_FAULT_ROUNDS:-1}" 'BEGIN {
        n = int(2500 * by); print n < 100 ? 100 : n }')
    es-init
    export ES_SYNC=normal
    es-append -q -t a.first x=1

    start all es-query -f
    start from es-query -f -a 777
    start one es-query -f -k by=w3
    start two es-query -f -t a.w1 -o -k by=w5
    start stopped es-query -f
    stopped=$pid
    start restarted es-query -f
    restarted=$pid
    mkfifo pipe
    start slow es-query -f
    # A reader that takes little at a time holds up its writer.
    start held bash -c 'es-query -f >pipe'
    start sipped dd if=pipe of=sipped.lines bs=512 status=none

    start copier copier
    copier=$pid
    for n in 1 2 3 4 5 6 7 8; do
        each=
        [ $((n % 2)) -eq 0 ] || each=--each
        start "w$n" writer "$n" "$per" "$each"
        pids+=("$pid")
    done
    for ((round = 0; ; round++)); do
        gone "${pids[0]}" && gone "${pids[7]}" && break
        kill -STOP "$stopped"
        # What beside the store may vanish, vanishes.
        rm -f es.db-bell
        es-query --count >/dev/null
        kill -CONT "$stopped"
        if [ $((round % 5)) -eq 2 ]; then
            kill -KILL "$restarted"
            within 10 gone "$restarted"
            # What was written in part is not a line.
            sed -n '/}$/p' restarted.out >>restarted.lines
            start restarted es-query -f -a \
                "$(positions restarted.lines | tail -n 1 | grep . || echo 0)"
            restarted=$pid
        fi
    done
    for n in "${pids[@]}"; do
        finish 300 "$n"
        assert_equal "$status" 0
    done
    : >written
    finish 60 "$copier"
    assert_equal "$status" 0

    # With everybody told of the end, and the WAL anew at times.
    es-append -q -t a.w3 by=w3 i:=0
    es-append -q -t a.w1 by=w5 i:=0
    last=$((8 * per + 3))
    es-query >log
    assert_equal "$(wc -l <log)" "$last"
    positions log | cmp - <(seq "$last")
    for n in all from two stopped restarted slow; do
        within 60 caught_up "$n.out" "$last"
    done
    within 60 caught_up one.out "$((last - 1))"
    within 120 caught_up sipped.lines "$last"

    for n in copied.*; do
        head -n "$(wc -l <"$n")" log | cmp - "$n"
    done
    # More than the one that was begun before there was anything.
    [ -e copied.1 ]
    cmp log all.out
    cmp log slow.out
    cmp log stopped.out
    cmp log sipped.lines
    sed 1,777d log | cmp - from.out
    grep '"by":"w3"' log | cmp - one.out
    grep -e '"type":"a.w1"' -e '"by":"w5"' log | cmp - two.out
    sed -n '/}$/p' restarted.out | cat restarted.lines - | cmp log -
    run cat ./*.err
    refute_output
}
