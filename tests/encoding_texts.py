"""Texts whose language and encoding are known, written for these tests: one set to develop on, one to measure with.

Plain sentences as people write them to a shop. Both sets were written before the guess was; it was developed on the
first, and of the second only the counts were looked at.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

CODECS = {
    "German": ("cp1252", "cp850", "mac-roman"),
    "French": ("cp1252", "cp850", "mac-roman"),
    "Spanish": ("cp1252", "cp850", "mac-roman"),
    "Portuguese": ("cp1252", "cp850", "mac-roman"),
    "Italian": ("cp1252", "cp850", "mac-roman"),
    "Dutch": ("cp1252",),
    "Swedish": ("cp1252", "cp850", "mac-roman"),
    "Danish": ("cp1252", "cp850"),
    "Finnish": ("cp1252", "cp850"),
    "Polish": ("cp1250", "iso8859-2", "cp852"),
    "Czech": ("cp1250", "iso8859-2", "cp852"),
    "Hungarian": ("cp1250", "iso8859-2", "cp852"),
    "Russian": ("cp1251", "koi8-r", "cp866", "iso8859-5", "mac-cyrillic"),
    "Greek": ("cp1253", "iso8859-7"),
    "Turkish": ("cp1254",),
    "Japanese": ("cp932", "euc-jp"),
    "Chinese": ("gb18030",),
    "Chinese, traditional": ("big5",),
    "Korean": ("cp949",),
    "Arabic": ("cp1256",),
    "Hebrew": ("cp1255",),
}

FIRST = {
    "German": "Ich habe meine Bestellung noch nicht erhalten und möchte wissen, wann sie ankommt. Die Schuhe sind mir zu "
    "groß, kann ich sie gegen eine kleinere Größe tauschen? Für die Rückgabe brauche ich ein Etikett. Die Übersicht "
    "zeigt einen falschen Betrag, bitte prüfen Sie das. Können Sie mir die Rechnung schicken?",
    "French": "Je n'ai pas encore reçu ma commande et je voudrais savoir où elle est. Le colis est arrivé abîmé, la boîte "
    "était ouverte. À qui dois-je m'adresser pour être remboursé ? J'ai déjà écrit deux fois sans réponse. Le prix "
    "affiché n'est pas celui que j'ai payé, ça ne va pas du tout.",
    "Spanish": "Todavía no he recibido mi pedido y quiero saber cuándo llegará. ¿Por qué me han cobrado dos veces este mes? "
    "La contraseña no funciona y no puedo entrar en mi cuenta. El teléfono llegó con la pantalla rota. Quisiera "
    "cambiar la dirección de envío, mañana no estaré en casa.",
    "Portuguese": "Ainda não recebi a minha encomenda e gostaria de saber quando chega. A cobrança está errada, não foi isso "
    "que combinámos. Não consigo entrar na aplicação com a palavra-passe nova. O preço é diferente do que está no "
    "anúncio. Como posso fazer a devolução? Até amanhã preciso de uma solução.",
    "Italian": "Non ho ancora ricevuto il mio ordine e vorrei sapere perché. La qualità è pessima, il colore non è quello "
    "della foto. Così non si può lavorare, il servizio è lento. Potrei avere il rimborso entro lunedì? C'è un errore "
    "nella fattura, l'importo è più alto del dovuto.",
    "Dutch": "Ik heb mijn bestelling nog niet ontvangen, terwijl één pakket al weken onderweg is. De kleur is heel anders "
    "dan op de foto en de coördinator belt niet terug. Kunt u vóór vrijdag antwoorden? Mijn cliënt wacht op de "
    "factuur. Ik wil graag geïnformeerd worden over de reünie.",
    "Swedish": "Jag har ännu inte fått min beställning och undrar när den kommer. Skorna är för små, går det att byta till "
    "en större storlek? Räkningen är fel, jag har redan betalat. Kan ni hjälpa mig att ändra adressen? Lösenordet "
    "fungerar inte längre på min telefon.",
    "Danish": "Jeg har endnu ikke fået min bestilling og vil gerne vide, hvornår den kommer. Skoene er for små, så jeg vil "
    "bytte dem. Regningen er forkert, beløbet er alt for højt. Kan I hjælpe mig med at ændre adressen? Æsken var åben, "
    "da den nåede frem.",
    "Finnish": "En ole vielä saanut tilaustani ja haluaisin tietää, milloin se tulee. Kengät ovat liian pienet, voinko "
    "vaihtaa ne isompiin? Laskussa on väärä summa, olen jo maksanut sen. Voisitteko lähettää kuitin sähköpostilla? "
    "Tämä on jo kolmas kerta tänä vuonna.",
    "Polish": "Nie dostałem jeszcze zamówienia i chciałbym wiedzieć, kiedy przyjdzie. Proszę o zwrot pieniędzy, bo buty są "
    "za małe. Hasło nie działa i nie mogę się zalogować. Faktura jest błędna, kwota się nie zgadza. Czy możecie "
    "zmienić adres dostawy? Już trzeci raz piszę w tej sprawie.",
    "Czech": "Ještě jsem nedostal svou objednávku a chtěl bych vědět, kdy přijde. Boty jsou příliš malé, můžu je vyměnit? "
    "Heslo nefunguje a nemůžu se přihlásit. Faktura je špatně, částka nesouhlasí. Můžete mi změnit adresu? Už třetí "
    "den čekám na vaši odpověď.",
    "Hungarian": "Még nem kaptam meg a rendelésemet, és szeretném tudni, mikor érkezik. A cipő túl kicsi, ki lehet "
    "cserélni? A jelszó nem működik, nem tudok belépni. A számla összege hibás, kérem, ellenőrizzék. Hétfőn nem leszek "
    "otthon, küldjék később. Köszönöm a gyors segítséget.",
    "Russian": "Я до сих пор не получил свой заказ и хочу узнать, когда он придёт. Обувь слишком маленькая, можно ли её "
    "обменять? Пароль не подходит, я не могу войти. В счёте ошибка, сумма больше, чем должна быть. Помогите, "
    "пожалуйста, изменить адрес доставки.",
    "Greek": "Δεν έχω λάβει ακόμα την παραγγελία μου και θέλω να μάθω πότε θα έρθει. Τα παπούτσια είναι πολύ μικρά, μπορώ να "
    "τα αλλάξω; Ο κωδικός δεν λειτουργεί και δεν μπορώ να μπω. Το ποσό στον λογαριασμό είναι λάθος, παρακαλώ ελέγξτε "
    "το.",
    "Turkish": "Siparişim hâlâ gelmedi, ne zaman geleceğini öğrenmek istiyorum. Ayakkabılar çok küçük, değiştirebilir miyim? "
    "Şifrem çalışmıyor ve hesabıma giremiyorum. Faturadaki tutar yanlış, lütfen kontrol edin. Adresimi değiştirmek "
    "istiyorum, yarın evde olmayacağım.",
    "Japanese": "注文した商品がまだ届きません。いつ届くのか教えてください。靴のサイズが小さいので交換したいです。パスワードが使えなくて"
    "ログインできません。請求書の金額が間違っているようです。住所を変更したいのですが、どうすればいいですか。",
    "Chinese": "我还没有收到订单，想知道什么时候能到。鞋子太小了，可以换大一号的吗？密码不能用，我登录不了账户。发票上的金额不对，请帮我查"
    "一下。我想修改收货地址，明天家里没有人。",
    "Chinese, traditional": "我還沒有收到訂單，想知道什麼時候會到。鞋子太小了，可以換大一號的嗎？密碼不能用，我登入不了帳戶。發票上的金額不"
    "對，請幫我查一下。我想修改收貨地址，明天家裡沒有人。",
    "Korean": "아직 주문한 상품을 받지 못했는데 언제 도착하는지 알고 싶습니다. 신발이 너무 작아서 교환하고 싶어요. 비밀번호가 맞지 않아 "
    "로그인을 할 수 없습니다. 청구서 금액이 잘못된 것 같으니 확인해 주세요. 배송 주소를 바꾸고 싶습니다.",
    "Arabic": "لم يصلني طلبي حتى الآن وأريد أن أعرف متى سيصل. الحذاء صغير جدا، هل يمكن استبداله بمقاس أكبر؟ كلمة المرور لا تعمل "
    "ولا أستطيع الدخول إلى حسابي. المبلغ في الفاتورة غير صحيح، أرجو التحقق منه. كيف أغير عنوان التوصيل؟",
    "Hebrew": "עדיין לא קיבלתי את ההזמנה שלי ואני רוצה לדעת מתי היא תגיע. הנעליים קטנות מדי, אפשר להחליף אותן למידה גדולה יותר? "
    "הסיסמה לא עובדת ואני לא מצליח להיכנס לחשבון. הסכום בחשבונית שגוי, אנא בדקו אותו. איך משנים את כתובת המשלוח?",
}
SECOND = {
    "German": "Mein Gerät läuft seit dem Update nicht mehr, der Bildschirm bleibt schwarz. Warum wurde das Geld zweimal "
    "abgebucht? Ich möchte den Vertrag zum nächsten Monat kündigen. Das Päckchen lag völlig durchnässt vor der Tür. "
    "Bitte rufen Sie mich zurück, ich bin ab fünf Uhr zu Hause. Schöne Grüße",
    "French": "Mon appareil ne s'allume plus depuis la mise à jour et l'écran reste noir. Pourquoi m'avez-vous prélevé deux "
    "fois ? Je souhaite résilier mon contrat dès le mois prochain. Le vendeur était très gêné, mais il n'a rien fait. "
    "Où puis-je trouver le reçu ? Merci d'avance pour votre réponse.",
    "Spanish": "Mi aparato ya no se enciende desde la actualización y la pantalla está negra. Me gustaría cancelar el contrato "
    "el próximo mes. El técnico no vino ayer, ¿qué pasó? Llevo más de una hora esperando al teléfono. Según la página, "
    "el envío era gratis. Muchas gracias por su atención, señor.",
    "Portuguese": "O meu aparelho já não liga desde a atualização e o ecrã está preto. Gostaria de cancelar o contrato no próximo "
    "mês. O técnico não apareceu ontem, o que aconteceu? Estou há mais de uma hora à espera ao telefone. As informações "
    "da página estão erradas. Muito obrigado pela atenção.",
    "Italian": "Il mio apparecchio non si accende più dopo l'aggiornamento, lo schermo è nero. Vorrei disdire il contratto dal "
    "mese prossimo. Il tecnico ieri non è venuto, che cosa è successo? Aspetto già da un'ora al telefono. Metà degli "
    "articoli mancava, però ho pagato tutto. Chissà se qualcuno mi risponderà.",
    "Dutch": "Mijn toestel gaat sinds de update niet meer aan en het scherm blijft zwart. Waarom is er twee keer geld "
    "afgeschreven? Ik wil het contract beëindigen. Het pakje lag buiten, vóór de deur. De financiële afdeling reageert "
    "niet. Is dit een officiële garantie of één van uw acties? Heeft u nog ideeën?",
    "Swedish": "Min apparat startar inte efter uppdateringen, skärmen är helt svart. Varför har ni dragit pengar två gånger? "
    "Jag vill säga upp avtalet från nästa månad. Paketet låg blött utanför dörren. Hör av er så snart som möjligt, jag "
    "är hemma på kvällen. Tack på förhand.",
    "Danish": "Mit apparat starter ikke efter opdateringen, skærmen er helt sort. Hvorfor har I trukket penge to gange? Jeg "
    "ønsker at opsige aftalen fra næste måned. Pakken lå våd uden for døren. Ring til mig så hurtigt som muligt, jeg er "
    "hjemme efter klokken fem. På forhånd tak.",
    "Finnish": "Laitteeni ei käynnisty päivityksen jälkeen, näyttö on aivan musta. Miksi rahat on veloitettu kahdesti? Haluan "
    "päättää sopimuksen ensi kuussa. Paketti oli märkänä oven edessä. Soittakaa minulle mahdollisimman pian, olen "
    "kotona illalla. Kiitos etukäteen ystävällisestä avusta.",
    "Polish": "Moje urządzenie po aktualizacji się nie włącza, ekran jest czarny. Dlaczego pobraliście pieniądze dwa razy? "
    "Chcę rozwiązać umowę od przyszłego miesiąca. Paczka leżała mokra pod drzwiami. Proszę zadzwonić jak najszybciej, "
    "będę w domu wieczorem. Z góry dziękuję za pomoc.",
    "Czech": "Můj přístroj se po aktualizaci nezapne, obrazovka zůstává černá. Proč jste peníze strhli dvakrát? Chci ukončit "
    "smlouvu od příštího měsíce. Balík ležel mokrý před dveřmi. Zavolejte mi co nejdříve, večer budu doma. Předem "
    "děkuji za pomoc a přeji hezký den.",
    "Hungarian": "A készülékem a frissítés óta nem kapcsol be, a képernyő fekete marad. Miért vonták le kétszer a pénzt? Szeretném "
    "felmondani a szerződést jövő hónaptól. A csomag vizesen feküdt az ajtó előtt. Kérem, hívjanak vissza, este otthon "
    "leszek. Előre is köszönöm a segítséget.",
    "Russian": "Мой телефон после обновления не включается, экран остаётся чёрным. Почему деньги списали два раза? Хочу "
    "расторгнуть договор со следующего месяца. Посылка лежала мокрая у двери. Перезвоните мне как можно скорее, вечером "
    "я буду дома. Заранее спасибо.",
    "Greek": "Η συσκευή μου δεν ανοίγει μετά την ενημέρωση, η οθόνη μένει μαύρη. Γιατί πήρατε τα χρήματα δύο φορές; Θέλω να "
    "διακόψω τη σύμβαση από τον επόμενο μήνα. Το δέμα ήταν βρεγμένο έξω από την πόρτα. Πάρτε με τηλέφωνο, θα είμαι σπίτι "
    "το βράδυ.",
    "Turkish": "Cihazım güncellemeden sonra açılmıyor, ekran siyah kalıyor. Parayı neden iki kez çektiniz? Sözleşmeyi gelecek ay "
    "sonlandırmak istiyorum. Paket kapının önünde ıslak duruyordu. Lütfen beni en kısa sürede arayın, akşam evde "
    "olacağım. Şimdiden teşekkür ederim.",
    "Japanese": "更新してから電源が入らなくなり、画面が真っ黒のままです。なぜ二回も引き落とされたのでしょうか。来月で契約を解約したいと"
    "思います。荷物が玄関の前で濡れていました。できるだけ早く電話をください。夜は家にいます。",
    "Chinese": "更新以后我的手机打不开了，屏幕一直是黑的。为什么扣了两次钱？我想从下个月起取消合同。包裹放在门口，全都湿了。请尽快给我打电"
    "话，我晚上在家。谢谢你们的帮助。",
    "Chinese, traditional": "更新以後我的手機打不開了，螢幕一直是黑的。為什麼扣了兩次錢？我想從下個月起取消合約。包裹放在門口，全都濕了。請"
    "盡快打電話給我，我晚上在家。謝謝你們的幫忙。",
    "Korean": "업데이트한 뒤로 기기가 켜지지 않고 화면이 검게 나옵니다. 왜 돈이 두 번 빠져나갔나요? 다음 달부터 계약을 해지하고 싶습니다. "
    "소포가 문 앞에서 젖어 있었습니다. 되도록 빨리 전화해 주세요. 저녁에는 집에 있습니다.",
    "Arabic": "منذ التحديث لا يعمل الجهاز والشاشة سوداء تماما. لماذا تم خصم المال مرتين من بطاقتي؟ أود إلغاء العقد ابتداء من "
    "الشهر القادم. كان الطرد مبللا أمام الباب. اتصلوا بي من فضلكم، سأكون في البيت بعد الساعة الخامسة. شكرا لكم على المساعدة",
    "Hebrew": "מאז העדכון המכשיר לא נדלק והמסך שחור לגמרי. למה חויבתי פעמיים החודש? אני מבקש לבטל את החוזה מהחודש הבא. החבילה "
    "הייתה רטובה מול הדלת. תתקשרו אליי בבקשה, אני בבית אחרי חמש. הטכנאי לא הגיע אתמול ואף אחד לא ענה. תודה על העזרה",
}
ROWS = 20


def files(texts: dict[str, str], count: int, *, seed: int = 0) -> Iterator[tuple[str, str, int, str]]:
    """Yield language, codec, number and content of small tables: 20 rows of 4 to 12 words, or of 8 to 24 signs."""
    generator = random.Random(seed)
    for language, text in texts.items():
        spaced = not language.startswith(("Japanese", "Chinese"))
        units = text.split() if spaced else list(text)
        least, most = (4, 12) if spaced else (8, 24)
        for number in range(count):
            rows = []
            for row in range(ROWS):
                size = generator.randint(least, most)
                start = generator.randrange(max(len(units) - size, 1))
                words = (" " if spaced else "").join(units[start : start + size])
                rows.append(f'{row},"{words}",{generator.choice(["a", "b"])}')
            content = "id,text,label\r\n" + "\r\n".join(rows) + "\r\n"
            for codec in CODECS[language]:
                yield language, codec, number, content
