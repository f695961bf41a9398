"""The read model: tables that pages search and count in, derived from the bodies of events.

Nothing here is evidence. Every table is filled by a projection, which follows the leaves of the
tree, and can be cleared and filled anew at any time (`lamo-cds audit reindex`).
"""
