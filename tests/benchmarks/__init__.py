"""Figures, as ratios against something measured in the same run. `python -m tests.benchmarks` prints them as JSON.

They are no tests: machines are shared and noisy. Quote medians.
"""
