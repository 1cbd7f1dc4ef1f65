"""A simulated Portmaster core for tests: started, moved, asked what it saw, stopped."""

from .simulator import Simulator, SimulatorError, find_binary

__all__ = ["Simulator", "SimulatorError", "find_binary"]
