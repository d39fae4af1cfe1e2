#!/usr/bin/env bats
# bats file_tags=slow
#
# es-check: every byte of a small store flipped in turn is found, or changes
# nothing; salvage never prints what was not there.  tests/fault/flip.c says
# what is looked at.

load ../helper
load ../es-check
load ../fault/fault

setup() {
    fault_setup
    [ -z "${ES_FAULT_TMP-}" ] || cd "$ES_FAULT_TMP" || return
    rich_store
    # Small pages, since each byte costs the same.
    sqlite3 whole.db 'pragma page_size = 512; vacuum; pragma journal_mode = wal'
    size=$(stat -c %s whole.db)
}

teardown() {
    fault_teardown
}

# flips OPTION...: as many flips as bytes, or every so many, none of them bad.
flips() {
    run --separate-stderr flip whole.db "$@"
    assert_success
    assert_stderr
    assert_equal "${#lines[@]}" 1
    assert_output --regexp "^$want flips: [0-9]+ found, [0-9]+ harmless, \
[0-9]+ beside the messages, 0 bad; salvage: [0-9]+ whole, [0-9]+ in part$"
    echo "# $output" >&3
}

@test "a bit of every byte" {
    want=$size
    flips
}

@test "the highest bit of every fifth byte" {
    want=$(((size + 4) / 5))
    flips -x 80 -e 5
}

@test "all bits of every fifth byte" {
    want=$(((size + 4) / 5))
    flips -x ff -e 5
}
