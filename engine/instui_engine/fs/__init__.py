"""File-system operations: relative to open directories, without following links; durability; file locks."""
