"""The concrete stores; only the composition root names one."""
