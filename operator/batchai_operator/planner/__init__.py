"""Decides what is to be done, as pure functions: facts in, plan out.

The engine gathers the facts, carries out the plan and calls again. Nothing here reads a clock, does
I/O, logs or draws lots, and equal facts give equal plans; so a restart of the operator at any point
changes nothing, and a second pass over unchanged facts has nothing to do.
"""
