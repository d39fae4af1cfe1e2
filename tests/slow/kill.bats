#!/usr/bin/env bats
# bats file_tags=slow
#
# kill -9 at random moments, thousands of times.
#
#     ES_FAULT_SEED=17 ES_FAULT_ROUNDS=20 bats tests/slow/kill.bats

load ../helper
load ../fault/fault

setup() {
    fault_setup
}

teardown() {
    fault_teardown
}

@test "what was acknowledged is there after every kill" {
    run "$faults/kill"
    echo "$output"
    assert_success
    assert_line --regexp '^[0-9]{3,} killed, '
}
