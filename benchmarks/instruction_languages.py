"""Is a prompt better in the language of its rows? `support-multilingual`, zero-shot, the bundled model.

    python cli.py bench instruction_languages

In each language the 60 test rows are asked with the task's English instructions, with instructions in their own
language, and with those and words of that language for the labels. Answers are chosen among the labels; the prior for
labels, measured on the 20 training rows of the language in the same prompt, is taken away. Differences to the English
instructions are paired by row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from adapters.models.llama_cpp.client import LlamaCppModel
from adapters.storage.task_folder import read_task
from benchmarks.languages import scores_compared
from engine.core.generation import Completion, GenerateRequest
from engine.core.interval import Floats
from engine.core.ports import LanguageModel
from engine.core.task import Example, Task
from engine.core.text.label_words import with_label_words
from engine.core.text.languages import language_name
from engine.core.text.prompt_template import TEMPLATES
from engine.core.variant import DecodingSpec, PromptSpec
from engine.metrics import wording as say
from engine.metrics.intervals import mean_interval
from engine.metrics.label_prior import likeliest, log_prior, without_prior
from engine.running.prompt_forms import in_stored_labels
from engine.running.prompting import build_prompt, decoding_for
from wiring import open_lab

ROOT = Path(__file__).resolve().parents[1]
MODEL = "smollm2-135m-instruct"
CONTEXT_TOKENS = 2048
BATCH_ROWS = 16
HEADS: Mapping[str, tuple[str, str]] = {
    "de": ("Ordne die Nachricht des Kunden einer Kategorie zu:", "Antworte nur mit dem Namen der Kategorie."),
    "fr": ("Classe le message du client dans une catégorie :", "Réponds uniquement par le nom de la catégorie."),
    "zh": ("请将客户的消息归入一个类别：", "只回答类别名称。"),
    "ar": ("صنّف رسالة العميل ضمن فئة واحدة:", "أجب باسم الفئة فقط."),
    "hi": ("ग्राहक के संदेश को एक श्रेणी में रखें:", "उत्तर में केवल श्रेणी का नाम लिखें।"),
}
SAID: Mapping[str, Mapping[str, str]] = {
    "de": {
        "account_access": "Anmeldung, Passwörter, Codes, Profil, Rechte",
        "billing_refund": "Abbuchungen, Rechnungen, Erstattungen, Kündigung",
        "delivery_order": "Versand, geänderte Bestellungen, falsche oder fehlende Ware",
        "device_fault": "Gerät oder App ist kaputt",
        "how_to_setup": "Installation, Einstellungen, Fragen zur Bedienung",
    },
    "fr": {
        "account_access": "connexion, mots de passe, codes, profil, droits",
        "billing_refund": "prélèvements, factures, remboursements, résiliation",
        "delivery_order": "envoi, commandes modifiées, articles manquants ou erronés",
        "device_fault": "appareil ou application en panne",
        "how_to_setup": "installation, réglages, questions d'utilisation",
    },
    "zh": {
        "account_access": "登录、密码、验证码、个人资料、用户权限",
        "billing_refund": "扣费、账单、退款、取消套餐",
        "delivery_order": "发货、修改订单、发错或漏发商品",
        "device_fault": "设备或应用出现故障",
        "how_to_setup": "安装、设置、使用问题",
    },
    "ar": {
        "account_access": "تسجيل الدخول وكلمات المرور والرموز والملف الشخصي والصلاحيات",
        "billing_refund": "الرسوم والفواتير والمبالغ المستردة وإلغاء الاشتراك",
        "delivery_order": "الشحن وتعديل الطلبات والمنتجات الخاطئة أو الناقصة",
        "device_fault": "عطل في الجهاز أو التطبيق",
        "how_to_setup": "التركيب والإعدادات وأسئلة الاستخدام",
    },
    "hi": {
        "account_access": "साइन-इन, पासवर्ड, कोड, प्रोफ़ाइल, उपयोगकर्ता के अधिकार",
        "billing_refund": "शुल्क, बिल, धनवापसी, प्लान रद्द करना",
        "delivery_order": "डिलीवरी, ऑर्डर में बदलाव, ग़लत या छूटा हुआ सामान",
        "device_fault": "उपकरण या ऐप ख़राब है",
        "how_to_setup": "इंस्टॉल करना, सेटिंग, इस्तेमाल से जुड़े सवाल",
    },
}
WORDS: Mapping[str, Sequence[str]] = {
    "de": ("Konto", "Rechnung", "Lieferung", "Defekt", "Einrichtung"),
    "fr": ("compte", "facture", "livraison", "panne", "installation"),
    "zh": ("账户", "账单", "配送", "故障", "设置"),
    "ar": ("الحساب", "الفواتير", "التوصيل", "العطل", "الإعداد"),
    "hi": ("खाता", "बिल", "डिलीवरी", "ख़राबी", "सेटअप"),
}


def main() -> int:
    """Ask in each way and print a Markdown table."""
    task = read_task(ROOT / "data" / "tasks" / "support-multilingual")
    model = LlamaCppModel(open_lab().models.get(MODEL))
    model.load(slots=1, context_tokens=CONTEXT_TOKENS)
    print("| rows | English instructions | own language | own language, own words |\n|---|---|---|---|")
    for language in ("en", *HEADS):
        own = replace(task, examples=tuple(row for row in task.examples if row.metadata["language"] == language))
        english = right_on(model, own)
        cells = [_share(english)]
        for asked in (in_language(own, language), with_words(own, language)) if language in HEADS else ():
            scores = right_on(model, asked)
            cells.append(f"{_share(scores)}; {scores_compared(scores, english)}")
        print(f"| {language_name(language)} | {' | '.join([*cells, '–', '–'][:3])} |", flush=True)
    model.close()
    return 0


def in_language(task: Task, language: str) -> Task:
    """Ask in a language, with the labels as they are stored."""
    head, end = HEADS[language]
    colon = "：" if language == "zh" else " : " if language == "fr" else ": "
    lines = [f"{label}{colon}{SAID[language][label]}" for label in task.answer.labels]
    return replace(task, instructions="\n".join([head, *lines, end]), template=TEMPLATES[language])


def with_words(task: Task, language: str) -> Task:
    """Ask in a language, with its own words for the labels."""
    words = dict(zip(task.answer.labels, WORDS[language], strict=True))
    return replace(in_language(task, language), answer=with_label_words(task.answer, words))


def right_on(model: LanguageModel, task: Task) -> Floats:
    """Answer the test rows; return for each 1 if it is right, else 0, without the prior of the training rows."""
    prior = log_prior([one.probabilities for one in _asked(model, task, task.split("train"))])
    rows = task.split("test")
    chosen = [likeliest(without_prior(one.probabilities, prior)) for one in _asked(model, task, rows)]
    return np.array([float(label == row.target) for label, row in zip(chosen, rows, strict=True)])


def _asked(model: LanguageModel, task: Task, rows: Sequence[Example]) -> list[Completion]:
    requests = []
    for row in rows:
        built = build_prompt(task, row.input)
        decoding = decoding_for(task, DecodingSpec(), seed=0, row=0, every_label=True)
        requests.append(
            GenerateRequest(
                messages=built.messages, prefix_messages=built.prefix_messages, decoding=decoding, slot="zero-shot"
            )
        )
    answers = []
    for start in range(0, len(requests), BATCH_ROWS):
        for answer in model.generate_batch(requests[start : start + BATCH_ROWS]):
            if not isinstance(answer, Completion):
                raise TypeError(answer)
            answers.append(in_stored_labels(task, PromptSpec(), answer))
    return answers


def _share(scores: Floats) -> str:
    return say.share_interval(mean_interval(scores))


if __name__ == "__main__":
    raise SystemExit(main())
