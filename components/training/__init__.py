"""Parts of Train. No other page imports them."""
