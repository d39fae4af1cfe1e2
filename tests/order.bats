load helper

@test "the library keeps to the order of its rooms" {
    run --separate-stderr "$ES_TOP/tests/order"
    assert_success
    refute_output
    assert_stderr
}
