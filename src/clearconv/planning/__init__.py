"""A look at the data and at the run ahead: what is in it, how long it takes, how much memory."""

from clearconv.planning.forecaster import Forecast, forecast
from clearconv.planning.planner import Plan, plan, plan_of
from clearconv.planning.surveyor import Survey, survey

__all__ = ["Forecast", "Plan", "Survey", "forecast", "plan", "plan_of", "survey"]
