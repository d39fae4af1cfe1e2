#!/usr/bin/env bats
# bats file_tags=slow
#
# A disk that is really full: a small file system in memory, where one may be
# mounted; and files that may not become larger.

load ../helper

setup() {
    es_setup
    mkdir disk
    cd disk || return
}

teardown() {
    cd "$BATS_TEST_TMPDIR" || return
    [ -z "${mounted-}" ] || umount disk
    es_teardown
}

large() {
    local text
    text=$(printf '%09000d' 0)
    seq "$1" | sed "s/.*/{\"type\":\"a.b\",\"payload\":{\"n\":&,\"x\":\"$text\"}}/"
}

# limited COMMAND...: none of its files may have more than 1000 KiB.
limited() {
    (
        ulimit -f 1000
        # The signal would kill before the write can fail.
        trap '' XFSZ
        "$@"
    )
}

# fill COMMAND...: append, by way of the command, until there is no room.
fill() {
    local i acknowledged=0
    es-init
    for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
        large 15 >"$BATS_TEST_TMPDIR/batch"
        run --separate-stderr "$@" es-append "$BATS_TEST_TMPDIR/batch"
        if [ "$status" -eq 0 ]; then
            acknowledged=$((acknowledged + 15))
            continue
        fi
        assert_failure 1
        refute_output
        assert_error_line es-append '^es-append: es.db: '
        break
    done
    [ "$i" -gt 1 ]
    [ "$i" -lt 12 ]
    assert_equal "$(es-query --count)" "$acknowledged"
    # Readers read on; where a small message still finds room, it is stored.
    run --separate-stderr "$@" es-append -t a.b x=1
    [ "$status" -ne 0 ] || acknowledged=$((acknowledged + 1))
    es-query | sed 's/^{"position":\([0-9]*\),.*/\1/' |
        cmp - <(seq "$acknowledged")
    stored=$acknowledged
}

@test "a full disk stores nothing by half, and loses nothing" {
    mount -t tmpfs -o size=1m es-test "$PWD" 2>/dev/null ||
        skip 'nothing can be mounted here'
    mounted=1
    cd "$PWD" || return
    fill env
    mount -o remount,size=8m "$PWD"
    es-append -q -t a.b x=2
    assert_equal "$(es-query --count)" $((stored + 1))
    es-check
}

@test "files that may not grow: nothing by half, and nothing lost" {
    fill limited
    # Others, or with a higher limit, go on.
    es-append -q -t a.b x=2
    assert_equal "$(es-query --count)" $((stored + 1))
    es-check
}
