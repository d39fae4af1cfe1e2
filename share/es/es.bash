# shellcheck shell=bash
#
# given, when and then for handlers, in bats; es-bats(7).
#
#     load /usr/local/share/es/es.bash        (or: bats_load_library es)
#
#     @test "a closed campaign refuses" {
#         handler deciders/donation.jq
#         given campaigns.campaign_created campaign_id=c1 name=Roof
#         given campaigns.campaign_closed  campaign_id=c1
#         when  donations.select_amount donation_id=d1 campaign_id=c1 amount:=10
#         then_rejected "campaign is closed"
#     }
#
# How it works: an es-decide --trial, which compiles a handler once, stays for
# all tests of a file and is asked through two pipes with names.  It is started
# with the first word, and a keeper ends it with the file.  Tests that run side
# by side have one each.  Needs bash 4 and bats 1.5.

if [ -z "${BATS_VERSION-}" ] || [ -z "${BATS_TEST_DIRNAME-}" ]; then
    echo "es.bash: this is for bats: run the file as: bats ${0##*/}" >&2
    # shellcheck disable=SC2317 # when it is sourced it returns
    return 1 2>/dev/null || exit 1
fi

# The programs are those in PATH, else those beside this file.
if ! type -P es-decide >/dev/null; then
    for _es_bin in ../../bin ../../../bin; do
        _es_bin=${BASH_SOURCE[0]%/*}/$_es_bin
        if [ -x "$_es_bin/es-decide" ]; then
            PATH=$(cd "$_es_bin" && pwd):$PATH
            export PATH
            break
        fi
    done
    unset _es_bin
fi

# What fails is a line of the test, not one in here.
if declare -F bats_add_debug_exclude_path >/dev/null; then
    bats_add_debug_exclude_path "${BASH_SOURCE[0]}"
fi

# The process whose end is that of the file: the one that loads the file before
# its tests, else the one that started this test.
if [[ ${0##*/} == bats-exec-file ]]; then
    export ES_BATS_FILE=$$:${BATS_FILE_TMPDIR-}
fi
_es_in=
_es_out=
_es_keeper=
_es_handlers=()

# ---- the words ----

# Each is one call without bats' trap for debugging, which takes longer than
# most of what is done here; and in a condition, so that nothing in it ends the
# test but its own answer.

# handler FILE: the handler that is tried, relative to the app's directory.
handler() { set +T; _es_handler "$@" || { set -T; return 1; }; set -T; }

# with_handlers FILE|APP...: run these to the end, in a store that is made for
# it.
with_handlers() { set +T; _es_with_handlers "$@" || { set -T; return 1; }; set -T; }

# given [-g TAG] [--id ID] [--meta NAME=VALUE] [--at TIME] TYPE [NAME=STRING |
# NAME:=JSON]...: this happened.
given() { set +T; _es_given "$@" || { set -T; return 1; }; set -T; }

# when, with the same words: a command is decided, an event reacted to.
when() { set +T; _es_when "$@" || { set -T; return 1; }; set -T; }

# What then_... compares; TYPE [attributes] may stand there several times.
then_events() { set +T; _es_ask then_events "$@" || { set -T; return 1; }; set -T; }
then_commands() { set +T; _es_ask then_commands "$@" || { set -T; return 1; }; set -T; }
then_messages() { set +T; _es_ask then_messages "$@" || { set -T; return 1; }; set -T; }
then_nothing() { set +T; _es_ask then_nothing "$@" || { set -T; return 1; }; set -T; }
then_rejected() { set +T; _es_ask then_rejected "$@" || { set -T; return 1; }; set -T; }
then_fault() { set +T; _es_ask then_fault "$@" || { set -T; return 1; }; set -T; }
then_state() { set +T; _es_ask then_state "$@" || { set -T; return 1; }; set -T; }
then_read_model() { set +T; _es_ask then_read_model "$@" || { set -T; return 1; }; set -T; }

_es_handler() {
    _es_handlers=()
    _es_path "${1-}"
    _es_ask handler "$_es_file" "${@:2}"
}

_es_with_handlers() {
    local file
    _es_handlers=()
    for file; do
        _es_path "$file"
        _es_handlers+=("$_es_file")
    done
    _es_make_store
}

_es_given() {
    if [ ${#_es_handlers[@]} -gt 0 ]; then
        _es_append given "$@" >/dev/null
    else
        _es_ask given "$@"
    fi
}

_es_when() {
    if [ ${#_es_handlers[@]} -gt 0 ]; then
        _es_run_store "$@"
    else
        _es_ask when "$@"
    fi
}

# ---- where things are ----

# Set _es_app: the nearest directory above the tests that looks like an app.
_es_find_app() {
    local dir=$BATS_TEST_DIRNAME
    if [ "${ES_APP-}" ]; then
        _es_app=$ES_APP
        return
    fi
    while [ "$dir" ]; do
        if [ -e "$dir/messages.json" ] || [ -d "$dir/deciders" ] ||
            [ -d "$dir/reactors" ] || [ -d "$dir/projectors" ]; then
            _es_app=$dir
            return
        fi
        dir=${dir%/*}
    done
    _es_app=$BATS_TEST_DIRNAME
}

# Set _es_file: of the app, or else of the directory in which the test stands.
_es_path() {
    [ "${_es_app-}" ] || _es_find_app
    if [[ $1 == /* ]] || [ -e "$_es_app/$1" ] || [ ! -e "$1" ]; then
        _es_file=$1
    else
        _es_file=$PWD/$1
    fi
}

# ---- asking ----

# Set _es_line: the words as a JSON array.
_es_array() {
    local word i char code
    if [[ "$*" != *[\"\\[:cntrl:]]* ]]; then
        printf -v _es_line '"%s",' "$@"
        _es_line="[${_es_line%,}]"
        return
    fi
    _es_line=
    for word; do
        word=${word//\\/\\\\}
        word=${word//\"/\\\"}
        word=${word//$'\n'/\\n}
        word=${word//$'\t'/\\t}
        word=${word//$'\r'/\\r}
        for ((i = 1; i < 32; i++)); do
            [[ $word == *[[:cntrl:]]* ]] || break
            printf -v code '\\u%04x' "$i"
            printf -v char '%b' "$code"
            word=${word//"$char"/"$code"}
        done
        _es_line+=,\"$word\"
    done
    _es_line="[${_es_line#,}]"
}

# Set _es_reply: a line of the answer.  Who answers may end meanwhile.
_es_read() {
    local part
    _es_reply=
    until IFS= read -r -t 1 -u "$_es_out" part; do
        _es_reply+=$part
        if ! kill -0 "$_es_keeper" 2>/dev/null; then
            _es_reply='{"ok":false,"message":"es-decide --trial is gone"}'
            return
        fi
    done
    _es_reply+=$part
}

# Ask, and fail with a report unless the answer is yes.
_es_ask() {
    [ "$_es_out" ] || _es_connect || return
    _es_array "$@"
    printf '%s\n' "$_es_line" >&"$_es_in"
    _es_read
    [[ $_es_reply == '{"ok":true'* ]] || _es_report
}

# ---- starting ----

# Take a place, one of those of this file: a lock that no other test holds.  Of
# one whose holder has ended there is one successor.
_es_claim() {
    local me=$$:${BATS_TEST_NUMBER-0}:${BATS_TEST_TRY_NUMBER-0} n owner
    local noclobber=+C
    [[ ! -o noclobber ]] || noclobber=-C
    set -C
    for ((n = 0; ; n++)); do
        _es_dir=$BATS_FILE_TMPDIR/es-$n
        if { printf '%s\n' "$me" >"$_es_dir.owner"; } 2>/dev/null; then
            break
        fi
        IFS= read -r owner <"$_es_dir.owner" || continue
        if [ "$owner" = "$me" ] || { ! kill -0 "${owner%%:*}" 2>/dev/null &&
            { : >"$_es_dir.after-$owner"; } 2>/dev/null; }; then
            printf '%s\n' "$me" >|"$_es_dir.owner"
            break
        fi
    done
    set "$noclobber"
}

_es_connect() {
    local until
    if [ -z "${BATS_FILE_TMPDIR-}" ]; then
        echo "es.bash: bats 1.5 or newer is needed" >&2
        return 1
    fi
    [ "${_es_app-}" ] || _es_find_app
    _es_claim
    _es_keeper=
    [ ! -e "$_es_dir/keeper" ] || read -r _es_keeper <"$_es_dir/keeper"
    if [ -z "$_es_keeper" ] || ! kill -0 "$_es_keeper" 2>/dev/null; then
        rm -rf "$_es_dir"
        mkdir "$_es_dir" || return
        mkfifo "$_es_dir/in" "$_es_dir/out" "$_es_dir/still" || return
        # In a shell that ends at once, so that nobody waits for it.
        ( (_es_keep) </dev/null >/dev/null 2>"$_es_dir/error" & )
        until=$((SECONDS + 60))
        until [ -s "$_es_dir/keeper" ]; do
            if [ "$SECONDS" -gt "$until" ]; then
                echo "es.bash: es-decide --trial did not start" >&2
                return 1
            fi
            _es_pause "$_es_dir/still"
        done
        read -r _es_keeper <"$_es_dir/keeper"
    fi
    exec {_es_in}<>"$_es_dir/in" {_es_out}<>"$_es_dir/out" || return
    _es_hello
}

# What somebody left unfinished is passed over.
_es_hello() {
    local me=$BASHPID.$RANDOM
    _es_array begin "$_es_app"
    printf '\n["%s"]\n%s\n' "$me" "$_es_line" >&"$_es_in"
    _es_reply=
    until [[ $_es_reply == *"$me"* ]]; do
        _es_read
        if [[ $_es_reply == *'--trial is gone"'* ]]; then
            cat "$_es_dir/error" >&2 2>/dev/null || true
            _es_report
            return
        fi
    done
    _es_read
    [[ $_es_reply == '{"ok":true'* ]] || _es_report
}

# A little while: nobody writes to this pipe.
_es_pause() {
    local still
    exec {still}<>"$1"
    read -r -t 0.02 -u "$still" || true
    exec {still}>&-
}

# Beside the tests: keep es-decide for as long as the file is tested.
_es_keep() {
    local file=$PPID pid still fd
    trap - DEBUG ERR EXIT
    set +eET
    [[ ${ES_BATS_FILE-} != *":$BATS_FILE_TMPDIR" ]] ||
        file=${ES_BATS_FILE%%:*}
    # Who holds what bats reads keeps it waiting.
    for fd in /dev/fd/*; do
        fd=${fd##*/}
        if [[ $fd == [0-9]* ]] && ((fd > 2 && fd != 255)); then
            eval "exec $fd>&-"
        fi
    done
    cd / || exit
    exec {still}<>"$_es_dir/still"
    es-decide --trial <>"$_es_dir/in" 1<>"$_es_dir/out" {still}>&- &
    pid=$!
    printf '%s\n' "$BASHPID" >"$_es_dir/.keeper"
    mv "$_es_dir/.keeper" "$_es_dir/keeper"
    while kill -0 "$file" && kill -0 "$pid"; do
        read -r -t 0.2 -u "$still"
    done 2>/dev/null
    kill "$pid" 2>/dev/null
    wait "$pid"
    rm -rf "$_es_dir"
}

# ---- runs in a store ----

_es_make_store() {
    local app=()
    [ "${_es_app-}" ] || _es_find_app
    _es_scratch=$BATS_TEST_TMPDIR/es-scratch
    rm -rf "$_es_scratch"
    mkdir "$_es_scratch" || return
    [ ! -e "$_es_app/messages.json" ] || app=(-m "$_es_app/messages.json")
    _es_groups=
    es-init -q -s "$_es_scratch/es.db" "${app[@]}"
}

# _es_append WORD ...: the type is the first word that is no flag's.
_es_append() {
    local said=$1 flags=()
    shift
    while [[ ${1-} == -* ]]; do
        if [ "$1" = --at ]; then
            echo "$said: --at: not with with_handlers: a store has its own" \
                "clock" >&2
            return 1
        fi
        flags+=("${@:1:2}")
        shift $(($# > 1 ? 2 : 1))
    done
    es-append -s "$_es_scratch/es.db" "${flags[@]}" -t "$@"
}

# With the groups there before it, the message is handled.
_es_run_store() {
    local store=$_es_scratch/es.db line position
    if [ ! "$_es_groups" ]; then
        (cd "$_es_app" && es-react -q -s "$store" "${_es_handlers[@]}") ||
            return
        _es_groups=1
    fi
    line=$(_es_append when "$@") || return
    position=${line#*\"position\":}
    (cd "$_es_app" && es-react -q -s "$store" "${_es_handlers[@]}") || return
    es-query -s "$store" >"$_es_scratch/log" || return
    _es_ask history "$_es_scratch/log" "${position%%,*}"
}

# ---- reports ----

# Set _es_text: a member of the reply, decoded; fails when there is none.
_es_member() {
    local string="\"$1\":\"(([^\"\\\\]|\\\\.)*)\""
    [[ $_es_reply =~ $string ]] || return
    _es_text=${BASH_REMATCH[1]//\\\"/\"}
    printf -v _es_text '%b' "$_es_text"
}

# Colours when a person looks at them, or asks for them.  That bats is pretty
# shows in that its tests tell more; so do those that are timed for a machine.
_es_colours() {
    [ -z "${NO_COLOR-}" ] || return
    case ${CLICOLOR_FORCE:-${FORCE_COLOR-}} in
    '' | 0) ;;
    *) return 0 ;;
    esac
    [ "${TERM:-dumb}" != dumb ] || return
    [ "${BATS_EXTENDED_SYNTAX-}" ] && [ -z "${BATS_ENABLE_TIMING-}" ] &&
        { : >/dev/tty; } 2>/dev/null
}

# Set _es_width: $COLUMNS, else the terminal's, else 80.
_es_columns() {
    local size
    _es_width=${COLUMNS-}
    if [ ! "$_es_width" ] && size=$(stty size 2>/dev/null </dev/tty); then
        _es_width=${size#* }
    fi 2>/dev/null
    [[ $_es_width =~ ^[1-9][0-9]{0,3}$ ]] || _es_width=80
}

_es_report() {
    local message expected colours=
    _es_member message || _es_text=$_es_reply
    message=$_es_text
    if ! _es_member expected; then
        printf '%s\n' "$message" >&2
        ! _es_member actual || printf '%s' "$_es_text" >&2
        return 1
    fi
    expected=$_es_text
    _es_member actual || _es_text=
    _es_columns
    ! _es_colours || colours=1
    printf '%s\n' "$message" >&2
    ES_EXPECTED=$expected ES_ACTUAL=$_es_text awk -v width=$((_es_width - 4)) \
        -v colours="$colours" "$_es_diff" </dev/null >&2
    return 1
}

# Side by side where that fits, else below each other: the longest common
# subsequence of lines, and what is on one side only beside what took its place.
# shellcheck disable=SC2016 # awk's
_es_diff='
function paint(code, text) {
    return colours ? "\033[" code "m" text "\033[0m" : text
}
function pad(text, n) { return sprintf("%-" n "s", text) }
function two(left, mark, right, l, r) {
    left = pad(left, half)
    printf "%s %s %s\n", l ? paint(l, left) : left, mark,
        r ? paint(r, right) : right
}
function flush_two(    i) {
    for (i = 1; i <= nl || i <= nr; i++)
        two(i <= nl ? L[i] : "", i > nr ? "<" : i > nl ? ">" : "|",
            i <= nr ? R[i] : "", i <= nl ? 31 : "", i <= nr ? 32 : "")
}
function flush_one(    i) {
    for (i = 1; i <= nl; i++)
        print paint(31, "- " L[i])
    for (i = 1; i <= nr; i++)
        print paint(32, "+ " R[i])
}
function flush() {
    if (half) flush_two(); else flush_one()
    nl = nr = 0
}
function walk(    i, j) {
    i = j = 1
    while (i <= n || j <= m) {
        if (i <= n && j <= m && e[i] == a[j]) {
            flush()
            if (half) two(e[i], " ", a[j]); else print "  " e[i]
            i++; j++
        } else if (j > m || (i <= n && c[i + 1, j] >= c[i, j + 1]))
            L[++nl] = e[i++]
        else
            R[++nr] = a[j++]
    }
    flush()
}
BEGIN {
    n = split(ENVIRON["ES_EXPECTED"], e, "\n")
    m = split(ENVIRON["ES_ACTUAL"], a, "\n")
    if (n && e[n] == "") n--
    if (m && a[m] == "") m--
    for (i = 1; i <= n; i++) if (length(e[i]) > left) left = length(e[i])
    for (j = 1; j <= m; j++) if (length(a[j]) > right) right = length(a[j])
    if (left < 8) left = 8
    if (left + right + 3 <= width) half = left
    for (i = n; i >= 1; i--)
        for (j = m; j >= 1; j--)
            if (e[i] == a[j])
                c[i, j] = c[i + 1, j + 1] + 1
            else if (c[i + 1, j] >= c[i, j + 1])
                c[i, j] = c[i + 1, j]
            else
                c[i, j] = c[i, j + 1]
    if (half)
        two("expected", " ", "actual", 1, 1)
    else {
        print paint(31, "--- expected")
        print paint(32, "+++ actual")
    }
    walk()
}'
