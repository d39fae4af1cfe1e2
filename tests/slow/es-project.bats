#!/usr/bin/env bats
# bats file_tags=slow
#
# es-project: several at once, and killed again and again, over longer logs.
#
# shellcheck disable=SC2016,SC2154 # jq has variables; pid is set by start

load ../helper
load ../es-project

@test "several at once make what one makes" {
    slow_pairs
    es-init
    noise 5000 5 | es-append -q
    local pids=() i
    for i in 1 2 3; do
        start "p$i" es-project pairs.jq
        pids+=("$pid")
    done
    for i in "${pids[@]}"; do
        finish 200 "$i"
        assert_equal "$status" 0
    done
    run cat p1.err p2.err p3.err
    refute_output
    model pairs.jq >together
    es-project --rebuild pairs.jq
    model pairs.jq | diff together -
}

@test "rebuilds at once, and an updater beside them" {
    slow_pairs
    es-init
    noise 2000 5 | es-append -q
    es-project pairs.jq
    model pairs.jq >want
    local pids=() i
    for i in 1 2; do
        start "p$i" es-project --rebuild pairs.jq
        pids+=("$pid")
    done
    start p3 es-project pairs.jq
    pids+=("$pid")
    for i in "${pids[@]}"; do
        finish 200 "$i"
        assert_equal "$status" 0
    done
    run cat p1.err p2.err p3.err
    refute_output
    model pairs.jq | diff want -
    assert_equal "$(generations pairs)" 1
}

@test "killed while it catches up, it goes on where it was" {
    slow_pairs
    es-init
    noise 5000 9 | es-append -q
    local i
    for i in 1 500 900 1500 2000 3000 4000 4500; do
        start killed es-project pairs.jq
        within 60 past pairs "$i"
        kill -KILL "$pid"
        finish 10 "$pid"
    done
    run --separate-stderr es-project pairs.jq
    assert_success
    assert_stderr
    model pairs.jq >resumed
    es-project --rebuild pairs.jq
    model pairs.jq | diff resumed -
}

@test "killed while it rebuilds, readers keep the old model and the rest is swept" {
    slow_pairs
    es-init
    noise 2000 9 | es-append -q
    es-project pairs.jq
    model pairs.jq >want
    local linked
    linked=$(readlink es.db.views/pairs.db)
    start killed es-project --rebuild pairs.jq
    within 60 two_generations pairs
    kill -KILL "$pid"
    finish 10 "$pid"
    assert_equal "$(readlink es.db.views/pairs.db)" "$linked"
    model pairs.jq | diff want -
    es-project --rebuild pairs.jq
    assert_equal "$(generations pairs)" 1
    model pairs.jq | diff want -
}

@test "what is appended while it runs is there as well" {
    slow_pairs
    es-init
    noise 2000 3 | es-append -q
    start follower es-project -f pairs.jq
    local i
    for i in 1 2 3 4 5 6 7 8; do
        noise 250 "$((i * 31))" | es-append -q
        es-project pairs.jq
        [ $((i % 3)) -ne 0 ] || es-project --rebuild pairs.jq
    done
    model pairs.jq >concurrent
    assert_equal "$(cat follower.out follower.err)" ''
    es-project --rebuild pairs.jq
    model pairs.jq | diff concurrent -
    es-query | es-project --given - pairs.jq >given
    es-project --print pairs.jq | diff given -
}
