# Each transfer, how far it is, and why it failed.

def about: {partition_by: ["transfer_id"]};

def evolve($e):
    apply($e; "bank.transfer_ordered";
      ($e.payload | {from, to, amount}) + {status: "under way"})
  | apply($e; "bank.transfer_completed"; .status = "completed")
  | apply($e; "bank.transfer_failed";
      .status = "failed" | .reason = $e.payload.reason);
