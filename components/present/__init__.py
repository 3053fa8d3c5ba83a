"""Parts of Present. No other page imports them."""
