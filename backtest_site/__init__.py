"""Starts the program: settings, addresses, the embedded database and the two commands of the project's root."""
