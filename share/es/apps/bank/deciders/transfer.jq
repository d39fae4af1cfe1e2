# The order for a transfer; whether there is enough money is not known here.

def about: {partition_by: ["transfer_id"]};

def initial: {ordered: false};

def evolve($e): apply($e; "bank.transfer_ordered"; .ordered = true);

def decide($c):
  on($c; "bank.transfer";
      require(.ordered | not; "this transfer has been ordered already")
    | require($c.payload.from != $c.payload.to;
        "a transfer needs two accounts")
    | event("bank.transfer_ordered"; $c.payload));
