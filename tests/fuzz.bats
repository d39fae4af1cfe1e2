#!/usr/bin/env bats
#
# The parsers' corpora: each input once, and a few thousand changed ones.
# make fuzz has more.

load helper

@test "every parser holds over its corpus" {
    local name fuzz=$ES_TOP/${UNITS:-build/tests/unit}/../fuzz
    for name in "$ES_TOP"/tests/fuzz/corpus/*; do
        run "$fuzz/$(basename "$name")" -n 2000 -s 1 "$name"/*
        assert_success
        assert_output '-s 1'
    done
}
