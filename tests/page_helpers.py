"""A page as its elements and texts, for tests."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

INLINE = {"a", "b", "code", "i", "span", "strong"}
VOID = {"meta", "br", "img", "link", "input", "hr"}


@dataclass
class Element:
    """An element of a page."""

    tag: str
    attributes: dict[str, str | None]
    text: str = ""  # with that of the elements inside
    inside: list["Element"] = field(default_factory=list)  # at any depth


class Page(HTMLParser):
    """The elements of a page in their order; fails where tags do not match."""

    def __init__(self, text: str):
        super().__init__()
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attributes):
        element = Element(tag, dict(attributes))
        assert len(element.attributes) == len(attributes), f"an attribute of {tag} comes twice"
        for outer in self._open:
            outer.inside.append(element)
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag, attributes):  # of SVG
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag):
        assert self._open.pop().tag == tag
        if tag not in INLINE:
            self.handle_data(" ")

    def handle_data(self, data):
        for outer in self._open:
            outer.text += data

    def all(self, *tags: str) -> list[Element]:
        """Return the elements of some kinds."""
        return [element for element in self.elements if element.tag in tags]

    def values(self, *names: str) -> list[str]:
        """Return the values of some attributes."""
        found = [element.attributes.get(name) for element in self.elements for name in names]
        return [value for value in found if value is not None]

    def words(self, tag: str) -> list[str]:
        """Return the texts of the elements of a kind, with single spaces."""
        return [" ".join(element.text.split()) for element in self.all(tag)]
