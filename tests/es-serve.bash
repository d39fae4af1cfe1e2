# shellcheck shell=bash
#
# What the tests of es-serve share; loaded behind helper.

# serve [FLAG...]: the app in $app, else in app/, on a free port; sets server,
# url, port, token.
serve() {
    # What an earlier one said is not its URL.
    rm -f serve.out
    start serve es-serve -l 127.0.0.1:0 "$@" "${app-app}"
    server=$pid
    within 10 lines serve.out 1
    url=$(sed 's#/?token=.*##' serve.out)
    token=$(sed 's/.*token=//' serve.out)
    port=${url##*:}
}

# request METHOD PATH [CURL-ARGUMENT...]: sets status, head and body.
request() {
    local method=$1 path=$2
    shift 2
    status=$(curl -sS -o body -D head -w '%{http_code}' -X "$method" "$@" "$url$path")
    tr -d '\r' <head >head.txt
}

header() {
    grep -i "^$1: " head.txt | sed 's/^[^:]*: //'
}

# raw: the lines on stdin go to the server as they are, but for CR LF; answer
# holds what came until it closed, or for two seconds.
raw() {
    local fd
    exec {fd}<>"/dev/tcp/127.0.0.1/$port"
    sed 's/$/\r/' >&"$fd"
    answer=$(timeout 2 cat <&"$fd" | tr -d '\r' || true)
    exec {fd}>&-
}
