"""The documentation site: pages of plain HTML, Markdown beside them, all derived from the table and from docs/."""
