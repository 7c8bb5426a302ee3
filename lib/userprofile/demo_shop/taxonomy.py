"""The words of the shop: its category tree, colours, shapes, styles and brands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Leaf:
    """The lowest level of the category tree; `price` is the typical one in major units."""

    department: str
    category: str
    subcategory: str
    noun: str
    synonym: str
    price: float


# Inside a department the order is the cycle of follow-up interest: who looked for one leaf is often next seen at the
# one below it. Every department has equally many leaves.
LEAVES: tuple[Leaf, ...] = (
    Leaf("Fashion", "Clothing", "Shirts", "shirt", "top", 25),
    Leaf("Fashion", "Clothing", "Trousers", "trousers", "pants", 45),
    Leaf("Fashion", "Clothing", "Jackets", "jacket", "coat", 90),
    Leaf("Fashion", "Shoes", "Boots", "boots", "ankle boots", 110),
    Leaf("Fashion", "Shoes", "Sneakers", "sneakers", "trainers", 75),
    Leaf("Fashion", "Shoes", "Sandals", "sandals", "flip flops", 30),
    Leaf("Home", "Furniture", "Tables", "table", "desk", 180),
    Leaf("Home", "Furniture", "Chairs", "chair", "stool", 85),
    Leaf("Home", "Furniture", "Shelves", "shelf", "bookcase", 70),
    Leaf("Home", "Kitchen", "Kettles", "kettle", "water boiler", 40),
    Leaf("Home", "Kitchen", "Mugs", "mug", "cup", 9),
    Leaf("Home", "Kitchen", "Pans", "pan", "skillet", 35),
    Leaf("Electronics", "Phones", "Smartphones", "smartphone", "mobile phone", 420),
    Leaf("Electronics", "Phones", "Cases", "phone case", "phone cover", 15),
    Leaf("Electronics", "Phones", "Chargers", "charger", "power adapter", 20),
    Leaf("Electronics", "Audio", "Headphones", "headphones", "earphones", 95),
    Leaf("Electronics", "Audio", "Speakers", "speaker", "soundbox", 80),
    Leaf("Electronics", "Audio", "Radios", "radio", "tuner", 55),
    Leaf("Sports", "Fitness", "Mats", "yoga mat", "exercise mat", 22),
    Leaf("Sports", "Fitness", "Dumbbells", "dumbbell", "hand weight", 28),
    Leaf("Sports", "Fitness", "Bottles", "water bottle", "flask", 12),
    Leaf("Sports", "Outdoor", "Tents", "tent", "shelter", 150),
    Leaf("Sports", "Outdoor", "Sleeping bags", "sleeping bag", "bivouac bag", 65),
    Leaf("Sports", "Outdoor", "Rucksacks", "rucksack", "backpack", 60),
    Leaf("Beauty", "Skin", "Cleansers", "cleanser", "face wash", 11),
    Leaf("Beauty", "Skin", "Creams", "cream", "moisturiser", 18),
    Leaf("Beauty", "Skin", "Sunscreens", "sunscreen", "sun lotion", 14),
    Leaf("Beauty", "Hair", "Shampoos", "shampoo", "hair wash", 7),
    Leaf("Beauty", "Hair", "Conditioners", "conditioner", "hair balm", 8),
    Leaf("Beauty", "Hair", "Brushes", "hairbrush", "comb", 10),
    Leaf("Toys", "Building", "Blocks", "building blocks", "bricks", 32),
    Leaf("Toys", "Building", "Trains", "toy train", "locomotive", 48),
    Leaf("Toys", "Building", "Vehicles", "toy car", "toy truck", 16),
    Leaf("Toys", "Play", "Puzzles", "puzzle", "jigsaw", 13),
    Leaf("Toys", "Play", "Board games", "board game", "family game", 27),
    Leaf("Toys", "Play", "Dolls", "doll", "puppet", 24),
)
DEPARTMENTS: tuple[str, ...] = tuple(dict.fromkeys(leaf.department for leaf in LEAVES))
PER_DEPARTMENT = len(LEAVES) // len(DEPARTMENTS)

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (205, 35, 40),
    "orange": (240, 135, 25),
    "yellow": (235, 215, 45),
    "green": (45, 150, 70),
    "blue": (40, 85, 190),
    "purple": (125, 55, 155),
}
SHAPES: tuple[str, ...] = ("circle", "square", "triangle", "stripe", "cross")
STYLES: dict[str, tuple[str, str, str]] = {
    "minimal": ("simple", "clean", "understated"),
    "rustic": ("rustic", "rough", "country"),
    "sporty": ("sporty", "dynamic", "athletic"),
    "vintage": ("vintage", "retro", "nostalgic"),
    "elegant": ("elegant", "refined", "graceful"),
}
# Brands belong to a department; a brand's place in its row sets its price level, cheap to dear.
BRANDS: tuple[tuple[str, ...], ...] = (
    ("Bastro", "Fennoway", "Lindell", "Marquay", "Oravelle"),
    ("Casaro", "Holmwick", "Norvane", "Tessaly", "Verdano"),
    ("Amptek", "Corvex", "Lumaro", "Sonique", "Zenvolt"),
    ("Altipas", "Corrado", "Fjellgo", "Stridex", "Vantor"),
    ("Balmea", "Dermello", "Florisse", "Nuvela", "Sérenne"),
    ("Bimbolo", "Kastani", "Ludovo", "Pimpern", "Wunderby"),
)
BRANDS_PER_DEPARTMENT = len(BRANDS[0])


def follow_up(leaf: NDArray[np.int64], steps: NDArray[np.int64]) -> NDArray[np.int64]:
    """The leaf that many steps further along the cycle of its department."""
    return leaf // PER_DEPARTMENT * PER_DEPARTMENT + (leaf % PER_DEPARTMENT + steps) % PER_DEPARTMENT
