"""Small tools that know no word of the domain: clock, instants, amounts, texts, ids, canonical bytes."""
