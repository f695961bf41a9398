"""What any real scoring server has to do, held against the one whose URL is given."""
