"""A first-order lag for PythonFMU, by explicit Euler: y += h (u - y) / T."""
from pythonfmu import Fmi2Causality, Fmi2Slave, Fmi2Variability, Real


class Lag(Fmi2Slave):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.u = 1.0
        self.y = 0.0
        self.T = 2.0
        self.register_variable(Real("u", causality=Fmi2Causality.input))
        self.register_variable(Real("y", causality=Fmi2Causality.output))
        self.register_variable(
            Real("T", causality=Fmi2Causality.parameter, variability=Fmi2Variability.tunable)
        )

    def do_step(self, current_time, step_size):
        self.y += step_size * (self.u - self.y) / self.T
        return True
