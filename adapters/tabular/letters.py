"""What tells languages apart in 8-bit and double-byte text: their letters beyond ASCII, and their smallest words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Language:
    """A language by the marks that its texts bear."""

    name: str
    letters: str
    """Its letters beyond ASCII, in lower case, the usual ones first; for other scripts all usual ones."""
    finals: str = ""
    """Letters that end a word."""
    words: str = ""
    """Frequent short words, which few other languages share; those in ASCII speak for it even without accents."""


WEST = (
    Language(name="German", letters="äöüß", words="der die und nicht ist das ein eine mit auf für ich zu von"),
    Language(name="French", letters="éèêëàâçùûôîïœæÿ", words="le la les est des une pas pour que je dans et du vous"),
    Language(name="Spanish", letters="áéíóúñü¿¡ºª", words="el la los que una por con para no es del se mi y"),
    Language(name="Portuguese", letters="ãõáéíóúâêôçàüºª", words="que uma não para com do da os as meu em por é"),
    Language(name="Italian", letters="àèéìòùîº", words="il che non per una di è con del sono la mi della ho"),
    Language(name="Dutch", letters="ëïéèöüáóêç", words="de het een van niet en ik is op dat mijn met voor te"),
    Language(name="Swedish", letters="åäöéà", words="och att det en som är jag inte på med för har av den"),
    Language(name="Danish", letters="æøåé", words="og at det en er ikke jeg på med til for har af den"),
    Language(name="Norwegian", letters="æøåéòô", words="og at det en er ikke jeg på med til for har av som"),
    Language(name="Finnish", letters="äöåšž", words="ja on ei se että en oli mutta kun minun ole hän"),
    Language(name="Icelandic", letters="áðéíóúýþæö", words="og að er ekki ég það á sem um við en til"),
    Language(name="Catalan", letters="àçèéíïòóúü·", words="el la els que una per amb no és del les i"),
)
CENTRAL = (
    Language(name="Polish", letters="ąćęłńóśźż", words="nie jest się na do to że po jak od mi za moje"),
    Language(name="Czech", letters="áčďéěíňóřšťúůýž", words="je se na že to ale jsem za do mi ne po jak"),
    Language(name="Slovak", letters="áäčďéíĺľňóôŕšťúýž", words="je sa na že to ale som za do mi nie po ako"),
    Language(name="Hungarian", letters="áéíóöőúüű", words="a az és nem egy hogy is van meg de csak ez"),
    Language(name="Romanian", letters="ăâîşţ", words="nu este la de cu pe am un o mai din care să"),
    Language(name="Croatian", letters="čćđšž", words="je se na da i u za ne su od sam nije kako"),
    Language(name="Slovenian", letters="čšž", words="je se na da in v za ne so od sem ni kako pri"),
)
BALTIC = (
    Language(name="Lithuanian", letters="ąčęėįšųūž", words="ir kad yra ne su iš bet tai man kaip mano už"),
    Language(name="Latvian", letters="āčēģīķļņšūž", words="un ir ka no ar es par bet tas nav man kas"),
    Language(name="Estonian", letters="õäöüšž", words="ja on ei et see ma kui aga ta oli mis minu"),
)
TURKISH = (Language(name="Turkish", letters="çğıöşüâîû", words="ve bir bu için ile çok ama değil ne var benim da"),)
CYRILLIC = (
    Language(name="Russian", letters="оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё", words="и в не на что я с по как мой за у"),
    Language(name="Ukrainian", letters="оаниівртелсукмдпзьйябхгчюцєжїшфщґ", words="і в не на що я з за як мій у це"),
    Language(name="Bulgarian", letters="аеиотнрсвлкдпмъзгяубчщцжхюйфшьѝ", words="и на не да се за от с е по в не ми"),
)
GREEK = (
    Language(
        name="Greek",
        letters="αοιετσνηυρπκλμωςάίόέήύώδγθχφβξζψϊϋΐΰ",
        words="και το να η της του με για δεν ο στο την είναι",
    ),
)
ARABIC = (
    Language(
        name="Arabic",
        letters="اليمونرتبعدهسفكقحجشصةأطخىضإذزثغءئظؤآپچژگک،؛؟ًٌٍَُِّْـ",
        words="في من على إلى لا ما أن هل لم مع هذا عن قبل كل لي",
        finals="ةى",
    ),
)
HEBREW = (
    Language(
        name="Hebrew",
        letters="יוהלאמרתבשנעדחקפםכגטזצןסךףץ־׳״",
        words="את של לא על זה אני עם מה כי אם גם יש כל הוא לי",
        finals="םןךףץ",
    ),
)
CHINESE_COMMON = frozenset(
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然"
    "家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长"
    "把机十民第公此已工使情明性知全三又关点正业外将两高间由问很最重并物手应战向头文体政美相见被利什二等产或新己制"
    "身果加西斯月话合回特代内信表化老给世位次度门任常先海通教儿原东声提立及比员解水名真论处走义各入几口认条平系"
    "请订单货款退件吗没收到帐账户密码登录您买卖客服快递钱送付"
)
KOREAN_COMMON = frozenset("이다는을의가에고지하는기서도로사한대어자시나리인아해을있은들일요니습를제보정그수라마게주문")


SHAPES: Mapping[str, tuple[Language, ...]] = {
    "cp1252": WEST,
    "cp1250": CENTRAL,
    "cp1251": CYRILLIC,
    "cp1253": GREEK,
    "cp1254": TURKISH,
    "cp1255": HEBREW,
    "cp1256": ARABIC,
    "cp1257": BALTIC,
    "iso8859-15": WEST,
    "iso8859-2": CENTRAL,
    "iso8859-5": CYRILLIC,
    "iso8859-7": GREEK,
    "koi8-r": CYRILLIC[:1],
    "koi8-u": CYRILLIC[1:2],
    "cp850": WEST,
    "cp852": CENTRAL,
    "cp866": CYRILLIC,
    "mac-roman": WEST,
    "mac-cyrillic": CYRILLIC,
}
"""Encodings of one byte a letter with the languages that are written in them."""
WINDOWS = frozenset(
    {"cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp932", "gb18030", "cp949"}
)
"""What Excel on Windows saves; others must read better to be chosen."""
