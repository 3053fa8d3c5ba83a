"""Parts of History. No other page imports them."""
