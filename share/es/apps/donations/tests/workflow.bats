#!/usr/bin/env bats
# What follows from what, and all of it together.

load es

setup() {
    campaign=campaign_id=c0000000-0000-4000-8000-000000000001
    ids="$campaign donation_id=d0000000-0000-4000-8000-000000000001"
    ada='name=Ada email=ada@example.org'
    export DONATIONS_DELAY=0
}

@test "details lead to a verification, a payment to the end" {
    handler reactors/workflow.jq
    when donations.details_entered $ids $ada
    then_commands donations.request_verification $ids
    when donations.payment_confirmed $ids amount=30 receipt=R-1
    then_commands donations.complete_donation $ids
}

@test "a donation that was paid runs to its end" {
    with_handlers deciders/donation.jq reactors/workflow.jq \
        reactors/take-payment
    given campaigns.campaign_created $campaign name='New roof'
    given donations.donation_started $ids
    given donations.amount_selected $ids amount=30
    given donations.details_entered $ids name='Joan Declined' \
        email=joan@example.org
    given donations.verification_email_sent $ids email=joan@example.org \
        token=t1
    given donations.email_verified $ids
    when donations.pay $ids
    then_messages \
        donations.payment_requested $ids name='Joan Declined' amount=30 \
        number=1 \
        donations.payment_failed $ids amount=30 reason='the card was declined'
    when donations.select_amount $ids amount=7
    then_rejected "choose 5, 10, 30 or 50"
    handler projectors/donations.jq
    then_state '.step == "payment failed"'
}

@test "each donation and the step that it has come to" {
    handler projectors/donations.jq
    given donations.donation_started $ids
    given donations.amount_selected $ids amount=30
    given donations.details_entered $ids $ada
    given donations.verification_email_sent $ids email=ada@example.org token=t1
    given donations.email_verified $ids
    given donations.payment_requested $ids name=Ada amount=30 number=1
    given donations.payment_failed $ids amount=30 reason=declined
    then_state '.step == "payment failed" and .problem == "declined"'
    given donations.payment_requested $ids name=Ada amount=30 number=2
    then_state '.step == "payment requested" and .problem == null'
    given donations.payment_confirmed $ids amount=30 receipt=R-1
    given donations.donation_completed $ids amount=30
    then_read_model '{"state": {"step": "completed", "amount": 30,
        "name": "Ada", "receipt": "R-1", "problem": null}}'
}
