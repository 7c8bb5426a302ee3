from __future__ import annotations

from userprofile.events.mapped import MappedColumn, text_of, with_fields


def test_fields_by_expression_whatever_their_names(raw_rows):
    expressions = {
        "place": "9th",
        "concat(file_number, '/', place)": "7/9th",
        "date(Date)": "2024-05-06",
        "Date > date '2024-01-01'": "true",
        "`a b`": "x",
        "upper(`a``b`)": "Z",
        "`caf\u00e9`": "y",
        "concat(`caf\u00e9`, 'price', \"Date\", 'it\\'s place')": "ypriceDateit's place",
        "price": "1.25",
        "get_json_object(nested, '$.id')": "3",
        "none": None,
        "gone": None,
        "cast(place as int)": None,
        "case when place like '9%' then 'ninth' end": "ninth",
    }
    text = '{"place": "9th", "file_number": "7", "Date": "2024-05-06", "a b": " x ", "caf\u00e9": "y", "price": 1.25,'
    text += ' "a`b": "z", "nested": {"id": 3}, "none": null}'
    fields = with_fields(raw_rows([text]), expressions)
    columns = [text_of(MappedColumn(sql)).alias(str(number)) for number, sql in enumerate(expressions)]
    [found] = fields.select("_row.*", *columns).collect()
    assert (found["file_number"], found["place"], found["is_malformed"]) == (1, 1, False)
    for number, (sql, expected) in enumerate(expressions.items()):
        assert found[str(number)] == expected, sql


def test_words_of_the_log_become_ours_and_others_stay(raw_rows):
    rows = with_fields(raw_rows([{"w": " pv "}, {"w": "gift"}, {"w": ""}, {}]), ["w"])
    found = rows.select(text_of(MappedColumn("w", values={"pv": "view", "buy": "purchase"})).alias("it")).collect()
    assert [row["it"] for row in found] == ["view", "gift", None, None]
