"""Texts that hold a document, JSON or YAML: read into plain values, with the line of each of them."""
