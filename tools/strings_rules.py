"""Rules that distinguish text for people from names, patterns and code.

Pure functions on strings, in which `{}` is a placeholder.
"""

from __future__ import annotations

import re

FORMAT_FIELD = re.compile(r"\{[^{}\n]*\}")
_ICON = re.compile(r":material/\w+:|:(?:gray|red|green|blue|orange|violet)\[")
_LETTER = re.compile(r"[A-Za-z]")
_WORD = re.compile(r"[A-Za-z][A-Za-z'-]+")
_TITLE = re.compile(r"[A-Z][a-z]+(?:[ '-][A-Za-z]+)*|[A-Z]|\d[\d,.]* .*")
_CODE = re.compile(
    r"""^\s*(?:SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|PRAGMA|BEGIN|WITH|ATTACH|VACUUM|CASE\sWHEN)\s  # SQL
    |\(SELECT\s|^\(prefers-|^:\w+\(                        # parts of queries, of styles
    |^\s*<[\w!/][^>]*>?                                  # markup
    |^[\w-]+\s*:\s*[\w#%.-]+;$|;\s*\}|\{\s*\n|\bpx\b|::=  # styles, grammars
    |\(\?[:!=<P]|\[\^|\\[wdsSbBnu\[(.]|\(\.\*|\.\*\)|\.\*\?|\$\)|^\^  # patterns
    |\{%|<\||-src\s                                     # templates of prompts, policies
    |^(?!\w+/s$)[./~a-z]\S*/\S*$                       # paths
    |^\S+\.(?:py|js|css|html|jsonl?|md|toml|txt|csv|npz|gguf|sqlite3|parquet|xlsx|lock)$
    |^\w+=\S*$|^--?\w[\w-]*$|^\s*import\s\w+|^application/|^text/  # settings, options
    |[\w-]+="|\[[\w-]+=\S+\]|^\.\w|^\#\w+$|rgba?\(               # selectors, colours
    """,
    re.VERBOSE,
)
_HEADERS = {"Accept", "Authorization", "Bearer", "Content-Length", "Content-Type", "Retry-After", "User-Agent"}


def has_letters(text: str) -> bool:
    """Return whether there is something to read besides signs, icons and placeholders."""
    return bool(_LETTER.search(FORMAT_FIELD.sub("", _ICON.sub("", text))))


def is_code(text: str) -> bool:
    """Return whether it is a query, a style, a pattern, a path or an option rather than text."""
    return bool(_CODE.search(text)) or text.strip() in _HEADERS


def is_title(text: str) -> bool:
    """Return whether it looks like the name of a column or a figure: `Peak memory`, `p50 of 100`, `95 %`."""
    constant = "_" in text or (text.isupper() and len(text) > 6 and " " not in text)
    return has_letters(text) and not constant and (bool(_TITLE.match(text)) or " " in text.strip())


def reads_as_text(text: str) -> bool:
    """Return whether it is text in any place: words, a piece of a sentence, a capitalised word, `yes` or `no`."""
    bare = _ICON.sub("", text)
    if bare.strip() in {"yes", "no"}:
        return True
    words = _WORD.findall(FORMAT_FIELD.sub(" ", bare))
    if not words or is_code(text):
        return False
    if re.fullmatch(r"[A-Z][a-z]+(?:['-][A-Za-z]+)*[.:?!…]?", bare.strip()):
        return len(bare.strip()) > 2
    return bool(re.search(r"\s", bare)) and not re.fullmatch(r"[\s\W]*", bare)
