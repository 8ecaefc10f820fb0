"""The shared store of unpacked wheels: entries, how they are acquired, and how they are pruned."""
