# The counter: balances, what has become of transfers, and what one may order.

def about: {
  path: "/", title: "Bank", views: ["accounts", "outcomes"],
  query: {
    accounts: "select account_id, json_extract(state, '$.owner') as owner,
        json_extract(state, '$.balance') as balance
      from accounts order by account_id limit 200",
    transfers: "select transfer_id, json_extract(state, '$.from') as sender,
        json_extract(state, '$.to') as receiver,
        json_extract(state, '$.amount') as amount,
        json_extract(state, '$.status') as status,
        json_extract(state, '$.reason') as reason
      from outcomes order by position desc limit 20"
  }
};

# 1234567 becomes 1,234,567.
def grouped:
  tostring
  | if length <= 3 then . else (.[:-3] | grouped) + "," + .[-3:] end;

def account:
  ["tr", {id: "account-\(.account_id)"},
    ["td", .account_id], ["td", .owner], ["td", {class: "amount"}, (.balance | grouped)]];

def transfer:
  ["tr", {id: "transfer-\(.transfer_id)"},
    ["td", .sender, " → ", .receiver], ["td", {class: "amount"}, (.amount | grouped)],
    ["td", .status, if .reason then ": \(.reason)" else null end]];

def accounts($accounts):
  ["section",
    ["h2", "Accounts"],
    if $accounts == [] then ["p", "Nobody has one yet."]
    else
      ["table",
        ["thead", ["tr", ["th", "Account"], ["th", "Owner"],
          ["th", {class: "amount"}, "Balance"]]],
        ["tbody", ($accounts[] | account)]]
    end];

def transfers($transfers):
  if $transfers == [] then null else
  ["section",
    ["h2", "Latest transfers"],
    ["table",
      ["thead", ["tr", ["th", "From and to"], ["th", {class: "amount"}, "Amount"],
        ["th", "Outcome"]]],
      ["tbody", ($transfers[] | transfer)]]]
  end;

def amount: field("amount"; {label: "Amount", type: "number", min: 1});

def counter($title; $form):
  ["section", {class: "card"}, ["h2", $title], $form];

# Where a script runs it makes the id of a transfer.
def forms($accounts):
  [$accounts[] | {value: .account_id, label: "\(.account_id), \(.owner)"}] as $all
  | def account($name; $text): field($name; {label: $text, options: $all});
    ["div", {class: "columns"},
      counter("Open an account"; form("bank.open_account"; {};
        field("account_id"; {label: "Its name"}), field("owner"; {label: "Owner"}),
        submit("Open"))),
      if $all == [] then null else
        [ counter("Pay in"; form("bank.deposit"; {};
            account("account_id"; "Account"), amount, submit("Pay in"))),
          counter("Withdraw"; form("bank.withdraw"; {};
            account("account_id"; "Account"), amount, submit("Withdraw"))),
          counter("Transfer"; form("bank.transfer"; {};
            ["div", {class: "es-uuid"},
              field("transfer_id"; {label: "Number of the transfer"})],
            account("from"; "From"), field("to"; {label: "To which account"}),
            amount, submit("Transfer"))) ]
      end];

def render($page):
  [ ["h1", "Bank"],
    ["p", "No account gives more than is in it; a transfer is two decisions."],
    accounts($page.rows.accounts),
    forms($page.rows.accounts),
    transfers($page.rows.transfers) ];
