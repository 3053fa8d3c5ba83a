"""Parts of Models. No other page imports them."""
