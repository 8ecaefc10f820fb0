"""Text as plain data, before anything is painted: pieces with a meaning, symbols, columns. No Textual in here."""
