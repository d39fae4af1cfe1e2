# shellcheck shell=bash
#
# What the tests with faults share: where their programs are, and memory that
# takes the place of a disk where there is some, since they do not measure one.

fault_setup() {
    es_setup
    # Beside the unit tests, which may be of another build.
    faults=$(cd "$ES_TOP/${UNITS:-build/tests/unit}/../fault" && pwd)
    PATH=$faults:$PATH
    if [ -d /dev/shm ] && [ -w /dev/shm ]; then
        ES_FAULT_TMP=$(mktemp -d /dev/shm/es-tests.XXXXXX)
        export ES_FAULT_TMP
    fi
}

fault_teardown() {
    es_teardown
    [ -z "${ES_FAULT_TMP-}" ] || rm -rf "$ES_FAULT_TMP"
}

# A shim cannot be preloaded in front of a sanitizer.
need_shim() {
    [ -z "${ES_SANITIZED-}" ] || skip "a sanitizer wants to be the first"
}
