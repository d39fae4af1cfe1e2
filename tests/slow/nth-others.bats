#!/usr/bin/env bats
# bats file_tags=slow
#
# The first, second, third … write, fsync, malloc … of the other programs fails,
# until they get through; tests/fault/nth.c says what has to hold.
#
#     ES_FAULT_ROUNDS=20 bats tests/slow/nth-others.bats

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

@test "es-query" {
    scenario query
    scenario count
}

@test "es-decide" {
    scenario given
    scenario decide
}

@test "es-project" {
    scenario project
}

@test "es-react" {
    scenario react
}

@test "es-copy" {
    scenario copy
    scenario copy-over
}

@test "es-check and es-erase" {
    scenario check
    scenario salvage
    scenario erase
}
