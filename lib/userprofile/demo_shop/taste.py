"""How much an item draws a user, and which item a user picks in a leaf."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from userprofile.demo_shop.catalogue import Catalogue
from userprofile.demo_shop.draws import Floats, Ints, Lottery
from userprofile.demo_shop.population import PRICE_SENSITIVITIES, Population
from userprofile.demo_shop.taxonomy import COLOURS, LEAVES, STYLES

STYLE_PULL = 1.0
COLOUR_PULL = 0.7


def attractions(catalogue: Catalogue) -> Floats:
    """[tastes, items] for each price level, style and colour."""
    style = STYLE_PULL * (np.arange(len(STYLES))[:, None] == catalogue.style)
    colour = COLOUR_PULL * (np.arange(len(COLOURS))[:, None] == catalogue.colour)
    price = -PRICE_SENSITIVITIES[:, None] * catalogue.dearness
    return (price[:, None, None] + style[None, :, None] + colour[None, None]).reshape(-1, len(catalogue.leaf))


@dataclass(frozen=True)
class Taste:
    """attraction = style pull where the styles agree + colour pull where the colours do - sensitivity x dearness."""

    people: Population
    catalogue: Catalogue
    picks: Lottery  # one group for each (price level, style, colour, leaf)

    @classmethod
    def of(cls, people: Population, catalogue: Catalogue) -> Taste:
        """Tabulate the chance of each item, popularity x exp(attraction), for each taste there is."""
        weights = np.exp(attractions(catalogue)) * catalogue.popularity
        return cls(people, catalogue, Lottery.of(weights.ravel(), np.tile(catalogue.leaf_sizes, len(weights))))

    def attraction(self, user: Ints, item: Ints) -> Floats:
        """Logit by which this item draws this user more than a plain one of its leaf."""
        people, catalogue = self.people, self.catalogue
        same_style = people.style[user] == catalogue.style[item]
        same_colour = people.colour[user] == catalogue.colour[item]
        sensitivity = PRICE_SENSITIVITIES[people.price_level[user]]
        return STYLE_PULL * same_style + COLOUR_PULL * same_colour - sensitivity * catalogue.dearness[item]

    def pick(self, user: Ints, leaf: Ints, uniform: Floats) -> Ints:
        """The item of the leaf that `uniform` names for a user of this taste."""
        return self.picks.draw(taste_of(self.people)[user] * len(LEAVES) + leaf, uniform) % len(self.catalogue.leaf)


def taste_of(people: Population) -> Ints:
    """[users] the place of a user's taste among attractions."""
    return (people.price_level * len(STYLES) + people.style) * len(COLOURS) + people.colour
