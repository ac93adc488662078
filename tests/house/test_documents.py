"""The reference documents are what the tables in the code say."""

import msgspec
import pytest

from realtime.errors import CLOSES, CODES
from realtime.limits import Limits
from server.docs import DOCS, DOCUMENTS, REASONS, UNITS, errors_document, limits_document


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_made_document_is_up_to_date(name: str) -> None:
    assert (DOCS / name).read_text() == DOCUMENTS[name](), "make it anew: python -m server.docs"


def rows(document: str) -> dict[str, list[str]]:
    """The cells of each table row by the first one."""
    lines = [line for line in document.splitlines() if line.startswith("| ")]
    cells = [[cell.strip().strip("`") for cell in line.strip("| ").split(" | ")] for line in lines]
    return {row[0]: row[1:] for row in cells}


def test_every_code_and_close_code_is_documented() -> None:
    documented = rows(errors_document())
    for name, code in CODES.items():
        assert documented[name][:3] == [str(code.status), code.wire_type, code.meaning]
    for close in CLOSES.values():
        assert documented[str(close.code)] == [close.name, "yes" if close.reconnect else "no", close.meaning]


def test_every_limit_has_its_default_its_unit_and_a_reason() -> None:
    documented = rows(limits_document())
    fields = {field.name: field for field in msgspec.structs.fields(Limits)}
    assert set(documented) == set(fields) | {"limit"}
    for name, field in fields.items():
        default, unit, reason = documented[name]
        if name != "enforced":
            assert float(default.replace(",", "")) == field.default
        assert unit, name
        assert len(reason.split()) > 3, name
    assert set(REASONS) | set(UNITS) <= set(fields), "a limit that is gone"
