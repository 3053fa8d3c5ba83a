"""Parts of Start. No other page imports them."""
