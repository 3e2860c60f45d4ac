"""Each fuzzing target, for a few seconds: `make fuzz`, or RELTO_FUZZ_SECONDS=3600 overnight.

A crash leaves its input under `build/fuzz/NAME`; run it again with
`python -m tests.fuzz.targets NAME build/fuzz/NAME/crash-…`, and keep it as a vector.
"""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECONDS = int(os.environ.get("RELTO_FUZZ_SECONDS", "4"))

pytestmark = [pytest.mark.fuzz, pytest.mark.timeout(SECONDS + 120)]


def names() -> list[str]:
    """Read the targets' names without the engine, which is not installed everywhere."""
    tree = ast.parse((Path(__file__).parent / "targets.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == "TARGETS":
            assert isinstance(node.value, ast.Dict)
            return [key.value for key in node.value.keys if isinstance(key, ast.Constant)]
    raise AssertionError("no targets")


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sound messages, one in a file, for the engine to begin from."""
    from tests.property.test_decoders import SEEDS

    folder = tmp_path_factory.mktemp("corpus")
    for place, seed in enumerate(SEEDS):
        (folder / f"{place:03}").write_bytes(seed)
    return folder


@pytest.mark.parametrize("name", names())
def test_the_decoder_withstands_the_engine(name: str, corpus: Path) -> None:
    """FL-42: bounded time, bounded memory, no error but a refusal."""
    pytest.importorskip("atheris")
    found = ROOT / "build" / "fuzz" / name
    found.mkdir(parents=True, exist_ok=True)
    env = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.fuzz.targets",
            name,
            f"-max_total_time={SECONDS}",
            "-timeout=5",
            "-rss_limit_mb=1024",
            "-max_len=20000",
            f"-artifact_prefix={found}/",
            str(found),
            str(corpus),
        ],
        env=env,
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=SECONDS + 100,
    )
    assert done.returncode == 0, done.stderr[-3_000:]
