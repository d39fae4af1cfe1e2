#!/usr/bin/env bats
#
# A look at what tests/slow has at length: calls that fail, the power that
# does, processes that are killed, SQLite's checkpoints, the parsers' corpora.

load helper
load fault/fault

setup() {
    fault_setup
}

teardown() {
    fault_teardown
}

@test "the race of two checkpoints loses pages; under the lock it does not" {
    run walreset
    assert_success
    refute_output
}

@test "a call that fails is one line, and loses nothing" {
    need_shim
    run nth -e 9 batch full sync open lock killed
    assert_success
    run nth -e 500 one memory
    assert_success
}

@test "what was acknowledged is there after kill -9" {
    run "$faults/kill" 15
    assert_success
    assert_line --regexp '^[0-9]+ killed, .* acknowledged, all there'
}

@test "what was acknowledged is there after a power failure" {
    need_shim
    ES_FAULT_ROUNDS=0.2 run power one-by-one
    assert_success
    assert_line --regexp '^one-by-one, ES_SYNC=full: [0-9]+ moments'
}
