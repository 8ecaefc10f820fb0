"""The widgets that paint rows and lines, and the pieces of text that they paint."""
