"""From the Markdown of docs/ to a static site: Markdown, formulas and source files as HTML."""
