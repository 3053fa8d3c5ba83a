"""How does a run go? From a plan to events: preparing variants, answering rows, keeping predictions."""
