# One donation: the step that it has come to, the form for it, and all that was
# said about it.

def about: {
  path: "/:campaign_id/:donation_id", title: "Your donation",
  partition_by: ["campaign_id", "donation_id"]
};

def initial: {
  campaign: null, open: false, started: false,
  amount: null, name: null,
  mail: null,             # "requested", "sent", "verified"
  payment: null,          # "requested", "failed", "confirmed"
  problem: null,          # what the gateway said
  refused: null,          # why the newest command was, until something happens
  receipt: null, completed: false,
  history: []             # messages of this donation, in log order
};

# What is shown of a message: all but the ids.  What is private es-serve leaves
# out before a page sees it.
def note($e):
  .history += [{type: $e.type, kind: $e.kind, position: $e.position,
    at: $e.stored_at,
    said: ($e.payload
      | del(.campaign_id, .donation_id, .command_id, .type)
      | with_entries(select(.value != null)))}];

def evolve($e):
    apply($e; "campaigns.campaign_created";
        .campaign = $e.payload.name | .open = true)
  | apply($e; "campaigns.campaign_closed"; .open = false)
  | apply($e; "donations."; note($e) | .refused = null)
  | apply($e; "es.command_rejected"; note($e) | .refused = $e.payload.reason)
  | apply($e; "donations.donation_started"; .started = true)
  | apply($e; "donations.amount_selected"; .amount = $e.payload.amount)
  | apply($e; "donations.details_entered";
        .name = $e.payload.name | .mail = null)
  | apply($e; "donations.verification_requested"; .mail = "requested")
  | apply($e; "donations.verification_email_sent"; .mail = "sent")
  | apply($e; "donations.email_verified"; .mail = "verified")
  | apply($e; "donations.payment_requested";
        .payment = "requested" | .problem = null)
  | apply($e; "donations.payment_failed";
        .payment = "failed" | .problem = $e.payload.reason)
  | apply($e; "donations.payment_confirmed";
        .payment = "confirmed" | .receipt = $e.payload.receipt)
  | apply($e; "donations.donation_completed"; .completed = true);

def steps: ["Amount", "Details", "Email", "Payment", "Thanks"];

def step:
  if .amount == null then 0
  elif .name == null then 1
  elif .mail != "verified" then 2
  elif .payment != "confirmed" then 3
  else 4 end;

def money: "€ \(.)";

# ---- the forms, each with the ids of the path ----

def amounts($ids; $chosen):
  ["div", {class: "amounts"},
    (5, 10, 30, 50
      | ["div", {class: [if . == $chosen then "chosen" else null end]},
          link_command("donations.select_amount"; $ids + {amount: .}; money)])];

def details($ids; $text):
  form("donations.enter_details"; $ids;
    field("name"; {label: "Your name", type: "text", autocomplete: "name"}),
    field("email"; {label: "Your email address", type: "email",
      autocomplete: "email",
      help: "It is on no page: the app calls it private."}),
    submit($text));

def token($ids):
  form("donations.verify_email"; $ids;
    field("token"; {label: "Code from the email", type: "text",
      autocomplete: "one-time-code"}),
    submit("Verify"));

def busy($text):
  ["p", {class: "busy"}, ["span", {class: "dots", "aria-hidden": "true"},
    ["i"], ["i"], ["i"]], $text];

# ---- each step ----

def heading($text): ["h2", {class: "es-focus", tabindex: "-1"}, $text];

def to_amount($ids):
  [ heading("How much would you like to give?"), amounts($ids; null) ];

def to_details($ids):
  [ heading("Who are you?"), details($ids; "Continue") ];

def to_email($ids):
  [ heading("Is this your address?"),
    if .mail == "sent" then
      [ ["p", "We have mailed you a code."],
        token($ids),
        ["p", {class: "hint"}, "This is a demo: the mail is a file in ",
          ["code", "outbox/"], " beside the store, and ",
          ["code", "make demo"], " prints its code in the terminal."] ]
    else busy("The email is on its way…") end ];

def to_payment($ids):
  [ heading("Ready to pay"),
    if .payment == "requested" then busy("Waiting for the payment…")
    else
      [ if .payment == "failed" then
          ["p", {class: "alert"}, "The payment failed: ", .problem, "."]
        else null end,
        ["p", "You give ", ["strong", (.amount | money)], " to ",
          ["strong", .campaign], "."],
        form("donations.pay"; $ids;
          submit(if .payment == "failed" then "Try again"
            else "Pay \(.amount | money)" end)) ]
    end ];

def to_thanks:
  [ heading("Thank you, \(.name)!"),
    ["p", "Your ", ["strong", (.amount | money)], " have arrived at ",
      ["strong", .campaign], "."],
    ["p", {class: "receipt"}, "Receipt ", ["code", .receipt]],
    if .completed then null else busy("Closing the books…") end,
    ["p", ["a", {href: "/"}, "See what it adds up to"]] ];

def to_start($ids):
  [ heading("A new donation"),
    ["p", "Nothing has been said about it yet."],
    form("donations.start_donation"; $ids; submit("Begin")) ];

def current($ids):
  if .campaign == null then
    [ heading("There is no such campaign"),
      ["p", ["a", {href: "/"}, "These are the campaigns."]] ]
  elif .payment == "confirmed" then to_thanks
  elif .open | not then
    [ heading("This campaign is closed"),
      ["p", "It takes no more donations. You have paid nothing."],
      ["p", ["a", {href: "/"}, "See the others"]] ]
  elif .started | not then to_start($ids)
  else (step | if . == 0 then "amount" elif . == 1 then "details"
      elif . == 2 then "email" else "payment" end) as $at
    | if $at == "amount" then to_amount($ids)
      elif $at == "details" then to_details($ids)
      elif $at == "email" then to_email($ids)
      else to_payment($ids) end
  end;

# What was said before can be said otherwise until it is paid.
def changes($ids):
  if .open and .amount != null
    and (.payment == null or .payment == "failed") then
    [ ["details", {class: "change", id: "change-amount"},
        ["summary", ["span", "Amount"], ["b", (.amount | money)],
          ["span", {class: "action"}, "Change"]],
        amounts($ids; .amount)],
      if .name == null then null else
      ["details", {class: "change", id: "change-details"},
        ["summary", ["span", "Name"], ["b", .name],
          ["span", {class: "action"}, "Change"]],
        details($ids; "Save")] end ]
  else null end;

def stepper:
  (if .started then step else -1 end) as $now
  | ["ol", {class: "steps", "aria-label": "Steps"},
      (range(5) | . as $i
        | ["li", {
            class: [if $i < $now or $now == 4 then "done"
              elif $i == $now then "now" else "later" end],
            "aria-current": (if $i == $now then "step" else null end)},
            ["span", {class: "dot", "aria-hidden": "true"},
              if $i < $now or $now == 4 then "✓" else $i + 1 end],
            ["span", steps[$i]]])];

# For who hears the page: it is said when it changes.
def spoken:
  if .payment == "requested" then "Waiting for the payment"
  elif .payment == "failed" then "The payment failed"
  elif .payment == "confirmed" then "Paid. Thank you"
  elif .mail == "requested" then "The email is on its way"
  elif .started then "Step \(step + 1) of 5: \(steps[step])"
  else null end;

def message:
  ["li", {class: [.kind, if .type == "es.command_rejected" then "rejected"
      else null end], id: "message-\(.position)"},
    ["span", {class: "position"}, "#\(.position)"],
    ["span", {class: "type"}, .type],
    ["time", {datetime: .at}, .at[11:19]],
    if .said == {} then null else
    ["span", {class: "said"},
      ([.said | to_entries[]
        | "\(.key) \(.value | if type == "string" then . else tojson end)"]
        | join(" · "))] end];

def render($page):
  ($page.params | {campaign_id, donation_id}) as $ids
  | [ ["header", {class: "hero small"},
        ["p", ["a", {href: "/"}, "All campaigns"]],
        ["h1", .campaign // "A donation"]],
      ["p", {class: "unseen", role: "status"}, spoken],
      stepper,
      ["div", {class: "columns wide"},
        ["section", {class: "card step"},
          # Where a script runs the form says so, to who sent it.
          if .refused then
            ["p", {class: "alert es-plain"}, "Sorry: ", .refused, "."]
          else null end,
          current($ids),
          ["p", {class: "faint es-plain"}, "Without JavaScript nothing ",
            "changes here by itself: ",
            ["a", {href: $page.path}, "look again"], "."],
          changes($ids)],
        ["section", {class: "log", "aria-labelledby": "log"},
          ["h2", {id: "log"}, "The log"],
          if .history == [] then ["p", {class: "empty"}, "Nothing yet."]
          else
            ["ol", {class: "history"}, (.history[] | message)] end,
          ["p", {class: "faint"},
            "Commands say what was asked for, events what happened. The ",
            "address and the code are in the log too, but on no page."]]] ];
