# An account: what goes out is never more than what is in it.

def about: {partition_by: ["account_id"]};

def initial: {
  open: false,
  balance: 0,
  debited: {}, credited: {}     # by transfer_id: each happens once
};

def evolve($e):
    apply($e; "bank.account_opened"; .open = true)
  | apply($e; "bank.deposited"; .balance += $e.payload.amount)
  | apply($e; "bank.withdrawn"; .balance -= $e.payload.amount)
  | apply($e; "bank.debited";
        .balance -= $e.payload.amount
      | .debited += {($e.payload.transfer_id): true})
  | apply($e; "bank.credited";
        .balance += $e.payload.amount
      | .credited += {($e.payload.transfer_id): true});

def is_open: require(.open; "there is no such account");

def decide($c):
  def step: $c.payload | {account_id, transfer_id, amount};
  def refusal($reason): ($c.payload | {account_id, transfer_id}) + {$reason};

  on($c; "bank.open_account";
      require(.open | not; "the account is open already")
    | event("bank.account_opened"; $c.payload)),

  on($c; "bank.deposit";
      is_open
    | event("bank.deposited"; $c.payload)),

  on($c; "bank.withdraw";
      is_open
    | require(.balance >= $c.payload.amount; "not enough money"; {balance})
    | event("bank.withdrawn"; $c.payload)),

  # The steps of a transfer.  Here a no is an event too, for somebody has to go
  # on with it.
  on($c; "bank.debit";
      require(.debited | has($c.payload.transfer_id) | not;
        "this transfer has been debited")
    | if .open | not then
        event("bank.debit_refused"; refusal("there is no such account"))
      elif .balance < $c.payload.amount then
        event("bank.debit_refused"; refusal("not enough money"))
      else
        event("bank.debited"; step)
      end),

  on($c; "bank.credit";
      require(.credited | has($c.payload.transfer_id) | not;
        "this transfer has been credited")
    | if .open then
        event("bank.credited"; step)
      else
        event("bank.credit_refused"; refusal("there is no such account"))
      end);
