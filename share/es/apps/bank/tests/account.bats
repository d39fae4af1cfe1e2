#!/usr/bin/env bats
# One account.

load es

setup() {
    handler deciders/account.jq
}

@test "an account is opened once" {
    when bank.open_account account_id=a owner=Ada
    then_events bank.account_opened account_id=a owner=Ada
    when bank.open_account account_id=a owner=Eve
    then_rejected "the account is open already"
}

@test "nothing goes into an account that is not open, and nothing out" {
    when bank.deposit account_id=a amount=10
    then_rejected "there is no such account"
    when bank.withdraw account_id=a amount=10
    then_rejected "there is no such account"
}

@test "what goes in can go out, to the last cent" {
    given bank.account_opened account_id=a owner=Ada
    when bank.deposit account_id=a amount=10
    then_events bank.deposited account_id=a amount=10
    when bank.withdraw account_id=a amount=4
    then_events bank.withdrawn account_id=a amount=4
    when bank.withdraw account_id=a amount=6
    then_events bank.withdrawn account_id=a amount=6
    then_state '.balance == 0'
}

@test "an account is not overdrawn" {
    given bank.account_opened account_id=a owner=Ada
    given bank.deposited account_id=a amount=10
    when bank.withdraw account_id=a amount=11
    then_rejected "not enough money" '{"balance": 10}'
    then_state '.balance == 10'
}

@test "other accounts do not matter" {
    given bank.account_opened account_id=a owner=Ada
    given bank.account_opened account_id=b owner=Bob
    given bank.deposited account_id=b amount=10
    when bank.withdraw account_id=a amount=1
    then_rejected "not enough money" '{"balance": 0}'
}

@test "an amount is a whole number, and more than nothing" {
    given bank.account_opened account_id=a owner=Ada
    when bank.deposit account_id=a amount=0
    then_fault "amount: must be at least 1"
    when bank.deposit account_id=a amount=-5
    then_fault "amount: must be at least 1"
    when bank.deposit account_id=a amount=1.5
    then_fault "amount: must be an integer"
}

@test "a debit without enough money is refused, and says so" {
    given bank.account_opened account_id=a owner=Ada
    given bank.deposited account_id=a amount=10
    when bank.debit account_id=a transfer_id=t1 amount=11
    then_events bank.debit_refused account_id=a transfer_id=t1 \
        reason='not enough money'
    then_state '.balance == 10'
}

@test "a transfer is debited once, and credited once" {
    given bank.account_opened account_id=a owner=Ada
    given bank.deposited account_id=a amount=10
    when bank.debit account_id=a transfer_id=t1 amount=4
    then_events bank.debited account_id=a transfer_id=t1 amount=4
    when bank.debit account_id=a transfer_id=t1 amount=4
    then_rejected "this transfer has been debited"
    when bank.credit account_id=a transfer_id=t2 amount=1
    then_events bank.credited account_id=a transfer_id=t2 amount=1
    when bank.credit account_id=a transfer_id=t2 amount=1
    then_rejected "this transfer has been credited"
    then_state '.balance == 7'
}

@test "each account with its balance" {
    handler projectors/accounts.jq
    given bank.account_opened account_id=a owner=Ada
    given bank.account_opened account_id=b owner=Bob
    given bank.deposited account_id=a amount=10
    given bank.debited account_id=a transfer_id=t1 amount=4
    given bank.credited account_id=b transfer_id=t1 amount=4
    given bank.withdrawn account_id=b amount=1
    then_read_model \
        '{"key": {"account_id": "a"}, "state": {"owner": "Ada", "balance": 6}}' \
        '{"key": {"account_id": "b"}, "state": {"owner": "Bob", "balance": 3}}'
}
