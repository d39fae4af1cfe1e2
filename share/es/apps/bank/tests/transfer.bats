#!/usr/bin/env bats
# A transfer: its order, its steps, and all of it together.

load es

order='transfer_id=t1 from=a to=b amount=4'

@test "a transfer is ordered once, between two accounts" {
    handler deciders/transfer.jq
    when bank.transfer transfer_id=t1 from=a to=a amount=4
    then_rejected "a transfer needs two accounts"
    when bank.transfer $order
    then_events bank.transfer_ordered $order
    when bank.transfer $order
    then_rejected "this transfer has been ordered already"
}

@test "the steps of a transfer" {
    handler reactors/transfers.jq
    when bank.transfer_ordered $order
    then_commands bank.debit account_id=a transfer_id=t1 amount=4
    when bank.debited account_id=a transfer_id=t1 amount=4
    then_commands bank.credit account_id=b transfer_id=t1 amount=4
    when bank.credited account_id=b transfer_id=t1 amount=4
    then_messages bank.transfer_completed transfer_id=t1
}

@test "a debit that is refused ends it" {
    handler reactors/transfers.jq
    given bank.transfer_ordered $order
    when bank.debit_refused account_id=a transfer_id=t1 reason='no money'
    then_messages bank.transfer_failed transfer_id=t1 reason='no money'
}

@test "money that finds no account goes back" {
    handler reactors/transfers.jq
    given bank.transfer_ordered $order
    given bank.debited account_id=a transfer_id=t1 amount=4
    when bank.credit_refused account_id=b transfer_id=t1 reason='no account'
    then_commands bank.credit account_id=a transfer_id=t1 amount=4
    when bank.credited account_id=a transfer_id=t1 amount=4
    then_messages bank.transfer_failed transfer_id=t1 reason='no account'
}

@test "a transfer from its order to its end" {
    with_handlers .
    given bank.account_opened account_id=a owner=Ada
    given bank.account_opened account_id=b owner=Bob
    given bank.deposited account_id=a amount=10
    when bank.transfer $order
    then_events bank.transfer_ordered $order \
        bank.debited account_id=a transfer_id=t1 amount=4 \
        bank.credited account_id=b transfer_id=t1 amount=4 \
        bank.transfer_completed transfer_id=t1
    handler projectors/accounts.jq
    then_read_model '{"state": {"owner": "Ada", "balance": 6}}' \
        '{"state": {"owner": "Bob", "balance": 4}}'
    handler projectors/outcomes.jq
    then_read_model '{"state": {"from": "a", "to": "b", "amount": 4,
        "status": "completed"}}'
}

@test "no money is lost on the way to an account that is not there" {
    with_handlers deciders/account.jq deciders/transfer.jq reactors/transfers.jq
    given bank.account_opened account_id=a owner=Ada
    given bank.deposited account_id=a amount=10
    when bank.transfer $order
    then_events bank.transfer_ordered $order \
        bank.debited account_id=a transfer_id=t1 amount=4 \
        bank.credit_refused account_id=b transfer_id=t1 \
        reason='there is no such account' \
        bank.credited account_id=a transfer_id=t1 amount=4 \
        bank.transfer_failed transfer_id=t1 reason='there is no such account'
    handler projectors/accounts.jq
    then_read_model '{"state": {"owner": "Ada", "balance": 10}}'
    handler projectors/outcomes.jq
    then_read_model '{"state": {"from": "a", "to": "b", "amount": 4,
        "status": "failed", "reason": "there is no such account"}}'
}
