"""Drafting a task's instructions, in the language that was chosen for them. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.core.errors import UsageError
from engine.core.task import AnswerKind, AnswerSpec
from engine.core.text.languages import NAMES, language_name
from engine.core.text.prompt_template import ENGLISH, TEMPLATES, PromptTemplate
from engine.ingest.data_card import ColumnLanguages
from engine.ingest.row_languages import main_language

ROWS_LANGUAGE = "auto"
"""Stands for the language of the rows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sentences:
    """What asks for each kind of answer. Names in braces are replaced; `{target}` is the name of a column."""

    label: str
    json: str
    text: str
    short: str
    alternative: str
    """Between the types that a field may have."""


_SENTENCES: Mapping[str, _Sentences] = {
    "en": _Sentences(
        label="Classify the message into one {target}:\n{labels}\nAnswer with the name only.",
        json="Read the text and fill these fields:\n{fields}\nAnswer with one JSON object only.",
        text="Write the {target} for the text. Answer with the {target} only.",
        short="Answer with the {target} only.",
        alternative="or",
    ),
    "de": _Sentences(
        label="Ordne die Nachricht genau einer Kategorie zu ({target}):\n{labels}\n"
        "Antworte nur mit dem Namen der Kategorie.",
        json="Lies den Text und fülle diese Felder aus:\n{fields}\nAntworte nur mit einem JSON-Objekt.",
        text="Schreibe zu dem Text Folgendes: {target}. Antworte nur damit.",
        short="Antworte nur mit Folgendem: {target}.",
        alternative="oder",
    ),
    "fr": _Sentences(
        label="Classe le message dans une seule catégorie ({target}) :\n{labels}\n"
        "Réponds uniquement par le nom de la catégorie.",
        json="Lis le texte et remplis ces champs :\n{fields}\nRéponds uniquement par un objet JSON.",
        text="Rédige à partir du texte : {target}. Ne réponds rien d'autre.",
        short="Réponds uniquement par ce qui suit : {target}.",
        alternative="ou",
    ),
    "es": _Sentences(
        label="Clasifica el mensaje en una sola categoría ({target}):\n{labels}\n"
        "Responde solo con el nombre de la categoría.",
        json="Lee el texto y rellena estos campos:\n{fields}\nResponde solo con un objeto JSON.",
        text="Escribe a partir del texto: {target}. No respondas nada más.",
        short="Responde solo con lo siguiente: {target}.",
        alternative="o",
    ),
    "it": _Sentences(
        label="Classifica il messaggio in una sola categoria ({target}):\n{labels}\n"
        "Rispondi solo con il nome della categoria.",
        json="Leggi il testo e compila questi campi:\n{fields}\nRispondi solo con un oggetto JSON.",
        text="Scrivi a partire dal testo: {target}. Non aggiungere altro.",
        short="Rispondi solo con quanto segue: {target}.",
        alternative="o",
    ),
    "pt": _Sentences(
        label="Classifique a mensagem em uma única categoria ({target}):\n{labels}\n"
        "Responda apenas com o nome da categoria.",
        json="Leia o texto e preencha estes campos:\n{fields}\nResponda apenas com um objeto JSON.",
        text="Escreva a partir do texto: {target}. Não escreva mais nada.",
        short="Responda apenas com o seguinte: {target}.",
        alternative="ou",
    ),
    "ru": _Sentences(
        label="Отнеси сообщение к одной из категорий ({target}):\n{labels}\nОтветь только названием категории.",
        json="Прочитай текст и заполни эти поля:\n{fields}\nОтветь только одним объектом JSON.",
        text="Напиши по тексту следующее: {target}. Больше ничего не пиши.",
        short="Напиши в ответ только следующее: {target}.",
        alternative="или",
    ),
    "zh": _Sentences(
        label="请将这条消息归入以下类别之一（{target}）：\n{labels}\n只回答类别名称。",
        json="请阅读文本并填写以下字段：\n{fields}\n只输出一个 JSON 对象。",
        text="请根据文本写出以下内容：{target}。不要写其他内容。",
        short="只回答以下内容：{target}。",
        alternative="或",
    ),
    "ja": _Sentences(
        label="メッセージを次のカテゴリのいずれか一つに分類してください（{target}）：\n{labels}\n"
        "カテゴリ名だけを答えてください。",
        json="テキストを読み、次の項目を埋めてください：\n{fields}\nJSONオブジェクト一つだけで答えてください。",
        text="テキストをもとに次の内容を書いてください：{target}。それ以外は書かないでください。",
        short="次の内容だけを答えてください：{target}",
        alternative="または",
    ),
    "ko": _Sentences(
        label="메시지를 다음 범주 중 하나로 분류하세요({target}):\n{labels}\n범주 이름만 답하세요.",
        json="텍스트를 읽고 다음 필드를 채우세요:\n{fields}\nJSON 객체 하나로만 답하세요.",
        text="텍스트를 바탕으로 다음을 작성하세요: {target}. 다른 말은 쓰지 마세요.",
        short="다음 내용만 답하세요: {target}",
        alternative="또는",
    ),
    "ar": _Sentences(
        label="صنّف الرسالة ضمن فئة واحدة فقط ({target}):\n{labels}\nأجب باسم الفئة فقط.",
        json="اقرأ النص واملأ الحقول التالية:\n{fields}\nأجب بكائن JSON واحد فقط.",
        text="اكتب ما يلي استنادًا إلى النص: {target}. لا تكتب أي شيء آخر.",
        short="أجب بما يلي فقط: {target}.",
        alternative="أو",
    ),
    "hi": _Sentences(
        label="संदेश को इनमें से किसी एक श्रेणी में रखें ({target}):\n{labels}\nउत्तर में केवल श्रेणी का नाम लिखें।",
        json="पाठ पढ़ें और ये फ़ील्ड भरें:\n{fields}\nउत्तर में केवल एक JSON ऑब्जेक्ट लिखें।",
        text="पाठ के आधार पर यह लिखें: {target}। और कुछ न लिखें।",
        short="उत्तर में केवल यह लिखें: {target}।",
        alternative="या",
    ),
    "th": _Sentences(
        label="จัดข้อความนี้ให้อยู่ในหมวดหมู่ใดหมวดหมู่หนึ่งต่อไปนี้ ({target}):\n{labels}\nตอบเฉพาะชื่อหมวดหมู่เท่านั้น",
        json="อ่านข้อความแล้วกรอกข้อมูลในช่องต่อไปนี้:\n{fields}\nตอบเป็นออบเจ็กต์ JSON เพียงรายการเดียวเท่านั้น",
        text="เขียนเฉพาะสิ่งต่อไปนี้โดยอ้างอิงจากข้อความ: {target}",
        short="ตอบเฉพาะสิ่งต่อไปนี้เท่านั้น: {target}",
        alternative="หรือ",
    ),
}


def draft_instructions(answer: AnswerSpec, *, target: str, language: str = ENGLISH.language) -> str:
    """Draft the instructions for a kind of answer; `target` is the name of the column with the right answers.

    Labels are listed by their words.
    """
    said = _SENTENCES[language]
    what = " ".join(target.replace("_", " ").split()) or "answer"
    match answer.kind:
        case AnswerKind.LABEL:
            return said.label.replace("{target}", what).replace("{labels}", "\n".join(answer.words.values()))
        case AnswerKind.JSON:
            properties = (answer.json_schema or {}).get("properties", {})
            fields = "\n".join(f"{name}: {_type(rule['type'], said.alternative)}" for name, rule in properties.items())
            return said.json.replace("{fields}", fields)
        case AnswerKind.TEXT:
            return said.text.replace("{target}", what)
        case AnswerKind.SHORT:
            return said.short.replace("{target}", what)


def _type(kinds: str | list[str], alternative: str) -> str:
    return kinds if isinstance(kinds, str) else f" {alternative} ".join(kinds)


def instruction_template(wanted: str, found: Sequence[ColumnLanguages]) -> PromptTemplate:
    """Return the sentences of a language, a code of ISO 639-1; empty for English.

    `auto` goes by the language of the rows: where the app has no sentences in it, or the rows are in several, they are
    English.

    Raises:
        UsageError: the app has no sentences in the language that was named.
    """
    asked = wanted.strip().lower()
    if asked == ROWS_LANGUAGE:
        return TEMPLATES.get(suggested_language(found), ENGLISH)
    if asked and asked not in TEMPLATES:
        what = f"There are no instructions in {NAMES[asked]}." if asked in NAMES else f"'{wanted}' is not a language."
        raise UsageError(what, f"Choose one of {', '.join(TEMPLATES)}, or write your own instructions.")
    return TEMPLATES[asked or ENGLISH.language]


def suggested_language(found: Sequence[ColumnLanguages]) -> str:
    """Return the language of the rows, if they are in one that the app has sentences in; else English."""
    languages = main_language(found)
    return languages.code if not languages.is_mixed and languages.code in TEMPLATES else ENGLISH.language


def instruction_note(template: PromptTemplate, found: Sequence[ColumnLanguages]) -> str:
    """Say that instructions are in another language than the rows; empty where they are in the same."""
    languages = main_language(found)
    if languages.is_english or languages.is_mixed or languages.code in {"", template.language}:
        return ""
    name, written = language_name(languages.code), language_name(template.language)
    if languages.code in TEMPLATES:
        return f"Rows are in {name}, drafted instructions in {written}."
    return f"Rows are in {name}. Instructions are drafted in {written}: the app has no sentences in {name}."
