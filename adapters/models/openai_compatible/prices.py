"""Which provider of the price table a server belongs to, by its address: a user's own server has no token costs."""

from __future__ import annotations

from functools import lru_cache

from adapters.models.remote.address import is_local


@lru_cache(maxsize=512)
def price_ref(url: str, model: str) -> str:
    """Return `provider/model` as the price table names them; empty for a server or a model that it does not know."""
    if is_local(url):
        return ""
    from genai_prices import Usage, calc_price

    try:
        found = calc_price(Usage(input_tokens=1, output_tokens=1), model_ref=model, provider_api_url=url)
    except LookupError:
        return ""
    return f"{found.provider.id}/{found.model.id}"
