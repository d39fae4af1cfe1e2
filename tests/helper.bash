# shellcheck shell=bash
#
# What every .bats file loads first:
#
#     load helper          (in tests/slow: load ../helper)
#
#     @test "an unknown flag is a usage error" {
#         run --separate-stderr es-append --no-such-flag
#         assert_failure 2
#         refute_output
#         assert_error_line es-append 'no-such-flag'
#     }
#
# The programs are found in $ES_BIN (default: bin/ of this tree), and each test
# begins in its own empty directory.  A file with a setup() or teardown() of
# its own calls es_setup or es_teardown in it.  Look at all three of status,
# stdout ($output) and stderr ($stderr).

bats_require_minimum_version 1.5.0

# The libraries are where BATS_LIB_PATH says, else where systems put them.  All
# of this is done anew for each test: so it starts no process, as the libraries'
# own load.bash would for each of their files.
es_load_library() {
    local dir file
    IFS=: read -ra dir <<<"${BATS_LIB_PATH:-}"
    for dir in "${dir[@]}" /usr/lib/bats /usr/lib /usr/local/lib/bats \
        /usr/local/lib /opt/homebrew/lib; do
        if [ -e "$dir/$1/load.bash" ]; then
            for file in "$dir/$1"/src/*.bash; do
                # shellcheck disable=SC1090
                source "$file"
            done
            return
        fi
    done
    echo "tests need $1: make deps" >&2
    return 1
}

es_load_library bats-support
es_load_library bats-assert
es_load_library bats-file

# es_place NAME DIR: set NAME to the absolute path of DIR.
es_place() {
    local from=$PWD
    cd "$2" && printf -v "$1" %s "$PWD" && cd "$from" || return
}

es_place ES_TOP "${BASH_SOURCE[0]%/*}/.."
case ${ES_BIN:=bin} in
/*) ;;
*) es_place ES_BIN "$ES_TOP/$ES_BIN" ;;
esac
case :$PATH: in
:"$ES_BIN":*) ;;
*) PATH=$ES_BIN:$PATH ;;
esac
export ES_TOP ES_BIN PATH
unset ES_STORE ES_SYNC ES_SHARE NO_COLOR
export LC_ALL=C

es_setup() {
    es_started=()
    cd "$BATS_TEST_TMPDIR" || return
}

# Ask first: a program that is killed cannot end what it has started itself.
es_teardown() {
    local pid
    {
        for pid in "${es_started[@]}"; do
            kill "$pid" || continue
            within 5 gone "$pid" || kill -KILL "$pid"
        done
        wait
    } 2>/dev/null || true
}

setup() {
    es_setup
}

teardown() {
    es_teardown
}

# assert_error_line PROG [REGEX]: stderr is one line that begins with "PROG: "
# and matches.
assert_error_line() {
    # shellcheck disable=SC2154 # run sets it
    if [[ $stderr == *$'\n'* || $stderr != "$1: "* ||
        ! $stderr =~ ${2-} ]]; then
        batslib_print_kv_single_or_multi 8 \
            program "$1" regex "${2-}" stderr "$stderr" |
            batslib_decorate 'stderr is not one line of the program' | fail
    fi
}

# assert_stderr [TEXT]: stderr is exactly that, by default nothing.
assert_stderr() {
    if [ "$stderr" != "${1-}" ]; then
        batslib_print_kv_single_or_multi 8 \
            expected "${1-}" actual "$stderr" |
            batslib_decorate 'stderr differs' | fail
    fi
}

# within SECONDS COMMAND...: wait until it succeeds, trying again and again;
# fail when it has not after so many seconds.
within() {
    local until=$((SECONDS + $1)) nothing
    shift
    exec {nothing}<> <(:)
    until "$@"; do
        if [ "$SECONDS" -gt "$until" ]; then
            exec {nothing}>&-
            fail "did not happen in time: $*"
            return
        fi
        read -rt 0.02 -u "$nothing" || true
    done
    exec {nothing}>&-
}

# lines FILE N: whether it has (at least) N whole lines; for within.
lines() {
    [ -e "$1" ] && [ "$(wc -l <"$1")" -ge "$2" ]
}

# ids: of the messages on stdin, each with a space behind it.  jq 1.6 takes 30 ms
# to start.
ids() {
    sed -n 's/^{"position":[0-9]*,"id":"\([^"]*\)".*/\1/p' | tr '\n' ' '
}

# start NAME COMMAND...: run it beside the test, with its output in NAME.out
# and NAME.err; sets pid.  What still runs at the end is killed.
start() {
    local name=$1
    shift
    "$@" >"$name.out" 2>"$name.err" </dev/null 3>&- &
    pid=$!
    es_started+=("$pid")
}

# finish SECONDS PID: wait for its end; sets status.
finish() {
    within "$1" gone "$2" || return
    # shellcheck disable=SC2034 # status is for the test
    if wait "$2"; then status=0; else status=$?; fi
}

# The shell has already taken note of a child that has ended.
gone() {
    ! kill -0 "$1" 2>/dev/null
}

# outside COMMAND...: run it as if no test were running, for bats in a test.
outside() {
    local name
    (
        PATH=:$PATH:
        PATH=${PATH//:"$BATS_LIBEXEC":/:}
        PATH=${PATH#:} PATH=${PATH%:}
        for name in $(compgen -e BATS_); do
            unset "$name"
        done
        exec "$@"
    )
}

# unprivileged COMMAND...: run it bound by permission bits.  The tests may run
# as root, whom they do not bind: then root without its capabilities.
unprivileged() {
    if [ "$(id -u)" -ne 0 ]; then
        "$@"
    else
        setpriv --bounding-set=-all --inh-caps=-all -- "$@"
    fi
}

# Skip a test that needs it where it is not to be had.
need_unprivileged() {
    [ "$(id -u)" -ne 0 ] || unprivileged true 2>/dev/null ||
        skip "root, and no setpriv that works"
}
