# Each account with its owner and balance.

def about: {partition_by: ["account_id"]};

def initial: {owner: null, balance: 0};

def evolve($e):
    apply($e; "bank.account_opened"; .owner = $e.payload.owner)
  | apply($e; "bank.deposited", "bank.credited"; .balance += $e.payload.amount)
  | apply($e; "bank.withdrawn", "bank.debited"; .balance -= $e.payload.amount);
