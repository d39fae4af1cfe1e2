load helper

@test "the library keeps to the order of its rooms" {
    run --separate-stderr "$ES_TOP/tests/order"
    assert_success
    refute_output
    assert_stderr
}

# Loading libjq and what it needs takes longer than an append.  es-query has
# upcasts.
@test "es-append does not load libjq" {
    command -v ldd >/dev/null || skip "no ldd here"
    run ldd "$ES_BIN/es-append"
    assert_success
    refute_line --partial libjq
    run ldd "$ES_BIN/es-decide"
    assert_line --partial libjq
}
