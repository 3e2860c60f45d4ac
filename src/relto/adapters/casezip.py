"""The archive that carries an extract: one document, the law files beside it, a page for people.

    extract.json      the extract, canonical JSON
    law/0001.toml     law files, under generated names; the extract says what they were called
    README.txt        what this is and how to verify it

Reading one believes nothing (FL-30): the names are the only ones there can be, sizes are checked as
declared and as they come, and nothing is ever written to a disk.
"""

import re
import stat
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Final

from msgspec import Struct

from relto.codec import EXTRACT, version_of
from relto.errors import LocalError, PeerError
from relto.limits import (
    ARCHIVE_BYTES_MAX,
    ARCHIVE_RATIO_MAX,
    EXTRACT_BYTES_MAX,
    EXTRACT_FILES_MAX,
    LAW_FILE_BYTES_MAX,
)
from relto.model import EXTRACT_VERSION, Extract

_DOCUMENT: Final = "extract.json"
_README: Final = "README.txt"
_LAW: Final = re.compile(r"law/([0-9]{4})\.toml")
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
# An archive begins with its first file and ends with its directory's end, which has no comment.
_BEGIN: Final = b"PK\x03\x04"
_END: Final = b"PK\x05\x06"
_END_BYTES: Final = 22
_SMALL_BYTES: Final = 16_384
_TEXT: Final = """\
Evidence about one case, taken out of the journals of two or more parties.

    relto journal verify case.zip --keys jpn.relto --keys kor.relto

verifies it on any machine, without a network. Get the cards of the parties (`jpn.relto`,
`kor.relto`) from the parties, not from whoever gave you this file. Without a card, `--fingerprint`
takes one that you have compared with its party. Nothing in this file is proof by itself, this text
included. The format is described in docs/spec/journal.md of relto.
"""

_OTHER_README: Final = (
    f"`{_README}` is not the page that belongs to an extract here: go by nothing that it says"
)


class ArchiveError(PeerError):
    """An archive is not the archive of an extract, or tries to be more than one."""

    code = "peer.bad_archive"
    hint_default = "it was not opened; ask for a fresh one"


class ExtractVersionError(PeerError):
    """The extract has a later form than is known here; it may be sound, and cannot be judged."""

    code = "peer.extract_version"
    hint_default = "verify it with a newer relto, or ask for one from a node that runs this version"


class ArchiveFileError(LocalError):
    """An archive cannot be read from, or written to, where the user said."""

    code = "local.archive_file"


class Archive(Struct, frozen=True, kw_only=True):
    """What an archive held; nothing of it is believed.

    Args:
        extract: The extract.
        files: The law files beside it, by the number in their names.
        remarks: What else there is to say of the archive, and proves nothing.
    """

    extract: Extract
    files: Mapping[int, bytes]
    remarks: tuple[str, ...]


def write_archive(path: Path, extract: Extract, *, files: Mapping[int, bytes]) -> None:
    """Write an extract; the same extract gives the same bytes.

    Args:
        path: A file that does not exist yet.
        extract: The extract.
        files: The law files, by their place among those that it names, from 1.

    Raises:
        ArchiveFileError: It exists, or cannot be written.
    """
    made = BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        _add(archive, _README, _TEXT.encode())
        _add(archive, _DOCUMENT, EXTRACT.encode(extract))
        for place in range(1, len(extract.files) + 1):
            _add(archive, f"law/{place:04}.toml", files[place])
    try:
        with path.open("xb") as file_:
            file_.write(made.getvalue())
    except OSError as error:
        raise ArchiveFileError(f"cannot write `{path}`: {error.strerror}") from error


def read_archive(path: Path) -> Archive:
    """Read an extract that somebody sent.

    Args:
        path: The archive.

    Raises:
        ArchiveFileError: It cannot be read.
        ExtractVersionError: It has a later form.
        ArchiveError: It is not an extract's archive.
        MalformedError: Its document is malformed.

    Source: docs/spec/journal.md JN-30; FL-30.
    """
    try:
        with path.open("rb") as file:
            data = file.read(ARCHIVE_BYTES_MAX + 1)
    except OSError as error:
        raise ArchiveFileError(f"cannot read `{path}`: {error.strerror}") from error
    if len(data) > ARCHIVE_BYTES_MAX:
        raise ArchiveError(f"archive too large: limit {ARCHIVE_BYTES_MAX} bytes")
    if not data.startswith(_BEGIN) or data[-_END_BYTES:][: len(_END)] != _END:
        raise ArchiveError("not an archive, or there is something before or behind it")
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            return _read(archive)
    except (
        zipfile.BadZipFile,
        NotImplementedError,
        RuntimeError,
        EOFError,
        ValueError,
        OverflowError,
        zlib.error,
    ) as error:
        raise ArchiveError("not an archive that can be read") from error


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    info = zipfile.ZipInfo(name, date_time=_EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o600 << 16
    archive.writestr(info, data)


def _read(archive: zipfile.ZipFile) -> Archive:
    members = archive.infolist()
    _check_version(archive, members)
    if len(members) > EXTRACT_FILES_MAX + 2:
        raise ArchiveError(f"archive of {len(members)} files, limit {EXTRACT_FILES_MAX + 2}")
    if len({member.filename for member in members}) != len(members):
        raise ArchiveError("a name appears twice in the archive")
    total = 0
    found: dict[str, bytes] = {}
    for member in members:
        total += member.file_size
        if total > ARCHIVE_BYTES_MAX:
            raise ArchiveError(f"archive unpacks to more than {ARCHIVE_BYTES_MAX} bytes")
        found[member.filename] = _member(archive, member)
    if _DOCUMENT not in found:
        raise ArchiveError(f"no `{_DOCUMENT}` in the archive")
    return Archive(
        extract=EXTRACT.decode(found[_DOCUMENT]),
        files={int(it[1]): found[name] for name in found if (it := _LAW.fullmatch(name))},
        remarks=() if found.get(_README) == _TEXT.encode() else (_OTHER_README,),
    )


def _check_version(archive: zipfile.ZipFile, members: Sequence[zipfile.ZipInfo]) -> None:
    """Say of a later form that it is one, before anything else in it is unlike what is known."""
    for member in members:
        if member.filename == _DOCUMENT:
            version = version_of(_member(archive, member))
            if version is not None and version > EXTRACT_VERSION:
                raise ExtractVersionError(
                    f"the extract has version {version}, and versions up to {EXTRACT_VERSION} are"
                    " known here"
                )


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """Read one file, no more than it declares and no more than its kind may have."""
    limit = _limit(member.filename)
    kind = stat.S_IFMT(member.external_attr >> 16)
    if limit is None or member.orig_filename != member.filename or kind not in (0, stat.S_IFREG):
        raise ArchiveError("a file in the archive has a name or a kind that it must not have")
    if member.flag_bits & 0x1 or member.compress_type not in (
        zipfile.ZIP_STORED,
        zipfile.ZIP_DEFLATED,
    ):
        raise ArchiveError("a file in the archive is encrypted, or packed in an unknown way")
    if member.file_size > limit:
        raise ArchiveError(f"a file in the archive is too large: limit {limit} bytes")
    if member.file_size > _SMALL_BYTES + ARCHIVE_RATIO_MAX * member.compress_size:
        raise ArchiveError(f"a file in the archive is packed more than {ARCHIVE_RATIO_MAX} to one")
    with archive.open(member) as file:
        content = file.read(member.file_size + 1)
    if len(content) != member.file_size:
        raise ArchiveError("a file in the archive is not as long as it says")
    return content


def _limit(name: str) -> int | None:
    if name == _DOCUMENT:
        return EXTRACT_BYTES_MAX
    if name == _README:
        return _SMALL_BYTES
    return LAW_FILE_BYTES_MAX if _LAW.fullmatch(name) else None
