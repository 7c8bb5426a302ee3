"""Tables that applications make of profiles."""

from __future__ import annotations

import dataframely as dy


class AppsAudiences(dy.Schema):
    """apps.audiences: one row per user of a saved audience; ops.audiences says what was asked."""

    audience = dy.String(primary_key=True)
    user_id = dy.String(primary_key=True)
    as_of_date = dy.Date(nullable=False)  # of the profile
