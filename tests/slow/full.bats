#!/usr/bin/env bats
# bats file_tags=slow
#
# A disk that is really full: a small file system in memory, where one may be
# mounted, else a limit for the size of files.

load ../helper

setup() {
    es_setup
    mkdir disk
    if mount -t tmpfs -o size=1m es-test disk 2>/dev/null; then
        mounted=1
    fi
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

# full COMMAND...: where the disk has its own limit there is no need of one.
full() {
    if [ -n "${mounted-}" ]; then
        "$@"
    else
        (
            ulimit -f 1000
            # The signal would kill before the write can fail.
            trap '' XFSZ
            "$@"
        )
    fi
}

@test "a full disk stores nothing by half, and loses nothing" {
    local i acknowledged=0
    es-init
    for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
        large 15 >"$BATS_TEST_TMPDIR/batch"
        run --separate-stderr full es-append "$BATS_TEST_TMPDIR/batch"
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
    # Readers read on, and so does who has room again.
    run --separate-stderr full es-append -t a.b x=1
    es-query | sed 's/^{"position":\([0-9]*\),.*/\1/' | cmp - <(seq "$(es-query --count)")
    if [ -n "${mounted-}" ]; then
        mount -o remount,size=8m "$PWD"
    fi
    es-append -q -t a.b x=2
    es-check
}
