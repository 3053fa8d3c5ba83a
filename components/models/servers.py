"""Model servers: list them, add one, forget one, and pull a model through Ollama."""

from __future__ import annotations

import streamlit as st

from components.ui import state
from components.ui.jobs import REFRESH_S
from components.ui.text import plain, visible
from engine.core.errors import AdaptLabError
from engine.core.model_servers import NearbyServer, ServerState
from engine.metrics import wording as say
from engine.services.lab import Lab
from engine.services.models import Pull

_OLLAMA = "ollama"


def servers(lab: Lab) -> None:
    """Show the known servers and what can be done with them."""
    st.header("Servers", anchor=False)
    st.caption(
        "Adapt Lab finds Ollama automatically. Other servers speak OpenAI's protocol: llama-server, LM Studio, vLLM, "
        "closed APIs. Only the name and the address are saved; a key is read from the environment or from Streamlit's "
        "secrets at each use."
    )
    try:
        found = lab.models.servers.states()
    except AdaptLabError as error:
        st.error(plain(str(error)))
        found = []
    for server in found:
        _server(lab, server)
    for near in lab.models.servers.nearby():
        _offer(lab, near)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input(
            "Name", key=state.SERVER_NAME, placeholder="box", width=140, help="Prefix of the ids of its models."
        )
        url = st.text_input("Address", key=state.SERVER_URL, placeholder="http://127.0.0.1:8080/v1", width=320)
        # Not held back while a field is empty: what is typed arrives only when the field is left, or with the press.
        if st.button("Add the server"):
            try:
                lab.models.servers.add(name.strip(), url)
            except AdaptLabError as error:
                st.error(f"{plain(error.what)}  \n{plain(error.fix)}")
            else:
                st.rerun()
    if any(server.name == _OLLAMA and not server.problem for server in found):
        _pulling(lab)


def _server(lab: Lab, server: ServerState) -> None:
    with st.container(horizontal=True, vertical_alignment="center", border=True):
        if server.problem:
            st.markdown(f":material/cloud_off: **{plain(server.name)}** · {plain(server.url)}", width="content")
            st.caption(plain(server.problem))
        else:
            key = "has a key" if server.has_key else f"no key: `{server.key_variable}` is not set"
            st.markdown(
                f":material/dns: **{plain(server.name)}** · {plain(server.url)} · {plain(server.kind)} · "
                f"{say.counted(server.models, 'model')} · {key}",
                width="content",
            )
        if server.entered and st.button("Forget", key=f"forget_{server.name}", type="tertiary"):
            lab.models.servers.remove(server.name)
            st.rerun()


def _offer(lab: Lab, near: NearbyServer) -> None:
    with st.container(horizontal=True, vertical_alignment="center", border=True):
        st.markdown(
            f":material/sensors: {plain(near.kind)} answers at {plain(near.url)} and is not used yet", width="content"
        )
        st.button("Use it", key=f"use_{near.url}", on_click=lab.models.servers.add, args=(near.name, near.url))


def _pulling(lab: Lab) -> None:
    going_on = lab.models.last_pull()
    if going_on is not None:
        st.fragment(_progress, run_every=REFRESH_S if going_on.is_running else None)(going_on, going_on.is_running)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input(
            "Model from Ollama's library",
            key=state.PULL_NAME,
            placeholder="llama3.2:3b",
            width=240,
            help="The Ollama server downloads it; free disk space is checked first.",
        )
        busy = going_on is not None and going_on.is_running
        pressed = st.button("Get it", disabled=busy)
    if pressed and name.strip():
        lab.models.pull(name.strip())
        st.rerun()
    if pressed:
        st.caption("Name a model first, such as llama3.2:3b.")


def _progress(pull: Pull, was_running: bool) -> None:
    if was_running and not pull.is_running:
        st.rerun()
    step, error = pull.progress, pull.error
    if error is not None:
        st.error(f"{plain(error.what)}  \n{plain(error.fix)}")
        return
    if pull.status == "cancelled":
        st.caption(f"{plain(pull.name)}: stopped at {say.share(step.fraction)}. The server keeps what has arrived.")
        return
    left = "" if step.left_s is None else f", {say.duration(step.left_s)} left"
    st.progress(step.fraction, text=f"{visible(pull.name)}: {plain(step.stage)} {say.share(step.fraction)}{left}")
    if pull.is_running:
        st.button("Stop", key="stop_pull", on_click=pull.cancel)
