"""Personal data: numbers that hold their checks are found however they are written, and look-alikes are left alone."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.ingest.checks.personal_data import find_personal, mask_personal

IBANS = (
    "GB82WEST12345698765432", "DE89370400440532013000", "FR1420041010050500013M02606", "NL91ABNA0417164300",
    "ES9121000418450200051332", "CH9300762011623852957", "NO9386011117947", "PL61109010140000071219812874",
    "MT84MALT011000012345MTLCAST001S", "UA213223130000026007233566001", "XK051212012345678906",
)  # fmt: skip


def kinds(text: str) -> list[str]:
    """Return the kinds that are found in a text."""
    return [item.kind for item in find_personal(text)]


def check_digits(country: str, rest: str) -> str:
    """Put the two digits before an account that make its remainder 1, as ISO 13616 says."""
    digits = "".join(str(int(sign, 36)) for sign in f"{rest}{country}00")
    return f"{98 - int(digits) % 97:02}"


@pytest.mark.parametrize("number", IBANS)
def test_account_numbers_are_found_in_both_ways_of_writing(number: str) -> None:
    """An IBAN is found in one piece and in groups of four, and masked whole; one wrong sign makes it none."""
    grouped = " ".join(number[start : start + 4] for start in range(0, len(number), 4))
    for written in (number, grouped):
        assert mask_personal(f"pay to {written}, please") == "pay to [iban], please"
    wrong = number[:-1] + ("1" if number[-1] != "1" else "2")
    assert "iban" not in kinds(f"pay to {wrong}, please")


@given(
    st.from_regex(r"[A-Z0-9]{12,24}", fullmatch=True).filter(lambda rest: len(rest) % 4 == 0),
    st.sampled_from(["AA", "ZZ", "QX"]),
)
def test_product_keys_are_no_account_numbers(rest: str, country: str) -> None:
    """A key of that look whose check digits happen to hold is none: no country writes its accounts so."""
    assert "iban" not in kinds(f"key {country}{check_digits(country, rest)}{rest}")


def last_digit_of_card(number: int) -> int:
    """Return the digit that makes a card's number of these, as ISO/IEC 7812-1 says (Luhn)."""
    digits = [int(sign) for sign in reversed(str(number))]
    doubled = [2 * digit - 9 * (digit > 4) for digit in digits[::2]]
    return -(sum(doubled) + sum(digits[1::2])) % 10


@example(11_481_804_420_301_000)
@example(11_562_574_679_549)  # with its last digit also a French social security number, which goes first
@given(st.integers(10**11, 10**18 - 1))
def test_cards_hold_their_last_digit(number: int) -> None:
    """Of the ten last digits one makes a card number, and the others do not."""
    right, is_long_enough = last_digit_of_card(number), 13 <= len(str(number)) + 1 <= 19
    assert {"card", "id"} & set(kinds(f"card {number}{right}.")) or not is_long_enough
    assert not [last for last in range(10) if "card" in kinds(f"card {number}{last}.") and last != right]


def test_one_digit_all_along_is_no_card() -> None:
    """Zeros hold the sum, and stand for a number that was left out."""
    assert "card" not in kinds("card 0000 0000 0000 0000")


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("اتصل على ٠٥٠ ١٢٣ ٤٥٦٧ غدا", "اتصل على [phone] غدا"),
        ("फोन +९१ ९८७६५ ४३२१० पर करें", "फोन [phone] पर करें"),
        ("电话是010-12345678，请回电", "电话是[phone]，请回电"),
        ("010-1234-5678로 연락 주세요", "[phone]로 연락 주세요"),
        ("โทร02-123-4567ได้เลย", "โทร[phone]ได้เลย"),
        ("身份证110101199001010015号", "身份证[id]号"),
        ("आधार 2345 6789 0124 है", "आधार [id] है"),
        ("주민번호 900101-1123459 입니다", "주민번호 [id] 입니다"),
        ("Codice RSSMRA80A01H501U grazie", "Codice [id] grazie"),
        ("numéro 2 55 08 14 168 025 38 merci", "numéro [id] merci"),
        ("CPF 123.456.789-09", "CPF [id]"),
    ],
)
def test_numbers_are_found_in_every_script_and_region(text: str, masked: str) -> None:
    """Digits of any script, also where no blank stands before them; identity numbers with their check digits."""
    assert mask_personal(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "身份证110101199001010014",
        "आधार 2345 6789 0125",
        "주민번호 900101-1123450",
        "Codice RSSMRA80A01H501A",
        "CPF 123.456.789-00",
        "订单48213",
        "2026年3月3日",
        "١٢٣٤٥ دينارا",
    ],
)
def test_a_wrong_check_digit_is_no_identity_number(text: str) -> None:
    """Nor are orders, days and prices of other scripts."""
    assert "id" not in {found.kind for found in find_personal(text)}


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Tel. 030 1234567 / 0170 7654321", "Tel. [phone] / [phone]"),
        ("030 1234567 - 040 7654321", "[phone] - [phone]"),
        ("06 12 34 56 78 / 01 23 45 67 89", "[phone] / [phone]"),
        ("06 12 34 56 78 01 23 45 67 89", "[phone] [phone]"),
        ("555-123-4567 555-765-4321", "[phone] [phone]"),
        ("0170 1234567 01.02.2024", "[phone] 01.02.2024"),
        ("01.02.2024 030 1234567", "01.02.2024 [phone]"),
        ("2024-12-31 0049 30 1234567", "2024-12-31 [phone]"),
        ("4111 1111 1111 1111 12/26", "[card] 12/26"),
        ("4111 1111 1111 1111 123", "[card] 123"),
        ("4111111111111111 123", "[card] 123"),
        ("2024-01-31 4111-1111-1111-1111", "2024-01-31 [card]"),
        ("4111 1111 1111 1111 5555 5555 5555 4444", "[card] [card]"),
        ("4111 1111 1111 1111 030 1234567", "[card] [phone]"),
        ("DE89 3704 0044 0532 0130 00 030 1234567", "[iban] [phone]"),
        ("Tel. 030 / 1234567", "Tel. [phone]"),
        ("+49 30 - 1234567", "[phone]"),
    ],
)
def test_a_number_beside_another_is_found(text: str, masked: str) -> None:
    """Two phone numbers, a date, an expiry date or a security code beside a number do not hide it."""
    assert mask_personal(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "0.98765432", "-0.98765432", "0,98765432", "52.5200 13.4049", "12.345.678,00 €", "12 345 678,00 €", "1.500.000 - 2.000.000",
        "31.01.26 12:30", "01/31/26 10 AM", "2026-01-31 10:30:00", "00000000", "0000 0000 0000", "ISBN 978-3-16-148410-0",
        "2024-01-31/2024-02-28",
    ],
)  # fmt: skip
def test_decimals_amounts_and_times_are_no_phone_numbers(text: str) -> None:
    """They are left as they are, and a phone number beside one is found all the same."""
    assert mask_personal(text) == text
    assert mask_personal(f"{text}, Tel. 0170 1234567") == f"{text}, Tel. [phone]"


def test_a_long_text_of_numbers_takes_no_time() -> None:
    """What is looked at grows with the text, however its numbers are written."""
    for part in ("01.02.2024 ", "4111 1111 1111 1111 ", "030 1234567 ", "1 ", "1(((1a ", "0.12 "):
        begun = time.process_time()
        find_personal(part * (400_000 // len(part)))
        assert time.process_time() - begun < 10
