"""Names the mistake in a learner's own forward or backward pass.

The code runs in a process of its own on cases where mistakes cannot hide; what comes out is
compared with the truth and with a catalogue of executable mistakes.
"""
