from __future__ import annotations


def test_purchase_agrees_with_plain_python(agrees):
    agrees("label_purchase", lambda bought: int(len(bought) > 0))
