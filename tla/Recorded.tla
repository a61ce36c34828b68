------------------------------ MODULE Recorded ------------------------------
\* What runs of the real engine wrote down. Written by bookproof.models.binding.accept.
Recorded ==
  <<
    <<[client |-> 1, did |-> "call", what |-> [do |-> "submit", order |-> [account |-> 1, done |-> 0, id |-> 2, lots |-> 1, px |-> 100, side |-> "buy"], symbol |-> "A"]],
      [client |-> 2, did |-> "call", what |-> [do |-> "cancel", id |-> 1, symbol |-> "A"]],
      [client |-> 1, did |-> "take", what |-> 1],
      [client |-> 1, did |-> "draw", what |-> 2],
      [client |-> 1, did |-> "leave", what |-> 1],
      [client |-> 1, did |-> "return", what |-> <<[id |-> 2, is |-> "accepted", lots |-> 1, maker |-> 0, px |-> 100], [id |-> 2, is |-> "trade", lots |-> 1, maker |-> 1, px |-> 100]>>],
      [client |-> 2, did |-> "take", what |-> 1],
      [client |-> 2, did |-> "draw", what |-> 3],
      [client |-> 2, did |-> "leave", what |-> 1],
      [client |-> 2, did |-> "return", what |-> <<[id |-> 1, is |-> "rejected", lots |-> 0, maker |-> 0, px |-> 0]>>],
      [client |-> 0, did |-> "end", what |-> 0]>>
  >>
=============================================================================
