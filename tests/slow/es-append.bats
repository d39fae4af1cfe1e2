#!/usr/bin/env bats
# bats file_tags=slow
#
# es-append: input of more than 64 MiB, which waits in a temporary file.

load ../helper

setup() {
    es_setup
    es-init
    mkdir tmp
    export TMPDIR=$PWD/tmp
}

# N lines of a little over 1 KiB.
big() {
    local text
    text=$(printf '%01000d' 0)
    seq "$1" | sed "s/.*/{\"type\":\"a\",\"payload\":{\"n\":&,\"text\":\"$text\"}}/"
}

@test "70 MiB are one append" {
    big 70000 >input
    run --separate-stderr bash -c 'es-append input | tail -n 1'
    assert_success
    assert_stderr
    assert_output --regexp '^[{]"position":70000,.*"payload":[{]"n":70000,'
    assert_equal "$(es-query --count)" 70000
    assert_equal "$(es-query | jq .stored_at | sort -u | wc -l)" 1
    run ls tmp
    refute_output
}

@test "a bad line at the end of 70 MiB: nothing is stored" {
    { big 70000; echo nope; } >input
    run --separate-stderr es-append input
    assert_failure 1
    refute_output
    assert_error_line es-append '^es-append: input:70001: not JSON'
    assert_equal "$(es-query --count)" 0
    run ls tmp
    refute_output
}

@test "nowhere to put more than 64 MiB" {
    rmdir tmp
    run --separate-stderr bash -c "$(declare -f big); big 70000 | es-append"
    assert_failure 1
    refute_output
    assert_error_line es-append 'tmp/es.* No such file or directory'
    assert_equal "$(es-query --count)" 0
    # Less needs no file.
    big 1000 | es-append -q
    assert_equal "$(es-query --count)" 1000
}

@test "--each needs no file, and little memory" {
    ! grep -q __asan_init "$ES_BIN/es-append" ||
        skip "a sanitizer needs more address space than that"
    rmdir tmp
    big 70000 >input
    run --separate-stderr bash -c \
        'ulimit -v 2600000; es-append -q --each <input'
    assert_success
    assert_stderr
    assert_equal "$(es-query --count)" 70000
}
