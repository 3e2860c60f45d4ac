"""Signed notes: the form."""

import pytest

from relto.codec import (
    MalformedError,
    MessageTooLargeError,
    NoteSignature,
    SignedNote,
    decode_note,
    encode_note,
)

NOTE = SignedNote(
    text="relto/JPN/KOR\n3\nAAAA\n",
    signatures=(
        NoteSignature(name="relto/JPN/KOR", key_id=b"\x01\x02\x03\x04", signature=b"\xff" * 64),
        NoteSignature(name="relto/KOR", key_id=b"\x05\x06\x07\x08", signature=b"\xfe" * 72),
    ),
)
DATA = encode_note(NOTE)
LINE = DATA.split(b"\n\n")[1].split(b"\n")[0]

BAD = {
    "empty": b"",
    "text alone": b"a\n",
    "no signatures": b"a\n\n",
    "no text": b"\n\n" + LINE + b"\n",
    "no final line feed": DATA[:-1],
    "carriage returns": DATA.replace(b"\n", b"\r\n"),
    "control character": DATA.replace(b"relto/JPN/KOR\n3", b"relto/JPN\x00KOR\n3"),
    "a tab": DATA.replace(b"\n3\n", b"\n\t3\n"),
    "not UTF-8": DATA.replace(b"3", b"\xff"),
    "hyphen for dash": DATA.replace("—".encode(), b"-"),
    "no name": DATA.replace(b"relto/KOR ", b" "),
    "plus in the name": DATA.replace(b"relto/KOR ", b"relto+KOR "),
    "wide space in the name": DATA.replace(b"relto/KOR ", "relto\u2003KOR ".encode()),
    "no signature": b"a\n\n" + "— relto/JPN\n".encode(),
    "signature too short": b"a\n\n" + "— relto/JPN AAAAAA==\n".encode(),
    "not base64": b"a\n\n" + "— relto/JPN ****\n".encode(),
    "base64 without padding": b"a\n\n" + "— relto/JPN AAAAAAA\n".encode(),
    "base64 with loose bits": b"a\n\n" + "— relto/JPN AAAAAAB=\n".encode(),
    "base64 of the web": b"a\n\n" + "— relto/JPN AAAA__-_\n".encode(),
    "words after the signature": DATA[:-1] + b" x\n",
    "too many signatures": b"a\n\n" + (LINE + b"\n") * 17,
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_not_a_note_is_malformed(name):
    """JN-11."""
    with pytest.raises(MalformedError):
        decode_note(BAD[name])


def test_a_note_reads_back():
    """JN-11."""
    assert decode_note(DATA) == NOTE
    assert DATA.startswith(b"relto/JPN/KOR\n3\nAAAA\n\n\xe2\x80\x94 relto/JPN/KOR AQIDBP")


def test_the_published_example_of_a_note_reads():
    """JN-11: the example of the C2SP page on cosignatures."""
    data = (
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
        "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5"
        "/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
        "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX"
        "3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
    ).encode()
    note = decode_note(data)
    assert [line.name for line in note.signatures] == [
        "example.com/behind-the-sofa",
        "witness.example.com/w1",
    ]
    assert int.from_bytes(note.signatures[1].signature[:8], "big") == 1_679_315_147
    assert encode_note(note) == data


def test_the_text_ends_at_the_final_empty_line():
    note = decode_note(b"a\n\nb\n\n" + LINE + b"\n")
    assert note.text == "a\n\nb\n"


def test_a_note_has_a_bound():
    with pytest.raises(MessageTooLargeError):
        decode_note(b"a" * 16_385)
    signatures = DATA.split(b"\n\n")[1]
    longest = b"a" * (16_384 - len(signatures) - 2) + b"\n\n" + signatures
    assert len(longest) == 16_384
    assert len(decode_note(longest).signatures) == 2
