"""A file run in several engines, each in a process of its own, and what they answered."""
