from __future__ import annotations


def test_spend_agrees_with_plain_python(agrees):
    agrees("label_spend", lambda bought: sum(event["amount"] or 0 for event in bought))
