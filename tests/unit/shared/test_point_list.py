"""Point lists of PLC people: what is read of them, what is refused, and that the map of them passes the map check."""

from __future__ import annotations

import argparse
import io
import random
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from genba_edge.app.import_tags import add_import_tags_arguments, run_import_tags
from genba_shared.device_map import load_device_map
from genba_shared.errors import UsageError
from genba_shared.point_list import Imported, ImportSettings, PointListError, Protocol, import_point_list

KEPSERVER = (
    "Tag Name,Address,Data Type,Respect Data Type,Client Access,Scaling,Raw Low,Raw High,Scaled Low,Scaled High,"
    """Eng Units,Description
"Line1.GoodCount",400101,DWord,1,R/W,,,,,,pcs,"Good pieces"
"Line1.Temp",300001,Short,1,RO,Linear,0,1000,0,100,°C,Oven
"Line1.Run",400120.03,Boolean,1,R/W,,,,,,,
"Line1.Order",400200.20H,String,1,R/W,None,,,,,,
"Line1.Values",400300 [10],Word,1,R/W,,,,,,,
"Line1.Offset",400301,Word,1,R/W,Linear,0,100,20,120,,
"""
)
CHINESE = """\
点位表
变量名,寄存器地址,功能码,数据类型,系数,单位,备注
产量,0x0064,03,32位无符号整数,1,件,良品产量
温度,102,4,int16,0.1,℃,
运行,5,1,布尔,,,电机运行
状态,40120.3,3,bool,,,
速度,D100,3,浮点,,rpm,
"""
JAPANESE = """\
タグ名;アドレス;データ型;コメント
生産数;40101;ダブルワード;生産カウンタ
良品数;4x103;符号付き32bit;
温度;30001;実数;"炉 ""A"" の温度"
"""


def imported(path: Path, content: str | bytes, **settings: Any) -> Imported:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return import_point_list(path, ImportSettings(**settings))


def points_of(text: str) -> dict[str, Any]:
    """Name → settings of the first device, as YAML reads them."""
    points: dict[str, Any] = yaml.safe_load(text)["devices"][0]["points"]
    return points


def workbook(*sheets: tuple[str, list[list[Any]]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for title, rows in sheets:
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def test_an_export_of_kepserver_becomes_a_modbus_device(tmp_path: Path) -> None:
    result = imported(tmp_path / "tags.csv", KEPSERVER)
    assert points_of(result.text) == {
        "Line1_GoodCount": {"at": 40101, "type": "uint32", "unit": "pcs", "label": "Line1.GoodCount"},
        "Line1_Temp": {"at": 30001, "type": "int16", "scale": 0.1, "unit": "°C", "label": "Line1.Temp"},
        "Line1_Run": {"at": 40120, "bit": 3, "label": "Line1.Run"},
        "Line1_Order": {"at": 40200, "type": "string", "length": 20, "label": "Line1.Order"},
        "Line1_Offset": {"at": 40301, "type": "uint16", "offset": 20, "label": "Line1.Offset"},
    }
    assert [str(problem) for problem in result.problems] == [
        "row 6 column B (Address): '400300 [10]' is many values. Give each value that you need a row of its own.",
    ]
    assert result.unused_headings == ("Respect Data Type", "Client Access")


def test_a_tag_table_of_tia_portal_becomes_an_opcua_device(tmp_path: Path) -> None:
    rows = [
        ["Name", "Path", "Data Type", "Logical Address", "Comment"],
        ["PartCount", "tags", "DInt", "%DB10.DBD4", "良品计数"],
        ["Motor.Run", "tags", "Bool", "%I0.0", ""],
        ['"Data"."Order"', "tags", "String[20]", "%DB11.DBX0.0", ""],
        ["Data.Line[1].Count", "tags", "UInt", "%DB11.DBW40", ""],
        ["Both", "tags", "Struct", "%DB1.DBX0.0", ""],
    ]
    result = imported(tmp_path / "tags.xlsx", workbook(("PLC Tags", rows)), host="10.1.2.10")
    namespace = "nsu=http://www.siemens.com/simatic-s7-opcua"
    assert points_of(result.text) == {
        "PartCount": {"node": f'{namespace};s="DB10"."PartCount"', "type": "int32", "label": "良品计数"},
        "Motor_Run": {"node": f'{namespace};s="Motor.Run"', "type": "bool", "label": "Motor.Run"},
        "Data_Order": {"node": f'{namespace};s="Data"."Order"', "type": "string", "label": '"Data"."Order"'},
        "Data_Line_1_Count": {
            "node": f'{namespace};s="Data"."Line"[1]."Count"',
            "type": "uint16",
            "label": "Data.Line[1].Count",
        },
    }
    assert "write the name of DB10 here, if it has one" in result.text
    assert "url: opc.tcp://10.1.2.10:4840\n" in result.text
    assert [problem.row for problem in result.problems] == [6]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "utf-16"])
def test_a_chinese_list_is_read_in_its_encoding(tmp_path: Path, encoding: str) -> None:
    result = imported(tmp_path / "list.csv", CHINESE.encode(encoding))
    assert points_of(result.text) == {
        "holding-100": {"at": {"holding": 100}, "type": "uint32", "unit": "件", "label": "产量"},
        "input-102": {"at": {"input": 102}, "type": "int16", "scale": 0.1, "unit": "℃", "label": "温度"},
        "coil-5": {"at": {"coil": 5}, "label": "运行"},
        "at-40120-3": {"at": 40120, "bit": 3, "label": "状态"},
    }
    (problem,) = result.problems
    assert str(problem) == (
        "row 7 column B (寄存器地址): 'D100' is the PLC's own name of a register. "
        "Look up its Modbus address in the PLC's manual, and write it like 40101."
    )


@pytest.mark.parametrize("encoding", ["utf-8", "shift_jis"])
@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_a_japanese_list_is_read_in_its_encoding_and_with_its_delimiter(
    tmp_path: Path, encoding: str, delimiter: str
) -> None:
    result = imported(tmp_path / "list.csv", JAPANESE.replace(";", delimiter).encode(encoding))
    assert points_of(result.text) == {
        "at-40101": {"at": 40101, "type": "uint32", "label": "生産数"},
        "at-40103": {"at": 40103, "type": "int32", "label": "良品数"},
        "at-30001": {"at": 30001, "type": "float32", "label": "温度"},
    }
    assert '# 炉 "A" の温度' in result.text


def test_every_sheet_with_a_list_becomes_a_device(tmp_path: Path) -> None:
    content = workbook(
        ("Cover", [["Points of the plant"], ["2026-01-05"]]),
        ("Press", [["List"], [], ["Tag", "Address (hex)", "FC", "Type"], ["speed", "64", 3, "UINT"]]),
        ("Cutter", [["Tag", "Node Id", "Type"], ["parts", "nsu=urn:plc;s=Parts", "UDINT"]]),
    )
    result = imported(tmp_path / "plant.xlsx", content, device="line1")
    device_map = load_device_map(Path("plant.yaml"), text=result.text)
    assert {device.id: device.label for device in device_map.devices.values()} == {
        "line1": "Press",
        "line1-2": "Cutter",
    }
    assert points_of(result.text) == {"speed": {"at": {"holding": 100}, "type": "uint16"}}
    assert result.sheets_without_list == ("Cover",)


def test_formulas_and_numbers_that_lost_their_form_are_refused_and_never_worked_out(tmp_path: Path) -> None:
    rows = [
        ["Tag", "Address", "Type", "Scale", "Comment"],
        ["a", "=40000+101", "Int", 1, ""],
        ["b", 40102, "Int", "=1/10", ""],
        ["c", 40103.1, "Bool", None, ""],
        ["d", 40104.2, "Bool", None, "=A1"],
    ]
    result = imported(tmp_path / "list.xlsx", workbook(("S", rows)))
    assert points_of(result.text) == {"d": {"at": 40104, "bit": 2}}
    assert [(problem.row, problem.letter, problem.message) for problem in result.problems] == [
        (2, "B", "a formula stands here (=40000+101)."),
        (3, "D", "a formula stands here (=1/10)."),
        (4, "B", "40103.1 is a number to the spreadsheet, so that bit 1 and bit 10 look alike."),
    ]
    assert str(result.problems[1]) == (
        "sheet 'S' row 3 column D (Scale): a formula stands here (=1/10). Paste its value: formulas are not worked out."
    )


@pytest.mark.parametrize(
    ("address", "function", "kind", "expected"),
    [
        ("40101", "", "Int", "40101"),
        ("400101", "3", "Int", "40101"),
        ("00017", "", "Bool", "00017"),
        ("10005", "2", "", "10005"),
        ("465536", "", "Word", "465536"),
        ("4x101", "", "Int", "40101"),
        ("3X0101", "", "Int", "30101"),
        ("0x-17", "", "Bool", "00017"),
        ("0x0064", "FC03", "Int", "{holding: 100}"),
        ("64h", "4", "Int", "{input: 100}"),
        ("100", "0x03", "Int", "{holding: 100}"),
        ("100", "Read Holding Registers (3)", "Int", "{holding: 100}"),
        ("40120.10", "", "Bool", "40120, bit: 10"),
        ("40120:3", "", "Bool", "40120, bit: 3"),
        ("10001", "3", "Int", "{holding: 10001}"),
    ],
)
def test_addresses_are_read_as_people_write_them(
    tmp_path: Path, address: str, function: str, kind: str, expected: str
) -> None:
    result = imported(tmp_path / "list.csv", f"Name,Address,FC,Type\np,{address},{function},{kind}\n")
    assert f"p: {{at: {expected}" in result.text


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("p,100,,Int", "'100' does not say its table."),
        ("p,40101,4,Int", "40101 is an address of holding, and the row says input."),
        ("p,70000,3,Int", "'70000' is not an address of holding."),
        ("p,100,9,Int", "'9' is not a function code that reads."),
        ("p,40120.16,,Bool", "bit 16 is out of range"),
        ("p,40120,,Bool", "a Bool in a register needs its bit."),
        ("p,40120.3,,Int", "bit 3 is one bit, and the type is int16."),
        ("p,00001,,Int", "a coil is one bit, and the type is int16."),
        ("p,40101,,", "a register needs its type."),
        ("p,40101,,Date", "'Date' is not a type that the map has."),
        ("p,40101,,Array[0..9] of Int", "is many values."),
        ("p,40101,,String", "a string needs its length in characters."),
        ("p,,,Int", "the address is missing."),
        ("p,=A1,,Int", "a formula stands here (=A1)."),
        ("p,465536,,DInt", "the point spans 2 registers and ends at 65536"),
        ("p,40101,,String[400]", "400 is out of range: 1 to 250 is allowed."),
    ],
)
def test_a_row_that_cannot_be_taken_costs_only_itself(tmp_path: Path, row: str, told: str) -> None:
    result = imported(tmp_path / "list.csv", f"Name,Address,FC,Type\n{row}\ngood,40001,3,UInt\n")
    assert list(points_of(result.text)) == ["good"]
    (problem,) = result.problems
    assert (problem.row, told in problem.message) == (2, True)


@pytest.mark.parametrize(
    ("scale", "expected"),
    [("0.1", 0.1), ("1/10", 0.1), ("/100", 0.01), ("x0.5", 0.5), ("0,1", 0.1), ("-2", -2), ("1e-3", 0.001)],
)
def test_scales_are_read_as_people_write_them(tmp_path: Path, scale: str, expected: float) -> None:
    result = imported(tmp_path / "list.csv", f"Name;Address;Type;Scale\np;40101;Int;{scale}\n")
    assert points_of(result.text)["p"]["scale"] == expected


LINEAR = "Name;Address;Type;Scaling;Raw Low;Raw High;Scaled Low;Scaled High\n"


def test_a_linear_scaling_becomes_scale_and_offset(tmp_path: Path) -> None:
    rows = "oven;40101;Int;Linear;0;1000;-40;160\nflow;40102;Int;Linear;819;4095;0;100\n"
    points = points_of(imported(tmp_path / "list.csv", LINEAR + rows).text)
    assert points["oven"] == {"at": 40101, "type": "int16", "scale": 0.2, "offset": -40}
    assert points["flow"] == {"at": 40102, "type": "int16", "scale": 0.0305250305250, "offset": -25}


def test_an_offset_is_refused_where_the_map_has_none(tmp_path: Path) -> None:
    rows = '"good";"nsu=urn:plc;s=Good";UInt;None;;;;\n"oven";"nsu=urn:plc;s=Oven";Int;Linear;0;1000;-40;160\n'
    (problem,) = imported(tmp_path / "list.csv", LINEAR + rows).problems
    assert str(problem) == (
        "row 3 column G (Scaled Low): the scaling has an offset. An OPC UA point has none: leave the scaling out."
    )


def test_an_offset_of_a_text_is_refused(tmp_path: Path) -> None:
    rows = "good;40101;UInt;None;;;;\norder;40102;String[4];Linear;0;10;5;15\n"
    (problem,) = imported(tmp_path / "list.csv", LINEAR + rows).problems
    assert (problem.row, problem.message) == (3, "nothing can be added to a string.")


def test_names_are_made_safe_and_told_apart(tmp_path: Path) -> None:
    rows = "".join(
        f"{name},{40001 + number},Int\n" for number, name in enumerate(["a b", "a.b", "a b", "#012", "no", "x" * 60])
    )
    result = imported(tmp_path / "list.csv", f"Name,Address,Type\n{rows}")
    assert list(points_of(result.text)) == ["a_b", "a_b-2", "a_b-3", "p012", "pno", "x" * 40]
    assert [point["label"] for point in points_of(result.text).values()] == [
        "a b",
        "a.b",
        "a b",
        "#012",
        "no",
        "x" * 60,
    ]


def test_texts_of_the_list_stay_texts(tmp_path: Path) -> None:
    rows = 'p,40101,Int,"a"": {b: c} # d \\ \' *x","!secret y"\nq,40102,Int,"line\nbreak\u2028","off"\n'
    result = imported(tmp_path / "list.csv", f"Name,Address,Type,Comment,Unit\n{rows}")
    points = points_of(result.text)
    assert points["p"] == {"at": 40101, "type": "int16", "unit": "!secret y", "label": "a\": {b: c} # d \\ ' *x"}
    assert points["q"] == {"at": 40102, "type": "int16", "unit": "off", "label": "line break"}


def test_the_base_and_the_table_of_plain_numbers_can_be_said(tmp_path: Path) -> None:
    text = "Name,Address,Type\np,1,Int\nq,0,Int\n"
    result = imported(tmp_path / "list.csv", text, table="input", address_base=1)
    assert points_of(result.text) == {"p": {"at": {"input": 0}, "type": "int16"}}
    assert "'0' is not an address of input" in result.problems[0].message


def test_a_protocol_that_is_said_goes_before_what_the_addresses_look_like(tmp_path: Path) -> None:
    with pytest.raises(PointListError, match="is not an OPC UA node id"):
        imported(tmp_path / "list.csv", "Name,Address,Type\np,40001,Int\n", protocol=Protocol.OPCUA)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"\xd0\xcf\x11\xe0rest", "save it as .xlsx or CSV"),
        (b"<?xml version='1.0'?><a/>", "is XML: export the list"),
        (b"PK\x03\x04broken", "the workbook is damaged"),
        (b"a,b\n1,2\n", "no row of headings among its first 20"),
        (b"Name,Address\n", "list.csv has no rows"),
        (b"Name,Address,Type\np,x,Int\n", "no row of list.csv can be taken:\n  row 2 column B"),
        (b"Name,Address\n" + b"\xff\xff\x81", "name its encoding with --encoding"),
        (b"Name,Address\n" + b"a,b\n" * 20_001, "more than 20,000 rows"),
        (b"Name,Address\n" + b'"' + b"x" * 200_000, "the file is no CSV at line"),
    ],
)
def test_a_file_that_is_no_list_is_told(tmp_path: Path, content: bytes, told: str) -> None:
    with pytest.raises(PointListError) as raised:
        imported(tmp_path / "list.csv", content)
    assert told in str(raised.value)


def test_a_workbook_that_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"\0" * 250_000_000)
    with pytest.raises(PointListError, match="larger than 200,000,000 bytes unpacked"):
        imported(tmp_path / "list.xlsx", content.getvalue())


def test_a_workbook_with_a_missing_part_is_told(tmp_path: Path) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("x", b"")
    with pytest.raises(PointListError, match="the workbook cannot be read"):
        imported(tmp_path / "list.xlsx", content.getvalue())


def test_a_number_too_large_for_the_program_costs_only_its_row(tmp_path: Path) -> None:
    rows = [["Name", "Address", "Data Type"], ["Good", 987654, "Word"], ["Scrap", "400102", "Word"]]
    content = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook(("S", rows)))) as written,
        zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for name in written.namelist():
            archive.writestr(name, written.read(name).replace(b"987654", b"9" * 309))
    result = imported(tmp_path / "list.xlsx", content.getvalue())
    assert points_of(result.text) == {"Scrap": {"at": 40102, "type": "uint16"}}
    assert [problem.row for problem in result.problems] == [2]


def test_damaged_workbooks_raise_nothing_but_point_list_errors(tmp_path: Path) -> None:
    content = workbook(("S", [["Name", "Address", "Type"], *([f"p{n}", 40001 + n, "Int"] for n in range(5))]))
    chance = random.Random(7)
    told = 0
    for _ in range(150):
        damaged = bytearray(content)
        for _ in range(chance.randint(1, 6)):
            damaged[chance.randrange(4, len(damaged))] = chance.randrange(256)
        try:
            imported(tmp_path / "list.xlsx", bytes(damaged))
        except PointListError:
            told += 1
    assert told > 50


def test_a_list_of_two_thousand_points_passes_the_check(tmp_path: Path) -> None:
    rows = "".join(f"p{number},{{}},Int\n".format(400001 + number) for number in range(2000))
    result = imported(tmp_path / "list.csv", f"Name,Address,Type\n{rows}")
    assert result.points == 2000


@settings(max_examples=150, deadline=None)
@given(content=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
@example(content=b"\xff\xfeN")
@example(content=b"Name,Address\r\r\np,\x00\n")
@example(content=b"PK\x03\x04" + bytes(100))
def test_whatever_the_file_holds_nothing_but_point_list_errors_are_raised(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    for head in (b"", b"Name,Address,Type\np,"):
        path.write_bytes(head + content)
        try:
            result = import_point_list(path, ImportSettings())
        except PointListError:
            continue
        assert result.points


def _run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    add_import_tags_arguments(parser)
    return run_import_tags(parser.parse_args(arguments))


def test_the_command_prints_the_map_and_reports_beside_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "list.csv"
    path.write_text("Name,Address,Type,Colour\np,40001,UInt,red\nq,40002,Date,red\n", encoding="utf-8")
    assert _run(str(path), "--device", "press1", "--host", "10.1.2.21") == 0
    out, err = capsys.readouterr()
    device_map = load_device_map(tmp_path / "plant.yaml", text=out)
    assert list(device_map.devices) == ["press1"]
    assert err == (
        f"{path}: 2 rows, 1 taken, 1 skipped\n"
        "  skipped: row 3 column C (Type): 'Date' is not a type that the map has. "
        "Write Bool, Int, UInt, DInt, UDInt, LInt, ULInt, Real, LReal or String[n]; leave other rows out.\n"
        "  columns that are not used: Colour\n"
    )


def test_the_command_refuses_a_wrong_id_and_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="an id has 1 to 40"):
        _run(str(tmp_path / "list.csv"), "--device", "Press 1")
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        _run(str(tmp_path / "list.csv"))
