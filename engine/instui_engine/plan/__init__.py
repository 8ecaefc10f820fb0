"""The plan: destinations, claims, conflicts, removals and the order of commits, before anything is written."""
