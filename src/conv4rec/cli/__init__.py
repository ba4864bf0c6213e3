"""One service behind every door: the command line, later the web."""
