"""A look at the data and the run ahead: contents of the data, time and memory of the run."""

from clearconv.planning.forecaster import Forecast, forecast
from clearconv.planning.planner import Plan, plan, plan_of
from clearconv.planning.surveyor import Survey, survey

__all__ = ["Forecast", "Plan", "Survey", "forecast", "plan", "plan_of", "survey"]
