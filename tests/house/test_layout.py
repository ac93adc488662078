"""The rules of the house that a machine can check: who imports whom, who writes what, how long is too long."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.house.source import PACKAGES, TABLES, committed, functions, modules, writers, written_tables
from tests.support import ROOT

LONGEST_FILE = 400
LONGEST_FUNCTION = 40

#: What was too long when the rule was made, and by how much at most. It may shrink and be taken out, never grow.
TOO_LONG_FILES: dict[str, int] = {}
TOO_LONG_FUNCTIONS: dict[tuple[str, str], int] = {}

#: The one module that writes each table.
WRITER = {
    **dict.fromkeys(("app_user", "user_email", "refresh_token", "client_secret"), "storage/accounts.py"),
    **dict.fromkeys(("category", "persona", "template", "template_version"), "storage/catalogue/store.py"),
    **dict.fromkeys(("practice_session", "turn", "session_event"), "storage/sessions.py"),
    **dict.fromkeys(
        ("finalization", "gate_result", "mood_timeline", "trait_history", "session_summary", "outbox"),
        "storage/finalization.py",
    ),
    **dict.fromkeys(("user_wallet", "wallet_ledger"), "storage/wallet.py"),
    **dict.fromkeys(("persona_memory", "memory_event"), "storage/memory.py"),
    **dict.fromkeys(
        (
            *("user_stats", "category_stats", "persona_stats", "week_stats", "trait_stats", "gate_stats"),
            *("streak_day", "mission_progress", "user_category_progress"),
        ),
        "storage/statistics.py",
    ),
    "idempotency_key": "storage/idempotency.py",
    "reconciliation": "storage/reconciler.py",
}


# --- imports ------------------------------------------------------------------------------------------------------


def test_imports_run_one_way() -> None:
    checked = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout[-4_000:]
    assert "0 broken" in checked.stdout


def test_the_contracts_are_the_promised_ones() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    assert set(settings["root_packages"]) == set(PACKAGES)
    contracts = settings["contracts"]
    assert ["server", "realtime", "storage"] in [one.get("layers") for one in contracts]
    pure = next(one for one in contracts if "realtime.core" in one.get("source_modules", ()))
    assert {"realtime.core", "realtime.scoring", "realtime.memory", "realtime.protocol"} <= set(
        pure["source_modules"]
    )
    assert {"asyncio", "sqlalchemy", "asyncpg", "litestar"} <= set(pure["forbidden_modules"])
    frameless = next(one for one in contracts if one.get("source_modules") == ["realtime", "storage"])
    assert "litestar" in frameless["forbidden_modules"]
    assert not any("ignore_imports" in one for one in contracts)


# --- SQL ----------------------------------------------------------------------------------------------------------


def test_each_table_is_written_in_one_module() -> None:
    assert writers() == {table: {path} for table, path in WRITER.items()}
    assert set(WRITER) == TABLES, "every table has its writer"


def test_sql_is_composed_in_one_place() -> None:
    for path, source in modules().items():
        assert not re.search(r"from sqlalchemy(\.\w+)* import .*\b(insert|update|delete)\b", source), path
        assert "copy_records_to_table" not in source, path
        if not path.startswith("storage/"):
            assert not re.search(r'"""\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b', source), (
                f"{path}: SQL outside storage/"
            )


@pytest.mark.parametrize(
    ("source", "tables"),
    [
        ('run("INSERT INTO turn (a) VALUES (1)")', {"turn"}),
        (
            'run(f"""WITH x AS (DELETE FROM\\n outbox WHERE {a})\\n UPDATE ONLY user_stats SET b = 1""")',
            {"outbox", "user_stats"},
        ),
        ('run(f"INSERT INTO {table} (a) VALUES (1)", "week_stats", {"turn": 1})', {"week_stats"}),
        ('"""UPDATE turn: a docstring."""', set()),
        ('run("SELECT 1 FROM turn FOR UPDATE")\nrun("SELECT 1 FROM turn FOR NO KEY UPDATE OF turn")', set()),
        ('run("INSERT INTO turn (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 2")', {"turn"}),
        ('log("UPDATE nothing here")', set()),
    ],
)
def test_the_search_for_writes_finds_them(source: str, tables: set[str]) -> None:
    assert written_tables(source) == tables


# --- length -------------------------------------------------------------------------------------------------------


def test_files_can_be_read_in_one_sitting() -> None:
    lengths = {path: len(source.splitlines()) for path, source in modules().items()}
    over = {path: lines for path, lines in lengths.items() if lines > LONGEST_FILE}
    assert {path: lines for path, lines in over.items() if lines > TOO_LONG_FILES.get(path, 0)} == {}
    assert set(TOO_LONG_FILES) <= set(over), "short enough now: take it out of the list"


def test_functions_do_one_thing() -> None:
    over = {
        (path, name): lines
        for path, source in modules().items()
        for name, lines in functions(source)
        if lines > LONGEST_FUNCTION
    }
    assert {key: lines for key, lines in over.items() if lines > TOO_LONG_FUNCTIONS.get(key, 0)} == {}
    assert set(TOO_LONG_FUNCTIONS) <= set(over), "short enough now: take it out of the list"


# --- what is committed --------------------------------------------------------------------------------------------

#: Paths of one machine, and addresses of package registries: neither means anything elsewhere.
FOREIGN = re.compile(
    r"(?<![\w.~-])/(?:root|work|mnt|workspace)/[\w.-]+"
    r"|(?:extra-)?index-url|files\.pythonhosted\.org|pypi\.org/simple|registry\.npmjs\.org"
)
SELF = Path(__file__).resolve()


def test_no_file_knows_this_machine() -> None:
    found = []
    for path in committed():
        if path.resolve() == SELF:
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if FOREIGN.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}")
    assert found == []


def test_nothing_generated_is_committed() -> None:
    generated = re.compile(
        r"(^|/)(\.schemathesis|\.hypothesis|\.data|__pycache__|[\w.]*_cache|build|dist)/|\.egg-info/|\.pyc$"
    )
    names = [path.relative_to(ROOT).as_posix() for path in committed()]
    assert [name for name in names if generated.search(name)] == []


def test_nothing_is_left_to_do_in_the_source() -> None:
    for path, source in modules().items():
        for number, line in enumerate(source.splitlines(), 1):
            assert not re.search(r"\b(TODO|FIXME|XXX|HACK)\b", line), f"{path}:{number}"
            assert "breakpoint()" not in line, f"{path}:{number}"
