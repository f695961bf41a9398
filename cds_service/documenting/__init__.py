"""The parts of the documents that are made from the program itself.

    python -m cds_service.documenting docs

writes them anew, each between two marks of its page; a test holds the pages to them.
"""
