#!/usr/bin/env bats
#
# es-append: what is stored, what is refused, and what is said of it.

load helper

setup() {
    es_setup
    es-init
}

# A line of N bytes, newline not counted.
line_of() {
    local head='{"type":"a","payload":{"a":"' tail='"}}'
    printf '%s' "$head"
    head -c $(($1 - ${#head} - ${#tail})) /dev/zero | tr '\0' x
    printf '%s\n' "$tail"
}

# stored N: that many messages are in the log.
stored() {
    [ "$(es-query --count)" -eq "$1" ]
}

# refused INPUT REGEX: exit 1, one line on stderr, nothing stored.
refused() {
    local before
    before=$(es-query --count)
    printf '%b' "$1" >input
    run --separate-stderr es-append <input
    assert_failure 1
    refute_output
    assert_error_line es-append "$2"
    assert_equal "$(es-query --count)" "$before"
}

catalog() {
    cat >messages.json <<'END'
{
  "loans.lend_book": {"kind": "command",
    "payload": {"book_id": "string", "days": "integer", "fine": "boolean?",
      "note": "string?"}},
  "loans.book_lent": {"keys": ["book_id"],
    "payload": {"book_id": "string", "days": "integer"}}
}
END
    es-init -m messages.json
}

# ---- what is stored ----

@test "a line is stored and printed, with all that it lacked" {
    run --separate-stderr es-append <<<'{"type":"loans.book_lent"}'
    assert_success
    assert_stderr
    assert_equal "${#lines[@]}" 1
    jq -e '(keys_unsorted == ["position", "id", "kind", "type", "version",
        "payload", "metadata", "causation_id", "correlation_id", "created_at",
        "stored_at"])
        and .position == 1 and .kind == "event" and .version == 1
        and .payload == {} and .metadata == {} and .causation_id == .id
        and .correlation_id == .id and .created_at == .stored_at
        and (.id | test("^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab]"))
        and (.stored_at | test("^[0-9-]{10}T[0-9:]{8}[.][0-9]{6}Z$"))
        ' <<<"$output"
    es-query | diff - <(printf '%s\n' "$output")
}

@test "what a line says is kept, byte by byte" {
    local payload='{ "n": 1.50, "big": 12345678901234567890,  "e":1e400,'
    payload+='"s":"\u0041\/\ud83d\udc1d" , "deep": [ { } ] }'
    run --separate-stderr es-append <<END
{"created_at":"2020-02-29T12:00:00.5+02:00","correlation_id":"k",
END
    assert_failure 1
    run --separate-stderr es-append <<END
{"payload":$payload,"created_at":"2020-02-29T12:00:00.5+02:00","correlation_id":"k","causation_id":"c","metadata":{ "by" : "me" },"tags":["x:1", "vip"],"version":3,"kind":"command","type":"a.b","id":"m-1","position":77}
END
    assert_success
    assert_stderr
    assert_output --partial "\"payload\":$payload,\"metadata\":{ \"by\" : \"me\" },"
    assert_output --partial '"tags":["x:1", "vip"]'
    jq -e '.position == 1 and .id == "m-1" and .kind == "command"
        and .version == 3 and .causation_id == "c" and .correlation_id == "k"
        and .created_at == "2020-02-29T12:00:00.5+02:00"' <<<"$output"
}

@test "several files, one after the other, and stdin as -" {
    echo '{"type":"a"}' >one
    echo '{"type":"c"}' >three
    run --separate-stderr es-append one - three <<<'{"type":"b"}'
    assert_success
    assert_stderr
    assert_equal "$(jq -r .type <<<"$output" | tr '\n' ' ')" 'a b c '
}

@test "positions are gapless in order of the input" {
    for ((i = 1; i <= 500; i++)); do echo "{\"type\":\"t$i\"}"; done >input
    es-append <input >output
    jq -e -s 'map(.position) == [range(1; 501)]
        and map(.type) == [range(1; 501) | "t\(.)"]' output
    es-query | cmp output -
}

@test "blank lines and carriage returns are white space" {
    run --separate-stderr es-append <<<$'\n  \r\n{"type":"a"}\r\n\t\n'
    assert_success
    assert_equal "${#lines[@]}" 1
    stored 1
}

@test "no input: nothing is stored, and nothing is wrong" {
    run --separate-stderr es-append </dev/null
    assert_success
    refute_output
    assert_stderr
    run --separate-stderr es-append --each </dev/null
    assert_success
    refute_output
    stored 0
}

@test "-q prints nothing; -v tells of the store" {
    run --separate-stderr es-append -q <<<'{"type":"a"}'
    assert_success
    refute_output
    assert_stderr
    stored 1
    run --separate-stderr es-append -qv <<<'{"type":"a"}'
    assert_success
    refute_output
    assert_stderr 'es-append: es.db: 1 stored, up to position 2'
}

@test "the last line may lack its newline, if it is whole" {
    printf '{"type":"a"}\n{"type":"b"}' >input
    run --separate-stderr es-append <input
    assert_success
    stored 2
    refused '{"type":"a"}\n{"type":"b"' '<stdin>:2: cut off'
}

# ---- all or nothing ----

@test "one bad line, and nothing is stored" {
    refused '{"type":"a"}\n{"type":"b"}\nnot json\n' '<stdin>:3: not JSON'
    refused '{"type":"a"}\n\n\n{"type":"b","x":1}\n' '<stdin>:4: x: no such'
    stored 0
}

@test "the place names the file" {
    echo '{"type":"a"}' >good
    printf '{"type":"a"}\n{"type":"a","version":0}\n' >bad
    run --separate-stderr es-append good bad
    assert_failure 1
    refute_output
    assert_error_line es-append \
        '^es-append: bad:2: version: must be an integer from 1$'
    run --separate-stderr es-append good none
    assert_failure 1
    assert_stderr 'es-append: none: No such file or directory'
    run --separate-stderr es-append good .
    assert_failure 1
    assert_error_line es-append 'Is a directory'
    stored 0
}

@test "a producer that dies in a line" {
    printf '{"type":"a"}\n{"type":"b","pay' >half
    # shellcheck disable=SC2016 # the inner shell's
    run --separate-stderr bash -c \
        '{ cat half; kill -9 $BASHPID; } | es-append'
    assert_failure 1
    refute_output
    assert_error_line es-append '<stdin>:2: cut off'
    stored 0
}

@test "the lock is not held while input is read" {
    mkfifo pipe
    start slow es-append pipe
    exec 9>pipe
    echo '{"type":"slow"}' >&9
    run --separate-stderr timeout 5 es-append <<<'{"type":"quick"}'
    assert_success
    echo '{"type":"slow"}' >&9
    exec 9>&-
    finish 5 "$pid"
    assert_equal "$status" 0
    assert_equal "$(es-query | jq -r .type | tr '\n' ' ')" 'quick slow slow '
}

# ---- hostile lines ----

@test "lines that are no messages" {
    refused '[]\n' '<stdin>:1: not a JSON object'
    refused '"a"\n' 'not a JSON object'
    refused '{}\n' 'type: missing'
    refused '{"type":""}\n' 'type: '
    refused '{"type":"a b"}\n' 'type: "a b" is not of the form'
    refused '{"type":"a","type":"b"}\n' 'duplicate key'
    refused '{"type":"a","paylod":{}}\n' 'paylod: no such field'
    refused '{"type":"a","stored_at":"2020-01-01T00:00:00Z"}\n' 'stored_at: '
    refused '{"type":"a","erased_at":"2020-01-01T00:00:00Z"}\n' 'erased_at: '
    refused '{"type":"a","deliver_at":"+5m"}\n' 'deliver_at: '
    refused '{"type":"a","created_at":"yesterday"}\n' 'created_at: '
    refused '{"type":"a","kind":"order"}\n' 'kind: must be'
    refused '{"type":"a","tags":["a",7]}\n' 'tags: '
    refused '{"type":"a","id":"with space"}\n' 'id: '
    refused '{"type":"a"} {"type":"b"}\n' 'text behind the value'
    refused '\xef\xbb\xbf{"type":"a"}\n' 'not JSON'
}

@test "bytes that readers disagree on" {
    refused '{"type":"a","payload":{"x":"\\ud800"}}\n' 'bad escape'
    refused '{"type":"a","payload":{"x":"\\udc00\\ud800"}}\n' 'bad escape'
    refused '{"type":"a","payload":{"x":"\xff"}}\n' 'not UTF-8'
    refused '{"type":"a","payload":{"x":"\xc0\xaf"}}\n' 'not UTF-8'
    refused '{"type":"a","payload":{"x":"\xed\xa0\x80"}}\n' 'not UTF-8'
    refused '{"type":"a","payload":{"x":"a\tb"}}\n' 'control byte'
    refused '{"type":"a","payload":{"x":"a\0b"}}\n' 'control byte'
    refused '{"type":"a"}\0\n' '<stdin>:1: '
    refused '\0\n' '<stdin>:1: '
    refused '{"type":"a","payload":{"b":{"x":1,"\\u0078":2}}}\n' 'duplicate key'
    refused '{"type":"a","payload":{"x":NaN}}\n' 'not JSON'
    refused '{"type":"a","payload":{"x":01}}\n' '<stdin>:1: '
}

@test "an error never drives the terminal" {
    refused '{"type":"a","\\u001b[2J":1}\n' '\\x1b\[2J: no such field'
    refused '{"type":"\\u001b]0;x\\u0007"}\n' 'type: "\\x1b\]0;x\\x07"'
    refused '{"type":"\\u009b"}\n' 'type: "\\xc2\\x9b"'
}

@test "129 levels are too deep, 128 are not" {
    local open='' close='' i
    for ((i = 0; i < 126; i++)); do open+='[' close+=']'; done
    run --separate-stderr es-append <<<"{\"type\":\"a\",\"payload\":{\"x\":$open$close}}"
    assert_success
    refused "{\"type\":\"a\",\"payload\":{\"x\":[$open$close]}}\n" \
        'nested too deep'
    # The payload alone would not be.
    run --separate-stderr es-append -t a "x:=[$open$close]"
    assert_failure 1
    refute_output
    assert_error_line es-append 'nested too deep'
    stored 1
}

@test "1 MiB and not a byte more, in or out" {
    line_of 1048577 >long
    run --separate-stderr es-append long
    assert_failure 1
    refute_output
    assert_stderr 'es-append: long:1: line is longer than 1048576 bytes'
    # It comes out longer than it went in.
    line_of 1048576 >long
    run --separate-stderr es-append long
    assert_failure 1
    refute_output
    assert_error_line es-append 'long:1: .*1048576'
    stored 0
    line_of 1048000 | es-append -q
    stored 1
}

@test "ten thousand levels, in a line and in a word" {
    local deep
    deep=$(printf '%010000d' 0)
    refused "{\"type\":\"a\",\"payload\":{\"x\":${deep//0/[}${deep//0/]}}}\n" \
        'nested too deep'
    run --separate-stderr es-append -t a "x:=${deep//0/[}${deep//0/]}"
    assert_failure 2
    assert_error_line es-append 'x: not JSON: nested too deep'
    refused "{\"type\":\"a\",\"payload\":${deep//0/\{\"x\":}" 'nested too deep'
}

@test "files: twice the same, one that cannot be read, a directory" {
    printf '{"type":"a"}\n{"type":"b"}\n' >input
    run --separate-stderr es-append input input
    assert_success
    assert_equal "$(jq -r .type <<<"$output" | tr '\n' ' ')" 'a b a b '
    need_unprivileged
    : >secret
    chmod 0 secret
    run --separate-stderr unprivileged es-append input secret input
    assert_failure 1
    refute_output
    assert_stderr 'es-append: secret: Permission denied'
    run --separate-stderr es-append input . input
    assert_failure 1
    refute_output
    assert_stderr 'es-append: .: Is a directory'
    stored 4
}

@test "a line without end needs no memory" {
    ! grep -q __asan_init "$ES_BIN/es-append" ||
        skip "a sanitizer needs more address space than that"
    [ ! "${ES_SANITIZED-}" ] || skip "the sanitizers need more"
    run --separate-stderr bash -c \
        'ulimit -v 400000; head -c 300000000 /dev/zero | tr "\0" x | es-append'
    assert_failure 1
    refute_output
    assert_stderr 'es-append: <stdin>:1: line is longer than 1048576 bytes'
}

@test "at most 64 tags" {
    local tags=''
    for ((i = 0; i < 64; i++)); do tags+="\"x:$i\","; done
    es-append -q <<<"{\"type\":\"a\",\"tags\":[${tags%,}]}"
    refused "{\"type\":\"a\",\"tags\":[${tags%,}],\"payload\":{\"y\":1}}\n" \
        '65 tags, more than 64'
}

@test "es. types are the toolkit's own" {
    refused '{"type":"es.message_erased"}\n' '<stdin>:1: type: only es'
    run --separate-stderr es-append -t es.catalog_loaded
    assert_failure 1
    refute_output
    assert_error_line es-append 'type: only es'
    es-append -q -t essay.written
}

# ---- -t ----

@test "-t makes a message out of words, and leaves stdin alone" {
    # bash would wait for ever if it were read
    mkfifo pipe
    exec 9<>pipe
    run --separate-stderr timeout 5 es-append -t loans.book_lent book_id=b1 \
        'title=The "Sea" \o' empty= days:=14 'tags:=[ "x", {"a": null} ]' \
        eq=a=b <&9
    exec 9>&-
    assert_success
    assert_stderr
    assert_output --partial '"payload":{"book_id":"b1","title":"The \"Sea\" \\o","empty":"","days":14,"tags":["x",{"a":null}],"eq":"a=b"},"metadata":{}'
}

@test "-t with everything" {
    run --separate-stderr es-append x=1 --id m1 -g vip -g team:red --kind \
        command --meta by=me --meta 'why=because "so"' -t a.b
    assert_success
    jq -e '.id == "m1" and .tags == ["vip", "team:red"] and .kind == "command"
        and .metadata == {by: "me", why: "because \"so\""}
        and .payload == {x: "1"}' <<<"$output"
    # Words may begin with a dash, behind --.
    run --separate-stderr es-append -t a.b -- -x=1
    assert_success
    assert_output --partial '"payload":{"-x":"1"}'
}

@test "-t with JSON over several lines stays one line" {
    run --separate-stderr es-append -t a $'x:={\n "a": [1,\n 2]\n}'
    assert_success
    assert_equal "${#lines[@]}" 1
    assert_output --partial '"payload":{"x":{"a":[1,2]}}'
}

@test "-t: wrong words are usage errors" {
    local words
    while IFS='|' read -r words regex; do
        # shellcheck disable=SC2086 # words
        run --separate-stderr es-append -t a $words
        assert_failure 2
        refute_output
        assert_error_line es-append "$regex"
    done <<'END'
x|"x" is not an attribute
=x|"=x" is not an attribute
:=1|":=1" is not an attribute
x=1 x=2|x: given twice
x=1 x:=2|x: given twice
x:=|x: not JSON
x:={|x: not JSON
x:=nope|x: not JSON
x:={"a":1,"a":2}|x: not JSON: duplicate key
-t b|--type: given twice
--id a --id b|--id: given twice
--id é|--id: must be printable ASCII
--kind order|kind: must be
--meta x|--meta: must be NAME=VALUE
--meta x=1 --meta x=2|--meta: x is given twice
--each|--each: 
-a 5|--after: stands only behind --unless
-k x=1|--key: stands only behind --unless
--no-such|unknown option --no-such
END
    run --separate-stderr es-append -t 'a b'
    assert_failure 2
    assert_error_line es-append 'type: "a b"'
    run --separate-stderr es-append -t a -g ''
    assert_failure 2
    assert_error_line es-append 'tags: '
    run --separate-stderr es-append -t a $'x=\xff'
    assert_failure 2
    assert_error_line es-append 'not UTF-8: "x=\\xff"'
    run --separate-stderr es-append --id x
    assert_failure 2
    assert_error_line es-append '--id: needs -t'
    stored 0
}

@test "what later versions have is not accepted yet" {
    run --separate-stderr es-append --at +5m -t a
    assert_failure 2
    refute_output
    assert_error_line es-append "unknown option --at"
    stored 0
}

@test "tags, metadata, kind and cause go to lines too" {
    es-append -q --id c -t a
    run --separate-stderr es-append -g vip --meta by=me --kind command \
        --cause c <<'END'
{"type":"a"}
{"type":"a","tags":["x"],"metadata":{"n":1},"kind":"event","causation_id":"d"}
END
    assert_success
    jq -e -s '.[0].tags == ["vip"] and .[0].metadata == {by: "me"}
        and .[0].kind == "command" and .[0].causation_id == "c"
        and .[1].tags == ["x", "vip"] and .[1].metadata == {n: 1, by: "me"}
        and .[1].kind == "event" and .[1].causation_id == "d"' <<<"$output"
    run --separate-stderr es-append --meta by=me \
        <<<'{"type":"a","metadata":{"b\u0079":"you"}}'
    assert_failure 1
    refute_output
    assert_stderr 'es-append: <stdin>:1: metadata: by: is there, and given by --meta too'
}

# ---- the catalog ----

@test "strings of -t are coerced by the catalog, JSON and lines are not" {
    catalog
    run --separate-stderr es-append -t loans.lend_book book_id=7 days=14 \
        fine=true note=
    assert_success
    assert_output --partial '"payload":{"book_id":"7","days":14,"fine":true}'
    assert_output --partial '"kind":"command"'
    # Given as JSON, it is what it is.
    run --separate-stderr es-append -t loans.lend_book book_id=7 'days:="14"'
    assert_failure 1
    refute_output
    assert_error_line es-append 'loans.lend_book: days: must be an integer, not "14"'
    run --separate-stderr es-append -t loans.lend_book book_id=7 days=14 \
        'note:=""'
    assert_success
    assert_output --partial '"note":""'
    run --separate-stderr es-append \
        <<<'{"type":"loans.lend_book","payload":{"book_id":"7","days":"14"}}'
    assert_failure 1
    assert_error_line es-append '<stdin>:1: loans.lend_book: days: must be an integer'
}

@test "the catalog refuses by type and attribute" {
    catalog
    run --separate-stderr es-append -t loans.lend_book book_id=b1 days=many
    assert_failure 1
    refute_output
    assert_stderr 'es-append: loans.lend_book: days: must be an integer, not "many"'
    run --separate-stderr es-append -t loans.lend_book days=1
    assert_failure 1
    assert_stderr 'es-append: loans.lend_book: book_id: is missing'
    run --separate-stderr es-append -t loans.lend_book book_id=b1 days=1 x=1
    assert_failure 1
    assert_stderr 'es-append: loans.lend_book: x: no such attribute'
    run --separate-stderr es-append -t loans.lend_book --kind event book_id=b1 \
        days=1
    assert_failure 1
    assert_error_line es-append 'kind: must be command, not event'
    # keys says that it is found by book_id, and so it must be indexable
    run --separate-stderr es-append -t loans.book_lent days=1 \
        "book_id=$(printf '%0300d' 0)"
    assert_failure 1
    assert_error_line es-append 'book_id: is a key'
    # What the catalog lacks is free.
    es-append -q -t notes.written text=hello
}

@test "--strict refuses types that the catalog lacks" {
    catalog
    run --separate-stderr es-append --strict -t notes.written text=hello
    assert_failure 1
    refute_output
    assert_stderr 'es-append: type: notes.written is not in the catalog'
    printf '%s\n' '{"type":"loans.book_lent","payload":{"book_id":"b1","days":1}}' \
        '{"type":"a"}' >in
    run --separate-stderr es-append --strict in
    assert_failure 1
    refute_output
    assert_error_line es-append 'in:2: type: a is not in the catalog'
    run --separate-stderr es-append --strict --each --skip-bad bad in
    assert_failure 1
    assert_equal "${#lines[@]}" 1
    assert_equal "$(cat bad)" '{"type":"a"}'
    # A repeated append has succeeded before.
    es-append -q --id n1 -t notes.written
    run --separate-stderr es-append --strict --id n1 -t notes.written
    assert_success
    run --separate-stderr es-append --strict --import in
    assert_failure 2
    assert_error_line es-append '--import and --strict'
    run --separate-stderr es-append -t a --unless --strict
    assert_failure 2
    assert_error_line es-append '--strict: has to stand before --unless'
}

@test "what is inside of an object or an array has its rules, too" {
    cat >nested.json <<'END'
{"donors.told": {"payload": {"donor": {"type": "object", "payload": {
    "address": {"type": "object", "payload": {
        "zip": {"type": "string", "pattern": "[0-9]{4}"},
        "city": {"type": "string", "default": "Bern"}}}}},
  "sums": {"type": "array?", "items": {"type": "integer", "min": 1}}}}}
END
    es-init -m nested.json
    run --separate-stderr es-append -t donors.told \
        'donor:={"address":{"zip":"80"}}'
    assert_failure 1
    refute_output
    assert_stderr 'es-append: donors.told: donor.address.zip: must match [0-9]{4}, not "80"'
    run --separate-stderr es-append -t donors.told \
        'donor:={"address":{"zip":"8000"}}' 'sums:=[1,0]'
    assert_failure 1
    assert_stderr 'es-append: donors.told: sums[1]: must be at least 1, not 0'
    run es-append -t donors.told 'donor:={"address":{"zip":"8000"}}'
    assert_success
    assert_output --partial \
        '"payload":{"donor":{"address":{"zip":"8000","city":"Bern"}}}'
}

# ---- identity ----

@test "the same id with the same content is stored once" {
    es-append --id m1 -t a -g x -g y n:=1 >first
    run --separate-stderr es-append --id m1 -t a -g y -g x -g x n:=1
    assert_success
    assert_stderr
    diff first - <<<"$output"
    # White space, metadata and times may differ, and what is left out may.
    run --separate-stderr es-append <<'END'
{"id":"m1","type":"a","tags":["x","y"],"version":1,"payload":{ "n" : 1 },"metadata":{"by":"you"},"created_at":"2020-01-01T00:00:00Z"}
END
    assert_success
    diff first - <<<"$output"
    stored 1
}

@test "the same id with other content is refused by what differs" {
    local words
    es-append -q --id m1 -t a -g x n:=1
    while IFS='|' read -r words what; do
        # shellcheck disable=SC2086 # words
        run --separate-stderr es-append --id m1 $words
        assert_failure 1
        refute_output
        assert_stderr "es-append: id: m1 is stored at position 1 with another $what"
    done <<'END'
-t b -g x n:=1|type
-t a -g x n:=1 --kind command|kind
-t a n:=1|tags
-t a -g x -g y n:=1|tags
-t a -g x n:=2|payload
-t a -g x n=1|payload
END
    run --separate-stderr es-append \
        <<<'{"id":"m1","type":"a","tags":["x"],"version":2,"payload":{"n":1}}'
    assert_failure 1
    assert_error_line es-append '<stdin>:1: id: m1 .* another version'
    stored 1
}

@test "identity is of what came in, before coercion and defaults" {
    catalog
    es-append --id m1 -t loans.lend_book book_id=b1 days=14 note= >first
    run --separate-stderr es-append --id m1 -t loans.lend_book book_id=b1 \
        days=14 note=
    assert_success
    diff first - <<<"$output"
    run --separate-stderr es-append --id m1 -t loans.lend_book book_id=b1 \
        days:=14
    assert_failure 1
    assert_error_line es-append 'another payload'
}

@test "an input that is stored already is printed again, one in part refused" {
    printf '{"id":"m%d","type":"a"}\n' 1 2 3 >input
    es-append <input >first
    run --separate-stderr es-append <input
    assert_success
    diff first - <<<"$output"
    printf '{"id":"m%d","type":"a"}\n' 2 3 4 >part
    run --separate-stderr es-append <part
    assert_failure 1
    refute_output
    assert_error_line es-append '<stdin>:3: .*stored already \(position 3\)'
    printf '{"id":"m%d","type":"a"}\n' 4 2 >part
    run --separate-stderr es-append <part
    assert_failure 1
    assert_error_line es-append '<stdin>:2: .*stored already \(position 2\)'
    stored 3
    # Line by line it is just what is wanted.
    run --separate-stderr es-append --each <part
    assert_success
    assert_equal "$(jq .position <<<"$output" | tr '\n' ' ')" '4 2 '
    stored 4
}

@test "the same message twice in one input" {
    printf '{"id":"m1","type":"a"}\n{"id":"m1","type":"a"}\n' >input
    run --separate-stderr es-append <input
    assert_success
    assert_equal "${#lines[@]}" 2
    assert_equal "${lines[0]}" "${lines[1]}"
    stored 1
    refused '{"id":"m2","type":"a"}\n{"id":"m2","type":"b"}\n' \
        '<stdin>:2: id: m2 .* another type'
}

# ---- causes ----

@test "a stored cause gives its correlation" {
    es-append -q --id c1 -t a
    run --separate-stderr es-append --id c2 --cause c1 -t a
    assert_success
    jq -e '.causation_id == "c1" and .correlation_id == "c1"' <<<"$output"
    run --separate-stderr es-append --cause c2 -t a
    jq -e '.causation_id == "c2" and .correlation_id == "c1"' <<<"$output"
    run --separate-stderr es-append \
        <<<'{"type":"a","causation_id":"c2","correlation_id":"k"}'
    jq -e '.causation_id == "c2" and .correlation_id == "k"' <<<"$output"
    # A cause of the same input counts as stored.
    run --separate-stderr es-append <<'END'
{"type":"a","id":"d1"}
{"type":"a","id":"d2","causation_id":"d1"}
{"type":"a","causation_id":"d2"}
END
    jq -e -s 'map(.correlation_id) == ["d1", "d1", "d1"]' <<<"$output"
}

@test "a cause that is not stored is kept, but not by --cause" {
    run --separate-stderr es-append <<<'{"type":"a","causation_id":"elsewhere"}'
    assert_success
    jq -e '.causation_id == "elsewhere" and .correlation_id == .id' <<<"$output"
    run --separate-stderr es-append --cause elsewhere -t a
    assert_failure 1
    refute_output
    assert_stderr 'es-append: es.db: --cause: no message has the id elsewhere'
    stored 1
}

# ---- --each ----

@test "--each stores and prints what came before a bad line" {
    printf '{"type":"a"}\n{"type":"b"}\nnope\n{"type":"c"}\n' >input
    run --separate-stderr es-append --each input
    assert_failure 1
    assert_error_line es-append '^es-append: input:3: not JSON'
    assert_equal "$(jq -r .type <<<"$output" | tr '\n' ' ')" 'a b '
    stored 2
}

@test "--each: what came before a line that is too long, or cut off" {
    { echo '{"type":"a"}'; line_of 1048577; echo '{"type":"b"}'; } >input
    run --separate-stderr es-append --each input
    assert_failure 1
    assert_error_line es-append '^es-append: input:2: line is longer'
    assert_equal "${#lines[@]}" 1
    stored 1
    printf '{"type":"a"}\n{"type":"b"' >input
    run --separate-stderr es-append --each input
    assert_failure 1
    assert_error_line es-append '^es-append: input:2: cut off'
    assert_equal "${#lines[@]}" 1
    stored 2
}

@test "--each acknowledges a line before the next one comes" {
    mkfifo pipe
    start each es-append --each pipe
    exec 9>pipe
    for i in 1 2 3; do
        echo "{\"type\":\"t$i\"}" >&9
        within 5 lines each.out "$i"
        stored "$i"
    done
    # Half a line stops nobody.
    printf '{"type":' >&9
    timeout 5 es-append -q -t other
    echo '"t4"}' >&9
    within 5 lines each.out 4
    exec 9>&-
    finish 5 "$pid"
    assert_equal "$status" 0
    assert_equal "$(cat each.err)" ''
    assert_equal "$(es-query | jq -r .type | tr '\n' ' ')" \
        't1 t2 t3 other t4 '
}

@test "--each stores what waits in one transaction" {
    for ((i = 0; i < 200; i++)); do echo '{"type":"a"}'; done >input
    es-append --each <input >output
    assert_equal "$(jq -r .stored_at output | sort -u | wc -l)" 1
    jq -e -s 'map(.position) == [range(1; 201)]' output
}

@test "--each says how far it came" {
    printf '{"type":"a"}\n{"type":"b"}\nnope\n' >input
    run --separate-stderr es-append --each -q input
    assert_failure 1
    refute_output
    assert_error_line es-append \
        '^es-append: input:3: not JSON.* \(stored up to input:2, position 2\)$'
    # When nothing is stored there is nothing to say.
    echo nope | tee -a none >second
    run --separate-stderr es-append --each second input
    assert_failure 1
    refute_output
    refute_regex "$stderr" 'stored up to'
    stored 2
}

# ---- --batch ----

@test "--batch N: batches of N lines, all or nothing each" {
    seq 1 10 | sed 's/.*/{"type":"t&"}/' >input
    run --separate-stderr es-append --batch 4 input
    assert_success
    assert_stderr
    jq -e -s 'map(.type) == [range(1; 11) | "t\(.)"]
        and map(.position) == [range(1; 11)]
        and (group_by(.stored_at) | map(length)) == [4, 4, 2]' <<<"$output"
    sed -i 7s/.*/nope/ input
    run --separate-stderr es-append --batch 4 - <input
    assert_failure 1
    assert_equal "$(jq -r .type <<<"$output" | tr '\n' ' ')" 't1 t2 t3 t4 '
    assert_error_line es-append \
        '^es-append: <stdin>:7: not JSON.* \(stored up to <stdin>:4, position 14\)$'
    stored 14
    # Batches go on from file to file.
    head -n 6 input >one
    tail -n 3 input >two
    run --separate-stderr es-append -q --batch 4 one two
    assert_success
    assert_equal "$(es-query -a 14 | jq -r .stored_at | uniq -c |
        awk '{print $1}' | tr '\n' ' ')" '4 4 1 '
    stored 23
}

@test "--batch: what comes before a line that cannot be read" {
    seq 1 5 | sed 's/.*/{"type":"t&"}/' >input
    { cat input; line_of 1048577; } >long
    run --separate-stderr es-append --batch 2 long
    assert_failure 1
    assert_equal "${#lines[@]}" 4
    assert_error_line es-append \
        '^es-append: long:6: line is longer .* \(stored up to long:4, position 4\)$'
    run --separate-stderr es-append --batch 2 input none input
    assert_failure 1
    assert_equal "${#lines[@]}" 4
    assert_error_line es-append \
        '^es-append: none: No such file .* \(stored up to input:4, position 8\)$'
    stored 8
    run --separate-stderr es-append --batch 99 long
    assert_failure 1
    refute_output
    refute_regex "$stderr" 'stored up to'
    stored 8
}

@test "--batch acknowledges a batch when it is full, and the last at the end" {
    mkfifo pipe
    start batch es-append --batch 2 pipe
    exec 9>pipe
    printf '{"type":"a"}\n{"type":"a"}\n{"type":"a"}\n' >&9
    within 5 lines batch.out 2
    stored 2
    echo '{"type":"a"}' >&9
    within 5 lines batch.out 4
    echo '{"type":"a"}' >&9
    exec 9>&-
    finish 5 "$pid"
    assert_equal "$status" 0
    stored 5
    lines batch.out 5
}

@test "--batch: repeating what was broken off goes on where it stopped" {
    seq 1 10 | sed 's/.*/{"id":"m&","type":"a"}/' >input
    sed 7s/.*/nope/ input >bad
    run --separate-stderr es-append -q --batch 3 bad
    assert_failure 1
    stored 6
    es-append --batch 3 input >output
    jq -e -s 'map(.position) == [range(1; 11)]' output
    # A batch is there as a whole, or not at all.
    run --separate-stderr es-append --batch 4 <<'END'
{"id":"m1","type":"a"}
{"id":"x1","type":"a"}
END
    assert_failure 1
    assert_error_line es-append '<stdin>:2: one part .*stored already'
    # The batches of one run do not count as what was there before.
    printf '{"id":"y%d","type":"a"}\n' 1 2 1 2 >input
    es-append -q --batch 2 input
    stored 12
}

@test "--batch under a guard: its own messages do not break it" {
    es-query --guard g -k n=1
    seq 6 | sed 's/.*/{"type":"a","payload":{"n":1}}/' >input
    es-append -q --batch 2 --guard g input
    stored 6
    run --separate-stderr es-append --batch 2 --guard g input
    assert_failure 3
    refute_output
    es-append -q --batch 2 input --unless -a 6 -k n=1
    stored 12
}

@test "--batch: usage" {
    local words
    while IFS='|' read -r words regex; do
        # shellcheck disable=SC2086 # words
        run --separate-stderr es-append $words </dev/null
        assert_failure 2
        refute_output
        assert_error_line es-append "$regex"
    done <<'END'
--batch 0|--batch: must be an integer from 1
--batch -1|--batch: must be an integer from 1
--batch 1k|--batch: must be an integer
--batch|--batch needs an argument, N
--batch 5 --each|--each and --batch: only one
--batch 5 -t a|--batch: is for lines; with -t there are none
--skip-bad x -t a|--skip-bad: is for lines; with -t there are none
--unless --batch 5|--batch: has to stand before --unless
--unless --dry-run|--dry-run: has to stand before --unless
--unless --skip-bad x|--skip-bad: has to stand before --unless
END
    assert_file_not_exist x
}

# ---- --skip-bad ----

@test "--skip-bad: the refused lines in a file, the others stored" {
    catalog
    es-append -q --id m1 -t a n=1
    cat >input <<'END'
{"type":"a"}
not  json
{"type":"loans.lend_book","payload":{"book_id":"7", "days":"14"}}
{"type":"b"}
{"id":"m1","type":"a","payload":{"n":"2"}}
 {"type":"a","x":1}
END
    printf '{"type":"cut' >>input
    run --separate-stderr es-append --skip-bad bad input
    assert_failure 1
    assert_equal "$(jq -r .type <<<"$output" | tr '\n' ' ')" 'a b '
    sed -n '2p;3p;5p;6p' input | cat - <(printf '{"type":"cut\n') | cmp - bad
    # shellcheck disable=SC2154 # run sets it
    assert_equal "${#stderr_lines[@]}" 6
    assert_regex "${stderr_lines[0]}" '^es-append: input:2: not JSON'
    assert_regex "${stderr_lines[1]}" '^es-append: input:3: loans.lend_book: d'
    assert_regex "${stderr_lines[2]}" '^es-append: input:5: id: m1 is stored'
    assert_regex "${stderr_lines[3]}" '^es-append: input:6: x: no such field'
    assert_regex "${stderr_lines[4]}" '^es-append: input:7: cut off'
    assert_equal "${stderr_lines[5]}" \
        'es-append: 5 lines were refused and kept in bad'
    stored 4
    # All in one transaction.
    assert_equal "$(tail -n +3 <(es-query) | jq .stored_at | uniq | wc -l)" 1
    # Repaired, they can be fed.
    sed -i -e 's/not  json/{"type":"c"}/; s/"14"/14/; s/m1/m2/' \
        -e 's/,"x":1//; s/{"type":"cut/{"type":"d"}/' bad
    run --separate-stderr es-append --skip-bad still bad
    assert_success
    assert_stderr
    assert_equal "${#lines[@]}" 5
    assert_file_empty still
}

@test "--skip-bad adds to the file, after whatever it ends in" {
    printf 'first\nhalf' >bad
    run --separate-stderr es-append --skip-bad bad <<<'second'
    assert_failure 1
    run --separate-stderr es-append --skip-bad bad <<<'third'
    assert_failure 1
    assert_equal "${stderr_lines[1]}" \
        'es-append: 1 line was refused and kept in bad'
    diff bad - <<'END'
first
half
second
third
END
}

@test "--skip-bad: a line that is too long is kept as well" {
    line_of 1048577 >long
    { echo '{"type":"a"}'; cat long; line_of 3000000 | tee third
        echo '{"type":"b"}'; line_of 1048577 | tr -d '\n'; } >input
    run --separate-stderr es-append --skip-bad bad input
    assert_failure 1
    assert_equal "$(jq -r .type <<<"$output" | tr '\n' ' ')" 'a b '
    cat long third long | cmp - bad
    assert_equal "${stderr_lines[0]}" \
        'es-append: input:2: line is longer than 1048576 bytes'
    assert_equal "${stderr_lines[1]}" \
        'es-append: input:3: line is longer than 1048576 bytes'
    assert_equal "${stderr_lines[2]}" \
        'es-append: input:5: line is longer than 1048576 bytes'
    assert_equal "${#stderr_lines[@]}" 4
    run --separate-stderr es-append -q --each --skip-bad again input
    assert_failure 1
    cmp bad again
    stored 4
}

@test "--skip-bad: where nothing can be kept, nothing is stored" {
    printf '{"type":"a"}\nnope\n' >input
    run --separate-stderr es-append --skip-bad none/bad input
    assert_failure 1
    refute_output
    assert_stderr 'es-append: none/bad: No such file or directory'
    run --separate-stderr es-append --skip-bad . input
    assert_failure 1
    assert_error_line es-append '^es-append: \.: Is a directory'
    run --separate-stderr es-append --skip-bad /dev/full input
    assert_failure 1
    refute_output
    assert_stderr 'es-append: /dev/full: No space left on device'
    run --separate-stderr es-append --skip-bad input input
    assert_failure 1
    assert_error_line es-append '^es-append: input: is input'
    # shellcheck disable=SC2094 # that is what is refused
    run --separate-stderr es-append --skip-bad input <input
    assert_failure 1
    assert_error_line es-append '^es-append: input: is input'
    assert_equal "$(wc -l <input)" 2
    stored 0
}

@test "--skip-bad: what is no line's fault stops it, and keeps nothing" {
    es-append -q --id m1 -t a n=1
    printf '{"type":"a"}\nnope\n' >input
    run --separate-stderr es-append --skip-bad bad input --unless -k n=1
    assert_failure 3
    refute_output
    assert_error_line es-append 'append condition not met'
    assert_file_empty bad
    # Part of it is there: that is the input's.
    printf '{"id":"m1","type":"a","payload":{"n":"1"}}\nnope\n{"type":"a"}\n' \
        >input
    run --separate-stderr es-append --skip-bad bad input
    assert_failure 1
    refute_output
    assert_error_line es-append '^es-append: input:3: one part .*already'
    run --separate-stderr es-append --skip-bad bad input none
    assert_failure 1
    assert_error_line es-append '^es-append: none: No such file'
    assert_file_empty bad
    stored 1
}

@test "--skip-bad with --each and --batch" {
    printf '{"type":"a"}\nnope\n{"type":"b"}\nno\n{"type":"c"}\n' >input
    run --separate-stderr es-append --each --skip-bad bad input
    assert_failure 1
    assert_equal "${#lines[@]}" 3
    assert_equal "$(cat bad)" $'nope\nno'
    assert_equal "${#stderr_lines[@]}" 3
    run --separate-stderr es-append --batch 2 --skip-bad bad2 input
    assert_failure 1
    assert_equal "${#lines[@]}" 3
    cmp bad bad2
    stored 6
}

@test "--skip-bad: a line is in the file before what follows is acknowledged" {
    mkfifo pipe
    start skip es-append --each --skip-bad bad pipe
    exec 9>pipe
    printf 'nope\n{"type":"a"}\n' >&9
    within 5 lines skip.out 1
    assert_equal "$(cat bad)" nope
    echo no >&9
    within 5 lines skip.err 2
    assert_equal "$(cat bad)" $'nope\nno'
    exec 9>&-
    finish 5 "$pid"
    assert_equal "$status" 1
    stored 1
}

# ---- --dry-run ----

# unchanged COMMAND...: run it; the store and its files are as they were.
unchanged() {
    local before
    before=$(es-query | sum; stat -c '%n %s %y' es.db es.db-bell)
    run --separate-stderr "$@"
    assert_equal "$(es-query | sum; stat -c '%n %s %y' es.db es.db-bell)" \
        "$before"
}

@test "--dry-run prints what would be stored, and stores nothing" {
    es-append -q --id m1 -t a n:=1
    printf '{"id":"x","type":"a"}\n{"type":"b","causation_id":"x"}\n' >input
    unchanged es-append --dry-run input
    assert_success
    assert_stderr
    jq -e -s 'map(.position) == [2, 3] and .[1].correlation_id == "x"' \
        <<<"$output"
    unchanged es-append --dry-run -v -t b
    assert_success
    assert_equal "$(jq .position <<<"$output")" 2
    assert_stderr 'es-append: es.db: 1 would be stored, up to position 2'
    unchanged es-append --dry-run --id m1 -t a n:=1
    assert_success
    assert_equal "$(jq .position <<<"$output")" 1
    unchanged es-append -q --dry-run input
    assert_success
    refute_output
    stored 1
}

@test "--dry-run exits as the append would" {
    es-append -q --id m1 -t a n:=1
    unchanged es-append --dry-run --id m1 -t a n:=2
    assert_failure 1
    refute_output
    assert_error_line es-append 'id: m1 is stored at position 1 with another'
    unchanged es-append --dry-run -t a --unless -k n=1
    assert_failure 3
    refute_output
    es-query --guard g -k n=1 >/dev/null
    unchanged es-append --dry-run --guard g -t a n:=1
    assert_success
    es-append -q -t a n:=1
    unchanged es-append --dry-run --guard g -t a n:=1
    assert_failure 3
    unchanged es-append --dry-run --guard none -t a
    assert_failure 1
    printf '{"type":"a"}\nnope\n' >input
    unchanged es-append --dry-run input
    assert_failure 1
    refute_output
    assert_error_line es-append '^es-append: input:2: not JSON'
    refute_regex "$stderr" 'stored up to'
    unchanged es-append --dry-run --cause none input
    assert_failure 1
    unchanged bash -c 'es-append --dry-run -t a >/dev/full'
    assert_failure 1
    assert_stderr 'es-append: <stdout>: No space left on device'
}

@test "--dry-run with --each, --batch and --skip-bad" {
    printf '{"type":"a"}\n{"type":"b"}\n{"type":"c"}\nnope\n{"type":"d"}\n' \
        >input
    unchanged es-append --dry-run --each input
    assert_failure 1
    assert_equal "$(jq -r .type <<<"$output" | tr '\n' ' ')" 'a b c '
    unchanged es-append --dry-run --batch 2 input
    assert_failure 1
    assert_equal "$(jq -r .type <<<"$output" | tr '\n' ' ')" 'a b '
    unchanged es-append --dry-run --skip-bad bad input
    assert_failure 1
    assert_equal "$(jq -r .type <<<"$output" | tr '\n' ' ')" 'a b c d '
    assert_regex "${stderr_lines[0]}" '^es-append: input:4: not JSON'
    assert_equal "${stderr_lines[1]}" \
        'es-append: 1 line was refused and would be kept in bad'
    assert_file_not_exist bad
    # As if each batch were there for the next.
    printf '{"id":"%s","type":"a"}\n' x y x z >input
    unchanged es-append --dry-run --batch 2 input
    assert_failure 1
    assert_equal "${#lines[@]}" 2
    assert_error_line es-append 'input:4: one part of the input'
    es-append -q --batch 2 input && fail "not as it would"
    unchanged es-append --dry-run --batch 2 input none
    assert_failure 1
    assert_error_line es-append 'input:4: one part of the input'
    stored 2
}

# ---- guards ----

@test "a guard lets an append through when nothing came" {
    es-append -q -t a n=1
    run --separate-stderr es-query --guard g -k n=1
    assert_success
    es-append -q -t a n=2
    cp g before
    run --separate-stderr es-append --guard g -t b n=1
    assert_success
    assert_equal "${#lines[@]}" 1
    cmp g before
}

@test "a guard stops an append when something matching came" {
    es-append -q -t a n=1
    es-query --guard g -k n=1 >/dev/null
    es-append -q -t b n=1
    run --separate-stderr es-append --guard g -t c n=1
    assert_failure 3
    refute_output
    assert_stderr 'es-append: es.db: append condition not met: what matches came after position 1, at position 2'
    run --separate-stderr es-append --guard g <<<'{"type":"c"}'
    assert_failure 3
    stored 2
}

@test "a guarded append that succeeded succeeds again" {
    es-query --guard g -k n=1
    es-append --id m1 --guard g -t a n=1 >first
    run --separate-stderr es-append --id m1 --guard g -t a n=1
    assert_success
    diff first - <<<"$output"
    run --separate-stderr es-append --id m2 --guard g -t a n=1
    assert_failure 3
    stored 1
}

@test "query and append in one pipeline" {
    local count
    es-append -q -t a n=1
    for count in 1 2 3; do
        run --separate-stderr bash -c \
            'es-query --guard g -k n=1 |
            jq -c -n "[inputs] | {type: \"counted\",
                payload: {n: \"1\", count: length}}" | es-append --guard g'
        assert_success
        assert_output --partial "\"count\":$count}"
    done
}

@test "a guard that is missing, empty or none at all" {
    run --separate-stderr es-append --guard none -t a
    assert_failure 1
    refute_output
    assert_stderr 'es-append: none: No such file or directory'
    : >empty
    run --separate-stderr es-append --guard empty -t a
    assert_failure 1
    assert_stderr 'es-append: empty: is empty, and so no guard'
    run --separate-stderr es-append --guard none </dev/null
    assert_failure 1
    echo '{"after":1}' >half
    run --separate-stderr es-append --guard half -t a
    assert_failure 1
    assert_error_line es-append '^es-append: half: '
    stored 0
}

@test "a guard of another store" {
    es-init -s other.db
    es-query -s other.db --guard g
    run --separate-stderr es-append --guard g -t a
    assert_failure 1
    refute_output
    assert_stderr 'es-append: g: was read in another store than es.db'
}

@test "a guard of a log that a backup has replaced" {
    es-append -q --id one -t a
    sqlite3 es.db 'pragma wal_checkpoint(truncate)' >/dev/null
    cp es.db backup
    es-append -q --id two -t a
    es-query --guard g -t b
    cp backup es.db
    rm -f es.db-wal es.db-shm
    # Shorter than what the guard has read: what came after is not known.
    run --separate-stderr es-append --guard g -t b
    assert_failure 1
    refute_output
    assert_stderr "es-append: es.db: another log than the guard's: position 2 \
is not there (a backup was restored?)"
    es-append -q --id three -t a
    # As long, and another: nothing that matches came, and yet.
    run --separate-stderr es-append --guard g -t b
    assert_failure 1
    refute_output
    assert_stderr "es-append: es.db: another log than the guard's: position 2 \
holds another message (a backup was restored?)"
    # Without the id, as somebody may write it, only the length tells.
    jq -c 'del(.id)' g >h
    run --separate-stderr es-append --guard h -t b
    assert_success
    jq -c 'del(.id) | .after = 99' g >h
    run --separate-stderr es-append --guard h -t b
    assert_failure 1
    assert_error_line es-append 'position 99 is not there'
    # Read again, and all is well.
    es-query --guard g -t c
    es-append -q --guard g -t c
}

@test "the guard is read when the input has ended" {
    mkfifo pipe
    start append es-append --guard g pipe
    exec 9>pipe
    echo '{"type":"a"}' >&9
    es-query --guard g
    exec 9>&-
    finish 5 "$pid"
    assert_equal "$status" 0
    lines append.out 1
}

@test "--each moves its own copy of the guard past its own messages" {
    mkfifo pipe
    es-query --guard g -k n=1
    cp g before
    start each es-append --each --guard g pipe
    exec 9>pipe
    for i in 1 2 3; do
        echo '{"type":"a","payload":{"n":1}}' >&9
        within 5 lines each.out "$i"
    done
    es-append -q -t other n=1
    echo '{"type":"a","payload":{"n":1}}' >&9
    exec 9>&-
    finish 5 "$pid"
    assert_equal "$status" 3
    assert_equal "$(cat each.err)" \
        'es-append: es.db: append condition not met: what matches came after position 3, at position 4 (stored up to pipe:3, position 3)'
    cmp g before
    stored 4
}

@test "of many that append under one guard, one succeeds" {
    es-query --guard g -k seat=1
    for i in 1 2 3 4 5 6; do
        start "a$i" es-append --guard g -t seats.taken seat=1 "by=$i"
    done
    local ok=0
    for pid in "${es_started[@]}"; do
        finish 10 "$pid"
        case $status in
        0) ok=$((ok + 1)) ;;
        3) ;;
        *) fail "status $status" ;;
        esac
    done
    assert_equal "$ok" 1
    stored 1
}

# ---- --unless ----

@test "--unless: only if nothing matches" {
    run --separate-stderr es-append -t books.added book_id=b1 --unless \
        -t books.added -k book_id=b1
    assert_success
    run --separate-stderr es-append -t books.added book_id=b1 --unless \
        -t books.added -k book_id=b1
    assert_failure 3
    refute_output
    assert_error_line es-append 'append condition not met: .*at position 1$'
    # Not the same book; not after it; other flags behind it.
    es-append -q -t books.added book_id=b2 --unless -k book_id=b2
    es-append -q -t books.added book_id=b1 --unless -k book_id=b1 -a 1
    run --separate-stderr es-append -t x --unless -k book_id=b9 -o -t 'books.*'
    assert_failure 3
    run --separate-stderr es-append -t x --unless -p book_id=b2 --kind event
    assert_failure 3
    stored 3
}

@test "--unless without flags: only if there is nothing at all" {
    es-append -q -t a --unless
    run --separate-stderr es-append -t a --unless
    assert_failure 3
    es-append -q -t a --unless -a 1
    stored 2
}

@test "--unless: a repeated id succeeds all the same" {
    es-append --id m1 -t a n=1 --unless -k n=1 >first
    run --separate-stderr es-append --id m1 -t a n=1 --unless -k n=1
    assert_success
    diff first - <<<"$output"
}

# stopped FLAGS...: es-query finds something, and so the append is not stored;
# passed FLAGS...: it finds nothing.
stopped() {
    [ "$(es-query --count "$@")" -gt 0 ]
    run --separate-stderr es-append -t new.one --unless "$@"
    assert_failure 3
    refute_output
    assert_error_line es-append 'append condition not met'
}
passed() {
    [ "$(es-query --count "$@")" -eq 0 ]
    run --separate-stderr es-append -t new.one --unless "$@"
    assert_success
    assert_stderr
}

@test "--unless: every flag of a query" {
    es-append -q <<'END'
{"type":"a.x","id":"m1","payload":{"n":1},"tags":["red"]}
{"type":"a.y","id":"m2","kind":"command","payload":{"n":2,"k":"v"}}
{"type":"b.x","id":"m3","causation_id":"m1","payload":{"n":3}}
END
    stopped -t a.x
    stopped -t 'a.*'
    passed -t c.
    stopped -g red
    passed -g red -k n=2
    stopped -k n=2 -o -t none
    stopped --kind command
    passed --kind command -t a.x
    stopped -p n=1 -p k=w
    passed -p n=2 -p k=w
    stopped -t a. --last
    passed -t a. --last -b 1
    stopped -t a. -b 2
    passed -t b. -b 3
    passed -t a. -a 2
    stopped -t a. --since 1h
    passed -t a. --since 2100-01-01T00:00:00Z
    stopped -t a. --until 0s
    passed -t a. --until 1h
    stopped --id m2
    stopped --id m2 -k n=2
    passed --id m2 -k n=1
    passed --id none
    stopped --correlation m1 -t b.
    passed --correlation m1 -t a.y
    stopped -t a. -n 1
    stopped -t a. --tail 1
    stopped -t a. -r
}

@test "--unless --id: before it the message's own, behind it another's" {
    es-append -q --id first -t a
    run --separate-stderr es-append --id second -t a --unless --id first
    assert_failure 3
    run --separate-stderr es-append --id second -t a --unless --id second
    assert_success
    run --separate-stderr es-append --id third -t a --unless --id second
    assert_failure 3
}

@test "--unless: usage" {
    run --separate-stderr es-append -t a --unless -k n=1 m=2
    assert_failure 2
    refute_output
    assert_error_line es-append 'm=2: --unless comes last'
    run --separate-stderr es-append -t a --unless --meta a=b
    assert_failure 2
    assert_error_line es-append '--meta: has to stand before --unless'
    run --separate-stderr es-append -t a --unless -n 0
    assert_failure 2
    assert_error_line es-append '--limit: nothing ever matches 0 messages'
    run --separate-stderr es-append -t a --unless --tail 0
    assert_failure 2
    assert_error_line es-append '--tail: nothing ever matches 0 messages'
    run --separate-stderr es-append -t a --since 1h
    assert_failure 2
    assert_error_line es-append '--since: stands only behind --unless'
    run --separate-stderr es-append -t a --unless -f
    assert_failure 2
    assert_error_line es-append 'unknown option -f'
    run --separate-stderr es-append -t a --unless -o
    assert_failure 2
    assert_error_line es-append '-o: '
    run --separate-stderr es-append -t a --unless -a -1
    assert_failure 2
    assert_error_line es-append '--after: must be an integer from 0'
    run --separate-stderr es-append -t a --guard g --unless -k n=1
    assert_failure 2
    assert_error_line es-append '--guard and --unless'
    stored 0
}

@test "--unless: a name that nothing is found by" {
    catalog
    run --separate-stderr es-append -t loans.book_lent book_id=b1 days=1 \
        --unless -t loans.book_lent -k days=1
    assert_failure 2
    refute_output
    assert_error_line es-append 'no message can be found by "days"'
}

@test "--unless: a name of a type that the catalog lacks" {
    catalog
    es-append -q -t notes.added note_id=n1 --unless -k note_id=n1
    run --separate-stderr es-append -t notes.added note_id=n1 \
        --unless -k note_id=n1
    assert_failure 3
    # What the catalog has and does not index is a mistake still.
    run --separate-stderr es-append -t notes.added fine=1 \
        --unless -t loans.book_lent -k fine=1
    assert_failure 2
}

@test "an error is one line, whatever is in a file's name" {
    run --separate-stderr es-append $'no\e[31m\nfile'
    assert_failure 1
    assert_error_line es-append 'no\\x1b\[31m\\x0afile: No such file'
}

# ---- many at once ----

@test "two appenders at once: both are whole, and nothing is lost" {
    for ((i = 0; i < 300; i++)); do echo '{"type":"a"}'; done >a
    sed 's/"a"/"b"/' a >b
    start a es-append a
    start b es-append --each b
    for pid in "${es_started[@]}"; do
        finish 20 "$pid"
        assert_equal "$status" 0
    done
    assert_equal "$(cat a.err b.err)" ''
    es-query >all
    jq -e -s 'map(.position) == [range(1; 601)]
        and (map(select(.type == "b")) | length == 300)
        and (map(select(.type == "a").position) | .[-1] - .[0] == 299)' all
    sort all >sorted
    sort a.out b.out | cmp - sorted
}

# held COMMAND...: run it while another writer holds the store.
held() {
    local result=0
    mkfifo -m 600 hold
    es-init -q -s held.db
    # An import holds it from its first line on.
    start holder es-append -s held.db --import hold
    exec 9>hold
    echo '{"position":1,"id":"h","type":"a","stored_at":"2026-01-01T00:00:00Z"}' >&9
    within 10 taken held.db
    "$@" || result=$?
    # And comes to nothing, so that the others go on in the same log.
    echo nope >&9
    exec 9>&-
    finish 20 "$pid"
    rm hold
    assert_equal "$status" 1
    return "$result"
}

taken() {
    ! sqlite3 "$1" 'begin immediate; rollback' 2>/dev/null
}

# waits FILE: somebody waits for a lock of it.
waits() {
    grep -q -- "-> .*:$(stat -c %i "$1") " /proc/locks
}

@test "who waits for another writer is stored when that is done" {
    one_waits() {
        start waiter es-append -s held.db -t b 9>&-
        waiter=$pid
        [ ! -r /proc/locks ] || within 10 waits held.db-lock
        pid=${es_started[0]}
        assert_equal "$(cat waiter.out)" ''
    }
    held one_waits
    finish 20 "$waiter"
    assert_equal "$status" 0
    assert_equal "$(jq .position waiter.out)" 1
}

@test "a signal ends the wait at once, and nothing is stored" {
    one_is_stopped() {
        local signal
        for signal in TERM INT; do
            run --separate-stderr timeout --preserve-status -s "$signal" 1 \
                es-append -s held.db -t b
            refute_output
            assert_stderr
            [ "$status" -gt 128 ]
        done
        [ "$SECONDS" -lt $((began + 20)) ]
    }
    local began=$SECONDS
    held one_is_stopped
    assert_equal "$(es-query -s held.db --count)" 0
}

# ---- what is wrong with the store, or with stdout ----

@test "a missing store names es-init" {
    run --separate-stderr es-append -s none.db -t a
    assert_failure 1
    refute_output
    assert_stderr 'es-append: none.db: there is no store here: make one with es-init'
    # Not even input is waited for.
    mkfifo pipe
    exec 9<>pipe
    run --separate-stderr timeout 5 es-append -s none.db <&9
    exec 9>&-
    assert_failure 1
    assert_file_not_exist none.db
}

@test "a store that cannot be written" {
    need_unprivileged
    mkdir ro
    es-init -q -s ro/es.db
    chmod 444 ro/es.db*
    chmod 555 ro
    run --separate-stderr unprivileged es-append -s ro/es.db -t a
    chmod 755 ro
    assert_failure 1
    refute_output
    assert_error_line es-append 'Permission denied|cannot be written'
}

@test "an acknowledgement that cannot be written says what is stored" {
    printf '{"type":"a"}\n{"type":"b"}\n' >input
    run --separate-stderr bash -c 'es-append input >/dev/full'
    assert_failure 1
    assert_stderr 'es-append: <stdout>: No space left on device (stored up to position 2)'
    run --separate-stderr bash -c 'es-append --each input >/dev/full'
    assert_failure 1
    assert_stderr 'es-append: <stdout>: No space left on device (stored up to position 4)'
    run --separate-stderr bash -c 'es-append input >&-'
    assert_failure 1
    assert_error_line es-append '\(stored up to position 6\)$'
    run --separate-stderr bash -c 'es-append --batch 1 input >/dev/full'
    assert_failure 1
    assert_stderr 'es-append: <stdout>: No space left on device (stored up to position 7)'
    run --separate-stderr bash -c 'es-append -t a >/dev/full'
    assert_failure 1
    assert_stderr 'es-append: <stdout>: No space left on device (stored up to position 8)'
    run --separate-stderr bash -c 'es-append --skip-bad bad input - <<<nope >/dev/full'
    assert_failure 1
    assert_equal "${stderr_lines[0]}" 'es-append: <stdin>:1: not JSON (byte 1)'
    assert_equal "${stderr_lines[1]}" \
        'es-append: <stdout>: No space left on device (stored up to position 10)'
    assert_equal "$(cat bad)" nope
    # With -q there is none to write.
    es-append -q input >/dev/full
    stored 12
}

@test "a reader that is gone is told of, too" {
    run --separate-stderr bash -c 'set -o pipefail
        { es-append -t a; echo "status $?" >&2; } | true'
    # Whoever was first: it is stored, and told of unless it was read.
    stored 1
    for ((i = 0; i < 2000; i++)); do echo '{"type":"a"}'; done >input
    run --separate-stderr bash -c \
        '{ es-append input; echo "status $?" >&2; } | head -n 1 >/dev/null'
    assert_success
    assert_equal "$stderr" "es-append: <stdout>: Broken pipe (stored up to position 2001)
status 1"
}

@test "a reader that goes away between two batches" {
    for ((i = 0; i < 3000; i++)); do echo '{"type":"a"}'; done >input
    run --separate-stderr bash -c \
        '{ es-append --batch 500 input; echo "status $?" >&2; } | head -n 700 >/dev/null'
    assert_success
    assert_regex "$stderr" \
        '^es-append: <stdout>: Broken pipe \(stored up to position [0-9]+000?\)
status 1$'
    # As many as it says, and whole batches.
    stored "$(tr -dc 0-9 <<<"${stderr_lines[0]}")"
    [ $(($(es-query --count) % 500)) -eq 0 ]
}

@test "a store that was replaced while the input came takes nothing" {
    local flag
    mkfifo pipe
    for flag in --quiet --each; do
        start append es-append "$flag" pipe
        exec 9>pipe
        es-init -s new.db
        mv new.db es.db
        rm es.db-*
        echo '{"type":"a"}' >&9
        exec 9>&-
        finish 5 "$pid"
        assert_equal "$status" 1
        assert_equal "$(cat append.out)" ''
        assert_regex "$(cat append.err)" \
            '^es-append: es.db: is another file than the one that was opened$'
        rm es.db*
        es-init
    done
}

@test "closed stdin is an error, not an empty input" {
    run --separate-stderr bash -c 'es-append <&-'
    assert_failure 1
    refute_output
    assert_error_line es-append '<stdin>: '
}
