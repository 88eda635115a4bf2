"""Reading rows that other people wrote, however badly, and writing our own files whole."""

from __future__ import annotations

import codecs
import datetime
import decimal
import errno
import gzip
import io
import json
import os
import random
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from tunesmith import files
from tunesmith.errors import DataError, ResourceError, RowError, UsageError
from tunesmith.files import (
    Row,
    read_json,
    read_jsonl,
    read_rows,
    refuse_overwriting,
    write_json,
    write_jsonl,
    write_text,
)

ROWS = [{"instruction": f"Say {k} in Grüße", "output": str(k)} for k in range(5)]
LINES = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)
CSV = "instruction,output\n" + "".join(f"{row['instruction']},{row['output']}\n" for row in ROWS)


def put(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def good(path: Path) -> list[dict]:
    return [row.value for row in read_rows(path) if isinstance(row, Row)]


def bad(path: Path) -> list[tuple[str, str]]:
    return [(row.reason, row.source) for row in read_rows(path) if isinstance(row, RowError)]


def parquet_bytes(rows=ROWS, **options) -> bytes:
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), buffer, **options)
    return buffer.getvalue()


KINDS = {
    "x.jsonl": LINES.encode(),
    "x.json": json.dumps(ROWS).encode(),
    "lines.json": LINES.encode(),
    "wrapped.json": json.dumps({"version": 1, "data": ROWS}, indent=2).encode(),
    "x.csv": CSV.encode(),
    "semicolon.csv": CSV.replace(",", ";").encode(),
    "x.tsv": CSV.replace(",", "\t").encode(),
    "snappy.parquet": parquet_bytes(compression="snappy"),
    "zstd.parquet": parquet_bytes(compression="zstd"),
}


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gz"])
def test_every_kind_of_file_gives_the_same_rows(tmp_path, name, zipped):
    content = gzip.compress(KINDS[name]) if zipped else KINDS[name]
    path = put(tmp_path, name + (".gz" if zipped else ""), content)
    assert good(path) == ROWS
    assert bad(path) == []


@pytest.mark.parametrize("name", ["x.jsonl", "x.json", "x.csv", "x.tsv"])
@pytest.mark.parametrize(
    "encode",
    [
        lambda text: codecs.BOM_UTF8 + text.encode(),
        lambda text: text.encode("utf-16"),
        lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
        lambda text: text.encode("utf-16-le"),
        lambda text: text.encode("utf-16-be"),
        lambda text: text.encode("utf-32"),
        lambda text: text.replace("\n", "\r\n").encode(),
    ],
    ids=["bom", "utf16", "utf16be-bom", "utf16le-no-bom", "utf16be-no-bom", "utf32", "crlf"],
)
def test_byte_order_marks_utf16_and_windows_line_ends_change_nothing(tmp_path, name, encode):
    path = put(tmp_path, name, encode(KINDS[name].decode()))
    assert good(path) == ROWS
    assert bad(path) == []


def test_rows_know_their_line_and_blank_lines_are_no_rows(tmp_path):
    path = put(tmp_path, "x.jsonl", '{"a": 1}\n\n  \n{"a": 2}')
    assert [row.source for row in read_rows(path)] == [f"{path}:1", f"{path}:4"]
    table = put(tmp_path, "x.csv", 'a,b\n1,"two\nlines"\n3,4\n')
    assert [(row.line, row.value) for row in read_rows(table)] == [
        (2, {"a": "1", "b": "two\nlines"}),
        (4, {"a": "3", "b": "4"}),
    ]


BAD_LINES = {
    "broken_json": [
        b'{"a": 1',
        b"not json",
        b"{'a': 1}",
        b'{"a": 1} {"a": 2}',
        b'{"a": "\t"}',
        b"{a: 1}",
        b'{"a": 1,}',
    ],
    "not_an_object": [b"42", b'"text"', b"null", b"true", b"[1, 2]", b"3.5"],
    "nul_byte": [b'{"a": "\x00"}', b"\x00\x00\x00\x00\x00"],
    "not_utf8": [b'{"a": "caf\xe9"}', b'{"a\xff": 1}', b'{"a": "\xed\xa0\x80"}', b"\xff\xfe\xfd"],
    "duplicate_key": [b'{"a": 1, "a": 2}', b'{"a": {"b": 1, "b": 1}}', b'{"a": [{"b": 1, "b": 2}]}'],
    "not_a_number": [
        b'{"a": NaN}',
        b'{"a": [Infinity]}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": ' + b"9" * 5000 + b"}",
    ],
    "nested_too_deep": [
        b'{"a": ' + b"[" * 100_000,
        b'{"a": ' + b"[" * 200 + b"]" * 200 + b"}",
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
    ],
    "lone_surrogate": [b'{"a": "\\ud800"}', b'{"\\udc00": 1}', b'{"a": ["\\ud83d x"]}'],
}


@pytest.mark.parametrize(("reason", "line"), [(reason, line) for reason, lines in BAD_LINES.items() for line in lines])
def test_a_bad_line_in_the_middle_costs_only_itself_and_is_named_by_path_and_line(tmp_path, reason, line):
    path = put(tmp_path, "x.jsonl", b'{"a": 1}\n' + line + b'\n{"a": 3}\n')
    assert bad(path) == [(reason, f"{path}:2")]
    assert good(path) == [{"a": 1}, {"a": 3}]


NEAR_MISSES = [
    (b'{"a": "\\u0000"}', {"a": "\0"}),
    (b'{"a": "\\ud83d\\ude00"}', {"a": "\U0001f600"}),
    (b'{"a": "NaN"}', {"a": "NaN"}),
    (b'{"a": {"b": 1}, "b": 2}', {"a": {"b": 1}, "b": 2}),
    (b'{"a": ' + b"[" * 90 + b"]" * 90 + b"}", None),
    ('{"a": "line\u2028separator\x85"}'.encode(), {"a": "line\u2028separator\x85"}),
    (b'{"a": ""}', {"a": ""}),
    (b"{}", {}),
]


@pytest.mark.parametrize(("line", "value"), NEAR_MISSES)
def test_what_only_looks_bad_is_read(tmp_path, line, value):
    path = put(tmp_path, "x.jsonl", line + b"\n")
    assert bad(path) == []
    assert value is None or good(path) == [value]


def test_a_detail_says_what_is_wrong_without_the_text_of_the_row(tmp_path):
    path = put(tmp_path, "x.jsonl", b'{"secret": "my text" "x"}\n{"secret": NaN}\n')
    details = [str(row) for row in read_rows(path)]
    assert details == [
        f"{path}:1: not valid JSON (expecting ',' delimiter, column 22).",
        f"{path}:2: NaN is not JSON. Write null for a missing value.",
    ]


def test_a_line_over_the_limit_is_dropped_without_holding_it(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_LINE_BYTES", 3 * 2**20)
    path = put(tmp_path, "x.jsonl", b'{"a": 1}\n{"a": "' + b"x" * (10 * 2**20) + b'"}\n{"a": 3}\n')
    assert bad(path) == [("line_too_long", f"{path}:2")]
    assert good(path) == [{"a": 1}, {"a": 3}]


def test_bad_elements_of_an_array_cost_only_themselves(tmp_path):
    elements = ['{"a": 1}', '{"a": NaN}', "7", '{"a": 1, "a": 2}', '{"a": "\\ud800"}', '{"a": 6}']
    path = put(tmp_path, "x.json", "[" + ",\n".join(elements) + "]")
    assert good(path) == [{"a": 1}, {"a": 6}]
    expected = [("not_a_number", 2), ("not_an_object", 3), ("duplicate_key", 4), ("lone_surrogate", 5)]
    assert bad(path) == [(reason, f"{path}:{line}") for reason, line in expected]


def test_one_wrong_byte_in_an_array_costs_one_element(tmp_path):
    path = put(tmp_path, "x.json", b'[{"a": 1}, {"a": "caf\xe9"}, {"a": 3}]')
    assert bad(path) == [("not_utf8", f"{path}:2")]
    assert good(path) == [{"a": 1}, {"a": 3}]


def test_one_object_is_one_row_and_an_object_around_a_list_is_its_rows(tmp_path):
    conversation = {"messages": [{"role": "user", "content": "Hi"}], "data": "x"}
    assert good(put(tmp_path, "one.json", json.dumps(conversation, indent=1))) == [conversation]
    assert good(put(tmp_path, "many.json", json.dumps({"meta": 1, "examples": ROWS}))) == ROWS
    numbers = {"data": [1, 2]}
    assert good(put(tmp_path, "numbers.json", json.dumps(numbers))) == [numbers]


@pytest.mark.parametrize(
    "text", ['[{"a": 1}, {"a": 2', '[{"a": 1} {"a": 2}]', '[{"a": 1}]\n[{"a": 2}]', '{\n "a": 1,\n "b" 2\n}', "\0\0"]
)
def test_a_broken_json_document_is_refused_with_line_and_column_and_the_way_out(tmp_path, text):
    path = put(tmp_path, "x.json", text)
    with pytest.raises(
        DataError, match=r"x\.json: not valid JSON \(.*line \d+ column \d+\)\. Fix it there, or write one row a line"
    ):
        list(read_rows(path))


def test_a_document_nested_too_deep_is_refused(tmp_path):
    path = put(tmp_path, "x.json", "[" * 200_000)
    with pytest.raises(DataError, match="x.json: nested too deep to be read"):
        list(read_rows(path))


def test_a_document_over_the_limit_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_DOCUMENT_BYTES", 2**20)
    path = put(tmp_path, "x.json", json.dumps([{"a": "x" * 2**21}]))
    with pytest.raises(DataError, match="more than 1 MiB in one JSON document. Write one row a line"):
        list(read_rows(path))


CSV_ROWS = {
    "ragged_row": ["1", "1,2,3"],
    "nul_byte": ["1,\0"],
    "broken_csv": ['1,"x"y'],
}


@pytest.mark.parametrize(("reason", "line"), [(reason, line) for reason, lines in CSV_ROWS.items() for line in lines])
def test_a_bad_csv_row_costs_only_itself(tmp_path, reason, line):
    path = put(tmp_path, "x.csv", f"a,b\n1,2\n{line}\n3,4\n")
    assert bad(path) == [(reason, f"{path}:3")]
    assert good(path) == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]


def test_a_quote_that_is_never_closed_tells_which_lines_it_swallowed(tmp_path):
    path = put(tmp_path, "x.csv", 'a,b\n1,2\n3,"open\n5,6\n7,8\n')
    (error,) = [row for row in read_rows(path) if isinstance(row, RowError)]
    assert (
        str(error)
        == f"{path}:3: not valid CSV (unexpected end of data, lines 3 to 5 were taken as one row). Check the quotes."
    )


def test_one_wrong_byte_in_a_csv_costs_one_row(tmp_path):
    path = put(tmp_path, "x.csv", b"a,b\n1,caf\xe9\n3,4\n")
    assert bad(path) == [("not_utf8", f"{path}:2")]
    assert good(path) == [{"a": "3", "b": "4"}]


def test_a_very_long_csv_field_is_read_whole(tmp_path):
    path = put(tmp_path, "x.csv", "a,b\n1," + "x" * 5_000_000 + "\n")
    assert len(good(path)[0]["b"]) == 5_000_000


@pytest.mark.parametrize("content", ["a,b\n", "a,b", ""])
def test_a_csv_with_only_a_header_or_nothing_has_no_rows(tmp_path, content):
    assert list(read_rows(put(tmp_path, "x.csv", content))) == []


def test_a_column_named_twice_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"x\.csv:1: the column `a` appears twice"):
        list(read_rows(put(tmp_path, "x.csv", "a,b,a\n1,2,3\n")))


@pytest.mark.parametrize("header", [b"a,caf\xe9\n1,2\n", b'a,"b"c\n1,2\n'])
def test_a_broken_csv_header_is_refused(tmp_path, header):
    with pytest.raises(DataError, match=r"x\.csv:1: the header is not valid"):
        list(read_rows(put(tmp_path, "x.csv", header)))


def test_parquet_values_become_json_values(tmp_path):
    rows = [
        {
            "text": "é",
            "when": datetime.datetime(2024, 1, 2, 3, 4),
            "price": decimal.Decimal("1.50"),
            "missing": float("nan"),
            "raw": b"\xff\x00",
            "nested": [{"role": "user", "content": "Hi"}],
            "none": None,
        }
    ]
    (row,) = good(put(tmp_path, "x.parquet", parquet_bytes(rows)))
    assert row == {
        "text": "é",
        "when": "2024-01-02T03:04:00",
        "price": "1.50",
        "missing": None,
        "raw": "/wA=",
        "nested": [{"role": "user", "content": "Hi"}],
        "none": None,
    }
    json.dumps(row)


@pytest.mark.parametrize(
    "content",
    [b"", b"PAR1", b"garbage" * 100, parquet_bytes()[:-20], parquet_bytes()[: len(parquet_bytes()) // 2]],
    ids=["empty", "magic", "garbage", "cut", "half"],
)
def test_a_parquet_file_that_is_none_is_refused_in_one_line(tmp_path, content):
    path = put(tmp_path, "x.parquet", content)
    with pytest.raises(
        DataError, match=r"x\.parquet: not a readable Parquet file|x\.parquet: cannot be read"
    ) as raised:
        list(read_rows(path))
    assert "\n" not in str(raised.value)


def test_a_gzip_file_cut_short_is_refused(tmp_path):
    noise = "".join(json.dumps({"a": random.Random(k).random()}) + "\n" for k in range(5000))
    path = put(tmp_path, "x.jsonl.gz", gzip.compress(noise.encode())[:-500])
    with pytest.raises(
        DataError, match=r"x\.jsonl\.gz: the compressed file ends too early. Download or compress it again"
    ):
        list(read_rows(path))


@pytest.mark.parametrize(
    "content", [b"no gzip", gzip.compress(LINES.encode())[:10] + b"\xff" * 50], ids=["plain", "damaged"]
)
def test_a_gz_file_that_is_not_gzip_is_refused(tmp_path, content):
    with pytest.raises(DataError, match=r"x\.jsonl\.gz: damaged or not gzip"):
        list(read_rows(put(tmp_path, "x.jsonl.gz", content)))


@pytest.mark.parametrize("name", ["x.jsonl.gz", "x.json.gz", "x.csv.gz", "x.parquet.gz"])
def test_a_gzip_bomb_is_stopped(tmp_path, monkeypatch, name):
    monkeypatch.setattr(files, "GUARD_BYTES", 8 * 2**20)
    path = put(tmp_path, name, gzip.compress(b" " * (64 * 2**20)))
    with pytest.raises(DataError, match="unpacks to more than 200 times its size"):
        list(read_rows(path))


def test_a_parquet_bomb_is_stopped_before_it_is_unpacked_and_a_repetitive_column_is_none(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "GUARD_BYTES", 8 * 2**20)
    bomb, repetitive = tmp_path / "bomb.parquet", tmp_path / "repetitive.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"text": ["x" * (16 * 2**20)]}), bomb, compression="zstd")
    pyarrow.parquet.write_table(pyarrow.table({"text": ["x" * 10_000] * 2_000}), repetitive, compression="zstd")
    with pytest.raises(DataError, match=r"bomb\.parquet: unpacks to more than 200 times its size"):
        list(read_rows(bomb))
    assert len(list(read_rows(repetitive))) == 2_000


def test_a_parquet_file_whose_column_names_are_damaged_is_refused(tmp_path):
    path = tmp_path / "x.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"instruction": ["a"], "output": ["b"]}), path)
    path.write_bytes(path.read_bytes().replace(b"instruction", b"instr\xabction"))
    with pytest.raises(DataError, match=r"x\.parquet: not a readable Parquet file"):
        list(read_rows(path))


def test_an_empty_gz_file_is_an_empty_file(tmp_path):
    assert list(read_rows(put(tmp_path, "x.jsonl.gz", b""))) == []


def test_a_missing_file_is_told_with_the_nearest_name_in_its_folder(tmp_path):
    put(tmp_path, "dolly_5k.jsonl", LINES)
    with pytest.raises(DataError, match=r"doly_5k\.jsonl: no such file or folder. Did you mean `dolly_5k.jsonl`\?"):
        list(read_rows(tmp_path / "doly_5k.jsonl"))


def test_a_missing_folder_is_told_with_the_nearest_name_where_the_path_breaks_off(tmp_path):
    (tmp_path / "instructions").mkdir()
    with pytest.raises(DataError, match=r"Did you mean `instructions`\?"):
        list(read_rows(tmp_path / "instruction" / "x.jsonl"))


def test_a_folder_where_a_file_is_expected_is_refused(tmp_path):
    for folder in (tmp_path / "folder", tmp_path / "folder.jsonl"):
        folder.mkdir()
        with pytest.raises(DataError, match="is a folder where a file is expected. Name one file in it."):
            list(read_rows(folder))


def test_an_unknown_kind_of_file_is_refused_with_the_known_ones(tmp_path):
    with pytest.raises(DataError, match=r"x\.xlsx: unknown file type. Use one of .jsonl .json .csv .tsv .parquet"):
        list(read_rows(put(tmp_path, "x.xlsx", b"PK")))


def test_a_file_without_permission_is_refused(tmp_path, monkeypatch):
    path = put(tmp_path, "x.jsonl", LINES)

    def denied(*args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("builtins.open", denied)  # root may read everything, so the mode alone proves nothing here
    with pytest.raises(DataError, match=r"x\.jsonl: no permission to read it. Change its mode or owner"):
        list(read_rows(path))


def test_a_pipe_or_device_is_refused_and_not_waited_for(tmp_path):
    link = tmp_path / "zero.jsonl"
    link.symlink_to("/dev/zero")
    with pytest.raises(DataError, match="is not a regular file"):
        list(read_rows(link))


def test_rows_are_read_as_a_stream(tmp_path):
    path = put(tmp_path, "x.jsonl", LINES + '{"broken\n')
    rows = read_rows(path)
    assert next(rows).value == ROWS[0]
    rows.close()


# ── our own files ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["x.jsonl", "x.jsonl.gz"])
def test_rows_written_are_the_rows_read(tmp_path, name):
    rows = [*ROWS, {"surrogate": "\ud800", "line": "a\u2028b\nc", "nested": [1, {"x": None}]}]
    assert write_jsonl(tmp_path / "new" / name, iter(rows)) == 6
    assert read_jsonl(tmp_path / "new" / name) == rows


def test_equal_rows_give_equal_bytes_also_gzipped(tmp_path):
    for name in ("a.jsonl.gz", "b.jsonl.gz"):
        write_jsonl(tmp_path / name, ROWS)
    assert (tmp_path / "a.jsonl.gz").read_bytes() == (tmp_path / "b.jsonl.gz").read_bytes()


def test_json_is_readable_utf8_with_a_last_newline_and_null_for_an_undefined_number(tmp_path):
    write_json(
        tmp_path / "x.json", {"loss": float("nan"), "high": float("inf"), "word": "Grüße", "list": (1, float("nan"))}
    )
    text = (tmp_path / "x.json").read_text("utf-8")
    assert text.endswith("}\n") and "Grüße" in text
    assert read_json(tmp_path / "x.json") == {"loss": None, "high": None, "word": "Grüße", "list": [1, None]}


def test_a_lone_surrogate_does_not_stop_a_write(tmp_path):
    write_json(tmp_path / "x.json", {"a": "\ud800é"})
    assert read_json(tmp_path / "x.json") == {"a": "\ud800é"}
    write_text(tmp_path / "x.txt", "é\ud800")
    assert (tmp_path / "x.txt").read_text("utf-8") == "é\\ud800"


def test_a_write_that_fails_in_the_middle_leaves_the_old_file_and_nothing_else(tmp_path):
    write_jsonl(tmp_path / "x.jsonl", ROWS)

    def rows():
        yield {"a": 1}
        raise KeyError("stop")

    with pytest.raises(KeyError):
        write_jsonl(tmp_path / "x.jsonl", rows())
    assert read_jsonl(tmp_path / "x.jsonl") == ROWS
    assert os.listdir(tmp_path) == ["x.jsonl"]


def test_our_own_damaged_file_is_told_by_path_and_line(tmp_path):
    path = put(tmp_path, "x.jsonl", '{"a": 1}\n\n{"a": ')
    with pytest.raises(DataError, match=r"x\.jsonl:3: not valid JSON\. Was the file cut short or edited"):
        read_jsonl(path)
    with pytest.raises(DataError, match=r"y\.jsonl:1: a row must be an object, got a list"):
        read_jsonl(put(tmp_path, "y.jsonl", "[1]\n"))
    with pytest.raises(DataError, match=r"x\.json: not valid JSON"):
        read_json(put(tmp_path, "x.json", "{"))
    with pytest.raises(DataError, match="no such file"):
        read_json(tmp_path / "none.json")


FAILURES = [
    (errno.ENOSPC, "the disk is full. Make room, or choose another path"),
    (errno.EDQUOT, "the disk quota is used up"),
    (errno.EACCES, "no permission. Change its owner or mode, or choose another path"),
    (errno.EROFS, "the file system is read-only. Choose another path"),
    (errno.EFBIG, "larger than the system allows a file to be"),
    (errno.EIO, "the disk fails"),
]


@pytest.mark.parametrize(("number", "message"), FAILURES)
def test_what_keeps_a_file_from_being_written_is_a_resource_error_in_one_line(tmp_path, monkeypatch, number, message):
    def fail(handle):
        raise OSError(number, os.strerror(number))

    write_text(tmp_path / "x.json", "old")
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(ResourceError, match=message) as raised:
        write_json(tmp_path / "x.json", {"a": 1})
    assert str(tmp_path / "x.json") in str(raised.value) and raised.value.exit_code == 5
    assert os.listdir(tmp_path) == ["x.json"]
    assert (tmp_path / "x.json").read_text() == "old"


def test_a_folder_or_a_file_in_the_way_is_a_resource_error(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(ResourceError, match="folder: a folder, where a file is to be. Choose another path"):
        write_text(tmp_path / "folder", "x")
    put(tmp_path, "file", "x")
    with pytest.raises(ResourceError, match="a part of the path is a file"):
        write_text(tmp_path / "file" / "x.json", "x")
    with pytest.raises(ResourceError, match="the name is too long"):
        write_text(tmp_path / ("x" * 300), "x")


def test_a_real_file_size_limit_is_told_and_leaves_the_old_file(tmp_path):
    code = (
        "import sys; sys.path.insert(0, sys.argv[2])\n"
        "from tunesmith.files import write_text\nfrom tunesmith.errors import ResourceError\n"
        "try: write_text(sys.argv[1], 'x' * 100_000)\nexcept ResourceError as error: print(error)"
    )
    put(tmp_path, "x.txt", "old")

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    command = [sys.executable, "-B", "-c", code, str(tmp_path / "x.txt"), str(Path(files.__file__).parents[1])]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=limit)
    assert "x.txt: larger than the system allows a file to be (ulimit -f)" in done.stdout
    assert (tmp_path / "x.txt").read_text() == "old" and os.listdir(tmp_path) == ["x.txt"]


def test_an_output_that_is_an_input_is_refused_under_any_name(tmp_path, monkeypatch):
    source = put(tmp_path, "x.jsonl", LINES)
    (tmp_path / "link.jsonl").symlink_to(source)
    os.link(source, tmp_path / "hard.jsonl")
    monkeypatch.chdir(tmp_path)
    for output in (
        source,
        "x.jsonl",
        "./x.jsonl",
        tmp_path / "link.jsonl",
        "hard.jsonl",
        [tmp_path / "new.jsonl", source],
    ):
        with pytest.raises(UsageError, match="would overwrite it. Choose another output"):
            refuse_overwriting([source], output)
    refuse_overwriting([source], tmp_path / "new.jsonl")
    refuse_overwriting([source, tmp_path / "gone.jsonl"], [tmp_path / "a.jsonl", tmp_path / "b.jsonl"])


def test_an_output_that_does_not_exist_yet_is_compared_by_its_path(tmp_path):
    with pytest.raises(UsageError):
        refuse_overwriting([tmp_path / "x.jsonl"], tmp_path / "sub" / ".." / "x.jsonl")


# ── anything at all ───────────────────────────────────────────────────────────────────────────────

PIECES = [
    b'{"instruction": "a", "output": "b"}',
    b"[",
    b"]",
    b"{",
    b"}",
    b",",
    b":",
    b'"',
    b"\n",
    b"\r\n",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"NaN",
    b"1e999",
    b"null",
    b'"\\ud800"',
    b"\t",
    b";",
    b'{"messages": [',
    b"\xe2\x80\xa8",
    b" ",
    b"12",
    b"a,b",
    b"PAR1",
    b"\x1f\x8b\x08",
]


@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".csv", ".tsv", ".parquet", ".jsonl.gz", ".csv.gz"])
def test_no_garbage_ever_ends_in_anything_but_rows_and_our_own_errors(tmp_path, suffix):
    rng = random.Random(7)
    path = tmp_path / f"x{suffix}"
    for _ in range(300):
        content = b"".join(rng.choices(PIECES, k=rng.randrange(30)))
        zip_it = suffix.endswith(".gz") and rng.random() < 0.8
        path.write_bytes(gzip.compress(content) if zip_it else content)
        try:
            rows = list(read_rows(path))
        except DataError as error:
            assert str(path) in str(error) and "\n" not in str(error)
            continue
        for row in rows:
            assert isinstance(row, (Row, RowError)) and row.source.startswith(f"{path}:")
            if isinstance(row, Row):
                json.dumps(row.value, ensure_ascii=False, allow_nan=False).encode()


@pytest.mark.parametrize(("content", "count"), [(b"", 0), (b"a", 1), (b"a\n", 1), (b"a\nb", 2), (b"\n\n", 2)])
def test_lines_are_counted_with_or_without_a_last_line_feed(tmp_path, content, count):
    (tmp_path / "x").write_bytes(content)
    assert files.count_lines(tmp_path / "x") == count
    with pytest.raises(DataError, match="no such file"):
        files.count_lines(tmp_path / "y")
