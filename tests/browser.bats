#!/usr/bin/env bats
#
# A person at the donations demo: two tabs, a whole donation, and the server
# killed in the middle.  Screenshots are left in build/screenshots.

load helper

# npm's client fetches it once; nothing of it is in the tree.
playwright() {
    local dir=$ES_TOP/build/browser
    mkdir -p "$dir"
    cp "$ES_TOP/tests/browser/package.json" "$dir/"
    [ -d "$dir/node_modules/playwright-core" ] ||
        npm install --prefix "$dir" --no-audit --no-fund --no-package-lock \
            --loglevel=error >&2 || return
    echo "$dir"
}

@test "a donation in two tabs" {
    dir=$(playwright)
    es-init "$ES_TOP/share/es/apps/donations"
    export DONATIONS_DELAY=0.1
    run timeout 120 node "$ES_TOP/tests/browser/donation.mjs" "$dir" "$ES_BIN/es-serve" \
        "$PWD/es.db" "$ES_TOP/share/es/apps/donations" "$PWD/outbox" \
        "$ES_TOP/build/screenshots"
    assert_success
    assert_line done
}
