# A transfer, step by step: out of one account, into the other.  When the other
# is not there, the money goes back to where it came from.

def about: {partition_by: ["transfer_id"]};

def initial: {from: null, to: null, amount: null, back: null};

def evolve($e):
    apply($e; "bank.transfer_ordered"; . + ($e.payload | {from, to, amount}))
  | apply($e; "bank.credit_refused"; .back = $e.payload.reason);

def react($e):
  def id: $e.payload | {transfer_id};
  def step($account): id + {account_id: $account, amount};

  on($e; "bank.transfer_ordered"; command("bank.debit"; step(.from))),

  on($e; "bank.debited"; command("bank.credit"; step(.to))),

  on($e; "bank.debit_refused";
    event("bank.transfer_failed"; id + {reason: $e.payload.reason})),

  on($e; "bank.credit_refused"; command("bank.credit"; step(.from))),

  on($e; "bank.credited";
      if .back == null then event("bank.transfer_completed"; id)
      else event("bank.transfer_failed"; id + {reason: .back}) end);
