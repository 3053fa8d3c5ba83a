"""Parts of Report and Costs. No other page imports them."""
