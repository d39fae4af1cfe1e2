# The man pages: they are well formed, they name what there is, and their
# examples work.  How examples are written stands in tests/man-examples.

load helper

# The store that the examples of every page begin with.
store() {
    es-init
    es-append -q <<'NDJSON'
{"type":"campaigns.create_campaign","kind":"command","id":"m1","payload":{"campaign_id":"c1","name":"New roof"}}
{"type":"campaigns.campaign_created","id":"m2","causation_id":"m1","payload":{"campaign_id":"c1","name":"New roof"}}
{"type":"donations.start_donation","kind":"command","id":"m3","payload":{"campaign_id":"c1","donation_id":"d1"}}
{"type":"donations.donation_started","id":"m4","causation_id":"m3","payload":{"campaign_id":"c1","donation_id":"d1"}}
{"type":"donations.select_amount","kind":"command","id":"m5","payload":{"campaign_id":"c1","donation_id":"d1","amount":30}}
{"type":"donations.amount_selected","id":"m6","causation_id":"m5","payload":{"campaign_id":"c1","donation_id":"d1","amount":30}}
{"type":"donations.donation_started","id":"m7","payload":{"campaign_id":"c1","donation_id":"d2"}}
{"type":"donations.amount_selected","id":"m8","payload":{"campaign_id":"c1","donation_id":"d2","amount":50}}
{"type":"donations.payment_confirmed","id":"m9","payload":{"campaign_id":"c1","donation_id":"d1","amount":30}}
NDJSON
}

# The pages, of one section or all.
pages() {
    ls "$ES_TOP"/man/*."${1-}"*
}

# The flags of a program's usage text, one a line.
flags_of_help() {
    "$1" -h | awk '
        /^Options:/ { inside = 1; next }
        /^$/ { inside = 0 }
        inside && /^ +-/ {
            for (i = 1; i <= NF && $i ~ /^-/; i++) {
                sub(/,$/, "", $i)
                print $i
            }
        }' | sort -u
}

# The flags of a page: all that it names, or with "list" those that it
# describes, as the head of a list's item.
flags_of_page() {
    awk -v what="${2-}" '
        /^\.\\"/ { next }
        /^\./ && (what == "" || /^\.It Fl/) {
            for (i = 1; i < NF; i++)
                if ($i == "Fl" || $i == ".Fl") {
                    flag = $(i + 1)
                    gsub(/\\/, "", flag)
                    # Letters may stand together: Fl qv.
                    if (flag ~ /^[A-Za-z0-9]+$/)
                        for (k = 1; k <= length(flag); k++)
                            print "-" substr(flag, k, 1)
                    else if (flag ~ /^-[a-z]/)
                        print "-" flag
                }
        }' "$1" | sort -u
}

@test "the pages are well formed" {
    local page
    for page in $(pages); do
        run mandoc -T lint -W warning "$page"
        assert_success
        refute_output
    done
}

@test "every program has a page, and every page of section 1 a program" {
    local file name
    for file in "$ES_TOP"/bin/es-*.c; do
        name=$(basename "$file" .c)
        [ -e "$ES_TOP/man/$name.1" ] || fail "$name has no man/$name.1"
    done
    for file in $(pages 1); do
        name=$(basename "$file" .1)
        [ -e "$ES_TOP/bin/$name.c" ] || fail "$file: there is no bin/$name.c"
    done
}

@test "a program's page has the sections of the house" {
    local page section
    for page in $(pages 1); do
        for section in NAME SYNOPSIS DESCRIPTION 'EXIT STATUS' EXAMPLES \
            'SEE ALSO'; do
            grep -qx "\.Sh $section" "$page" || fail "$page: no $section"
        done
    done
}

@test "a program's page has three examples, and one is a pipeline" {
    local page
    for page in $(pages 1); do
        grep -v '^\.\\" no-run' "$page" >all
        "$ES_TOP/tests/man-examples" all >script
        [ "$(grep -c '^# example' script)" -ge 3 ] ||
            fail "$page: fewer than three examples"
        grep -q ' | ' script || fail "$page: no pipeline"
    done
}

@test "what -h lists is in the page, and the other way round" {
    local page name
    for page in $(pages 1); do
        name=$(basename "$page" .1)
        flags_of_help "$name" >help
        flags_of_page "$page" >named
        flags_of_page "$page" list >described
        run comm -23 help named
        assert_output "" || fail "$page does not name these flags of -h"
        run comm -13 help described
        assert_output "" || fail "$name -h does not list these flags of $page"
    done
}

@test "pages refer to pages that are there" {
    local page ref
    for page in $(pages); do
        while read -r ref; do
            [ -e "$ES_TOP/man/$ref" ] || fail "$page refers to $ref"
        done < <(awk '$1 == ".Xr" && $2 ~ /^es(-|$)/ { print $2 "." $3 }' \
            "$page")
    done
    for page in $(pages 1); do
        while read -r ref; do
            [ -e "$ES_TOP/man/$ref" ] ||
                fail "$(basename "$page" .1) -h refers to $ref"
        done < <("$(basename "$page" .1)" -h | sed -n '/^See also:/,$p' |
            grep -o 'es[a-z-]*([0-9])' | tr '(' . | tr -d ')')
    done
}

# One page, in a directory of its own; what fails is shown from its example on.
run_page() {
    local name
    name=$(basename "$1")
    mkdir "$name"
    "$ES_TOP/tests/man-examples" "$1" >script || return
    (cd "$name" && store) || return
    (cd "$name" && outside timeout 60 sh -eux ../script) >log 2>&1 </dev/null && return
    echo "$1: fails; the end of what it did and printed:"
    tail -n 25 log
    return 1
}

@test "the examples of the pages work" {
    local page broken=
    for page in $(pages); do
        run_page "$page" || broken="$broken $(basename "$page")"
    done
    [ ! "$broken" ] || fail "these have examples that do not work:$broken"
}

@test "what the examples are taken from: setup, no-run, escapes" {
    cat >page.1 <<'MDOC'
.Sh DESCRIPTION
.Bd -literal
false
.Ed
.Sh EXAMPLES
One:
.\" setup: echo 1 >one
.Bd -literal -offset indent
cat one | sed \(aqs/1/\e&\e&/\(aq >two
\&. ./two
.Ed
.\" no-run
.Bd -literal
es-query -f
.Ed
.Bd -literal
$ printf '%s' \e
    '$ last'
last
$ tail
.Ed
.Sh SEE ALSO
.Bd -literal
false
.Ed
MDOC
    run --separate-stderr "$ES_TOP/tests/man-examples" page.1
    assert_success
    assert_stderr
    assert_output "echo 1 >one
# example 1, line 9
cat one | sed 's/1/\\&\\&/' >two
. ./two
# example 2, line 17
printf '%s' \\
    '\$ last'
tail"

    printf '.Sh EXAMPLES\n.Dl es-query\n' >page.1
    run --separate-stderr "$ES_TOP/tests/man-examples" page.1
    assert_failure 1
    refute_output
    assert_stderr 'page.1:2: an example is a .Bd -literal'
}
