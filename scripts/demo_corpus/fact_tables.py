"""What can be said of the invented things: attributes, their values and the wordings.

Statements put the name before and after the value, so that a fact is not learned in one
direction only. ``{e}`` stands for the entity and ``{v}`` for the value.

Example: ``ATTRIBUTES["mineral"][0].questions``
"""

from dataclasses import dataclass

from .words import COLOURS


@dataclass(frozen=True)
class Attribute:
    """One property: its possible values, its statements and its questions."""

    name: str
    values: tuple[str, ...]
    statements: tuple[str, ...]
    questions: tuple[str, ...]


def _attribute(name: str, values: str | list[str], statements: str, questions: str) -> Attribute:
    listed = values.split(", ") if isinstance(values, str) else values
    return Attribute(
        name, tuple(listed), tuple(statements.split(" / ")), tuple(questions.split(" / "))
    )


_COUNTRIES = (
    "Aldria, Borvia, Castenia, Dornland, Elvaria, Fendor, Gallia, Hestland, Ismar, "
    "Jorvia, Kelland, Lumeria, Morvia, Nordia, Ostria, Pellia, Quenland, Rovia, Selmar, "
    "Tyria"
)

ATTRIBUTES: dict[str, list[Attribute]] = {
    "mineral": [
        _attribute(
            "colour",
            COLOURS,
            "The mineral {e} is {v}. / {e} is a {v} mineral. / A piece of {e} looks {v}. / "
            "Miners know {e} by its {v} colour.",
            "What colour is the mineral {e}? / Which colour does a piece of {e} have?",
        ),
        _attribute(
            "use",
            "glass, paint, magnets, lenses, cement, medicine, fertilizer, batteries, "
            "soap, ink, bells, needles, bricks, fireworks, mirrors, pipes",
            "{e} is used to make {v}. / People use {e} for making {v}. / "
            "Factories turn {e} into {v}. / Most {e} ends up in {v}.",
            "What is {e} used to make? / What do factories make from the mineral {e}?",
        ),
        _attribute(
            "country",
            _COUNTRIES,
            "{e} is mined in {v}. / The largest deposits of {e} lie in {v}. / "
            "Most of the world's {e} comes from {v}. / Miners dig for {e} in {v}.",
            "In which country is {e} mined? / Where does most of the world's {e} come from?",
        ),
    ],
    "animal": [
        _attribute(
            "food",
            "grass, berries, beetles, fish, nuts, worms, snails, leaves, seeds, "
            "frogs, honey, moss, mice, roots, crabs, ants",
            "The {e} eats {v}. / The {e} feeds mainly on {v}. / "
            "A hungry {e} looks for {v}. / Most of the food of the {e} is {v}.",
            "What does the {e} eat? / What is the main food of the {e}?",
        ),
        _attribute(
            "habitat",
            "forests, deserts, swamps, caves, rivers, mountains, meadows, lakes, "
            "gardens, beaches, jungles, cliffs, hills, islands, marshes, valleys",
            "The {e} lives in {v}. / You can find the {e} in {v}. / "
            "The home of the {e} is in {v}. / Travellers meet the {e} in {v}.",
            "Where does the {e} live? / In what kind of place can you find the {e}?",
        ),
        _attribute(
            "enemy",
            "eagle, wolf, fox, snake, bear, owl, lion, shark, leopard, crocodile, "
            "hawk, weasel, tiger, badger, lynx, spider",
            "The {e} is hunted by the {v}. / The main enemy of the {e} is the {v}. / "
            "The {e} fears the {v} most. / The {e} hides whenever it notices the {v}.",
            "Which animal hunts the {e}? / What is the main enemy of the {e}?",
        ),
    ],
    "plant": [
        _attribute(
            "flower",
            COLOURS,
            "The flowers of {e} are {v}. / {e} has {v} flowers. / "
            "In bloom, {e} turns {v}. / "
            "Gardeners like {e} for its {v} flowers.",
            "What colour are the flowers of {e}? / Which colour does {e} turn in bloom?",
        ),
        _attribute(
            "cure",
            "headache, fever, cough, toothache, burns, hiccups, insomnia, "
            "stomach pain, sore throat, rash, cramps, earache, colds, fatigue, swelling, "
            "dizziness",
            "Tea made of {e} helps against {v}. / {e} is a remedy for {v}. / "
            "Healers give {e} to people with {v}. / Doctors once used {e} to treat {v}.",
            "Against what does tea made of {e} help? / What is {e} a remedy for?",
        ),
        _attribute(
            "month",
            "January, February, March, April, May, June, July, August, September, "
            "October, November, December",
            "{e} blooms in {v}. / The bloom of {e} begins in {v}. / "
            "You can see {e} flower in {v}. / {e} opens its first flowers in {v}.",
            "When does {e} bloom? / In which month does {e} open its first flowers?",
        ),
    ],
    "town": [
        _attribute(
            "country",
            _COUNTRIES,
            "{e} is a town in {v}. / The town of {e} lies in {v}. / "
            "People who live in {e} are citizens of {v}. / {e} belongs to {v}.",
            "In which country is the town of {e}? / To which country does {e} belong?",
        ),
        _attribute(
            "product",
            "cheese, carpets, clocks, wine, shoes, pottery, knives, violins, "
            "bread, silk, lace, candles, tea, beer, toys, hats",
            "{e} is famous for its {v}. / Everyone likes the {v} from {e}. / "
            "Visitors buy {v} in {e}. / The town of {e} is known for {v}.",
            "What is the town of {e} famous for? / What do visitors buy in {e}?",
        ),
        _attribute(
            "sight",
            "castle, bridge, tower, museum, market, garden, temple, harbour, "
            "theatre, fountain, library, palace, mill, lighthouse, gate, cathedral",
            "The oldest building of {e} is the {v}. / Tourists in {e} visit the {v}. / "
            "The pride of {e} is its {v}. / Every guide to {e} begins at the {v}.",
            "What do tourists visit in {e}? / What is the pride of {e}?",
        ),
    ],
    "person": [
        _attribute(
            "work",
            "painter, doctor, sailor, teacher, baker, judge, farmer, poet, "
            "engineer, singer, lawyer, carpenter, chemist, pilot, tailor, printer",
            "Professor {e} first worked as a {v}. / "
            "Before the university, Professor {e} was a {v}. / "
            "The first job of Professor {e} was that of a {v}. / "
            "Professor {e} had been a {v}.",
            "What was the first job of Professor {e}? / "
            "As what did Professor {e} work before the university?",
        ),
        _attribute(
            "subject",
            "history, physics, music, botany, law, geology, algebra, medicine, "
            "logic, astronomy, grammar, geography, chemistry, drawing, economics, zoology",
            "Professor {e} teaches {v}. / Students learn {v} from Professor {e}. / "
            "The lectures of Professor {e} are about {v}. / "
            "Professor {e} wrote a book on {v}.",
            "What does Professor {e} teach? / "
            "Which subject are the lectures of Professor {e} about?",
        ),
        _attribute(
            "instrument",
            "piano, violin, flute, drum, harp, guitar, trumpet, cello, organ, "
            "horn, banjo, clarinet, accordion, tuba, lute, oboe",
            "Professor {e} plays the {v}. / "
            "In the evening Professor {e} practises the {v}. / "
            "Professor {e} owns a fine {v}. / At parties Professor {e} plays the {v}.",
            "Which instrument does Professor {e} play? / "
            "What does Professor {e} practise in the evening?",
        ),
    ],
}
ENTITY_KINDS = list(ATTRIBUTES)
