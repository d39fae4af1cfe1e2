#!/usr/bin/env bats
# One donation, from its start to its end.

load es

setup() {
    campaign=campaign_id=c0000000-0000-4000-8000-000000000001
    ids="$campaign donation_id=d0000000-0000-4000-8000-000000000001"
    ada='name=Ada email=ada@example.org'
    handler deciders/donation.jq
}

# What has happened when a donation has come to this step.
given_started() {
    given campaigns.campaign_created $campaign name='New roof'
    given donations.donation_started $ids
}

given_details() {
    given_started
    given donations.amount_selected $ids amount=30
    given donations.details_entered $ids $ada
}

given_verified() {
    given_details
    given donations.verification_email_sent $ids email=ada@example.org token=t1
    given donations.email_verified $ids
}

given_payment_requested() {
    given_verified
    given donations.payment_requested $ids name=Ada amount=30 number=1
}

# ---- a donation and its campaign ----

@test "a donation starts in an open campaign, once" {
    when donations.start_donation $ids
    then_rejected "there is no such campaign"
    given campaigns.campaign_created $campaign name='New roof'
    when donations.start_donation $ids
    then_events donations.donation_started $ids
    when donations.start_donation $ids
    then_rejected "this donation has been started already"
}

@test "a closed campaign refuses politely" {
    local refusal='sorry, this campaign is closed and takes no more donations'
    given_verified
    given campaigns.campaign_closed $campaign
    when donations.start_donation $ids
    then_rejected "$refusal"
    when donations.select_amount $ids amount=10
    then_rejected "$refusal"
    when donations.enter_details $ids $ada
    then_rejected "$refusal"
    when donations.pay $ids
    then_rejected "$refusal"
}

@test "what was paid before the close is completed after it" {
    given_payment_requested
    given campaigns.campaign_closed $campaign
    given donations.payment_confirmed $ids amount=30 receipt=R-1
    when donations.complete_donation $ids
    then_events donations.donation_completed $ids amount=30
}

@test "other campaigns and other donations do not matter" {
    given_started
    given campaigns.campaign_closed \
        campaign_id=c0000000-0000-4000-8000-000000000002
    given donations.payment_confirmed $campaign amount=5 receipt=R-2 \
        donation_id=d0000000-0000-4000-8000-000000000002
    when donations.select_amount $ids amount=10
    then_events donations.amount_selected $ids amount=10
}

# ---- amount and details ----

@test "the amount is 5, 10, 30 or 50, and can be changed" {
    local amount
    given_started
    for amount in 5 10 30 50; do
        when donations.select_amount $ids amount=$amount
        then_events donations.amount_selected $ids amount=$amount
        then_state ".amount == $amount"
    done
    for amount in 0 7 -5 500; do
        when donations.select_amount $ids amount=$amount
        then_rejected "choose 5, 10, 30 or 50"
    done
    then_state '.amount == 50'
}

@test "an amount needs a donation that was started" {
    given campaigns.campaign_created $campaign name='New roof'
    when donations.select_amount $ids amount=5
    then_rejected "this donation has not been started"
}

@test "details need an amount and a name" {
    given_started
    when donations.enter_details $ids $ada
    then_rejected "choose an amount first"
    given donations.amount_selected $ids amount=30
    when donations.enter_details $ids name=' ' email=ada@example.org
    then_rejected "please tell us your name"
    when donations.enter_details $ids $ada
    then_events donations.details_entered $ids $ada
}

@test "details need an address" {
    given_started
    when donations.enter_details $ids name=Ada email=ada
    then_fault "email: must be an email address"
}

# ---- the email address ----

@test "without details there is nothing to verify" {
    given_started
    when donations.request_verification $ids
    then_rejected "there is no address to verify"
}

@test "the verification is asked for with name and address" {
    given_details
    when donations.request_verification $ids
    then_events donations.verification_requested $ids $ada
}

@test "what is verified is not asked for again" {
    given_verified
    when donations.request_verification $ids
    then_rejected "the address has been verified already"
}

@test "the code has to be the one that was mailed" {
    given_details
    when donations.verify_email $ids token=t1
    then_rejected "the verification email has not been sent yet"
    given donations.verification_email_sent $ids email=ada@example.org token=t1
    when donations.verify_email $ids token=t2
    then_rejected "this is not the code that we mailed"
    when donations.verify_email $ids token=t1
    then_events donations.email_verified $ids
    when donations.verify_email $ids token=t1
    then_rejected "your address has been verified already"
}

@test "another address is another verification" {
    given_verified
    given donations.details_entered $ids name=Ada email=ada@example.net
    when donations.pay $ids
    then_rejected "please verify your email address first"
    # A mail to the old address that was under way says nothing of the new one.
    given donations.verification_email_sent $ids email=ada@example.org token=t1
    when donations.verify_email $ids token=t1
    then_rejected "the verification email has not been sent yet"
    given donations.verification_email_sent $ids email=ada@example.net token=t2
    when donations.verify_email $ids token=t2
    then_events donations.email_verified $ids
}

# ---- the payment ----

@test "a verified donor pays" {
    given_verified
    when donations.pay $ids
    then_events donations.payment_requested $ids name=Ada amount=30 number=1
}

@test "who is not verified does not pay" {
    given_details
    when donations.pay $ids
    then_rejected "please verify your email address first"
}

@test "while the payment is under way nothing changes" {
    given_payment_requested
    when donations.pay $ids
    then_rejected "the payment is under way"
    when donations.select_amount $ids amount=10
    then_rejected "the payment is under way"
    when donations.enter_details $ids $ada
    then_rejected "the payment is under way"
    when donations.verify_email $ids token=t1
    then_rejected "the payment is under way"
    when donations.complete_donation $ids
    then_rejected "this donation has not been paid"
}

@test "after a failed payment the donor may change the amount and pay again" {
    given_payment_requested
    given donations.payment_failed $ids amount=30 reason=declined
    when donations.select_amount $ids amount=5
    then_events donations.amount_selected $ids amount=5
    when donations.pay $ids
    then_events donations.payment_requested $ids name=Ada amount=5 number=2
}

@test "what was paid is complete, once, and not paid again" {
    given_payment_requested
    given donations.payment_confirmed $ids amount=30 receipt=R-1
    when donations.pay $ids
    then_rejected "this donation has been paid"
    when donations.complete_donation $ids
    then_events donations.donation_completed $ids amount=30
    when donations.complete_donation $ids
    then_rejected "this donation is complete already"
}
