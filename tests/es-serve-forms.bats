#!/usr/bin/env bats
#
# es-serve: what the catalog says to commands of nested attributes, sent as
# JSON, as a form with a script, and as a form without one.

load helper
load es-serve

setup() {
    es_setup
    mkdir -p app/deciders app/pages
    cat >app/messages.json <<'END'
{
  "orders.place": {"kind": "command", "web": true, "keys": ["order"], "payload": {
    "order": "string",
    "note": "string?",
    "donor": {"type": "object", "payload": {
      "name": "string",
      "address": {"type": "object", "payload": {"zip": {"type": "string", "max": 5}}},
      "age": {"type": "integer?", "min": 18}}},
    "lines": {"type": "array", "items": {"type": "object", "payload": {
      "sku": "string", "count": {"type": "integer", "default": 1}}}},
    "sizes": {"type": "array?", "items": "integer"}}},
  "orders.placed": {"keys": ["order"], "private": ["donor"],
    "payload": {"order": "string", "donor": "object?"}}
}
END
    cat >app/deciders/orders.jq <<'END'
def about: {partition_by: ["order"]};
def initial: 0;
def evolve($e): apply($e; "orders.placed"; . + 1);
def decide($c): on($c; "orders.place";
  if $c.payload.note == "bad" then event("orders.nonsense"; {order: $c.payload.order})
  else event("orders.placed"; {order: $c.payload.order}) end);
END
    cat >app/pages/order.jq <<'END'
def about: {path: "/:order", partition_by: ["order"]};
def initial: 0;
def evolve($e): apply($e; "orders.placed"; . + 1);
def render($page): form("orders.place"; {order: $page.params.order}; [
  field("note"; {label: "Note"}),
  field("donor.name"; {label: "Name"}),
  field("donor.address.zip"; {label: "Zip"}),
  field("donor.age"; {label: "Age"}),
  field("lines[0].sku"; {label: "What"}),
  field("lines[0].count"; {label: "How many"})]);
END
    es-init app
}

# The fields of a form that is right.
good=(-d order=o1 -d note= -d donor.name=Ada -d donor.address.zip=12345 -d donor.age=36
    -d 'lines[0].sku=a' -d 'lines[0].count=2' -d 'lines[1].sku=b' -d 'sizes[0]=7' -d 'sizes[1]=8')

stored() {
    es-query -t orders.place | jq -c .payload
}

@test "fields with paths are one nested payload, and all of it is coerced" {
    serve --no-react
    request POST /commands/orders.place -H 'Datastar-Request: true' "${good[@]}"
    assert_equal "$status" 202
    assert_equal "$(stored)" '{"order":"o1","donor":{"name":"Ada","address":{"zip":"12345"},"age":36},"lines":[{"sku":"a","count":2},{"sku":"b","count":1}],"sizes":[7,8]}'
    # What is optional and empty is left out, within as well.
    request POST /commands/orders.place -H 'Datastar-Request: true' -d order=o2 -d donor.name=Ada \
        -d donor.address.zip=1 -d donor.age= -d 'lines[0].sku=a' -d 'lines[0].count='
    assert_equal "$status" 202
    assert_equal "$(stored | tail -n 1)" '{"order":"o2","donor":{"name":"Ada","address":{"zip":"1"}},"lines":[{"sku":"a","count":1}]}'
}

@test "a wrong nested attribute is 422 by its path, in JSON and in a form alike" {
    serve --no-react
    request POST /commands/orders.place -H 'Content-Type: application/json' -d '{"order":"o1",
        "donor":{"name":"Ada","address":{"zip":"123456"},"age":3},"lines":[{"sku":"a"},{"sku":"b","count":"x"}]}'
    assert_equal "$status" 422
    expected='{"errors":{"donor.address.zip":"must have at most 5 characters","donor.age":"must be at least 18","lines[1].count":"must be an integer"}}'
    assert_equal "$(jq -c . body)" "$expected"
    request POST /commands/orders.place -H 'Datastar-Request: true' -d order=o1 -d donor.name=Ada \
        -d donor.address.zip=123456 -d donor.age=3 -d 'lines[0].sku=a' -d 'lines[1].sku=b' -d 'lines[1].count=x'
    assert_equal "$status" 422
    assert_equal "$(jq -c . body)" "$expected"
    request POST /commands/orders.place -H 'Datastar-Request: true' -d order=o1 -d donor.name=Ada \
        -d donor.street=x -d 'lines[0].sku=a'
    assert_equal "$status" 422
    assert_equal "$(jq -c . body)" \
        '{"errors":{"donor.street":"no such attribute","donor.address":"is missing"}}'
    assert_equal "$(es-query --count -t orders.)" 0
}

@test "without a script the page has the same errors beside the same fields" {
    serve --no-react
    request POST /commands/orders.place -H "Referer: $url/o1" -d order=o1 -d donor.name=Ada \
        -d donor.address.zip=123456 -d donor.age=x -d 'lines[0].sku=a' -d 'lines[0].count=many'
    assert_equal "$status" 422
    run cat body
    assert_output --partial 'data-es-error="donor.address.zip">must have at most 5 characters</p>'
    assert_output --partial 'data-es-error="donor.age">must be an integer</p>'
    assert_output --partial 'data-es-error="lines[0].count">must be an integer</p>'
    assert_output --partial 'data-es-error="donor.name"></p>'
    assert_output --partial 'value="123456"'
    assert_output --partial 'value="many"'
    assert_equal "$(grep -o 'aria-invalid' body | wc -l)" 3
    # What no field of the page has is told by the form.
    request POST /commands/orders.place -H "Referer: $url/o1" -d order=o1 -d donor.name=Ada \
        -d donor.address.zip=1 -d 'lines[0].sku=a' -d 'sizes[0]=x'
    assert_equal "$status" 422
    run cat body
    assert_output --partial 'data-es-error="">sizes[0]: must be an integer</p>'
    request POST /commands/orders.place -H "Referer: $url/o1" "${good[@]}"
    assert_equal "$status" 303
}

@test "fields that contradict each other, and names that are no paths" {
    serve --no-react
    faults() {
        request POST /commands/orders.place -H 'Datastar-Request: true' "${good[@]}" "$@"
        assert_equal "$status" 422
        jq -c .errors body
    }
    assert_equal "$(faults -d donor.name=Bob)" '{"donor.name":"is there twice"}'
    assert_equal "$(faults -d donor=x)" '{"donor":"contradicts another field"}'
    assert_equal "$(faults -d order.x=y)" '{"order.x":"contradicts another field"}'
    assert_equal "$(faults -d 'donor[0]=x')" '{"donor[0]":"contradicts another field"}'
    assert_equal "$(faults -d 'sizes[3]=x')" '{"sizes[3]":"comes before those in front of it"}'
    # As they stand.
    for name in 'donor..name' 'donor.' 'lines[x]' 'lines[01].sku' 'lines[0]sku' 'lines[0' '.' '[0]' 'other.name'; do
        assert_equal "$(faults --data-urlencode "$name=1")" \
            "$(jq -nc --arg n "$name" '{($n): "no such attribute"}')"
    done
    assert_equal "$(stored)" ''
}

@test "a type that the catalog lacks is 404, with --strict as without" {
    serve --no-react --strict
    request POST /commands/orders.nothing -d order=o1
    assert_equal "$status" 404
    request POST /commands/orders.nothing -H 'Content-Type: application/json' -d '{"order":"o1"}'
    assert_equal "$status" 404
    request POST /commands/orders.place -H 'Datastar-Request: true' "${good[@]}"
    assert_equal "$status" 202
    assert_equal "$(es-query --count -t orders.)" 1
}

@test "--strict: a handler that makes a type that the catalog lacks is at fault" {
    serve --strict
    request POST /commands/orders.place -H 'Datastar-Request: true' "${good[@]}" -c jar
    id=$(header es-id)
    is_done() { request GET "/commands/$id" -b jar; [ "$(jq -r .outcome body)" = done ]; }
    within 10 is_done
    request POST /commands/orders.place -H 'Datastar-Request: true' -d order=o2 -d note=bad -d donor.name=Ada \
        -d donor.address.zip=1 -d 'lines[0].sku=a'
    assert_equal "$status" 202
    parked() { [ "$(es-group list --json | jq .parked)" = 1 ]; }
    within 20 parked
    assert_equal "$(es-query --count -t orders.nonsense)" 0
    run es-group show orders
    assert_output --partial orders.nonsense
}

@test "/events shows nothing private of a message that is to come" {
    cat >log <<'END'
{"position":1,"id":"s","type":"es.scheduled","payload":{"due":"2030-01-01T00:00:00Z","message":{"id":"later","type":"orders.placed","payload":{"order":"o1","donor":{"name":"secret"}},"metadata":{"session":"secret"}}},"stored_at":"2026-01-01T00:00:00.000000Z"}
END
    rm es.db*
    es-init
    es-append -q --import log
    es-init app
    serve --no-react
    request GET '/events?follow=0' -H "Authorization: Bearer $token" -H 'Accept: application/x-ndjson'
    assert_equal "$status" 200
    assert_equal "$(head -n 1 body | jq -c .payload)" \
        '{"due":"2030-01-01T00:00:00Z","message":{"id":"later","type":"orders.placed","payload":{"order":"o1"}}}'
    refute grep -q secret body
}
