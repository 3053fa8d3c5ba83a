"""What are the nouns? Tasks, variants, models, limits, and the ports that adapters fulfil. Imports no other package."""
