"""The command line: commands, options, and the process of an install under the full screen."""
