"""The widgets that paint lines and tables, and the colours in which they do."""
