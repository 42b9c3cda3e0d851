"""From the bytes of an import file to text, piece by piece.

A byte order mark says what a file is. Without one it is UTF-8, or UTF-16 if its first character,
which is ASCII, has a zero byte. All else must be named: which code page a file has cannot be told
from its bytes, and a wrong guess would spoil names without an error.
"""

import codecs
from typing import Final

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LONGEST_MARK: Final = 3

_WORKBOOKS: Final = (b"PK\x03", b"\xd0\xcf\x11")
"""How files of spreadsheet programs begin: a ZIP (xlsx, ods), or an OLE file (xls)."""

_CODECS: Final = frozenset(
    {
        *("utf-8", "utf-16", "utf-16-le", "utf-16-be"),
        *(f"cp{number}" for number in range(1250, 1259)),
        *("cp437", "cp850", "cp852", "cp866", "cp874", "cp932", "cp949", "cp950"),
        *("gbk", "gb18030", "big5", "shift_jis", "euc_jp", "euc_kr", "koi8-r"),
        *("iso8859-2", "iso8859-15", "mac-roman"),
    }
)
"""By Python's names: what spreadsheets write."""

# As browsers do: https://encoding.spec.whatwg.org/#names-and-labels
_READ_AS: Final = {"iso8859-1": "cp1252", "ascii": "utf-8", "macintosh": "mac-roman"}

EXAMPLES: Final = (
    "utf-8, utf-16, windows-1252 (Excel's in Western Europe and America), windows-1250 (Central "
    "Europe), windows-1251 (Cyrillic), windows-1253 (Greek), windows-1254 (Turkish), shift_jis, "
    "gbk, big5, euc-kr, macintosh"
)


class NotDecodableError(Exception):
    """Bytes that are no text in this encoding; the text of the error says what to do.

    Args:
        problem: What is wrong.
        before: The text before them.
    """

    def __init__(self, problem: str, before: str) -> None:
        super().__init__(problem)
        self.before = before


def codec_of(charset: str) -> str | None:
    """Return Python's name of a charset; None: files are not read in it."""
    try:
        name = codecs.lookup(charset.strip()).name
    except (LookupError, ValueError):
        return None
    name = _READ_AS.get(name, name)
    return name if name in _CODECS else None


class Decoder:
    """Decodes a file that comes in pieces.

    Args:
        codec: What the client said that it is, from `codec_of`; None: nothing.
    """

    def __init__(self, codec: str | None = None) -> None:
        self._said = codec
        self._codec: str | None = None
        self._start = b""

    def decode(self, piece: bytes, *, final: bool = False) -> str:
        """Return the text of a piece, but for a character that goes on in the next one.

        Raises:
            NotDecodableError: It is no text in this encoding.
        """
        if self._codec is None:
            self._start += piece
            if len(self._start) < _LONGEST_MARK and not final:
                return ""
            self._codec, piece = self._recognise(self._start)
            self._decoder = codecs.getincrementaldecoder(self._codec)()
        try:
            return self._decoder.decode(piece, final)
        except UnicodeDecodeError as error:
            before = error.object[: error.start].decode(self._codec)
            raise NotDecodableError(self._problem(), before) from error

    def _recognise(self, start: bytes) -> tuple[str, bytes]:
        if start.startswith(_WORKBOOKS):
            raise NotDecodableError(
                "this is a workbook of a spreadsheet program, whatever its name. Open it there, "
                "and save it as CSV",
                "",
            )
        for mark, codec in _MARKS:
            if start.startswith(mark):
                return codec, start[len(mark) :]
        if self._said not in (None, "utf-16"):
            return self._said or "", start
        if start[1:2] == b"\0":
            return "utf-16-le", start
        if start[:1] == b"\0":
            return "utf-16-be", start
        return self._said or "utf-8", start

    def _problem(self) -> str:
        if self._said is not None:
            return f"not {self._said}, as the request says; the rest of the file was not read"
        return (
            "not UTF-8, so the rest of the file was not read. Save it as UTF-8, or say which "
            "encoding it has: with Content-Type: text/csv; charset=windows-1252, on the command "
            f"line with --encoding windows-1252. There are {EXAMPLES}"
        )
