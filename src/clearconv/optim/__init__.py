"""Optimisers over the flat parameter array, and learning-rate schedules."""

from clearconv.optim.optimisers import SGD, Adam, AdamW, Optimiser
from clearconv.optim.schedules import SCHEDULES, Schedule, schedule

__all__ = ["SCHEDULES", "SGD", "Adam", "AdamW", "Optimiser", "Schedule", "schedule"]
