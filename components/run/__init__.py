"""Parts of Run. No other page imports them."""
