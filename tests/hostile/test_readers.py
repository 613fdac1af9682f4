"""A malformed file ends in the documented error, in one line that names it, and never in a traceback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud_cfn.config import COMMITTED
from fraud_cfn.review import model
from fraud_cfn.review.cli import main as review_main
from fraud_cfn.template import document
from tests.hostile.templates import templates

TEXT = COMMITTED.read_text(encoding="utf-8")
LINES = TEXT.splitlines(keepends=True)
NOISE = st.one_of(
    st.binary(max_size=6),
    st.sampled_from(
        [b"\t", b"&a ", b"*a", b"<<: *a", b"!!python/object:os.system ", b"!Sub", b"]", b": ", b"\xff"]
    ),
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A piece of the committed template with something lost, repeated or put in."""
    start = draw(st.integers(0, len(LINES) - 1))
    piece = "Resources:\n" + "".join(LINES[start : start + draw(st.integers(1, 40))])
    content = piece.encode()
    place, end = sorted(draw(st.tuples(*[st.integers(0, len(content))] * 2)))
    return content[:place] + draw(NOISE) + content[draw(st.sampled_from([place, end])) :]


def refusal(content: bytes) -> list[str]:
    """What both readers say; nothing where they take it."""
    said: list[str] = []
    try:
        model.parse(content, "given.yaml")
    except model.TemplateError as error:
        said.append(str(error))
    try:
        document.parse(content.decode("utf-8", "replace"), "given.yaml")
    except document.DocumentError as error:
        said.append(str(error))
    return said


@given(st.one_of(damaged(), st.binary(max_size=40), st.text(max_size=40).map(str.encode)))
def test_a_template_of_any_bytes_is_read_or_refused_in_one_line(content: bytes) -> None:
    for line in refusal(content):
        assert line.startswith("given.yaml ")
        assert len(line.splitlines()) == 1


@given(templates())
def test_a_template_that_is_read_as_yaml_is_read_as_json_too(template: dict[str, object]) -> None:
    read = model.parse(json.dumps(template)).body
    assert read == template


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"Resources: []",
        b"Resources: {A: }",
        b"{",
        b"&a [*a]",
        b"a: b: c",
        b"Resources: {}\nMetadata: {A: .inf}",
        b'{"Resources": {}, "A": NaN}',
        b"\x00",
    ],
)
def test_the_review_of_such_a_file_ends_with_2_and_says_which(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    given_file = tmp_path / "given.yaml"
    given_file.write_bytes(content)
    assert review_main([str(COMMITTED), str(given_file)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert str(given_file) in said.err
