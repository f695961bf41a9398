"""How one decision is laid out on its page: pure, from the stored event to what templates print.

Everything in an event comes from outside, and older events lack what newer ones have: nothing is
relied on but that it is JSON.
"""
