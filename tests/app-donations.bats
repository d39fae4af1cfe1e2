# The rules of the donations app, without a store: what happened (given), a
# command (when), and what comes of it (then).

load helper

setup() {
    es_setup
    app=$ES_TOP/share/es/apps/donations
    campaign='"campaign_id":"c0000000-0000-4000-8000-000000000001"'
    donation=$campaign',"donation_id":"d0000000-0000-4000-8000-000000000001"'
    other=$campaign',"donation_id":"d0000000-0000-4000-8000-000000000002"'
    decider=donation
    : >given
}

# given AREA.TYPE [MEMBERS of the payload]
given() {
    local ids=$donation
    [[ $1 != campaigns.* ]] || ids=$campaign
    printf '{"type":"%s","payload":{%s}}\n' "$1" "$ids${2:+,$2}" >>given
}

# What has happened when a donation has come to this step.
given_started() {
    given campaigns.campaign_created '"name":"New roof"'
    given donations.donation_started
}

given_details() {
    given_started
    given donations.amount_selected '"amount":30'
    given donations.details_entered '"name":"Ada","email":"ada@example.org"'
}

given_verified() {
    given_details
    given donations.verification_email_sent \
        '"email":"ada@example.org","token":"t1"'
    given donations.email_verified
}

given_payment_requested() {
    given_verified
    given donations.payment_requested '"name":"Ada","amount":30,"number":1'
}

# when AREA.TYPE [MEMBERS]
when() {
    local ids=$donation
    [[ $1 != campaigns.* ]] || ids=$campaign
    run --separate-stderr es-decide "$app/deciders/$decider.jq" \
        --given given <<<"{\"type\":\"$1\",\"payload\":{$ids${2:+,$2}}}"
}

# then_event AREA.TYPE [MEMBERS]: that event and nothing else
then_event() {
    local ids=$donation
    [[ $1 != campaigns.* ]] || ids=$campaign
    assert_success
    assert_stderr
    assert_equal "$(jq -Sc '[.kind, .type, .payload]' <<<"$output")" \
        "$(jq -nSc "[\"event\", \"$1\", {$ids${2:+,$2}}]")"
}

then_rejected() {
    assert_failure 4
    refute_output
    [[ $stderr == "es-decide: "*": rejected: $1" ]] || fail "$stderr"
}

# ---- campaigns ----

@test "a campaign is created once, under a name" {
    decider=campaign
    when campaigns.create_campaign '"name":"New roof"'
    then_event campaigns.campaign_created '"name":"New roof"'
    when campaigns.create_campaign '"name":"  "'
    then_rejected "a campaign needs a name"
    given campaigns.campaign_created '"name":"New roof"'
    when campaigns.create_campaign '"name":"New roof"'
    then_rejected "this campaign has been created already"
}

@test "a campaign is closed once" {
    decider=campaign
    when campaigns.close_campaign
    then_rejected "there is no such campaign"
    given campaigns.campaign_created '"name":"New roof"'
    when campaigns.close_campaign
    then_event campaigns.campaign_closed
    given campaigns.campaign_closed
    when campaigns.close_campaign
    then_rejected "this campaign is closed already"
}

# ---- a donation and its campaign ----

@test "a donation starts in an open campaign, once" {
    when donations.start_donation
    then_rejected "there is no such campaign"
    given campaigns.campaign_created '"name":"New roof"'
    when donations.start_donation
    then_event donations.donation_started
    given donations.donation_started
    when donations.start_donation
    then_rejected "this donation has been started already"
}

@test "a closed campaign refuses politely" {
    given_verified
    given campaigns.campaign_closed
    while read -r command members; do
        when "donations.$command" "$members"
        then_rejected \
            "sorry, this campaign is closed and takes no more donations"
    done <<'END'
start_donation
select_amount "amount":10
enter_details "name":"Ada","email":"ada@example.org"
pay
END
}

@test "what was paid before the close is completed after it" {
    given_payment_requested
    given campaigns.campaign_closed
    given donations.payment_confirmed '"amount":30,"receipt":"R-1"'
    when donations.complete_donation
    then_event donations.donation_completed '"amount":30'
}

@test "other campaigns and other donations do not matter" {
    given_started
    printf '{"type":"campaigns.campaign_closed","payload":{%s}}\n' \
        '"campaign_id":"c0000000-0000-4000-8000-000000000002"' >>given
    printf '{"type":"donations.payment_confirmed","payload":{%s}}\n' \
        "$other" >>given
    when donations.select_amount '"amount":10'
    then_event donations.amount_selected '"amount":10'
}

# ---- amount and details ----

@test "the amount is 5, 10, 30 or 50, and can be changed" {
    given_started
    for amount in 5 10 30 50; do
        when donations.select_amount "\"amount\":$amount"
        then_event donations.amount_selected "\"amount\":$amount"
    done
    given donations.amount_selected '"amount":5'
    when donations.select_amount '"amount":10'
    then_event donations.amount_selected '"amount":10'
    for amount in 0 7 -5 500; do
        when donations.select_amount "\"amount\":$amount"
        then_rejected "choose 5, 10, 30 or 50"
    done
}

@test "an amount needs a donation that was started" {
    given campaigns.campaign_created '"name":"New roof"'
    when donations.select_amount '"amount":5'
    then_rejected "this donation has not been started"
}

@test "details need an amount and a name" {
    given_started
    when donations.enter_details '"name":"Ada","email":"ada@example.org"'
    then_rejected "choose an amount first"
    given donations.amount_selected '"amount":30'
    when donations.enter_details '"name":" ","email":"ada@example.org"'
    then_rejected "please tell us your name"
    when donations.enter_details '"name":"Ada","email":"ada@example.org"'
    then_event donations.details_entered \
        '"name":"Ada","email":"ada@example.org"'
}

# ---- the email address ----

@test "the verification is asked for with name and address" {
    given_started
    when donations.request_verification
    then_rejected "there is no address to verify"
    : >given
    given_details
    when donations.request_verification
    then_event donations.verification_requested \
        '"name":"Ada","email":"ada@example.org"'
    : >given
    given_verified
    when donations.request_verification
    then_rejected "the address has been verified already"
}

@test "the code has to be the one that was mailed" {
    given_details
    when donations.verify_email '"token":"t1"'
    then_rejected "the verification email has not been sent yet"
    given donations.verification_email_sent \
        '"email":"ada@example.org","token":"t1"'
    when donations.verify_email '"token":"t2"'
    then_rejected "this is not the code that we mailed"
    when donations.verify_email '"token":"t1"'
    then_event donations.email_verified
    given donations.email_verified
    when donations.verify_email '"token":"t1"'
    then_rejected "your address has been verified already"
}

@test "another address is another verification" {
    given_verified
    given donations.details_entered '"name":"Ada","email":"ada@example.net"'
    when donations.pay
    then_rejected "please verify your email address first"
    # A mail to the old address that was under way says nothing of the new one.
    given donations.verification_email_sent \
        '"email":"ada@example.org","token":"t1"'
    when donations.verify_email '"token":"t1"'
    then_rejected "the verification email has not been sent yet"
    given donations.verification_email_sent \
        '"email":"ada@example.net","token":"t2"'
    when donations.verify_email '"token":"t2"'
    then_event donations.email_verified
}

# ---- the payment ----

@test "a verified donor pays" {
    given_details
    when donations.pay
    then_rejected "please verify your email address first"
    : >given
    given_verified
    when donations.pay
    then_event donations.payment_requested \
        '"name":"Ada","amount":30,"number":1'
}

@test "while the payment is under way nothing changes" {
    given_payment_requested
    while read -r command members; do
        when "donations.$command" "$members"
        then_rejected "the payment is under way"
    done <<'END'
pay
select_amount "amount":10
enter_details "name":"Ada","email":"ada@example.org"
verify_email "token":"t1"
END
    when donations.complete_donation
    then_rejected "this donation has not been paid"
}

@test "after a failed payment the donor may change the amount and pay again" {
    given_payment_requested
    given donations.payment_failed '"amount":30,"reason":"declined"'
    when donations.select_amount '"amount":5'
    then_event donations.amount_selected '"amount":5'
    given donations.amount_selected '"amount":5'
    when donations.pay
    then_event donations.payment_requested \
        '"name":"Ada","amount":5,"number":2'
}

@test "what was paid is complete, once, and not paid again" {
    given_payment_requested
    given donations.payment_confirmed '"amount":30,"receipt":"R-1"'
    when donations.pay
    then_rejected "this donation has been paid"
    when donations.complete_donation
    then_event donations.donation_completed '"amount":30'
    given donations.donation_completed '"amount":30'
    when donations.complete_donation
    then_rejected "this donation is complete already"
}

# ---- the executables, on their own ----

# react EXECUTABLE ATTEMPT MEMBERS
react() {
    ES_STORE=$PWD/es.db ES_ID=m1 ES_KEY=$1/m1 ES_ATTEMPT=$2 DONATIONS_DELAY=0 \
        "$app/reactors/$1" <<<"{\"payload\":{$donation,$3}}"
}

@test "an email that was sent is not sent with another token" {
    run --separate-stderr react send-verification 1 \
        '"name":"Ada\n\nX-Token: mine","email":"ada@example.org"'
    assert_success
    first=$output
    token=$(jq -r .payload.token <<<"$first")
    [[ $token =~ ^[0-9a-f]{32}$ ]]
    assert_equal "$(jq -Sc 'del(.payload.token)' <<<"$first")" \
        "$(jq -nSc "{type: \"donations.verification_email_sent\",
            payload: {$donation, email: \"ada@example.org\"}}")"
    run -0 cat outbox/*.eml
    assert_line 'To: ada@example.org'
    assert_line "your verification code is $token"

    run -0 --separate-stderr react send-verification 2 \
        '"name":"Ada","email":"ada@example.org"'
    assert_output "$first"
    run ls outbox
    assert_output d0000000-0000-4000-8000-000000000001.m1.eml
}

@test "a payment with the same key is charged once" {
    run --separate-stderr react take-payment 1 \
        '"name":"Ada","amount":30,"number":1'
    assert_success
    first=$output
    receipt=$(jq -r .payload.receipt <<<"$first")
    assert_equal "$(jq -Sc . <<<"$first")" \
        "$(jq -nSc "{type: \"donations.payment_confirmed\",
            payload: {$donation, amount: 30, receipt: \"$receipt\"}}")"
    run -0 --separate-stderr react take-payment 2 \
        '"name":"Ada","amount":30,"number":1'
    assert_output "$first"
    run cat gateway/*
    assert_output "30"$'\t'"confirmed $receipt"
}

@test "a gateway that does not answer is a fault, and nothing is charged" {
    run --separate-stderr react take-payment 1 \
        '"name":"Grace Retry","amount":30,"number":1'
    assert_failure 1
    refute_output
    assert_stderr "the payment gateway does not answer"
    run ls gateway
    refute_output
    run -0 --separate-stderr react take-payment 2 \
        '"name":"Grace Retry","amount":30,"number":1'
    assert_equal "$(jq -r .type <<<"$output")" donations.payment_confirmed

    DONATIONS_FAIL_RATE=100 DONATIONS_GATEWAY=$PWD/elsewhere \
        run --separate-stderr react take-payment 1 \
        '"name":"Ada","amount":30,"number":1'
    assert_failure 1
    assert_stderr "the payment gateway does not answer"
}

@test "a declined card is an answer" {
    run -0 --separate-stderr react take-payment 1 \
        '"name":"Joan Declined","amount":30,"number":1'
    assert_equal "$(jq -c '[.type, .payload.reason]' <<<"$output")" \
        '["donations.payment_failed","the card was declined"]'
    ES_STORE=$PWD/es.db ES_ID=m2 ES_KEY=take-payment/m2 ES_ATTEMPT=1 \
        DONATIONS_DELAY=0 run -0 --separate-stderr \
        "$app/reactors/take-payment" \
        <<<"{\"payload\":{$donation,\"name\":\"Joan Declined\",\"amount\":30,\"number\":2}}"
    assert_equal "$(jq -r .type <<<"$output")" donations.payment_confirmed
}

@test "the catalog says all that the app says, and nothing else" {
    run grep -Eohr '(campaigns|donations)\.[a-z_]+' \
        "$app/deciders" "$app/reactors" "$app/projectors"
    assert_equal "$(sort -u <<<"$output")" \
        "$(jq -r 'keys[]' "$app/messages.json" | sort)"
    # Who decides on a command is not the donor where the workflow goes on.
    run jq -r 'to_entries[] | select(.value.kind == "command" and
        (.value.web | not)) | .key' "$app/messages.json"
    assert_output "donations.request_verification
donations.complete_donation"
}
