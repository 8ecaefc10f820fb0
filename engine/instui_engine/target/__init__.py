"""The target: its interpreter, the environment with its schemes, and what is installed there."""
