"""The list of all pages of docs/."""

from hydrobit.publish.site.fields import heading
from hydrobit.publish.site.markup import Html, element, joined
from hydrobit.publish.site.prose import Library

__all__ = ["main"]


def main(library: Library) -> Html:
    """Every group with its pages and what they begin with."""
    groups = [
        joined(
            [
                heading(2, title, pages[0].group or "changes"),
                element(
                    "ul",
                    *(
                        element("li", element("a", page.title, href=page.address), element("p", page.first_words))
                        for page in pages
                    ),
                    class_="guides",
                ),
            ]
        )
        for title, pages in library.groups().items()
    ]
    return element("article", element("p", "Guides", class_="eyebrow"), element("h1", "Guides"), *groups, class_="text")
