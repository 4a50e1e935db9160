"""Starts, stops and asks the whole line: used by deploy/demo and by the end-to-end tests. Standard library only."""
