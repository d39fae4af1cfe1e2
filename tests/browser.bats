#!/usr/bin/env bats
#
# A person at the donations demo: two tabs, a whole donation, and the server
# killed in the middle; and the pages of all apps.  Screenshots are left in
# build/screenshots.

load helper
load es-serve

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

# serve_app NAME APP: in a directory and on a port of its own; sets url.
serve_app() {
    mkdir "$1"
    cd "$1" || return
    es-init "$2"
    seed_"$1" | es-append -q --each
    es-react -q "$2"
    app=$2 serve --no-react
    cd ..
}

seed_bank() {
    cat <<'END'
{"type":"bank.open_account","payload":{"account_id":"rent","owner":"Ada"}}
{"type":"bank.open_account","payload":{"account_id":"savings","owner":"Grace, who has a name that is rather long for a column"}}
{"type":"bank.deposit","payload":{"account_id":"savings","amount":1200000}}
{"type":"bank.transfer","payload":{"transfer_id":"t1","from":"savings","to":"rent","amount":850}}
{"type":"bank.transfer","payload":{"transfer_id":"t2","from":"savings","to":"nobody","amount":5}}
END
}

seed_courses() {
    cat <<'END'
{"type":"courses.define_course","payload":{"course_id":"Algebra","capacity":2}}
{"type":"courses.define_course","payload":{"course_id":"An introduction to event sourcing for the impatient","capacity":30}}
{"type":"courses.register_student","payload":{"student_id":"Ada"}}
{"type":"courses.register_student","payload":{"student_id":"Emmy"}}
{"type":"courses.subscribe","payload":{"course_id":"Algebra","student_id":"Ada"}}
{"type":"courses.subscribe","payload":{"course_id":"Algebra","student_id":"Emmy"}}
END
}

seed_starter() {
    cat <<'END'
{"type":"campaigns.create_campaign","payload":{"campaign_id":"c1","name":"New roof"}}
{"type":"campaigns.create_campaign","payload":{"campaign_id":"c2","name":"Instruments for the youth band of the town"}}
{"type":"donations.start_donation","payload":{"campaign_id":"c1","donation_id":"d1"}}
{"type":"donations.select_amount","payload":{"campaign_id":"c1","donation_id":"d1","amount":30}}
{"type":"donations.confirm_payment","payload":{"campaign_id":"c1","donation_id":"d1"}}
{"type":"donations.start_donation","payload":{"campaign_id":"c1","donation_id":"d2"}}
{"type":"donations.select_amount","payload":{"campaign_id":"c1","donation_id":"d2","amount":10}}
{"type":"campaigns.close_campaign","payload":{"campaign_id":"c2"}}
END
}

@test "the pages of the other apps, wide and on a phone" {
    dir=$(playwright)
    es-init --new app
    serve_app starter "$PWD/app"
    pages=(starter="$url/" starter-donation="$url/c1/d2" starter-thanks="$url/c1/d1"
        starter-missing="$url/no/such/page")
    serve_app bank "$ES_TOP/share/es/apps/bank"
    pages+=(bank="$url/")
    serve_app courses "$ES_TOP/share/es/apps/courses"
    pages+=(courses="$url/")
    run timeout 120 node "$ES_TOP/tests/browser/shots.mjs" "$dir" \
        "$ES_TOP/build/screenshots" "${pages[@]}"
    assert_success
    assert_output done
}
