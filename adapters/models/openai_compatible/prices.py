"""Which provider of the price table a server belongs to, by its address: a user's own server has no token costs."""

from __future__ import annotations

from functools import lru_cache

from adapters.models.remote.address import is_local


@lru_cache(maxsize=512)
def price_ref(url: str, model: str) -> str:
    """Return `provider/model` as the price table names them; empty for a server or a model that it does not know.

    Google lists its models as `models/NAME`.
    """
    if is_local(url):
        return ""
    from genai_prices import Usage, calc_price

    try:
        found = calc_price(
            Usage(input_tokens=1, output_tokens=1), model_ref=model.removeprefix("models/"), provider_api_url=url
        )
    except LookupError:
        return ""
    return f"{found.provider.id}/{found.model.id}"


def is_closed_api(url: str) -> bool:
    """Tell whether an address is that of a provider whom the price table knows, whether or not it knows the model."""
    if is_local(url):
        return False
    from genai_prices.data_snapshot import get_snapshot

    try:
        get_snapshot().find_provider(None, None, url)
    except LookupError:
        return False
    return True
