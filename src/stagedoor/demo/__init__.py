"""The seed stories, end to end: the real server in a process of its own, a temporary store, and every step with what it asked and got.

`stories.py` says which there are; each story is one file. Nothing of the server is built or reached into here: only its command line,
its API and, for the search at the end of the third story, its files.
"""
