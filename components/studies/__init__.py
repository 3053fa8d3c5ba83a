"""Parts of Learning curve, Context and Drift. No other page imports them."""
