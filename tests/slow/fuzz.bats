#!/usr/bin/env bats
# bats file_tags=slow
#
# Some minutes of make fuzz, where clang has libFuzzer; else of our own changes
# to the corpora.

load ../helper

rounds() {
    awk -v n="$1" -v by="${ES_FAULT_ROUNDS:-1}" 'BEGIN {
        n = int(n * by); print n < 1 ? 1 : n }'
}

has_libfuzzer() {
    echo 'int LLVMFuzzerTestOneInput(const unsigned char *p, unsigned long n);
        int LLVMFuzzerTestOneInput(const unsigned char *p, unsigned long n)
        { (void)p; (void)n; return 0; }' >one.c
    clang -fsanitize=fuzzer,address -o one one.c 2>/dev/null
}

@test "every parser, for a while" {
    local name seconds
    seconds=$(rounds 25)
    if has_libfuzzer; then
        run outside env -u ES_BIN -u ES_TOP make -s -C "$ES_TOP" fuzz \
            FUZZ_TIME="$seconds"
        assert_success
        assert_line --regexp '^message: inputs tried: [0-9]+'
        return
    fi
    for name in "$ES_TOP"/tests/fuzz/corpus/*; do
        run "$ES_TOP/build/tests/fuzz/$(basename "$name")" \
            -n "$(rounds 300000)" "$name"/*
        assert_success
    done
}
