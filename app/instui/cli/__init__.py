"""The command line: commands, options, signals, and the process that installs under the full screen."""
