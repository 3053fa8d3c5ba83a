"""Step 5: documents for retrieval."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from components.ui.errors import fault
from components.ui.text import plain, visible
from components.upload.draft import Draft, next_button
from engine.core.errors import AdaptLabError
from engine.core.task import Document
from engine.core.text.segments import split_words
from engine.ingest.steps import Documented, Split, add_documents
from engine.metrics import wording as say
from engine.services.lab import Lab

_EXTENSIONS = ["md", "markdown", "txt", "pdf", "html", "htm"]
_SHOWN = 3000


def documents_step(lab: Lab, draft: Draft) -> None:
    """Let the user add documents, see their text, and remove them."""
    st.caption("Optional. Retrieval can put passages of these documents before each question.")
    files = st.file_uploader(
        "Documents",
        type=_EXTENSIONS,
        accept_multiple_files=True,
        key="document_files",
        max_upload_size=50,
        help="Markdown, text, HTML or PDF. Scripts, links and images of HTML are left out.",
    )
    for file in files or []:
        if file.file_id not in draft.taken:
            draft.taken[file.file_id] = None
            try:
                _add(draft, lab.tables.read_document(file.name, file.getvalue()))
            except AdaptLabError as error:
                draft.taken[file.file_id] = error
        problem = draft.taken[file.file_id]
        if problem is not None:
            fault(problem)
    split, documents = draft.find(Split), draft.options.documents
    if split is not None and draft.find(Documented) is None:
        draft.take(add_documents(split, documents))
    if documents:
        passages = lab.tables.chunks(documents)
        st.caption(
            f"{say.counted(len(documents), 'document')}, {say.counted(sum(passages), 'passage')} of about 120 words."
        )
        for document, number in zip(documents, passages, strict=True):
            words = say.number(len(split_words(document.text)))
            if document.note:
                st.caption(f":material/info: {plain(document.name)}: {plain(document.note)}")
            with st.expander(f"{plain(document.name)} · {words} words, {say.counted(number, 'passage')}"):
                st.code(visible(document.text[:_SHOWN]), language=None, wrap_lines=True, height=260)
                if len(document.text) > _SHOWN:
                    st.caption(f"The first {say.number(_SHOWN)} of {say.number(len(document.text))} characters.")
                st.button("Remove", key=f"remove_{document.name}", on_click=_remove, args=(draft, document.name))
    next_button(draft)


def _add(draft: Draft, document: Document) -> None:
    """Add a document; a number is appended to a name that is already in use, be it in other letter case."""
    names = {known.name.casefold() for known in draft.options.documents}
    name, number = document.name, 2
    while name.casefold() in names:
        name, number = f"{document.name.removesuffix('.md')}-{number}.md", number + 1
    documents = (*draft.options.documents, replace(document, name=name))
    draft.choose(replace(draft.options, documents=documents))


def _remove(draft: Draft, name: str) -> None:
    documents = tuple(document for document in draft.options.documents if document.name != name)
    draft.choose(replace(draft.options, documents=documents))
