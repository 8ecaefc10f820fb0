"""What a session took, and why: read from its snapshots, told in words."""
