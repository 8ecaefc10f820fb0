"""Files that wheels take from each other: which they are, what is in them, and how the two contents differ."""
