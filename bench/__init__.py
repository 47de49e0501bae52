"""Measurements of the exporter beside its peers on the same real servers, in the same run.

Nothing in the product imports this. A machine's noise hits all alike when they take turns, so ratios travel from
one machine to another and absolute times do not: every goal that can be a ratio is one.
"""
