#!/usr/bin/env bats
# bats file_tags=slow
#
# es-append: input of more than 64 MiB, which waits in a temporary file; busy
# writers; imports.

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

@test "a large dry run leaves no large -wal behind" {
    big 100000 >input
    es-append -q --dry-run input
    assert_equal "$(es-query --count)" 0
    es-append -q -t a
    [ ! -e es.db-wal ] || [ "$(stat -c %s es.db-wal)" -le 16777216 ]
    assert_equal "$(es-query --count)" 1
}

@test "a writer waits for 30 seconds, and not longer" {
    local began
    mkfifo hold
    start holder es-append --import hold
    exec 9>hold
    echo '{"position":1,"id":"h","type":"a","stored_at":"2026-01-01T00:00:00Z"}' >&9
    within 10 taken es.db
    began=$SECONDS
    for i in 1 2 3; do start "w$i" es-append -t b; done
    for i in 1 2 3; do
        finish 60 "${es_started[i]}"
        assert_equal "$status" 5
        assert_equal "$(cat "w$i.out")" ''
        assert_equal "$(cat "w$i.err")" \
            'es-append: es.db: busy: other writers held it for 30 s'
    done
    [ $((SECONDS - began)) -ge 29 ]
    exec 9>&-
    finish 20 "${es_started[0]}"
    assert_equal "$status" 0
    assert_equal "$(es-query --count)" 1
}

taken() {
    ! sqlite3 "$1" 'begin immediate; rollback' 2>/dev/null
}

# A line takes it 10 ms.
slow_reader() {
    local nothing line
    exec {nothing}<> <(:)
    while IFS= read -r line; do
        printf '%s\n' "$line"
        read -rt 0.01 -u "$nothing" || true
    done
}

@test "four busy writers and a slow reader: the -wal stays small" {
    local i size most=0 busy=1
    seq 20000 | sed 's/.*/{"type":"old","payload":{"n":&}}/' | es-append -q
    # shellcheck disable=SC2016 # the inner shell's
    start reader bash -c "$(declare -f slow_reader)"'
        es-query | slow_reader'
    within 20 lines reader.out 10
    for i in 1 2 3 4; do
        seq 20000 | sed "s/.*/{\"type\":\"new\",\"payload\":{\"w\":$i,\"n\":&}}/" \
            >"new$i"
        ES_SYNC=normal start "w$i" es-append -q --batch 5 "new$i"
    done
    while [ "$busy" ]; do
        busy=
        for i in 1 2 3 4; do
            gone "${es_started[i]}" || busy=1
        done
        size=$(stat -c %s es.db-wal)
        [ "$size" -le "$most" ] || most=$size
    done
    for i in 1 2 3 4; do
        finish 1 "${es_started[i]}"
        assert_equal "$status" 0
    done
    run gone "${es_started[0]}"
    assert_failure
    # 1000 frames, the commit above them, and what came while one was at it.
    echo "most: $most"
    [ "$most" -gt 1000000 ]
    [ "$most" -lt 16000000 ]
    assert_equal "$(es-query --count)" 100000
    es-query -t new | jq -e -n 'reduce inputs.payload as $p ({};
        if .[$p.w | tostring] // 0 | . + 1 == $p.n
        then .[$p.w | tostring] = $p.n else error("\($p)") end)
        == {"1": 20000, "2": 20000, "3": 20000, "4": 20000}'
}

@test "the import of a large log, byte for byte, and killed on the way" {
    big 70000 | es-append -q
    es-query >export
    es-init -s new.db
    rmdir tmp
    start import es-append -q -s new.db --import export
    within 60 large new.db-wal
    kill -KILL "$pid"
    wait "$pid" || true
    assert_equal "$(es-query -s new.db --count)" 0
    run --separate-stderr es-append -q -s new.db --import export
    assert_success
    assert_stderr
    es-query -s new.db | cmp export -
    assert_equal "$(es-query -s new.db -k n=69999)" "$(es-query -k n=69999)"
    # The last line is bad: nothing is there.
    { cat export; head -n 1 export; } >longer
    es-init -s third.db
    run --separate-stderr es-append -q -s third.db --import longer
    assert_failure 1
    assert_error_line es-append '^es-append: longer:70001: position: is 1'
    assert_equal "$(es-query -s third.db --count)" 0
}

large() {
    [ -e "$1" ] && [ "$(stat -c %s "$1")" -gt 1000000 ]
}
