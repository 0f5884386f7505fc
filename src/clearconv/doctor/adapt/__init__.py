"""Run a learner's layer as it is: its arguments, its layout, its results. Works in the child."""
