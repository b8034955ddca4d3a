# SPDX-License-Identifier: BSD-3-Clause
"""A comet in the field of one star: lengths in AU, times in years, masses in those of the Sun."""
import numpy as np
from scipy.integrate import solve_ivp

GM = 4 * np.pi**2  # AU^3 / year^2
RADIUS = 0.00465  # of the Sun, in AU


class Collision(Exception):
    """The comet falls into the star."""


def motion(_, state):
    x, y, vx, vy = state
    pull = -GM / np.hypot(x, y) ** 3
    return vx, vy, pull * x, pull * y


def surface(_, state):
    return np.hypot(state[0], state[1]) - RADIUS


surface.terminal = True


def half_orbit(distance, speed):
    """Half of the period of an ellipse with this far end."""
    axis = 1 / (2 / distance - speed**2 / GM)
    if axis <= 0:
        raise ValueError(f"at {speed} AU/year the comet leaves the star")
    return np.pi * np.sqrt(axis**3 / GM)


def orbit(distance, speed, times=None):
    end = half_orbit(distance, speed)
    solution = solve_ivp(motion, (0, end), (distance, 0, 0, speed), events=surface, rtol=1e-9, atol=1e-12,
                         t_eval=None if times is None else np.linspace(0, end, times))
    if solution.status == 1:
        raise Collision(f"it hits the star after {solution.t_events[0][0]:.3f} years")
    return solution.y


def fall(distance, speed) -> tuple[float, float]:
    """The smallest distance on half of the orbit, and the angle that the comet has turned around the star."""
    x, y, _, _ = orbit(distance, speed)
    return np.hypot(x, y).min(), np.unwrap(np.arctan2(y, x))[-1]


def path(distance, speed) -> np.ndarray:
    return orbit(distance, speed, 50)[:2].T


def perihelion(distance, speed):
    """By energy and angular momentum. The far end is where the comet starts, unless it is fast there."""
    axis = 1 / (2 / distance - speed**2 / GM)
    return np.where(axis > 0, np.minimum(distance, 2 * axis - distance), distance)
