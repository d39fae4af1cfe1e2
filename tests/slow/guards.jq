# The model of guards.bats: knows nothing of es but what the manual says.
#
#   jq -n --slurpfile log LOG -f guards.jq RACERS...
#
# prints one line for each thing that a racer was told wrongly.

def carried: [.tags[]?, (.payload | to_entries[]
    | select((.value | type) == ("string", "boolean")
        or ((.value | type) == "number" and .value == (.value | floor)))
    | "\(.key):\(.value)")];

def type_fits($t): . as $type | if $t | endswith(".")
    then startswith($t) and $type != $t else . == $t end;

def partition_fits($p):
    ($p | to_entries) as $pairs | . as $carried
    | [$pairs[] | .key as $name | .value as $value
        | [$carried[] | select(startswith($name + ":"))] as $there
        | if $there == [] then "lacks" elif $value == null then "wrong"
          elif any($there[]; . == "\($name):\($value)") then "right"
          else "wrong" end]
    | all(.[]; . != "wrong")
      and (any(.[]; . == "right") or all($pairs[]; .value == null));

def item_fits($i): . as $m | carried as $c
    | ($i.types == null or any($i.types[] | rtrimstr("*") as $t
        | $m.type | type_fits($t); .))
      and all($i.tags[]?; . as $t | any($c[]; . == $t))
      and ($i.partition == null or ($c | partition_fits($i.partition)))
      and ($i.kind == null or $i.kind == $m.kind);

def fits($q): . as $m | $q.items == null
    or any($q.items[]; . as $i | $m | item_fits($i));

# What reading within (after, up to] gives: of an item with last its newest.
def reading($log; $q; $after; $to):
    [$log[] | select(.position > $after and .position <= $to)] as $in
    | if $q.items == null then [$in[].position] else
        [$q.items[] as $i | [$in[] | select(item_fits($i)) | .position]
            | if $i.last then .[-1:] else . end] | add // [] | unique end;

def bound($name; $none): .bounds as $b | ($b | index($name)) as $at
    | if $at == null then $none else $b[$at + 1] | tonumber end;

def check($log):
    .guard.query as $q | .guard.after as $after
    | [$log[] | select(.position > $after and fits($q)) | .position] as $came
    | [$log[].id] as $all | .ids as $ids
    | (if .status == 0 then
        (if [$log[.positions[]? - 1].id] != .ids
            or .positions != [range(.positions[0];
                .positions[0] + (.ids | length))] then
            "stored, and not all of it is there together" else empty end),
        (.positions[0] as $p | if any($came[]; . < $p) then
            "stored, although position \($came[0]) came before" else empty end)
      elif .status == 3 then
        (if any($all[]; . as $id | any($ids[]; . == $id)) then
            "refused, and stored" else empty end),
        (if (.said | capture("at position (?<p>[0-9]+)$").p | tonumber)
            != $came[0] then
            "refused for another than \($came[0])" else empty end)
      else "ended with \(.status)" end),
    (bound("-n"; null) as $n | bound("-a"; 0) as $from
    | if .seen == null or ($n != null
        and any($q.items[]?; .last)) then empty
      elif .seen != reading($log; $q; $from; $after)[:$n] then
        "read \(.seen), not \(reading($log; $q; $from; $after)[:$n])"
      else empty end);

[inputs] as $rounds | $log[0] as $log
| $rounds[] | . as $r | check($log) | "\(.): \($r | tojson)"
