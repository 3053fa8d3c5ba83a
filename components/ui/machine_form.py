"""Inputs of the cost estimate: this machine's price, power and electricity, asked the same way on every page."""

from __future__ import annotations

import streamlit as st

from components.ui import state
from engine.core.prices import CostAssumptions


def machine_form(costs: CostAssumptions, *, key_prefix: str = "") -> CostAssumptions:
    """Ask what this machine costs, starting from `costs`. Each `key_prefix` keeps its own values."""
    usd_per_hour = _amount(
        "Machine, USD per hour",
        costs.machine_usd_per_hour,
        key=key_prefix + state.USD_PER_HOUR,
        told="Cost of one hour of this machine: its purchase price divided by its hours of use, or its rent.",
    )
    watts = _amount(
        "Power under load, watts",
        costs.watts,
        step=1.0,
        key=key_prefix + state.WATTS,
        told="Power of the whole machine when all cores are busy; used where energy is not measured.",
    )
    usd_per_kwh = _amount(
        "Electricity, USD per kWh",
        costs.electricity_usd_per_kwh,
        key=key_prefix + state.USD_PER_KWH,
        told="What your electricity costs.",
    )
    return CostAssumptions(machine_usd_per_hour=usd_per_hour, watts=watts, electricity_usd_per_kwh=usd_per_kwh)


def _amount(name: str, value: float, *, key: str, told: str, step: float = 0.01) -> float:
    found = st.number_input(name, min_value=0.0, value=value, step=step, key=key, persist_state="session", help=told)
    return float(found)
