"""A Plotly chart that updates in place: its DOM node is kept while its data changes.

`st.plotly_chart` is removed and rebuilt with every change of data. This component calls `Plotly.react` on the same
node. Plotly's script is the one that the plotly wheel ships, served by Streamlit as an asset of this component and
cached by the browser under plotly's version, so that it is fetched once and not with every rerun.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import plotly
from streamlit.components.v2.get_bidi_component_manager import get_bidi_component_manager
from streamlit.components.v2.manifest_scanner import ComponentConfig, ComponentManifest

from components.widgets.mount import mount
from engine.charts.style import PALETTES

_PROJECT, _NAME = "adaptlab", "live_plot"
_COMPONENT = f"{_PROJECT}.{_NAME}"
_PLOTLY = version("plotly")


def live_plot(figure: Mapping[str, Any], *, key: str, alt: str, height: int = 260, projected: bool = False) -> None:
    """Draw or update a chart in place.

    Args:
        figure: plain `data` and `layout` of a Plotly figure, its colours named by `engine.charts.style.colour`.
        key: keeps the node between reruns.
        alt: what the chart shows, in a sentence or two, for screen readers.
        height: in pixels, fixed, so that nothing moves when the chart appears.
        projected: grow with the screen, letters and all, for a slide; `height` is then the least.
    """
    _register()(
        key=key,
        data={
            "figure": figure,
            "palettes": PALETTES,
            "alt": alt,
            "height": height,
            "projected": projected,
            "script": f"plotly.min.js?v={_PLOTLY}",
            "component": _COMPONENT,
        },
    )


def _register() -> Any:
    """Register the component with the running server, its assets in the plotly wheel's own folder."""
    manager = get_bidi_component_manager()
    if manager.get_component_asset_root(_COMPONENT) is None:
        folder = ComponentConfig(name=_NAME, asset_dir="package_data")
        manager.register_from_manifest(
            ComponentManifest(name=_PROJECT, version=_PLOTLY, components=[folder]),
            Path(plotly.__file__).parent,
        )
    return mount(_NAME, registered=_COMPONENT)
