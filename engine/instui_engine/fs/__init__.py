"""File-system operations: below open directories, without following links, durable, and locked."""
