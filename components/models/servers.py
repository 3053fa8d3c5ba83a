"""Servers that hold models: what is there, entering one, forgetting one, and getting a model through Ollama."""

from __future__ import annotations

import streamlit as st

from components.ui import state
from components.ui.text import duration, percent, plain, visible
from engine.core.errors import AdaptLabError
from engine.core.model_servers import ServerState
from engine.services.lab import Laboratory
from engine.services.pull import Pull

REFRESH_S = 0.5
_OLLAMA = "ollama"


def servers(lab: Laboratory) -> None:
    """Show the servers that are known, and what can be done with them."""
    st.subheader("Servers", anchor=False)
    st.caption(
        "Ollama is found by itself. Other servers speak OpenAI's protocol: llama-server, LM Studio, vLLM, closed APIs. "
        "Only name and address are kept; a key is read from the environment or from Streamlit's secrets at each use."
    )
    try:
        found = lab.servers.states()
    except AdaptLabError as error:
        st.error(plain(str(error)))
        found = []
    for server in found:
        _server(lab, server)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input(
            "Name", key=state.SERVER_NAME, placeholder="box", width=140, help="Begins the ids of its models."
        )
        url = st.text_input("Address", key=state.SERVER_URL, placeholder="http://127.0.0.1:8080/v1", width=320)
        if st.button("Add the server", disabled=not (name and url)):
            try:
                lab.servers.add(name.strip(), url)
            except AdaptLabError as error:
                st.error(f"{plain(error.what)}  \n{plain(error.mend)}")
            else:
                st.rerun()
    if any(server.name == _OLLAMA and not server.problem for server in found):
        _pulling(lab)


def _server(lab: Laboratory, server: ServerState) -> None:
    with st.container(horizontal=True, vertical_alignment="center", border=True):
        if server.problem:
            st.markdown(f":material/cloud_off: **{plain(server.name)}** · {plain(server.url)}", width="content")
            st.caption(plain(server.problem))
        else:
            key = "has a key" if server.has_key else f"no key: `{server.key_variable}` is not set"
            st.markdown(
                f":material/dns: **{plain(server.name)}** · {plain(server.url)} · {plain(server.kind)} · "
                f"{server.models} model{'' if server.models == 1 else 's'} · {key}",
                width="content",
            )
        if server.entered and st.button("Forget", key=f"forget_{server.name}", type="tertiary"):
            lab.servers.remove(server.name)
            st.rerun()


def _pulling(lab: Laboratory) -> None:
    going_on: Pull | None = st.session_state.get(state.PULL)
    if going_on is not None:
        st.fragment(_progress, run_every=REFRESH_S if going_on.is_running else None)(going_on, going_on.is_running)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input(
            "Model of Ollama's library",
            key=state.PULL_NAME,
            placeholder="llama3.2:3b",
            width=240,
            help="The Ollama server downloads it; the disk is looked at first.",
        )
        busy = going_on is not None and going_on.is_running
        if st.button("Get it", disabled=busy or not name):
            st.session_state[state.PULL] = Pull(lab.servers, name.strip())
            st.rerun()


def _progress(pull: Pull, was_running: bool) -> None:
    if was_running and not pull.is_running:
        st.rerun()
    step, error = pull.progress, pull.error
    if error is not None:
        st.error(f"{plain(error.what)}  \n{plain(error.mend)}")
        return
    left = "" if step.left_s is None else f", {duration(step.left_s)} left"
    st.progress(step.fraction, text=f"{visible(pull.name)}: {plain(step.stage)} {percent(step.fraction)}{left}")
    if pull.is_running:
        st.button("Stop", key="stop_pull", on_click=pull.cancel)
