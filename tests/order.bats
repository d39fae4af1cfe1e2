load helper

@test "the library keeps to the order of its rooms" {
    run --separate-stderr "$ES_TOP/tests/order"
    assert_success
    refute_output
    assert_stderr
}

# Loading libjq and what it needs takes longer than an append or a query.
@test "es-append and es-query do not load libjq" {
    command -v ldd >/dev/null || skip "no ldd here"
    for program in es-append es-query; do
        run ldd "$ES_BIN/$program"
        assert_success
        refute_line --partial libjq
    done
    run ldd "$ES_BIN/es-decide"
    assert_line --partial libjq
}
