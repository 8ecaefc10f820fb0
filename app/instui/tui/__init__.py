"""The terminal interface: screens that show the snapshots of a session. The only place that imports Textual."""
