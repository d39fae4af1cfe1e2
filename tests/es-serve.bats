#!/usr/bin/env bats
#
# es-serve: what goes over the wire.  tests/browser tries it as people do.

load helper
load es-serve

setup() {
    es_setup
    mkdir -p app/deciders app/pages app/public
    cat >app/messages.json <<'END'
{
  "notes.write": {"kind": "command", "web": true, "keys": ["pad"],
    "channel": "pads.{pad}",
    "payload": {"pad": "string", "text": {"type": "string", "max": 100}, "stars": "integer?"}},
  "notes.erase": {"kind": "command", "keys": ["pad"], "payload": {"pad": "string"}},
  "notes.written": {"keys": ["pad"], "channel": "pads.{pad}", "private": ["by"],
    "payload": {"pad": "string", "text": "string", "stars": "integer?", "by": "string?"}}
}
END
    cat >app/deciders/notes.jq <<'END'
def about: {partition_by: ["pad"]};
def initial: 0;
def evolve($e): apply($e; "notes.written"; . + 1);
def decide($c): on($c; "notes.write";
  require(. < 3; "the pad is full"; {notes: .}) | event("notes.written"; $c.payload));
END
    cat >app/pages/pad.jq <<'END'
def about: {path: "/:pad", title: "A pad", partition_by: ["pad"]};
def initial: [];
def evolve($e): apply($e; "notes.written"; . + [$e.payload]);
def render($page):
  [["h1", {"id": "title"}, "Pad ", $page.params.pad],
   ["ul", (.[] | ["li", .text])],
   form("notes.write"; {pad: $page.params.pad}; [field("text"; {label: "Text"}), field("stars"; {label: "Stars"})])];
END
    echo 'body { margin: 2em; }' >app/public/style.css
    es-init app
}

@test "it prints its URL when it accepts, and ends at a signal" {
    serve
    assert_regex "$(cat serve.out)" '^http://127\.0\.0\.1:[0-9]+/\?token=[0-9a-f]{64}$'
    assert_equal "$(stat -c %a es.db-token)" 600
    request GET /p1
    assert_equal "$status" 200
    kill -TERM "$server"
    finish 10 "$server"
    assert_equal "$status" 0
    assert_equal "$(cat serve.err)" ""
}

@test "a page, its headers, and what it loads" {
    serve --no-react
    request GET /p1
    assert_equal "$status" 200
    assert_equal "$(header content-type)" 'text/html; charset=utf-8'
    assert_regex "$(header content-security-policy)" "default-src 'none'; script-src 'self'"
    assert_equal "$(header x-content-type-options)" nosniff
    assert_regex "$(header set-cookie)" '^es_session=[0-9a-f]{32}; Path=/; HttpOnly; SameSite=Lax$'
    run cat body
    assert_output --partial '<main id="page"'
    assert_output --partial '<title>A pad'
    assert_output --partial '/public/style.css'
    assert_output --partial 'data-es-updates="/updates?page='
    request GET /public/style.css
    assert_equal "$status" 200
    assert_equal "$(header content-type)" 'text/css; charset=utf-8'
    assert_equal "$(cat body)" 'body { margin: 2em; }'
    request GET /public/es.js
    assert_equal "$status" 200
    refute_output --partial es.css
    # What is no page looks like one.
    request GET /no/such/page
    assert_equal "$status" 404
    run cat body
    assert_output --partial '<title>app</title>'
    assert_output --partial '/public/style.css'
    assert_output --partial '<main id="page"><h1>Not found</h1>'
    request GET '/p1?as_of=3'
    assert_equal "$status" 400
}

@test "an app without a style sheet has that of es" {
    rm -r app/public
    serve --no-react
    request GET /p1
    assert_equal "$(grep -c '<link rel="stylesheet" href="/public/es.css">' body)" 1
    request GET /public/es.css
    assert_equal "$status" 200
    assert_equal "$(header content-type)" 'text/css; charset=utf-8'
    assert_regex "$(cat body)" '\.es-form \{'
}

@test "a command: 202, its outcome, and only for who sent it" {
    serve
    request POST /commands/notes.write -c jar -H 'Content-Type: application/json' \
        -d '{"pad":"p1","text":"hello","stars":3}'
    assert_equal "$status" 202
    assert_equal "$(wc -c <body)" 0
    id=$(header es-id)
    assert_equal "$(header location)" "/commands/$id"
    position=$(header es-position)
    assert_equal "$(es-query -t notes.write | jq -c '[.position, .id, .payload]')" \
        "[$position,\"$id\",{\"pad\":\"p1\",\"text\":\"hello\",\"stars\":3}]"
    done_() { request GET "/commands/$id" -b jar; [ "$(jq -r .outcome body)" = "$1" ]; }
    within 10 done_ done
    assert_equal "$(jq -c . body)" \
        "{\"id\":\"$id\",\"type\":\"notes.write\",\"position\":$position,\"outcome\":\"done\"}"
    request GET "/commands/$id"
    assert_equal "$status" 404
    # The log knows a hash of the session, not the cookie.
    cookie=$(awk '/es_session/ { print $7 }' jar)
    run es-query -t notes.write
    refute_output --partial "$cookie"
    assert_regex "$output" '"metadata":\{"session":"[0-9a-f]{64}"\}'
}

@test "a rejection's reason is its outcome" {
    serve
    for i in 1 2 3 4; do
        request POST /commands/notes.write -c jar -b jar -d "pad=p1&text=t$i&id=c$i" \
            -H 'Datastar-Request: true' -H 'Sec-Fetch-Site: same-origin'
        assert_equal "$status" 202
        assert_equal "$(header es-id)" "c$i"
    done
    rejected() { request GET /commands/c4 -b jar; [ "$(jq -r .outcome body)" = rejected ]; }
    within 10 rejected
    assert_equal "$(jq -c '[.reason, .detail]' body)" '["the pad is full",{"notes":3}]'
}

@test "form text is coerced, and faults are told by attribute" {
    serve --no-react
    request POST /commands/notes.write -H 'Datastar-Request: true' -d 'pad=p1&text=x&stars=5'
    assert_equal "$status" 202
    assert_equal "$(es-query -t notes.write | jq -c .payload)" '{"pad":"p1","text":"x","stars":5}'
    request POST /commands/notes.write -H 'Datastar-Request: true' -d 'text=&stars=many&extra=1'
    assert_equal "$status" 422
    assert_equal "$(jq -c '.errors | keys' body)" '["extra","pad","stars"]'
    assert_equal "$(jq -r .errors.stars body)" 'must be an integer'
    request POST /commands/notes.write -H 'Content-Type: application/json' -d '{"pad":"p1","text":"x","stars":"5"}'
    assert_equal "$status" 422
    assert_equal "$(es-query --count -t notes.)" 1
}

@test "a plain form goes back to its page, or sees it again with its faults" {
    serve --no-react
    request POST /commands/notes.write -d 'pad=p1&text=x' -H "Referer: $url/p1?a=b" -H "Origin: $url"
    assert_equal "$status" 303
    assert_equal "$(header location)" '/p1?a=b'
    request POST /commands/notes.write -d 'pad=p1&text=y' -H 'Referer: https://elsewhere.example/p1'
    assert_equal "$status" 303
    assert_equal "$(header location)" /
    request POST /commands/notes.write -d 'pad=p1&text=keep+me&stars=many' -H "Referer: $url/p1"
    assert_equal "$status" 422
    assert_equal "$(header content-type)" 'text/html; charset=utf-8'
    run cat body
    assert_output --partial 'must be an integer'
    assert_output --partial 'value="many"'
    assert_output --partial 'keep me'
    # Its address is the command's: the form there knows where it stood.
    action=$(sed -n 's/.*action="\([^"]*page=[^"]*\)".*/\1/p' body)
    assert_equal "$action" '/commands/notes.write?page=%2Fp1'
    request POST "$action" -d 'pad=p1&text=z' -H "Referer: $url/commands/notes.write"
    assert_equal "$status" 303
    assert_equal "$(header location)" /p1
    request POST '/commands/notes.write?page=//elsewhere.example/' -d 'pad=p1&text=z'
    assert_equal "$status" 303
    assert_equal "$(header location)" /
}

@test "no redirect leads to another server" {
    serve --no-react
    for path in //evil.example '/\evil.example' //; do
        request POST /commands/notes.write -d 'pad=p1&text=x' -H "Referer: $url$path"
        assert_equal "$status" 303
        assert_equal "$(header location)" /
        raw <<END
GET $path/?token=$token HTTP/1.1
Host: localhost
Connection: close

END
        assert_regex "$answer" '^HTTP/1.1 303'
        assert_regex "$answer" $'\nLocation: /\r?\n'
    done
}

@test "a body with very many fields is refused at once, one twice by its name" {
    serve --no-react
    seq 100000 | paste -sd '&' >many
    request POST /commands/notes.write -m 5 --data-binary @many
    assert_equal "$status" 400
    seq 50000 | sed 's/.*/"&":1/' | paste -sd , | sed 's/.*/{&}/' >many
    request POST /commands/notes.write -m 5 -H 'Content-Type: application/json' --data-binary @many
    assert_equal "$status" 400
    request POST /commands/notes.write -H 'Datastar-Request: true' -d 'pad=p&text=x&stars=a&stars=b&stars=c'
    assert_equal "$status" 422
    assert_equal "$(jq -c . body)" '{"errors":{"stars":"is there twice"}}'
    request POST /commands/notes.write -H 'Datastar-Request: true' -d 'pad=p&text=x&a%00b=1'
    assert_equal "$status" 400
    assert_equal "$(es-query --count -t notes.)" 0
}

@test "bodies that never end are held up to a limit, and no further" {
    serve --no-react
    head -c 1000000 /dev/zero | tr '\0' a >large
    fds=()
    endless() {
        exec {fd}<>"/dev/tcp/127.0.0.1/$port"
        fds+=("$fd")
        printf '%s\r\n' 'POST /commands/notes.write HTTP/1.1' 'Host: localhost' 'Content-Length: 1000010' \
            'Content-Type: application/x-www-form-urlencoded' '' >&"$fd"
        cat large >&"$fd"
    }
    large() {
        request POST /commands/notes.write -H 'Datastar-Request: true' -d @large
        [ "$status" = 503 ]
    }
    # Those that do not fit are forgotten, and leave room for as much.
    full() {
        endless
        large
    }
    for _ in $(seq 66); do
        endless
    done
    within 25 full
    assert_equal "$(header retry-after)" 1
    # What is small finds room, and there is enough left for everything else.
    request POST /commands/notes.write -H 'Datastar-Request: true' -d 'pad=p1&text=x'
    assert_equal "$status" 202
    for fd in "${fds[@]}"; do
        exec {fd}>&-
    done
    free() { ! large; }
    within 10 free
    assert_equal "$status" 422
}

@test "what is no command of the web, and bodies that are none" {
    serve --no-react
    request POST /commands/notes.erase -d pad=p1
    assert_equal "$status" 404
    request POST /commands/no.such -d pad=p1
    assert_equal "$status" 404
    request POST /commands/notes.written -d pad=p1
    assert_equal "$status" 404
    request POST /commands/notes.write -H 'Content-Type: text/plain' -d x
    assert_equal "$status" 415
    request POST /commands/notes.write -H 'Content-Type: application/json' -d '{"pad":'
    assert_equal "$status" 400
    request POST /p1 -d pad=p1
    assert_equal "$status" 405
    request DELETE /p1
    assert_equal "$status" 405
    head -c 1100000 /dev/zero | tr '\0' a >big
    request POST /commands/notes.write --data-binary @big
    assert_equal "$status" 413
    request POST /commands/notes.write -H 'Transfer-Encoding: chunked' --data-binary @big
    assert_equal "$status" 413
    assert_equal "$(es-query --count -t notes.)" 0
}

@test "metadata, causes, times and positions are never taken from a client" {
    serve --no-react
    for field in metadata causation_id created_at position; do
        request POST /commands/notes.write -H 'Content-Type: application/json' \
            -d "{\"payload\":{\"pad\":\"p1\",\"text\":\"x\"},\"$field\":{}}"
        assert_equal "$status" 422
        assert_equal "$(jq -r ".errors.$field" body)" 'is not taken from a client'
    done
    request POST /commands/notes.write -H 'Content-Type: application/json' \
        -d '{"payload":{"pad":"p1","text":"x"},"id":"mine"}'
    assert_equal "$status" 202
    assert_equal "$(header es-id)" mine
    # The same again is the same; another one under that id is refused.
    request POST /commands/notes.write -H 'Content-Type: application/json' \
        -d '{"payload":{"pad":"p1","text":"x"},"id":"mine"}'
    assert_equal "$status" 202
    request POST /commands/notes.write -H 'Content-Type: application/json' \
        -d '{"payload":{"pad":"p1","text":"y"},"id":"mine"}'
    assert_equal "$status" 409
    assert_equal "$(es-query --count -t notes.)" 1
}

@test "a foreign Host or Origin is refused" {
    serve --no-react --host pads.example.org
    request GET /p1 -H 'Host: evil.example.org'
    assert_equal "$status" 403
    request GET /p1 -H "Host: 127.0.0.1:$((port + 1))"
    assert_equal "$status" 403
    for host in localhost "localhost:$port" '[::1]' pads.example.org; do
        request GET /p1 -H "Host: $host"
        assert_equal "$status" 200
    done
    request POST /commands/notes.write -d 'pad=p&text=x' -H 'Origin: https://evil.example.org'
    assert_equal "$status" 403
    request POST /commands/notes.write -d 'pad=p&text=x' -H 'Origin: null'
    assert_equal "$status" 403
    request POST /commands/notes.write -d 'pad=p&text=x' -H 'Sec-Fetch-Site: cross-site'
    assert_equal "$status" 403
    request POST /commands/notes.write -d 'pad=p&text=x' -H 'Sec-Fetch-Site: same-site' -H "Origin: $url"
    assert_equal "$status" 403
    # Neither says where it comes from: then only without cookies.
    request POST /commands/notes.write -d 'pad=p&text=x' -H 'Cookie: es_session=0123456789abcdef0123456789abcdef'
    assert_equal "$status" 403
    assert_equal "$(es-query --count -t notes.)" 0
}

@test "requests that two readers read in two ways are refused" {
    serve --no-react
    raw <<END
POST /commands/notes.write HTTP/1.1
Host: localhost
Content-Length: 4
Transfer-Encoding: chunked

0

GET /p1 HTTP/1.1
Host: localhost

END
    assert_regex "$answer" '^HTTP/1.1 400'
    assert_equal "$(grep -c '^HTTP/1.1' <<<"$answer")" 1
    raw <<END
POST /commands/notes.write HTTP/1.1
Host: localhost
Content-Length: 4
Content-Length: 5

abcde
END
    assert_regex "$answer" '^HTTP/1.1 400'
    raw <<END
POST /commands/notes.write HTTP/1.1
Host: localhost
Transfer-Encoding: gzip

x
END
    # The second by newer versions of libmicrohttpd, themselves.
    assert_regex "$answer" '^HTTP/1.1 (400|501)'
    raw <<END
GET /p1 HTTP/1.1

END
    assert_regex "$answer" '^HTTP/1.1 400'
    raw <<END
POST /commands/notes.write HTTP/1.1
Host: localhost
Content-Length: 3
Transfer-Encoding : chunked

abc
END
    assert_regex "$answer" '^HTTP/1.1 400'
    assert_equal "$(es-query --count -t notes.)" 0
}

@test "files: nothing outside of public is reached" {
    echo secret >app/secret.txt
    ln -s ../secret.txt app/public/link.txt
    mkdir app/public/.git
    echo hidden >app/public/.git/config
    serve --no-react
    for path in '/public/../secret.txt' '/public/%2e%2e/secret.txt' '/public/..%2fsecret.txt' \
        '/public//style.css' '/public/' '/public/.git/config' '/public/link.txt' \
        '/public/style.css%00.txt' '/public/a%5cb' '/public/%zz' '/public/style.css/x'; do
        request GET "$path" --path-as-is
        # Newer versions of libmicrohttpd refuse these themselves.
        case $path$status in
        *%00*400 | *%zz*400) status=404 ;;
        esac
        assert_equal "$path $status" "$path 404"
    done
}

@test "/events needs the token, and leaves out what is private" {
    es-append -q -t notes.written pad=p1 text=one by=me
    es-append -q -t notes.written pad=p2 text=two
    serve --no-react
    request GET '/events?follow=0'
    assert_equal "$status" 401
    request GET '/events?follow=0' -H 'Authorization: Bearer 00'
    assert_equal "$status" 401
    request GET '/events?follow=0&type=notes.&key=pad=p1' -H "Authorization: Bearer $token" \
        -H 'Accept: application/x-ndjson'
    assert_equal "$status" 200
    assert_equal "$(header content-type)" application/x-ndjson
    assert_equal "$(jq -c .payload body)" '{"pad":"p1","text":"one"}'
    request GET '/events?follow=0&type=notes.' -H "Authorization: Bearer $token"
    assert_equal "$(header content-type)" 'text/event-stream; charset=utf-8'
    assert_equal "$(grep -c '^data: ' body)" 2
    request GET '/events?nonsense=1' -H "Authorization: Bearer $token"
    assert_equal "$status" 400
    # A page may have a parameter of that name.
    request GET '/p1?token=mine'
    assert_equal "$status" 200
    # The printed URL gives the browser a cookie, and leaves the address bar.
    request GET "/?token=$token" -c jar
    assert_equal "$status" 303
    assert_equal "$(header location)" /
    request GET '/events?follow=0' -b jar
    assert_equal "$status" 200
}

@test "two servers that begin at once have one token, a half one is refused" {
    start one es-serve -l 127.0.0.1:0 --no-react app
    start two es-serve -l 127.0.0.1:0 --no-react app
    within 10 lines one.out 1
    within 10 lines two.out 1
    assert_equal "$(sed 's/.*token=//' one.out)" "$(cat es.db-token)"
    assert_equal "$(sed 's/.*token=//' two.out)" "$(cat es.db-token)"
    assert_equal "$(echo es.db-token*)" es.db-token
    printf 0123 >es.db-token
    run --separate-stderr es-serve -l 127.0.0.1:0 app
    assert_failure 1
    assert_error_line es-serve 'es.db-token: not a token: remove it'
}

@test "/events follows" {
    serve --no-react
    start follow curl -sN -H "Authorization: Bearer $token" -H 'Accept: application/x-ndjson' \
        "$url/events?type=notes.written"
    for i in 1 2 3; do
        es-append -q -t notes.written pad=p1 text="$i"
        within 5 lines follow.out "$i"
    done
    assert_equal "$(jq -r .payload.text follow.out)" "$(printf '1\n2\n3')"
}

@test "/updates: the newest render, and one more for each news of the page" {
    serve
    start stream curl -sN "$url/updates?page=%2Fp1"
    updates() { [ "$(grep -c '^event: datastar-patch-elements' stream.out)" -ge "$1" ]; }
    within 10 updates 1
    request POST /commands/notes.write -d 'pad=p2&text=elsewhere' -H 'Datastar-Request: true'
    request POST /commands/notes.write -d 'pad=p1&text=<b>here</b>' -H 'Datastar-Request: true'
    within 10 updates 2
    run cat stream.out
    assert_output --partial '&lt;b&gt;here&lt;/b&gt;'
    refute_output --partial elsewhere
    assert_regex "$output" $'\nid: [0-9a-f-]{36}:[0-9]+\n'
    # One who has the newest gets nothing before there is news.
    since=$(grep '^id: ' stream.out | tail -n 1 | sed 's/^id: //')
    start again curl -sN "$url/updates?page=%2Fp1&since=$since"
    start behind curl -sN "$url/updates?page=%2Fp1&since=${since%:*}:1"
    within 10 grep -q '^event: datastar-patch-elements' behind.out
    refute grep -q '^event' again.out
    request POST /commands/notes.write -d 'pad=p1&text=more' -H 'Datastar-Request: true'
    within 10 grep -q more again.out
    # Another store's page has to be loaded anew.
    start other curl -sN "$url/updates?page=%2Fp1&since=00000000-0000-0000-0000-000000000000:1"
    within 10 grep -q '^event: es-reload' other.out
    request GET '/updates?page=%2Fp1&since=nonsense'
    assert_equal "$status" 400
    request GET '/updates?page=%2Fno%2Fpage'
    assert_equal "$status" 404
    request GET /updates
    assert_equal "$status" 400
}

@test "text in a message cannot forge an event of the stream" {
    serve --no-react
    start stream curl -sN "$url/updates?page=%2Fp1"
    printf '%s\n' '{"type":"notes.written","payload":{"pad":"p1","text":"a\r\n\r\nevent: evil\ndata: x\rdata: y"}}' |
        es-append -q
    within 10 grep -q 'data: x' stream.out
    refute grep -q '^event: evil' stream.out
    refute grep -q '^data: [xy]' stream.out
}

@test "a payload shaped like an element never becomes code, form or action" {
    cat >app/pages/raw.jq <<'END'
def about: {path: "/raw/:pad", partition_by: ["pad"]};
def initial: null;
def evolve($e): apply($e; "raw.posted"; $e.payload.node);
def render($page): ["div", {"class": "raw"}, .];
END
    jq '. + {"raw.posted": {"keys": ["pad"], "payload": {"pad": "string", "node": "any"}}}' \
        app/messages.json >new
    mv new app/messages.json
    es-init app
    serve --no-react
    local n=0 node
    while IFS= read -r node; do
        n=$((n + 1))
        es-append -q -t raw.posted pad=$n node:="$node"
        request GET "/raw/$n"
        assert_equal "$node: $status" "$node: 500"
        refute grep -qi 'alert' body
    done <<'END'
["script","alert(1)"]
["SCRIPT","alert(1)"]
["img",{"src":"x","onerror":"alert(1)"}]
["a",{"href":"javascript:alert(1)"},"x"]
["a",{"href":" java\tscript:alert(1)"},"x"]
["iframe",{"srcdoc":"<script>alert(1)</script>"}]
["form",{"action":"/commands/notes.write"},["button","alert"]]
["p",{"style":"background:url(javascript:alert(1))"},"x"]
["p",{"data-on:click":"alert(1)"},"x"]
{"form":"notes.write","alert":1}
[["b","x"],["object",{"data":"alert"}]]
END
    # What only shows is shown, and text stays text.
    es-append -q -t raw.posted pad=ok node:='["b","<script>alert(1)</script>"]'
    request GET /raw/ok
    assert_equal "$status" 200
    run cat body
    assert_output --partial '<b>&lt;script&gt;alert(1)&lt;/script&gt;</b>'
}

@test "many at once are one group commit, and all are answered" {
    serve --no-react
    for i in $(seq 40); do
        echo "url = $url/commands/notes.write"
        echo "data = \"pad=p$i&text=$i\""
        echo 'header = "Datastar-Request: true"'
        echo "output = out.$i"
        printf '%s\n' 'write-out = "%{http_code}\n"'
        echo next
    done | sed '$d' >config
    run curl -sS --parallel --parallel-max 20 -K config
    assert_equal "$(grep -c '^202$' <<<"$output")" 40
    assert_equal "$(es-query --count -t notes.write)" 40
}

@test "it ends well while commands keep coming" {
    serve --no-react
    for i in $(seq 400); do
        echo "url = $url/commands/notes.write"
        echo "data = \"pad=p$i&text=$i\""
        echo 'header = "Datastar-Request: true"'
        echo next
    done | sed '$d' >config
    for i in 1 2 3; do
        start "load$i" curl -s --parallel --parallel-max 50 -K config
    done
    some() { [ "$(es-query --count -t notes.write)" -ge 5 ]; }
    within 10 some
    kill -TERM "$server"
    finish 10 "$server"
    assert_equal "$status" 0
    assert_equal "$(cat serve.err)" ""
}

@test "a client that drips its header, or takes nothing, is dropped" {
    serve --no-react
    exec {fd}<>"/dev/tcp/127.0.0.1/$port"
    printf 'GET /p1 HTTP/1.1\r\nHost: localhost\r\n' >&"$fd"
    closed() {
        { printf 'X-A: b\r\n' >&"$fd"; } 2>/dev/null || return 0
        [ -z "$(ss -Htn "sport = :$port" state established)" ]
    }
    within 20 closed
    exec {fd}>&-
    request GET /p1
    assert_equal "$status" 200
}

@test "es-react is started again when it dies" {
    serve
    react() { react=$(pgrep -P "$server" -f 'es-react' | head -n 1); [ -n "$react" ]; }
    within 10 react
    old=$react
    kill -9 "$old"
    other() { react && [ "$react" != "$old" ]; }
    within 10 other
    request POST /commands/notes.write -d 'pad=p1&text=x' -H 'Datastar-Request: true'
    some() { [ "$(es-query --count -t notes.written)" -eq 1 ]; }
    within 10 some
    assert_regex "$(cat serve.err)" 'es-react ended'
}

@test "wrong command lines, apps and ports are refused" {
    run --separate-stderr es-serve
    assert_failure 2
    assert_error_line es-serve 'an APP is missing'
    run --separate-stderr es-serve -l nowhere app
    assert_failure 2
    assert_error_line es-serve
    run --separate-stderr es-serve app/deciders/notes.jq
    assert_failure 2
    assert_error_line es-serve 'not an app'
    run --separate-stderr es-serve -s none.db app
    assert_failure 1
    assert_error_line es-serve es-init
    serve --no-react
    run --separate-stderr es-serve -l "127.0.0.1:$port" app
    assert_failure 1
    assert_error_line es-serve 'in use'
    echo 'def about: {path: "/x"}; def render($page): nosuch;' >app/pages/bad.jq
    run --separate-stderr es-serve -l 127.0.0.1:0 app
    assert_failure 1
    assert_error_line es-serve 'bad.jq:1: .*nosuch'
}
