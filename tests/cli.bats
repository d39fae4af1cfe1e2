# What all programs do alike: each rule is tried on every program in bin/.
#
# A new program needs a line in each of the tables below; words that it does
# not need are left empty, and a rule that does not concern it is left out by
# leaving out the entry.  The words are split at blanks and used in a directory
# that has a store, es.db, with messages things.seen, and the handlers that
# setup_file() writes.
#
# shellcheck disable=SC2034 # the tables are used by name

load helper

# What it needs of a store: none, make, read or write; and words that make it
# open one.
declare -gA access=(
    [es-append]=write [es-check]=read [es-copy]=read [es-decide]=write
    [es-diff]=read
    [es-erase]=write
    [es-group]=read [es-init]=make
    [es-project]=write [es-query]=read [es-react]=write
    [es-serve]=write
)
declare -gA opens=(
    [es-append]='-t things.seen n=1'
    [es-check]=''
    [es-copy]='../copied.db'
    [es-decide]='things.jq -t things.see n=1'
    [es-diff]='things.jq things.jq'
    [es-erase]='seen-1'
    [es-group]='list'
    [es-project]='seen.jq'
    [es-query]=''
    [es-react]='things.jq'
    [es-serve]='-l 127.0.0.1:0 app'
)
# Words that make it read lines from standard input.
declare -gA reads=(
    [es-append]=''
    [es-decide]='things.jq'
    [es-erase]='-'
)
# Words that make it print something, however little.
declare -gA says=(
    [es-append]='-t things.seen n=1'
    [es-check]=''
    [es-decide]='things.jq -t things.see n=1'
    [es-erase]='seen-1'
    [es-group]='list'
    [es-project]='--print seen.jq'
    [es-query]='-n 1'
)
# Words that make it print more than a pipe holds.
declare -gA prints=(
    [es-append]='more.ndjson'
    [es-check]='--salvage'
    [es-project]='--print seen.jq'
    [es-query]=''
)

programs() {
    local file
    for file in "$ES_TOP"/bin/es-*.c; do
        basename "$file" .c
    done
}

setup_file() {
    mkdir "$BATS_FILE_TMPDIR/base"
    cd "$BATS_FILE_TMPDIR/base" || return
    cat >things.jq <<'JQ'
def about: {partition_by: ["n"]};
def initial: {seen: 0};
def evolve($e): apply($e; "things.seen"; .seen += 1);
def decide($c): on($c; "things.see"; event("things.seen"; $c.payload));
JQ
    cat >seen.jq <<'JQ'
def about: {partition_by: ["n"]};
def initial: {seen: 0};
def evolve($e): apply($e; "things.seen"; .seen += 1);
JQ
    mkdir -p app/deciders
    cp things.jq app/deciders
    seq 3000 | sed 's/.*/{"type":"things.seen","payload":{"n":"&"}}/' \
        >more.ndjson
    es-init
    sed '1s/{/{"id":"seen-1",/' more.ndjson | es-append -q
    es-react -q things.jq
}

# Where a rule is tried: a copy of the directory, of its own for each program.
in_copy() {
    rm -rf "$BATS_TEST_TMPDIR/copy"
    cp -R "$BATS_FILE_TMPDIR/base" "$BATS_TEST_TMPDIR/copy"
    cd "$BATS_TEST_TMPDIR/copy" || return
}

# each RULE [TABLE]: try it on every program, or on every one in the table, as
# RULE PROGRAM WORDS..., and say which ones break it.
each() {
    local rule=$1 program words broken=
    local -n table=${2-access}
    for program in $(programs); do
        [ "${table[$program]+set}" ] || continue
        words=
        [ "${2-access}" = access ] || words=${table[$program]}
        in_copy
        # In a condition, the shell would go on after what fails in it.
        # shellcheck disable=SC2086 # words
        (set -e; "$rule" "$program" $words) &
        if ! wait $!; then
            echo "--> $program $words"
            broken="$broken $program"
        fi
    done
    [ ! "$broken" ] || fail "$BATS_TEST_DESCRIPTION: not so for$broken"
}

# Count what is stored, with the eyes of another program.
stored() {
    sqlite3 -readonly es.db 'select count(*) from messages'
}

@test "every program is in the table" {
    local program
    for program in $(programs); do
        [ "${access[$program]-}" ] ||
            fail "$program: add it to the tables of tests/cli.bats"
    done
}

help() {
    local flag
    for flag in -h --help; do
        run --separate-stderr "$1" "$flag"
        assert_success
        assert_stderr
        assert_line --index 0 Examples:
        assert_line --index 1 --regexp "^  .*$1"
        assert_line --regexp "^usage: $1"
        # The last paragraph.
        [[ ${output##*$'\n\n'} == 'See also: '* ]] ||
            fail "the end is not See also: ${output##*$'\n\n'}"
    done
}

@test "-h: examples first, See also last" {
    each help
}

no_line_is_wide() {
    run "$1" -h
    refute_line --regexp '^.{80}'
}

@test "-h fits into 79 columns" {
    each no_line_is_wide
}

version() {
    local flag
    for flag in -V --version; do
        run --separate-stderr "$1" "$flag"
        assert_success
        assert_stderr
        assert_output --regexp "^$1 \(es\) [0-9]+\.[0-9]+\.[0-9]+$"
    done
}

@test "-V: name and version" {
    each version
}

unknown_flag() {
    local flag
    for flag in --no-such-flag -Z; do
        run --separate-stderr "$1" "$flag"
        assert_failure 2
        refute_output
        assert_error_line "$1" "$flag"
    done
}

@test "an unknown flag is a usage error" {
    each unknown_flag
}

lacks_argument() {
    run --separate-stderr "$1" -s
    assert_failure 2
    refute_output
    assert_error_line "$1" '-s'
}

@test "a flag that lacks its argument is a usage error" {
    each lacks_argument
}

help_to_full() {
    run --separate-stderr sh -c "$1 -h >/dev/full"
    assert_failure 1
    assert_error_line "$1" 'No space left on device'
}

prints_to_full() {
    run --separate-stderr sh -c "$* >/dev/full"
    assert_failure 1
    assert_error_line "$1" 'No space left on device'
}

@test "output that cannot be written fails" {
    [ -c /dev/full ] || skip "no /dev/full here"
    each help_to_full
    each prints_to_full says
    each prints_to_full prints
}

prints_to_closed() {
    run --separate-stderr sh -c "$* >&-"
    assert_failure 1
    assert_error_line "$1"
}

@test "closed output fails" {
    each prints_to_closed says
    each prints_to_closed prints
}

# It is as if there were no input; the descriptor is not taken for a store.
closed_input() {
    run --separate-stderr timeout 20 sh -c "$* <&-"
    [ "$status" -le 5 ] || fail "status $status"
    refute_output
    [ ! "$stderr" ] || assert_error_line "$1"
    run sqlite3 es.db 'pragma integrity_check'
    assert_output ok
}

@test "closed input is no input" {
    each closed_input reads
}

empty_input() {
    run --separate-stderr sh -c "$* </dev/null"
    assert_success
    refute_output
    assert_stderr
}

@test "empty input is fine" {
    each empty_input reads
}

to_head() {
    run --separate-stderr timeout 20 bash -c \
        "$* | head -n 1; exit \${PIPESTATUS[0]}"
    assert_equal "${#lines[@]}" 1
    if [ "$status" -eq 1 ] && [ "${access[$1]}" = write ]; then
        # What it could not acknowledge is stored: that has to be said.
        assert_error_line "$1" 'stored up to position [0-9]+'
    else
        # 141: ended by SIGPIPE
        [[ $status == 0 || $status == 141 ]] || fail "status $status"
        assert_stderr
    fi
}

@test "a reader that has had enough is no error" {
    each to_head prints
}

truncated_line() {
    local before
    before=$(stored)
    printf '{"type":"things.see' >line
    run --separate-stderr sh -c "$* <line"
    assert_failure 1
    refute_output
    assert_error_line "$1" '<stdin>:1: '
    assert_equal "$(stored)" "$before"
}

@test "a truncated line is refused, with its number" {
    each truncated_line reads
}

oversized_line() {
    local before
    before=$(stored)
    {
        printf '\n\n{"type":"things.see","payload":{"n":"'
        head -c 1100000 /dev/zero | tr '\0' x
        printf '"}}\n'
    } >line
    run --separate-stderr sh -c "$* <line"
    assert_failure 1
    refute_output
    assert_error_line "$1" '<stdin>:3: '
    assert_equal "$(stored)" "$before"
}

@test "a line over 1 MiB is refused, with its number" {
    each oversized_line reads
}

not_json() {
    local before
    before=$(stored)
    printf '\x1b[2J\n' >line
    run --separate-stderr sh -c "$* <line"
    assert_failure 1
    refute_output
    assert_error_line "$1" '<stdin>:1: '
    [[ $stderr != *$'\x1b'* ]] || fail "a control byte gets to the terminal"
    assert_equal "$(stored)" "$before"
}

@test "what is no JSON is refused, and does not drive the terminal" {
    each not_json reads
}

missing_file() {
    # Its words are ids.
    [ "$1" != es-erase ] || return 0
    run --separate-stderr "$@" no-such-file
    assert_failure 1
    refute_output
    assert_error_line "$1" 'no-such-file: .*No such file'
}

@test "a missing input file fails" {
    each missing_file reads
}

missing_store() {
    rm -f es.db*
    run --separate-stderr "$@" </dev/null
    assert_failure 1
    refute_output
    assert_error_line "$1" '^es-[a-z]*: es\.db: .*es-init'
    run ls -d es.db*
    assert_failure
    # No search upwards, and the one that is named is the one looked for.
    mkdir sub
    run --separate-stderr "$@" -s sub/other.db </dev/null
    assert_failure 1
    assert_error_line "$1" '^es-[a-z]*: sub/other\.db: .*es-init'
    run --separate-stderr env ES_STORE=third.db "$@" </dev/null
    assert_failure 1
    assert_error_line "$1" '^es-[a-z]*: third\.db: .*es-init'
}

@test "a missing store fails and names es-init" {
    each missing_store opens
}

no_store() {
    printf 'this is no store, but a text of some length\n' >es.db
    rm -f es.db-wal es.db-shm
    run --separate-stderr "$@" </dev/null
    assert_failure 1
    refute_output
    assert_error_line "$1" '^es-[a-z]*: es\.db: '
    run cat es.db
    assert_output 'this is no store, but a text of some length'
}

@test "a file that is no store is left alone" {
    each no_store opens
    no_store_for_init() { no_store es-init; }
    each no_store_for_init
}

# A writer says so; a reader works, where SQLite has left no -wal.
read_only() {
    sqlite3 es.db 'pragma wal_checkpoint(truncate)' >/dev/null
    assert_not_exists es.db-wal
    chmod a-w es.db* .
    run --separate-stderr unprivileged "$@" </dev/null
    chmod u+w .
    if [ "${access[$1]}" = read ]; then
        assert_success
        assert_stderr
    else
        assert_failure 1
        refute_output
        assert_error_line "$1" '^es-[a-z]*: es\.db'
    fi
    assert_equal "$(stored)" 3000
}

@test "a read-only store and directory: readers work, writers fail" {
    need_unprivileged
    each read_only opens
}

read_only_wal() {
    [ -s es.db-wal ] || es-append -q -t things.seen n=1
    assert_exists es.db-wal
    rm -f es.db-shm
    chmod a-w es.db* .
    run --separate-stderr unprivileged "$@" </dev/null
    chmod u+w . es.db*
    assert_failure 1
    refute_output
    assert_error_line "$1" '^es-[a-z]*: es\.db'
}

@test "a read-only directory with a -wal: all fail and say why" {
    need_unprivileged
    each read_only_wal opens
}

shares_completion() {
    run --separate-stderr "$1" --completion-table
    assert_success
    assert_stderr
    [[ $output == *$'\thelp\t\t'* ]] || fail "no table: $output"
}

@test "every program prints the table that completions are made of" {
    each shares_completion
}
