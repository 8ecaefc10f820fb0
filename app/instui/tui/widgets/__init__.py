"""The widgets that paint lines and tables, and their colours."""
