#!/usr/bin/env bats
# bats file_tags=slow
#
# The power fails at every sync, and writes that were not synced are gone.

load ../helper
load ../fault/fault

setup() {
    fault_setup
    need_shim
}

teardown() {
    fault_teardown
}

@test "what was acknowledged is there after a power failure" {
    run power
    echo "$output"
    assert_success
    assert_line --regexp '^checkpoint, ES_SYNC=full: [0-9]+ moments'
}
