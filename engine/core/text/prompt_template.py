"""The sentences that the app itself writes around a task's rows, in the language of the task's instructions. Data.

They stand in prompts only where a search for settings tries another form than the instructions alone, or where not all
labels fit (`engine.running.prompt_forms`). A task has its own copy, so that its user can change a sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptTemplate:
    """The sentences in one language. Names in braces are replaced."""

    language: str = "en"
    """ISO 639-1 code."""
    label_frame: str = "Text: {input}\nCategory:"
    """Around the input of a task whose answers are labels; the answer follows."""
    short_frame: str = "Question: {input}\nAnswer:"
    json_frame: str = "Text: {input}\nJSON:"
    text_frame: str = "Text: {input}\nResult:"
    listed: str = "Possible answers: {labels}"
    """After the instructions, where the labels are listed."""
    comma: str = ", "
    """Between labels, and between fields."""
    brief_label: str = "Which of these fits the text best: {labels}?"
    """Stands in place of the instructions, as the other brief ones do."""
    brief_fields: str = "Extract from the text, as JSON: {fields}."
    brief_json: str = "Extract the facts of the text as JSON."
    """Where the schema names no field."""
    brief_short: str = "Answer the question in a few words."
    brief_refusal: str = "Answer the question in a few words. If you do not know, answer: {refusal}"
    """Where the task has fixed words for "there is no answer"."""
    brief_text: str = "Rewrite the text as in the examples."


PLACEHOLDERS: Mapping[str, str] = {
    "label_frame": "{input}", "short_frame": "{input}", "json_frame": "{input}", "text_frame": "{input}",
    "listed": "{labels}", "brief_label": "{labels}", "brief_fields": "{fields}", "brief_refusal": "{refusal}",
}  # fmt: skip
"""What a sentence must hold, by its field."""

ENGLISH = PromptTemplate()
TEMPLATES: Mapping[str, PromptTemplate] = {
    template.language: template
    for template in (
        ENGLISH,
        PromptTemplate(
            language="de",
            label_frame="Text: {input}\nKategorie:",
            short_frame="Frage: {input}\nAntwort:",
            text_frame="Text: {input}\nErgebnis:",
            listed="Mögliche Antworten: {labels}",
            brief_label="Was davon passt am besten zum Text: {labels}?",
            brief_fields="Entnimm dem Text als JSON: {fields}.",
            brief_json="Entnimm dem Text die Fakten als JSON.",
            brief_short="Beantworte die Frage in wenigen Worten.",
            brief_refusal="Beantworte die Frage in wenigen Worten. Wenn du es nicht weißt, antworte: {refusal}",
            brief_text="Schreibe den Text so um wie in den Beispielen.",
        ),
        PromptTemplate(
            language="fr",
            label_frame="Texte : {input}\nCatégorie :",
            short_frame="Question : {input}\nRéponse :",
            json_frame="Texte : {input}\nJSON :",
            text_frame="Texte : {input}\nRésultat :",
            listed="Réponses possibles : {labels}",
            brief_label="Laquelle de ces catégories convient le mieux au texte : {labels} ?",
            brief_fields="Extrais du texte, en JSON : {fields}.",
            brief_json="Extrais les faits du texte en JSON.",
            brief_short="Réponds à la question en quelques mots.",
            brief_refusal="Réponds à la question en quelques mots. Si tu ne sais pas, réponds : {refusal}",
            brief_text="Réécris le texte comme dans les exemples.",
        ),
        PromptTemplate(
            language="es",
            label_frame="Texto: {input}\nCategoría:",
            short_frame="Pregunta: {input}\nRespuesta:",
            json_frame="Texto: {input}\nJSON:",
            text_frame="Texto: {input}\nResultado:",
            listed="Respuestas posibles: {labels}",
            brief_label="¿Cuál de estas categorías encaja mejor con el texto: {labels}?",
            brief_fields="Extrae del texto, en JSON: {fields}.",
            brief_json="Extrae los datos del texto en JSON.",
            brief_short="Responde a la pregunta en pocas palabras.",
            brief_refusal="Responde a la pregunta en pocas palabras. Si no lo sabes, responde: {refusal}",
            brief_text="Reescribe el texto como en los ejemplos.",
        ),
        PromptTemplate(
            language="it",
            label_frame="Testo: {input}\nCategoria:",
            short_frame="Domanda: {input}\nRisposta:",
            json_frame="Testo: {input}\nJSON:",
            text_frame="Testo: {input}\nRisultato:",
            listed="Risposte possibili: {labels}",
            brief_label="Quale di queste categorie si adatta meglio al testo: {labels}?",
            brief_fields="Estrai dal testo, in JSON: {fields}.",
            brief_json="Estrai i dati del testo in JSON.",
            brief_short="Rispondi alla domanda in poche parole.",
            brief_refusal="Rispondi alla domanda in poche parole. Se non lo sai, rispondi: {refusal}",
            brief_text="Riscrivi il testo come negli esempi.",
        ),
        PromptTemplate(
            language="pt",
            label_frame="Texto: {input}\nCategoria:",
            short_frame="Pergunta: {input}\nResposta:",
            json_frame="Texto: {input}\nJSON:",
            text_frame="Texto: {input}\nResultado:",
            listed="Respostas possíveis: {labels}",
            brief_label="Qual destas categorias corresponde melhor ao texto: {labels}?",
            brief_fields="Extraia do texto, em JSON: {fields}.",
            brief_json="Extraia os dados do texto em JSON.",
            brief_short="Responda à pergunta em poucas palavras.",
            brief_refusal="Responda à pergunta em poucas palavras. Se não souber, responda: {refusal}",
            brief_text="Reescreva o texto como nos exemplos.",
        ),
        PromptTemplate(
            language="ru",
            label_frame="Текст: {input}\nКатегория:",
            short_frame="Вопрос: {input}\nОтвет:",
            json_frame="Текст: {input}\nJSON:",
            text_frame="Текст: {input}\nРезультат:",
            listed="Возможные ответы: {labels}",
            brief_label="Что из этого лучше всего подходит к тексту: {labels}?",
            brief_fields="Извлеки из текста в формате JSON: {fields}.",
            brief_json="Извлеки факты из текста в формате JSON.",
            brief_short="Ответь на вопрос несколькими словами.",
            brief_refusal="Ответь на вопрос несколькими словами. Если не знаешь, ответь: {refusal}",
            brief_text="Перепиши текст, как в примерах.",
        ),
        PromptTemplate(
            language="zh",
            label_frame="文本：{input}\n类别：",
            short_frame="问题：{input}\n回答：",
            json_frame="文本：{input}\nJSON：",
            text_frame="文本：{input}\n结果：",
            listed="可选答案：{labels}",
            comma="、",
            brief_label="以下哪一项最符合文本：{labels}？",
            brief_fields="从文本中提取以下内容，以 JSON 表示：{fields}。",
            brief_json="从文本中提取事实，以 JSON 表示。",
            brief_short="用几个词回答问题。",
            brief_refusal="用几个词回答问题。如果不知道，请回答：{refusal}",
            brief_text="按照示例改写文本。",
        ),
        PromptTemplate(
            language="ja",
            label_frame="テキスト：{input}\nカテゴリ：",
            short_frame="質問：{input}\n回答：",
            json_frame="テキスト：{input}\nJSON：",
            text_frame="テキスト：{input}\n結果：",
            listed="選択肢：{labels}",
            comma="、",
            brief_label="次のうち、テキストに最も当てはまるものはどれですか。{labels}",
            brief_fields="テキストから次の項目をJSONで抜き出してください。{fields}",
            brief_json="テキストの内容をJSONで抜き出してください。",
            brief_short="質問に短く答えてください。",
            brief_refusal="質問に短く答えてください。わからない場合は次のとおり答えてください。{refusal}",
            brief_text="例にならってテキストを書き換えてください。",
        ),
        PromptTemplate(
            language="ko",
            label_frame="텍스트: {input}\n범주:",
            short_frame="질문: {input}\n답변:",
            json_frame="텍스트: {input}\nJSON:",
            text_frame="텍스트: {input}\n결과:",
            listed="가능한 답: {labels}",
            brief_label="다음 중 텍스트에 가장 알맞은 것은 무엇인가요? {labels}",
            brief_fields="텍스트에서 다음 항목을 JSON으로 추출하세요: {fields}",
            brief_json="텍스트의 내용을 JSON으로 추출하세요.",
            brief_short="질문에 몇 단어로 답하세요.",
            brief_refusal="질문에 몇 단어로 답하세요. 모르면 다음과 같이 답하세요: {refusal}",
            brief_text="예시처럼 텍스트를 다시 쓰세요.",
        ),
        PromptTemplate(
            language="ar",
            label_frame="النص: {input}\nالفئة:",
            short_frame="السؤال: {input}\nالجواب:",
            json_frame="النص: {input}\nJSON:",
            text_frame="النص: {input}\nالنتيجة:",
            listed="الإجابات الممكنة: {labels}",
            comma="، ",
            brief_label="أيّ مما يلي هو الأنسب للنص: {labels}؟",
            brief_fields="استخرج من النص بصيغة JSON: {fields}.",
            brief_json="استخرج المعلومات الواردة في النص بصيغة JSON.",
            brief_short="أجب عن السؤال في بضع كلمات.",
            brief_refusal="أجب عن السؤال في بضع كلمات. إذا كنت لا تعرف الجواب فاكتب: {refusal}",
            brief_text="أعد كتابة النص كما في الأمثلة.",
        ),
        PromptTemplate(
            language="hi",
            label_frame="पाठ: {input}\nश्रेणी:",
            short_frame="प्रश्न: {input}\nउत्तर:",
            json_frame="पाठ: {input}\nJSON:",
            text_frame="पाठ: {input}\nपरिणाम:",
            listed="संभावित उत्तर: {labels}",
            brief_label="पाठ के लिए इनमें से सबसे उपयुक्त क्या है: {labels}?",
            brief_fields="पाठ से ये जानकारियाँ JSON के रूप में निकालें: {fields}",
            brief_json="पाठ की जानकारियाँ JSON के रूप में निकालें।",
            brief_short="प्रश्न का उत्तर कुछ शब्दों में दें।",
            brief_refusal="प्रश्न का उत्तर कुछ शब्दों में दें। यदि उत्तर पता न हो, तो लिखें: {refusal}",
            brief_text="पाठ को उदाहरणों की तरह फिर से लिखें।",
        ),
        PromptTemplate(
            language="th",
            label_frame="ข้อความ: {input}\nหมวดหมู่:",
            short_frame="คำถาม: {input}\nคำตอบ:",
            json_frame="ข้อความ: {input}\nJSON:",
            text_frame="ข้อความ: {input}\nผลลัพธ์:",
            listed="คำตอบที่เป็นไปได้: {labels}",
            brief_label="ข้อใดต่อไปนี้ตรงกับข้อความมากที่สุด: {labels}",
            brief_fields="ดึงข้อมูลต่อไปนี้จากข้อความ แล้วตอบในรูปแบบ JSON: {fields}",
            brief_json="ดึงข้อมูลจากข้อความ แล้วตอบในรูปแบบ JSON",
            brief_short="ตอบคำถามด้วยคำเพียงไม่กี่คำ",
            brief_refusal="ตอบคำถามด้วยคำเพียงไม่กี่คำ หากไม่ทราบคำตอบ ให้ตอบว่า {refusal}",
            brief_text="เรียบเรียงข้อความนี้ใหม่ตามตัวอย่าง",
        ),
    )
}
"""By language, those that the app brings along; other languages get the English one."""
