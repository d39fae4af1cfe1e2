# One donation: `.` is its state, folded here as in the decider.

def about: {
  path: "/:campaign_id/:donation_id", title: "Your donation",
  partition_by: ["campaign_id", "donation_id"]
};

def initial: {campaign: null, open: false, started: false, amount: null,
  paid: false};

def evolve($e):
    apply($e; "campaigns.campaign_created";
        .campaign = $e.payload.name | .open = true)
  | apply($e; "campaigns.campaign_closed"; .open = false)
  | apply($e; "donations.donation_started"; .started = true)
  | apply($e; "donations.amount_selected"; .amount = $e.payload.amount)
  | apply($e; "donations.payment_confirmed"; .paid = true);

def amounts($ids; $chosen):
  ["div", {class: "row"},
    (5, 10, 30, 50
      | ["div", {class: [if . == $chosen then "chosen" else null end]},
          link_command("donations.select_amount"; $ids + {amount: .}; .)])];

def render($page):
  ($page.params | {campaign_id, donation_id}) as $ids
  | [ ["p", ["a", {href: "/"}, "All campaigns"]],
      ["h1", .campaign // "There is no such campaign"],
      ["section", {class: "card"},
        if .paid then
          ["h2", {class: "es-focus", tabindex: "-1"},
            "Thank you for \(.amount)!"]
        elif .open | not then ["p", "It takes no donations."]
        elif .started | not then
          form("donations.start_donation"; $ids; submit("Begin"))
        else
          [ ["h2", "How much would you like to give?"],
            amounts($ids; .amount),
            if .amount == null then null else
              form("donations.confirm_payment"; $ids;
                submit("Pay \(.amount)")) end ]
        end] ];
