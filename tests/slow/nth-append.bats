#!/usr/bin/env bats
# bats file_tags=slow
#
# The first, second, third … write, fsync, malloc … of es-init and es-append
# fails, until they get through; tests/fault/nth.c says what has to hold.
#
#     ES_FAULT_ROUNDS=20 bats tests/slow/nth-append.bats

load ../helper
load ../fault/fault

setup() {
    fault_setup
    need_shim
}

teardown() {
    fault_teardown
}

scenario() {
    run nth "$@"
    assert_success
}

@test "es-init" {
    scenario init
    scenario init-catalog
    scenario delete
}

@test "es-append of one, and of a batch" {
    scenario one
    scenario batch
}

@test "es-append --each, --guard" {
    scenario each
    scenario guarded
}

@test "es-append that folds the index, or checkpoints" {
    scenario fold
    scenario checkpoint
    scenario close
}
